"""What goes into delivery and what comes out: events, outcomes with their statuses, and the workspace."""

from dataclasses import dataclass
from enum import StrEnum

from events_pandas.deliver.journal import Fingerprint


class Status(StrEnum):
    """What became of a row. The members stand in the order in which results show them."""

    ACCEPTED = "accepted"
    ALREADY_SUBMITTED = "already_submitted"
    DUPLICATE = "duplicate"
    INVALID = "invalid"
    UNKNOWN_CONTACT = "unknown_contact"
    REJECTED = "rejected"
    FAILED = "failed"
    NOT_SUBMITTED = "not_submitted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One event that is ready to be sent."""

    # The position in the input.
    row: int
    # The body of the request. The same bytes are sent at every attempt.
    payload: bytes
    # Opaque, such as "user_id\x00314159": equal keys are one contact.
    contact: str
    # As Intercom counts names: events of one name are refused together.
    name: str = ""
    # What a journal keeps of the event, if there is a journal.
    fingerprint: Fingerprint | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one event. An accepted event has neither an error code nor a message."""

    # The position in the input.
    row: int
    status: Status
    # Of the last answer; None if the last attempt had no answer, or no request was made.
    http_status: int | None = None
    attempts: int = 0
    error_code: str | None = None
    error_message: str | None = None
    # Intercom's name for the last request, for its support.
    request_id: str | None = None
    # When the last attempt ended, in Unix seconds; None if no request was made.
    submitted_at: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkspaceIdentity:
    """The workspace that a token belongs to. A fact that the answer does not name is None."""

    # Intercom's identifier.
    id_code: str | None = None
    # The name that people see.
    name: str | None = None
    # In Intercom's spelling: "EU".
    region: str | None = None
