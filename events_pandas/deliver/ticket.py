"""How far each event of an open chunk has come. The only values here that change; the caller's thread changes them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from events_pandas.deliver.client.answers import Answer, TransportError
from events_pandas.deliver.decide import Verdict, read_doubt
from events_pandas.deliver.journal import Elsewhere
from events_pandas.deliver.outcomes import Event, Outcome
from events_pandas.errors import JournalError

MAX_PARDONS: Final = 5
"""So many outages an event survives that was under way when they began."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """The journal is done with an accepted event.

    Parameters
    ----------
    error : JournalError or None
        Why it could not be written.
    elsewhere : Elsewhere or None, default None
        What another run has recorded of it in the meantime.
    """

    error: JournalError | None
    elsewhere: Elsewhere | None = None


@dataclass(kw_only=True, slots=True, eq=False)
class Ticket:
    """One event on its way.

    Parameters
    ----------
    event : Event
        What goes out.
    attempts : int
        Requests made so far.
    tries : int
        Those of them that count for the retry policy.
    tried_from : float
        When the first of those left, by the local clock; infinite before it.
    pardons, pardoned_in : int
        Outages whose failures were not counted, and the number of the last of them.
    is_out : bool
        Whether a request is made of which the caller's thread has not yet taken in the result.
    is_being_recorded : bool
        Whether it is out no longer for an answer, but for the journal.
    sent_at, received_at : float
        When the last request left and came back, by the local clock.
    ended_at : float or None
        When its result was taken in, in Unix seconds.
    result : Answer or TransportError or Recorded or BaseException or None
        What came back. A worker sets it, after `received_at` and once for each attempt, and the journal after the last;
        until it is taken in.
    doubt : str or None
        The error code of an attempt that may have arrived.
    http_status : int or None
        That of the last answer.
    outcome : Outcome or None
        The end; set once.
    """

    event: Event
    attempts: int = 0
    tries: int = 0
    tried_from: float = math.inf
    pardons: int = 0
    pardoned_in: int = 0
    is_out: bool = False
    is_being_recorded: bool = False
    sent_at: float = 0.0
    received_at: float = 0.0
    ended_at: float | None = None
    result: Answer | TransportError | Recorded | BaseException | None = None
    doubt: str | None = None
    http_status: int | None = None
    outcome: Outcome | None = None

    def leave(self, now: float) -> None:
        """Count an attempt that is about to be made.

        Parameters
        ----------
        now : float
            Seconds by the local clock.
        """
        self.attempts += 1
        self.tries += 1
        self.sent_at = now
        self.tried_from = min(self.tried_from, now)

    def pardon(self, outage: int) -> bool:
        """Let what was tried not count, since everything failed.

        Parameters
        ----------
        outage : int
            The number of the outage.

        Returns
        -------
        bool
            False after `MAX_PARDONS` outages: the event may be the cause of them.
        """
        if outage != self.pardoned_in:
            if self.pardons >= MAX_PARDONS:
                return False
            self.pardons += 1
            self.pardoned_in = outage
        self.tries = 0
        self.tried_from = math.inf
        return True

    def note(self, result: Answer | TransportError, *, ended_at: float) -> None:
        """Keep what matters of an attempt beyond its verdict.

        Parameters
        ----------
        result : Answer or TransportError
            What came of it.
        ended_at : float
            Unix seconds.
        """
        self.ended_at = ended_at
        self.http_status = result.status if isinstance(result, Answer) else None
        self.doubt = read_doubt(result) or self.doubt

    def end(self, verdict: Verdict) -> Outcome:
        """Set the outcome.

        Parameters
        ----------
        verdict : Verdict
            What became of the event.

        Returns
        -------
        Outcome
            The verdict with the facts of this ticket.
        """
        self.outcome = Outcome(
            row=self.event.row,
            status=verdict.status,
            http_status=verdict.http_status,
            attempts=self.attempts,
            error_code=verdict.error_code,
            error_message=verdict.error_message,
            request_id=verdict.request_id,
            submitted_at=self.ended_at if self.attempts else None,
        )
        self.result = None
        self.is_out = False
        return self.outcome


class Chunk:
    """The events that came in together, and whose outcomes leave together.

    Parameters
    ----------
    events : sequence of Event
        In the order in which outcomes are wanted.

    Attributes
    ----------
    events : sequence of Event
        The same.
    tickets : list of Ticket
        One for each event.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self.tickets = [Ticket(event=event) for event in events]
        self._ended = 0

    @property
    def is_done(self) -> bool:
        """Whether every event has its outcome."""
        # Looked up and not counted: an interrupt between the outcome and the count would leave the chunk open for ever.
        while self._ended < len(self.tickets) and self.tickets[self._ended].outcome:
            self._ended += 1
        return self._ended == len(self.tickets)

    @property
    def is_answered(self) -> bool:
        """Whether nothing is awaited any more but the journal."""
        waiting = islice(self.tickets, self._ended, None)
        return all(ticket.is_being_recorded or ticket.outcome for ticket in waiting)

    def outcomes(self) -> list[Outcome]:
        """Return the outcomes, in the order of the events.

        Returns
        -------
        list of Outcome
            One for each event of a chunk that is done.
        """
        return [ticket.outcome for ticket in self.tickets if ticket.outcome]
