"""A workspace: the contacts that exist, the events that are kept, and the log of all submissions."""

import enum
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from events_pandas import intercom
from events_pandas.sandbox.rules.events import SandboxEvent, judge, read_sent
from events_pandas.sandbox.rules.refusals import TOO_MANY_NAMES, Refusal
from events_pandas.sandbox.workspace.contact_book import ContactBook
from events_pandas.sandbox.workspace.contacts import InitialContacts
from events_pandas.sandbox.workspace.store import Row, Store

_ACCEPTED: Final = 202
# Rows that are read at once; the server waits meanwhile.
_SLICE: Final = 5_000
# Submissions that are counted at once: few enough for a short pause, many enough to make each one cheap.
_COUNTED_AT_ONCE: Final = 1_000
_END: Final = 2**63 - 1
_COUNT_TALLIES: Final = """
INSERT INTO tallies SELECT coalesce(name, 0), outcome, coalesce(http_status, 0), count(*)
FROM submissions, workspace WHERE number > counted AND number < :end GROUP BY 1, 2, 3
ON CONFLICT DO UPDATE SET count = count + excluded.count
"""
# SQLite's remainder of a negative number is negative: without the second one, days before 1970 would be wrong.
_COUNT_DAYS: Final = """
INSERT INTO event_days
SELECT (events.created_at - (events.created_at % 86400 + 86400) % 86400) / 86400, name, count(*)
FROM events, workspace WHERE number > counted AND number < :end GROUP BY 1, 2
ON CONFLICT DO UPDATE SET count = count + excluded.count
"""
_COUNTED: Final = (
    "UPDATE workspace SET counted = (SELECT coalesce(max(number), 0) FROM submissions WHERE number < :end)"
)


class SubmissionOutcome(enum.StrEnum):
    """How a submission ended."""

    KEPT = "kept"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """A submission as the log remembers it.

    `received_at` is the server's time in Unix seconds. `http_status` is None if nothing was answered.
    """

    received_at: float
    http_status: int | None
    outcome: SubmissionOutcome
    error_code: str | None
    error_message: str | None
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class _LogEntry:
    """A submission as it goes into the log. `received_at` is the server's time in Unix seconds.

    `http_status` is None if nothing was answered; `name`, the number of the normalized event name, and `contact`, the
    text of the identifier, if they could not be read.
    """

    received_at: float
    body: bytes
    http_status: int | None
    outcome: SubmissionOutcome
    refusal: Refusal | None = None
    name: int | None = None
    contact: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class EventKey:
    """The key of an event in its workspace: its contact and its normalized name by their numbers, and its second."""

    contact: int
    created_at: int
    name: int


