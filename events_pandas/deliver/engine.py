"""The engine of a run: chunks of events in, lists of outcomes out. The caller's thread makes every decision."""

import math
import os
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Final, Protocol, Self

from events_pandas.deliver.client import MAX_CONCURRENCY
from events_pandas.deliver.client.answers import Answer, TransportError
from events_pandas.deliver.client.background import ask_in_time
from events_pandas.deliver.clock import REAL_CLOCK, Clock
from events_pandas.deliver.decide import (
    DEFAULT_RETRY_POLICY,
    STOP_CODES,
    AttemptCounts,
    Retry,
    RetryPolicy,
    Verdict,
    decide,
    describe_failure,
    is_failure,
    is_passing,
    is_rate_limited,
    is_wrong_address,
)
from events_pandas.deliver.journal import JournalWriter
from events_pandas.deliver.outage import FIRST_PROBE_SECONDS, Outage, find_pause
from events_pandas.deliver.outcomes import Event, Outcome
from events_pandas.deliver.pace.observation import read_observation
from events_pandas.deliver.pace.pacer import Pacer
from events_pandas.deliver.pace.state import Pause, RunState
from events_pandas.deliver.preflight import WorkspaceIdentity, ask_workspace
from events_pandas.deliver.recording import CLOSING_SECONDS, Recording, judge_recorded
from events_pandas.deliver.stops import (
    Stop,
    judge_at_stop,
    stop_for_address,
    stop_for_answer,
    stop_for_canary,
    stop_for_error,
    stop_for_failure_rate,
    stop_for_interrupt,
    stop_for_journal,
    stop_for_outage,
)
from events_pandas.deliver.ticket import Backlog, Chunk, Recorded, Ticket
from events_pandas.deliver.withheld import FailureRate, Withheld
from events_pandas.deliver.workers import THREAD_END_SECONDS, Workers

GRACE_SECONDS: Final = 30.0
"""How long a run that ends early waits for the requests in flight."""
PATIENCE_SECONDS: Final = 600.0
"""How long a run waits for the end of an outage, by default."""

_LONGEST_WAIT_SECONDS: Final = 1.0
_TICK_SECONDS: Final = 0.1
# Stands for ``GET /me``, which costs no event.
_PROBE: Final = Event(row=-1, payload=b"", contact="")


class Client(Protocol):
    """What a run needs from a client. Both methods raise `TransportError` if no answer comes."""

    def post_event(self, payload: bytes) -> Answer:
        """Submit one event, given as JSON."""

    def me(self) -> Answer:
        """Ask whose token this is."""


class _RunStoppedError(Exception):
    """The run has ended while its first answer was awaited."""


