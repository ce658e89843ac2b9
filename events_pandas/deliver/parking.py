"""What the answer to one event says of others: those of a contact or an event name that Intercom does not take."""

from http import HTTPStatus

from events_pandas import intercom
from events_pandas.deliver.outcomes import Event, Outcome, Status
from events_pandas.deliver.verdicts import Verdict


class Parking:
    """Holds back the events of contacts that are unknown, and of event names that are one too many.

    Examples
    --------
    >>> from events_pandas.deliver.outcomes import Event, Outcome, Status
    >>> parking = Parking()
    >>> event = Event(row=7, payload=b"", contact="user_id 42")
    >>> parking.note(event, Outcome(row=7, status=Status.UNKNOWN_CONTACT, error_code="not_found"))
    >>> parking.verdict(Event(row=8, payload=b"", contact="user_id 42")).error_code
    'not_found'
    """

    def __init__(self) -> None:
        self._contacts: dict[str, Verdict] = {}
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
            self._contacts.setdefault(event.contact, _of_contact(outcome))
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
        return self._contacts.get(event.contact) or self._names.get(event.name)


def _is_one_name_too_many(outcome: Outcome) -> bool:
    is_unprocessable = outcome.http_status == HTTPStatus.UNPROCESSABLE_ENTITY
    return is_unprocessable and intercom.NAME_LIMIT_MESSAGE in (outcome.error_message or "")


def _of_contact(outcome: Outcome) -> Verdict:
    message = (
        f"row {outcome.row} of the same contact was answered 404, so no request was made: "
        "create the contact or mend the identifier, then submit the row again"
    )
    return Verdict(status=Status.UNKNOWN_CONTACT, error_code=outcome.error_code, error_message=message)


def _of_name(outcome: Outcome) -> Verdict:
    message = (
        f"row {outcome.row} of the same event name was answered 422, as the workspace has all the names that it may "
        "have, so no request was made: archive a name in Intercom or use one that is there, then submit the row again"
    )
    return Verdict(status=Status.REJECTED, error_code=outcome.error_code, error_message=message)
