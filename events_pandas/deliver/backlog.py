"""What is still to be sent: the open chunks, the events never tried, and those waiting to be tried again."""

import heapq
import itertools
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from events_pandas.deliver.outcomes import Event
from events_pandas.deliver.ticket import Chunk, Ticket

OPEN_CHUNKS: Final = 2
"""The one whose outcomes are due, and the next, so that the pace does not dip while the last retries come in."""
SLOW_SECONDS: Final = 0.05
"""A source that takes longer may wait for somebody: what is about to be done is done before it is asked again."""


class Backlog:
    """The open chunks of a source, in order.

    Parameters
    ----------
    source : iterator of sequences of Event
        One sequence for each chunk; asked for the next one only when every event at hand has been tried.
    reads_on : callable, optional
        Tells whether further chunks are opened than the first and the next; by default they are not.

    Attributes
    ----------
    is_slow : bool
        Whether the source took its time for the last chunk.
    """

    def __init__(self, source: Iterator[Sequence[Event]], *, reads_on: Callable[[], bool] = bool) -> None:
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
        """Open the next chunk, if it is time and there is one."""
        if not self.wants_more:
            return
        began_at = time.monotonic()
        try:
            # Kept until they are in an open chunk: an interrupt on the way there must not lose them.
            self._pulled = next(self._source) if self._pulled is None else self._pulled
        except StopIteration:
            self._is_exhausted = True
        except Exception as error:  # noqa: BLE001  # raised by `first`, once the chunks before the faulty one are out
            self._is_exhausted = True
            self._source_error = error
        else:
            # Ctrl-C may have come between opening a chunk and forgetting what it was opened for.
            if not (self._open and self._open[-1].events is self._pulled):
                chunk = Chunk(self._pulled)
                self._open.append(chunk)
                self._fresh.extend(chunk.tickets)
            self._pulled = None
        self.is_slow = time.monotonic() - began_at > SLOW_SECONDS

    def first(self) -> Chunk | None:
        """Return the chunk whose outcomes are due.

        Returns
        -------
        Chunk or None
            None at the end.

        Raises
        ------
        Exception
            What the source raised in place of the next chunk.
        """
        if self._open:
            return self._open[0]
        if self._source_error:
            raise self._source_error
        return None

    def close(self, chunk: Chunk | None) -> None:
        """Forget a chunk whose outcomes are out.

        Parameters
        ----------
        chunk : Chunk or None
            May be closed already, as after an interrupt; None closes nothing.
        """
        if self._open and self._open[0] is chunk:
            self._open.popleft()

    @property
    def is_open(self) -> bool:
        """Whether there are chunks whose outcomes are not out."""
        return bool(self._open)

    @property
    def is_first_about_to_end(self) -> bool:
        """Whether the outcomes that are due are complete, or in a moment: a source that takes its time can wait."""
        first = self._open[0] if self._open else None
        return first is not None and (first.is_done or (self.is_slow and first.is_answered))

    def due_at(self) -> float:
        """Return when there is something to send.

        Returns
        -------
        float
            Seconds by the local clock; infinite if nothing waits, minus infinity if an event was never tried.
        """
        if self._fresh:
            return -math.inf
        return self._retries[0][0] if self._retries else math.inf

    def next_ticket(self, now: float) -> Ticket | None:
        """Take out what is to be sent next: retries that are due before events that were never tried.

        Parameters
        ----------
        now : float
            Seconds by the local clock.

        Returns
        -------
        Ticket or None
            None if nothing is due.
        """
        if self._retries and self._retries[0][0] <= now:
            return heapq.heappop(self._retries)[-1]
        return self._fresh.popleft() if self._fresh else None

    def next_fresh(self) -> Ticket | None:
        """Take out an event that was never tried.

        Returns
        -------
        Ticket or None
            None if there is none at hand.
        """
        return self._fresh.popleft() if self._fresh else None

    def pardon(self, outage: int) -> None:
        """Let what was tried not count for the events that wait to be tried again.

        Parameters
        ----------
        outage : int
            The number of the outage.
        """
        for _, _, ticket in self._retries:
            ticket.pardon(outage)

    def put_back(self, ticket: Ticket, *, due_at: float) -> None:
        """Keep an event for another attempt.

        Parameters
        ----------
        ticket : Ticket
            The event.
        due_at : float
            Not before this time, by the local clock.
        """
        heapq.heappush(self._retries, (due_at, next(self._order), ticket))

    def in_flight(self) -> list[Ticket]:
        """List the events that are out.

        Returns
        -------
        list of Ticket
            Those whose result has not been taken in.
        """
        return [ticket for chunk in self._open for ticket in chunk.tickets if ticket.is_out]

    def abandon(self) -> list[Ticket]:
        """Give up sending.

        Returns
        -------
        list of Ticket
            The events of the open chunks that have no outcome yet.
        """
        self._fresh.clear()
        self._retries.clear()
        # By the chunks and not by the queues: an interrupt may have come while an event was in neither.
        return [ticket for chunk in self._open for ticket in chunk.tickets if ticket.outcome is None]
