"""The rows of files as frames: the types of their columns, their number, and the file and line of each row."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import numpy.typing as npt
import pandas as pd

from events_pandas.convert import Finding
from events_pandas.convert.cells import Mask, Rows
from events_pandas.convert.problems import is_of_file
from events_pandas.deliver import ProgressChoice, progress_bar
from events_pandas.errors import SourceError
from events_pandas.mapping import EventMapping
from events_pandas.results.frame import text_column
from events_pandas.run.fitting import FittingFiles
from events_pandas.run.options import RunOptions, step_progress
from events_pandas.sources import ColumnTypes, FileChunk, SourceFile, column_types, is_in_place, read_chunks, row_count
from events_pandas.words import path_text


@dataclass(frozen=True, kw_only=True, slots=True)
class _ChunkPlace:
    """Where the rows of a chunk are in its file."""

    end: int  # the position after its last row, over all files
    file: SourceFile
    first: int  # the position of its first row in the file
    lines: npt.NDArray[np.uint32] | int | None  # of each row; of the first one, if the others follow line by line

    def lines_of(self, places: Rows) -> Rows:
        """Return the lines of rows, given by their places in the chunk; 0 in formats without lines."""
        if self.lines is None:
            return np.zeros(len(places), np.int64)
        return self.lines + places if isinstance(self.lines, int) else self.lines[places].astype(np.int64)


@dataclass(slots=True, kw_only=True)
class FileFrames:
    """The rows of files as a stream of frames that can be read again; knows the file and the line of each row."""

    files: Sequence[SourceFile]
    skipped: Mapping[str, str]  # the files that are left out, each with its reason
    mapping: EventMapping
    chunksize: int
    limit: int | None  # only the first rows are read; None: all of them
    types: ColumnTypes
    total: int | None  # the number of rows, if they were counted or checked
    keys: Sequence[Hashable] = ()  # columns that only the results have
    start: int = field(default=0, init=False)
    _refused: tuple[Finding, ...] = field(default=(), init=False)
    _cells: pd.DataFrame = field(default_factory=pd.DataFrame, init=False)
    _chunks: list[_ChunkPlace] = field(default_factory=list, init=False)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        end = 0
        for position, chunk in enumerate(chain.from_iterable(map(self._read, self.files))):
            frame = chunk.frame if self.limit is None else chunk.frame.iloc[: self.limit - end]
            self.start, self._refused = end, _within(chunk.refused, len(frame))
            self._cells = chunk.cells.iloc[: len(frame)]
            end += len(frame)
            if position == len(self._chunks):
                self._chunks.append(_chunk_place(chunk, end))
            yield frame
            if end == self.limit:
                break

    def _read(self, file: SourceFile) -> Iterator[FileChunk]:
        return read_chunks(file, self.mapping, chunksize=self.chunksize, computed=self.types.computed, keys=self.keys)

    def refused(self, start: int) -> tuple[Finding, ...]:
        """Return what was found in the frame that was read last, if it starts at that row."""
        return self._refused if start == self.start else ()

    def cells(self, start: int) -> pd.DataFrame:
        """Return the cells of the frame that was read last, without the types that only callables get."""
        if start != self.start:
            raise ValueError(f"cells: row {start} does not begin the frame that was read last")
        return self._cells

    @property
    def latest(self) -> SourceFile:
        """The file that was read last."""
        return self._chunks[-1].file

    @property
    def empty_files(self) -> list[str]:
        """The files that were read and have no rows."""
        rows: dict[str, int] = {}
        for number, chunk in enumerate(self._chunks):
            rows[chunk.file.name] = rows.get(chunk.file.name, 0) + chunk.end - self._start_of(number)
        return [name for name, count in rows.items() if not count]

    @property
    def has_rows(self) -> bool:
        """Whether any file has a row; the files are read up to it."""
        return any(len(frame) for frame in self)

    def source_files(self, rows: Rows) -> "pd.api.extensions.ExtensionArray":
        """Return the file of each row; rows are counted over all files."""
        names = np.empty(len(rows), object)
        for number, chosen in self._by_chunk(rows):
            names[chosen] = path_text(self._chunks[number].file.name)
        return text_column(names)

    def lines(self, rows: Rows) -> "pd.api.extensions.ExtensionArray":
        """Return the line of its file in which each row begins, from 1; NA in formats without lines."""
        found = np.zeros(len(rows), np.int64)
        for number, chosen in self._by_chunk(rows):
            found[chosen] = self._chunks[number].lines_of(rows[chosen] - self._start_of(number))
        return pd.arrays.IntegerArray(found, found == 0)

    def in_files(self, problems: pd.DataFrame) -> pd.DataFrame:
        """Add to findings their files, and their lines if files have lines; the index counts the rows of each file."""
        rows = problems["row"].to_numpy()
        places = np.zeros(len(rows), np.int64)
        for number, chosen in self._by_chunk(rows):
            places[chosen] = rows[chosen] - self._start_of(number) + self._chunks[number].first
        placed = problems.set_axis(pd.Index(places)).assign(source_file=self.source_files(rows))
        has_lines = any(chunk.lines is not None for chunk in self._chunks)
        if not has_lines:
            return placed
        lines = self.lines(rows)
        if "code" in problems:
            lines[problems["code"].map(is_of_file).to_numpy(bool)] = pd.NA
        return placed.assign(line=lines)

    def _by_chunk(self, rows: Rows) -> Iterator[tuple[int, Mask]]:
        """Yield each chunk that has some of the rows, and which these are."""
        ends = np.array([chunk.end for chunk in self._chunks], np.int64)
        numbers = np.searchsorted(ends, rows, side="right")
        for number in np.unique(numbers).tolist():
            yield number, numbers == number

    def _start_of(self, chunk: int) -> int:
        return self._chunks[chunk - 1].end if chunk else 0


def _chunk_place(chunk: FileChunk, end: int) -> _ChunkPlace:
    index, lines = chunk.frame.index, chunk.lines
    first = int(index[0]) if len(index) else 0
    kept = None
    if lines is not None and len(lines):
        # Nearly every file has a row in each line.
        is_even = int(lines[-1]) - int(lines[0]) == len(lines) - 1
        kept = int(lines[0]) if is_even else lines.astype(np.uint32)
    return _ChunkPlace(end=end, file=chunk.file, first=first, lines=kept)


def _within(findings: Sequence[Finding], rows: int) -> tuple[Finding, ...]:
    """Return the findings of the first rows of a chunk."""
    kept = (finding.chosen(finding.rows < rows) for finding in findings)
    return tuple(finding for finding in kept if len(finding.rows))


def read_frames(
    fit: FittingFiles, mapping: EventMapping, *, options: RunOptions, limit: int | None = None
) -> FileFrames:
    """Find the types of the columns of files, and return their rows, or the first ones, in the chunks of a run."""
    return FileFrames(
        files=fit.files,
        skipped=fit.reasons,
        mapping=mapping,
        chunksize=options.chunksize,
        limit=limit,
        types=_column_types(fit.files, mapping, options.progress, limit=limit),
        total=_row_total(fit.files, options, limit=limit),
        keys=options.keys,
    )


def _column_types(
    files: Sequence[SourceFile], mapping: EventMapping, progress: ProgressChoice, *, limit: int | None
) -> ColumnTypes:
    """Read the bare columns of CSV files, to find their types."""
    # A user's function is called for the submission only.
    shown: ProgressChoice = "auto" if callable(progress) else progress
    with progress_bar(shown, total=None, description="reading types", delay_seconds=2.0) as bar:
        types = column_types(mapping, files, advance=bar.advance)
    return types if limit is None else types.placed()


def _row_total(files: Sequence[SourceFile], options: RunOptions, *, limit: int | None) -> int | None:
    """Count the rows of all files for a progress bar or a log; None without both, or if a file cannot be read."""
    if options.progress is False and options.log_path is None:
        return None
    total = 0
    shown = step_progress(options.progress)
    # The fault of a file is reported when its rows are read.
    with (
        suppress(SourceError),
        progress_bar(shown, total=None, description="counting rows", delay_seconds=2.0) as bar,
    ):
        for file in files:
            count = row_count(file)
            bar.advance(count)
            total += count
        return total if limit is None else min(total, limit)
    return None


def require_unchanged(files: Sequence[SourceFile]) -> None:
    """Raise `SourceError` if a file was replaced or written to since it was first read."""
    for file in files:
        if not is_in_place(file):
            raise SourceError(f"{file}: was changed while the run began: submit it when nothing writes to it")
