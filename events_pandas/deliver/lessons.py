"""What the answer to one event says about others: which events are withheld, and whether too many fail."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from events_pandas import intercom
from events_pandas.deliver.decide import Verdict
from events_pandas.deliver.outcomes import Event, Outcome, Status
from events_pandas.deliver.stops import Stop, stop_for_failure_rate

JUDGED_FROM: Final = 100
"""The failure rate is not judged before so many events have ended."""
_ASKED: Final = -1
"""In the place of a row: Intercom has said before the first event that it does not know the contact."""
_SEARCHED: Final = -2
"""The same, but the contact may be one of the last minutes, which a search does not show."""
_FAILURES: Final = frozenset({Status.REJECTED, Status.FAILED, Status.UNKNOWN_CONTACT})


class Lessons:
    """What a run learns from the ends of events: contacts and names whose events are withheld, and how many fail.

    The run stops if more than the part `max_failure_rate` of the events sent fails; by default it never does.
    """

    def __init__(self, max_failure_rate: float | None = None) -> None:
        # Only the row of each is kept, since a run may meet a million unknown contacts.
        self._contacts: dict[str, int] = {}
        self._names: dict[str, Verdict] = {}
        self._limit = math.inf if max_failure_rate is None else max_failure_rate
        self._ended = 0
        self._failures = 0

    def note(self, event: Event, outcome: Outcome) -> Stop | None:
        """Learn from the end of an event that was sent. Return a stop if it failed and was one failure too many."""
        if outcome.status is Status.UNKNOWN_CONTACT:
            self._contacts.setdefault(event.contact, outcome.row)
        elif _is_one_name_too_many(outcome):
            self._names.setdefault(event.name, _of_name(outcome))
        self._ended += 1
        if outcome.status not in _FAILURES:
            return None
        self._failures += 1
        if self._ended < JUDGED_FROM or self._failures <= self._limit * self._ended:
            return None
        return stop_for_failure_rate(outcome, failures=self._failures, ended=self._ended, limit=self._limit)

    def withhold(self, contacts: Mapping[str, bool]) -> None:
        """Withhold the events of contacts that Intercom does not know; True: it may be one of the last minutes."""
        for contact, may_be_new in contacts.items():
            self._contacts.setdefault(contact, _SEARCHED if may_be_new else _ASKED)

    def verdict(self, event: Event) -> Verdict | None:
        """Return the verdict on an event that is to be withheld, or None if it may be sent."""
        row = self._contacts.get(event.contact)
        return self._names.get(event.name) if row is None else _of_contact(row)


def _is_one_name_too_many(outcome: Outcome) -> bool:
    is_unprocessable = outcome.http_status == HTTPStatus.UNPROCESSABLE_ENTITY
    return is_unprocessable and intercom.NAME_LIMIT_MESSAGE in (outcome.error_message or "")


def _of_contact(row: int) -> Verdict:
    why = f"row {row} of the same contact was answered 404, and no further request was made for this contact"
    cure = "create it or fix the identifier, then submit the row again"
    if row in (_ASKED, _SEARCHED):
        why = "Intercom does not know the contact, as a search for it has shown, and no event was sent"
    if row == _SEARCHED:
        cure = f"{cure}. A search does not show a contact of the last minutes: if it is new, submit the row again later"
    message = f"{why}: {cure}"
    return Verdict(status=Status.UNKNOWN_CONTACT, error_code="not_found", error_message=message)


def _of_name(outcome: Outcome) -> Verdict:
    message = (
        f"row {outcome.row} of the same event name was answered 422, as the workspace has no room for another name, "
        "and no further request was made for this name: archive a name in Intercom or use an existing one, "
        "then submit the row again"
    )
    return Verdict(status=Status.REJECTED, error_code=outcome.error_code, error_message=message)
