"""What the page asks the database: all of its SQL. Every `connection` is one of `Store.reading`."""

import bisect
import itertools
import math
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

from events_pandas.sandbox.workspace.contact_book import IDENTIFIER_COLUMNS, SELECT_CONTACTS, contact_of_row
from events_pandas.sandbox.workspace.contacts import Contact

_Kind = TypeVar("_Kind")

LARGEST_SHOWN_BODY: Final = 65_536
"""Bytes of the largest body that is shown whole; of a larger one only the beginning is read."""

_BEGINNING: Final = 4_096

# A page does not read fifty bodies of a megabyte each.
_BODY: Final = (
    f"length(body), CASE WHEN length(body) <= {LARGEST_SHOWN_BODY} THEN body ELSE substr(body, 1, {_BEGINNING}) END"
)
_SUBMISSIONS: Final = (
    "SELECT submissions.number, received_at, http_status, outcome, names.name, contact, error_code, error_message,"  # noqa: S608  # All written here.
    f" {_BODY} FROM submissions LEFT JOIN names ON names.number = submissions.name"
)
_TIMELINE: Final = f"""
SELECT events.number, created_at, names.name, times_received, {_BODY}
FROM events JOIN names ON names.number = events.name JOIN submissions ON submissions.number = events.number
WHERE events.contact = :contact AND (:name IS NULL OR events.name = :name) AND (:until IS NULL
    OR (events.created_at, events.name) < (SELECT created_at, name FROM events WHERE number = :until))
ORDER BY created_at DESC, events.name DESC LIMIT :limit
"""  # noqa: S608  # All written here.
# The index counts by all three; this adds up a few rows.
_OUTCOMES: Final = """
SELECT outcome, coalesce(http_status, 0), sum(count) FROM (
    SELECT outcome, http_status, count(*) AS count FROM submissions GROUP BY name, outcome, http_status
) GROUP BY outcome, http_status
"""
# Only the contacts of failed submissions are compared: a workspace may hold a million bodies.
_RECOVERED: Final = """
SELECT count(*) FROM submissions WHERE outcome = 'failed' AND body IN (
    SELECT body FROM submissions INDEXED BY submissions_by_contact WHERE outcome IN ('kept', 'duplicate')
    AND contact IN (SELECT contact FROM submissions WHERE outcome = 'failed' AND contact IS NOT NULL)
)
"""
# The limit comes before the join: if identifiers are sent as names, there are as many names as submissions.
_NAMES: Final = """
SELECT names.name, count FROM (
    SELECT name, count(*) AS count FROM submissions WHERE name IS NOT NULL
    GROUP BY name ORDER BY count DESC, name LIMIT ?
) AS counted JOIN names ON names.number = counted.name ORDER BY count DESC, number
"""
# Times before 1970 and after 2099 are mistakes rather than dates, and would flatten the rest of the chart.
_DAYS: Final = """
SELECT day, names.name, count FROM (
    SELECT CASE WHEN created_at BETWEEN 0 AND 4102444799 THEN created_at / 86400 END AS day, name, count(*) AS count
    FROM events WHERE {condition} GROUP BY day, name
) AS counted JOIN names ON names.number = counted.name ORDER BY names.number
"""


class SubmissionRow(NamedTuple):
    """A submission in the log; None: nothing was answered, or the field could not be read.

    `received_at` is in Unix seconds by the sandbox's clock. `size` is that of the whole body in bytes; of a large one,
    `body` is only the beginning.
    """

    number: int
    received_at: float
    http_status: int | None
    outcome: str
    name: str | None
    contact: str | None
    error_code: str | None
    error_message: str | None
    size: int
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmissionFilter:
    """Which submissions to read; None and empty for all.

    `name` is a number. `contacts` are the identifiers of one contact; status 0: no answer.
    """

    name: int | None = None
    contacts: tuple[str, ...] = ()
    outcome: str | None = None
    http_status: int | None = None


