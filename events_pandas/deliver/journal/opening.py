"""Connections to a journal: to one that is made if need be, and to one that is only read."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from events_pandas.deliver.journal.connections import opened
from events_pandas.deliver.journal.tables import is_new, make_tables, require_journal, require_writable
from events_pandas.deliver.journal.troubles import is_busy, lacks_shared_memory
from events_pandas.filesystem import file_system, refuses_locks, scratch_file

WAL: Final = "wal"
"""A write-ahead log beside the file: readers and the writer work at once."""
NO_LOCKS: Final = "delete, no locks"
"""A rollback journal, which is deleted at the end of each step; a file beside it keeps other runs away."""
WITHOUT_WAL: Final = (
    "it is written with a rollback journal, since a write-ahead log cannot be used there: that is as safe, and slower, "
    "and two runs on it wait for each other"
)
WITHOUT_LOCKS: Final = (
    "its file system cannot lock files, so that it is written with a rollback journal, and a file beside it keeps "
    "other runs away: that is slower, and one run at a time can use it; a journal on a local disk has no such limits"
)


def manner(mode: str) -> str | None:
    """Return words for the way in which a journal is written.

    Parameters
    ----------
    mode : str
        As `Journal.mode`.

    Returns
    -------
    str or None
        None for the usual way.
    """
    if mode == WAL:
        return None
    return WITHOUT_LOCKS if mode == NO_LOCKS else WITHOUT_WAL


WITH_LOCKS: Final = "mode=rw"
# Not `nolock=1`: with it SQLite opens no file that is written ahead.
NO_LOCKS_QUERY: Final = f"mode=rw&vfs={'win32' if os.name == 'nt' else 'unix'}-none"
"""How SQLite opens a file: with locks of its own while it reads and writes, or under a `LockFile`."""

_PAUSE_SECONDS = 0.01
_PRAGMAS = (
    # An accepted event is on disk before its row says so, whatever happens to the power.
    "PRAGMA synchronous = FULL",
    # On macOS a plain fsync leaves the bytes in the drive's own memory.
    "PRAGMA fullfsync = ON",
    # Each event changes a page of its own: the longer they are collected, the more of them are written once.
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA cache_size = -8000",
    "PRAGMA temp_store = MEMORY",
)


def connected(path: Path, busy_seconds: float, how: str = WITH_LOCKS) -> sqlite3.Connection:
    """Connect to a journal that there is.

    Parameters
    ----------
    path : pathlib.Path
        Its file.
    busy_seconds : float
        How long another program's lock is waited for.
    how : str, default `WITH_LOCKS`
        Or `NO_LOCKS_QUERY`, if a `LockFile` keeps other processes away.

    Returns
    -------
    sqlite3.Connection
        In no transaction: each statement is its own unless one is begun.
    """
    connection = _opened(path, busy_seconds, how)
    with closed_on_error(connection):
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        # SQLite opens a file when it is first read.
        connection.execute("SELECT 1 FROM sqlite_master")
    return connection


def has_locks(path: Path) -> bool:
    """Tell whether a journal can be locked; its file is made unless it is there.

    Parameters
    ----------
    path : pathlib.Path
        Its file.

    Returns
    -------
    bool
        False only where the file system is known to refuse it.
    """
    _make_file(path)
    try:
        connected(path, 0.0).close()
    except sqlite3.Error as error:
        return not refuses_locks(path, error)
    return True


def open_or_make(path: Path, busy_seconds: float, how: str = WITH_LOCKS) -> sqlite3.Connection:
    """Connect to a journal; its tables are made unless they are there.

    Parameters
    ----------
    path : pathlib.Path
        Its file.
    busy_seconds : float
        How long another program's lock is waited for.
    how : str, default `WITH_LOCKS`
        As for `connected`.

    Returns
    -------
    sqlite3.Connection
        To a journal that can be written.

    Raises
    ------
    JournalError
        If it is another application's, or of a later version.
    """
    with closing(_readable(path, busy_seconds, how)) as connection:
        # Nothing is changed, not even how it is written, before it is known to be a journal.
        if not is_new(connection):
            require_journal(connection, path)
        if how == WITH_LOCKS:
            _choose_mode(connection, path, busy_seconds)
    connection = _readable(path, busy_seconds, how)
    with closed_on_error(connection), transaction(connection):
        # Another process may have made the tables meanwhile.
        if is_new(connection):
            make_tables(connection)
        require_journal(connection, path)
        require_writable(connection)
    return connection


def journal_mode(connection: sqlite3.Connection) -> str:
    """Return how SQLite writes a file.

    Parameters
    ----------
    connection : sqlite3.Connection
        To the file.

    Returns
    -------
    str
        ``"wal"``, or ``"delete"`` where a write-ahead log cannot be used.
    """
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Keep others from writing: what is read and written in the block is one step, on disk when it has ended.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a journal.

    Yields
    ------
    None
        Once; nothing is written if the block raises.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # After some errors SQLite has undone it by itself.
        with suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise


@contextmanager
def closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    """Close a connection that turns out to be of no use.

    Parameters
    ----------
    connection : sqlite3.Connection
        Which is handed on if the block ends well.

    Yields
    ------
    None
        Once, for the block that tries it.
    """
    try:
        yield
    except BaseException:
        connection.close()
        raise


def _opened(path: Path, busy_seconds: float, how: str = WITH_LOCKS) -> sqlite3.Connection:
    return opened(path, how, timeout=busy_seconds, isolation_level=None, check_same_thread=False)


def _make_file(path: Path) -> None:
    """Make an empty file that only its owner can read; SQLite gives the files beside it the same permissions."""
    missing = [folder for folder in path.absolute().parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    with suppress(FileExistsError):
        # Closing it lets go of all locks that this process has on the file; `opening` sees to it that it has none.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _readable(path: Path, busy_seconds: float, how: str) -> sqlite3.Connection:
    """Connect to a file that may have been written ahead on another file system, before it was moved to this one."""
    try:
        return connected(path, busy_seconds, how)
    except sqlite3.OperationalError as error:
        if not lacks_shared_memory(error):
            raise
    write_back(path, busy_seconds, how)
    return connected(path, busy_seconds, how)


def write_back(path: Path, busy_seconds: float, how: str = WITH_LOCKS) -> None:
    """Have a file written with a rollback journal that is written ahead, and cannot be opened for that reason.

    Parameters
    ----------
    path : pathlib.Path
        Its file.
    busy_seconds : float
        How long another program's lock is waited for.
    how : str, default `WITH_LOCKS`
        As for `connected`.
    """
    with closing(_opened(path, busy_seconds, how)) as alone:
        # A process that has a file for itself needs no shared memory to read what was written ahead.
        alone.execute("PRAGMA locking_mode = EXCLUSIVE")
        alone.execute("PRAGMA journal_mode = DELETE")


def _can_write_ahead(path: Path) -> bool:
    """Try to write ahead with a file that nobody else has: a journal that fails then would end the runs of others."""
    with suppress(OSError, sqlite3.Error), scratch_file(path) as scratch:
        _make_file(scratch)
        with closing(_opened(scratch, 0.0)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE trial (number INTEGER)")
            return journal_mode(connection) == WAL
    return False


def _choose_mode(connection: sqlite3.Connection, path: Path, busy_seconds: float) -> None:
    """Let readers and the writer work at once, where the file system can, and no other machine may write as well."""
    there = file_system(path)
    if there is not None and there.is_network:
        _set_mode(connection, "delete", busy_seconds)
    elif journal_mode(connection) != WAL and _can_write_ahead(path):
        _set_mode(connection, WAL, busy_seconds)


def _set_mode(connection: sqlite3.Connection, mode: str, busy_seconds: float) -> None:
    until = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode = {mode}")
        except sqlite3.OperationalError as error:
            # SQLite does not wait here for another process that makes the same change.
            if is_busy(error) and time.monotonic() < until:
                time.sleep(_PAUSE_SECONDS)
                continue
            # Without it the journal is slower, and as safe; what else is wrong shows when it is written.
        return
