"""The words of delivery: an event that is ready to go, and what became of it."""

from dataclasses import dataclass
from enum import StrEnum

from events_pandas.deliver.journal import Fingerprint


class Status(StrEnum):
    """What became of a row; the members stand in the order in which results show them."""

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
    r"""One event that is ready to go.

    Parameters
    ----------
    row : int
        The position of its row in the input.
    payload : bytes
        The request's body; the same bytes go out at every attempt.
    contact : str
        An opaque key of the contact, such as ``"user_id\x00314159"``: equal keys are one contact.
    name : str, default ""
        The event's name as Intercom counts it: rows of one name share its fate.
    mark : Fingerprint or None, default None
        What a journal keeps of it, if there is one.
    """

    row: int
    payload: bytes
    contact: str
    name: str = ""
    mark: Fingerprint | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one event.

    Parameters
    ----------
    row : int
        The position of its row in the input.
    status : Status
        The verdict.
    http_status : int or None
        The status of the last attempt's answer; None if it had none, or if no request was made.
    attempts : int
        Requests made for this event.
    error_code : str or None
        A word for the cause; None for an accepted event.
    error_message : str or None
        What happened and what to do next; None for an accepted event.
    request_id : str or None
        Intercom's name for the last request, for its support.
    submitted_at : float or None
        Unix seconds at which the last answer came; None if no request was made.
    """

    row: int
    status: Status
    http_status: int | None = None
    attempts: int = 0
    error_code: str | None = None
    error_message: str | None = None
    request_id: str | None = None
    submitted_at: float | None = None
