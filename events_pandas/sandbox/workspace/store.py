"""The SQLite database of a workspace: a temporary file, or one that is kept."""

import os
import random
import shutil
import sqlite3
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, TypeAlias

from events_pandas.filesystem import place_of, refuses_locks
from events_pandas.forking import keep_for_ever, leave_to_parent_at_fork, pause_at_fork, unforked
from events_pandas.sandbox.workspace.tables import make_tables, require_own

Row: TypeAlias = tuple[Any, ...]
"""A row of a query's result, its columns in the order of the query."""

_BUSY_SECONDS: Final = (1.0, 2.0)
_FOLDERS: Final = "events-pandas-sandbox-"

# The file is locked exclusively: another program's lock would stop the server.
_ALONE: Final = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
"""
# The exclusive lock shows that nobody else has the file. The shared one, which takes its place, keeps the exclusive one
# from others. If the exclusive lock came before the first query, no second connection could ever read. A checkpoint
# waits for the disk: one for every 10,000 pages (40 MB) rather than every 1,000 halves the time of an event.
_SHARED: Final = """
PRAGMA locking_mode = EXCLUSIVE;
BEGIN IMMEDIATE; COMMIT;
PRAGMA locking_mode = NORMAL;
BEGIN IMMEDIATE; COMMIT;
PRAGMA synchronous = NORMAL;
PRAGMA wal_autocheckpoint = 10000;
"""
# Nobody else knows the file, and nobody needs it after the process.
_TEMPORARY: Final = """
PRAGMA synchronous = OFF;
PRAGMA journal_mode = WAL;
PRAGMA wal_autocheckpoint = 10000;
"""
_READ_ONLY: Final = "PRAGMA query_only = ON"


class Store:
    """The database of a workspace.

    ValueError: the file is not a workspace of a sandbox, or of another version; it is left as it is. OSError: the file
    cannot be opened or written, or another sandbox holds it.
    """

    # The server's thread writes, any thread reads: one connection, under one lock. `reading` has a second connection,
    # which does not stop the first. While a file is held (`hold`), it stays open and no other sandbox can have it.
    # Otherwise it is opened for each question and closed again. Written rows survive a kill of the process, since
    # SQLite hands them to the operating system before the answer goes out; a power failure may lose the last moments.

    def __init__(self, path: Path | None = None) -> None:
        self._path = None if path is None else path.expanduser()
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._close: weakref.finalize[..., Store] | None = None
        self._make_locks()
        leave_to_parent_at_fork(self)
        self.trouble = ""  # why the last transaction could not be written, or nothing
        if self._path is None:
            self.hold()
        ((self.id_code, self.created_at),) = self.read("SELECT id_code, created_at FROM workspace")

    def leave_to_parent(self) -> None:
        """Never close the parent's file in a forked child."""
        self._make_locks()
        if self._close is not None:
            self._close.detach()
        for connection in (self._writer, self._reader):
            if connection is not None:
                keep_for_ever(connection)

    def hold(self) -> None:
        """Open the file and keep it from others until `release`. A temporary file is always held."""
        with self._writing:
            if self._writer is None:
                folder = None
                if self._path is None:
                    self._writer, self._reader, folder = _temporary()
                else:
                    with _explained(self._path):
                        self._writer, self._reader = _pair(self._path, _SHARED)
                # Python 3.13 warns about connections that are never closed.
                self._close = weakref.finalize(self, _end, self._reader, self._writer, folder)

    def release(self) -> None:
        """Close the file. A temporary one stays open, so that it can still be read."""
        if self._path is None:
            return
        # One after the other: a fork takes both locks too.
        with self._reading:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
        with self._writing:
            if self._close is not None:
                self._close()
            self._writer = None

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection for one transaction: all of it is written, or nothing."""
        with self._writing, self._connection() as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
                self.trouble = ""
            except BaseException as error:
                if isinstance(error, sqlite3.OperationalError):
                    self.trouble = str(error)
                # A full disk may have ended the transaction already.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def read(self, query: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> list[Row]:
        """Return the rows of a query. Keep queries short: the server waits while one runs."""
        with self._writing, self._connection() as connection:
            return connection.execute(query, parameters).fetchall()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection that sees the workspace as it is now, while the server goes on writing."""
        with self._reading:
            if self._reader is not None:
                self._reader.execute("BEGIN")
                try:
                    yield self._reader
                finally:
                    self._reader.execute("ROLLBACK")
                return
        # Not held, or in memory.
        with self._writing, self._connection() as connection:
            yield connection

    def _make_locks(self) -> None:
        self._writing, self._reading = threading.Lock(), threading.Lock()
        pause_at_fork(self._writing)
        pause_at_fork(self._reading)

    def _connection(self) -> AbstractContextManager[sqlite3.Connection]:
        """Return the connection that is held, or one for this question alone. Call it under the lock of the writer."""
        if self._writer is not None:
            return nullcontext(self._writer)
        with _explained(self._path):
            return closing(_opened(self._path, _ALONE))


