"""The tables of a journal, and how it is told from other files."""

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


HALF_BYTES: Final = 8


class Elsewhere(NamedTuple):
    """Another run was answered 202 for an event, or one of its contact, name and second, while this run went on.

    Parameters
    ----------
    is_same : bool
        Whether its event holds the same.
    """

    is_same: bool


class Mark(NamedTuple):
    """What a journal keeps of an event that is to be sent.

    Parameters
    ----------
    key : bytes
        The digest of contact, name and the row's own second, as `Journal.digests` makes it.
    sent_key : bytes or None
        The digest with the second that is sent; None where that is the row's own.
    payload : int
        A digest of the metadata, an int64.
    second : int
        The ``created_at`` that is sent, in Unix seconds.
    is_claimed : bool, default False
        Whether this run has claimed it, and gives it back where the event did not arrive; not kept in the journal.
    """

    key: bytes
    sent_key: bytes | None
    payload: int
    second: int
    is_claimed: bool = False

    @property
    def sent_half(self) -> bytes | None:
        """The beginning of `sent_key`, by which an event is found that was moved."""
        return None if self.sent_key is None else self.sent_key[:HALF_BYTES]


SHARED: Final = 0
"""In place of a run."""
_MOST_VALUES: Final = 999
"""In one statement: what SQLite takes in whichever way it was built."""

# A claim that two runs share is nobody's: what one of them gives back the other may have sent.
_CLAIM = f"""
INSERT INTO events (key, payload, second, sent_half, run) VALUES {{rows}}
ON CONFLICT (key, second) DO UPDATE SET run = {SHARED} WHERE events.accepted_at IS NULL AND events.run <> excluded.run
"""  # noqa: S608  # made of a constant
# The first acceptance stays: Intercom ignores the event when it comes again, and another one of its second as well.
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
# A claim of another run tells that an event of that run may have arrived: it stays.
_RELEASE = "DELETE FROM events WHERE key = ? AND payload = ? AND second = ? AND run = ? AND accepted_at IS NULL"

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Acceptance(NamedTuple):
    """An event that Intercom has accepted.

    Parameters
    ----------
    mark : Mark
        The event.
    accepted_at : float
        Unix seconds of the answer.
    request_id : str or None
        Intercom's name for the request.
    """

    mark: Mark
    accepted_at: float
    request_id: str | None


def claim_events(connection: sqlite3.Connection, marks: Sequence[Mark], *, run: int) -> None:
    """Write down that events may be sent from now on.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a journal, in a transaction.
    marks : sequence of Mark
        The events; one that is there already stays as it is.
    run : int
        The number of the run.
    """
    rows = [(mark.key, mark.payload, mark.second, mark.sent_half, run) for mark in marks]
    _write_rows(connection, _CLAIM, rows)


def accept_events(connection: sqlite3.Connection, acceptances: Sequence[Acceptance], *, run: int) -> int:
    """Write down that events were accepted.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a journal.
    acceptances : sequence of Acceptance
        The events, in the order of their answers; one that was accepted earlier stays as it is, and one whose second
        another one has is none.
    run : int
        The number of the run.

    Returns
    -------
    int
        How many were written down.
    """
    first: dict[bytes, Mark] = {}
    for mark, _, _ in acceptances:
        first.setdefault(mark.sent_key or mark.key, mark)
    rows = [
        (
            mark.key,
            mark.payload,
            mark.second,
            mark.sent_half,
            run,
            max(int(accepted_at), CLAIMED + 1),
            packed(request_id),
            mark.sent_key or mark.key,
        )
        for mark, accepted_at, request_id in acceptances
        if first[mark.sent_key or mark.key] == mark
    ]
    return _write_rows(connection, _ACCEPT, rows)


def release_events(connection: sqlite3.Connection, marks: Sequence[Mark], *, run: int) -> None:
    """Drop claims of a run.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a journal.
    marks : sequence of Mark
        Events that did not arrive for certain; one that is accepted, or that another run has claimed, stays.
    run : int
        The number of the run.
    """
    connection.executemany(_RELEASE, [(mark.key, mark.payload, mark.second, run) for mark in marks])


def packed(request_id: str | None) -> bytes | str | None:
    """Return a request id as the journal keeps it.

    Parameters
    ----------
    request_id : str or None
        As Intercom sent it.

    Returns
    -------
    bytes, str or None
        The 16 bytes of a UUID; another text as it is.

    Examples
    --------
    >>> packed("00000000-0000-4000-8000-00000000002a").hex(), packed("req-42")
    ('0000000000004000800000000000002a', 'req-42')
    """
    if request_id is None:
        return None
    if _UUID.fullmatch(request_id):
        return bytes.fromhex(request_id.replace("-", ""))
    return request_id.encode(errors="backslashreplace").decode()


def _write_rows(connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> int:
    # In the order of the keys, which is that of the file.
    rows = sorted(rows, key=itemgetter(0))
    size = _MOST_VALUES // len(rows[0]) if rows else 1
    written = 0
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        written += connection.execute(_of_rows(statement, part), list(chain.from_iterable(part))).rowcount
    return written


def _of_rows(statement: str, rows: Sequence[tuple[Any, ...]]) -> str:
    row = f"({', '.join('?' * len(rows[0]))})"
    return statement.format(rows=", ".join([row] * len(rows)))


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFacts:
    """What is known of a run when it begins.

    Parameters
    ----------
    started_at : datetime.datetime
        When, with its time zone.
    source : str
        Where the rows come from, as the user gave it.
    mapping : str
        A digest of the mapping.
    results_path : str or None, default None
        Where the results are written.
    resubmit : bool, default False
        Whether the journal is not asked what earlier runs have sent.
    """

    started_at: datetime
    source: str
    mapping: str
    results_path: str | None = None
    resubmit: bool = False


def insert_run(connection: sqlite3.Connection, facts: RunFacts, workspace: str) -> int:
    """Write down that a run begins.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a journal.
    facts : RunFacts
        What is known of it.
    workspace : str
        The ``id_code`` of the workspace.

    Returns
    -------
    int
        The number of the run, from 1.
    """
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
    """Write down how far a run is, or how it ended.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a journal.
    run : int
        The number of the run.
    counts : mapping of str to int
        Rows of each status.
    requests : int
        Requests made.
    outcome : str or None, default None
        How it ended; None while it is under way.
    ended_at : datetime.datetime or None, default None
        When, with its time zone.
    """
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


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _storable(text: str) -> str:
    """Return a text that SQLite takes: the name of a file need not be one."""
    return text.encode(errors="backslashreplace").decode()
