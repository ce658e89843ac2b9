"""Progress of work that an engine's workers do, while this process waits for them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Final

from events_pandas.deliver import ProgressChoice, progress_bar

_LOOK_SECONDS: Final = 0.25


def count_files(folder: Path, pattern: str) -> int:
    """Return how many files of a folder are named so."""
    return sum(1 for _ in folder.glob(pattern))


@contextmanager
def counted_step(
    progress: ProgressChoice, description: str, *, total: int | None, count: Callable[[], int] | None = None
) -> Iterator[None]:
    """Show the progress of a step that takes over two seconds: `count` is called from a thread of its own.

    Without it, all that is known is when the step ends.
    """
    if progress is False:
        yield
        return
    known = None if count is None else total
    with progress_bar(progress, total=known, description=description, delay_seconds=2.0) as bar:
        has_ended = Event()
        watcher = Thread(target=_watch, args=(bar.advance, count, has_ended), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            has_ended.set()
            watcher.join()
        if count is None and total is not None:
            bar.advance(total)


def _watch(advance: Callable[[int], object], count: Callable[[], int] | None, has_ended: Event) -> None:
    shown, is_last = 0, False
    while not is_last:
        # The last look comes after the end, and sees everything.
        is_last = has_ended.wait(_LOOK_SECONDS)
        found = shown if count is None else count()
        advance(found - shown)
        shown = found
