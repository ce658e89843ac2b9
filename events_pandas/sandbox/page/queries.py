"""What the page reads of the submissions: short queries, since the server waits while one runs."""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

from events_pandas.sandbox.endpoints.history import contact_counts
from events_pandas.sandbox.workspace.contact_book import IDENTIFIER_COLUMNS, SELECT_CONTACTS, contact_of_row
from events_pandas.sandbox.workspace.contacts import Contact
from events_pandas.sandbox.workspace.store import EARLIEST, Row, Store

LARGEST_SHOWN_BODY: Final = 65_536
"""Bytes of a body that is read to be shown; of a larger one only the beginning is."""

MOST_LOOKED_AT: Final = 50_000
"""Submissions of one kind that are looked through for those that are of another kind as well, at a time."""

_BEGINNING: Final = 4_096
SHOWN_BODY: Final = (
    f"CASE WHEN length(body) <= {LARGEST_SHOWN_BODY} THEN body ELSE substr(body, 1, {_BEGINNING}) END AS body"
)
"""The body of a submission in SQL, so that a page does not read fifty of a megabyte."""

_BEYOND: Final = 2**63 - 1
_SUBMISSION: Final = (
    "SELECT submissions.number, received_at, http_status, outcome, names.name, contact, error_code, error_message,"  # noqa: S608  # All written here.
    f" length(body), {SHOWN_BODY} FROM submissions LEFT JOIN names ON names.number = submissions.name"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmissionRow:
    """A submission, as the log has it.

    Parameters
    ----------
    number : int
        Its place in the log, from 1.
    received_at : float
        The sandbox's time, in Unix seconds.
    http_status : int or None
        None when nothing was answered.
    outcome : str
        What became of it.
    name : str or None
        The normalized event name, where one could be read.
    contact : str or None
        The identifier's text, where one could be read.
    error_code : str or None
        Intercom's word for the error.
    error_message : str or None
        The same for people.
    size : int
        Bytes of the body.
    body : bytes
        The body as it arrived; of a large one the beginning.
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
class Selection:
    """Which submissions to read.

    Parameters
    ----------
    name : int, optional
        The number of an event name.
    contacts : tuple of str, default ()
        The identifiers of one contact, one of which is named; empty for all contacts.
    outcome : str, optional
        What became of them.
    http_status : int, optional
        What was answered; 0 for nothing.
    before : int, optional
        Only lower numbers.
    """

    name: int | None = None
    contacts: tuple[str, ...] = ()
    outcome: str | None = None
    http_status: int | None = None
    before: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Selected:
    """What was found.

    Parameters
    ----------
    rows : tuple of SubmissionRow
        The last received first.
    floor : int
        The number above which all were looked at; 0 when there is nothing else to look at.
    """

    rows: tuple[SubmissionRow, ...]
    floor: int


def find_submission(store: Store, number: int) -> list[SubmissionRow]:
    """Return the submission of a number.

    Parameters
    ----------
    store : Store
        The workspace.
    number : int
        Any.

    Returns
    -------
    list of SubmissionRow
        One, or none.
    """
    return _rows(store.read(f"{_SUBMISSION} WHERE submissions.number = ?", (number,)))


def read_body(store: Store, number: int) -> bytes | None:
    """Return the body of a submission.

    Parameters
    ----------
    store : Store
        The workspace.
    number : int
        The submission's.

    Returns
    -------
    bytes or None
        All of it; None when there is no such submission.
    """
    rows = store.read("SELECT body FROM submissions WHERE number = ?", (number,))
    return rows[0][0] if rows else None


def was_named(store: Store, contact: str) -> bool:
    """Say whether a submission named a contact, whatever became of it.

    Parameters
    ----------
    store : Store
        The workspace.
    contact : str
        The identifier, as it was sent.

    Returns
    -------
    bool
        True if there is at least one.
    """
    return bool(store.read("SELECT 1 FROM submissions WHERE contact = ? LIMIT 1", (contact,)))


def read_submissions(store: Store, selection: Selection, limit: int) -> Selected:
    """Return submissions.

    Parameters
    ----------
    store : Store
        The workspace.
    selection : Selection
        Which.
    limit : int
        How many at most.

    Returns
    -------
    Selected
        The last that match, among the `MOST_LOOKED_AT` last that may.
    """
    conditions = _conditions(store, selection)
    named = [{"contact": contact, **conditions} for contact in selection.contacts] or [conditions]
    walks = [_furthest_walk(store, one, selection.before) for one in named]
    between = _Between(floor=max(floor for floor, _ in walks), before=selection.before)
    # One query for each identifier walks its index backwards; all at once would be sorted first.
    found = {row[0]: row for _, one in walks for row in _matching(store, one, between, limit=limit)}
    rows = _rows([found[number] for number in sorted(found, reverse=True)[:limit]])
    return Selected(rows=tuple(rows), floor=between.floor)


def count_submissions(store: Store, selection: Selection) -> int:
    """Count submissions, on all pages.

    Parameters
    ----------
    store : Store
        The workspace.
    selection : Selection
        Which; its contacts are left out of account.

    Returns
    -------
    int
        From the tallies, which are few.
    """
    conditions = _conditions(store, selection)
    where = " AND ".join([f"{column} = ?" for column in conditions] or ["TRUE"])
    query = f"SELECT coalesce(sum(count), 0) FROM tallies WHERE {where}"  # noqa: S608  # Three columns at most.
    ((count,),) = store.read(query, [*conditions.values()])
    return int(count)


def _conditions(store: Store, selection: Selection) -> dict[str, str | int]:
    """Return what columns have to be, the rarest first: its index is the one to walk."""
    asked = {"name": selection.name, "outcome": selection.outcome, "http_status": selection.http_status}
    given = {column: value for column, value in asked.items() if value is not None}
    if len(given) < 2:  # noqa: PLR2004  # There is nothing to compare.
        return given
    return dict(sorted(given.items(), key=lambda condition: _tallied(store, *condition)))


def _tallied(store: Store, column: str, value: str | int) -> int:
    query = f"SELECT coalesce(sum(count), 0) FROM tallies WHERE {column} = ?"  # noqa: S608  # One of three columns.
    ((count,),) = store.read(query, (value,))
    return int(count)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Between:
    """Two numbers between which those of submissions lie."""

    floor: int
    before: int | None


def _furthest_walk(
    store: Store, conditions: Mapping[str, str | int], before: int | None
) -> tuple[int, Mapping[str, str | int]]:
    """Return how far down to look, and the conditions in an order that allows it: the first one's index is walked."""
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
    rows = store.read(query, (value, _BEYOND if before is None else before, MOST_LOOKED_AT))
    return rows[0][0] if rows else 0


def _matching(store: Store, conditions: Mapping[str, str | int], between: _Between, *, limit: int) -> list[Row]:
    # The plus sign keeps SQLite from choosing another index than the first condition's.
    wheres = [
        f"{'+' if place else ''}submissions.{column} {_comparison(column, value)}"
        for place, (column, value) in enumerate(conditions.items())
    ]
    values = list(conditions.values())
    if between.floor:
        wheres.append("submissions.number > ?")
        values.append(between.floor)
    if between.before is not None:
        wheres.append("submissions.number < ?")
        values.append(between.before)
    where = f"WHERE {' AND '.join(wheres)}" if wheres else ""
    return store.read(f"{_SUBMISSION} {where} ORDER BY submissions.number DESC LIMIT ?", [*values, limit])


def _comparison(column: str, value: str | int) -> str:
    # What was not answered has no status; the tallies say 0 for it.
    return "IS nullif(?, 0)" if (column, value) == ("http_status", 0) else "= ?"


def _rows(rows: Sequence[Row]) -> list[SubmissionRow]:
    names = [field.name for field in fields(SubmissionRow)]
    return [SubmissionRow(**dict(zip(names, row, strict=True))) for row in rows]


MOST_COUNTED: Final = 50_000
"""Events of one contact that are counted, the latest ones: unlike those of the workspace, they are counted anew for
every page, and the server waits meanwhile."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EventCount:
    """How many events of one name a contact has.

    Parameters
    ----------
    name : str
        The normalized name.
    count : int
        Those that were sent as summaries included.
    first : int
        The first one's second, in Unix seconds.
    last : int
        Likewise.
    """

    name: str
    count: int
    first: int
    last: int


@dataclass(frozen=True, kw_only=True, slots=True)
class EventRow:
    """An event of a contact.

    Parameters
    ----------
    number : int
        The number of the submission that brought it.
    created_at : int
        Unix seconds.
    name : str
        The normalized event name.
    times_received : int
        Submissions of this event; all but the first are duplicates.
    size : int
        Bytes of the first one's body.
    body : bytes
        That body; of a large one the beginning.
    """

    number: int
    created_at: int
    name: str
    times_received: int
    size: int
    body: bytes


def find_contact(store: Store, identifier: str) -> Contact | None:
    """Return the contact that a text names.

    Parameters
    ----------
    store : Store
        The workspace.
    identifier : str
        An identifier of whichever kind.

    Returns
    -------
    Contact or None
        By its external identifier rather than Intercom's, by this rather than the address; None if nobody has it.
    """
    for column in IDENTIFIER_COLUMNS.values():
        rows = store.read(f"{SELECT_CONTACTS} WHERE {column} = ? ORDER BY role DESC LIMIT 1", (identifier,))
        if rows:
            return contact_of_row(rows[0])
    return None


def read_since(store: Store, contact: int, limit: int) -> int | None:
    """Return from when on the events of a contact are counted.

    Parameters
    ----------
    store : Store
        The workspace.
    contact : int
        The contact's number.
    limit : int
        How many events to count at most.

    Returns
    -------
    int or None
        The earliest second, in Unix seconds; None when all events are counted.
    """
    query = "SELECT created_at + 1 FROM events WHERE contact = ? ORDER BY created_at DESC LIMIT 1 OFFSET ?"
    rows = store.read(query, (contact, limit))
    return rows[0][0] if rows else None


def read_counts(store: Store, contact: int, since: int | None) -> list[EventCount]:
    """Count the events of a contact by name.

    Parameters
    ----------
    store : Store
        The workspace.
    contact : int
        The contact's number.
    since : int or None
        Only events of this second and later; None for all.

    Returns
    -------
    list of EventCount
        The name that was seen last comes first.
    """
    rows = contact_counts(store, contact, since=EARLIEST if since is None else since)
    return [EventCount(name=name, count=count, first=first, last=last) for name, count, first, last in rows]


def read_timeline(store: Store, contact: int, *, name: int | None, until: int | None, limit: int) -> list[EventRow]:
    """Return the events of a contact.

    Parameters
    ----------
    store : Store
        The workspace.
    contact : int
        The contact's number.
    name : int or None
        Only events of this name.
    until : int or None
        Only what comes before the event of this number.
    limit : int
        How many at most.

    Returns
    -------
    list of EventRow
        The latest first, by the time that the events themselves say.
    """
    named = "" if name is None else "AND +events.name = ?"
    earlier = (
        ""
        if until is None
        else "AND (events.created_at, events.name) < (SELECT created_at, name FROM events WHERE number = ?)"
    )
    query = (
        "SELECT events.number, created_at, names.name, times_received, length(body),"  # noqa: S608  # Written above.
        f" {SHOWN_BODY} FROM events"
        " JOIN names ON names.number = events.name JOIN submissions ON submissions.number = events.number"
        f" WHERE events.contact = ? {named} {earlier} ORDER BY created_at DESC, events.name DESC LIMIT ?"
    )
    values = [value for value in (contact, name, until, limit) if value is not None]
    rows = store.read(query, values)
    return [
        EventRow(number=number, created_at=created_at, name=event_name, times_received=times, size=size, body=body)
        for number, created_at, event_name, times, size, body in rows
    ]


def first_submission_of(store: Store, *, identifier: str, contact: str, created_at: int, name: str) -> int | None:
    """Return which submission brought an event.

    Parameters
    ----------
    store : Store
        The workspace.
    identifier : {"user_id", "id", "email"}
        What its contact is named by.
    contact : str
        The contact, as that field names it.
    created_at : int
        Unix seconds.
    name : str
        The normalized event name.

    Returns
    -------
    int or None
        The submission's number; None if there is no such event.
    """
    query = (
        "SELECT events.number FROM contacts CROSS JOIN names CROSS JOIN events"  # noqa: S608  # One of three columns.
        f" WHERE contacts.{IDENTIFIER_COLUMNS[identifier]} = ? AND names.name = ? AND events.contact = contacts.number"
        " AND events.created_at = ? AND events.name = names.number"
    )
    rows = store.read(query, (contact, name, created_at))
    return rows[0][0] if rows else None
