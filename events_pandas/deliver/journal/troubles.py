"""What can be wrong with a journal, in words: a `JournalError` replaces each exception of SQLite and of the system."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from events_pandas.errors import JournalError
from events_pandas.filesystem import error_code, error_kind, place_of, refuses_locks
from events_pandas.wording import Setting, Words

BUSY_SECONDS: Final = 10
"""How long to wait for another program's lock: SQLite waits, and Ctrl-C does not end that."""

BEGIN_ANEW: Final = (
    "it was not changed; to begin a new journal, move it away or use another path, or ",
    Setting.NO_JOURNAL,
    (
        ". Then earlier runs are not known, and every row is sent again: Intercom ignores an event that it has, "
        "but not one that now has another second"
    ),
)
_OR_WITHOUT: Final = (" ", Setting.JOURNAL, ", or ", Setting.NO_JOURNAL, " for no journal")
GO_ELSEWHERE: Final = ("use a path that can be written", *_OR_WITHOUT)
GO_TO_LOCAL_DISK: Final = ("use a path on a local disk", *_OR_WITHOUT)
_MAKE_ROOM = "free some space, then run again: recorded events are kept, and are not sent twice"
_WAIT = "wait until the other run, or the program that copies the file, has ended, then run again"
_LOOK_AT_DISK: Final = (
    "check the disk, then run again: recorded events are kept; if this happens again, ",
    *GO_TO_LOCAL_DISK,
)

_TROUBLES: dict[int | None, tuple[str, Words]] = {
    sqlite3.SQLITE_NOTADB: ("this file is not a journal", BEGIN_ANEW),
    sqlite3.SQLITE_CORRUPT: ("the journal is damaged", BEGIN_ANEW),
    # A table or a column is missing, or a text is not UTF-8.
    sqlite3.SQLITE_ERROR: ("the journal is damaged", BEGIN_ANEW),
    sqlite3.SQLITE_FULL: ("the disk is full, or the file may not grow", _MAKE_ROOM),
    sqlite3.SQLITE_BUSY: ("another program keeps the journal locked", _WAIT),
    sqlite3.SQLITE_TOOBIG: ("the journal was asked for too much at once", "submit fewer rows at a time"),
    sqlite3.SQLITE_READONLY: ("the journal cannot be written", GO_ELSEWHERE),
    sqlite3.SQLITE_CANTOPEN: ("the journal cannot be opened", GO_ELSEWHERE),
    sqlite3.SQLITE_IOERR: ("the journal cannot be read or written", _LOOK_AT_DISK),
    # Opening a write-ahead file takes a lock too.
    sqlite3.SQLITE_PROTOCOL: ("another program keeps the journal locked", _WAIT),
}
_DISK_CODES: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR)
_SHARED_MEMORY_CODES: Final = (
    sqlite3.SQLITE_IOERR_SHMOPEN,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_SHMLOCK,
    sqlite3.SQLITE_IOERR_SHMMAP,
    sqlite3.SQLITE_PROTOCOL,
)
_PATH_ERRORS: Final = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError)


@contextmanager
def as_journal_error(path: Path) -> Iterator[None]:
    """Raise a `JournalError` instead of what SQLite and the system raise in the block."""
    try:
        yield
    except (sqlite3.Error, OSError, TypeError, ValueError) as error:
        raise journal_error(path, error) from error


def journal_error(path: Path, error: Exception) -> JournalError:
    """Return a `JournalError` that says what is wrong with a journal, and what to do."""
    if isinstance(error, JournalError):
        return error
    if isinstance(error, TypeError | ValueError):
        return JournalError(path, problem=f"the journal is damaged: {error}", remedy=BEGIN_ANEW)
    if isinstance(error, OSError):
        words = error.strerror or str(error)
        where = "" if isinstance(error, _PATH_ERRORS) else f" on {place_of(path)}"
        return JournalError(path, problem=f"the journal cannot be opened{where}: {words}", remedy=GO_ELSEWHERE)
    if isinstance(error, sqlite3.Error) and (disk_error := _disk_error(path, error)) is not None:
        return disk_error
    unknown: tuple[str, Words] = (f"the journal cannot be used: {type(error).__name__}", GO_ELSEWHERE)
    problem, remedy = _TROUBLES.get(error_kind(error), unknown)
    where = f" on {place_of(path)}" if error_kind(error) in _DISK_CODES else ""
    return JournalError(path, problem=f"{problem}{where} ({error})", remedy=remedy)


def death_error(path: Path, cause: BaseException | None) -> JournalError:
    """Return a `JournalError` for a writer's thread that has ended, of `cause` if that is known."""
    # The system's own words only: another error's message may hold anything.
    words = f": {cause.strerror}" if isinstance(cause, OSError) and cause.strerror else ""
    why = "" if cause is None else f" ({type(cause).__name__}{words})"
    remedy = "run again: recorded events are kept, and are not sent twice"
    error = JournalError(path, problem=f"the thread that writes the journal has ended{why}", remedy=remedy)
    error.__cause__ = cause
    return error


def stall_error(path: Path, seconds: float) -> JournalError:
    """Return a `JournalError` for a disk that has not answered for some seconds."""
    return JournalError(path, problem=f"the disk has not written for {seconds:g} s", remedy=_LOOK_AT_DISK)


def lacks_shared_memory(error: sqlite3.Error) -> bool:
    """Return whether a file could not be opened as a write-ahead file.

    There is no shared memory, or a file beside it could not be opened.
    """
    return error_code(error) in _SHARED_MEMORY_CODES or error_kind(error) == sqlite3.SQLITE_CANTOPEN


def _disk_error(path: Path, error: sqlite3.Error) -> JournalError | None:
    """Return a `JournalError` that names the file system, if the file system is what is wrong."""
    refuses = refuses_locks(path, error)
    if refuses is None:
        problem = f"{place_of(path)} refuses to lock the journal, or another program keeps it locked ({error})"
        return JournalError(path, problem=problem, remedy=(f"{_WAIT}; if there is none, ", *GO_TO_LOCAL_DISK))
    if refuses:
        problem = f"{place_of(path)} cannot lock files, and without locks runs could damage the journal ({error})"
        return JournalError(path, problem=problem, remedy=GO_TO_LOCAL_DISK)
    if error_code(error) == sqlite3.SQLITE_READONLY_DIRECTORY or (
        error_kind(error) == sqlite3.SQLITE_CANTOPEN and path.is_file()
    ):
        problem = f"no file can be made beside the journal on {place_of(path)} ({error})"
        return JournalError(path, problem=problem, remedy=GO_ELSEWHERE)
    return None
