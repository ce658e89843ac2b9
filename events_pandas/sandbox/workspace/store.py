"""The SQLite database of a workspace, in memory or in a file."""

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
from events_pandas.forking import keep_for_ever, leave_to_parent_at_fork, pause_at_fork

Row: TypeAlias = tuple[Any, ...]
"""A row of a query's result, its columns in the order of the query."""

EARLIEST: Final = -(2**63)
"""The earliest second that a row can have: SQLite's integers have 64 bits."""

# "evpd": it tells our files from other databases.
_APPLICATION_ID: Final = 0x65767064
_LAYOUT: Final = 2
_BUSY_SECONDS: Final = 1.0

# The file is locked exclusively: another program's lock would stop the server. A checkpoint waits for the disk: one for
# every 10,000 pages (40 MB) rather than every 1,000 halves the time of an event.
_SETTINGS: Final = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA wal_autocheckpoint = 10000;
"""
# `submissions` is the log of everything received. `events` are the events that the workspace holds, each under the
# number of its first submission: a body is stored once. `tallies` and `event_days` count the submissions up to
# `workspace.counted`: a page cannot count a million rows every second. `event_summaries` are the counts that were sent
# as summaries. `contacts.named` is the identifier by which an event named a contact that nobody made.
# `contacts.merged_into` is the number of the contact that took its place.
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
    """The database of a workspace.

    ValueError: the file is not a workspace of a sandbox, or of another version; it is left as it is. OSError: the file
    cannot be opened or written, or another sandbox holds it.
    """

    # The server's thread writes, any thread reads: one connection, under one lock. While a file is held (`hold`), it
    # stays open and no other sandbox can have it. Otherwise it is opened for each question and closed again. Written
    # rows survive a kill of the process, since SQLite hands them to the operating system before the answer goes out;
    # a power failure may lose the last moments.

    def __init__(self, path: Path | None = None) -> None:
        self._path = None if path is None else path.expanduser()
        self._lock = threading.Lock()
        pause_at_fork(self._lock)
        self._held: sqlite3.Connection | None = None
        self._close = weakref.finalize(self, lambda: None)
        leave_to_parent_at_fork(self)
        if self._path is None:
            self.hold()
        ((self.id_code, self.created_at),) = self.read("SELECT id_code, created_at FROM workspace")

    def leave_to_parent(self) -> None:
        """Never close the parent's file in a forked child. A database in memory is the child's own copy."""
        self._lock = threading.Lock()
        pause_at_fork(self._lock)
        if self._held is not None:
            keep_for_ever(self._held)
            self._close.detach()

    def hold(self) -> None:
        """Open the file and keep it from others until `release`. Nothing to do for a database in memory."""
        with self._lock:
            if self._held is None:
                self._held = _opened(self._path)
                # Python 3.13 warns about connections that are never closed.
                self._close = weakref.finalize(self, self._held.close)

    def release(self) -> None:
        """Close the file. A database in memory stays open."""
        with self._lock:
            if self._path is not None:
                self._close()
                self._held = None

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection for one transaction: all of it is written, or nothing."""
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # A full disk may have ended the transaction already.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def read(self, query: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> list[Row]:
        """Return the rows of a query. Keep queries short: the server waits while one runs."""
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
        raise ValueError(f"{str(path)!r} is not a workspace of a sandbox: {error}") from error


def _trouble(path: Path | None, error: sqlite3.OperationalError) -> str:
    if path is not None and refuses_locks(path, error):
        return f"{place_of(path)} cannot lock files; choose a file on a local disk"
    if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
        return "another sandbox or another program uses it; stop that one, or choose another file"
    return f"{error}; check that its folder exists, is writable and has room"


def _prepared(path: Path | None) -> sqlite3.Connection:
    database = ":memory:" if path is None else path
    # Each statement is a transaction of its own, except between BEGIN and COMMIT.
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
    # The tables first: another process that makes the file commits its tables and its marks together.
    if not _tables(connection):
        return
    queries = ("PRAGMA application_id", "PRAGMA user_version")
    if [connection.execute(query).fetchone()[0] for query in queries] != [_APPLICATION_ID, _LAYOUT]:
        raise ValueError(f"{str(path)!r} is not a workspace of a sandbox, or has another version: choose another file")


def _make(connection: sqlite3.Connection) -> None:
    pragmas = f"PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {_LAYOUT}"
    # One by one: `executescript` would end the transaction.
    for statement in f"{_TABLES.strip()}{pragmas}".split(";"):
        connection.execute(statement)
    workspace = (f"sandbox_{secrets.token_hex(4)}", int(time.time()))
    connection.execute("INSERT INTO workspace (id_code, created_at) VALUES (?, ?)", workspace)
