"""Spool: private copies of files that can be read only once, or are elsewhere."""

import errno
import os
import secrets
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from events_pandas.errors import SourceError

_OPEN_FILES: Final = Path("/proc/self/fd")
"""Linux has a path here for each open file, also for one that is deleted already."""
_MOST_DELETED: Final = 100
"""The most copies that are held open: an operating system allows one process about a thousand open files."""
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Spool:
    """Copies of files in a private folder, which is deleted at the end."""

    # On Linux a copy is deleted when it is made, and read through its open file: kill -9 leaves no rows behind.

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._process = os.getpid()
        self._held = ExitStack()
        self._n_deleted = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()
        # A forked child leaves the copies to its parent.
        if self._folder is not None and os.getpid() == self._process:
            shutil.rmtree(self._folder, ignore_errors=True)

    def new_file(self) -> Path:
        """Make an empty file that only this user may read."""
        try:
            self._folder = self._folder or Path(tempfile.mkdtemp(prefix="events-pandas-"))
            path = self._folder / secrets.token_hex(8)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise SourceError(f"{tempfile.gettempdir()}: no file can be made there: {error.strerror}") from error
        held = os.fdopen(descriptor, "r+b")
        if self._n_deleted == _MOST_DELETED or not _OPEN_FILES.is_dir():
            held.close()
            return path
        self._n_deleted += 1
        self._held.enter_context(held)
        path.unlink()
        return _OPEN_FILES / str(descriptor)

    def named(self, path: Path, suffixes: str) -> Path:
        """Give a file of this spool a name that ends as its format asks, and return its new path."""
        assert self._folder is not None  # noqa: S101  # It was made with the file.
        name = self._folder / f"{secrets.token_hex(8)}{suffixes}"
        if path.parent == self._folder:
            path.rename(name)
        else:
            name.symlink_to(path)
        return name


def copy_fault(name: str, error: OSError) -> SourceError:
    """Return the fault of a file, or of rows, that cannot be copied to this machine."""
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError:
        # Python has tried to write to some folders, as it does once.
        cure = "free some space in one, or set TMPDIR to another folder"
        return SourceError(f"{name}: cannot be copied to a folder for temporary files: none can be written to: {cure}")
    advice = ": free some space there, or set TMPDIR to another folder" if is_full(error) else ""
    return SourceError(f"{name}: cannot be copied to {folder}: {error.strerror or error}{advice}")


def is_full(error: BaseException) -> bool:
    """Tell whether an error means that a disk is full."""
    return isinstance(error, OSError) and error.errno in _FULL
