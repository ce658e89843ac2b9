"""Work in several threads, with results in the order of the items."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import suppress
from itertools import chain, islice
from queue import SimpleQueue
from typing import Generic, TypeVar

import pyarrow as pa

MOST_THREADS = 4
"""Each holds a chunk in memory; Python code between the calls of Arrow and numpy runs in one thread at a time."""

Item = TypeVar("Item")
Result = TypeVar("Result")
_LOOK_SECONDS = 1.0


class _RowThreads(Generic[Item, Result]):
    """Threads that do one item after the other: the memory that a thread has used serves for its next item."""

    # A pool of the standard library waits without an end for a thread that has died.

    def __init__(self, work: Callable[[Item], Result], most: int) -> None:
        self._work, self._most = work, most
        self._todo: SimpleQueue[tuple[Future[Result], Item] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def begin(self, item: Item) -> "Future[Result]":
        """Give an item to the next thread that is free."""
        if len(self._threads) < self._most:
            self._start_thread()
        future: Future[Result] = Future()
        if self._threads:
            self._todo.put((future, item))
        else:
            self._do(future, item)
        return future

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._run, name="events-pandas-rows", daemon=True)
        # If the system has no thread left, those that are there do the work, or the caller's.
        with suppress(RuntimeError, MemoryError):
            thread.start()
            self._threads.append(thread)

    def _run(self) -> None:
        while (task := self._todo.get()) is not None:
            self._do(*task)
            # An item may be large, and the next one may be long in coming.
            del task
        # The next thread ends, too.
        self._todo.put(None)

    def _do(self, future: "Future[Result]", item: Item) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(self._work(item))
        except BaseException as error:  # noqa: BLE001  # raised again by `result`
            future.set_exception(error)

    def result(self, future: "Future[Result]") -> Result:
        """Return the result, or raise the error."""
        # Without a limit: an item may take long.
        while not future.done() and all(thread.is_alive() for thread in self._threads):
            wait([future], timeout=_LOOK_SECONDS)
        error = future.exception() if future.done() else SystemExit()
        if error is None or isinstance(error, Exception | KeyboardInterrupt):
            return future.result()
        # SystemExit and others end the thread; they must not end the program.
        raise RuntimeError("a thread ended before it had read its rows") from error

    def end(self) -> None:
        """Wait until the threads have done the items that they have begun."""
        self._todo.put(None)
        for thread in self._threads:
            while thread.is_alive():
                thread.join(_LOOK_SECONDS)


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
    row_threads = _RowThreads(work, threads)
    pending: deque[Future[Result]] = deque()
    try:
        for item in chain(first, remaining):
            if len(pending) > threads:
                yield row_threads.result(pending.popleft())
            pending.append(row_threads.begin(item))
        while pending:
            yield row_threads.result(pending.popleft())
    finally:
        for future in pending:
            future.cancel()
        row_threads.end()
