"""The engine of a run: chunks of events in, lists of outcomes out. One thread, the run's, makes every decision."""

import math
import os
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from events_pandas.deliver.client import MAX_CONCURRENCY
from events_pandas.deliver.client.answers import Attempt, AttemptKind
from events_pandas.deliver.clock import REAL_CLOCK, Clock
from events_pandas.deliver.decide import DEFAULT_RETRY_POLICY, Retry, RetryPolicy, Verdict, judge_recorded
from events_pandas.deliver.journal import JournalWriter
from events_pandas.deliver.lessons import Lessons
from events_pandas.deliver.outage import FIRST_PROBE_SECONDS, Outage
from events_pandas.deliver.outcomes import Event, Outcome, WorkspaceIdentity
from events_pandas.deliver.pace.pacer import Pacer
from events_pandas.deliver.pace.state import RunState
from events_pandas.deliver.pauses import Pauses
from events_pandas.deliver.stops import (
    Stop,
    judge_at_stop,
    stop_after,
    stop_for_canary,
    stop_for_error,
    stop_for_interrupt,
    stop_for_journal,
    stop_for_outage,
)
from events_pandas.deliver.ticket import Backlog, Chunk, EventState, Ticket
from events_pandas.deliver.workers import CLOSING_SECONDS, PROBE, THREAD_END_SECONDS, Client, Workers
from events_pandas.errors import JournalError

GRACE_SECONDS: Final = 30.0
"""How long a run that ends early waits for the requests in flight."""
PATIENCE_SECONDS: Final = 600.0
"""How long a run waits for the end of an outage, by default."""

_LONGEST_WAIT_SECONDS: Final = 1.0
_TICK_SECONDS: Final = 0.1


