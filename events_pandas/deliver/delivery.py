"""The loop of a run: it sends the events of open chunks, and settles what comes back. One thread does all of it."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from events_pandas.deliver.client.answers import Attempt, AttemptKind
from events_pandas.deliver.clock import Clock
from events_pandas.deliver.decide import Retry, RetryPolicy, Verdict, decide, judge_recorded
from events_pandas.deliver.outage import Outage
from events_pandas.deliver.outcomes import Event, Outcome
from events_pandas.deliver.pace.pacer import Pacer
from events_pandas.deliver.stops import (
    Stop,
    judge_at_stop,
    stop_after,
    stop_for_error,
    stop_for_failure_rate,
    stop_for_interrupt,
    stop_for_journal,
    stop_for_outage,
)
from events_pandas.deliver.ticket import Backlog, Chunk, EventState, Ticket
from events_pandas.deliver.withheld import FailureRate, Withheld
from events_pandas.deliver.workers import CLOSING_SECONDS, Workers
from events_pandas.errors import JournalError

PROBE: Final = Event(row=-1, payload=b"", contact="")
"""Stands for ``GET /me``, which costs no event."""

_LONGEST_WAIT_SECONDS: Final = 1.0
_TICK_SECONDS: Final = 0.1


@dataclass(kw_only=True, slots=True, eq=False)
class Delivery:
    """Sends events, and settles what comes back: it reads, decides, then acts."""

    workers: Workers
    pacer: Pacer
    outage: Outage
    failure_rate: FailureRate
    policy: RetryPolicy
    clock: Clock
    grace_seconds: float
    on_outcome: Callable[[Outcome], None] | None
    on_tick: Callable[[], None] | None
    interrupts: Callable[[], int]
    # Why the run ended early, if it did.
    stop: Stop | None = None
    # Events submitted, with every attempt; of these, the retries.
    requests: int = 0
    retries: int = 0
    # When the run began to await the requests in flight, because it ends early.
    stopping_since: float | None = None
    backlog: Backlog = field(default_factory=lambda: Backlog(iter(())))
    process: int = field(default_factory=os.getpid)
    _withheld: Withheld = field(default_factory=Withheld)
    # Whether an event has had a final answer.
    _is_answered: bool = False
    _ticked_at: float = 0.0
    _looked_at: float = -math.inf

    def advance(self, after: Chunk | None) -> Chunk | None:
        """Work until the outcomes that are due are complete; None at the end. `after` is the chunk before."""
        self.backlog.close(after)
        while True:
            self._require_own()
            self._settle_what_came()
            if self._reads_on:
                self.backlog.pull()
            # The caller's frames may have forked the process.
            self._require_own()
            self.look_for_interrupts()
            if self.outage.has_given_up and not self.stop:
                seconds = self.clock.monotonic() - self.outage.since
                self.stop = stop_for_outage(self.outage.last_failure, seconds=seconds)
            if self.stop:
                self.await_in_flight()
                self.abandon(self.stop)
            first = self.backlog.first()
            if first is None or first.is_done:
                return first
            self._dispatch()
            self.tick()
            if not (self._reads_on or first.is_done):
                now = self.clock.monotonic()
                self._take_in(min(self._leaves_at(now) - now, _LONGEST_WAIT_SECONDS))

    def tick(self) -> None:
        """Let the caller show that the run goes on."""
        now = self.clock.monotonic()
        if self.on_tick and now - self._ticked_at >= _TICK_SECONDS:
            self._ticked_at = now
            self.on_tick()

    def look_for_interrupts(self) -> None:
        """Stop the run if it was interrupted."""
        if self.interrupts():
            self._stop_by(stop_for_interrupt())

    @property
    def is_hasty(self) -> bool:
        """Whether the run was interrupted twice, and awaits no answer."""
        return self.interrupts() > 1

    def await_in_flight(self) -> None:
        """Settle what is under way, for a limited time."""
        self.stopping_since = self.clock.monotonic()
        until = self.stopping_since + self.grace_seconds
        self._settle_what_came()
        while self.backlog.is_awaited and not self.is_hasty and (seconds := until - self.clock.monotonic()) > 0:
            self._take_in(min(seconds, _LONGEST_WAIT_SECONDS))
            self.tick()
            self._require_own()
            self.look_for_interrupts()
        if self.is_hasty:
            self._await_recorded()
        self.stopping_since = None

    def _await_recorded(self) -> None:
        """Await what is being written, which takes no longer than the disk does."""
        until = self.clock.monotonic() + CLOSING_SECONDS
        while self.workers.being_recorded and self.clock.monotonic() < until:
            self._take_in(_LONGEST_WAIT_SECONDS)
        self._settle_what_came()

    def abandon(self, stop: Stop) -> None:
        """Give every open event the outcome that a stop leaves."""
        for ticket in self.backlog.abandon():
            self._end(ticket, judge_at_stop(ticket, stop))

    @property
    def is_inherited(self) -> bool:
        """Whether this process is a fork of the process that made the run."""
        return os.getpid() != self.process

    def _require_own(self) -> None:
        """Refuse to go on in a child process.

        Both would send the same events, and the child has none of the threads.
        """
        if self.is_inherited:
            raise RuntimeError(
                f"this run belongs to process {self.process}: a forked process must begin a run of its own"
            )

    @property
    def _reads_on(self) -> bool:
        """Whether the source is asked for the next chunk. It may keep the run waiting as long as it likes."""
        return self.backlog.wants_more and not self.backlog.is_first_about_to_end

    def _leaves_at(self, now: float) -> float:
        """Return when the next request may leave; infinite if something must come back first."""
        if not self.workers.has_room:
            return math.inf
        if not self.outage.is_on:
            return max(self.backlog.due_at(), self.pacer.next_at(now))
        # While everything fails, one request at a time. It needs no event.
        return math.inf if self.workers.in_flight else max(self.outage.probe_at, self.pacer.next_at(now))

    def _dispatch(self) -> None:
        """Send what may be sent now."""
        now = self.clock.monotonic()
        while self._leaves_at(now) <= now and (ticket := self._next_ticket(now)):
            verdict = self._withheld.verdict(ticket.event)
            if verdict is None:
                self._send(ticket, now)
            else:
                self._end(ticket, replace(verdict, http_status=ticket.http_status))
            now = self.clock.monotonic()

    def _next_ticket(self, now: float) -> Ticket | None:
        if self.outage.is_on:
            return self.backlog.next_probe() or Ticket(event=PROBE)
        return self.backlog.next_ticket(now)

    def _send(self, ticket: Ticket, now: float) -> None:
        # The caller's functions, which take outcomes or yield frames, may have forked the process.
        self._require_own()
        # Before anything is counted, as the system may have no thread left.
        self.workers.add_thread()
        self.requests += ticket.event is not PROBE
        self.retries += ticket.attempts > 0
        ticket.leave(now)
        self.pacer.sent(now)
        self.workers.give(ticket)

    def _take_in(self, seconds: float) -> None:
        """Wait for an answer, and settle the answers that came."""
        ticket = self.workers.take(seconds)
        now = self.clock.monotonic()
        if ticket is not None:
            self._settle(ticket)
            self._settle_what_came()
        elif now - self._looked_at >= _LONGEST_WAIT_SECONDS:
            self._looked_at = now
            self._stop_by(self.workers.check_threads())

    def _settle_what_came(self) -> None:
        while ticket := self.workers.take(0.0):
            self._settle(ticket)

    def _settle(self, ticket: Ticket) -> None:
        """Decide what becomes of an event, now that something has come back for it."""
        result = ticket.result
        if not ticket.state.is_awaited:
            return
        if ticket.recorded:
            written = ticket.recorded.written
            if isinstance(written, JournalError):
                self._stop_by(stop_for_journal(written))
            self._conclude(ticket, judge_recorded(written))
        elif isinstance(result, Attempt):
            self._learn(ticket, result)
            is_event = ticket.event is not PROBE
            is_final = is_event and not result.kind.passes
            self._stop_by(stop_after(result, is_first=is_final and not self._is_answered))
            self._is_answered = self._is_answered or is_final
            if is_event:
                self._go_on(ticket, result)
            else:
                ticket.turn(EventState.ENDED)
        elif result is not None:
            # The client raised it: the event may have been on its way. The end of the run gives it its outcome.
            ticket.doubt = "no_answer"
            self.backlog.put_back(ticket, due_at=math.inf)
            self._stop_by(stop_for_error(result))

    def _learn(self, ticket: Ticket, attempt: Attempt) -> None:
        """Draw the conclusions from an attempt for the pace, and for whether the service works."""
        ticket.note(attempt, ended_at=self.clock.unix_time())
        self.pacer.observe(attempt)
        outage, was_confirmed = self.outage, self.outage.is_confirmed
        outage.observe(attempt, in_flight=self.workers.in_flight, jitter=self.clock.jitter())
        if outage.is_confirmed and not was_confirmed:
            self.backlog.pardon(outage.number)
        if outage.is_confirmed and attempt.kind is AttemptKind.FAILED:
            ticket.pardon(outage.number)
        if attempt.kind is not AttemptKind.PACED and (outage.is_confirmed or not outage.is_on):
            self._settle_suspects()

    def _go_on(self, ticket: Ticket, attempt: Attempt) -> None:
        """Let an event go on to the state that follows from an attempt."""
        step = decide(
            attempt,
            policy=self.policy,
            jitter=self.clock.jitter(),
            tries=ticket.tries,
            attempts=ticket.attempts,
            elapsed_seconds=attempt.received_at - ticket.tried_from,
            doubt=ticket.doubt,
        )
        if isinstance(step, Retry):
            self.backlog.put_back(ticket, due_at=attempt.received_at + step.wait_seconds)
        elif attempt.kind is AttemptKind.FAILED and self._is_suspicious(ticket):
            self.backlog.suspect(ticket, step)
            self.outage.suspect(attempt.received_at)
        elif not (attempt.kind is AttemptKind.ACCEPTED and self.workers.record(ticket, attempt)):
            self._conclude(ticket, step)

    def _is_suspicious(self, ticket: Ticket) -> bool:
        """Return whether an event may have failed only because nothing works."""
        return not self.stop and (self.outage.is_on or self.outage.worked_at < ticket.tried_from)

    def _settle_suspects(self) -> None:
        """Deal with events that failed while nothing worked.

        They go on if that was an outage, and end if it was not.
        """
        while self.backlog.suspects:
            ticket, verdict = self.backlog.suspects.pop()
            if self.outage.is_confirmed and ticket.pardon(self.outage.number):
                self.backlog.put_back(ticket, due_at=ticket.received_at)
            else:
                self._conclude(ticket, verdict)

    def _conclude(self, ticket: Ticket, verdict: Verdict) -> None:
        """End an event that was sent, and draw the conclusions for the others."""
        outcome = self._end(ticket, verdict)
        self._withheld.note(ticket.event, outcome)
        rate = self.failure_rate
        if rate.note(outcome):
            self._stop_by(stop_for_failure_rate(outcome, failures=rate.failures, ended=rate.ended, limit=rate.limit))

    def _end(self, ticket: Ticket, verdict: Verdict) -> Outcome:
        outcome = ticket.end(verdict)
        self.workers.release(ticket, outcome)
        if self.on_outcome:
            self.on_outcome(outcome)
        return outcome

    def _stop_by(self, stop: Stop | None) -> None:
        self.stop = self.stop or stop
