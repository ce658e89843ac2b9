"""A workspace: the contacts that exist, the events that are kept, and the log of all submissions."""

import enum
import sqlite3
from dataclasses import replace
from typing import Final, NamedTuple

from events_pandas import intercom
from events_pandas.sandbox.rules.events import SandboxEvent, judge, read_sent
from events_pandas.sandbox.rules.refusals import TOO_MANY_NAMES, Refusal
from events_pandas.sandbox.workspace.contact_book import ContactBook
from events_pandas.sandbox.workspace.contacts import InitialContacts
from events_pandas.sandbox.workspace.store import Row, Store

EVENT_COUNTS: Final = """
SELECT names.name, sum(count), min(first), max(last)
FROM (
    SELECT name, count(*) AS count, min(created_at) AS first, max(created_at) AS last
    FROM events WHERE contact = :contact GROUP BY name
    UNION ALL SELECT name, count, first, last FROM event_summaries WHERE contact = :contact
) AS counted JOIN names ON names.number = counted.name
GROUP BY counted.name ORDER BY max(last) DESC, names.name
"""
"""The query that counts the events of a contact by name, with those that were sent as summaries.

Each row has the normalized name, the count, the first and the last second; the name that was seen last comes first.
"""

_ACCEPTED: Final = 202
_LOST: Final = "A fault made the sandbox lose the event, which was answered 202"


class SubmissionOutcome(enum.StrEnum):
    """How a submission ended."""

    KEPT = "kept"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    FAILED = "failed"


class Submission(NamedTuple):
    """A submission as the log remembers it.

    `received_at` is the server's time in Unix seconds. `outcome` is one of `SubmissionOutcome`, and
    `http_status` is None if nothing was answered.
    """

    received_at: float
    http_status: int | None
    outcome: str
    error_code: str | None
    error_message: str | None
    body: bytes


