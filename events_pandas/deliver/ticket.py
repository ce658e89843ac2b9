"""How far each event of an open chunk has come, and which event is sent next.

Only the run's thread changes this state.
"""

import heapq
import itertools
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from types import MappingProxyType
from typing import Final

from events_pandas.deliver.client.answers import Attempt, AttemptKind
from events_pandas.deliver.decide import Retry, RetryPolicy, Verdict, decide
from events_pandas.deliver.journal import Written
from events_pandas.deliver.outcomes import Event, Outcome

MAX_PARDONS: Final = 5
"""After so many outages in which an event was in flight, its attempts count again: it may be the cause."""
OPEN_CHUNKS: Final = 2
"""The chunk whose outcomes are due, and the next, so that the pace does not dip during the last retries."""
SLOW_SECONDS: Final = 0.05
"""A source that takes longer is slow: outcomes that are nearly complete do not wait for its next chunk."""


class EventState(StrEnum):
    """How far an event has come."""

    # It was never sent.
    FRESH = "fresh"
    # It waits for another attempt.
    WAITING = "waiting"
    # A request has it, or what came back has not been taken in.
    OUT = "out"
    # Its attempts were spent while nothing worked: the next probe shows whether it failed by itself.
    SUSPECT = "suspect"
    # It was accepted, and the journal has it, or the journal's answer has not been taken in.
    RECORDING = "recording"
    # It has its outcome.
    ENDED = "ended"

    @property
    def is_awaited(self) -> bool:
        """Whether another thread has the event, so that something will come back."""
        return self is EventState.OUT or self is EventState.RECORDING


NEXT_STATES: Final[Mapping[EventState, frozenset[EventState]]] = MappingProxyType(
    {
        EventState.FRESH: frozenset({EventState.OUT, EventState.ENDED}),
        EventState.WAITING: frozenset({EventState.OUT, EventState.ENDED}),
        EventState.OUT: frozenset({EventState.WAITING, EventState.SUSPECT, EventState.RECORDING, EventState.ENDED}),
        EventState.SUSPECT: frozenset({EventState.WAITING, EventState.ENDED}),
        EventState.RECORDING: frozenset({EventState.ENDED}),
        EventState.ENDED: frozenset(),
    }
)
"""What may follow each state. A stop may end an event in any of them."""


@dataclass(kw_only=True, slots=True, eq=False)
class Ticket:
    """One event on its way to its outcome. Times are by the local clock unless they are in Unix seconds."""

    event: Event
    state: EventState = EventState.FRESH
    attempts: int = 0
    # Attempts that count against `RetryPolicy.attempts`, and when the first of these left.
    tries: int = 0
    tried_from: float = math.inf
    # Outages whose failures did not count, and the number of the last of them.
    pardons: int = 0
    pardoned_in: int = 0
    sent_at: float = 0.0
    # When the last attempt came back, and when it was taken in, in Unix seconds.
    received_at: float = 0.0
    ended_at: float | None = None
    # What came back from a request: a worker sets it once for each attempt. It is None once taken in.
    result: Attempt | BaseException | None = None
    # What came back from the journal, which has dealt with the event: its thread sets it.
    written: Written = None
    # The error code of an attempt that may have arrived.
    doubt: str | None = None
    # Of the last answer.
    http_status: int | None = None
    # Set once.
    outcome: Outcome | None = None

    def turn(self, state: EventState) -> None:
        """Go on to a state that may follow the present one."""
        if state not in NEXT_STATES[self.state]:
            raise RuntimeError(f"row {self.event.row} cannot be {state} after it was {self.state}")
        self.state = state

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

    def note(self, attempt: Attempt, *, ended_at: float) -> None:
        """Keep the facts of an attempt that its verdict does not hold. A refusal by the rate limit is not a try."""
        self.received_at = attempt.received_at
        self.ended_at = ended_at
        self.http_status = attempt.status
        self.doubt = attempt.doubt or self.doubt
        if attempt.kind is AttemptKind.PACED:
            self.tries = max(self.tries - 1, 0)

    def next_step(self, attempt: Attempt, *, policy: RetryPolicy, jitter: float) -> Verdict | Retry:
        """Decide after an attempt: end the event, or try it again."""
        return decide(
            attempt,
            policy=policy,
            jitter=jitter,
            tries=self.tries,
            attempts=self.attempts,
            elapsed_seconds=attempt.received_at - self.tried_from,
            doubt=self.doubt,
        )

    def end(self, verdict: Verdict) -> Outcome:
        """Set the outcome: the verdict with the facts of this ticket."""
        outcome = Outcome(
            row=self.event.row,
            status=verdict.status,
            http_status=verdict.http_status,
            attempts=self.attempts,
            error_code=verdict.error_code,
            error_message=verdict.error_message,
            request_id=verdict.request_id,
            submitted_at=self.ended_at if self.attempts else None,
        )
        self.turn(EventState.ENDED)
        self.outcome = outcome
        self.result = None
        return outcome