class Workspace:
    """Keep contacts, events and submissions as Intercom would.

    By default everything is in memory and every contact exists. ValueError: an unknown region.
    """

    # The server's thread writes, any thread reads. Only the body of an event is stored, and judged again when
    # somebody asks: less than 1 kB for an event of usual size.

    def __init__(
        self, *, store: Store | None = None, contacts: InitialContacts | None = None, region: str = "us"
    ) -> None:
        if region not in intercom.REGION_URLS:
            raise ValueError(f"no region {region!r}: use one of {', '.join(intercom.REGION_URLS)}")
        self.store = Store() if store is None else store
        self.contacts = ContactBook(self.store, InitialContacts() if contacts is None else contacts)
        self.region = region
        # The row of an active name never changes: each is looked up once.
        self._active_names: dict[str, int] = {}

    def submit(self, body: bytes, *, received_at: float, is_answered: bool = True) -> SubmissionOutcome | Refusal:
        """Keep an event or refuse it, and write the submission into the log.

        Intercom answers 202 both to an event that is kept and to a duplicate. `is_answered` is False if nothing will be
        answered.
        """
        event = judge(body)
        with self.store.writing() as connection:
            if isinstance(event, Refusal):
                verdict: SubmissionOutcome | Refusal = event
            else:
                status = _ACCEPTED if is_answered else None
                verdict = self._keep(connection, event, body=body, received_at=received_at, http_status=status)
            if isinstance(verdict, Refusal):
                status = verdict.status if is_answered else None
                outcome = SubmissionOutcome.REFUSED
                entry = _LogEntry(
                    received_at=received_at, body=body, http_status=status, outcome=outcome, refusal=verdict
                )
                _log(connection, entry)
        return verdict

    def log_unjudged(
        self,
        body: bytes,
        *,
        received_at: float,
        outcome: SubmissionOutcome,
        http_status: int | None,
        refusal: Refusal | None = None,
    ) -> None:
        """Log a submission that nobody judged: refused before that, or failed by a chosen fault."""
        entry = _LogEntry(received_at=received_at, body=body, http_status=http_status, outcome=outcome, refusal=refusal)
        with self.store.writing() as connection:
            _log(connection, entry)

    def events(self) -> list[SandboxEvent]:
        """Return the events kept, each once, in order of arrival."""
        query = (
            "SELECT number, times_received, body FROM events JOIN submissions USING (number)"
            " WHERE number > ? ORDER BY number LIMIT ?"
        )
        # Judged outside the lock: it takes a while, and the server has to go on.
        events = ((judge(body), times) for _, times, body in self._slices(query))
        return [replace(event, times_received=times) for event, times in events if isinstance(event, SandboxEvent)]

    def duplicates(self) -> int:
        """Count the submissions that were accepted and ignored: same contact, normalized name and second."""
        return self._count("outcome = ?", SubmissionOutcome.DUPLICATE)

    def requests(self) -> int:
        """Count all submissions, whatever their outcome."""
        return self._count("true")

    def submissions(self) -> Iterator[Submission]:
        """Yield all submissions in order of arrival."""
        query = (
            "SELECT number, received_at, http_status, outcome, error_code, error_message, body FROM submissions"
            " WHERE number > ? ORDER BY number LIMIT ?"
        )
        for _, received_at, http_status, outcome, error_code, error_message, body in self._slices(query):
            yield Submission(
                received_at=received_at,
                http_status=http_status,
                outcome=SubmissionOutcome(outcome),
                error_code=error_code,
                error_message=error_message,
                body=body,
            )

    def count(self) -> None:
        """Bring the counts of submissions up to date. Call it before reading them: otherwise they lag behind."""
        with self.store.writing() as connection:
            _count_submissions(connection)

    def admin(self) -> dict[str, object]:
        """Return the admin of the token, with the workspace as its app, in Intercom's form."""
        app = {
            "type": "app",
            "id_code": self.store.id_code,
            "name": "Sandbox",
            "created_at": self.store.created_at,
            "secure": False,
            "identity_verification": False,
            "timezone": "UTC",
            # Intercom's own examples have capitals.
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
        """Return the number of a normalized name among the active ones; 422 if there is no room for it."""
        if event_name in self._active_names:
            return self._active_names[event_name]
        number = _name_number(connection, event_name)
        if _is_active(connection, number):
            # Not in the transaction that activates the name: an error would undo that.
            self._active_names[event_name] = number
        elif not _activate_name(connection, number):
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
    ) -> SubmissionOutcome | Refusal:
        contact = self.contacts.resolve(connection, event.identifier, event.contact, now=received_at)
        if isinstance(contact, Refusal):
            return contact
        name = self.name_for_writing(connection, event.event_name)
        if isinstance(name, Refusal):
            return name
        key = EventKey(contact=contact, created_at=event.created_at, name=name)
        first = _first_submission(connection, key)
        entry = _LogEntry(
            received_at=received_at,
            body=body,
            http_status=http_status,
            outcome=SubmissionOutcome.KEPT if first is None else SubmissionOutcome.DUPLICATE,
            name=name,
            contact=event.contact,
        )
        number = _add_submission(connection, entry)
        if first is None:
            _add_event(connection, key, submission=number)
        else:
            _count_repeat(connection, first)
        return entry.outcome

    def _count(self, condition: str, *values: object) -> int:
        # Nothing is written here: numbers can be read even if the disk is full. Few rows are not counted yet.
        query = (
            f"SELECT (SELECT coalesce(sum(count), 0) FROM tallies WHERE {condition})"  # noqa: S608  # Written here.
            f" + (SELECT count(*) FROM submissions, workspace WHERE number > counted AND {condition})"
        )
        ((count,),) = self.store.read(query, (*values, *values))
        return int(count)

    def _slices(self, query: str) -> Iterator[Row]:
        """Yield the rows of a query of `number > ? … LIMIT ?` whose first column is the number."""
        last = 0
        while rows := self.store.read(query, (last, _SLICE)):
            yield from rows
            last = rows[-1][0]


