"""Signals in the first second of the command, before it is loaded: nothing was done, so the process just leaves."""

import os
import signal
from contextlib import suppress
from threading import current_thread, main_thread
from types import FrameType
from typing import Final

ENDING: Final = tuple(
    getattr(signal, name)
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK")
    # Windows lacks SIGHUP, other systems lack SIGBREAK.
    if hasattr(signal, name)
)
"""Signals that would kill the process, beside SIGINT."""
ENDED_BY_SIGNAL: Final = 128
"""Shells add this to the number of the signal that ended a command."""


def leave(number: int, _: FrameType | None) -> None:
    """End the process at once, with the exit code that goes with a signal."""
    # An exception would be raised inside an import, where a library may catch it.
    by = "" if number == signal.SIGINT else f" by {signal.Signals(number).name}"
    with suppress(OSError):
        os.write(2, f"interrupted{by}\n".encode())
    os._exit(ENDED_BY_SIGNAL + number)


def leave_at_signals() -> None:
    """Let signals end the process by `leave` until the command has handlers of its own. Ignored ones stay ignored."""
    if current_thread() is not main_thread():
        return
    for number in (signal.SIGINT, *ENDING):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, leave)
