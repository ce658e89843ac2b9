"""A file that is written beside its place, and put there whole."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from events_pandas.errors import SourceError

FORMATS = (".csv", ".parquet")


def require_not_read(path: Path, read: Iterable[Path]) -> None:
    """Refuse to write over what is read.

    Parameters
    ----------
    path : pathlib.Path
        What is to be written.
    read : iterable of pathlib.Path
        Files that are there and are read: the rows, or the mapping.

    Raises
    ------
    SourceError
        If it is one of them, by whatever name.
    """
    if path.exists() and any(path.samefile(file) for file in read):
        raise SourceError(f"{path}: is a file that is read here, and would be replaced: choose another name")


class PartialFile:
    """A file on its way.

    Parameters
    ----------
    path : str or os.PathLike
        Where it goes in the end, ``.csv`` or ``.parquet``.
    holds : str
        What it holds, in the plural: errors speak of it.
    sources : iterable of pathlib.Path, optional
        The files of rows, which it must not replace.

    Attributes
    ----------
    path : pathlib.Path
        Where it goes in the end.
    partial : pathlib.Path
        Where it is written, named ``<name>.partial``: empty at first.

    Raises
    ------
    SourceError
        If the format is not known, or if nothing can be written there.
    """

    def __init__(self, path: str | os.PathLike[str], *, holds: str, sources: Iterable[Path] = ()) -> None:
        self.path = Path(path)
        self._holds = holds
        if self.path.suffix.lower() not in FORMATS:
            raise SourceError(f"{self.path}: {holds} are written as {' or '.join(FORMATS)}: choose one of these names")
        require_not_read(self.path, sources)
        if self.path.is_dir():
            raise SourceError(f"{self.path}: {holds} cannot be written there: Is a directory")
        self.partial = self.path.with_name(self.path.name + ".partial")
        self._process = os.getpid()
        with self.writing():
            self.partial.write_bytes(b"")

    @property
    def is_inherited(self) -> bool:
        """Whether this process is a fork of the one that writes the file."""
        return os.getpid() != self._process

    @property
    def is_csv(self) -> bool:
        """Whether it is text; else it is Parquet."""
        return self.path.suffix.lower() == ".csv"

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Make one line of what the system says of a file.

        Yields
        ------
        None
            Nothing.

        Raises
        ------
        SourceError
            If the file cannot be written.
        """
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise SourceError(f"{self.path}: {self._holds} cannot be written there: {reason}") from error

    def put_in_place(self) -> None:
        """Replace, in one step, the file that may be there."""
        if self.is_inherited:
            return
        self.partial.replace(self.path)

    def discard(self) -> None:
        """Take away what was written so far; what an earlier run has left stays."""
        if self.is_inherited:
            return
        with suppress(FileNotFoundError):
            self.partial.unlink()
