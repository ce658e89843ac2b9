"""What the answer to one event says about others: which events are withheld, and whether too many fail."""

import math
from http import HTTPStatus
from typing import Final

from events_pandas import intercom
from events_pandas.deliver.decide import Verdict
from events_pandas.deliver.outcomes import Event, Outcome, Status

JUDGED_FROM: Final = 100
"""The failure rate is not judged before so many events have ended."""
_FAILURES: Final = frozenset({Status.REJECTED, Status.FAILED, Status.UNKNOWN_CONTACT})


class Withheld:
    """Holds back the events of unknown contacts, and of event names for which the workspace has no room."""

    def __init__(self) -> None:
        # Only the row of each is kept, since a run may meet a million unknown contacts.
        self._contacts: dict[str, int] = {}
        self._names: dict[str, Verdict] = {}

    def note(self, event: Event, outcome: Outcome) -> None:
        """Learn from the outcome of an event."""
        if outcome.status is Status.UNKNOWN_CONTACT:
            self._contacts.setdefault(event.contact, outcome.row)
        elif _is_one_name_too_many(outcome):
            self._names.setdefault(event.name, _of_name(outcome))

    def verdict(self, event: Event) -> Verdict | None:
        """Return the verdict on an event that is to be withheld, or None if it may be sent."""
        row = self._contacts.get(event.contact)
        return self._names.get(event.name) if row is None else _of_contact(row)


class FailureRate:
    """The part of the events sent so far that was not accepted. Without a limit it never stops a run."""

    def __init__(self, limit: float | None) -> None:
        # Events that were sent and have ended; of these, the rejected, failed and unknown_contact ones are failures.
        self.ended = 0
        self.failures = 0
        self.limit = math.inf if limit is None else limit

    def note(self, outcome: Outcome) -> bool:
        """Count an event that was sent and has ended.

        Return True if it failed and the failures are now more than the limit allows; never before `JUDGED_FROM` events.
        """
        if not outcome.attempts:
            return False
        is_failure = outcome.status in _FAILURES
        self.ended += 1
        self.failures += is_failure
        return is_failure and self.ended >= JUDGED_FROM and self.failures > self.limit * self.ended


def _is_one_name_too_many(outcome: Outcome) -> bool:
    is_unprocessable = outcome.http_status == HTTPStatus.UNPROCESSABLE_ENTITY
    return is_unprocessable and intercom.NAME_LIMIT_MESSAGE in (outcome.error_message or "")


def _of_contact(row: int) -> Verdict:
    message = (
        f"row {row} of the same contact was answered 404, and no further request was made for this contact: "
        "create it or fix the identifier, then submit the row again"
    )
    return Verdict(status=Status.UNKNOWN_CONTACT, error_code="not_found", error_message=message)


def _of_name(outcome: Outcome) -> Verdict:
    message = (
        f"row {outcome.row} of the same event name was answered 422, as the workspace has no room for another name, "
        "and no further request was made for this name: archive a name in Intercom or use an existing one, "
        "then submit the row again"
    )
    return Verdict(status=Status.REJECTED, error_code=outcome.error_code, error_message=message)
