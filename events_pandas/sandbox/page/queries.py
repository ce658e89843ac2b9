"""The submissions and the contacts of the page: short queries, since the server waits while one runs."""

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Final, TypeVar

from events_pandas.sandbox.endpoints.history import contact_counts
from events_pandas.sandbox.workspace.contact_book import IDENTIFIER_COLUMNS, SELECT_CONTACTS, contact_of_row
from events_pandas.sandbox.workspace.contacts import Contact
from events_pandas.sandbox.workspace.store import EARLIEST, Row, Store

LARGEST_SHOWN_BODY: Final = 65_536
"""Bytes of the largest body that is shown whole; of a larger one only the beginning is read."""

_MOST_LOOKED_AT: Final = 50_000
"""Submissions that match one filter and are looked through at a time for a second one."""

MOST_COUNTED: Final = 50_000
"""The latest events of one contact that are counted. Every page counts them again, and the server waits meanwhile."""

_BEGINNING: Final = 4_096

_SHOWN_BODY: Final = (
    f"CASE WHEN length(body) <= {LARGEST_SHOWN_BODY} THEN body ELSE substr(body, 1, {_BEGINNING}) END AS body"
)
"""The body of a submission in SQL: a page does not read fifty bodies of a megabyte each."""

_BEYOND: Final = 2**63 - 1
_SUBMISSION: Final = (
    "SELECT submissions.number, received_at, http_status, outcome, names.name, contact, error_code, error_message,"  # noqa: S608  # All written here.
    f" length(body), {_SHOWN_BODY} FROM submissions LEFT JOIN names ON names.number = submissions.name"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmissionRow:
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

    `contacts` are the identifiers of one contact; status 0: no answer.
    """

    name: int | None = None
    contacts: tuple[str, ...] = ()
    outcome: str | None = None
    http_status: int | None = None
    before: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundSubmissions:
    """The submissions found, the last received first.

    All above the number `floor` were looked at; 0: there are no others.
    """

    rows: tuple[SubmissionRow, ...]
    floor: int


@dataclass(frozen=True, kw_only=True, slots=True)
class EventRow:
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


@dataclass(frozen=True, kw_only=True, slots=True)
class EventCount:
    """The number of a contact's events with one name, summaries included; the first and the last in Unix seconds."""

    name: str
    count: int
    first: int
    last: int


_Kind = TypeVar("_Kind", SubmissionRow, EventRow, EventCount)


def find_submission(store: Store, number: int) -> list[SubmissionRow]:
    """Return the submission of a number: a list of one, or of none."""
    return _read(SubmissionRow, store.read(f"{_SUBMISSION} WHERE submissions.number = ?", (number,)))


def read_body(store: Store, number: int) -> bytes | None:
    """Return the whole body of a submission; None if there is no such submission."""
    rows = store.read("SELECT body FROM submissions WHERE number = ?", (number,))
    return rows[0][0] if rows else None


def was_named(store: Store, contact: str) -> bool:
    """Return whether a submission named a contact by this identifier, whatever its outcome."""
    return bool(store.read("SELECT 1 FROM submissions WHERE contact = ? LIMIT 1", (contact,)))


def read_submissions(store: Store, selection: SubmissionFilter, limit: int) -> FoundSubmissions:
    """Return the last submissions that match, among the `_MOST_LOOKED_AT` last that may match."""
    conditions = _conditions(store, selection)
    named = [{"contact": contact, **conditions} for contact in selection.contacts] or [conditions]
    walks = [_furthest_walk(store, one, selection.before) for one in named]
    numbers = _NumberRange(floor=max(floor for floor, _ in walks), before=selection.before)
    # A query for each identifier walks its index backwards. One query for all would sort first.
    found = {row[0]: row for _, one in walks for row in _matching(store, one, numbers, limit=limit)}
    rows = _read(SubmissionRow, [found[number] for number in sorted(found, reverse=True)[:limit]])
    return FoundSubmissions(rows=tuple(rows), floor=numbers.floor)


def count_submissions(store: Store, selection: SubmissionFilter) -> int:
    """Count the submissions on all pages, for all contacts."""
    conditions = _conditions(store, selection)
    where = " AND ".join([f"{column} = ?" for column in conditions] or ["TRUE"])
    query = f"SELECT coalesce(sum(count), 0) FROM tallies WHERE {where}"  # noqa: S608  # Three columns at most.
    ((count,),) = store.read(query, [*conditions.values()])
    return int(count)


def find_contact(store: Store, identifier: str) -> Contact | None:
    """Return the contact with an identifier: the external one first, then Intercom's, then the address.

    None: nobody.
    """
    for column in IDENTIFIER_COLUMNS.values():
        rows = store.read(f"{SELECT_CONTACTS} WHERE {column} = ? ORDER BY role DESC LIMIT 1", (identifier,))
        if rows:
            return contact_of_row(rows[0])
    return None


def read_timeline(store: Store, contact: int, *, name: int | None, until: int | None, limit: int) -> list[EventRow]:
    """Return the events of a contact, the latest `created_at` first.

    `name` leaves only events of this name, `until` only those before the event of this number.
    """
    named = "" if name is None else "AND +events.name = ?"
    earlier = (
        ""
        if until is None
        else "AND (events.created_at, events.name) < (SELECT created_at, name FROM events WHERE number = ?)"
    )
    query = (
        "SELECT events.number, created_at, names.name, times_received, length(body),"  # noqa: S608  # Written above.
        f" {_SHOWN_BODY} FROM events"
        " JOIN names ON names.number = events.name JOIN submissions ON submissions.number = events.number"
        f" WHERE events.contact = ? {named} {earlier} ORDER BY created_at DESC, events.name DESC LIMIT ?"
    )
    values = [value for value in (contact, name, until, limit) if value is not None]
    return _read(EventRow, store.read(query, values))


def read_counts(store: Store, contact: int, since: int | None) -> list[EventCount]:
    """Count the events of a contact by name, the name seen last first. `since` is the earliest second; None for all."""
    return _read(EventCount, contact_counts(store, contact, since=EARLIEST if since is None else since))


def read_since(store: Store, contact: int, limit: int) -> int | None:
    """Return the earliest second from which to count at most `limit` events of a contact; None for all events."""
    query = "SELECT created_at + 1 FROM events WHERE contact = ? ORDER BY created_at DESC LIMIT 1 OFFSET ?"
    rows = store.read(query, (contact, limit))
    return rows[0][0] if rows else None


def first_submission_of(store: Store, *, identifier: str, contact: str, created_at: int, name: str) -> int | None:
    """Return the number of the submission that brought an event; None if there is no such event."""
    query = (
        "SELECT events.number FROM contacts CROSS JOIN names CROSS JOIN events"  # noqa: S608  # One of three columns.
        f" WHERE contacts.{IDENTIFIER_COLUMNS[identifier]} = ? AND names.name = ? AND events.contact = contacts.number"
        " AND events.created_at = ? AND events.name = names.number"
    )
    rows = store.read(query, (contact, name, created_at))
    return rows[0][0] if rows else None


def _conditions(store: Store, selection: SubmissionFilter) -> dict[str, str | int]:
    """Return the values that columns must have, the rarest first: its index is the one to walk."""
    asked = {"name": selection.name, "outcome": selection.outcome, "http_status": selection.http_status}
    given = {column: value for column, value in asked.items() if value is not None}
    if len(given) < 2:  # noqa: PLR2004  # There is nothing to compare.
        return given
    return dict(sorted(given.items(), key=lambda condition: _count_matching(store, *condition)))


def _count_matching(store: Store, column: str, value: str | int) -> int:
    query = f"SELECT coalesce(sum(count), 0) FROM tallies WHERE {column} = ?"  # noqa: S608  # One of three columns.
    ((count,),) = store.read(query, (value,))
    return int(count)


@dataclass(frozen=True, kw_only=True, slots=True)
class _NumberRange:
    """The numbers between which to look."""

    floor: int
    before: int | None


def _furthest_walk(
    store: Store, conditions: Mapping[str, str | int], before: int | None
) -> tuple[int, Mapping[str, str | int]]:
    """Return how far down to look, and the conditions in an order that allows it.

    The index of the first condition is walked.
    """
    if len(conditions) < 2:  # noqa: PLR2004  # Whatever is looked at matches.
        return 0, conditions
    walks = []
    for column, value in conditions.items():
        floor = _floor(store, column, value, before=before)
        walks.append((floor, {column: value, **conditions}))
        if floor == 0:
            break
    return min(walks, key=operator.itemgetter(0))


def _floor(store: Store, column: str, value: str | int, *, before: int | None) -> int:
    """Return the number above which to look, so that not too many are looked at; 0 if there are few enough."""
    query = (
        f"SELECT number FROM submissions WHERE {column} {_comparison(column, value)} AND number < ?"  # noqa: S608  # One of four columns.
        " ORDER BY number DESC LIMIT 1 OFFSET ?"
    )
    rows = store.read(query, (value, _BEYOND if before is None else before, _MOST_LOOKED_AT))
    return rows[0][0] if rows else 0


def _matching(store: Store, conditions: Mapping[str, str | int], numbers: _NumberRange, *, limit: int) -> list[Row]:
    # The plus sign keeps SQLite from choosing another index than the first condition's.
    wheres = [
        f"{'+' if place else ''}submissions.{column} {_comparison(column, value)}"
        for place, (column, value) in enumerate(conditions.items())
    ]
    values = list(conditions.values())
    if numbers.floor:
        wheres.append("submissions.number > ?")
        values.append(numbers.floor)
    if numbers.before is not None:
        wheres.append("submissions.number < ?")
        values.append(numbers.before)
    where = f"WHERE {' AND '.join(wheres)}" if wheres else ""
    return store.read(f"{_SUBMISSION} {where} ORDER BY submissions.number DESC LIMIT ?", [*values, limit])


def _comparison(column: str, value: str | int) -> str:
    # NULL stands for no answer; the tallies have 0 for it.
    return "IS nullif(?, 0)" if (column, value) == ("http_status", 0) else "= ?"


def _read(kind: type[_Kind], rows: Iterable[Row]) -> list[_Kind]:
    """Return rows whose columns are the fields of a class, in their order."""
    names = [field.name for field in fields(kind)]
    return [kind(**dict(zip(names, row, strict=True))) for row in rows]
