"""The counts of contacts' events, asked for one contact after another."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from events_pandas.deliver import Answer
from events_pandas.deliver.client.answers import Attempt
from events_pandas.deliver.questions import QuestionReply
from events_pandas.intercom import normalized_event_name
from events_pandas.results.arrival import NO_EVENTS, EventCount
from events_pandas.results.comparison import ContactSummary
from events_pandas.run.asking import Asking, numbered

# Times beyond this do not fit into a column of times.
_FARTHEST_SECONDS: Final = 9_000_000_000_000
_UNKNOWN: Final = ContactSummary(is_whole=False)
"""The summary of a contact about which Intercom's answer says nothing."""


@dataclass(kw_only=True, slots=True)
class EventSummaries:
    """Asks for the counts of contacts, each named by the kind of its identifier and by its text."""

    contacts: Sequence[tuple[str, str]]
    # In the order of the contacts; None if the questions ended before the answer.
    answers: list[ContactSummary | None] = field(init=False)

    def __post_init__(self) -> None:
        self.answers = [None] * len(self.contacts)

    @property
    def known(self) -> int:
        """The number of contacts about which Intercom's answer says something."""
        return sum(answer is not None and answer is not _UNKNOWN for answer in self.answers)

    def ask(self, asking: Asking) -> None:
        """Ask for all contacts. The asking ends if Intercom does not say what one of them has."""
        last: QuestionReply[ContactSummary] | None = None

        def take(number: int, reply: QuestionReply[ContactSummary]) -> None:
            nonlocal last
            self.answers[number] = reply.read
            if reply.read is None:
                last = reply
                self.answers[number] = _UNKNOWN if reply.is_final else None

        def send(number: int) -> Answer:
            return asking.client.event_summary(*self.contacts[number])

        asking.ask(
            numbered(len(self.contacts)),
            total=lambda: len(self.contacts),
            send=send,
            read=lambda _, attempt: _read_summary(attempt),
            take=take,
            description="reading back counts",
        )
        asking.require_answers(len(self.contacts) - self.known, last=last)


def _read_summary(attempt: Attempt) -> ContactSummary | None:
    """Read an answer; None if it does not say what the contact has."""
    match attempt.status:
        case HTTPStatus.OK if isinstance(events := attempt.content.get("events"), list):
            named = [event for event in events if isinstance(event, dict) and isinstance(event.get("name"), str)]
            # What cannot be read may be the name that is looked for.
            is_whole = len(named) == len(events) and not _has_more(attempt.content.get("pages"))
            return ContactSummary(counts=_counts(named), is_whole=is_whole)
        case HTTPStatus.NOT_FOUND if attempt.speaks_of_contact:
            return ContactSummary(is_gone=True)
        # Merged into another contact, or several contacts share the address.
        case HTTPStatus.GONE | HTTPStatus.CONFLICT:
            return ContactSummary(is_gone=True)
    return None


def _has_more(pages: object) -> bool:
    # Intercom's description of a summary has pages, and does not say that it ever has a second one.
    return isinstance(pages, dict) and bool(pages.get("next"))


def _counts(events: Sequence[dict[str, Any]]) -> dict[str, EventCount | None]:
    """Return the count of each name. Spellings of one name are counted together."""
    counts: dict[str, EventCount | None] = {}
    for event in events:
        name, count = normalized_event_name(event["name"]), _count(event)
        earlier = counts.get(name, NO_EVENTS)
        counts[name] = None if earlier is None or count is None else earlier.with_others(count)
    return counts


def _count(event: dict[str, object]) -> EventCount | None:
    count, first, last = event.get("count"), _second(event.get("first")), _second(event.get("last"))
    if not isinstance(count, int) or isinstance(count, bool) or first is None or last is None:
        return None
    return EventCount(count, first, last)


def _second(time: object) -> int | None:
    """Return the Unix second of a time in ISO 8601, or of a number; None if it is neither."""
    if isinstance(time, str) and "-" in time[1:]:
        try:
            moment = datetime.fromisoformat(time)
        except ValueError:
            return None
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() // 1)
    try:
        second = int(time)  # type: ignore[call-overload]  # What is no number raises an error.
    except (TypeError, ValueError, OverflowError):
        return None
    return second if abs(second) < _FARTHEST_SECONDS else None
