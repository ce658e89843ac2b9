"""Progress of a stage: the files are counted that its workers have put into a folder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Final

from events_pandas.deliver import ProgressChoice, progress_bar

_LOOK_SECONDS: Final = 0.25


class PartCount:
    """Shows how far the steps of a stage are, from a thread of its own: this one waits for the workers."""

    def __init__(self, folder: Path, progress: ProgressChoice) -> None:
        self._folder, self._progress = folder, progress

    @contextmanager
    def step(self, description: str, *, total: int | None, files: str | None = None) -> Iterator[None]:
        """Show the progress of a step that takes over two seconds: how many of its files, which are named so, exist."""
        if self._progress is False:
            yield
            return
        known = None if files is None else total
        with progress_bar(self._progress, total=known, description=description, delay_seconds=2.0) as bar:
            has_ended = Event()
            watcher = Thread(target=self._watch, args=(bar.advance, files, has_ended), daemon=True)
            watcher.start()
            try:
                yield
            finally:
                has_ended.set()
                watcher.join()
            if files is None and total is not None:
                bar.advance(total)

    def _watch(self, advance: Callable[[int], object], files: str | None, has_ended: Event) -> None:
        count, is_last = 0, False
        while not is_last:
            # The last look comes after the end, and sees all of them.
            is_last = has_ended.wait(_LOOK_SECONDS)
            found = count if files is None else sum(1 for _ in self._folder.glob(files))
            advance(found - count)
            count = found
