"""Where a workspace is kept: an SQLite database, in memory or in a file."""

import secrets
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from events_pandas.filesystem import place_of, refuses_locks
from events_pandas.forking import keep_for_ever, leave_to_parent_at_fork

Row: TypeAlias = tuple[Any, ...]
"""A row of a query's result, its columns in the order of the query."""

EARLIEST: Final = -(2**63)
"""The earliest second that a row can have: SQLite's integers have 64 bits."""

# "evpd", so that a database of somebody else's is known for what it is.
_APPLICATION_ID: Final = 0x65767064
_LAYOUT: Final = 2
_BUSY_SECONDS: Final = 1.0

# Nobody else may hold the file as well: a lock of theirs would stop the server. A checkpoint waits for the disk: one
# for 10,000 pages (40 MB) rather than for 1,000 halves what an event takes.
_SETTINGS: Final = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA wal_autocheckpoint = 10000;
"""
# `submissions` is the log of everything received; `events` what the workspace holds of it, each under the number of
# its first submission, so that a body is stored once. `tallies` and `event_days` count the submissions up to
# `workspace.counted`: over a million rows a page cannot count anew every second. `event_summaries` are those that
# were sent as such. `contacts.named` is what an event called a contact that nobody made, `contacts.merged_into` the
# number of the contact that took its place.
_TABLES: Final = """
CREATE TABLE workspace (id_code TEXT NOT NULL, created_at INTEGER NOT NULL, counted INTEGER NOT NULL DEFAULT 0);
CREATE TABLE contacts (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    external_id TEXT UNIQUE,
    email TEXT COLLATE NOCASE,
    name TEXT,
    phone TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    signed_up_at INTEGER,
    last_seen_at INTEGER,
    unsubscribed_from_emails INTEGER NOT NULL DEFAULT 0,
    custom_attributes TEXT NOT NULL DEFAULT '{}',
    named TEXT,
    merged_into INTEGER
);
CREATE INDEX contacts_by_email ON contacts (email) WHERE email IS NOT NULL;
CREATE TABLE names (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, is_active INTEGER NOT NULL);
CREATE INDEX active_names ON names (number) WHERE is_active = 1;
CREATE TABLE submissions (
    number INTEGER PRIMARY KEY,
    received_at REAL NOT NULL,
    http_status INTEGER,
    outcome TEXT NOT NULL,
    name INTEGER,
    contact TEXT,
    error_code TEXT,
    error_message TEXT,
    body BLOB NOT NULL
);
CREATE INDEX submissions_by_status ON submissions (http_status);
CREATE INDEX submissions_by_outcome ON submissions (outcome);
CREATE INDEX submissions_by_name ON submissions (name);
CREATE INDEX submissions_by_contact ON submissions (contact) WHERE contact IS NOT NULL;
CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    contact INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    name INTEGER NOT NULL,
    times_received INTEGER NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX events_by_contact ON events (contact, created_at, name);