def add_summary(connection: sqlite3.Connection, key: EventKey, *, count: int, last: int) -> None:
    """Add `count` events to the summary of a contact and a name: `key` has the first second, `last` the last."""
    connection.execute(
        "INSERT INTO event_summaries VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET count = count + excluded.count, first = min(first, excluded.first), last = max(last, excluded.last)",
        (key.contact, key.name, count, key.created_at, last),
    )


def _name_number(connection: sqlite3.Connection, name: str) -> int:
    """Return the number of a normalized event name; a new name is written down."""
    found = connection.execute("SELECT number FROM names WHERE name = ?", (name,)).fetchone()
    if found is None:
        return int(connection.execute("INSERT INTO names (name, is_active) VALUES (?, 0)", (name,)).lastrowid or 0)
    return int(found[0])


def _is_active(connection: sqlite3.Connection, name: int) -> bool:
    """Return whether the workspace counts a name as active: it has an event."""
    ((is_active,),) = connection.execute("SELECT is_active FROM names WHERE number = ?", (name,))
    return bool(is_active)


def _activate_name(connection: sqlite3.Connection, name: int) -> bool:
    """Count a name among the active ones; return False if there is no room for another."""
    query = "UPDATE names SET is_active = 1 WHERE number = ? AND (SELECT count(*) FROM names WHERE is_active = 1) < ?"
    return connection.execute(query, (name, intercom.EVENT_NAME_LIMIT)).rowcount > 0


def _add_submission(connection: sqlite3.Connection, entry: _LogEntry) -> int:
    """Write a submission into the log, and return its number, from 1."""
    refusal = entry.refusal
    written = connection.execute(
        "INSERT INTO submissions (received_at, http_status, outcome, name, contact, error_code, error_message, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.received_at,
            entry.http_status,
            entry.outcome,
            entry.name,
            entry.contact,
            refusal.code if refusal else None,
            refusal.message if refusal else None,
            entry.body,
        ),
    )
    number = int(written.lastrowid or 0)
    if number % _COUNTED_AT_ONCE == 0:
        # Without the submission just written: its event is not written yet.
        _count_submissions(connection, end=number)
    return number


def _first_submission(connection: sqlite3.Connection, key: EventKey) -> int | None:
    """Return the number of the submission that brought an event; None if the workspace does not hold it."""
    query = "SELECT number FROM events WHERE contact = ? AND created_at = ? AND name = ?"
    found = connection.execute(query, (key.contact, key.created_at, key.name)).fetchone()
    return None if found is None else int(found[0])


def _add_event(connection: sqlite3.Connection, key: EventKey, *, submission: int) -> None:
    """Write an event that the workspace does not hold yet, under the number of its submission."""
    connection.execute(
        "INSERT INTO events (number, contact, created_at, name) VALUES (?, ?, ?, ?)",
        (submission, key.contact, key.created_at, key.name),
    )


def _count_repeat(connection: sqlite3.Connection, event: int) -> None:
    """Count a submission that repeats an event, which Intercom ignores."""
    connection.execute("UPDATE events SET times_received = times_received + 1 WHERE number = ?", (event,))


def _count_submissions(connection: sqlite3.Connection, *, end: int = _END) -> None:
    """Add the new submissions with numbers below `end` to the counts."""
    for query in (_COUNT_TALLIES, _COUNT_DAYS, _COUNTED):
        connection.execute(query, {"end": end})


def _log(connection: sqlite3.Connection, entry: _LogEntry) -> None:
    """Log a submission that was not kept, with the fields that can be read from it."""
    sent = read_sent(entry.body)
    name = None
    if sent.event_name is not None:
        name = _name_number(connection, intercom.normalized_event_name(sent.event_name))
    _add_submission(connection, replace(entry, name=name, contact=sent.contact))
