"""The tables of a workspace: made in a new database, and brought up to date in an older one."""

import secrets
import sqlite3
import time
from pathlib import Path
from typing import Final

# "evpd": it tells our files from other databases.
_APPLICATION_ID: Final = 0x65767064
_LAYOUT: Final = 3
_OLDER_LAYOUT: Final = 2

_BY_KIND: Final = "CREATE INDEX submissions_by_kind ON submissions (name, outcome, http_status)"
# `submissions` is the log of everything received. `events` are the events that the workspace holds, each under the
# number of its first submission: a body is stored once. `event_summaries` are the counts that were sent as summaries.
# `contacts.named` is the identifier by which an event named a contact that nobody made. `contacts.merged_into` is the
# number of the contact that took its place. Each index costs time with every event.
_TABLES: Final = f"""
CREATE TABLE workspace (id_code TEXT NOT NULL, created_at INTEGER NOT NULL);
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
    custom_attributes TEXT NOT NULL DEFAULT '{{}}',
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
{_BY_KIND};
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
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {_LAYOUT};
"""
# The older layout had counts beside the rows, and how many rows were counted in a column of `workspace`. That stays:
# SQLite drops columns only since 3.35.
_UPGRADE: Final = f"""
DROP TABLE tallies;
DROP TABLE event_days;
DROP INDEX submissions_by_status;
DROP INDEX submissions_by_outcome;
DROP INDEX submissions_by_name;
{_BY_KIND};
PRAGMA user_version = {_LAYOUT};
"""


def require_own(connection: sqlite3.Connection, path: Path | None) -> None:
    """Raise ValueError if a database is neither empty nor a workspace."""
    # The tables first: another process that makes the file commits its tables and its marks together.
    if not _tables(connection):
        return
    layout = _pragma(connection, "user_version")
    if _pragma(connection, "application_id") != _APPLICATION_ID or layout not in (_LAYOUT, _OLDER_LAYOUT):
        raise ValueError(f"{str(path)!r} is not a workspace of a sandbox, or has another version: choose another file")


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of a new workspace, or bring older ones up to date: all of it, or nothing if it fails."""
    connection.execute("BEGIN IMMEDIATE")
    if not _tables(connection):
        _execute(connection, _TABLES)
        workspace = (f"sandbox_{secrets.token_hex(4)}", int(time.time()))
        connection.execute("INSERT INTO workspace (id_code, created_at) VALUES (?, ?)", workspace)
    elif _pragma(connection, "user_version") == _OLDER_LAYOUT:
        _execute(connection, _UPGRADE)
    connection.execute("COMMIT")


def _tables(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _execute(connection: sqlite3.Connection, statements: str) -> None:
    # One by one: `executescript` would end the transaction.
    for statement in statements.split(";"):
        connection.execute(statement)
