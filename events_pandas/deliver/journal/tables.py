"""The tables of a journal: how they are made and recognised, and what is written to `events` and `runs`."""

import json
import re
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

from events_pandas.check.earlier_runs import CLAIMED
from events_pandas.deliver.journal.troubles import BEGIN_ANEW
from events_pandas.errors import JournalError

APPLICATION_ID: Final = 0x65704A6C
"""The mark in the header of a SQLite file by which a program knows its own files: "epJl"."""
VERSION: Final = 1
"""The version of the tables; a later version of this package may write another."""

SECRET_BYTES: Final = 32
HALF_BYTES: Final = 8
SHARED: Final = 0
"""The run of a claim that two runs share."""
_MOST_VALUES: Final = 999
"""The values in one statement that every build of SQLite takes."""
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

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
    # Half of the digest with the second that was sent, if that is not the row's own. The index is half as large, and
    # hardly ever do two halves agree by chance, which moves a row on by one second too many.
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
# Journals of earlier versions lack these tables, and earlier versions ignore them.
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
    # The files of runs under way, as digests.
    "CREATE TABLE IF NOT EXISTS files (file BLOB, run INTEGER, PRIMARY KEY (file, run)) WITHOUT ROWID",
)

# A claim that two runs share belongs to neither: if one run releases it, the other may have sent the event.
_CLAIM = f"""
INSERT INTO events (key, payload, second, sent_half, run) VALUES {{rows}}
ON CONFLICT (key, second) DO UPDATE SET run = {SHARED} WHERE events.accepted_at IS NULL AND events.run <> excluded.run
"""  # noqa: S608  # made of a constant
# The first acceptance stays: Intercom ignores the event when it comes again, and other events of its second too.
_ACCEPT = """
INSERT INTO events (key, payload, second, sent_half, run, accepted_at, request_id)
SELECT column1, column2, column3, column4, column5, column6, column7 FROM (VALUES {rows}) WHERE NOT EXISTS (
    SELECT 1 FROM events AS other
    WHERE other.key = column8 AND other.sent_half IS NULL AND other.accepted_at IS NOT NULL
    AND (other.key, other.second) <> (column1, column3)
) AND NOT EXISTS (
    SELECT 1 FROM events AS other
    WHERE other.sent_half = substr(column8, 1, 8) AND other.accepted_at IS NOT NULL
    AND (other.key, other.second) <> (column1, column3)
)
ON CONFLICT (key, second) DO UPDATE
SET payload = excluded.payload, accepted_at = excluded.accepted_at, request_id = excluded.request_id, run = excluded.run
WHERE events.accepted_at IS NULL
"""
# The claim of another run stays: the event of that run may have arrived.
_RELEASE = "DELETE FROM events WHERE key = ? AND payload = ? AND second = ? AND run = ? AND accepted_at IS NULL"


class OtherAcceptance(NamedTuple):
    """Another run was answered 202 for the event, or for one of its contact, name and second, while this run went on.

    `is_same` says whether the two events have the same content.
    """

    is_same: bool


class Fingerprint(NamedTuple):
    """What a journal keeps of an event that is to be sent: digests and its second, but no content."""

    # The digest of contact, name and the row's own second, as `Journal.digests` makes it.
    key: bytes
    # The digest with the second that is sent; None if that is the row's own.
    sent_key: bytes | None
    # A digest of the metadata, an int64.
    payload: int
    # The `created_at` that is sent, in Unix seconds.
    second: int
    # Whether this run has claimed the event, and releases it if it did not arrive; not kept in the journal.
    is_claimed: bool = False

    @property
    def sent_digest(self) -> bytes:
        """The digest with the second that is sent."""
        return self.sent_key or self.key

    @property
    def sent_half(self) -> bytes | None:
        """The beginning of `sent_key`, by which an event that was moved to another second is found."""
        return None if self.sent_key is None else self.sent_key[:HALF_BYTES]


class Acceptance(NamedTuple):
    """An event that Intercom has accepted, the Unix seconds of the answer, and Intercom's id for the request."""

    fingerprint: Fingerprint
    accepted_at: float
    request_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFacts:
    """What is known of a run when it begins."""

    started_at: datetime  # with its time zone
    source: str  # where the rows come from, as the user gave it
    mapping: str  # a digest of the mapping
    results_path: str | None = None
    resubmit: bool = False  # whether the journal is not asked what earlier runs have sent
    files: tuple[str, ...] = ()  # the real paths of the files; empty for frames


