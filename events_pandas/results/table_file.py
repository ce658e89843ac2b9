"""A file that is written beside its place and moved there when it is complete; and the results in such a file."""

import errno
import os
import secrets
import shutil
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from events_pandas.errors import SourceError
from events_pandas.forking import keep_for_ever, leave_to_parent_at_fork
from events_pandas.words import escaped

FORMATS = (".csv", ".parquet")

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
    with _as_source_error(path, holds):
        try:
            stream = _created(path, sources, place=path)
        except FileExistsError as error:
            raise SourceError(f"{path}: exists already, and is not replaced: choose another name") from error
        try:
            with stream:
                stream.write(text.encode())
        except BaseException:
            path.unlink()
            raise


@contextmanager
def _as_source_error(path: Path, holds: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceError(f"{path}: {holds} cannot be written there: {error.strerror or error}") from error


def _created(path: Path, sources: Sequence[Path], *, place: Path) -> BinaryIO:
    """Create a file that gives nobody more rights than its sources give."""
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
        stream.close()
        path.unlink()
        mode = as_others
        stream = _opened(path, mode)
    try:
        _warn_of_readers(place, os.fstat(stream.fileno()).st_mode & _READERS & ~mode)
    except BaseException:
        # The caller may turn warnings into errors.
        stream.close()
        path.unlink()
        raise
    return stream


def _opened(path: Path, mode: int) -> BinaryIO:
    return os.fdopen(os.open(path, _NEW_FILE, mode), "w+b")


def _warn_of_readers(path: Path, readers: int) -> None:
    """Warn if more people may read a file than its sources, as on a file system without permissions."""
    if readers:
        warnings.warn(
            f"{escaped(path)}: more people may read it than its source files, since its file system has no "
            "permissions: choose a folder on another file system",
            stacklevel=2,
        )


class PartialFile:
    """A file that is written beside its place, and moved there when it is complete.

    Another file with the name of the partial file stays as it is: it may belong to a run under way or to a killed run,
    or be a link to somebody else's file.

    Parameters
    ----------
    holds : str
        What it holds, in the plural, for messages.
    sources : iterable of pathlib.Path, optional
        The files of rows. They must not be replaced, and only people who may read all of them may read the new file.
    formats : sequence of str, optional
        How its name may end; empty for any way.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        holds: str,
        sources: Iterable[Path] = (),
        formats: Sequence[str] = FORMATS,
    ) -> None:
        self.path = Path(path)
        self._holds = holds
        if formats and self.path.suffix.lower() not in formats:
            raise SourceError(
                f"{self.path}: {holds} are written as {' or '.join(formats)}: choose one of these endings"
            )
        sources = list(sources)
        require_not_read(self.path, sources)
        if self.path.is_dir():
            raise SourceError(f"{self.path}: {holds} cannot be written there: Is a directory")
        if self.path.exists() and not self.path.is_file():
            raise SourceError(f"{self.path}: {holds} cannot be written there: Is not a file")
        self._process = os.getpid()
        self._parquet: pq.ParquetWriter | None = None
        leave_to_parent_at_fork(self)
        # Only people who may read the replaced file may read the new one.
        self._sources = [*sources, self.path]
        self._end = 0
        self._is_in_place = False
        with self.writing():
            self._begin()

    def _begin(self) -> None:
        self.partial = self.path.with_name(f"{self.path.name}.partial")
        try:
            self.stream = _created(self.partial, self._sources, place=self.path)
        except FileExistsError:
            self.partial = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}.partial")
            self.stream = _created(self.partial, self._sources, place=self.path)
        self._made = os.fstat(self.stream.fileno())
        # On some network file systems a name and its open file have different numbers, which then prove nothing.
        self._is_numbered = os.path.samestat(self.partial.lstat(), self._made)

    def leave_to_parent(self) -> None:
        """Never write the end of the parent's file in a child."""
        if self._parquet is not None:
            keep_for_ever(self._parquet)
            self._parquet = None

    @property
    def is_inherited(self) -> bool:
        """Whether this process is a fork of the one that writes the file."""
        return os.getpid() != self._process

    @property
    def is_csv(self) -> bool:
        """Whether the file is text; else it is Parquet."""
        return self.path.suffix.lower() == ".csv"

    @property
    def is_empty(self) -> bool:
        """Whether nothing was appended yet."""
        return self._end == 0

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn an error of the system into a `SourceError` of one line."""
        with _as_source_error(self.path, self._holds):
            yield

    def append(self, text: bytes) -> None:
        """Write at the end. What an interrupt or an error broke off is written over."""
        self._require_own()
        self.stream.seek(self._end)
        self.stream.truncate()
        self.stream.write(text)
        self.stream.flush()
        self._end += len(text)

    def append_table(self, table: pa.Table) -> None:
        """Write rows as Parquet; all tables have the schema of the first."""
        if self._parquet is None:
            self._parquet = pq.ParquetWriter(self.stream, table.schema)
        self._parquet.write_table(table)

    def prepend(self, mark: bytes) -> None:
        """Write before everything that was written."""
        rows, place = self.stream, self.partial
        try:
            self._begin()
            self.stream.write(mark)
            rows.seek(0)
            shutil.copyfileobj(rows, self.stream)
        finally:
            rows.close()
            place.unlink()

    def put_in_place(self) -> None:
        """Replace an existing file in one step. A link is replaced itself, not the file that it names."""
        if self.is_inherited or self._is_in_place:
            return
        if self._parquet is not None:
            self._parquet.close()
        with closing(self.stream):
            self._require_own()
        self.partial.replace(self.path)
        self._is_in_place = True

    def discard(self) -> None:
        """Delete what was written. A file of an earlier run stays."""
        # The name may belong to another run's file by now.
        if self.is_inherited or self._is_in_place:
            return
        # Closing would try to write again what could not be written.
        with suppress(OSError):
            if self._parquet is not None:
                self._parquet.close()
        with suppress(OSError):
            self.stream.close()
        with suppress(OSError):
            self._require_own()
            self.partial.unlink()

    def _require_own(self) -> None:
        """Raise `FileNotFoundError` at once, not at the end of a run, if the folder is gone or the name is taken."""
        if not self.stream.closed:
            # The numbers that some file systems make up change with time: both are read now.
            self._made = os.fstat(self.stream.fileno())
        named = self.partial.lstat()
        if self._is_numbered and not os.path.samestat(named, self._made):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.discard()


class ResultsWriter:
    """Writes results frames to a ``.csv`` or ``.parquet`` file, which replaces an existing one at the end, in one step.

    Until then the rows stand in ``<name>.partial``; however the run ends, the rows written so far are put in place.
    Only people who may read all `sources` may read them.
    """

    def __init__(self, path: str | os.PathLike[str], *, sources: Iterable[Path] = ()) -> None:
        self._file = PartialFile(path, holds="results", sources=sources)
        self._is_begun = False

    def write(self, results: pd.DataFrame) -> None:
        """Add results as `iter_submit` yields them, without the index. Raise `SourceError` on a fault."""
        with self._file.writing():
            if self._file.is_csv:
                text = results.to_csv(header=self._file.is_empty, index=False)
                # The name of a file may hold bytes that are not text.
                self._file.append(text.encode(errors="backslashreplace"))
            else:
                # Without the facts of the run, which differ from chunk to chunk: a file has one schema.
                bare = results.copy(deep=False)
                bare.attrs = {}
                self._file.append_table(pa.Table.from_pandas(bare, preserve_index=False))
            self._is_begun = True

    def finish(self) -> None:
        """Put the file in its place; nothing can be added any more. Raise `SourceError` on a fault."""
        with self._file.writing():
            self._finish()

    def _finish(self) -> None:
        if self._is_begun:
            self._file.put_in_place()
        else:
            # Without results the file of an earlier run stays.
            self._file.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # The error that ended the run comes first, not the fault of this file.
        with self._file.writing() if error is None else suppress(OSError):
            self._finish()
