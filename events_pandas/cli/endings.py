"""How a command ends: one-line errors, and the exit code that goes with each."""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final

import typer

from events_pandas.cli.output import say
from events_pandas.errors import (
    AuthenticationError,
    CredentialsError,
    EventsPandasError,
    InvalidRowsError,
    JournalError,
    MappingError,
    RunUnderWayError,
    SourceError,
    SubmissionInterrupted,
    Worded,
)
from events_pandas.run.log import RunLog
from events_pandas.words import counted, escaped

ENDING: Final = tuple(
    getattr(signal, name)
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK")
    # Windows lacks SIGHUP, other systems lack SIGBREAK.
    if hasattr(signal, name)
)
REPEAT_SECONDS: Final = 1.0
"""A signal this soon after another is a repetition: `timeout` signals a process, and then its group."""

INCOMPLETE, UNUSABLE, ENDED_EARLY, INTERRUPTED = 1, 2, 3, 130
ENDED_BY_SIGNAL = 128
"""Shells add this to the number of the signal that ended a command."""
UNUSABLE_ERRORS = (MappingError, SourceError, CredentialsError, JournalError, AuthenticationError)


@contextmanager
def exit_codes() -> Iterator[None]:
    """Print a line on stderr for each fault of an error, and exit with its code."""
    with ending_signals() as signals:
        try:
            yield
        except (EventsPandasError, ImportError, OSError, ValueError) as error:
            for fault in _faults(error):
                say(f"error: {fault}", is_error=True)
            is_unusable = isinstance(error, UNUSABLE_ERRORS) or not isinstance(error, EventsPandasError)
            # A signal may have come while the run ended by an error.
            code = UNUSABLE if is_unusable else INCOMPLETE
            if isinstance(error, RunUnderWayError):
                code = ENDED_EARLY
            raise typer.Exit(_code(signals, otherwise=code)) from error
        except KeyboardInterrupt as error:
            # Another interrupt at this moment changes nothing.
            with suppress(KeyboardInterrupt):
                _tell_interrupt(error, f"interrupted by {signals[0].name}" if signals else "interrupted")
            raise typer.Exit(_code(signals, otherwise=INTERRUPTED)) from error


@contextmanager
def logged_exit(path: Path | None) -> Iterator[None]:
    """Write the exit code of a command to a log, if there is one."""
    with exit_codes():
        # The run has said it already if the log cannot be written.
        log = RunLog(path, warn=bool)
    try:
        yield
    except typer.Exit as error:
        log.exit(error.exit_code, error.__cause__)
        raise
    log.exit(0, None)


def _code(signals: Sequence[int], *, otherwise: int) -> int:
    return ENDED_BY_SIGNAL + signals[0] if signals else otherwise


def _tell_interrupt(error: KeyboardInterrupt, what: str) -> None:
    say(f"{what}: {error}" if isinstance(error, SubmissionInterrupted) else what, is_error=True)
    for note in notes(error):
        say(f"error: {note}", is_error=True)


def _faults(error: Exception) -> tuple[str, ...]:
    if isinstance(error, MappingError):
        return error.faults
    if isinstance(error, InvalidRowsError):
        rows = counted(error.invalid, "row is", "rows are")
        return (f"{rows} invalid, and nothing was sent: see `events-pandas check --problems`",)
    if isinstance(error, Worded):
        return (error.in_commands(), *notes(error))
    return (str(error) if isinstance(error, EventsPandasError) else escaped(error), *notes(error))


def notes(error: BaseException) -> tuple[str, ...]:
    """Return the notes that were added to an error."""
    return tuple(map(escaped, getattr(error, "__notes__", ())))


@contextmanager
def ending_signals(clock: Callable[[], float] = time.monotonic) -> Iterator[list[signal.Signals]]:
    """Turn signals that would kill the process into interrupts; yield the signals that came.

    A signal that is ignored stays ignored, as under `nohup`, and one with a handler keeps it.
    """
    came: list[signal.Signals] = []
    last_at = -math.inf

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal last_at
        if clock() - last_at >= REPEAT_SECONDS:
            last_at = clock()
            came.append(signal.Signals(number))
            signal.default_int_handler(number, frame)

    # Only the main thread may set handlers; a command that is called in another thread leaves signals alone.
    is_main = threading.current_thread() is threading.main_thread()
    taken = [number for number in ENDING if is_main and signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, interrupt)
    try:
        yield came
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
