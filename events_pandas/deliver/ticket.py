"""How far each event of an open chunk has come, and which event is sent next.

Only the caller's thread changes this state.
"""

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
"""After so many outages in which an event was in flight, its attempts count again: it may be the cause."""
OPEN_CHUNKS: Final = 2
"""The chunk whose outcomes are due, and the next, so that the pace does not dip during the last retries."""
SLOW_SECONDS: Final = 0.05
"""A source that takes longer is slow: outcomes that are nearly complete do not wait for its next chunk."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """The journal has dealt with an accepted event. If it was written, both fields are None."""

    error: JournalError | None
    elsewhere: OtherAcceptance | None = None


@dataclass(kw_only=True, slots=True, eq=False)
class Ticket:
    """One event on its way to its outcome. Times are by the local clock unless they are in Unix seconds."""

    event: Event
    attempts: int = 0
    # Attempts that count against `RetryPolicy.attempts`, and when the first of these left.
    tries: int = 0
    tried_from: float = math.inf
    # Outages whose failures did not count, and the number of the last of them.
    pardons: int = 0
    pardoned_in: int = 0
    # A request or the journal has it, or its result has not been taken in.
    is_out: bool = False
    # It is out for the journal, no longer for an answer.
    is_being_recorded: bool = False
    sent_at: float = 0.0
    received_at: float = 0.0
    # When the last result was taken in, in Unix seconds.
    ended_at: float | None = None
    # A worker sets it once for each attempt, after `received_at`; the journal sets it last. It is None once taken in.
    result: Answer | TransportError | Recorded | BaseException | None = None
    # The error code of an attempt that may have arrived.
    doubt: str | None = None
    # Of the last answer.
    http_status: int | None = None
    # Set once.
    outcome: Outcome | None = None

    def leave(self, now: float) -> None:
        """Count an attempt that is about to be made."""
        self.attempts += 1
        self.tries += 1
        self.sent_at = now
        self.tried_from = min(self.tried_from, now)

    def pardon(self, outage: int) -> bool:
        """Forget the tries made in an outage. Return False after `MAX_PARDONS` outages: the event may cause them."""
        if outage != self.pardoned_in:
            if self.pardons >= MAX_PARDONS:
                return False
            self.pardons += 1
            self.pardoned_in = outage
        self.tries = 0
        self.tried_from = math.inf
        return True

    def note(self, result: Answer | TransportError, *, ended_at: float) -> None:
        """Keep the facts of an attempt that its verdict does not hold."""
        self.ended_at = ended_at
        self.http_status = result.status if isinstance(result, Answer) else None
        self.doubt = read_doubt(result) or self.doubt

    def end(self, verdict: Verdict) -> Outcome:
        """Set the outcome: the verdict with the facts of this ticket."""
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
    """Events that came in together, and whose outcomes leave together and in their order."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self.tickets = [Ticket(event=event) for event in events]
        self._ended = 0

    @property
    def is_done(self) -> bool:
        """Whether every event has its outcome."""
        # Looked up, not counted: an interrupt between the outcome and the count would leave the chunk open to the end.
        while self._ended < len(self.tickets) and self.tickets[self._ended].outcome:
            self._ended += 1
        return self._ended == len(self.tickets)

    @property
    def is_answered(self) -> bool:
        """Whether only the journal is still awaited."""
        waiting = islice(self.tickets, self._ended, None)
        return all(ticket.is_being_recorded or ticket.outcome for ticket in waiting)

    def outcomes(self) -> list[Outcome]:
        """Return the outcomes of a chunk that is done, in the order of its events."""
        return [ticket.outcome for ticket in self.tickets if ticket.outcome]


class Backlog:
    """The open chunks of a source, in order, and the events in them that wait to be sent."""

    def __init__(self, source: Iterator[Sequence[Event]], *, reads_on: Callable[[], bool] = bool) -> None:
        # Whether the last chunk took the source longer than `SLOW_SECONDS`.
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
        """Open the next chunk if it is time and there is one."""
        if not self.wants_more:
            return
        began_at = time.monotonic()
        try:
            # Kept until they are in an open chunk, so that an interrupt before that does not lose them.
            self._pulled = next(self._source) if self._pulled is None else self._pulled
        except StopIteration:
            self._is_exhausted = True
        except Exception as error:  # noqa: BLE001  # raised by `first` after the chunks before the faulty one
            self._is_exhausted = True
            self._source_error = error
        else:
            # An earlier call may have opened this chunk already: Ctrl-C can come before `_pulled` is cleared.
            if not (self._open and self._open[-1].events is self._pulled):
                chunk = Chunk(self._pulled)
                self._open.append(chunk)
                self._fresh.extend(chunk.tickets)
            self._pulled = None
        self.is_slow = time.monotonic() - began_at > SLOW_SECONDS

    def first(self) -> Chunk | None:
        """Return the chunk whose outcomes are due, or None at the end.

        An error of the source is raised in place of the chunk that it prevented.
        """
        if self._open:
            return self._open[0]
        if self._source_error:
            raise self._source_error
        return None

    def close(self, chunk: Chunk | None) -> None:
        """Forget a chunk whose outcomes are out. After an interrupt it may be closed already; None closes nothing."""
        if self._open and self._open[0] is chunk:
            self._open.popleft()

    @property
    def is_open(self) -> bool:
        """Whether there are chunks whose outcomes are not out."""
        return bool(self._open)

    @property
    def is_first_about_to_end(self) -> bool:
        """Whether the outcomes that are due are complete or nearly so, so that a slow source can wait."""
        first = self._open[0] if self._open else None
        return first is not None and (first.is_done or (self.is_slow and first.is_answered))

    def due_at(self) -> float:
        """Return when there is something to send.

        The time is infinite if nothing waits, minus infinity if an event was never tried.
        """
        if self._fresh:
            return -math.inf
        return self._retries[0][0] if self._retries else math.inf

    def next_ticket(self, now: float) -> Ticket | None:
        """Take the next event to send, if one is due: a retry before an event that was never tried."""
        if self._retries and self._retries[0][0] <= now:
            return heapq.heappop(self._retries)[-1]
        return self._fresh.popleft() if self._fresh else None

    def next_fresh(self) -> Ticket | None:
        """Take an event that was never tried, if there is one."""
        return self._fresh.popleft() if self._fresh else None

    def pardon(self, outage: int) -> None:
        """Forget the tries made in an outage for the events that wait to be tried again."""
        for _, _, ticket in self._retries:
            ticket.pardon(outage)

    def put_back(self, ticket: Ticket, *, due_at: float) -> None:
        """Keep an event for another attempt, not before `due_at`."""
        heapq.heappush(self._retries, (due_at, next(self._order), ticket))

    def in_flight(self) -> list[Ticket]:
        """List the events whose result has not been taken in."""
        return [ticket for chunk in self._open for ticket in chunk.tickets if ticket.is_out]

    def abandon(self) -> list[Ticket]:
        """Stop sending, and list the events of the open chunks that have no outcome yet."""
        self._fresh.clear()
        self._retries.clear()
        # From the chunks, not the queues: an interrupt may have come while an event was in neither queue.
        return [ticket for chunk in self._open for ticket in chunk.tickets if ticket.outcome is None]
