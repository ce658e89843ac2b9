"""Signals that end a command as Ctrl-C does: what was done is written, and the exit code names the signal."""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

ENDING: Final = tuple(
    getattr(signal, name)
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK")
    # Windows lacks some of them, and other systems the last.
    if hasattr(signal, name)
)
REPEAT_SECONDS: Final = 1.0
"""A signal that comes so soon after another repeats it: `timeout` signals a process, and then its group."""


@contextmanager
def ending_signals(clock: Callable[[], float] = time.monotonic) -> Iterator[list[signal.Signals]]:
    """Make interrupts of the signals that would kill; yield the signals that came.

    A signal that is ignored stays so, as `nohup` has it, and one that has a handler keeps it.
    """
    came: list[signal.Signals] = []
    last_at = -math.inf

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal last_at
        if clock() - last_at >= REPEAT_SECONDS:
            last_at = clock()
            came.append(signal.Signals(number))
            signal.default_int_handler(number, frame)

    # Only the main thread may say what becomes of signals; a command that is called in another one leaves them alone.
    is_main = threading.current_thread() is threading.main_thread()
    taken = [number for number in ENDING if is_main and signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, interrupt)
    try:
        yield came
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
