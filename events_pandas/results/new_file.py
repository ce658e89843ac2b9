"""A new file beside others: it replaces nothing, and only readers of its sources may read it."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from events_pandas.errors import SourceError
from events_pandas.filesystem import hold
from events_pandas.warned import warn_caller
from events_pandas.words import escaped

# Never an existing file, and never through a link. Windows lacks O_NOFOLLOW, other systems lack O_BINARY.
_NEW_FILE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_OWNER, _GROUP, _OTHERS = 0o600, 0o060, 0o006
_READERS: Final = 0o044
"""The rights of group and others to read."""


def require_not_read(path: Path, read: Iterable[Path]) -> None:
    """Raise `SourceError` if an output file is also an input, under any name."""
    if path.exists() and any(path.samefile(file) for file in read):
        raise SourceError(f"{path}: is one of the files that are read, and would be replaced: choose another name")


def write_new(path: Path, text: str, *, holds: str, sources: Sequence[Path]) -> None:
    """Write text as UTF-8 to a new file that only readers of all `sources` may read.

    `holds` names the content in messages. Raise `SourceError` if a file is there already, or on a fault.
    """
    with as_source_error(path, holds):
        try:
            stream = created(path, sources, place=path)
        except FileExistsError as error:
            raise SourceError(f"{path}: exists already, and is not replaced: choose another name") from error
        try:
            with stream:
                stream.write(text.encode())
        except BaseException:
            path.unlink()
            raise


@contextmanager
def as_source_error(path: Path, holds: str) -> Iterator[None]:
    """Raise a fault of the system as a `SourceError`; `holds` names what is written, in the plural."""
    try:
        yield
    except OSError as error:
        raise SourceError(f"{path}: {holds} cannot be written there: {error.strerror or error}") from error


def created(path: Path, sources: Sequence[Path], *, place: Path) -> BinaryIO:
    """Create a file that gives nobody more rights than its sources give.

    `place` names the file in messages. Raise `FileExistsError` if anything is at the path.
    """
    kept = [source.stat() for source in sources if source.exists()]
    mode = _OWNER | _GROUP | _OTHERS
    for facts in kept:
        mode &= facts.st_mode | _OWNER
    stream = _opened(path, mode)
    group = os.fstat(stream.fileno()).st_gid
    # Another group than that of the sources gets the rights of all others.
    as_others = mode & (~_GROUP | (mode & _OTHERS) << 3)
    if mode != as_others and any(facts.st_gid != group for facts in kept):
        # Another empty file is made instead of changing the rights of this one: its name may be a link by now, somebody
        # of the group may have it open, and some file systems refuse the change.
        _take_back(path, stream)
        mode = as_others
        stream = _opened(path, mode)
    if os.fstat(stream.fileno()).st_mode & _READERS & ~mode:
        try:
            warn_caller(
                f"{escaped(place)}: more people may read it than its source files, since its file system has no "
                "permissions: choose a folder on another file system"
            )
        except BaseException:
            # The caller may turn warnings into errors.
            _take_back(path, stream)
            raise
    return stream


def delete(path: Path, stream: BinaryIO) -> None:
    """Delete an open file while it is held: another run may make its own by the same name once it is closed."""
    if os.name == "nt":
        # Windows deletes closed files only, and holds none.
        stream.close()
    path.unlink()
    with suppress(OSError):
        stream.close()


def _take_back(path: Path, stream: BinaryIO) -> None:
    """Delete a new file, unless another run takes it for a leftover: the name may belong to that run by now."""
    with stream:
        if hold(stream.fileno()) is not False and os.fstat(stream.fileno()).st_nlink:
            delete(path, stream)


def _opened(path: Path, mode: int) -> BinaryIO:
    return os.fdopen(os.open(path, _NEW_FILE, mode), "w+b")