class EventRow(NamedTuple):
    """An event of a contact, with the number, the size in bytes and the body of its first submission.

    `created_at` is in Unix seconds, and a large body is only the beginning. All submissions but the first are
    duplicates.
    """

    number: int
    created_at: int
    name: str
    times_received: int
    size: int
    body: bytes


def read_change(connection: sqlite3.Connection) -> tuple[int, int, float]:
    """Return the last numbers of submissions and contacts, and the sandbox's time at the last submission.

    One of the numbers differs after every change of the workspace. Everything is 0 before the first.
    """
    ((last, contacts),) = connection.execute(
        "SELECT coalesce((SELECT max(number) FROM submissions), 0), coalesce((SELECT max(number) FROM contacts), 0)"
    )
    return last, contacts, _received_at(connection, last) if last else 0.0


def count_outcomes(connection: sqlite3.Connection) -> list[tuple[str, int, int]]:
    """Count all submissions by outcome and status; status 0: nothing was answered."""
    return connection.execute(_OUTCOMES).fetchall()


def count_names(connection: sqlite3.Connection, limit: int) -> dict[str, int]:
    """Count submissions by event name, whatever their outcome; the most frequent come first."""
    return dict(connection.execute(_NAMES, (limit,)))


def count_arrivals(connection: sqlite3.Connection, now: float, *, spans: int, span_seconds: int) -> list[int]:
    """Count the last submissions in `spans` spans, the earliest first. The last span ends before the present second."""
    end, *_ = read_change(connection)
    edges = []
    for place in range(spans + 1):
        # Times have no index, but rise with the numbers.
        second = math.floor(now) - place * span_seconds
        end = bisect.bisect_left(range(1, end + 1), float(second), key=lambda number: _received_at(connection, number))
        edges.append(end)
    return [later - earlier for later, earlier in itertools.pairwise(edges)][::-1]


def count_recovered(connection: sqlite3.Connection) -> int:
    """Count the failed submissions whose body was accepted in another submission."""
    ((count,),) = connection.execute(_RECOVERED)
    return int(count)


def count_days(
    connection: sqlite3.Connection, *, contact: int | None, selection: SubmissionFilter
) -> list[tuple[int | None, str, int]]:
    """Count events by the day of their time, in days since 1970, and by their name; None for all contacts.

    The selection's outcome and status are those of an event's first submission. The day is None before 1970 and after
    2099, and names come in the order in which they were first seen.
    """
    status = "events.number IN (SELECT number FROM submissions WHERE {})"
    given = {
        "contact = ?": contact,
        "name = ?": selection.name,
        status.format("outcome = ?"): selection.outcome,
        status.format("http_status IS nullif(?, 0)"): selection.http_status,
    }
    conditions = {condition: value for condition, value in given.items() if value is not None}
    condition = " AND ".join(["TRUE", *conditions])
    return connection.execute(_DAYS.format(condition=condition), list(conditions.values())).fetchall()


def find_name(connection: sqlite3.Connection, name: str) -> int | None:
    """Return the number of a normalized event name; None if nobody ever submitted it."""
    return _first(int, connection, "SELECT number FROM names WHERE name = ?", name)


def find_contact(connection: sqlite3.Connection, identifier: str) -> Contact | None:
    """Return the contact with an identifier: the external one first, then Intercom's, then the address.

    None: nobody.
    """
    for column in IDENTIFIER_COLUMNS.values():
        query = f"{SELECT_CONTACTS} WHERE {column} = ? ORDER BY role DESC LIMIT 1"
        row = connection.execute(query, (identifier,)).fetchone()
        if row is not None:
            return contact_of_row(row)
    return None


def was_named(connection: sqlite3.Connection, contact: str) -> bool:
    """Return whether a submission named a contact by this identifier, whatever its outcome."""
    return _first(int, connection, "SELECT 1 FROM submissions WHERE contact = ? LIMIT 1", contact) is not None


