"""A table on its way to a file: written beside its place, and moved there when it is complete."""

import codecs
import errno
import os
import secrets
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from events_pandas.errors import SourceError
from events_pandas.forking import keep_for_ever, leave_to_parent_at_fork
from events_pandas.words import escaped

FORMATS: Final = (".csv", ".parquet")

WRITTEN_ROWS: Final = 10_000
"""Rows that are text at a time."""
_MOVED_BYTES: Final = 1 << 20

# What Arrow raises for cells for which it has no type, or not one type for the whole column.
_PARQUET_FAULTS: Final = (pa.ArrowException, TypeError, ValueError, OverflowError, NotImplementedError)

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
    if os.fstat(stream.fileno()).st_mode & _READERS & ~mode:
        try:
            warnings.warn(
                f"{escaped(place)}: more people may read it than its source files, since its file system has no "
                "permissions: choose a folder on another file system",
                stacklevel=2,
            )
        except BaseException:
            # The caller may turn warnings into errors.
            stream.close()
            path.unlink()
            raise
    return stream


def _opened(path: Path, mode: int) -> BinaryIO:
    return os.fdopen(os.open(path, _NEW_FILE, mode), "w+b")


def _plain_text(frame: pd.DataFrame, *, header: bool) -> str:
    return frame.to_csv(header=header, index=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class TableKind:
    """What a file of one kind holds, and how it is written."""

    holds: str  # the content, in the plural, for messages
    csv_text: Callable[..., str] = _plain_text  # makes text of a frame, with `header` or without
    formats: Sequence[str] = FORMATS  # how its name may end; empty for any way, and the file is CSV then
    has_mark: bool = False  # a byte order mark, by which Excel knows UTF-8, if there are characters beyond ASCII
    is_kept_early: bool = False  # however the run ends, the rows written so far are put in place


RESULTS: Final = TableKind(holds="results", is_kept_early=True)
FINDINGS: Final = TableKind(holds="findings", formats=())


class TableFile:
    """A table that is written beside its place, as CSV or Parquet, and moved there when it is complete.

    Another file with the name of the partial file stays as it is: it may belong to a run under way or to a killed run,
    or be a link to somebody else's file.

    Parameters
    ----------
    sources : iterable of pathlib.Path, optional
        The files of rows. They must not be replaced, and only people who may read all of them may read the new file.
    """

    def __init__(self, path: str | os.PathLike[str], kind: TableKind, *, sources: Iterable[Path] = ()) -> None:
        self.path = Path(path)
        self._kind = kind
        suffix = self.path.suffix.lower()
        if kind.formats and suffix not in kind.formats:
            endings = " or ".join(kind.formats)
            raise SourceError(f"{self.path}: {kind.holds} are written as {endings}: choose one of these endings")
        self.is_csv = suffix == ".csv" or not kind.formats
        sources = list(sources)
        require_not_read(self.path, sources)
        if self.path.exists() and not self.path.is_file():
            fault = "Is a directory" if self.path.is_dir() else "Is not a file"
            raise SourceError(f"{self.path}: {kind.holds} cannot be written there: {fault}")
        self._process = os.getpid()
        self._parquet: pq.ParquetWriter | None = None
        leave_to_parent_at_fork(self)
        self._end = 0
        self._is_ascii = True
        self._is_begun = False
        self._is_in_place = False
        with _as_source_error(self.path, kind.holds):
            # Only people who may read the replaced file may read the new one.
            self._create([*sources, self.path])

    def _create(self, sources: Sequence[Path]) -> None:
        self.partial = self.path.with_name(f"{self.path.name}.partial")
        try:
            self._stream = _created(self.partial, sources, place=self.path)
        except FileExistsError:
            self.partial = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}.partial")
            self._stream = _created(self.partial, sources, place=self.path)
        self._made = os.fstat(self._stream.fileno())
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

    def write(self, frame: pd.DataFrame, *, schema: "pa.Schema | None" = None) -> None:
        """Add rows, without their index; all rows have the same columns. Raise `SourceError` on a fault.

        `schema` has the types in Parquet, if those of the first rows may not hold for all.
        """
        with _as_source_error(self.path, self._kind.holds):
            self._require_own()
            if self.is_csv:
                self._write_text(frame)
            else:
                self._write_parquet(frame, schema)
            self._is_begun = True

    def _write_text(self, frame: pd.DataFrame) -> None:
        # What an interrupt or an error broke off is written over.
        self._stream.seek(self._end)
        self._stream.truncate()
        for start in range(0, max(len(frame), 1), WRITTEN_ROWS):
            header = self._end == start == 0
            text = self._kind.csv_text(frame.iloc[start : start + WRITTEN_ROWS], header=header)
            self._stream.write(text.encode(errors="replace"))
            self._is_ascii = self._is_ascii and text.isascii()
        self._stream.flush()
        self._end = self._stream.tell()

    def _write_parquet(self, frame: pd.DataFrame, schema: "pa.Schema | None") -> None:
        bare = frame.set_axis([str(label) for label in frame.columns], axis="columns")
        # The facts of a run differ from chunk to chunk, and the attributes of a user's frame may not fit into a file.
        bare.attrs = {}
        try:
            table = pa.Table.from_pandas(bare, schema=schema, preserve_index=False)
            if self._parquet is None:
                self._parquet = pq.ParquetWriter(self._stream, table.schema)
            self._parquet.write_table(table)
            # A child's copy of what is not written yet would be written by the child too.
            self._stream.flush()
        except _PARQUET_FAULTS as error:
            reason = str(error).strip().splitlines()[0]
            raise SourceError(
                f"{self.path}: these rows cannot be written as Parquet ({reason}): choose a name that ends in .csv"
            ) from error

    def finish(self) -> None:
        """Put the file in its place if anything was written, and replace an existing file in one step.

        A link is replaced itself, not the file that it names. Raise `SourceError` on a fault.
        """
        if self.is_inherited or self._is_in_place:
            return
        if not self._is_begun:
            self.discard()
            return
        with _as_source_error(self.path, self._kind.holds):
            if self._parquet is not None:
                self._parquet.close()
            with closing(self._stream):
                self._require_own()
                if self._kind.has_mark and not self._is_ascii:
                    self._write_mark()
            self.partial.replace(self.path)
            self._is_in_place = True

    def _write_mark(self) -> None:
        """Write a byte order mark before everything that was written."""
        for start in reversed(range(0, self._end, _MOVED_BYTES)):
            self._stream.seek(start)
            moved = self._stream.read(min(_MOVED_BYTES, self._end - start))
            self._stream.seek(start + len(codecs.BOM_UTF8))
            self._stream.write(moved)
        self._stream.seek(0)
        self._stream.write(codecs.BOM_UTF8)

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
            self._stream.close()
        with suppress(OSError):
            self._require_own()
            self.partial.unlink()

    def _require_own(self) -> None:
        """Raise `FileNotFoundError` at once, not at the end of a run, if the folder is gone or the name is taken."""
        if not self._stream.closed:
            # The numbers that some file systems make up change with time: both are read now.
            self._made = os.fstat(self._stream.fileno())
        named = self.partial.lstat()
        if self._is_numbered and not os.path.samestat(named, self._made):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._kind.is_kept_early:
            self.discard()
        elif error is None:
            self.finish()
        else:
            # The error that ended the run comes first, not the fault of this file.
            with suppress(SourceError):
                self.finish()
