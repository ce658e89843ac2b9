"""The engine of a run: chunks of events in, lists of outcomes out. One thread, the run's, makes every decision."""

from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from types import TracebackType
from typing import Final, Protocol, Self

from events_pandas.deliver.client import MAX_CONCURRENCY
from events_pandas.deliver.client.answers import Answer
from events_pandas.deliver.client.background import ask_in_time
from events_pandas.deliver.clock import REAL_CLOCK, Clock
from events_pandas.deliver.decide import DEFAULT_RETRY_POLICY, RetryPolicy
from events_pandas.deliver.delivery import PROBE, Delivery
from events_pandas.deliver.journal import JournalWriter
from events_pandas.deliver.outage import FIRST_PROBE_SECONDS, Outage, find_pause
from events_pandas.deliver.outcomes import Event, Outcome
from events_pandas.deliver.pace.pacer import Pacer
from events_pandas.deliver.pace.state import Pause, RunState
from events_pandas.deliver.preflight import WorkspaceIdentity, ask_workspace
from events_pandas.deliver.stops import Stop, stop_for_canary, stop_for_error
from events_pandas.deliver.ticket import Backlog, Chunk
from events_pandas.deliver.withheld import FailureRate
from events_pandas.deliver.workers import THREAD_END_SECONDS, Workers

GRACE_SECONDS: Final = 30.0
"""How long a run that ends early waits for the requests in flight."""
PATIENCE_SECONDS: Final = 600.0
"""How long a run waits for the end of an outage, by default."""


class Client(Protocol):
    """What a run needs from a client. Both methods raise `TransportError` if no answer comes."""

    def post_event(self, payload: bytes) -> Answer:
        """Submit one event, given as JSON."""

    def me(self) -> Answer:
        """Ask whose token this is."""


class _RunStoppedError(Exception):
    """The run has ended while its first answer was awaited."""


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
        clock: Clock = REAL_CLOCK,
        grace_seconds: float = GRACE_SECONDS,
        probe_seconds: float = FIRST_PROBE_SECONDS,
    ) -> None:
        size = MAX_CONCURRENCY if concurrency is None else concurrency
        self.workspace: WorkspaceIdentity | None = None
        self._client = client
        self._clock = clock
        self._workers = Workers(self._request, size=size, monotonic=clock.monotonic)
        self._delivery = Delivery(
            workers=self._workers,
            pacer=Pacer(rate_share),
            outage=Outage(patience_seconds, probe_seconds=probe_seconds),
            failure_rate=FailureRate(max_failure_rate),
            policy=retry,
            clock=clock,
            grace_seconds=grace_seconds,
            on_outcome=on_outcome,
            on_tick=on_tick,
            interrupts=interrupts,
        )
        self._has_left = False
        self._asking_since: float | None = None

    @property
    def stop(self) -> Stop | None:
        """Why the run ended early, if it did."""
        return self._delivery.stop

    @stop.setter
    def stop(self, stop: Stop | None) -> None:
        self._delivery.stop = stop

    @property
    def on_outcome(self) -> Callable[[Outcome], None] | None:
        """What is called with each outcome. It may be changed at any time."""
        return self._delivery.on_outcome

    @on_outcome.setter
    def on_outcome(self, on_outcome: Callable[[Outcome], None] | None) -> None:
        self._delivery.on_outcome = on_outcome

    @property
    def requests(self) -> int:
        """The events submitted, with every attempt."""
        return self._delivery.requests

    @property
    def retries(self) -> int:
        """The attempts that repeat an earlier one."""
        return self._delivery.retries

    @property
    def is_inherited(self) -> bool:
        """Whether this process is a fork of the process that made the run and goes on with it."""
        return self._delivery.is_inherited

    @property
    def limit(self) -> int | None:
        """The requests that a window of the rate limit allows; None before the first answer."""
        return self._delivery.pacer.limit

    def current_state(self) -> RunState:
        """Return the window of the rate limit, what the run waits for, and the requests in flight."""
        now = self._clock.monotonic()
        delivery = self._delivery
        pause = find_pause(
            now,
            outage=delivery.outage,
            backoff=delivery.pacer.backoff,
            stopping_since=delivery.stopping_since,
            grace_seconds=delivery.grace_seconds,
        )
        if pause is None and self._asking_since is not None:
            pause = Pause(reason="preflight", since_seconds=now - self._asking_since, next_in_seconds=0.0)
        return RunState(window=delivery.pacer.window(now), pause=pause, in_flight=self._workers.in_flight)

    def preflight(self) -> WorkspaceIdentity | None:
        """Ask for the workspace before any event is sent.

        If the token was refused or Intercom cannot be reached, return None: `stop` says why, and `deliver` sends
        nothing.
        """
        self._asking_since = self._clock.monotonic()
        try:
            found = ask_workspace(
                partial(ask_in_time, self._client.me, on_look=self._look),
                pacer=self._delivery.pacer,
                policy=self._delivery.policy,
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

    def _request(self, event: Event) -> Answer:
        return self._client.me() if event is PROBE else self._client.post_event(event.payload)

    def _look(self) -> None:
        self._delivery.tick()
        self._delivery.look_for_interrupts()
        if self.stop:
            raise _RunStoppedError

    def record_in(self, writer: JournalWriter) -> None:
        """Write each accepted event into a journal before its outcome is reported. The run closes the writer."""
        self._workers.writer = writer

    def deliver(
        self, chunks: Iterable[Sequence[Event]], *, reads_on: Callable[[], bool] = bool
    ) -> Generator[list[Outcome], None, None]:
        """Submit events, and yield a list of outcomes for each chunk, in order.

        One chunk is read ahead, and more while `reads_on()` is true. An error of `chunks` is raised after the chunks
        before it are yielded.
        """
        # After a stop the rest is not sent, but its outcomes are still yielded. Closing the iterator awaits the
        # requests in flight.
        delivery = self._delivery
        delivery.backlog = Backlog(iter(chunks), reads_on=reads_on)
        delivery.stopping_since = None
        self._has_left = False
        chunk: Chunk | None = None
        try:
            while (chunk := self._next_done(after=chunk)) is not None:
                yield chunk.outcomes()
        finally:
            self._leave()

    def wake(self) -> None:
        """End a wait, so that the engine looks for interrupts. Any thread may call this."""
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
            self._workers.close_writer()
            # They know the run, which knows the engine: in a cycle its rows would wait for the collector of garbage.
            self._delivery.on_outcome = self._delivery.on_tick = None
            self._delivery.interrupts = int

    def _next_done(self, *, after: Chunk | None) -> Chunk | None:
        try:
            return self._delivery.advance(after)
        except SystemExit:
            raise
        except BaseException as error:
            # Open events get an outcome that says how far they came. An error of `chunks` comes when none is open.
            if self.is_inherited or not self._delivery.backlog.is_open:
                raise
            self.stop = self.stop or stop_for_error(error)
            # The chunk before is closed: to close it again would forget the next one.
            return self._delivery.advance(None)

    def _leave(self) -> None:
        """Await the requests in flight, once, and end the threads."""
        if self._has_left or self.is_inherited:
            return
        self._has_left = True
        try:
            self._delivery.await_in_flight()
        finally:
            # The function that takes outcomes may raise.
            self._workers.end_threads(wait_seconds=0.0 if self._delivery.is_hasty else THREAD_END_SECONDS)
