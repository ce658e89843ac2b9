"""Submissions and events as the page shows them."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from events_pandas.sandbox.endpoints.history import LISTED_SECONDS
from events_pandas.sandbox.page.contact_queries import EventRow
from events_pandas.sandbox.page.metadata_values import SHOWN_KEYS, Entry, read_metadata
from events_pandas.sandbox.page.queries import LARGEST_SHOWN_BODY, SubmissionRow
from events_pandas.sandbox.page.times import Moment, read_moment
from events_pandas.sandbox.rules.events import Payload, Sent, judge, read_payload, read_sent
from events_pandas.sandbox.rules.refusals import Refusal
from events_pandas.sandbox.workspace.ledger import Outcome

_SHOWN_CHARACTERS: Final = 4_000
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, indent=2)
_TOO_LONG: Final = "Too long to be read here"
_NO_ANSWER: Final = "nothing was answered"


@dataclass(frozen=True, kw_only=True, slots=True)
class Body:
    """The body of a submission, to read.

    Parameters
    ----------
    number : int
        The submission's.
    size : int
        Bytes.
    text : str
        JSON, spread over lines, or what arrived instead of it.
    is_read : bool
        False when it is too long for that.
    is_whole : bool
        False when only the beginning is shown.
    """

    number: int
    size: int
    text: str
    is_read: bool
    is_whole: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What an event says.

    Parameters
    ----------
    identifier : str
        The field that names the contact; empty where none does.
    created_at : Moment or None
        When it happened; None where that cannot be read.
    entries : tuple of Entry
        The metadata.
    further_keys : int
        Keys beyond those in `entries`.
    """

    identifier: str
    created_at: Moment | None
    entries: tuple[Entry, ...]
    further_keys: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownSubmission:
    """A submission, to look at.

    Parameters
    ----------
    number : int
        Its place in the log.
    received_at : Moment
        When it was received.
    outcome : str
        What became of it.
    answer : str
        The HTTP status, or that there was none.
    name : str
        The normalized event name; empty where none could be read.
    contact : str
        The contact, as it was named; empty where none could be read.
    said : Said
        What the event says.
    reason : str
        Why it was not kept, or what else there is to know.
    repeated : int or None
        The submission that a duplicate repeats.
    body : Body
        As sent.
    kept : str
        What Intercom keeps of it, as JSON; empty when `kept_note` says it all.
    kept_note : str
        The same in words.
    """

    number: int
    received_at: Moment
    outcome: str
    answer: str
    name: str
    contact: str
    said: Said
    reason: str
    repeated: int | None
    body: Body
    kept: str
    kept_note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownEvent:
    """An event of a contact's timeline, to look at.

    Parameters
    ----------
    number : int
        The submission that brought it.
    name : str
        The normalized event name.
    said : Said
        What the event says.
    repeats : int
        Submissions of the same event that were ignored.
    is_future : bool
        Whether it lies in the future.
    is_old : bool
        Whether it is too old for Intercom to show it.
    body : Body
        As sent.
    """

    number: int
    name: str
    said: Said
    repeats: int
    is_future: bool
    is_old: bool
    body: Body


def show_submission(row: SubmissionRow, *, repeated: int | None = None) -> ShownSubmission:
    """Return how a submission looks.

    Parameters
    ----------
    row : SubmissionRow
        The submission.
    repeated : int, optional
        The submission that it repeats, when it is a duplicate.

    Returns
    -------
    ShownSubmission
        All of it, whatever the body is.
    """
    kept, kept_note = _kept(row)
    return ShownSubmission(
        number=row.number,
        received_at=read_moment(row.received_at),
        outcome=row.outcome,
        answer="not answered" if row.http_status is None else str(row.http_status),
        name=row.name or "",
        contact=row.contact or "",
        said=_said(read_sent(row.body)),
        reason=_reason(row),
        repeated=repeated,
        body=_body(row),
        kept=kept,
        kept_note=kept_note,
    )


def show_event(row: EventRow, *, now: float) -> ShownEvent:
    """Return how an event of a timeline looks.

    Parameters
    ----------
    row : EventRow
        The event.
    now : float
        The sandbox's time, in Unix seconds.

    Returns
    -------
    ShownEvent
        With what Intercom's people would see of it.
    """
    return ShownEvent(
        number=row.number,
        name=row.name,
        said=_said(read_sent(row.body)),
        repeats=row.times_received - 1,
        is_future=row.created_at > now,
        is_old=row.created_at <= now - LISTED_SECONDS,
        body=_body(row),
    )


def _said(sent: Sent) -> Said:
    metadata: Payload = sent.metadata or {}
    return Said(
        identifier=sent.identifier or "",
        created_at=None if sent.created_at is None else read_moment(sent.created_at),
        entries=read_metadata(metadata),
        further_keys=max(len(metadata) - SHOWN_KEYS, 0),
    )


def _reason(row: SubmissionRow) -> str:
    reasons = []
    if row.outcome == Outcome.DUPLICATE:
        reasons.append("Intercom ignores it: the same contact, name and second")
    if row.error_code or row.error_message:
        reasons.append(": ".join(text for text in (row.error_code, row.error_message) if text))
    if row.http_status is None:
        reasons.append(_NO_ANSWER)
    return "; ".join(reasons)


def _body(row: SubmissionRow | EventRow) -> Body:
    text = _readable(row.body)
    is_read = row.size <= LARGEST_SHOWN_BODY
    return Body(
        number=row.number,
        size=row.size,
        text=text[:_SHOWN_CHARACTERS],
        is_read=is_read,
        is_whole=is_read and len(text) <= _SHOWN_CHARACTERS,
    )


def _readable(body: bytes) -> str:
    payload = read_payload(body)
    return body.decode(errors="replace") if isinstance(payload, Refusal) else _json(payload)


def _kept(row: SubmissionRow) -> tuple[str, str]:
    if row.outcome != Outcome.KEPT:
        return "", "Nothing"
    event, payload = judge(row.body), read_payload(row.body)
    if isinstance(event, Refusal) or isinstance(payload, Refusal):
        # What is not read to its end cannot be judged.
        return "", _TOO_LONG
    kept = {"event_name": event.event_name, "created_at": event.created_at, event.identifier: event.contact}
    if event.metadata:
        kept["metadata"] = event.metadata
    if kept == payload:
        return "", "All of it, as it was sent"
    return _json(kept)[:_SHOWN_CHARACTERS], ""


def _json(fields: Mapping[str, object]) -> str:
    """Return JSON, spread over lines; of long JSON little more than is shown."""
    written = io.StringIO()
    # Piece by piece: with brackets in brackets, the whole would be as long as the square of what was sent.
    for piece in _ENCODER.iterencode(fields):
        written.write(piece)
        if written.tell() > _SHOWN_CHARACTERS:
            break
    return written.getvalue()