class Engine:
    """Delivers the events of one run: worker threads wait for answers, and the run's thread decides and sends.

    Parameters
    ----------
    concurrency : int, optional
        Requests in flight at most. By default as many as rate and latency need, up to `MAX_CONCURRENCY`.
    rate_share : float, default 1.0
        The part of each window of the rate limit that is used at most.
    patience_seconds : float, default 600.0
        How long the run waits for the end of an outage, in which everything fails.
    max_failure_rate : float, optional
        The run stops if more than this part of the events sent is not accepted.
    on_outcome : callable, optional
        Called with each outcome as it comes.
    on_tick : callable, optional
        Called at least once a second while the run works or waits.
    interrupts : callable, optional
        Returns how often the run was interrupted: the first stops it, after the second it awaits no answer.
    pacer : Pacer, optional
        Another engine's, which does not send at the same time: it knows the limit already.
    """

    # The run's thread never waits longer than a second before it looks again. A thread that has died, or a request that
    # hangs for an hour, ends the run.

    def __init__(
        self,
        client: Client,
        *,
        retry: RetryPolicy = DEFAULT_RETRY_POLICY,
        concurrency: int | None = None,
        rate_share: float = 1.0,
        patience_seconds: float = PATIENCE_SECONDS,
        max_failure_rate: float | None = None,
        on_outcome: Callable[[Outcome], None] | None = None,
        on_tick: Callable[[], None] | None = None,
        interrupts: Callable[[], int] = int,
        pacer: Pacer | None = None,
        clock: Clock = REAL_CLOCK,
        grace_seconds: float = GRACE_SECONDS,
        probe_seconds: float = FIRST_PROBE_SECONDS,
    ) -> None:
        # Why the run ended early, if it did.
        self.stop: Stop | None = None
        self.workspace: WorkspaceIdentity | None = None
        # Events submitted, with every attempt; of these, the retries.
        self.requests = self.retries = 0
        self.on_outcome = on_outcome
        self._on_tick = on_tick
        self._interrupts = interrupts
        self.client = client
        self.policy = retry
        self.clock = clock
        self._process = os.getpid()
        size = MAX_CONCURRENCY if concurrency is None else concurrency
        self._workers = Workers(client, size=size, monotonic=clock.monotonic)
        self.pacer = Pacer(rate_share) if pacer is None else pacer
        self._outage = Outage(patience_seconds, probe_seconds=probe_seconds)
        self._lessons = Lessons(max_failure_rate)
        self._backlog = Backlog(iter(()))
        self._look_ahead: Callable[[], object] = bool
        self.pauses = Pauses(grace_seconds=grace_seconds)
        self._ticked_at = 0.0
        self._looked_at = -math.inf

    @property
    def is_inherited(self) -> bool:
        """Whether this process is a fork of the process that made the run and goes on with it."""
        return os.getpid() != self._process

    def current_state(self) -> RunState:
        """Return the window of the rate limit, what the run waits for, and the requests in flight."""
        now = self.clock.monotonic()
        pause = self.pauses.current(now, outage=self._outage, backoff=self.pacer.backoff)
        return RunState(window=self.pacer.window(now), pause=pause, in_flight=self._workers.in_flight)

    def record_in(self, writer: JournalWriter) -> None:
        """Write each accepted event into a journal before its outcome is reported. The run closes the writer."""
        self._workers.writer = writer

    def deliver(
        self,
        chunks: Iterable[Sequence[Event] | None],
        *,
        reads_on: Callable[[], bool] = bool,
        look_ahead: Callable[[], object] = bool,
    ) -> Generator[list[Outcome], None, None]:
        """Submit events, and yield a list of outcomes for each chunk, in order.

        One chunk is read ahead, and more while `reads_on()` is true. An error of `chunks` is raised after the chunks
        before it are yielded.
        """
        # None in the place of a chunk means that it is not there yet: it is asked for again after `wake`. `look_ahead`
        # is called in each turn in which no outcomes are due, to prepare such chunks.
        # After a stop the rest is not sent, but its outcomes are still yielded. Closing the iterator awaits the
        # requests in flight.
        self._backlog, self._look_ahead = Backlog(iter(chunks), reads_on=reads_on), look_ahead
        try:
            while (chunk := self._next_done()) is not None:
                yield chunk.outcomes()
                self._backlog.close_first()
        finally:
            self._leave()

    def await_run(self, seconds: float) -> bool:
        """Wait a second for the end of another run; return False if that takes longer than `seconds` in all."""
        now = self.clock.monotonic()
        _, until = self.pauses.awaiting = self.pauses.awaiting or (now, now + seconds)
        if now >= until:
            return False
        # An interrupt wakes it.
        self._take_in(min(until - now, _LONGEST_WAIT_SECONDS))
        self.look()
        return True

    def wake(self) -> None:
        """End a wait, so that the engine looks for interrupts. Any thread may call this."""
        self._workers.wake()

    def stop_by(self, stop: Stop | None) -> None:
        """Stop the run, unless something else has stopped it before."""
        self.stop = self.stop or stop

    def withhold(self, contacts: Mapping[str, bool]) -> None:
        """Send no event of these contacts, since Intercom does not know them; True: it may only seem so."""
        self._lessons.withhold(contacts)

    def try_out(self, events: Sequence[Event]) -> list[Outcome]:
        """Submit a few events before all others, return their outcomes, and stop the run if they fail."""
        outcomes = [outcome for chunk in self.deliver([events]) for outcome in chunk]
        self.stop_by(stop_for_canary(outcomes))
        return outcomes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # An iterator that was left half way ends at an unknown time, so its requests are awaited here.
        try:
            self._leave()
        finally:
            self._workers.close_writer()
            # They know the run, which knows the engine: in a cycle the rows would wait for the collector of garbage.
            self.on_outcome = self._on_tick = None
            self._interrupts, self._look_ahead = int, bool

    def _next_done(self) -> Chunk | None:
        """Return the next chunk that is done, or None at the end."""
        try:
            return self._work()
        except SystemExit:
            raise
        except BaseException as error:
            # Open events get an outcome that says how far they came. An error of `chunks` comes when none is open.
            if self.is_inherited or not self._backlog.is_open:
                raise
            self.stop_by(stop_for_error(error))
            return self._work()

    def _leave(self) -> None:
        """Await the requests in flight, once, and end the threads."""
        if self.is_inherited:
            return
        try:
            self._await_in_flight()
        finally:
            # The function that takes outcomes may raise.
            self._backlog = Backlog(iter(()))
            self._workers.end_threads(wait_seconds=0.0 if self._is_hasty else THREAD_END_SECONDS)

    def _work(self) -> Chunk | None:
        """Work until the outcomes that are due are complete; None at the end."""
        while True:
            self._settle_what_came()
            if self._reads_on:
                self._backlog.pull()
            # The caller's functions may have forked the process.
            self._require_own()
            self.look()
            self._mind_patience()
            if self.stop:
                self._await_in_flight()
                for ticket in self._backlog.abandon():
                    self._end(ticket, judge_at_stop(ticket, self.stop))
            first = self._backlog.first()
            if self._backlog.is_due():
                return first
            self._dispatch()
            if not (self.stop or self._backlog.is_first_about_to_end):
                self._look_ahead()
            if not self._backlog.is_due() and (self._backlog.is_owed or not self._reads_on):
                now = self.clock.monotonic()
                self._take_in(min(self._leaves_at(now) - now, _LONGEST_WAIT_SECONDS))

    def _mind_patience(self) -> None:
        """Let one last request leave when the patience is over, and stop the run if that has failed."""
        now, outage = self.clock.monotonic(), self._outage
        if outage.is_over_patience(now):
            outage.suspect(now)
        if outage.has_given_up:
            self.stop_by(stop_for_outage(outage.last_failure, seconds=now - outage.since))

    def look(self) -> None:
        """Let the caller show that the run goes on, and stop the run if it was interrupted."""
        now = self.clock.monotonic()
        if self._on_tick and now - self._ticked_at >= _TICK_SECONDS:
            self._ticked_at = now
            self._on_tick()
        if self._interrupts():
            self.stop_by(stop_for_interrupt())

    @property
    def _is_hasty(self) -> bool:
        """Whether the run was interrupted twice, and awaits no answer."""
        return self._interrupts() > 1

    def _await_in_flight(self) -> None:
        """Settle what is under way, for a limited time."""
        self.pauses.stopping_since = self.clock.monotonic()
        until = self.pauses.stopping_since + self.pauses.grace_seconds
        self._settle_what_came()
        while self._backlog.is_awaited and not self._is_hasty and (seconds := until - self.clock.monotonic()) > 0:
            self._take_in(min(seconds, _LONGEST_WAIT_SECONDS))
            self.look()
            self._require_own()
        if self._is_hasty:
            # What is being written is still awaited, as it takes no longer than the disk does.
            until = self.clock.monotonic() + CLOSING_SECONDS
            while self._workers.being_recorded and self.clock.monotonic() < until:
                self._take_in(_LONGEST_WAIT_SECONDS)
            self._settle_what_came()
        self.pauses.stopping_since = None

    def _require_own(self) -> None:
        """Refuse to go on in a child process.

        Both would send the same events, and the child has none of the threads.
        """
        if self.is_inherited:
            raise RuntimeError(
                f"this run belongs to process {self._process}: a forked process must begin a run of its own"
            )

    @property
    def _reads_on(self) -> bool:
        """Whether the source is asked for the next chunk. It may keep the run waiting as long as it likes."""
        return self._backlog.wants_more and not self._backlog.is_first_about_to_end

    def _leaves_at(self, now: float) -> float:
        """Return when the next request may leave; infinite if something must come back first."""
        if not self._workers.has_room:
            return math.inf
        if not self._outage.is_on:
            return max(self._backlog.due_at(), self.pacer.next_at(now))
        # While everything fails, one request at a time. It needs no event.
        return math.inf if self._workers.in_flight else max(self._outage.probe_at, self.pacer.next_at(now))

    def _dispatch(self) -> None:
        """Send what may be sent now."""
        now = self.clock.monotonic()
        while self._leaves_at(now) <= now and (ticket := self._next_ticket(now)):
            verdict = self._lessons.verdict(ticket.event)
            if verdict is None:
                # First, as it raises if the system has no thread left.
                self._workers.give(ticket, now)
                self.pacer.sent(now)
                self.requests += ticket.event is not PROBE
                self.retries += ticket.attempts > 1
            else:
                self._end(ticket, replace(verdict, http_status=ticket.http_status))
            now = self.clock.monotonic()

    def _next_ticket(self, now: float) -> Ticket | None:
        if not self._outage.is_on:
            return self._backlog.next_ticket(now)
        probe = self._backlog.next_probe(beside_suspects=not self._outage.has_answered)
        if probe is None and (self._outage.needs_event or self._outage.is_last_chance(now)):
            probe = self._backlog.next_ticket(math.inf)
        return probe or Ticket(event=PROBE)

    def _take_in(self, seconds: float) -> None:
        """Wait for an answer, and settle the answers that came."""
        ticket = self._workers.take(seconds)
        now = self.clock.monotonic()
        if ticket is not None:
            self._settle(ticket)
            self._settle_what_came()
        elif now - self._looked_at >= _LONGEST_WAIT_SECONDS:
            self._looked_at = now
            self.stop_by(self._workers.check_threads())

    def _settle_what_came(self) -> None:
        while ticket := self._workers.take(0.0):
            self._settle(ticket)

    def _settle(self, ticket: Ticket) -> None:
        """Decide what becomes of an event, now that something has come back for it."""
        result = ticket.result
        if not ticket.state.is_awaited:
            return
        if ticket.state is EventState.RECORDING:
            if isinstance(ticket.written, JournalError):
                self.stop_by(stop_for_journal(ticket.written))
            self._conclude(ticket, judge_recorded(ticket.written))
        elif isinstance(result, Attempt):
            is_event = ticket.event is not PROBE
            is_first = is_event and self._outage.note_event(ticket.event.row, result.kind)
            self._learn(ticket, result)
            self.stop_by(stop_after(result, is_first=is_first))
            if is_event:
                self._go_on(ticket, result)
            else:
                ticket.turn(EventState.ENDED)
        elif result is not None:
            # The client raised it: the event may have been on its way. The end of the run gives it its outcome.
            ticket.doubt = "no_answer"
            self._backlog.put_back(ticket, due_at=math.inf)
            self.stop_by(stop_for_error(result))

    def _learn(self, ticket: Ticket, attempt: Attempt) -> None:
        """Draw the conclusions from an attempt for the pace, and for whether the service works."""
        ticket.note(attempt, ended_at=self.clock.unix_time())
        self.pacer.observe(attempt)
        outage, was_confirmed = self._outage, self._outage.is_confirmed
        outage.observe(attempt, in_flight=self._workers.in_flight, jitter=self.clock.jitter())
        if outage.is_confirmed and not was_confirmed:
            self._backlog.pardon(outage.number)
        if outage.is_confirmed and attempt.kind is AttemptKind.FAILED:
            ticket.pardon(outage.number)
        if attempt.kind is not AttemptKind.PACED and (outage.is_confirmed or not outage.is_on):
            for suspect, verdict in self._backlog.settle_suspects(outage.number if outage.is_confirmed else None):
                self._conclude(suspect, verdict)

    def _go_on(self, ticket: Ticket, attempt: Attempt) -> None:
        """Let an event go on to the state that follows from an attempt."""
        step = ticket.next_step(attempt, policy=self.policy, jitter=self.clock.jitter())
        if isinstance(step, Retry):
            self._backlog.put_back(ticket, due_at=attempt.received_at + step.wait_seconds)
        elif attempt.kind is AttemptKind.FAILED and not self.stop and self._outage.may_explain(attempt.sent_at):
            self._outage.suspect(attempt.received_at)
            self._suspect(ticket, step)
        elif not (attempt.kind is AttemptKind.ACCEPTED and self._workers.record(ticket, attempt)):
            self._conclude(ticket, step)

    def _suspect(self, ticket: Ticket, verdict: Verdict) -> None:
        """Keep an event whose attempts are spent while nothing works."""
        if self._outage.needs_event:
            # It is a probe itself.
            ticket.pardon(self._outage.number)
            self._backlog.put_back(ticket, due_at=ticket.received_at)
        else:
            self._backlog.suspect(ticket, verdict)

    def _conclude(self, ticket: Ticket, verdict: Verdict) -> None:
        """End an event that was sent, and draw the conclusions for the others."""
        outcome = self._end(ticket, verdict)
        self.stop_by(self._lessons.note(ticket.event, outcome))

    def _end(self, ticket: Ticket, verdict: Verdict) -> Outcome:
        outcome = ticket.end(verdict)
        self._workers.release(ticket, outcome)
        if self.on_outcome:
            self.on_outcome(outcome)
        return outcome
