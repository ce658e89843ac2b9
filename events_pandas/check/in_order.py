"""Work in several threads, its results in the order of what is worked on."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Generic, TypeVar

import pyarrow as pa

MOST_THREADS = 4
"""Each holds a chunk in memory; and what runs between their calls of Arrow and numpy runs in one at a time."""

Item = TypeVar("Item")
Result = TypeVar("Result")
_LOOK_SECONDS = 1.0


class _Task(threading.Thread, Generic[Item, Result]):
    """The work on one item, in a thread of its own: one that dies is noticed, which a pool's is not."""

    def __init__(self, work: Callable[[Item], Result], item: Item) -> None:
        super().__init__(name="events-pandas-rows", daemon=True)
        self._work = work
        self._item = item
        self._results: list[Result] = []
        self._error: BaseException | None = None

    def begin(self) -> "_Task[Item, Result]":
        """Start the thread; where the system has none left, the work is done in the caller's."""
        try:
            self.start()
        except (RuntimeError, MemoryError):
            self.run()
        return self

    def run(self) -> None:
        try:
            self._results.append(self._work(self._item))
        except BaseException as error:  # noqa: BLE001  # raised in the thread of the one who wants the result
            self._error = error

    def end(self) -> None:
        """Wait until it is done; an item takes as long as it takes."""
        while self.is_alive():
            self.join(_LOOK_SECONDS)

    def result(self) -> Result:
        """Return what came of it, or raise it."""
        self.end()
        if self._results:
            return self._results[0]
        if isinstance(self._error, Exception | KeyboardInterrupt):
            raise self._error
        # Whatever ends a thread does not end the program.
        raise RuntimeError("a thread that reads rows has ended before they were read") from self._error


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Do the same with each of several items, such as the chunks of a frame.

    Parameters
    ----------
    work : callable
        Takes an item; most of its time goes into calls of Arrow and numpy, which let other threads run.
    items : iterable
        What is worked on.

    Yields
    ------
    Result
        Of each item, in their order; no more of them are begun than there are threads, and one.

    Examples
    --------
    >>> list(in_order(len, ["four", "by"]))
    [4, 2]
    """
    remaining = iter(items)
    first = list(islice(remaining, 2))
    if len(first) < 2:  # noqa: PLR2004  # One item needs no threads.
        yield from map(work, first)
        return
    threads = min(pa.cpu_count(), MOST_THREADS)
    pending: deque[_Task[Item, Result]] = deque()
    try:
        for item in chain(first, remaining):
            if len(pending) > threads:
                yield pending.popleft().result()
            pending.append(_Task(work, item).begin())
        while pending:
            yield pending.popleft().result()
    finally:
        for task in pending:
            task.end()
