"""Where a workspace is kept: an SQLite database, in memory or in a file."""

import secrets
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

Row: TypeAlias = tuple[Any, ...]
"""A row of a query's result, its columns in the order of the query."""

# "evpd", so that a database of somebody else's is known for what it is.
_APPLICATION_ID: Final = 0x65767064
_LAYOUT: Final = 1
_BUSY_SECONDS: Final = 5.0

# `submissions` is the log of everything received; `events` what the workspace holds of it, each under the number of
# its first submission, so that a body is stored once. `tallies` and `event_days` count the submissions up to
# `workspace.counted`: over a million rows a page cannot count anew every second. `event_summaries` are those that
# were sent as such.
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
    custom_attributes TEXT NOT NULL DEFAULT '{}'
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
        If the file cannot be opened.

    Notes
    -----
    The server's thread writes, any thread may read: one connection, under one lock. What is written is on disk when the
    process is killed, since SQLite hands it to the operating system before the answer goes out.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._connection = _connected(path)
        # Python 3.13 warns of connections that nobody closed.
        self._close = weakref.finalize(self, self._connection.close)
        _prepare(self._connection, path)
        ((self.id_code, self.created_at),) = self.read("SELECT id_code, created_at FROM workspace")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Write, all or nothing.

        Yields
        ------
        sqlite3.Connection
            To read and write with, until the end of the block.
        """
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

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
        with self._lock:
            return self._connection.execute(query, parameters).fetchall()

    def close(self) -> None:
        """Close the database."""
        self._close()


def _connected(path: Path | None) -> sqlite3.Connection:
    database = ":memory:" if path is None else path
    try:
        # Each statement is its own transaction, but for those between BEGIN and COMMIT.
        return sqlite3.connect(database, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    except sqlite3.OperationalError as error:
        raise OSError(f"the sandbox cannot keep its workspace in {str(path)!r}: {error}") from error


def _prepare(connection: sqlite3.Connection, path: Path | None) -> None:
    try:
        application_id, layout, tables = (
            connection.execute(query).fetchone()[0]
            for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_schema")
        )
    except sqlite3.DatabaseError as error:
        raise ValueError(f"{str(path)!r} is no workspace of a sandbox: {error}") from error
    if tables and (application_id, layout) != (_APPLICATION_ID, _LAYOUT):
        raise ValueError(f"{str(path)!r} is no workspace of a sandbox, or of another version: choose another file")
    # Survives a kill of the process; only a failing machine loses the last moments.
    connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;")
    if not tables:
        _make(connection)


def _make(connection: sqlite3.Connection) -> None:
    connection.executescript(
        f"BEGIN; {_TABLES} PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {_LAYOUT}; COMMIT;"
    )
    workspace = (f"sandbox_{secrets.token_hex(4)}", int(time.time()))
    connection.execute("INSERT INTO workspace (id_code, created_at) VALUES (?, ?)", workspace)
