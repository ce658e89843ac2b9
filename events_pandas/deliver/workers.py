"""The threads that wait for answers. They decide nothing: a ticket in, the same ticket with its result out."""

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
"""A client that keeps no time may wait for ever: so long after a request left, nobody waits for its answer."""


class _Worker(threading.Thread):
    """A thread that makes requests: it knows which one it makes, and what it died of."""

    def __init__(self, work: Callable[["_Worker"], None], *, name: str) -> None:
        # A daemon: a second Ctrl-C must be able to leave while it waits for the network.
        super().__init__(name=name, daemon=True)
        self.ticket: Ticket | None = None
        self.error: BaseException | None = None
        self._work = work

    def run(self) -> None:
        try:
            self._work(self)
        except BaseException as error:  # noqa: BLE001  # whatever it is, the caller's thread is told
            self.error = error


class Workers:
    """Threads that make requests, started as they are needed.

    Parameters
    ----------
    post : callable
        Takes an event, returns an answer or raises.
    size : int
        Threads at most.
    monotonic : callable
        The local monotonic, in seconds.

    Attributes
    ----------
    threads : list of _Worker
        Those that have been started.
    in_flight : int
        Requests given and not yet taken back.
    """

    def __init__(self, post: Callable[[Event], Answer], *, size: int, monotonic: Callable[[], float]) -> None:
        self.threads: list[_Worker] = []
        self.in_flight = 0
        self._post = post
        self._size = size
        self._monotonic = monotonic
        self._given: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Ticket, int]] = queue.SimpleQueue()

    @property
    def has_room(self) -> bool:
        """Whether another request could be made at once."""
        return self.in_flight < self._size

    def add_thread(self) -> None:
        """Start a thread if all are busy.

        Raises
        ------
        RuntimeError, MemoryError
            If the system has no thread left, and none was started before; otherwise the started ones do the work.
        """
        if self.in_flight < len(self.threads):
            return
        thread = _Worker(self._work, name=f"events-pandas-{self.in_flight + 1}")
        # Before it starts: an interrupt in the middle of that must not leave a thread that nobody ends.
        self.threads.append(thread)
        try:
            thread.start()
        except (RuntimeError, MemoryError):
            self.threads.remove(thread)
            if not self.threads:
                raise
            self._size = len(self.threads)

    def give(self, ticket: Ticket) -> None:
        """Let a request be made; a thread is started if all are busy.

        Parameters
        ----------
        ticket : Ticket
            The event.
        """
        self.add_thread()
        self.in_flight += 1
        # Last, and together: a ticket that is out and in no queue would be awaited in vain after an interrupt.
        ticket.is_out = True
        self._given.put(ticket)

    def take(self, wait_seconds: float) -> Ticket | None:
        """Take back a ticket that has its result.

        Parameters
        ----------
        wait_seconds : float
            How long to wait for one; Ctrl-C ends the wait.

        Returns
        -------
        Ticket or None
            None if there was none in time.
        """
        try:
            ticket, freed = self._done.get(timeout=max(wait_seconds, 0.0))
        except queue.Empty:
            return None
        self.in_flight -= freed
        return ticket

    def give_back(self, ticket: Ticket) -> None:
        """Let a ticket be taken back that another thread has worked on; any thread may do so.

        Parameters
        ----------
        ticket : Ticket
            Taken back before, and still out.
        """
        self._done.put((ticket, 0))

    def check_threads(self) -> Stop | None:
        """Look for threads that have died, or hang; what the dead ones were to do comes back without an answer.

        Returns
        -------
        Stop or None
            What that asks for; None while all is well.
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
        ticket.result = TransportError("the thread of the request has ended", may_have_arrived=may_have_arrived)
        self._done.put((ticket, 1))

    def end_threads(self, wait_seconds: float = THREAD_END_SECONDS) -> None:
        """Let the threads end: the idle ones now, a busy one after its request.

        Parameters
        ----------
        wait_seconds : float, default 1.0
            How long to wait for them.
        """
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
            except BaseException as error:  # noqa: BLE001  # the caller's thread judges it, and raises what is a bug
                result = error
            ticket.received_at = self._monotonic()
            ticket.result = result
            worker.ticket = None
            self._done.put((ticket, 1))
