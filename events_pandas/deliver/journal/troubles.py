"""What can be wrong with a journal, in words; no exception of SQLite's leaves this package."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from events_pandas.errors import JournalError, Setting
from events_pandas.filesystem import error_code, error_kind, place_of, refuses_locks

BUSY_SECONDS: Final = 10
"""How long a lock of another program is waited for: SQLite does that, and no Ctrl-C ends it."""

BEGIN_ANEW: Final = (
    f"it is left as it is; to begin a new journal, move it away or name another path, or {Setting.NO_JOURNAL}. "
    "What it held is not known then, and every row is sent again: Intercom ignores an event that it has, "
    "but not one that now falls on another second"
)
GO_ELSEWHERE: Final = f"name a path that can be written {Setting.JOURNAL}, or {Setting.NO_JOURNAL} to go without"
GO_TO_LOCAL_DISK: Final = f"name a path on a local disk {Setting.JOURNAL}, or {Setting.NO_JOURNAL} to go without"
_MAKE_ROOM = "make room, then run again: what the journal holds so far is safe, and is not sent twice"
_WAIT = "wait until the other run or the program that copies the file is done, then run again"
_LOOK_AT_DISK = (
    "see whether the disk is there and well, then run again; what the journal holds so far is kept; "
    f"if this goes on, {GO_TO_LOCAL_DISK}"
)

_RUN_AGAIN = "run again: what the journal holds so far is kept, and is not sent twice"

_TROUBLES: dict[int | None, tuple[str, str]] = {
    sqlite3.SQLITE_NOTADB: ("this file is no journal", BEGIN_ANEW),
    sqlite3.SQLITE_CORRUPT: ("the journal is damaged", BEGIN_ANEW),
    # A table or a column that is missing, or a text that is none.
    sqlite3.SQLITE_ERROR: ("the journal is damaged", BEGIN_ANEW),
    sqlite3.SQLITE_FULL: ("the disk is full, or the file may not grow", _MAKE_ROOM),
    sqlite3.SQLITE_BUSY: ("another program keeps the journal locked", _WAIT),
    sqlite3.SQLITE_TOOBIG: ("too much is asked of the journal at once", "submit fewer rows at a time"),
    sqlite3.SQLITE_READONLY: ("the journal cannot be written", GO_ELSEWHERE),
    sqlite3.SQLITE_CANTOPEN: ("the journal cannot be opened", GO_ELSEWHERE),
    sqlite3.SQLITE_IOERR: ("the journal cannot be read or written", _LOOK_AT_DISK),
    # To open a file that is written ahead takes a lock too.
    sqlite3.SQLITE_PROTOCOL: ("another program keeps the journal locked", _WAIT),
}
_OF_DISKS: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR)
_WITHOUT_SHARED_MEMORY: Final = (
    sqlite3.SQLITE_IOERR_SHMOPEN,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_SHMLOCK,
    sqlite3.SQLITE_IOERR_SHMMAP,
    sqlite3.SQLITE_PROTOCOL,
)
_OF_PATHS: Final = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError)


@contextmanager
def told_as_journal_error(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system raise into a `JournalError`.

    Parameters
    ----------
    path : pathlib.Path
        The file of the journal.

    Yields
    ------
    None
        Once, for the block that uses SQLite.

    Raises
    ------
    JournalError
        With what is wrong, and what to do.
    """
    try:
        yield
    except (sqlite3.Error, OSError, TypeError, ValueError) as error:
        raise journal_error(path, error) from error


def journal_error(path: Path, error: Exception) -> JournalError:
    """Say what is wrong with a journal.

    Parameters
    ----------
    path : pathlib.Path
        The file of the journal.
    error : Exception
        What was raised.

    Returns
    -------
    JournalError
        With what is wrong, and what to do.
    """
    if isinstance(error, JournalError):
        return error
    if isinstance(error, TypeError | ValueError):
        return JournalError(path, problem=f"the journal is damaged: {error}", remedy=BEGIN_ANEW)
    if isinstance(error, OSError):
        words = error.strerror or str(error)
        where = "" if isinstance(error, _OF_PATHS) else f" on {place_of(path)}"
        return JournalError(path, problem=f"the journal cannot be opened{where}: {words}", remedy=GO_ELSEWHERE)
    if isinstance(error, sqlite3.Error) and (told := _disk_error(path, error)) is not None:
        return told
    unknown = (f"the journal cannot be used: {type(error).__name__}", GO_ELSEWHERE)
    problem, remedy = _TROUBLES.get(error_kind(error), unknown)
    where = f" on {place_of(path)}" if error_kind(error) in _OF_DISKS else ""
    return JournalError(path, problem=f"{problem}{where} ({error})", remedy=remedy)


def death_error(path: Path, cause: BaseException | None) -> JournalError:
    """Say that the thread that writes a journal has ended.

    Parameters
    ----------
    path : pathlib.Path
        The file of the journal.
    cause : BaseException or None
        What it died of; None if that is not known.

    Returns
    -------
    JournalError
        With the cause, and what to do.
    """
    why = "" if cause is None else f" ({type(cause).__name__}{_system_words(cause)})"
    error = JournalError(path, problem=f"the thread that writes the journal has ended{why}", remedy=_RUN_AGAIN)
    error.__cause__ = cause
    return error


def stall_error(path: Path, seconds: float) -> JournalError:
    """Say that the disk of a journal does not answer.

    Parameters
    ----------
    path : pathlib.Path
        The file of the journal.
    seconds : float
        How long it has not.

    Returns
    -------
    JournalError
        With what to do.
    """
    return JournalError(path, problem=f"the disk has not written for {seconds:g} s", remedy=_LOOK_AT_DISK)


def _system_words(error: BaseException) -> str:
    # What others put into their messages may be anything.
    return f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""


def is_busy(error: sqlite3.Error) -> bool:
    """Tell whether another program holds the lock.

    Parameters
    ----------
    error : sqlite3.Error
        What was raised.

    Returns
    -------
    bool
        Whether it is worth another try.
    """
    return error_kind(error) == sqlite3.SQLITE_BUSY


def lacks_shared_memory(error: sqlite3.Error) -> bool:
    """Tell whether a file could not be opened as one that is written ahead.

    Parameters
    ----------
    error : sqlite3.Error
        What was raised.

    Returns
    -------
    bool
        True where there is no shared memory, or where a file beside it could not be opened.
    """
    return error_code(error) in _WITHOUT_SHARED_MEMORY or error_kind(error) == sqlite3.SQLITE_CANTOPEN


def _disk_error(path: Path, error: sqlite3.Error) -> JournalError | None:
    """Say which file system fails, if that is what is wrong."""
    refuses = refuses_locks(path, error)
    if refuses is None:
        problem = f"{place_of(path)} refuses to lock the journal, or another program keeps it locked ({error})"
        return JournalError(path, problem=problem, remedy=f"{_WAIT}; if there is none, {GO_TO_LOCAL_DISK}")
    if refuses:
        problem = f"{place_of(path)} cannot lock files, which keeps runs from harming the journal ({error})"
        return JournalError(path, problem=problem, remedy=GO_TO_LOCAL_DISK)
    if error_code(error) == sqlite3.SQLITE_READONLY_DIRECTORY or (
        error_kind(error) == sqlite3.SQLITE_CANTOPEN and path.is_file()
    ):
        problem = f"no file can be made beside the journal, on {place_of(path)} ({error})"
        return JournalError(path, problem=problem, remedy=GO_ELSEWHERE)
    return None
