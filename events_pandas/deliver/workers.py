"""The threads that wait for answers and for the journal. They decide nothing: they return a ticket with its result."""

import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from events_pandas.deliver.client import MAX_CONCURRENCY
from events_pandas.deliver.client.answers import Answer, Attempt, TransportError, read_attempt
from events_pandas.deliver.journal import JournalWriter, Written
from events_pandas.deliver.outcomes import Event, Outcome, Status
from events_pandas.deliver.stops import Stop, stop_for_journal, stop_for_silence, stop_for_thread
from events_pandas.deliver.ticket import EventState, Ticket

CLOSING_SECONDS: Final = 10.0
"""How long the end of a run waits for the journal."""
THREAD_END_SECONDS: Final = 1.0
"""How long idle threads may take to end."""
HUNG_SECONDS: Final = 3_600.0
"""So long after a request left, it hangs: a client without a time limit may wait without end."""
PROBE: Final = Event(row=-1, payload=b"", contact="")
"""Stands for ``GET /me``, which costs no event."""
_RELEASED: Final = (Status.REJECTED, Status.UNKNOWN_CONTACT, Status.NOT_SUBMITTED)


class Client(Protocol):
    """What a run needs from a client. Both methods raise `TransportError` if no answer comes."""

    def post_event(self, payload: bytes) -> Answer:
        """Submit one event, given as JSON."""

    def me(self) -> Answer:
        """Ask whose token this is."""


class _Worker(threading.Thread):
    """A thread that makes requests. It knows its current request and the error that ended it."""

    def __init__(self, work: Callable[["_Worker"], None], *, name: str) -> None:
        # A daemon: a request that hangs does not keep the program from its end.
        super().__init__(name=name, daemon=True)
        self.ticket: Ticket | None = None
        self.error: BaseException | None = None
        self._work = work

    def run(self) -> None:
        try:
            self._work(self)
        except BaseException as error:  # noqa: BLE001  # kept for the run's thread
            self.error = error


