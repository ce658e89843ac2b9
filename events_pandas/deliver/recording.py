"""Between an answer of 202 and its outcome: the event is written into the journal, by the journal's own thread."""

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
"""How long the end of a run waits for what is still to be written."""
NOT_RECORDED: Final = Verdict(
    status=Status.FAILED,
    http_status=HTTPStatus.ACCEPTED,
    error_code="not_recorded",
    error_message=(
        "Intercom accepted the event, but the journal could not be written, and a later run will not know of it: "
        f"{SAFE_TO_REPEAT}"
    ),
)
"""What is told of an event that was answered 202 and is in no journal."""
_RELEASED: Final = (Status.REJECTED, Status.UNKNOWN_CONTACT, Status.NOT_SUBMITTED)
_ELSEWHERE: Final = {
    True: Verdict(status=Status.ALREADY_SUBMITTED, http_status=HTTPStatus.ACCEPTED),
    False: Verdict(
        status=Status.DUPLICATE,
        http_status=HTTPStatus.ACCEPTED,
        error_code="accepted_with_other_metadata",
        error_message=(
            "another run sent an event of the same contact, event name and second at the same time, with other "
            "metadata, and both were answered 202: Intercom keeps the one that came first"
        ),
    ),
}


@dataclass(kw_only=True, slots=True)
class Recording:
    """Has accepted events written before anyone is told of them.

    Parameters
    ----------
    writer : JournalWriter or None
        The journal's; without one nothing is written.
    give_back : callable
        Gives a ticket back to the run, in the writer's thread.
    """

    writer: JournalWriter | None
    give_back: Callable[[Ticket], None]

    @property
    def waiting(self) -> int:
        """Events that are not yet written."""
        return self.writer.waiting if self.writer else 0

    def begin(self, ticket: Ticket, verdict: Verdict, result: Answer | TransportError) -> bool:
        """Have an event written, if it was accepted and there is a journal.

        Parameters
        ----------
        ticket : Ticket
            The event; it stays out, and comes back with a `Recorded`.
        verdict : Verdict
            What becomes of it.
        result : Answer or TransportError
            The last answer.

        Returns
        -------
        bool
            Whether it is being written.
        """
        mark = ticket.event.mark
        if self.writer is None or mark is None or verdict.status is not Status.ACCEPTED:
            return False
        ticket.result = None
        ticket.is_being_recorded = True
        self.writer.record(
            mark,
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
        """Give the second of an event back that did not arrive.

        Parameters
        ----------
        ticket : Ticket
            The event.
        outcome : Outcome
            What became of it.
        """
        mark = ticket.event.mark
        if self.writer and mark and mark.is_claimed and outcome.status in _RELEASED and not ticket.doubt:
            self.writer.release(mark)

    def check_writer(self) -> JournalError | None:
        """Look after the writer's thread; what a dead one leaves is written here.

        Returns
        -------
        JournalError or None
            Why nothing more is recorded; None while all is well.
        """
        death = self.writer.death if self.writer else None
        if self.writer and death:
            self.writer.write_waiting()
        return death

    def close(self) -> None:
        """Write what is still to be written, and end the writer's thread."""
        if self.writer:
            self.writer.close(CLOSING_SECONDS)


def judge_recorded(recorded: Recorded) -> Verdict:
    """Judge an event that was answered 202, when the journal is done with it.

    Parameters
    ----------
    recorded : Recorded
        Whether it was written.

    Returns
    -------
    Verdict
        ``accepted``, ``already_submitted`` or ``duplicate`` if another run was answered 202 first, or ``failed`` if the
        next run could not know of it.
    """
    if recorded.elsewhere is not None:
        return _ELSEWHERE[recorded.elsewhere.is_same]
    if recorded.error is None:
        return Verdict(status=Status.ACCEPTED, http_status=HTTPStatus.ACCEPTED)
    return NOT_RECORDED
