"""What a run keeps of a file until it ends, such as its decompressed content."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Self, TypeVar, cast

from events_pandas.deliver import ProgressChoice, progress_bar

Found = TypeVar("Found")


class Scratch:
    """Keeps what was found in one file, and temporary files, which are deleted at its end."""

    def __init__(self, progress: ProgressChoice = "auto") -> None:
        self._shown = progress
        self._kept: dict[str, Any] = {}
        self._files = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._kept.clear()
        self._files.close()

    def kept(self, name: str, find: Callable[[], Found]) -> Found:
        """Return what is kept under a name; at first what is found now. An error keeps nothing."""
        if name not in self._kept:
            self._kept[name] = find()
        found: Found = self._kept[name]
        return found

    @contextmanager
    def progress(self, description: str) -> Iterator[Callable[[int], object]]:
        """Show the progress of work that takes more than two seconds; what it gives counts steps."""
        with progress_bar(self._shown, total=None, description=description, delay_seconds=2.0) as bar:
            yield bar.advance

    def temporary(self, fill: Callable[[BinaryIO], object]) -> BinaryIO:
        """Return a temporary file with what `fill` writes to it. On most systems it has no name in its folder."""
        with ExitStack() as until_filled:
            stream = cast("BinaryIO", until_filled.enter_context(TemporaryFile(prefix="events-pandas-")))
            fill(stream)
            stream.flush()
            self._files.push(until_filled.pop_all())
        return stream