CREATE TABLE event_summaries (
    contact INTEGER NOT NULL,
    name INTEGER NOT NULL,
    count INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (contact, name)
) WITHOUT ROWID;
CREATE TABLE event_days (
    day INTEGER NOT NULL,
    name INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (day, name)
) WITHOUT ROWID;
CREATE TABLE tallies (
    name INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    http_status INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (name, outcome, http_status)
) WITHOUT ROWID;
"""


class Store:
    """Keep the rows of a workspace.

    Parameters
    ----------
    path : pathlib.Path, optional
        The database's file, made where there is none; None keeps everything in memory.

    Raises
    ------
    ValueError
        If the file is no workspace of a sandbox, or one of another version. It is left as it is.
    OSError
        If the file cannot be opened or written, or another sandbox holds it.

    Notes
    -----
    The server's thread writes, any thread may read: one connection, under one lock. A file is open while it is held
    (`hold`), and nobody else has it then; at other times it is opened for each question, and closed again. What is
    written is on disk when the process is killed, since SQLite hands it to the operating system before the answer goes
    out; a power failure may take the last moments.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = None if path is None else path.expanduser()
        self._lock = threading.Lock()
        self._held: sqlite3.Connection | None = None
        self._close = weakref.finalize(self, lambda: None)
        leave_to_parent_at_fork(self)
        if self._path is None:
            self.hold()
        ((self.id_code, self.created_at),) = self.read("SELECT id_code, created_at FROM workspace")

    def leave_to_parent(self) -> None:
        """Never close the parent's file in a child; what is in memory is the child's own copy."""
        self._lock = threading.Lock()
        if self._held is not None:
            keep_for_ever(self._held)
            self._close.detach()

    def hold(self) -> None:
        """Open the file, and keep it from others until `release`; in memory there is nothing to do."""
        with self._lock:
            if self._held is None:
                self._held = _opened(self._path)
                # Python 3.13 warns of connections that nobody closed.
                self._close = weakref.finalize(self, self._held.close)

    def release(self) -> None:
        """Close the file, which holds all then; what is in memory stays there."""
        with self._lock:
            if self._path is not None:
                self._close()
                self._held = None

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Write, all or nothing.

        Yields
        ------
        sqlite3.Connection
            To read and write with, until the end of the block.
        """
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # A full disk has ended the transaction already.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def read(self, query: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> list[Row]:
        """Return the result of a query.

        Parameters
        ----------
        query : str
            In SQL. The server waits while it runs: let it be short.
        parameters : sequence or mapping of object, default ()
            The values of the query's question marks, or of its names.

        Returns
        -------
        list of tuple
            The rows.
        """
        with self._connection() as connection:
            return connection.execute(query, parameters).fetchall()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._held is not None:
                yield self._held
            else:
                with closing(_opened(self._path)) as connection:
                    yield connection


def _opened(path: Path | None) -> sqlite3.Connection:
    try:
        return _prepared(path)
    except sqlite3.OperationalError as error:
        raise OSError(f"the sandbox cannot keep its workspace in {str(path)!r}: {_trouble(path, error)}") from error
    except sqlite3.DatabaseError as error:
        raise ValueError(f"{str(path)!r} is no workspace of a sandbox: {error}") from error


def _trouble(path: Path | None, error: sqlite3.OperationalError) -> str:
    if path is not None and refuses_locks(path, error):
        return f"{place_of(path)} cannot lock files; choose a file on a local disk"
    if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
        return "another sandbox, or another program, holds it; stop it, or choose another file"
    return f"{error}; is its folder there, may you write to it, has it room?"


def _prepared(path: Path | None) -> sqlite3.Connection:
    database = ":memory:" if path is None else path
    # Each statement is its own transaction, but for those between BEGIN and COMMIT.
    connection = sqlite3.connect(database, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        _require_own(connection, path)
        connection.executescript(_SETTINGS)
        connection.execute("BEGIN IMMEDIATE")
        if not _tables(connection):
            _make(connection)
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _tables(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])


def _require_own(connection: sqlite3.Connection, path: Path | None) -> None:
    # The tables first: whoever makes the file at the same time commits them and their marks at once.
    if not _tables(connection):
        return
    queries = ("PRAGMA application_id", "PRAGMA user_version")
    if [connection.execute(query).fetchone()[0] for query in queries] != [_APPLICATION_ID, _LAYOUT]:
        raise ValueError(f"{str(path)!r} is no workspace of a sandbox, or of another version: choose another file")


def _make(connection: sqlite3.Connection) -> None:
    pragmas = f"PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {_LAYOUT}"
    # One by one: a script would end the transaction that makes all of them or none.
    for statement in f"{_TABLES.strip()}{pragmas}".split(";"):
        connection.execute(statement)
    workspace = (f"sandbox_{secrets.token_hex(4)}", int(time.time()))
    connection.execute("INSERT INTO workspace (id_code, created_at) VALUES (?, ?)", workspace)