class Workspace:
    """Keep contacts, events and submissions as Intercom would.

    By default everything is in a temporary file and every contact exists. ValueError: an unknown region.
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

    def submit(
        self, body: bytes, *, received_at: float, is_answered: bool = True, is_lost: bool = False
    ) -> SubmissionOutcome | Refusal:
        """Keep an event or refuse it, and write the submission into the log.

        Intercom answers 202 to an event that is kept and to a duplicate, and here to an event that `is_lost`, too.
        `is_answered` is False if nothing will be answered.
        """
        event = judge(body)
        with self.store.writing() as connection:
            if isinstance(event, Refusal):
                verdict: SubmissionOutcome | Refusal = event
            elif is_lost:
                verdict = self._lose(connection, event, body=body, received_at=received_at)
            else:
                verdict = self._keep(connection, event, body=body, received_at=received_at, is_answered=is_answered)
            if isinstance(verdict, Refusal):
                status = verdict.status if is_answered else None
                outcome = SubmissionOutcome.REFUSED
                _log(connection, Submission(received_at, status, outcome, verdict.code, verdict.message, body))
        return verdict

    def log_unjudged(
        self, body: bytes, *, received_at: float, outcome: SubmissionOutcome, refusal: Refusal | None
    ) -> None:
        """Log a submission that nobody judged: it is refused, or without a refusal its connection is closed."""
        status, code, message = (refusal.status, refusal.code, refusal.message) if refusal else (None, None, None)
        with self.store.writing() as connection:
            _log(connection, Submission(received_at, status, outcome, code, message, body))

    def events(self) -> list[SandboxEvent]:
        """Return the events kept, each once, in order of arrival."""
        rows = self._rows("SELECT times_received, body FROM events JOIN submissions USING (number) ORDER BY number")
        events = ((judge(body), times) for times, body in rows)
        return [replace(event, times_received=times) for event, times in events if isinstance(event, SandboxEvent)]

    def duplicates(self) -> int:
        """Count the submissions that were accepted and ignored: same contact, normalized name and second."""
        ((count,),) = self._rows("SELECT count(*) FROM submissions WHERE outcome = 'duplicate'")
        return int(count)

    def requests(self) -> int:
        """Count all submissions, whatever their outcome."""
        ((count,),) = self._rows("SELECT coalesce(max(number), 0) FROM submissions")
        return int(count)

    def submissions(self) -> list[Submission]:
        """Return all submissions in order of arrival."""
        query = (
            "SELECT received_at, http_status, outcome, error_code, error_message, body FROM submissions ORDER BY number"
        )
        return list(map(Submission._make, self._rows(query)))

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
        number, is_active = _find_name(connection, event_name)
        if is_active:
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
        is_answered: bool,
    ) -> SubmissionOutcome | Refusal:
        contact = self.contacts.resolve(connection, event.identifier, event.contact, now=received_at)
        if isinstance(contact, Refusal):
            return contact
        name = self.name_for_writing(connection, event.event_name)
        if isinstance(name, Refusal):
            return name
        key = (contact, event.created_at, name)
        query = "SELECT number FROM events WHERE contact = ? AND created_at = ? AND name = ?"
        first = connection.execute(query, key).fetchone()
        outcome = SubmissionOutcome.KEPT if first is None else SubmissionOutcome.DUPLICATE
        submission = Submission(received_at, _ACCEPTED if is_answered else None, outcome, None, None, body)
        number = _add_submission(connection, submission, name=name, contact=event.contact)
        if first is None:
            connection.execute(
                "INSERT INTO events (number, contact, created_at, name) VALUES (?, ?, ?, ?)", (number, *key)
            )
        else:
            connection.execute("UPDATE events SET times_received = times_received + 1 WHERE number = ?", first)
        return outcome

    def _lose(
        self, connection: sqlite3.Connection, event: SandboxEvent, *, body: bytes, received_at: float
    ) -> SubmissionOutcome | Refusal:
        contact = self.contacts.resolve(connection, event.identifier, event.contact, now=received_at)
        if isinstance(contact, Refusal):
            return contact
        _log(connection, Submission(received_at, _ACCEPTED, SubmissionOutcome.FAILED, None, _LOST, body))
        return SubmissionOutcome.FAILED

    def _rows(self, query: str) -> list[Row]:
        with self.store.reading() as connection:
            return connection.execute(query).fetchall()


def add_summary(connection: sqlite3.Connection, *, contact: int, name: int, count: int, first: int, last: int) -> None:
    """Add events to the summary of a contact and a name, by their numbers; `first` and `last` are Unix seconds."""
    connection.execute(
        "INSERT INTO event_summaries VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET count = count + excluded.count, first = min(first, excluded.first), last = max(last, excluded.last)",
        (contact, name, count, first, last),
    )


def _find_name(connection: sqlite3.Connection, name: str) -> tuple[int, bool]:
    """Return the number of a normalized event name, and whether it is active: it has an event.

    A new name is written down.
    """
    found = connection.execute("SELECT number, is_active FROM names WHERE name = ?", (name,)).fetchone()
    if found is None:
        made = connection.execute("INSERT INTO names (name, is_active) VALUES (?, 0)", (name,))
        return int(made.lastrowid or 0), False
    return int(found[0]), bool(found[1])


def _activate_name(connection: sqlite3.Connection, name: int) -> bool:
    """Count a name among the active ones; return False if there is no room for another."""
    query = "UPDATE names SET is_active = 1 WHERE number = ? AND (SELECT count(*) FROM names WHERE is_active = 1) < ?"
    return connection.execute(query, (name, intercom.EVENT_NAME_LIMIT)).rowcount > 0


def _add_submission(
    connection: sqlite3.Connection, submission: Submission, *, name: int | None, contact: str | None
) -> int:
    """Write a submission into the log, and return its number, from 1."""
    query = (
        "INSERT INTO submissions (received_at, http_status, outcome, error_code, error_message, body, name, contact)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    )
    return int(connection.execute(query, (*submission, name, contact)).lastrowid or 0)


def _log(connection: sqlite3.Connection, submission: Submission) -> None:
    """Log a submission that was not kept, with the fields that can be read from it."""
    sent = read_sent(submission.body)
    name = None
    if sent.event_name is not None:
        name, _ = _find_name(connection, intercom.normalized_event_name(sent.event_name))
    _add_submission(connection, submission, name=name, contact=sent.contact)
