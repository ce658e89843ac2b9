"""From an answer of 202 to the outcome: the journal's own thread writes the event into the journal."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Final

from events_pandas.deliver.client.answers import REQUEST_ID_HEADER, Answer, TransportError
from events_pandas.deliver.decide import SAFE_TO_REPEAT, Verdict
from events_pandas.deliver.journal import JournalWriter, Written
from events_pandas.deliver.outcomes import Outcome, Status
from events_pandas.deliver.ticket import Recorded, Ticket
from events_pandas.errors import JournalError

CLOSING_SECONDS: Final = 10.0
"""How long the end of a run waits for the journal."""
NOT_RECORDED: Final = Verdict(
    status=Status.FAILED,
    http_status=HTTPStatus.ACCEPTED,
    error_code="not_recorded",
    error_message=(
        "Intercom accepted the event, but it could not be written into the journal, so a later run does not know it: "
        f"{SAFE_TO_REPEAT}"
    ),
)
"""The end of an event that was answered 202 and is not in the journal."""
_RELEASED: Final = (Status.REJECTED, Status.UNKNOWN_CONTACT, Status.NOT_SUBMITTED)
_ELSEWHERE: Final = {
    True: Verdict(status=Status.ALREADY_SUBMITTED, http_status=HTTPStatus.ACCEPTED),
    False: Verdict(
        status=Status.DUPLICATE,
        http_status=HTTPStatus.ACCEPTED,
        error_code="accepted_with_other_metadata",
        error_message=(
            "at the same time another run sent an event with the same contact, event name and second, but other "
            "metadata, and both were answered 202: Intercom keeps the one that arrived first"
        ),
    ),
}


@dataclass(kw_only=True, slots=True)
class Recording:
    """Writes accepted events into a journal before anyone sees their outcomes. Without a writer it writes nothing."""

    writer: JournalWriter | None
    # Called in the writer's thread.
    give_back: Callable[[Ticket], None]

    @property
    def waiting(self) -> int:
        """The number of events that are not yet written."""
        return self.writer.waiting if self.writer else 0

    def begin(self, ticket: Ticket, verdict: Verdict, result: Answer | TransportError) -> bool:
        """Start to write an event if it was accepted and there is a journal.

        Return whether it is being written: then the ticket stays out, and comes back with a `Recorded` as its result.
        """
        fingerprint = ticket.event.fingerprint
        if self.writer is None or fingerprint is None or verdict.status is not Status.ACCEPTED:
            return False
        ticket.result = None
        ticket.is_being_recorded = True
        self.writer.record(
            fingerprint,
            accepted_at=ticket.ended_at or 0.0,
            request_id=result.headers.get(REQUEST_ID_HEADER) if isinstance(result, Answer) else None,
            then=partial(self._end, ticket),
        )
        return True

    def _end(self, ticket: Ticket, written: Written) -> None:
        if isinstance(written, JournalError):
            ticket.result = Recorded(error=written)
        else:
            ticket.result = Recorded(error=None, elsewhere=written)
        self.give_back(ticket)

    def release(self, ticket: Ticket, outcome: Outcome) -> None:
        """Free the second that an event had claimed in the journal, if the event did not arrive."""
        fingerprint = ticket.event.fingerprint
        if self.writer and fingerprint and fingerprint.is_claimed and outcome.status in _RELEASED and not ticket.doubt:
            self.writer.release(fingerprint)

    def check_writer(self) -> JournalError | None:
        """Return the error that ended the writer's thread, or None.

        If the thread has ended, write here what it left.
        """
        death = self.writer.death if self.writer else None
        if self.writer and death:
            self.writer.write_waiting()
        return death

    def close(self) -> None:
        """Write what still waits, and end the writer's thread."""
        if self.writer:
            self.writer.close(CLOSING_SECONDS)


def judge_recorded(recorded: Recorded) -> Verdict:
    """Judge an event that was answered 202, now that the journal has dealt with it.

    It is ``already_submitted`` or ``duplicate`` if another run was answered 202 first, and ``failed`` if it could not
    be written.
    """
    if recorded.elsewhere is not None:
        return _ELSEWHERE[recorded.elsewhere.is_same]
    if recorded.error is None:
        return Verdict(status=Status.ACCEPTED, http_status=HTTPStatus.ACCEPTED)
    return NOT_RECORDED
