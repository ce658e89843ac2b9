"""Signals of the command: they end it before it is loaded, and later they are remembered.

Loaded before all else, so it imports little: Python's own handlers hold until it is.
"""

import os
import signal

TYPE_CHECKING = False  # typing takes longer to load than this module.
if TYPE_CHECKING:
    from types import FrameType

ENDING = tuple(
    getattr(signal, name)
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK")
    # Windows lacks SIGHUP, other systems lack SIGBREAK.
    if hasattr(signal, name)
)
"""Signals that would kill the process, beside SIGINT."""
ENDED_BY_SIGNAL = 128
"""Shells add this to the number of the signal that ended a command."""

came: list[signal.Signals] = []
"""The signals that the loaded command was sent, in order; always empty in a program that uses the library.

Python drops an exception that a handler raises in a callback of a weak reference, in `__del__` and while it collects
garbage. So a handler also adds the signal here, and what goes on after it looks here.
"""


def require_no_signal(*, after: int = 0) -> None:
    """Raise `KeyboardInterrupt` if more signals came than were noticed."""
    if len(came) > after:
        raise KeyboardInterrupt


def leave(number: int, _: "FrameType | None") -> None:
    """End the process at once, with the exit code that goes with a signal."""
    # An exception would be raised inside an import, where a library may catch it.
    by = "" if number == signal.SIGINT else f" by {signal.Signals(number).name}"
    try:  # noqa: SIM105  # contextlib is not loaded yet.
        os.write(2, f"interrupted{by}: nothing was done\n".encode())
    except OSError:
        pass
    os._exit(ENDED_BY_SIGNAL + number)


def leave_at_signals() -> None:
    """Let signals end the process by `leave` until the command has handlers of its own. Ignored ones stay ignored."""
    for number in (signal.SIGINT, *ENDING):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            try:
                signal.signal(number, leave)
            except ValueError:
                # Only the main thread may set handlers.
                return