def _temporary() -> tuple[sqlite3.Connection, sqlite3.Connection | None, Path | None]:
    """Open a new file to write and to read, in a folder of its own; if there can be none, open a database in memory."""
    try:
        folder = _new_folder()
        try:
            writer, reader = _pair(folder / "workspace.sqlite", _TEMPORARY)
        finally:
            # The file lives on while it is open, and a killed process leaves nothing. Windows deletes no open file.
            shutil.rmtree(folder, ignore_errors=True)
    except (OSError, sqlite3.OperationalError):
        return _opened(None, _ALONE), None, None
    return writer, reader, folder


def _new_folder() -> Path:
    if os.name == "nt":
        # Killed sandboxes left theirs. The files of running ones are open, and so are not deleted.
        for stale in Path(tempfile.gettempdir()).glob(f"{_FOLDERS}*"):
            shutil.rmtree(stale, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=_FOLDERS))


def _end(reader: sqlite3.Connection | None, writer: sqlite3.Connection, folder: Path | None) -> None:
    # The collector may call it, in any thread.
    with unforked():
        # The writer last: the one that is closed last empties the log of the writes into the file.
        if reader is not None:
            reader.close()
        writer.close()
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _explained(path: Path | None) -> Iterator[None]:
    """Raise errors of a file that is being opened as errors that say what is wrong with it."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise OSError(f"the sandbox cannot keep its workspace in {str(path)!r}: {_trouble(path, error)}") from error
    except sqlite3.DatabaseError as error:
        raise ValueError(f"{str(path)!r} is not a workspace of a sandbox: {error}") from error


def _trouble(path: Path | None, error: sqlite3.OperationalError) -> str:
    if path is not None and refuses_locks(path, error):
        return f"{place_of(path)} cannot lock files; choose a file on a local disk"
    if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
        return "another sandbox or another program uses it; stop that one, or choose another file"
    return f"{error}; check that its folder exists, is writable and has room"


def _pair(path: Path, settings: str) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """Open a file to write, and once more to read."""
    writer = _opened(path, settings)
    try:
        return writer, _opened(path, _READ_ONLY)
    except BaseException:
        writer.close()
        raise


def _opened(path: Path | None, settings: str) -> sqlite3.Connection:
    """Open a file, or a database in memory; one that is empty gets its tables."""
    # Each statement is a transaction of its own, except between BEGIN and COMMIT.
    database = ":memory:" if path is None else path
    # Of two sandboxes that wait for each other's lock, one gives up first, and the other has the file.
    seconds = random.uniform(*_BUSY_SECONDS)  # noqa: S311  # Nobody needs to guess it.
    connection = sqlite3.connect(database, timeout=seconds, isolation_level=None, check_same_thread=False)
    try:
        require_own(connection, path)
        connection.executescript(settings)
        if settings != _READ_ONLY:
            make_tables(connection)
    except BaseException:
        connection.close()
        raise
    return connection
