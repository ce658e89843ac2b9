"""What is written about events: claims, acceptances, and claims that are dropped; many rows in one statement."""

import re
import sqlite3
from collections.abc import Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final, NamedTuple

from events_pandas.check.earlier_runs import CLAIMED
from events_pandas.deliver.journal.marks import Mark

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
