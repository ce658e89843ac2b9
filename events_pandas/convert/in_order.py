"""Work in several threads, its results in the order of what is worked on."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import pyarrow as pa

MOST_THREADS = 4
"""Each holds a chunk in memory; and what runs between their calls of Arrow and numpy runs in one at a time."""

Item = TypeVar("Item")
Result = TypeVar("Result")


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
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        pending.extend(pool.submit(work, item) for item in first)
        for item in remaining:
            if len(pending) > threads:
                yield pending.popleft().result()
            pending.append(pool.submit(work, item))
        while pending:
            yield pending.popleft().result()