def find_submission(connection: sqlite3.Connection, number: int) -> list[SubmissionRow]:
    """Return the submission of a number: a list of one, or of none."""
    rows = connection.execute(f"{_SUBMISSIONS} WHERE submissions.number = ?", (number,))
    return list(map(SubmissionRow._make, rows))


def read_body(connection: sqlite3.Connection, number: int) -> bytes | None:
    """Return the whole body of a submission; None if there is no such submission."""
    return _first(bytes, connection, "SELECT body FROM submissions WHERE number = ?", number)


def read_submissions(
    connection: sqlite3.Connection, selection: SubmissionFilter, *, before: int | None, limit: int
) -> list[SubmissionRow]:
    """Return the submissions that match, the last received first. `before` leaves only lower numbers."""
    matching, values = _matching(selection)
    if before is not None:
        matching += " AND number < ?"
        values.append(before)
    query = (
        f"{_SUBMISSIONS} WHERE submissions.number IN (SELECT number {matching} ORDER BY number DESC LIMIT ?)"
        " ORDER BY submissions.number DESC"
    )
    return list(map(SubmissionRow._make, connection.execute(query, (*values, limit))))


def count_submissions(connection: sqlite3.Connection, selection: SubmissionFilter) -> int:
    """Count the submissions that match, on all pages."""
    matching, values = _matching(selection)
    ((count,),) = connection.execute(f"SELECT count(*) {matching}", values)  # Built below of fixed parts.
    return int(count)


def read_timeline(
    connection: sqlite3.Connection, contact: int, *, name: int | None, until: int | None, limit: int
) -> list[EventRow]:
    """Return the events of a contact, the latest `created_at` first.

    `name` leaves only events of this name, `until` only those before the event of this number.
    """
    values = {"contact": contact, "name": name, "until": until, "limit": limit}
    return list(map(EventRow._make, connection.execute(_TIMELINE, values)))


def first_submission_of(
    connection: sqlite3.Connection, *, identifier: str, contact: str | None, created_at: int, name: str | None
) -> int | None:
    """Return the number of the submission that brought an event; None if there is no such event."""
    query = (
        "SELECT events.number FROM contacts CROSS JOIN names CROSS JOIN events"  # noqa: S608  # One of three columns.
        f" WHERE contacts.{IDENTIFIER_COLUMNS[identifier]} = ? AND names.name = ? AND events.contact = contacts.number"
        " AND events.created_at = ? AND events.name = names.number"
    )
    return _first(int, connection, query, contact, name, created_at)


def _matching(selection: SubmissionFilter) -> tuple[str, list[str | int]]:
    """Return the part of a query from FROM to WHERE, and its values. SQLite cannot know the best index by itself."""
    given = {
        "name = ?": selection.name,
        "outcome = ?": selection.outcome,
        # NULL stands for no answer.
        "http_status IS nullif(?, 0)": selection.http_status,
    }
    conditions = {condition: value for condition, value in given.items() if value is not None}
    wheres, values = ["TRUE", *conditions], list(conditions.values())
    index = "INDEXED BY submissions_by_kind" if conditions else "NOT INDEXED"
    if selection.contacts:
        index = "INDEXED BY submissions_by_contact"
        wheres.append(f"contact IN ({', '.join('?' * len(selection.contacts))})")
        values += selection.contacts
    return f"FROM submissions {index} WHERE {' AND '.join(wheres)}", values


def _received_at(connection: sqlite3.Connection, number: int) -> float:
    return _first(float, connection, "SELECT received_at FROM submissions WHERE number = ?", number) or 0.0


def _first(kind: Callable[[Any], _Kind], connection: sqlite3.Connection, query: str, *values: object) -> _Kind | None:
    """Return the first column of the first row as this kind; None if there is no row."""
    row = connection.execute(query, values).fetchone()
    return None if row is None else kind(row[0])
