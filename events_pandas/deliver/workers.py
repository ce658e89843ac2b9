"""The threads that wait for answers. They decide nothing: they take a ticket and return it with its result."""

import queue
import threading
from collections.abc import Callable
from typing import Final

from events_pandas.deliver.client.answers import Answer, TransportError
from events_pandas.deliver.outcomes import Event
from events_pandas.deliver.stops import Stop, stop_for_silence, stop_for_thread
from events_pandas.deliver.ticket import Ticket

THREAD_END_SECONDS: Final = 1.0
"""How long idle threads may take to end."""
HUNG_SECONDS: Final = 3_600.0
"""So long after a request left, it hangs: a client without a time limit may wait without end."""


class _Worker(threading.Thread):
    """A thread that makes requests. It knows its current request and the error that ended it."""

    def __init__(self, work: Callable[["_Worker"], None], *, name: str) -> None:
        # A daemon, so that a second Ctrl-C can leave while it waits for the network.
        super().__init__(name=name, daemon=True)
        self.ticket: Ticket | None = None
        self.error: BaseException | None = None
        self._work = work

    def run(self) -> None:
        try:
            self._work(self)
        except BaseException as error:  # noqa: BLE001  # kept for the caller's thread
            self.error = error


class Workers:
    """Threads that make requests, at most `size` of them, each started when all others are busy."""

    def __init__(self, post: Callable[[Event], Answer], *, size: int, monotonic: Callable[[], float]) -> None:
        self.threads: list[_Worker] = []
        # Requests given and not yet taken back.
        self.in_flight = 0
        self._post = post
        self._size = size
        self._monotonic = monotonic
        self._given: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Ticket | None, int]] = queue.SimpleQueue()

    @property
    def has_room(self) -> bool:
        """Whether another request could be made at once."""
        return self.in_flight < self._size

    def add_thread(self) -> None:
        """Start a thread if all are busy.

        If the system has no thread left, the started ones do all the work; if there are none, its error is raised.
        """
        if self.in_flight < len(self.threads):
            return
        thread = _Worker(self._work, name=f"events-pandas-{self.in_flight + 1}")
        # Before the start, so that an interrupt during it does not leave a thread that nobody ends.
        self.threads.append(thread)
        try:
            thread.start()
        except (RuntimeError, MemoryError):
            self.threads.remove(thread)
            if not self.threads:
                raise
            self._size = len(self.threads)

    def give(self, ticket: Ticket) -> None:
        """Let a thread make a request for a ticket."""
        self.add_thread()
        self.in_flight += 1
        # Last, and together: after an interrupt, a ticket that is out but in no queue would be awaited without end.
        ticket.is_out = True
        self._given.put(ticket)

    def take(self, wait_seconds: float) -> Ticket | None:
        """Return a ticket that has its result, or None if none comes within `wait_seconds`, or after `wake`."""
        try:
            ticket, freed = self._done.get(timeout=max(wait_seconds, 0.0))
        except queue.Empty:
            return None
        self.in_flight -= freed
        return ticket

    def give_back(self, ticket: Ticket) -> None:
        """Return a ticket that another thread has worked on.

        Any thread may call this, for a ticket that is still out.
        """
        self._done.put((ticket, 0))

    def wake(self) -> None:
        """End the wait for a ticket. Any thread may call this."""
        self._done.put((None, 0))

    def check_threads(self) -> Stop | None:
        """Look for threads that have died or hang, and return the stop that follows, or None.

        The requests of dead threads come back without an answer.
        """
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
        ticket.received_at = self._monotonic()
        ticket.result = TransportError("the thread of the request has died", may_have_arrived=may_have_arrived)
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

    def _work(self, worker: _Worker) -> None:
        while (ticket := self._given.get()) is not None:
            worker.ticket = ticket
            try:
                result: Answer | BaseException = self._post(ticket.event)
            except BaseException as error:  # noqa: BLE001  # the caller's thread judges it, and raises a bug
                result = error
            ticket.received_at = self._monotonic()
            ticket.result = result
            worker.ticket = None
            self._done.put((ticket, 1))
