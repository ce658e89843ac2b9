"""Standard input and pipes, which can be read only once: they are copied before they are read."""

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from events_pandas.deliver import ProgressChoice, progress_bar
from events_pandas.errors import SourceError
from events_pandas.sources.spool import copy_fault

STANDARD_INPUT: Final = frozenset({"-", "/dev/stdin"})
"""The names of standard input."""
SILENT_SECONDS: Final = 3_600.0
"""How long nothing may come out of a pipe: a query of a data base may take some time before its first row."""

_PIECE_BYTES: Final = 1_048_576
_LOOK_SECONDS: Final = 0.5
_MEGABYTE: Final = 1_000_000


@contextmanager
def standard_input(name: str) -> Iterator[BinaryIO]:
    """Give the bytes of standard input; raise `SourceError` if nothing can come from there."""
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise SourceError(f"{name}: is missing here: give the name of a file")
    if stream.isatty():
        fix = "write 'events-pandas ... - < orders.csv', or give the name of a file"
        raise SourceError(f"{name}: is a terminal: {fix}")
    yield stream


@contextmanager
def opened_pipe(path: Path) -> Iterator[BinaryIO]:
    """Open a named pipe; raise `SourceError` if it cannot be opened."""
    # Otherwise opening waits for somebody who writes to it, without a limit.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
    try:
        stream = path.open("rb", buffering=0) if not flags else os.fdopen(os.open(path, flags), "rb", buffering=0)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
    with stream:
        yield stream


def copy_stream(
    stream: BinaryIO, to: Path, *, name: str, progress: ProgressChoice, silent_seconds: float = SILENT_SECONDS
) -> None:
    """Copy a stream to its end; raise `SourceError` if it is empty, if nothing comes any more, or the disk is full."""
    n_bytes = 0
    with (
        progress_bar(progress, total=None, description=f"copying {name} (MB)", delay_seconds=2.0) as bar,
        to.open("wb") as copy,
    ):
        for piece in _pieces(stream, name, silent_seconds=silent_seconds, on_look=bar.tick):
            try:
                copy.write(piece)
                copy.flush()
            except OSError as error:
                raise copy_fault(name, error) from error
            before, n_bytes = n_bytes, n_bytes + len(piece)
            bar.advance(n_bytes // _MEGABYTE - before // _MEGABYTE)
    if not n_bytes:
        raise SourceError(f"{name}: is empty: nothing was written to it")


def _pieces(stream: BinaryIO, name: str, *, silent_seconds: float, on_look: Callable[[], object]) -> Iterator[bytes]:
    # `read` waits until it has all the bytes that it was asked for.
    read: Callable[[int], bytes | None] = getattr(stream, "read1", stream.read)
    while True:
        _await(stream, name, silent_seconds=silent_seconds, on_look=on_look)
        try:
            piece = read(_PIECE_BYTES)
        except OSError as error:
            raise SourceError(f"{name}: cannot be read: {error.strerror or error}") from error
        if piece == b"":
            return
        # None means that another reader was faster.
        if piece:
            yield piece


def _await(stream: BinaryIO, name: str, *, silent_seconds: float, on_look: Callable[[], object]) -> None:
    """Wait until there is something to read, or the end."""
    until = time.monotonic() + silent_seconds
    try:
        look = partial(select.select, [stream.fileno()], [], [], min(_LOOK_SECONDS, silent_seconds))
        while not look()[0]:
            on_look()
            if time.monotonic() >= until:
                raise SourceError(f"{name}: nothing came for {silent_seconds:,g} s: look at what writes to it")
    except (OSError, ValueError):
        # Windows can wait for sockets only, and a stream in memory never waits.
        return
