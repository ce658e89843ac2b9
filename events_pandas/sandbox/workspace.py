"""A workspace: who is known, which events are kept, what was received."""

import enum
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from events_pandas import intercom
from events_pandas.sandbox.refusals import TOO_MANY_NAMES, USER_NOT_FOUND, Refusal
from events_pandas.sandbox.rules import SandboxEvent, judge

_EventKey: TypeAlias = tuple[str, str, str, int]


class Outcome(enum.StrEnum):
    """What became of a submission."""

    KEPT = "kept"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """A submission as it was received, and what became of it.

    Parameters
    ----------
    received_at : float
        The server's time, in Unix seconds.
    body : bytes
        The body as it arrived.
    http_status : int or None
        The status that was answered; None when the connection was closed instead.
    outcome : Outcome
        ``FAILED`` stands for a chosen fault.
    error : Refusal, optional
        The error, where there is one.
    """

    received_at: float
    body: bytes
    http_status: int | None
    outcome: Outcome
    error: Refusal | None = None


class Contacts:
    """Tell who exists.

    Parameters
    ----------
    existing : iterable of str, optional
        The identifiers of the contacts that exist; by default every contact exists.
    unknown : iterable of str, default ()
        The identifiers of contacts that do not exist.

    Raises
    ------
    TypeError
        If one string is given where several are meant.
    """

    def __init__(self, *, existing: Iterable[str] | None = None, unknown: Iterable[str] = ()) -> None:
        self._existing = None if existing is None else _identifiers("contacts", existing)
        self._unknown = _identifiers("unknown_contacts", unknown)

    def __contains__(self, contact: str) -> bool:
        return contact not in self._unknown and (self._existing is None or contact in self._existing)


class Workspace:
    """Keep what Intercom would keep.

    Parameters
    ----------
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
    The server's thread writes, any thread reads: all reads are copies. Of an event only the body is kept, and judged
    again when somebody asks: less than 1 kB for an event of usual size.
    """

    def __init__(self, *, contacts: Contacts | None = None, region: str = "us") -> None:
        if region not in intercom.REGION_URLS:
            raise ValueError(f"no region {region!r}: there are {', '.join(intercom.REGION_URLS)}")
        self._contacts = Contacts() if contacts is None else contacts
        self._region = region
        self._id_code = f"sandbox_{secrets.token_hex(4)}"
        self._created_at = int(time.time())
        self._lock = threading.Lock()
        self._event_names: dict[str, str] = {}
        self._bodies: dict[_EventKey, bytes] = {}
        self._repeats: Counter[_EventKey] = Counter()
        self._submissions: list[Submission] = []

    def submit(self, body: bytes) -> Outcome | Refusal:
        """Keep an event, or say why not.

        Parameters
        ----------
        body : bytes
            The body of the submission.

        Returns
        -------
        Outcome or Refusal
            ``KEPT`` or ``DUPLICATE``, both of which Intercom answers with 202; otherwise the refusal.
        """
        event = judge(body)
        if isinstance(event, Refusal):
            return event
        if event.contact not in self._contacts:
            return USER_NOT_FOUND
        with self._lock:
            return self._keep(event, body)

    def record(self, submission: Submission) -> None:
        """Remember a submission, whatever became of it.

        Parameters
        ----------
        submission : Submission
            What was received and answered.
        """
        with self._lock:
            self._submissions.append(submission)

    def events(self) -> list[SandboxEvent]:
        """Return the events kept, in order of arrival.

        Returns
        -------
        list of SandboxEvent
            Each event once, as it arrived first.
        """
        with self._lock:
            bodies = list(self._bodies.items())
            repeats = self._repeats.copy()
        # Outside the lock, since judging takes a while and the server has to go on.
        events = ((judge(body), 1 + repeats[key]) for key, body in bodies)
        return [replace(event, times_received=times) for event, times in events if isinstance(event, SandboxEvent)]

    def duplicates(self) -> int:
        """Count the submissions that were answered 202 and ignored.

        Returns
        -------
        int
            Repeats of contact, normalized name and second.
        """
        with self._lock:
            return self._repeats.total()

    def requests(self) -> int:
        """Count what was received.

        Returns
        -------
        int
            Submissions: kept, repeated, refused and failed.
        """
        with self._lock:
            return len(self._submissions)

    def submissions(self) -> list[Submission]:
        """Return what was received, in order of arrival.

        Returns
        -------
        list of Submission
            All of it: kept, repeated, refused and failed.
        """
        with self._lock:
            return self._submissions.copy()

    def admin(self) -> dict[str, object]:
        """Return who is behind the token, and the workspace.

        Returns
        -------
        dict
            The admin with the app, in Intercom's form.
        """
        app = {
            "type": "app",
            "id_code": self._id_code,
            "name": "Sandbox",
            "created_at": self._created_at,
            "secure": False,
            "identity_verification": False,
            "timezone": "UTC",
            # In capitals, as in Intercom's own examples.
            "region": self._region.upper(),
        }
        return {
            "type": "admin",
            "id": "1",
            "email": "admin@example.com",
            "name": "Sandbox Admin",
            "email_verified": True,
            "has_inbox_seat": True,
            "app": app,
        }

    def _keep(self, event: SandboxEvent, body: bytes) -> Outcome | Refusal:
        if event.event_name not in self._event_names and len(self._event_names) >= intercom.EVENT_NAME_LIMIT:
            return TOO_MANY_NAMES
        # One string for all events of a name, instead of one for each.
        event_name = self._event_names.setdefault(event.event_name, event.event_name)
        key = (event.identifier, event.contact, event_name, event.created_at)
        if key in self._bodies:
            self._repeats[key] += 1
            return Outcome.DUPLICATE
        self._bodies[key] = body
        return Outcome.KEPT


def _identifiers(option: str, identifiers: Iterable[str]) -> frozenset[str]:
    if isinstance(identifiers, str):
        raise TypeError(f"{option} must be several identifiers, not one string: [{identifiers!r}]")
    return frozenset(map(str, identifiers))
