"""What the page reads of one contact: who it is, and what it did."""

from dataclasses import dataclass
from typing import Final

from events_pandas.sandbox.endpoints.history import contact_counts
from events_pandas.sandbox.page.queries import SHOWN_BODY
from events_pandas.sandbox.workspace.contact_book import IDENTIFIER_COLUMNS, SELECT_CONTACTS, contact_of_row
from events_pandas.sandbox.workspace.contacts import Contact
from events_pandas.sandbox.workspace.store import EARLIEST, Store

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