class Engine:
    """Delivers the events of one run: worker threads wait for answers, and the caller's thread decides and sends.

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
        Called in the caller's thread with each outcome as it comes.
    on_tick : callable, optional
        Called in the caller's thread at least once a second while the run works or waits.
    interrupts : callable, optional
        Returns how often the run was interrupted: the first stops it, after the second it waits for no answer.
    """

    # The caller's thread never waits longer than a second before it looks again, and Ctrl-C ends any wait. A thread
    # that has died, or a request that hangs for an hour, ends the run.

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
        clock: Clock = REAL_CLOCK,
        grace_seconds: float = GRACE_SECONDS,
        probe_seconds: float = FIRST_PROBE_SECONDS,
    ) -> None:
        size = MAX_CONCURRENCY if concurrency is None else concurrency
        # Why the run ended early, if it did.
        self.stop: Stop | None = None
        self.workspace: WorkspaceIdentity | None = None
        # Events submitted, with every attempt; of these, the retries.
        self.requests = 0
        self.retries = 0
        self._process = os.getpid()
        self._client = client
        self._policy = retry
        # May be changed before `deliver`.
        self.on_outcome = on_outcome
        self._on_tick = on_tick
        self._count_interrupts = interrupts
        self._ticked_at = 0.0
        self._looked_at = -math.inf
        self._clock = clock
        self._grace_seconds = grace_seconds
        self._pacer = Pacer(rate_share)
        self._workers = Workers(self._request, size=size, monotonic=clock.monotonic)
        self._recording = Recording(writer=None, give_back=self._workers.give_back)
        self._backlog = Backlog(iter(()))
        self._outage = Outage(patience_seconds, probe_seconds=probe_seconds)
        self._withheld = Withheld()
        self._failure_rate = FailureRate(max_failure_rate)
        # Events whose attempts were spent while nothing worked, each with its verdict if the next probe works.
        self._suspects: list[tuple[Ticket, Verdict]] = []
        self._is_answered = False
        self._interrupts = 0
        self._has_left = False
        self._stopping_since: float | None = None
        self._asking_since: float | None = None

    @property
    def is_inherited(self) -> bool:
        """Whether this process is a fork of the process that made the run and goes on with it."""
        return os.getpid() != self._process

    @property
    def limit(self) -> int | None:
        """The requests that a window of the rate limit allows; None before the first answer."""
        return self._pacer.limit

    def current_state(self) -> RunState:
        """Return the window of the rate limit, what the run waits for, and the requests in flight."""
        now = self._clock.monotonic()
        pause = find_pause(
            now,
            outage=self._outage,
            backoff=self._pacer.backoff,
            stopping_since=self._stopping_since,
            grace_seconds=self._grace_seconds,
        )
        if pause is None and self._asking_since is not None:
            pause = Pause(reason="preflight", since_seconds=now - self._asking_since, next_in_seconds=0.0)
        return RunState(window=self._pacer.window(now), pause=pause, in_flight=self._workers.in_flight)

    def preflight(self) -> WorkspaceIdentity | None:
        """Ask for the workspace before any event is sent.

        If the token was refused or Intercom cannot be reached, return None: `stop` says why, and `deliver` sends
        nothing.
        """
        self._asking_since = self._clock.monotonic()
        try:
            found = ask_workspace(
                partial(ask_in_time, self._client.me, on_look=self._look),
                pacer=self._pacer,
                policy=self._policy,
                clock=self._clock,
                on_look=self._look,
            )
        except _RunStoppedError:
            return None
        finally:
            self._asking_since = None
        if isinstance(found, Stop):
            self.stop = found
            return None
        self.workspace = found
        return found

    def _look(self) -> None:
        self._tick()
        self._look_for_interrupts()
        if self.stop:
            raise _RunStoppedError

    def record_in(self, writer: JournalWriter) -> None:
        """Write each accepted event into a journal before its outcome is reported. The run closes the writer."""
        self._recording.writer = writer

    def deliver(
        self, chunks: Iterable[Sequence[Event]], *, reads_on: Callable[[], bool] = bool
    ) -> Generator[list[Outcome], None, None]:
        """Submit events, and yield a list of outcomes for each chunk, in order.

        One chunk is read ahead, and more while `reads_on()` is true. An error of `chunks` is raised after the chunks
        before it are yielded.
        """
        # After a stop the rest is not sent, but its outcomes are still yielded. Closing the iterator awaits the
        # requests in flight. The first Ctrl-C stops the run, the second leaves at once.
        self._backlog = Backlog(iter(chunks), reads_on=reads_on)
        self._has_left = False
        self._stopping_since = None
        chunk: Chunk | None = None
        try:
            while (chunk := self._next_done(after=chunk)) is not None:
                yield chunk.outcomes()
        finally:
            self._leave()

    def wake(self) -> None:
        """End a wait, so that an interrupt is looked at. Any thread may call this."""
        self._workers.wake()

    def try_out(self, events: Sequence[Event]) -> list[Outcome]:
        """Submit a few events before all others, return their outcomes, and stop the run if they fail."""
        outcomes = [outcome for chunk in self.deliver([events]) for outcome in chunk]
        self.stop = self.stop or stop_for_canary(outcomes)
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
            self._recording.close()

    def _next_done(self, *, after: Chunk | None) -> Chunk | None:
        try:
            return self._advance(after)
        except Exception as error:
            # Open events get an outcome that says how far they came. An error of `chunks` comes when none is open.
            if self.is_inherited or not self._backlog.is_open:
                raise
            self.stop = self.stop or stop_for_error(error)
            return self._advance(after)

    def _look_for_interrupts(self) -> None:
        self._interrupts = self._count_interrupts()
        if self._interrupts:
            self.stop = self.stop or stop_for_interrupt()

    def _advance(self, after: Chunk | None) -> Chunk | None:
        """Work until the outcomes that are due are complete."""
        self._backlog.close(after)
        while True:
            self._require_own()
            self._look_for_interrupts()
            self._settle_what_came()
            if self._reads_on:
                self._backlog.pull()
            # The caller's frames may have forked the process.
            self._require_own()
            self._stop_after_outage()
            if self.stop:
                self._wind_down(self.stop)
            first = self._backlog.first()
            if first is None:
                # Here, not only in `_leave`: Ctrl-C in the last moment is a stop like any other.
                self._workers.end_threads()
                return None
            if first.is_done:
                return first
            self._dispatch()
            self._tick()
            if not (self._reads_on or first.is_done):
                self._take_in()

    @property
    def _reads_on(self) -> bool:
        """Whether the source is asked for the next chunk. It may keep the run waiting as long as it likes."""
        return self._backlog.wants_more and not self._backlog.is_first_about_to_end

    def _dispatch(self) -> None:
        """Send what may be sent now."""
        while self._has_room:
            now = self._clock.monotonic()
            if self._next_at(now) > now:
                return
            ticket = self._next_probe() if self._outage.is_on else self._backlog.next_ticket(now)
            if ticket is None:
                return
            verdict = self._withheld.verdict(ticket.event)
            if verdict is None:
                self._send(ticket, now)
            else:
                self._end(ticket, replace(verdict, http_status=ticket.http_status))

    @property
    def _has_room(self) -> bool:
        """Whether another request could be made at once. It could not while the journal's disk is too slow."""
        return self._workers.has_room and self._recording.waiting < MAX_CONCURRENCY

    def _next_probe(self) -> Ticket:
        """Return an event that may show whether the service works.

        It must not have failed before, as it may be the cause.
        """
        fresh = None if self._suspects else self._backlog.next_fresh()
        return fresh or Ticket(event=_PROBE)

    def _next_at(self, now: float) -> float:
        """Return when the next request may leave."""
        if not self._outage.is_on:
            return self._pacer.next_at(now)
        # While everything fails, one request at a time.
        return math.inf if self._workers.in_flight else max(self._outage.probe_at, self._pacer.next_at(now))

    def _request(self, event: Event) -> Answer:
        return self._client.me() if event is _PROBE else self._client.post_event(event.payload)

    def _require_own(self) -> None:
        """Refuse to go on in a child process.

        Both would send the same events, and the child has none of the threads.
        """
        if self.is_inherited:
            raise RuntimeError(
                f"this run belongs to process {self._process}: a forked process must begin a run of its own"
            )

    def _send(self, ticket: Ticket, now: float) -> None:
        # The caller's functions, which take outcomes or yield frames, may have forked the process.
        self._require_own()
        # Before anything is counted, as the system may have no thread left.
        self._workers.add_thread()
        self.requests += ticket.event is not _PROBE
        self.retries += ticket.attempts > 0
        ticket.leave(now)
        self._pacer.sent(now)
        self._workers.give(ticket)

    def _tick(self) -> None:
        now = self._clock.monotonic()
        if self._on_tick and now - self._ticked_at >= _TICK_SECONDS:
            self._ticked_at = now
            self._on_tick()

    def _take_in(self) -> None:
        """Wait for answers until something may be sent, and settle the answers that came."""
        ticket = self._workers.take(self._wait_seconds())
        if ticket is None:
            self._check_threads()
        else:
            self._settle(ticket)
            self._settle_what_came()

    def _settle_what_came(self) -> None:
        while ticket := self._workers.take(0.0):
            self._settle(ticket)

    def _check_threads(self) -> None:
        """End the run if a thread has died that has work to do."""
        now = self._clock.monotonic()
        if now - self._looked_at < _LONGEST_WAIT_SECONDS:
            return
        self._looked_at = now
        error = self._recording.check_writer()
        stop = stop_for_journal(error) if error else self._workers.check_threads()
        self.stop = self.stop or stop

    def _wait_seconds(self) -> float:
        if not self._has_room:
            return _LONGEST_WAIT_SECONDS
        now = self._clock.monotonic()
        # A probe needs no event.
        due_at = self._next_at(now) if self._outage.is_on else max(self._backlog.due_at(), self._next_at(now))
        return min(due_at - now, _LONGEST_WAIT_SECONDS)

    def _settle(self, ticket: Ticket) -> None:
        """Decide what becomes of an event after an attempt."""
        result = ticket.result
        if not ticket.is_out or result is None:
            return
        if isinstance(result, Recorded):
            self._end_recorded(ticket, result)
            return
        if not isinstance(result, Answer | TransportError):
            # An error that a client raised: the event may have been on its way.
            ticket.is_out = False
            ticket.doubt = "no_answer"
            self.stop = self.stop or stop_for_error(result)
            return
        self._learn(ticket, result)
        if ticket.event is _PROBE:
            ticket.is_out = False
            self._consider_answer(result)
        else:
            self._consider_address(result)
            self._judge(ticket, result)

    def _judge(self, ticket: Ticket, result: Answer | TransportError) -> None:
        step = decide(
            result,
            counts=AttemptCounts(
                number=ticket.tries,
                attempts=ticket.attempts,
                elapsed_seconds=ticket.received_at - ticket.tried_from,
                doubt=ticket.doubt,
            ),
            policy=self._policy,
            jitter=self._clock.jitter(),
        )
        if isinstance(step, Retry):
            self._put_back(ticket, due_at=ticket.received_at + step.wait_seconds)
        elif is_failure(result) and self._is_suspicious(ticket):
            self._suspects.append((ticket, step))
            ticket.is_out = False
            self._outage.suspect(ticket.received_at)
        elif not self._recording.begin(ticket, step, result):
            self._consider(self._end(ticket, step), ticket=ticket, result=result)

    def _end_recorded(self, ticket: Ticket, recorded: Recorded) -> None:
        """End an accepted event, now that it is in the journal."""
        if recorded.error and not self.stop:
            self.stop = stop_for_journal(recorded.error)
        self._consider(self._end(ticket, judge_recorded(recorded)), ticket=ticket, result=None)

    def _is_suspicious(self, ticket: Ticket) -> bool:
        """Return whether an event may have failed only because nothing works."""
        return not self.stop and (self._outage.is_on or self._outage.worked_at < ticket.tried_from)

    def _put_back(self, ticket: Ticket, *, due_at: float) -> None:
        self._backlog.put_back(ticket, due_at=due_at)
        ticket.result = None
        ticket.is_out = False

    def _learn(self, ticket: Ticket, result: Answer | TransportError) -> None:
        ticket.note(result, ended_at=self._clock.unix_time())
        if isinstance(result, Answer):
            self._pacer.observe(read_observation(result, sent_at=ticket.sent_at, received_at=ticket.received_at))
        else:
            self._pacer.lost(ticket.sent_at)
        if is_failure(result):
            self._notice_failure(ticket, result)
        elif is_rate_limited(result):
            ticket.tries = max(ticket.tries - 1, 0)
            self._outage.refused(describe_failure(result), now=ticket.received_at)
        else:
            self._outage.worked(ticket.received_at)
            self._settle_suspects()

    def _notice_failure(self, ticket: Ticket, result: Answer | TransportError) -> None:
        was_confirmed = self._outage.is_confirmed
        self._outage.failed(
            describe_failure(result),
            sent_at=ticket.sent_at,
            now=ticket.received_at,
            in_flight=self._workers.in_flight,
            jitter=self._clock.jitter(),
        )
        if self._outage.is_confirmed and not was_confirmed:
            self._backlog.pardon(self._outage.number)
        if self._outage.is_confirmed:
            ticket.pardon(self._outage.number)
            self._settle_suspects()

    def _settle_suspects(self) -> None:
        """Deal with events that failed while nothing worked.

        They go on if that was an outage, and end if it was not.
        """
        while self._suspects:
            ticket, verdict = self._suspects[-1]
            if self._outage.is_confirmed and ticket.pardon(self._outage.number):
                self._put_back(ticket, due_at=ticket.received_at)
            elif ticket.outcome is None:
                self._consider(self._end(ticket, verdict), ticket=ticket, result=None)
            self._suspects.pop()

    def _end(self, ticket: Ticket, verdict: Verdict) -> Outcome:
        outcome = ticket.end(verdict)
        self._recording.release(ticket, outcome)
        if self.on_outcome:
            self.on_outcome(outcome)
        return outcome

    def _consider(self, outcome: Outcome, *, ticket: Ticket, result: Answer | TransportError | None) -> None:
        """Draw the conclusions for the rest of the run."""
        self._withheld.note(ticket.event, outcome)
        is_one_too_many = self._failure_rate.note(outcome)
        self._consider_answer(result)
        if is_one_too_many and not self.stop:
            rate = self._failure_rate
            self.stop = stop_for_failure_rate(
                outcome, failures=rate.failures, ended=rate.ended, limit=rate.limit or 0.0
            )

    def _consider_answer(self, result: Answer | TransportError | None) -> None:
        if isinstance(result, Answer) and result.status in STOP_CODES and not self.stop:
            self.stop = stop_for_answer(result)

    def _consider_address(self, result: Answer | TransportError) -> None:
        """Stop the run if the first final answer to an event shows that the address is not Intercom's."""
        if self._is_answered or not isinstance(result, Answer) or is_passing(result):
            return
        self._is_answered = True
        if is_wrong_address(result) and not self.stop:
            self.stop = stop_for_address(result)

    def _stop_after_outage(self) -> None:
        """Stop the run if an outage has lasted longer than the patience."""
        if self._outage.has_given_up and not self.stop:
            seconds = self._clock.monotonic() - self._outage.since
            self.stop = stop_for_outage(self._outage.last_failure, seconds=seconds)

    def _wind_down(self, stop: Stop) -> None:
        """Await the requests in flight, and give every other open event the outcome that a stop leaves."""
        self._await_in_flight()
        if self._interrupts > 1:
            self._finish_recording()
        self._abandon(stop)

    def _abandon(self, stop: Stop) -> None:
        for ticket in self._backlog.abandon():
            self._end(ticket, judge_at_stop(ticket, stop))

    def _await_in_flight(self) -> None:
        monotonic = self._clock.monotonic
        self._stopping_since = monotonic()
        until = self._stopping_since + self._grace_seconds
        while tickets := self._backlog.in_flight():
            # From the tickets, not the queue: an interrupt may have come just after one was taken from the queue.
            for ticket in tickets:
                self._settle(ticket)
            self._tick()
            self._require_own()
            self._look_for_interrupts()
            seconds_left = until - monotonic()
            if seconds_left <= 0 or self._interrupts > 1:
                break
            if any(ticket.is_out for ticket in tickets):
                self._await(min(seconds_left, _LONGEST_WAIT_SECONDS))
        self._stopping_since = None

    def _await(self, seconds: float) -> None:
        if self._workers.take(seconds) is None:
            self._check_threads()

    def _leave(self) -> None:
        """Await the requests in flight, once, and end the threads."""
        if self._has_left or self.is_inherited:
            return
        self._has_left = True
        self._await_in_flight()
        self._workers.end_threads(wait_seconds=0.0 if self._interrupts > 1 else THREAD_END_SECONDS)

    def _finish_recording(self) -> None:
        """Await what is being written, which takes no longer than the disk does."""
        until = self._clock.monotonic() + CLOSING_SECONDS
        while self._recording.waiting and self._clock.monotonic() < until:
            self._await(_LONGEST_WAIT_SECONDS)
        for ticket in self._backlog.in_flight():
            if isinstance(ticket.result, Recorded):
                self._settle(ticket)
