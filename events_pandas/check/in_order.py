"""Work in several threads, with results in the order of the items."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Generic, TypeVar

import pyarrow as pa

MOST_THREADS = 4
"""Each holds a chunk in memory; Python code between the calls of Arrow and numpy runs in one thread at a time."""

Item = TypeVar("Item")
Result = TypeVar("Result")
_LOOK_SECONDS = 1.0


class _Task(threading.Thread, Generic[Item, Result]):
    """The work on one item, in a thread of its own: unlike a pool's thread, one that dies is noticed."""

    def __init__(self, work: Callable[[Item], Result], item: Item) -> None:
        super().__init__(name="events-pandas-rows", daemon=True)
        self._work = work
        self._item = item
        self._results: list[Result] = []
        self._error: BaseException | None = None

    def begin(self) -> "_Task[Item, Result]":
        """Start the thread; if the system has none left, do the work in the caller's."""
        try:
            self.start()
        except (RuntimeError, MemoryError):
            self.run()
        return self

    def run(self) -> None:
        try:
            self._results.append(self._work(self._item))
        except BaseException as error:  # noqa: BLE001  # raised again by `result`
            self._error = error

    def end(self) -> None:
        """Wait without a limit: an item may take long."""
        while self.is_alive():
            self.join(_LOOK_SECONDS)

    def result(self) -> Result:
        """Return the result, or raise the error."""
        self.end()
        if self._results:
            return self._results[0]
        if isinstance(self._error, Exception | KeyboardInterrupt):
            raise self._error
        # SystemExit and others end the thread; they must not end the program.
        raise RuntimeError("a thread ended before it had read its rows") from self._error


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Do the same work on each item, such as the chunks of a frame, and yield the results in order.

    Most of the time must go into calls of Arrow and numpy, which let other threads run. At most threads + 1 items are
    in progress.
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
