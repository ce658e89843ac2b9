"""How a command ends: one-line errors, and the exit code that goes with each."""

import math
import os
import re
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import IntEnum
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import Final

import typer

from events_pandas.cli.output import say
from events_pandas.cli.printout import Printout
from events_pandas.errors import (
    AuthenticationError,
    EventsPandasError,
    InvalidRowsError,
    MappingError,
    RunUnderWayError,
    SubmissionError,
    Worded,
)
from events_pandas.starting import ENDED_BY_SIGNAL, ENDING, came, leave, require_no_signal
from events_pandas.words import counted, escaped

REPEAT_SECONDS: Final = 1.0
"""A signal this soon after another is a repetition: `timeout` signals a process, and then its group."""


class ExitCode(IntEnum):
    """How a command ends, for a scheduler."""

    DONE = 0
    ROWS_LEFT = 1
    NOTHING_SENT = 2
    ENDED_EARLY = 3
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


EXIT_CODES: Final[Mapping[ExitCode, str]] = MappingProxyType(
    {
        ExitCode.DONE: "all rows are in Intercom; of a check: no row is invalid",
        ExitCode.ROWS_LEFT: "the run is complete, and some rows are invalid, rejected or unknown",
        ExitCode.NOTHING_SENT: "an option, the mapping, a file or the token is wrong: nothing was sent",
        ExitCode.ENDED_EARLY: "the run ended early: start it again",
        ExitCode.INTERRUPTED: "interrupted by Ctrl-C",
        ExitCode.TERMINATED: "ended by SIGTERM",
        ExitCode.HUNG_UP: "ended by SIGHUP",
    }
)
"""What each exit code means, as `--help` says it."""

DEBUG_VARIABLE: Final = "EVENTS_PANDAS_DEBUG"
"""The environment variable that asks for the traceback of an error."""
_PACKAGE: Final = Path(__file__).parents[1]
_EXPECTED: Final = (EventsPandasError, ImportError, OSError, ValueError)


def exit_code_of(error: Exception, *, has_sent: bool) -> ExitCode:
    """Return the exit code that goes with an error; `has_sent` says that events went out before it."""
    if isinstance(error, InvalidRowsError) and not has_sent:
        return ExitCode.ROWS_LEFT
    if isinstance(error, RunUnderWayError):
        return ExitCode.ENDED_EARLY
    if has_sent or (isinstance(error, SubmissionError) and not isinstance(error, AuthenticationError)):
        return ExitCode.ENDED_EARLY
    return ExitCode.NOTHING_SENT


@contextmanager
def exit_codes(printout: Printout | None = None) -> Iterator[None]:
    """Print a line on stderr for each fault of an error, and exit with its code; after a signal with the signal's."""
    printout = printout or Printout()
    with ending_signals() as signals:
        try:
            yield
            # It may have gone by unnoticed.
            require_no_signal()
        except (typer.Exit, typer.BadParameter):
            raise
        except (KeyboardInterrupt, typer.Abort) as error:
            # Another interrupt at this moment changes nothing.
            with suppress(KeyboardInterrupt):
                _tell_interrupt(printout, error, _interrupted(signals))
            raise typer.Exit(_code(signals, otherwise=ExitCode.INTERRUPTED)) from error
        except Exception as error:
            if os.environ.get(DEBUG_VARIABLE):
                say("".join(traceback.format_exception(error)).rstrip(), is_error=True)
            for fault in _faults(error):
                printout.fail(fault)
            code = exit_code_of(error, has_sent=printout.has_sent)
            # A signal may have come while the run ended by an error.
            raise typer.Exit(_code(signals, otherwise=code)) from error


@contextmanager
def named_by_options(flags: Mapping[str, str]) -> Iterator[None]:
    """Name an option in the place of the argument that an error begins with; `flags` has the option of each."""
    try:
        yield
    except ValueError as error:
        name = re.match(r"\w*", str(error))
        if isinstance(error, Worded) or name is None or name[0] not in flags:
            raise
        raise ValueError(f"{flags[name[0]]}{str(error)[name.end() :]}") from error


