"""A workspace: who is known, which events are kept, what was received."""

import enum
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from events_pandas import intercom
from events_pandas.sandbox.rules.events import SandboxEvent, judge, read_sent
from events_pandas.sandbox.rules.refusals import TOO_MANY_NAMES, Refusal
from events_pandas.sandbox.workspace.contact_book import ContactBook
from events_pandas.sandbox.workspace.contacts import Contacts
from events_pandas.sandbox.workspace.store import Row, Store

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


_ACCEPTED: Final = 202
# Rows that are read at once: the server waits meanwhile.
_SLICE: Final = 5_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """A submission as the workspace remembers it.

    Parameters
    ----------
    received_at : float
        The server's time, in Unix seconds.
    http_status : int or None
        The status that was answered; None when nothing was answered.
    outcome : Outcome
        ``FAILED`` stands for a chosen fault.
    error_code : str or None
        Intercom's word for the error, where there is one.
    error_message : str or None
        The same for people.
    body : bytes
        The body as it arrived.
    """

    received_at: float
    http_status: int | None
    outcome: Outcome
    error_code: str | None
    error_message: str | None
    body: bytes


class Workspace:
    """Keep what Intercom would keep.

    Parameters
    ----------
    store : Store, optional
        Where it is kept; by default in memory.
    contacts : Contacts, optional
        Who exists; by default everybody.
    region : {"us", "eu", "au"}, default "us"
        Where the workspace says it is.

    Raises
    ------
    ValueError
        If there is no such region.

    Notes
    -----
    The server's thread writes, any thread reads. Of an event only the body is kept, and judged again when somebody
    asks: less than 1 kB for an event of usual size.
    """

    def __init__(self, *, store: Store | None = None, contacts: Contacts | None = None, region: str = "us") -> None:
        if region not in intercom.REGION_URLS:
            raise ValueError(f"no region {region!r}: there are {', '.join(intercom.REGION_URLS)}")
        self.store = Store() if store is None else store
        self.contacts = ContactBook(self.store, Contacts() if contacts is None else contacts)
        self.region = region
        # What is written of a name never changes: each is looked up once.
        self._active_names: dict[str, int] = {}

    def submit(self, body: bytes, *, received_at: float, is_answered: bool = True) -> Outcome | Refusal:
        """Keep an event, or say why not; remember the submission either way.

        Parameters
        ----------
        body : bytes
            The body of the submission.
        received_at : float
            The server's time, in Unix seconds.
        is_answered : bool, default True
            False when nothing is to be answered.

        Returns
        -------
        Outcome or Refusal
            ``KEPT`` or ``DUPLICATE``, both of which Intercom answers with 202; otherwise the refusal.
        """
        event = judge(body)
        with self.store.writing() as connection:
            if isinstance(event, Refusal):
                verdict: Outcome | Refusal = event
            else:
                status = _ACCEPTED if is_answered else None
                verdict = self._keep(connection, event, body=body, received_at=received_at, http_status=status)
            if isinstance(verdict, Refusal):
                status = verdict.status if is_answered else None
                outcome = Outcome.REFUSED
                receipt = Receipt(
                    received_at=received_at, body=body, http_status=status, outcome=outcome, refusal=verdict
                )
                _log(connection, receipt)
        return verdict

    def turn_away(
        self,
        body: bytes,
        *,
        received_at: float,
        outcome: Outcome,
        http_status: int | None,
        refusal: Refusal | None = None,
    ) -> None:
        """Remember a submission that nobody judged.

        Parameters
        ----------
        body : bytes
            The body of the submission.
        received_at : float
            The server's time, in Unix seconds.
        outcome : Outcome
            ``REFUSED`` at the door, or ``FAILED`` by a chosen fault.
        http_status : int or None
            The status that was answered; None when nothing was answered.
        refusal : Refusal, optional
            The error, where there is one.
        """
        receipt = Receipt(received_at=received_at, body=body, http_status=http_status, outcome=outcome, refusal=refusal)
        with self.store.writing() as connection:
            _log(connection, receipt)

    def events(self) -> list[SandboxEvent]:
        """Return the events kept, in order of arrival.

        Returns
        -------
        list of SandboxEvent
            Each event once, as it arrived first.
        """
        query = (
            "SELECT number, times_received, body FROM events JOIN submissions USING (number)"
            " WHERE number > ? ORDER BY number LIMIT ?"
        )
        # Judged outside the lock, since that takes a while and the server has to go on.
        events = ((judge(body), times) for _, times, body in self._slices(query))
        return [replace(event, times_received=times) for event, times in events if isinstance(event, SandboxEvent)]

    def duplicates(self) -> int:
        """Count the submissions that were taken and ignored.

        Returns
        -------
        int
            Repeats of contact, normalized name and second.
        """
        return self._count("outcome = ?", Outcome.DUPLICATE)

    def requests(self) -> int:
        """Count what was received.

        Returns
        -------
        int
            Submissions: kept, repeated, refused and failed.
        """
        return self._count("true")

    def submissions(self) -> Iterator[Submission]:
        """Walk through what was received, in order of arrival.

        Yields
        ------
        Submission
            All of it: kept, repeated, refused and failed.
        """
        query = (
            "SELECT number, received_at, http_status, outcome, error_code, error_message, body FROM submissions"
            " WHERE number > ? ORDER BY number LIMIT ?"
        )
        for _, received_at, http_status, outcome, error_code, error_message, body in self._slices(query):
            yield Submission(
                received_at=received_at,
                http_status=http_status,
                outcome=Outcome(outcome),
                error_code=error_code,
                error_message=error_message,
                body=body,
            )

    def count(self) -> None:
        """Bring the counts of submissions up to date: before they are read, since they follow now and then only."""
        with self.store.writing() as connection:
            count_submissions(connection)

    def admin(self) -> dict[str, object]:
        """Return who is behind the token, and the workspace.

        Returns
        -------
        dict
            The admin with the app, in Intercom's form.
        """
        app = {
            "type": "app",
            "id_code": self.store.id_code,
            "name": "Sandbox",
            "created_at": self.store.created_at,
            "secure": False,
            "identity_verification": False,
            "timezone": "UTC",
            # In capitals, as in Intercom's own examples.
            "region": self.region.upper(),
        }
        return {
            "type": "admin",
            "id": "1",
            "email": "admin@example.com",
            "name": "Sandbox Admin",
            "email_verified": True,
            "has_inbox_seat": True,
            "avatar": {"type": "avatar", "image_url": None},
            "app": app,
        }

    def name_for_writing(self, connection: sqlite3.Connection, event_name: str) -> int | Refusal:
        """Return the number of an event name that the workspace takes among its active ones.

        Parameters
        ----------
        connection : sqlite3.Connection
            Inside `Store.writing`.
        event_name : str
            The normalized name.

        Returns
        -------
        int or Refusal
            The name's number; 422 when the workspace has no room for another name.
        """
        if event_name in self._active_names:
            return self._active_names[event_name]
        number = name_number(connection, event_name)
        if is_active(connection, number):
            # Not earlier: what is activated now is undone if this transaction is.
            self._active_names[event_name] = number
        elif not activate_name(connection, number):
            return TOO_MANY_NAMES
        return number

    def _keep(
        self,
        connection: sqlite3.Connection,
        event: SandboxEvent,
        *,
        body: bytes,
        received_at: float,
        http_status: int | None,
    ) -> Outcome | Refusal:
        contact = self.contacts.resolve(connection, event.identifier, event.contact, now=received_at)
        if isinstance(contact, Refusal):
            return contact
        name = self.name_for_writing(connection, event.event_name)
        if isinstance(name, Refusal):
            return name
        place = Place(contact=contact, created_at=event.created_at, name=name)
        first = first_submission(connection, place)
        receipt = Receipt(
            received_at=received_at,
            body=body,
            http_status=http_status,
            outcome=Outcome.KEPT if first is None else Outcome.DUPLICATE,
            name=name,
            contact=event.contact,
        )
        number = add_submission(connection, receipt)
        if first is None:
            add_event(connection, place, submission=number)
        else:
            count_repeat(connection, first)
        return receipt.outcome

    def _count(self, condition: str, *values: object) -> int:
        # Nothing is written, so that a full disk does not keep the numbers back: what is not counted yet is little.
        query = (
            f"SELECT (SELECT coalesce(sum(count), 0) FROM tallies WHERE {condition})"  # noqa: S608  # Written here.
            f" + (SELECT count(*) FROM submissions, workspace WHERE number > counted AND {condition})"
        )
        ((count,),) = self.store.read(query, (*values, *values))
        return int(count)

    def _slices(self, query: str) -> Iterator[Row]:
        """Walk through a query of `number > ? … LIMIT ?` whose first column is the number."""
        last = 0
        while rows := self.store.read(query, (last, _SLICE)):
            yield from rows
            last = rows[-1][0]


def _log(connection: sqlite3.Connection, receipt: Receipt) -> None:
    """Write down a submission that was not kept, under what can be read of it."""
    sent = read_sent(receipt.body)
    name = None
    if sent.event_name is not None:
        name = name_number(connection, intercom.normalized_event_name(sent.event_name))
    add_submission(connection, replace(receipt, name=name, contact=sent.contact))