class Workers:
    """Threads that make requests, at most `size` of them, each started when all others are busy.

    With a `writer`, its thread writes accepted events into a journal before anyone sees their outcomes.
    """

    def __init__(self, client: Client, *, size: int, monotonic: Callable[[], float]) -> None:
        self.threads: list[_Worker] = []
        # Requests given and not yet taken back.
        self.in_flight = 0
        self.writer: JournalWriter | None = None
        self._client = client
        self._size = size
        self._monotonic = monotonic
        self._given: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Ticket | None, int]] = queue.SimpleQueue()

    @property
    def has_room(self) -> bool:
        """Whether another request could be made at once. It could not while the journal's disk is too slow."""
        return self.in_flight < self._size and self.being_recorded < MAX_CONCURRENCY

    @property
    def being_recorded(self) -> int:
        """The number of events that the journal has not yet written."""
        return self.writer.waiting if self.writer else 0

    def give(self, ticket: Ticket, now: float) -> None:
        """Let a thread make a request for a ticket, which leaves now.

        If the system has no thread left, the started ones do all the work; if there are none, its error is raised.
        """
        self._add_thread()
        ticket.turn(EventState.OUT)
        ticket.leave(now)
        self.in_flight += 1
        self._given.put(ticket)

    def _add_thread(self) -> None:
        """Start a thread if all are busy."""
        if self.in_flight < len(self.threads):
            return
        thread = _Worker(self._work, name=f"events-pandas-{self.in_flight + 1}")
        try:
            thread.start()
        except (RuntimeError, MemoryError):
            if not self.threads:
                raise
            self._size = len(self.threads)
        else:
            self.threads.append(thread)

    def take(self, wait_seconds: float) -> Ticket | None:
        """Return a ticket that has its result, or None if none comes within `wait_seconds`, or before `wake`."""
        try:
            ticket, freed = self._done.get(timeout=max(wait_seconds, 0.0))
            # The tickets that came after a call of `wake` are there too.
            while ticket is None and not self._done.empty():
                ticket, freed = self._done.get()
        except queue.Empty:
            return None
        self.in_flight -= freed
        return ticket

    def record(self, ticket: Ticket, attempt: Attempt) -> bool:
        """Let the journal's thread write an accepted event. Return False if the event has no place in a journal."""
        fingerprint = ticket.event.fingerprint
        if self.writer is None or fingerprint is None:
            return False
        then = partial(self._return_recorded, ticket)
        self.writer.record(fingerprint, accepted_at=ticket.ended_at or 0.0, request_id=attempt.request_id, then=then)
        ticket.turn(EventState.RECORDING)
        ticket.result = None
        return True

    def release(self, ticket: Ticket, outcome: Outcome) -> None:
        """Free the second that an event had claimed in the journal, if the event did not arrive."""
        fingerprint = ticket.event.fingerprint
        if self.writer and fingerprint and fingerprint.is_claimed and outcome.status in _RELEASED and not ticket.doubt:
            self.writer.release(fingerprint)

    def _return_recorded(self, ticket: Ticket, written: Written) -> None:
        ticket.written = written
        self._done.put((ticket, 0))

    def wake(self) -> None:
        """End the wait for a ticket. Any thread may call this."""
        self._done.put((None, 0))

    def check_threads(self) -> Stop | None:
        """Look for threads that have died or hang, and return the stop that follows, or None.

        The requests of dead threads come back without an answer. If the journal's thread has ended, what it left is
        written here.
        """
        death = self.writer.death if self.writer else None
        if self.writer and death:
            self.writer.write_waiting()
            return stop_for_journal(death)
        dead = [thread for thread in self.threads if not thread.is_alive()]
        if not dead:
            since = self._monotonic() - HUNG_SECONDS
            made = [thread.ticket for thread in self.threads]
            is_hung = any(ticket.sent_at < since for ticket in made if ticket is not None)
            return stop_for_silence(HUNG_SECONDS) if is_hung else None
        self.threads = [thread for thread in self.threads if thread not in dead]
        for thread in dead:
            if thread.ticket is not None:
                self._return(thread.ticket, may_have_arrived=True)
        while not self.threads and not self._given.empty():
            ticket = self._given.get_nowait()
            if ticket is not None:
                self._return(ticket, may_have_arrived=False)
        return stop_for_thread(dead[0].error)

    def _return(self, ticket: Ticket, *, may_have_arrived: bool) -> None:
        error = TransportError("the thread of the request has died", may_have_arrived=may_have_arrived)
        ticket.result = read_attempt(error, sent_at=ticket.sent_at, received_at=self._monotonic())
        self._done.put((ticket, 1))

    def end_threads(self, wait_seconds: float = THREAD_END_SECONDS) -> None:
        """End the idle threads now and each busy one after its request. Wait for them at most `wait_seconds`."""
        for _ in self.threads:
            self._given.put(None)
        until = self._monotonic() + wait_seconds
        for thread in self.threads:
            if thread.is_alive():
                thread.join(max(until - self._monotonic(), 0.0))
        self.threads.clear()

    def close_writer(self) -> None:
        """Write what still waits for the journal, and end the journal's thread."""
        if self.writer:
            self.writer.close(CLOSING_SECONDS)

    def _request(self, event: Event) -> Answer:
        return self._client.me() if event is PROBE else self._client.post_event(event.payload)

    def _work(self, worker: _Worker) -> None:
        while (ticket := self._given.get()) is not None:
            worker.ticket = ticket
            try:
                result: Answer | Attempt | BaseException = self._request(ticket.event)
            except BaseException as error:  # noqa: BLE001  # the run's thread judges it
                result = error
            received_at = self._monotonic()
            if isinstance(result, Answer | TransportError):
                result = read_attempt(result, sent_at=ticket.sent_at, received_at=received_at)
            ticket.result = result
            worker.ticket = None
            self._done.put((ticket, 1))