def _code(signals: Sequence[int], *, otherwise: int) -> int:
    return ENDED_BY_SIGNAL + signals[0] if signals else otherwise


def _interrupted(signals: Sequence[signal.Signals]) -> str:
    """Say what ended the command; Ctrl-C, and the end of the input at a question, need no name."""
    is_named = bool(signals) and signals[0] != signal.SIGINT
    return f"interrupted by {signals[0].name}" if is_named else "interrupted"


def _tell_interrupt(printout: Printout, error: BaseException, what: str) -> None:
    why = str(error) or _sent_words(printout)
    line = f"{what}: {why}" if why else what
    say(line, is_error=True)
    printout.errors.append(line)
    for note in notes(error):
        printout.fail(note)


def _sent_words(printout: Printout) -> str:
    """Say what `submit` has sent before an interrupt that does not say it; other commands send nothing."""
    if printout.command != "submit":
        return ""
    if not printout.has_sent:
        return "nothing was sent"
    statuses = printout.facts.get("statuses")
    return "events were sent" if statuses is None else f"{counted(statuses['accepted'], 'event')} accepted"


def _faults(error: Exception) -> tuple[str, ...]:
    if isinstance(error, MappingError):
        return error.faults_in_commands()
    if isinstance(error, InvalidRowsError):
        rows = counted(error.invalid, "row is", "rows are")
        cure = "to list them, run `events-pandas check` with the same files and mapping, and --problems problems.csv"
        return (f"{rows} invalid, and nothing was sent: {cure}",)
    lines = [_line(error)] if isinstance(error, _EXPECTED) else []
    # A command runs no code of its user: an unexpected error that ended a run is a fault of this package.
    fault = error.__cause__ if isinstance(error, SubmissionError) else error
    if isinstance(fault, Exception) and not isinstance(fault, _EXPECTED):
        # Not its text, which may quote a row.
        what = f"unexpected {type(fault).__name__} in {_place(fault)}"
        lines.append(f"{what}: report this line; {DEBUG_VARIABLE}=1 prints the traceback, which may show rows")
    return (*lines, *notes(error))


def _line(error: Exception) -> str:
    if isinstance(error, Worded):
        return error.in_commands()
    if isinstance(error, OSError) and error.strerror:
        # Without the number, which says nothing to an analyst.
        where = f"{escaped(error.filename)}: " if error.filename else ""
        return where + escaped(error.strerror)
    return escaped(error)


def _place(error: Exception) -> str:
    """Return the line of this package at which an error arose."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    return f"{Path(own[-1].filename).relative_to(_PACKAGE.parent).as_posix()}:{own[-1].lineno}" if own else "a library"


def notes(error: BaseException) -> tuple[str, ...]:
    """Return the notes that were added to an error."""
    return tuple(map(escaped, getattr(error, "__notes__", ())))


@contextmanager
def ending_signals(clock: Callable[[], float] = time.monotonic) -> Iterator[Sequence[signal.Signals]]:
    """Turn signals that would kill the process into interrupts; yield the signals that came, `starting.came`.

    A signal that is ignored stays ignored, as under `nohup`, and one with a handler keeps it.
    """
    last_at = -math.inf

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal last_at
        # A second Ctrl-C is one more, however soon it comes.
        if number != signal.SIGINT:
            if clock() - last_at < REPEAT_SECONDS:
                return
            last_at = clock()
        came.append(signal.Signals(number))
        signal.default_int_handler(number, frame)

    # Only the main thread may set handlers; a command that is called in another thread leaves signals alone.
    is_main = threading.current_thread() is threading.main_thread()
    otherwise: dict[signal.Signals, Callable[[int, FrameType | None], object] | signal.Handlers]
    otherwise = {signal.SIGINT: signal.default_int_handler, **dict.fromkeys(ENDING, signal.SIG_DFL)}
    taken = [number for number, kept in otherwise.items() if is_main and signal.getsignal(number) in (kept, leave)]
    for number in taken:
        signal.signal(number, interrupt)
    try:
        yield came
    finally:
        for number in taken:
            signal.signal(number, otherwise[number])
        came.clear()
