"""What the answer to one event says of others: those of a contact or an event name that Intercom does not take."""

from http import HTTPStatus
from typing import Final

from events_pandas import intercom
from events_pandas.deliver.decide import Verdict
from events_pandas.deliver.outcomes import Event, Outcome, Status

JUDGED_FROM: Final = 100
"""A rate is no rate before so many events have ended."""
_FAILURES: Final = frozenset({Status.REJECTED, Status.FAILED, Status.UNKNOWN_CONTACT})


class Withheld:
    """Holds back the events of contacts that are unknown, and of event names that are one too many.

    Examples
    --------
    >>> from events_pandas.deliver.outcomes import Event, Outcome, Status
    >>> withheld = Withheld()
    >>> event = Event(row=7, payload=b"", contact="user_id 42")
    >>> withheld.note(event, Outcome(row=7, status=Status.UNKNOWN_CONTACT, error_code="not_found"))
    >>> withheld.verdict(Event(row=8, payload=b"", contact="user_id 42")).error_code
    'not_found'
    """

    def __init__(self) -> None:
        # No more than the row: a run may meet a million contacts that are unknown.
        self._contacts: dict[str, int] = {}
        self._names: dict[str, Verdict] = {}

    def note(self, event: Event, outcome: Outcome) -> None:
        """Note what became of an event.

        Parameters
        ----------
        event : Event
            The event.
        outcome : Outcome
            Its end.
        """
        if outcome.status is Status.UNKNOWN_CONTACT:
            self._contacts.setdefault(event.contact, outcome.row)
        elif _is_one_name_too_many(outcome):
            self._names.setdefault(event.name, _of_name(outcome))

    def verdict(self, event: Event) -> Verdict | None:
        """Judge an event by what became of others.

        Parameters
        ----------
        event : Event
            One that is about to be sent.

        Returns
        -------
        Verdict or None
            None if it is to be sent.
        """
        row = self._contacts.get(event.contact)
        return self._names.get(event.name) if row is None else _of_contact(row)


class FailureRate:
    """The part of the events sent so far that was not accepted.

    Parameters
    ----------
    limit : float or None
        The part at most; None for no limit.

    Attributes
    ----------
    limit : float or None
        As given.
    ended, failures : int
        Events that were sent and have ended, and those of them that were rejected, failed, or had no contact.

    Examples
    --------
    >>> rate = FailureRate(0.1)
    >>> rate.note(Outcome(row=0, status=Status.REJECTED, attempts=1))
    False
    >>> rate.ended, rate.failures
    (1, 1)
    """

    def __init__(self, limit: float | None) -> None:
        self.ended = 0
        self.failures = 0
        self.limit = limit

    def note(self, outcome: Outcome) -> bool:
        """Count an event that has ended; those that were never sent say nothing.

        Parameters
        ----------
        outcome : Outcome
            What became of it.

        Returns
        -------
        bool
            Whether this one failed, and more than the limit has; never before `JUDGED_FROM` events have ended.
        """
        if not outcome.attempts:
            return False
        is_failure = outcome.status in _FAILURES
        self.ended += 1
        self.failures += is_failure
        if not is_failure or self.limit is None or self.ended < JUDGED_FROM:
            return False
        return self.failures > self.limit * self.ended


def _is_one_name_too_many(outcome: Outcome) -> bool:
    is_unprocessable = outcome.http_status == HTTPStatus.UNPROCESSABLE_ENTITY
    return is_unprocessable and intercom.NAME_LIMIT_MESSAGE in (outcome.error_message or "")


def _of_contact(row: int) -> Verdict:
    message = (
        f"row {row} of the same contact was answered 404, and no further request was made for this contact: "
        "create it or mend the identifier, then submit the row again"
    )
    return Verdict(status=Status.UNKNOWN_CONTACT, error_code="not_found", error_message=message)


def _of_name(outcome: Outcome) -> Verdict:
    message = (
        f"row {outcome.row} of the same event name was answered 422, as the workspace has all the names that it may "
        "have, and no further request was made for this name: archive a name in Intercom or use one that is there, "
        "then submit the row again"
    )
    return Verdict(status=Status.REJECTED, error_code=outcome.error_code, error_message=message)
