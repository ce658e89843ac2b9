"""The tables of a journal, and how it is told from other files."""

import secrets
import sqlite3
from pathlib import Path
from typing import Final

from events_pandas.deliver.journal.troubles import BEGIN_ANEW
from events_pandas.errors import JournalError

APPLICATION_ID: Final = 0x65704A6C
"""What SQLite keeps in the header of a file for programs to know their own: "epJl"."""
VERSION: Final = 1
"""Of the tables; a later version of this package may write another."""

SECRET_BYTES: Final = 32

_TABLES = (
    # Digests come in random order: pages are two thirds full, and each byte of a row takes one and a half on disk.
    """
    CREATE TABLE events (
        key BLOB NOT NULL,
        payload INTEGER NOT NULL,
        second INTEGER NOT NULL,
        sent_half BLOB,
        accepted_at INTEGER,
        request_id,
        run INTEGER NOT NULL,
        PRIMARY KEY (key, second)
    ) WITHOUT ROWID
    """,
    # Eight bytes of the digest with the second that was sent, where that is not the row's own: enough that hardly ever
    # a row moves on by a second more than it need, and half of what the index would hold else.
    "CREATE INDEX events_sent ON events (sent_half) WHERE sent_half IS NOT NULL",
    """
    CREATE TABLE runs (
        run INTEGER PRIMARY KEY,
        started_at INTEGER NOT NULL,
        ended_at INTEGER,
        workspace TEXT NOT NULL,
        source TEXT NOT NULL,
        mapping TEXT NOT NULL,
        results_path TEXT,
        resubmit INTEGER NOT NULL,
        outcome TEXT,
        counts TEXT,
        requests INTEGER
    )
    """,
    "CREATE TABLE secret (bytes BLOB NOT NULL)",
)
# Journals of earlier versions lack them, and these versions do not mind them.
_LATER_TABLES = (
    "CREATE TABLE IF NOT EXISTS types (field BLOB PRIMARY KEY, type TEXT NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE IF NOT EXISTS processes (
        run INTEGER PRIMARY KEY,
        host TEXT NOT NULL,
        pid INTEGER NOT NULL,
        space TEXT NOT NULL,
        birth TEXT NOT NULL,
        seen_at REAL NOT NULL
    )
    """,
)


def is_new(connection: sqlite3.Connection) -> bool:
    """Tell whether nothing has been written to a database.

    Parameters
    ----------
    connection : sqlite3.Connection
        To any file.

    Returns
    -------
    bool
        Whether it has no tables, and no program has named it its own.
    """
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return not (tables or _pragma(connection, "application_id") or _pragma(connection, "user_version"))


def require_journal(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a database that is no journal, or a journal of a later version.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a database that is not new.
    path : pathlib.Path
        Its file.

    Raises
    ------
    JournalError
        If it is another application's, or of a version that is not known.
    """
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise JournalError(path, problem="this database belongs to another program", remedy=BEGIN_ANEW)
    version = _pragma(connection, "user_version")
    if version != VERSION:
        problem = f"a later version of events_pandas made this journal (its format is {version}, known is {VERSION})"
        raise JournalError(path, problem=problem, remedy=f"install that version; {BEGIN_ANEW}")


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of a new journal, and its secret.

    Parameters
    ----------
    connection : sqlite3.Connection
        In a transaction, which another process that makes the same journal waits for.
    """
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute("INSERT INTO secret VALUES (?)", (secrets.token_bytes(SECRET_BYTES),))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def require_writable(connection: sqlite3.Connection) -> None:
    """Write to a journal: if it can only be read, that shows before anything is sent.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a journal, in a transaction. SQLite begins one on a file that can only be read as if it could be written.
    """
    connection.execute("UPDATE secret SET bytes = bytes")
    for statement in _LATER_TABLES:
        connection.execute(statement)


def read_secret(connection: sqlite3.Connection) -> bytes:
    """Return the key of the digests in a journal.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a journal.

    Returns
    -------
    bytes
        Random, made with the journal; without it the digests tell nothing about contacts.
    """
    secret: bytes = connection.execute("SELECT bytes FROM secret").fetchone()[0]
    return secret


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value
