"""Where the frames of a run come from: one frame, files, or a stream, whose next frames the caller makes."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Literal, TypeAlias

import pandas as pd

from events_pandas.check import FrameCheck
from events_pandas.run.desk import Desk
from events_pandas.run.display import RunDisplay
from events_pandas.run.frames import BoundFrame, RunFrames
from events_pandas.run.next_frames import NextFrames

SourceKind: TypeAlias = Literal["frame", "files", "stream"]


class RunSource:
    """Reads the frames of a run, one after the other."""

    def __init__(self, kind: SourceKind, given: Iterable[pd.DataFrame], *, frames: RunFrames, desk: Desk) -> None:
        self._kind = kind
        self._given = given
        self._remaining = iter(given)
        self._frames = frames
        self._desk = desk
        self._next = NextFrames(partial(_bound, self._remaining, frames), desk)
        self._first: FrameCheck | None = None

    def read_first(self) -> FrameCheck | None:
        """Read the first frame, in the caller's thread."""
        rows = next(self._remaining, None)
        self._first = None if rows is None else self._frames.read(rows)
        return self._first

    def checks(self) -> Iterator[FrameCheck | None]:
        """Yield each frame once it is read. None: the next frame is not there yet."""
        # Nobody else keeps the first frame: its rows go when its results are there.
        read, self._first = self._first, None
        if read is not None:
            read = self._frames.recalled(read)
        while read is not None:
            yield read
            while self._next.is_awaited:
                yield None
            read = self._next_check()

    def _next_check(self) -> FrameCheck | None:
        """Read the next frame. The caller makes the frames of a stream."""
        if self._kind == "stream":
            bound = self._next.take()
            return None if bound is None else self._frames.read_bound(bound)
        rows = next(self._remaining, None)
        return None if rows is None else self._frames.read(rows)

    def begin_looking_ahead(self) -> None:
        """Let the caller make frames of a stream ahead from here on."""
        if self._kind == "stream":
            self._next.begin()

    def look_ahead(self) -> None:
        """Order the next frame of a stream."""
        if self._kind == "stream":
            self._next.look()

    def ahead(self) -> list[BoundFrame]:
        """Return the frames that the caller has made and nobody has read."""
        return self._next.rest()

    def again(self, display: RunDisplay, *, total: int | None) -> Iterator[pd.DataFrame]:
        """Yield the frames from the start, except those of a stream.

        Reading files again may take long: it is shown, and an interrupt ends it.
        """
        if self._kind == "frame":
            yield from self._given
        elif self._kind == "files":
            look = self._desk.interruption()
            advance = display.begin_step("preparing results", total=total)
            for rows in self._given:
                look()
                yield rows
                advance(len(rows))

    def close(self) -> None:
        """Close a generator of frames. It may hold a connection, which takes no other query meanwhile."""
        # Not while the caller makes a frame of it.
        if isinstance(self._given, Generator):
            with suppress(ValueError):
                self._given.close()


# Not a method: a source that knows itself would keep its rows until the collector of garbage comes.
def _bound(remaining: Iterator[pd.DataFrame], frames: RunFrames) -> BoundFrame | None:
    """Make the next frame of a stream, in the caller's thread."""
    rows = next(remaining, None)
    return None if rows is None else frames.bind(rows)
