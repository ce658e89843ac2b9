"""How far each event of an open chunk has come. The only values here that change; the caller's thread changes them."""

import heapq
import itertools
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from events_pandas.deliver.client.answers import Answer, TransportError
from events_pandas.deliver.decide import Verdict, read_doubt
from events_pandas.deliver.journal import OtherAcceptance
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
    elsewhere : OtherAcceptance or None, default None
        What another run has recorded of it in the meantime.
    """

    error: JournalError | None
    elsewhere: OtherAcceptance | None = None


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


OPEN_CHUNKS: Final = 2
"""The one whose outcomes are due, and the next, so that the pace does not dip while the last retries come in."""
SLOW_SECONDS: Final = 0.05
"""A source that takes longer may wait for somebody: what is about to be done is done before it is asked again."""


class Backlog:
    """The open chunks of a source, in order.

    Parameters
    ----------
    source : iterator of sequences of Event
        One sequence for each chunk; asked for the next one only when every event at hand has been tried.
    reads_on : callable, optional
        Tells whether further chunks are opened than the first and the next; by default they are not.

    Attributes
    ----------
    is_slow : bool
        Whether the source took its time for the last chunk.
    """

    def __init__(self, source: Iterator[Sequence[Event]], *, reads_on: Callable[[], bool] = bool) -> None:
        self.is_slow = False
        self._source = source
        self._reads_on = reads_on
        self._source_error: Exception | None = None
        self._is_exhausted = False
        self._pulled: Sequence[Event] | None = None
        self._open: deque[Chunk] = deque()
        self._fresh: deque[Ticket] = deque()
        self._retries: list[tuple[float, int, Ticket]] = []
        self._order = itertools.count()

    @property
    def wants_more(self) -> bool:
        """Whether it is time for the next chunk."""
        if self._pulled is not None:
            return True
        if self._fresh or self._is_exhausted:
            return False
        return len(self._open) < OPEN_CHUNKS or self._reads_on()

    def pull(self) -> None:
        """Open the next chunk, if it is time and there is one."""
        if not self.wants_more:
            return
        began_at = time.monotonic()
        try:
            # Kept until they are in an open chunk: an interrupt on the way there must not lose them.
            self._pulled = next(self._source) if self._pulled is None else self._pulled
        except StopIteration:
            self._is_exhausted = True
        except Exception as error:  # noqa: BLE001  # raised by `first`, once the chunks before the faulty one are out
            self._is_exhausted = True
            self._source_error = error
        else:
            # Ctrl-C may have come between opening a chunk and forgetting what it was opened for.
            if not (self._open and self._open[-1].events is self._pulled):
                chunk = Chunk(self._pulled)
                self._open.append(chunk)
                self._fresh.extend(chunk.tickets)
            self._pulled = None
        self.is_slow = time.monotonic() - began_at > SLOW_SECONDS

    def first(self) -> Chunk | None:
        """Return the chunk whose outcomes are due.

        Returns
        -------
        Chunk or None
            None at the end.

        Raises
        ------
        Exception
            What the source raised in place of the next chunk.
        """
        if self._open:
            return self._open[0]
        if self._source_error:
            raise self._source_error
        return None

    def close(self, chunk: Chunk | None) -> None:
        """Forget a chunk whose outcomes are out.

        Parameters
        ----------
        chunk : Chunk or None
            May be closed already, as after an interrupt; None closes nothing.
        """
        if self._open and self._open[0] is chunk:
            self._open.popleft()

    @property
    def is_open(self) -> bool:
        """Whether there are chunks whose outcomes are not out."""
        return bool(self._open)

    @property
    def is_first_about_to_end(self) -> bool:
        """Whether the outcomes that are due are complete, or in a moment: a source that takes its time can wait."""
        first = self._open[0] if self._open else None
        return first is not None and (first.is_done or (self.is_slow and first.is_answered))

    def due_at(self) -> float:
        """Return when there is something to send.

        Returns
        -------
        float
            Seconds by the local clock; infinite if nothing waits, minus infinity if an event was never tried.
        """
        if self._fresh:
            return -math.inf
        return self._retries[0][0] if self._retries else math.inf

    def next_ticket(self, now: float) -> Ticket | None:
        """Take out what is to be sent next: retries that are due before events that were never tried.

        Parameters
        ----------
        now : float
            Seconds by the local clock.

        Returns
        -------
        Ticket or None
            None if nothing is due.
        """
        if self._retries and self._retries[0][0] <= now:
            return heapq.heappop(self._retries)[-1]
        return self._fresh.popleft() if self._fresh else None

    def next_fresh(self) -> Ticket | None:
        """Take out an event that was never tried.

        Returns
        -------
        Ticket or None
            None if there is none at hand.
        """
        return self._fresh.popleft() if self._fresh else None

    def pardon(self, outage: int) -> None:
        """Let what was tried not count for the events that wait to be tried again.

        Parameters
        ----------
        outage : int
            The number of the outage.
        """
        for _, _, ticket in self._retries:
            ticket.pardon(outage)

    def put_back(self, ticket: Ticket, *, due_at: float) -> None:
        """Keep an event for another attempt.

        Parameters
        ----------
        ticket : Ticket
            The event.
        due_at : float
            Not before this time, by the local clock.
        """
        heapq.heappush(self._retries, (due_at, next(self._order), ticket))

    def in_flight(self) -> list[Ticket]:
        """List the events that are out.

        Returns
        -------
        list of Ticket
            Those whose result has not been taken in.
        """
        return [ticket for chunk in self._open for ticket in chunk.tickets if ticket.is_out]

    def abandon(self) -> list[Ticket]:
        """Give up sending.

        Returns
        -------
        list of Ticket
            The events of the open chunks that have no outcome yet.
        """
        self._fresh.clear()
        self._retries.clear()
        # By the chunks and not by the queues: an interrupt may have come while an event was in neither.
        return [ticket for chunk in self._open for ticket in chunk.tickets if ticket.outcome is None]
