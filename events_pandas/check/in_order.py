"""Work in several threads, with results in the order of the items."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import chain, islice
from typing import TypeVar

import pyarrow as pa

MOST_THREADS = 4
"""Each holds a chunk in memory; Python code between the calls of Arrow and numpy runs in one thread at a time."""

Item = TypeVar("Item")
Result = TypeVar("Result")
_LOOK_SECONDS = 1.0


def _begun(work: Callable[[Item], Result], item: Item) -> tuple[threading.Thread, "Future[Result]"]:
    """Work on one item in a thread of its own: unlike a pool's thread, one that dies is noticed."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work(item))
        except BaseException as error:  # noqa: BLE001  # raised again by `_result`
            future.set_exception(error)

    thread = threading.Thread(target=run, name="events-pandas-rows", daemon=True)
    try:
        thread.start()
    except (RuntimeError, MemoryError):
        # The system has no thread left: do the work in the caller's.
        run()
    return thread, future


def _wait(thread: threading.Thread) -> None:
    # Without a limit: an item may take long.
    while thread.is_alive():
        thread.join(_LOOK_SECONDS)


def _result(thread: threading.Thread, future: "Future[Result]") -> Result:
    """Return the result, or raise the error."""
    _wait(thread)
    error = future.exception() if future.done() else SystemExit()
    if error is None or isinstance(error, Exception | KeyboardInterrupt):
        return future.result()
    # SystemExit and others end the thread; they must not end the program.
    raise RuntimeError("a thread ended before it had read its rows") from error


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
    pending: deque[tuple[threading.Thread, Future[Result]]] = deque()
    try:
        for item in chain(first, remaining):
            if len(pending) > threads:
                yield _result(*pending.popleft())
            pending.append(_begun(work, item))
        while pending:
            yield _result(*pending.popleft())
    finally:
        for thread, _ in pending:
            _wait(thread)
