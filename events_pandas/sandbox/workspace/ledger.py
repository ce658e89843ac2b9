"""What is written for a submission: the log, the events, and now and then the counts that follow from them."""

import enum
import sqlite3
from dataclasses import dataclass
from typing import Final

from events_pandas import intercom
from events_pandas.sandbox.rules.refusals import Refusal

# How many submissions are counted at once: few enough not to be felt, and many enough to cost next to nothing each.
_COUNTED_AT_ONCE: Final = 1_000
_END: Final = 2**63 - 1
_COUNT_TALLIES: Final = """
INSERT INTO tallies SELECT coalesce(name, 0), outcome, coalesce(http_status, 0), count(*)
FROM submissions, workspace WHERE number > counted AND number < :end GROUP BY 1, 2, 3
ON CONFLICT DO UPDATE SET count = count + excluded.count
"""
# The remainder of a negative number is negative in SQLite: days before 1970 begin at midnight like all others.
_COUNT_DAYS: Final = """
INSERT INTO event_days
SELECT (events.created_at - (events.created_at % 86400 + 86400) % 86400) / 86400, name, count(*)
FROM events, workspace WHERE number > counted AND number < :end GROUP BY 1, 2
ON CONFLICT DO UPDATE SET count = count + excluded.count
"""
_COUNTED: Final = (
    "UPDATE workspace SET counted = (SELECT coalesce(max(number), 0) FROM submissions WHERE number < :end)"
)


class Outcome(enum.StrEnum):
    """What became of a submission."""

    KEPT = "kept"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """A submission, and what was said to it.

    Parameters
    ----------
    received_at : float
        The server's time, in Unix seconds.
    body : bytes
        The body as it arrived.
    http_status : int or None
        The status that was answered; None when nothing was answered.
    outcome : Outcome
        ``FAILED`` stands for a chosen fault.
    refusal : Refusal, optional
        The error, where there is one.
    name : int, optional
        The number of the normalized event name, where one can be read.
    contact : str, optional
        The identifier's text, where one can be read.
    """

    received_at: float
    body: bytes
    http_status: int | None
    outcome: Outcome
    refusal: Refusal | None = None
    name: int | None = None
    contact: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """What tells an event from all others of its workspace.

    Parameters
    ----------
    contact : int
        The contact's number.
    created_at : int
        The event's second.
    name : int
        The number of its normalized name.
    """

    contact: int
    created_at: int
    name: int


def name_number(connection: sqlite3.Connection, name: str) -> int:
    """Return the number of an event name, which is written down when it is new.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside `Store.writing`.
    name : str
        The normalized name.

    Returns
    -------
    int
        From 1.
    """
    found = connection.execute("SELECT number FROM names WHERE name = ?", (name,)).fetchone()
    if found is None:
        return int(connection.execute("INSERT INTO names (name, is_active) VALUES (?, 0)", (name,)).lastrowid or 0)
    return int(found[0])


def is_active(connection: sqlite3.Connection, name: int) -> bool:
    """Say whether the workspace counts a name as active.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside `Store.writing`.
    name : int
        The name's number.

    Returns
    -------
    bool
        True when it has an event.
    """
    ((is_active,),) = connection.execute("SELECT is_active FROM names WHERE number = ?", (name,))
    return bool(is_active)


def activate_name(connection: sqlite3.Connection, name: int) -> bool:
    """Take a name among those that the workspace counts as active.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside `Store.writing`.
    name : int
        The number of a name that is not active.

    Returns
    -------
    bool
        False when there is no room for another one.
    """
    query = "UPDATE names SET is_active = 1 WHERE number = ? AND (SELECT count(*) FROM names WHERE is_active = 1) < ?"
    return connection.execute(query, (name, intercom.EVENT_NAME_LIMIT)).rowcount > 0


def add_submission(connection: sqlite3.Connection, receipt: Receipt) -> int:
    """Write a submission into the log.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside `Store.writing`.
    receipt : Receipt
        The submission.

    Returns
    -------
    int
        Its number, from 1.
    """
    refusal = receipt.refusal
    written = connection.execute(
        "INSERT INTO submissions (received_at, http_status, outcome, name, contact, error_code, error_message, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            receipt.received_at,
            receipt.http_status,
            receipt.outcome,
            receipt.name,
            receipt.contact,
            refusal.code if refusal else None,
            refusal.message if refusal else None,
            receipt.body,
        ),
    )
    number = int(written.lastrowid or 0)
    if number % _COUNTED_AT_ONCE == 0:
        # Without the one just written, whose event is not written yet.
        count_submissions(connection, end=number)
    return number


def first_submission(connection: sqlite3.Connection, place: Place) -> int | None:
    """Return the submission that brought an event.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside `Store.writing`.
    place : Place
        The event.

    Returns
    -------
    int or None
        The submission's number; None when the workspace does not hold the event.
    """
    query = "SELECT number FROM events WHERE contact = ? AND created_at = ? AND name = ?"
    found = connection.execute(query, (place.contact, place.created_at, place.name)).fetchone()
    return None if found is None else int(found[0])


def add_event(connection: sqlite3.Connection, place: Place, *, submission: int) -> None:
    """Write an event.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside `Store.writing`.
    place : Place
        The event, which the workspace does not hold yet.
    submission : int
        The number of the submission that brought it.
    """
    connection.execute(
        "INSERT INTO events (number, contact, created_at, name) VALUES (?, ?, ?, ?)",
        (submission, place.contact, place.created_at, place.name),
    )


def add_summary(connection: sqlite3.Connection, place: Place, *, count: int, last: int) -> None:
    """Add to what a contact's summary says of a name.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside `Store.writing`.
    place : Place
        The contact, the name, and the first second.
    count : int
        How many events to add.
    last : int
        The last second.
    """
    connection.execute(
        "INSERT INTO event_summaries VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET count = count + excluded.count, first = min(first, excluded.first), last = max(last, excluded.last)",
        (place.contact, place.name, count, place.created_at, last),
    )


def count_repeat(connection: sqlite3.Connection, event: int) -> None:
    """Count a submission that Intercom ignores.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside `Store.writing`.
    event : int
        The number of the event that it repeats.
    """
    connection.execute("UPDATE events SET times_received = times_received + 1 WHERE number = ?", (event,))


def count_submissions(connection: sqlite3.Connection, *, end: int = _END) -> None:
    """Add the submissions that are new since the last time to the counts.

    Parameters
    ----------
    connection : sqlite3.Connection
        Inside `Store.writing`.
    end : int, optional
        The first number that is not counted yet; by default all are.
    """
    for query in (_COUNT_TALLIES, _COUNT_DAYS, _COUNTED):
        connection.execute(query, {"end": end})