class Chunk:
    """Events that came in together, and whose outcomes leave together and in their order."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.tickets = [Ticket(event=event) for event in events]
        self._ended = 0

    @property
    def is_done(self) -> bool:
        """Whether every event has its outcome."""
        while self._ended < len(self.tickets) and self.tickets[self._ended].state is EventState.ENDED:
            self._ended += 1
        return self._ended == len(self.tickets)

    @property
    def is_answered(self) -> bool:
        """Whether only the journal is still awaited."""
        waiting = islice(self.tickets, self._ended, None)
        return all(ticket.state in (EventState.RECORDING, EventState.ENDED) for ticket in waiting)

    def outcomes(self) -> list[Outcome]:
        """Return the outcomes of a chunk that is done, in the order of its events."""
        return [ticket.outcome for ticket in self.tickets if ticket.outcome]


class Backlog:
    """The open chunks of a source, in order, and the events in them that wait to be sent."""

    def __init__(self, source: Iterator[Sequence[Event] | None], *, reads_on: Callable[[], bool] = bool) -> None:
        # Whether the last chunk took the source longer than `SLOW_SECONDS`.
        self.is_slow = False
        # The suspects, each with its verdict if the next probe works.
        self._suspects: list[tuple[Ticket, Verdict]] = []
        self._source = source
        self._reads_on = reads_on
        self._source_error: Exception | None = None
        self._is_exhausted = False
        # Since when the source owes a chunk that it does not have yet.
        self._owed_since: float | None = None
        self._open: deque[Chunk] = deque()
        self._fresh: deque[Ticket] = deque()
        self._retries: list[tuple[float, int, Ticket]] = []
        self._order = itertools.count()

    @property
    def wants_more(self) -> bool:
        """Whether it is time for the next chunk."""
        if self._fresh or self._is_exhausted:
            return False
        return len(self._open) < OPEN_CHUNKS or self._reads_on()

    @property
    def is_owed(self) -> bool:
        """Whether the source did not have its next chunk yet when it was asked last."""
        return self._owed_since is not None

    def pull(self) -> None:
        """Open the next chunk if it is time and there is one."""
        if not self.wants_more:
            return
        began_at, self._owed_since = self._owed_since or time.monotonic(), None
        try:
            events = next(self._source)
        except StopIteration:
            self._is_exhausted = True
        except Exception as error:  # noqa: BLE001  # raised by `first` after the chunks before the faulty one
            self._is_exhausted = True
            self._source_error = error
        else:
            if events is None:
                self._owed_since = began_at
                return
            chunk = Chunk(events)
            self._open.append(chunk)
            self._fresh.extend(chunk.tickets)
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

    def close_first(self) -> None:
        """Forget the first chunk, whose outcomes are out."""
        self._open.popleft()

    @property
    def is_open(self) -> bool:
        """Whether there are chunks whose outcomes are not out."""
        return bool(self._open)

    def is_due(self) -> bool:
        """Return whether the outcomes that are due are complete, or the end has come."""
        return self._open[0].is_done if self._open else not self.is_owed

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

    def next_probe(self, *, beside_suspects: bool) -> Ticket | None:
        """Take an event that may show whether the service works, if there is one.

        It must not have failed before, as it may be the cause. While there are suspects it is only taken
        `beside_suspects`.
        """
        return self._fresh.popleft() if self._fresh and (beside_suspects or not self._suspects) else None

    def pardon(self, outage: int) -> None:
        """Forget the tries made in an outage for the events that wait to be tried again."""
        for _, _, ticket in self._retries:
            ticket.pardon(outage)

    def put_back(self, ticket: Ticket, *, due_at: float) -> None:
        """Keep an event for another attempt, not before `due_at`."""
        heapq.heappush(self._retries, (due_at, next(self._order), ticket))
        ticket.turn(EventState.WAITING)
        ticket.result = None

    def suspect(self, ticket: Ticket, verdict: Verdict) -> None:
        """Keep an event that may have failed only because nothing works."""
        self._suspects.append((ticket, verdict))
        ticket.turn(EventState.SUSPECT)

    def settle_suspects(self, outage: int | None) -> list[tuple[Ticket, Verdict]]:
        """Let the suspects go on after the confirmed outage with this number; None: they end. Return those that end."""
        suspects, self._suspects = self._suspects, []
        ended = []
        for ticket, verdict in suspects:
            if outage is not None and ticket.pardon(outage):
                self.put_back(ticket, due_at=ticket.received_at)
            else:
                ended.append((ticket, verdict))
        return ended

    @property
    def is_awaited(self) -> bool:
        """Whether another thread has an event, or its result has not been taken in."""
        return any(ticket.state.is_awaited for chunk in self._open for ticket in chunk.tickets)

    def abandon(self) -> list[Ticket]:
        """Stop sending, and list the events of the open chunks that have no outcome yet."""
        self._fresh.clear()
        self._retries.clear()
        self._suspects.clear()
        self._owed_since = None
        return [ticket for chunk in self._open for ticket in chunk.tickets if ticket.state is not EventState.ENDED]