def is_new(connection: sqlite3.Connection) -> bool:
    """Return whether a database has no tables, and no program has named it its own."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return not (tables or _pragma(connection, "application_id") or _pragma(connection, "user_version"))


def require_journal(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `JournalError` if a database is another application's, or a journal of an unknown version."""
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise JournalError(path, problem="this database belongs to another program", remedy=BEGIN_ANEW)
    version = _pragma(connection, "user_version")
    if version != VERSION:
        formats = f"its format is {version}, this version reads {VERSION}"
        problem = f"a later version of events_pandas made this journal ({formats})"
        raise JournalError(path, problem=problem, remedy=("install that version; ", *BEGIN_ANEW))


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of a new journal and its secret, in a transaction: other processes wait for it."""
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute("INSERT INTO secret VALUES (?)", (secrets.token_bytes(SECRET_BYTES),))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def require_writable(connection: sqlite3.Connection) -> None:
    """Write to a journal in a transaction: if it can only be read, that shows before anything is sent.

    SQLite begins a transaction even on a file that can only be read.
    """
    connection.execute("UPDATE secret SET bytes = bytes")
    for statement in _LATER_TABLES:
        connection.execute(statement)


def read_secret(connection: sqlite3.Connection) -> bytes:
    """Return the random key of a journal's digests: without it they tell nothing about contacts."""
    secret: bytes = connection.execute("SELECT bytes FROM secret").fetchone()[0]
    return secret


def claim_events(connection: sqlite3.Connection, fingerprints: Sequence[Fingerprint], *, run: int) -> None:
    """Write down, in a transaction, that events may be sent from now on; existing entries stay as they are."""
    rows = [(event.key, event.payload, event.second, event.sent_half, run) for event in fingerprints]
    _write_rows(connection, _CLAIM, rows)


def accept_events(connection: sqlite3.Connection, acceptances: Sequence[Acceptance], *, run: int) -> int:
    """Write down that events were accepted, in the order of their answers; return how many were written down.

    An event that was accepted earlier keeps its entry. An event whose second another event has gets none.
    """
    rows = []
    first: dict[bytes, Fingerprint] = {}
    for event, accepted_at, request_id in acceptances:
        digest = event.sent_digest
        if first.setdefault(digest, event) == event:
            entry = (event.key, event.payload, event.second, event.sent_half, run)
            rows.append((*entry, max(int(accepted_at), CLAIMED + 1), pack_request_id(request_id), digest))
    return _write_rows(connection, _ACCEPT, rows)


def release_events(connection: sqlite3.Connection, fingerprints: Sequence[Fingerprint], *, run: int) -> None:
    """Delete this run's claims of events that certainly did not arrive.

    An event that is accepted, or that another run has claimed, stays.
    """
    connection.executemany(_RELEASE, [(event.key, event.payload, event.second, run) for event in fingerprints])


def pack_request_id(request_id: str | None) -> bytes | str | None:
    """Return a request id as the journal keeps it: the 16 bytes of a UUID, and any other text as it is."""
    if request_id is None:
        return None
    if _UUID.fullmatch(request_id):
        return bytes.fromhex(request_id.replace("-", ""))
    return _storable(request_id)


def add_run(connection: sqlite3.Connection, facts: RunFacts, workspace: str) -> int:
    """Write down that a run begins; return its number, from 1."""
    values = {
        "started_at": _microseconds(facts.started_at),
        "workspace": workspace,
        "source": _storable(facts.source),
        "mapping": _storable(facts.mapping),
        "results_path": None if facts.results_path is None else _storable(facts.results_path),
        "resubmit": facts.resubmit,
    }
    cursor = connection.execute(
        "INSERT INTO runs (started_at, workspace, source, mapping, results_path, resubmit)"
        " VALUES (:started_at, :workspace, :source, :mapping, :results_path, :resubmit)",
        values,
    )
    return cursor.lastrowid or 0


def update_run(
    connection: sqlite3.Connection,
    run: int,
    counts: Mapping[str, int],
    *,
    requests: int,
    outcome: str | None = None,
    ended_at: datetime | None = None,
) -> None:
    """Write down how far a run is, or how it ended: then `outcome` and `ended_at` are given."""
    connection.execute(
        "UPDATE runs SET counts = :counts, requests = :requests, outcome = :outcome, ended_at = :ended_at"
        " WHERE run = :run",
        {
            "run": run,
            "counts": json.dumps({str(status): int(count) for status, count in counts.items()}),
            "requests": requests,
            "outcome": outcome,
            "ended_at": None if ended_at is None else _microseconds(ended_at),
        },
    )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _write_rows(connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> int:
    # Sorted by key, as the file is.
    rows = sorted(rows, key=itemgetter(0))
    width = len(rows[0]) if rows else 1
    size = _MOST_VALUES // width
    placeholders = f"({', '.join('?' * width)})"
    written = 0
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        insert = statement.format(rows=", ".join([placeholders] * len(part)))
        written += connection.execute(insert, list(chain.from_iterable(part))).rowcount
    return written


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _storable(text: str) -> str:
    """Return a text that SQLite takes: the name of a file may hold bytes that are no characters."""
    return text.encode(errors="backslashreplace").decode()
