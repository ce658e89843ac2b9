"""A table on its way to a file: written beside its place, and moved there when it is complete."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Literal, Self

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import TEXT_TYPE, holds_any
from events_pandas.convert.json_text import joined
from events_pandas.errors import SourceError
from events_pandas.filesystem import hold
from events_pandas.forking import cut_off, leave_to_parent_at_fork
from events_pandas.results.earlier import keep_changed, mark_unchanged
from events_pandas.results.leftovers import clear_leftovers, partial_paths
from events_pandas.results.new_file import as_source_error, created, delete, require_not_read
from events_pandas.results.row_files import ArrowRowFile, CsvRowFile, CsvText, csv_text
from events_pandas.warned import warn_caller
from events_pandas.words import escaped

FORMATS: Final = (".csv", ".parquet")

_TIME_UNITS: Final[Mapping[str, Literal["s", "us"]]] = {"created_at": "s", "submitted_at": "us"}
"""The unit in which a column of times is written, in all lines."""

_QUOTED_LETTERS: Final = (b",", b'"', b"\r", b"\n")
_NEEDS_QUOTES: Final = r'[,"\r\n]'

# What Arrow raises for cells for which it has no type, or not one type for the whole column.
_PARQUET_FAULTS: Final = (pa.ArrowException, TypeError, ValueError, OverflowError, NotImplementedError)


@dataclass(frozen=True, kw_only=True, slots=True)
class TableKind:
    """What a file of one kind holds, and how it is written."""

    holds: str  # the content, in the plural, for messages
    is_own: Callable[[Sequence[str]], bool]  # whether these are the columns of such a file
    csv_text: CsvText = csv_text
    formats: Sequence[str] = FORMATS  # how its name may end; empty for any way, and the file is CSV then
    keeps_changed: bool = False  # a file that somebody has changed is kept under another name, not replaced
    is_kept_early: bool = False  # however the run ends, the rows written so far are kept
    delimiter: str = ","  # between the cells of CSV
    is_marked: bool = False  # CSV has a byte order mark in any case


def _results_text(frame: pd.DataFrame, *, header: bool, delimiter: str) -> str:
    """Return what `csv_text` does for results, in a third of the time; each column of times has one form."""
    cells = (_cells(frame[name], _TIME_UNITS.get(str(name))) for name in frame)
    rows = pc.binary_join_element_wise(*cells, pa.scalar(delimiter, TEXT_TYPE))
    first = csv_text(frame.iloc[:0], header=True, delimiter=delimiter) if header else ""
    return first + "\n".join([*rows.to_pylist(), ""])


def _cells(column: "pd.Series[Any]", unit: Literal["s", "us"] | None) -> pa.Array:
    """Return the cells of a column as they stand in a CSV file; `unit` is that of its times."""
    values = pa.array(column, from_pandas=True)
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if unit is not None:
        times = values.cast(pa.timestamp(unit), safe=False).cast(TEXT_TYPE)
        texts = joined(times, "+00:00", length=len(times))
    else:
        texts = values.cast(TEXT_TYPE)
        # Most columns have no such cell, which their bytes show much faster.
        if holds_any(texts, *_QUOTED_LETTERS):
            needs_quotes = pc.match_substring_regex(texts, _NEEDS_QUOTES)
            quoted = joined('"', pc.replace_substring(texts, '"', '""'), '"', length=len(texts))
            texts = pc.if_else(needs_quotes, quoted, texts)
    return pc.fill_null(texts, "")


RESULTS: Final = TableKind(
    holds="results",
    is_own=lambda names: names[:3] == ["row", "status", "http_status"],
    csv_text=_results_text,
    is_kept_early=True,
)
FINDINGS: Final = TableKind(
    holds="findings", is_own=lambda names: {"row", "field", "code", "severity"} <= set(names), formats=()
)


def require_place(path: Path, kind: TableKind, sources: Iterable[Path]) -> None:
    """Raise `SourceError` if a table of this kind cannot be written at a path, or would replace one of the sources."""
    require_not_read(path, sources)
    if kind.formats and path.suffix.lower() not in kind.formats:
        endings = " or ".join(kind.formats)
        parts = ", or / for a folder of parts" if kind is RESULTS else ""
        raise SourceError(f"{path}: {kind.holds} are written as {endings}: choose one of these endings{parts}")
    fault = None
    if not path.parent.exists():
        fault = f"there is no folder '{path.parent}': make it first"
    elif path.exists() and not path.is_file():
        fault = "Is a directory: name a file in it" if path.is_dir() else "Is not a file: choose another name"
    if fault is not None:
        raise SourceError(f"{path}: {kind.holds} cannot be written there: {fault}")


class TableFile:
    """A table that is written beside its place, as CSV or Parquet, and moved there when it is complete.

    CSV files are UTF-8, with a byte order mark if there are characters beyond ASCII, and their lines end with a line
    feed. What killed runs left is cleared away; another file with the name of the partial file stays as it is: it may
    belong to a run under way, or be a link to somebody else's file.

    Parameters
    ----------
    sources : iterable of pathlib.Path, optional
        The files of rows. They must not be replaced, and only people who may read all of them may read the new file.
    warn : callable
        Called with a sentence for the rows of each killed run, and if a changed file is kept.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        kind: TableKind,
        *,
        sources: Iterable[Path] = (),
        warn: Callable[[str], object] = warn_caller,
    ) -> None:
        self.path = Path(path)
        self._kind = kind
        self._warn = warn
        self.is_csv = self.path.suffix.lower() == ".csv" or not kind.formats
        sources = list(sources)
        require_place(self.path, kind, sources)
        self._process = os.getpid()
        self._is_begun = False
        self._kept: Path | None = None
        # Whether the table is at its path.
        self.is_in_place = False
        # Only people who may read the replaced file may read the new one.
        self._sources = [*sources, self.path]
        with self._reported():
            said = clear_leftovers(
                self.path,
                is_own=kind.is_own,
                holds=kind.holds,
                is_kept=kind.is_kept_early,
                delimiter=kind.delimiter if self.is_csv else None,
            )
            for sentence in said:
                warn(sentence)
            self.partial, self._stream = self._created()
        self._rows: CsvRowFile | ArrowRowFile = ArrowRowFile(self._stream)
        if self.is_csv:
            self._rows = CsvRowFile(self._stream, kind.csv_text, delimiter=kind.delimiter, is_marked=kind.is_marked)
        leave_to_parent_at_fork(self)
        self._made = os.fstat(self._stream.fileno())
        # On some network file systems a name and its open file have different numbers, which then prove nothing.
        self._is_numbered = os.path.samestat(self.partial.lstat(), self._made)

    def _created(self) -> tuple[Path, BinaryIO]:
        """Make a file beside the place, and hold it until it is closed, so that other runs leave it alone."""
        doubted = None
        plain, *_ = names = list(partial_paths(self.path))
        for partial in names:
            with suppress(FileExistsError):
                stream = created(partial, self._sources, place=self.path)
                # Another run may have looked at it first, taken it for a leftover, and made its own by the plain name.
                if hold(stream.fileno()) is not False and os.path.lexists(partial):
                    is_same = os.path.samestat(partial.lstat(), os.fstat(stream.fileno()))
                    if is_same or partial != plain:
                        if doubted is not None and not is_same:
                            # Files have no numbers here, so that no run takes any for a leftover: this one is ours.
                            doubted.unlink()
                        return partial, stream
                    doubted = partial
                stream.close()
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))

    def leave_to_parent(self) -> None:
        """Never write to the parent's file in a child, nor hold it."""
        if not self._stream.closed:
            cut_off(self._stream)

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Raise faults as `SourceError`."""
        try:
            with as_source_error(self.path, self._kind.holds):
                yield
        except _PARQUET_FAULTS as error:
            if isinstance(error, SourceError) or self.is_csv:
                raise
            reason = str(error).strip().splitlines()[0]
            raise SourceError(
                f"{self.path}: these rows cannot be written as Parquet ({reason}): choose a name that ends in .csv"
            ) from error

    @property
    def is_inherited(self) -> bool:
        """Whether this process is a fork of the one that writes the file."""
        return os.getpid() != self._process

    def write(self, frame: pd.DataFrame, *, schema: "pa.Schema | None" = None) -> None:
        """Add rows, without their index; they stay if this process is killed. Raise `SourceError` on a fault.

        All rows have the same columns; `schema` has their types in Parquet, if the first rows may not show them.
        """
        with self._reported():
            self._require_own()
            self._rows.add(frame, schema)
            self._is_begun = True

    def finish(self) -> None:
        """Put the file in its place if anything was written, and replace an existing file in one step.

        A link is replaced itself, not the file that it names. Raise `SourceError` on a fault.
        """
        if self.is_inherited or self.is_in_place:
            return
        if not self._is_begun:
            self.discard()
            return
        with self._reported():
            self._require_own()
            if self.is_csv and self._rows.is_torn:
                # On a full disk not even the broken row can be cut off; of Arrow batches only whole ones are read.
                raise OSError(errno.EIO, "its last rows are broken off")
            if self._rows.is_final:
                self._put_in_place(self.partial, self._stream)
            else:
                self._finish_copy()
            self.is_in_place = True
        if self._kept is not None:
            self._warn(f"{escaped(self.path)}: was changed since it was written, and is kept as {escaped(self._kept)}")

    def _finish_copy(self) -> None:
        """Put a copy in place, with a byte order mark or as Parquet. Until then the rows stay where they are."""
        copy, stream = self._created()
        with stream:
            try:
                self._rows.write_final(stream)
                stream.flush()
                self._put_in_place(copy, stream)
            except BaseException:
                with suppress(OSError):
                    delete(copy, stream)
                raise
        with closing(self._stream):
            self.partial.unlink()

    def _put_in_place(self, file: Path, stream: BinaryIO) -> None:
        """Move a file to its place while it is held: a run that begins now takes it for a leftover otherwise."""
        if os.name == "nt":
            # Windows moves closed files only, and holds none.
            stream.close()
        if self._kind.keeps_changed:
            mark_unchanged(file)
            self._kept = keep_changed(self.path)
        file.replace(self.path)
        stream.close()

    def discard(self) -> None:
        """Delete what was written. A file of an earlier run stays."""
        # The name may belong to another run's file by now.
        if self.is_inherited or self.is_in_place:
            return
        self._is_begun = False
        with suppress(OSError):
            self._require_own()
            delete(self.partial, self._stream)
        # Closing would try to write again what could not be written.
        with suppress(OSError):
            self._stream.close()

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
        try:
            if not self._kind.is_kept_early:
                self.discard()
            elif error is None:
                self.finish()
            else:
                # The error that ended the run comes first, not the fault of this file.
                with suppress(SourceError):
                    self.finish()
        finally:
            # If the file could not be finished, its rows stay: the next run finds them.
            self.close()

    def close(self) -> None:
        """Close the file where it is."""
        with suppress(OSError):
            self._stream.close()
