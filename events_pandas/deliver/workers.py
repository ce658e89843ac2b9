"""The threads that wait for answers. They decide nothing: a ticket in, the same ticket with its result out."""

import queue
import threading
from collections.abc import Callable
from typing import Final

from events_pandas.deliver.answers import Answer
from events_pandas.deliver.outcomes import Event
from events_pandas.deliver.tickets import Ticket

MAX_CONCURRENCY: Final = 128
"""Requests under way at once at most: threads that wait for answers, and connections that are kept open."""
FAREWELL_SECONDS: Final = 1.0
"""How long idle threads may take to end."""


class Crew:
    """Threads that make requests, started as they are needed.

    Parameters
    ----------
    post : callable
        Takes an event, returns an answer or raises.
    size : int
        Threads at most.
    clock : callable
        The local clock, in seconds.

    Attributes
    ----------
    threads : list of threading.Thread
        Those that have been started.
    in_flight : int
        Requests given and not yet taken back.
    """

    def __init__(self, post: Callable[[Event], Answer], *, size: int, clock: Callable[[], float]) -> None:
        self.threads: list[threading.Thread] = []
        self.in_flight = 0
        self._post = post
        self._size = size
        self._clock = clock
        self._given: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Ticket, int]] = queue.SimpleQueue()

    @property
    def has_room(self) -> bool:
        """Whether another request could be made at once."""
        return self.in_flight < self._size

    def give(self, ticket: Ticket) -> None:
        """Let a request be made; a thread is started if all are busy.

        Parameters
        ----------
        ticket : Ticket
            The event.
        """
        if self.in_flight == len(self.threads):
            # Daemons: a second Ctrl-C must be able to leave while one of them waits for the network.
            thread = threading.Thread(target=self._work, name=f"events-pandas-{self.in_flight + 1}", daemon=True)
            # Before it starts: an interrupt in the middle of that must not leave a thread that nobody ends.
            self.threads.append(thread)
            thread.start()
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

    def hand_in(self, ticket: Ticket) -> None:
        """Let a ticket be taken back that another thread has worked on; any thread may do so.

        Parameters
        ----------
        ticket : Ticket
            Taken back before, and still out.
        """
        self._done.put((ticket, 0))

    def dismiss(self, wait_seconds: float = FAREWELL_SECONDS) -> None:
        """Let the threads end: the idle ones now, a busy one after its request.

        Parameters
        ----------
        wait_seconds : float, default 1.0
            How long to wait for them.
        """
        for _ in self.threads:
            self._given.put(None)
        until = self._clock() + wait_seconds
        for thread in self.threads:
            if thread.is_alive():
                thread.join(max(until - self._clock(), 0.0))
        self.threads.clear()

    def _work(self) -> None:
        while (ticket := self._given.get()) is not None:
            try:
                result: Answer | BaseException = self._post(ticket.event)
            except BaseException as error:  # noqa: BLE001  # the caller's thread judges it, and raises what is a bug
                result = error
            ticket.received_at = self._clock()
            ticket.result = result
            self._done.put((ticket, 1))
