"""Open the file of a journal, or make it with its tables, and choose how SQLite writes it."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from events_pandas.deliver.journal.connections import open_connection
from events_pandas.deliver.journal.tables import is_new, make_tables, require_journal, require_writable
from events_pandas.deliver.journal.troubles import lacks_shared_memory
from events_pandas.filesystem import error_kind, file_system, refuses_locks, scratch_file

WAL_MODE: Final = "wal"
"""With a write-ahead log beside the file: readers and the writer work at once."""
LOCK_FILE_MODE: Final = "delete, no locks"
"""With a rollback journal, which is deleted after each transaction, and a `LockFile`, which keeps other runs away."""
_ROLLBACK_NOTE: Final = (
    "it is written with a rollback journal, since a write-ahead log cannot be used there: that is as safe but slower, "
    "and two runs wait for each other"
)
_LOCK_FILE_NOTE: Final = (
    "its file system cannot lock files, so it is written with a rollback journal, and a lock file keeps other runs "
    "away: that is slower, and only one run at a time can use it; a journal on a local disk has no such limits"
)

URI_WITH_LOCKS: Final = "mode=rw"
# Not `nolock=1`: with it SQLite opens no write-ahead file.
URI_WITHOUT_LOCKS: Final = f"mode=rw&vfs={'win32' if os.name == 'nt' else 'unix'}-none"
"""SQLite's URI options: with its own locks while it reads and writes, or without them, under a `LockFile`."""

_PAUSE_SECONDS = 0.01
_PRAGMAS = (
    # An accepted event is on disk before its row says so, whatever happens to the power.
    "PRAGMA synchronous = FULL",
    # On macOS a plain fsync leaves the bytes in the drive's own memory.
    "PRAGMA fullfsync = ON",
    # Each event changes a page of its own: the longer changes are collected, the more pages are written only once.
    "PRAGMA wal_autocheckpoint = 4000",
    # Kilobytes: a million events fit, and are found without reading the file again and again.
    "PRAGMA cache_size = -64000",
    "PRAGMA temp_store = MEMORY",
)


def open_or_make(path: Path, busy_seconds: float, uri_options: str = URI_WITH_LOCKS) -> sqlite3.Connection:
    """Connect to a journal that can be written; its tables are made if they are missing.

    Raise `JournalError` if the file is another application's, or of a later version.
    """
    connection = _readable(path, busy_seconds, uri_options)
    with closed_on_error(connection):
        # Nothing is changed, not even the journal mode, before the file is known to be a journal.
        if not is_new(connection):
            require_journal(connection, path)
        if uri_options == URI_WITH_LOCKS:
            _choose_mode(connection, path, busy_seconds)
        with transaction(connection):
            # Another process may have made the tables in the meantime.
            if is_new(connection):
                make_tables(connection)
            require_journal(connection, path)
            require_writable(connection)
    return connection


def connect(path: Path, busy_seconds: float, uri_options: str = URI_WITH_LOCKS) -> sqlite3.Connection:
    """Connect to a journal that exists; each statement is its own transaction unless one is begun.

    `busy_seconds` is the wait for another program's lock. Pass `URI_WITHOUT_LOCKS` only while a `LockFile` keeps other
    processes away.
    """
    connection = open_connection(path, busy_seconds, uri_options)
    with closed_on_error(connection):
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        # SQLite opens a file when it is first read.
        connection.execute("SELECT 1 FROM sqlite_master")
    return connection


def has_locks(path: Path) -> bool:
    """Return whether a journal can be locked; its file is made if it is missing.

    False only if the file system is known to refuse locks.
    """
    _make_file(path)
    try:
        connect(path, 0.0).close()
    except sqlite3.Error as error:
        return not refuses_locks(path, error)
    return True


def journal_mode(connection: sqlite3.Connection) -> str:
    """Return how SQLite writes a file: ``"wal"``, or ``"delete"`` where a write-ahead log cannot be used."""
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def mode_note(mode: str) -> str | None:
    """Return a note on how a journal is written (`Journal.mode`), or None for the usual way."""
    return {WAL_MODE: None, LOCK_FILE_MODE: _LOCK_FILE_NOTE}.get(mode, _ROLLBACK_NOTE)


def leave_wal_mode(path: Path, busy_seconds: float, uri_options: str = URI_WITH_LOCKS) -> None:
    """Switch a write-ahead file that cannot be opened as such to a rollback journal."""
    with closing(open_connection(path, busy_seconds, uri_options)) as alone:
        # In exclusive mode SQLite reads the write-ahead log without shared memory.
        alone.execute("PRAGMA locking_mode = EXCLUSIVE")
        alone.execute("PRAGMA journal_mode = DELETE")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Make the block one step: others cannot write meanwhile, and all is on disk at its end.

    Nothing is written if the block raises.
    """
    # Leaving the connection's own block commits, or rolls back if that is still to be done.
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    """Close a connection if the block that tries it raises."""
    try:
        yield
    except BaseException:
        connection.close()
        raise


def _make_file(path: Path) -> None:
    """Make an empty file that only its owner can read; SQLite gives the files beside it the same permissions."""
    missing = [folder for folder in path.absolute().parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    with suppress(FileExistsError):
        # Closing it releases all locks of this process on the file; under `opening_lock` it has none.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _readable(path: Path, busy_seconds: float, uri_options: str) -> sqlite3.Connection:
    """Connect to a file that may have been written ahead on another file system, before it was moved to this one."""
    try:
        return connect(path, busy_seconds, uri_options)
    except sqlite3.OperationalError as error:
        if not lacks_shared_memory(error):
            raise
    leave_wal_mode(path, busy_seconds, uri_options)
    return connect(path, busy_seconds, uri_options)


def _can_write_ahead(path: Path) -> bool:
    """Try a write-ahead log with a file that nobody else has: a failure in the journal would end other runs."""
    with suppress(OSError, sqlite3.Error), scratch_file(path) as scratch:
        _make_file(scratch)
        with closing(open_connection(scratch, 0.0, URI_WITH_LOCKS)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE trial (number INTEGER)")
            return journal_mode(connection) == WAL_MODE
    return False


def _choose_mode(connection: sqlite3.Connection, path: Path, busy_seconds: float) -> None:
    """Use a write-ahead log if the file system can, and if no other machine may use the journal too."""
    there = file_system(path)
    if there is not None and there.is_network:
        _set_mode(connection, "delete", busy_seconds)
    elif journal_mode(connection) != WAL_MODE and _can_write_ahead(path):
        _set_mode(connection, WAL_MODE, busy_seconds)


def _set_mode(connection: sqlite3.Connection, mode: str, busy_seconds: float) -> None:
    until = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode = {mode}")
        except sqlite3.OperationalError as error:
            # SQLite itself does not wait here while another process makes the same change.
            if error_kind(error) == sqlite3.SQLITE_BUSY and time.monotonic() < until:
                time.sleep(_PAUSE_SECONDS)
                continue
            # The old mode is slower, but as safe. Any other fault shows when the journal is written.
        return
