"""The rows of files as frames: their headers, the types of their columns, their number, and the file of each row."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
import pandas as pd

from events_pandas.check import EarlierFrames, StreamCheck
from events_pandas.convert import Finding, problems_frame
from events_pandas.deliver import ProgressChoice, progress_bar
from events_pandas.errors import InvalidRowsError, MappingError, SourceError
from events_pandas.mapping import EventMapping, require_columns, require_mapping
from events_pandas.run.options import RunOptions, step_progress
from events_pandas.sources import (
    ColumnTypes,
    FileChunk,
    PathOrPaths,
    SourceFile,
    column_types,
    header_hint,
    is_in_place,
    opened_files,
    read_chunks,
    row_count,
    source_schema,
)
from events_pandas.words import path_text


@dataclass(slots=True, kw_only=True)
class FileFrames:
    """The rows of files as a stream of frames that can be read again; knows the file of each row."""

    files: Sequence[SourceFile]
    mapping: EventMapping
    chunksize: int
    # Only the first rows are read; None: all of them.
    limit: int | None = None
    types: ColumnTypes = field(default_factory=ColumnTypes, init=False)
    start: int = field(default=0, init=False)
    _refused: tuple[Finding, ...] = field(default=(), init=False)
    _chunks: list[tuple[int, SourceFile]] = field(default_factory=list, init=False)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        end = 0
        for position, chunk in enumerate(chain.from_iterable(map(self._read, self.files))):
            frame = chunk.frame if self.limit is None else chunk.frame.iloc[: self.limit - end]
            self.start, self._refused = end, _within(chunk.refused, len(frame))
            end += len(frame)
            if position == len(self._chunks):
                self._chunks.append((end, chunk.file))
            yield frame
            if end == self.limit:
                break

    def _read(self, file: SourceFile) -> Iterator[FileChunk]:
        return read_chunks(file, self.mapping, chunksize=self.chunksize, computed=self.types.computed)

    def refused(self, start: int) -> tuple[Finding, ...]:
        """Return what was found in the frame that was read last, if it starts at that row."""
        return self._refused if start == self.start else ()

    @property
    def latest(self) -> SourceFile:
        """The file that was read last."""
        _, file = self._chunks[-1]
        return file

    def source_files(self, rows: "np.typing.NDArray[np.int64]") -> "pd.api.extensions.ExtensionArray":
        """Return the file of each row; rows are counted over all files."""
        ends, files = zip(*self._chunks, strict=True) if self._chunks else ((), ())
        return pd.array(
            [path_text(files[chunk].name) for chunk in np.searchsorted(ends, rows, side="right")],
            dtype="string[pyarrow]",
        )


def _within(findings: Sequence[Finding], rows: int) -> tuple[Finding, ...]:
    """Return the findings of the first rows of a chunk."""
    kept = (finding.chosen(finding.rows < rows) for finding in findings)
    return tuple(finding for finding in kept if len(finding.rows))


def read_column_types(frames: "FileFrames", progress: ProgressChoice) -> ColumnTypes:
    """Read the bare columns of CSV files, to find their types."""
    # A user's function is called for the submission only.
    shown: ProgressChoice = "auto" if callable(progress) else progress
    with progress_bar(shown, total=None, description="reading types", delay_seconds=2.0) as bar:
        return column_types(frames.mapping, frames.files, advance=bar.advance)


def count_rows(frames: "FileFrames", options: RunOptions) -> int | None:
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
        for file in frames.files:
            count = row_count(file)
            bar.advance(count)
            total += count
        return total if frames.limit is None else min(total, frames.limit)
    return None


def refuse_invalid(frames: "FileFrames", mapping: EventMapping) -> None:
    """Raise `InvalidRowsError` if rows are invalid: before the first request."""
    stream = StreamCheck(mapping=mapping, earlier=EarlierFrames())
    problems: list[pd.DataFrame] = []
    invalid, offset = 0, 0
    for rows in frames:
        frame = stream.bound(rows, frames.refused(offset))
        frame.read()
        found = problems_frame(frame.checked(now=time.time()).findings, rows.index)
        problems.append(found.assign(row=found["row"] + offset))
        invalid += frame.invalid
        offset += len(rows)
    if invalid:
        raise InvalidRowsError(pd.concat(problems), invalid=invalid)


def read_files(
    paths: PathOrPaths, mapping: EventMapping, *, limit: int | None = None
) -> tuple[pd.DataFrame, ColumnTypes, tuple[Finding, ...]]:
    """Read files, whole or their first rows, to be checked as they would be submitted.

    Return the rows of all files in order (the index is the file of each), the type of each bare column, and what was
    found when the rows were read. Raise `SourceError` or `MappingError`.
    """
    require_mapping(mapping)
    with opened_files(paths, mapping.source) as files:
        require_fitting(files, mapping, progress="auto")
        read = FileFrames(files=files, mapping=mapping, chunksize=RunOptions().chunksize, limit=limit)
        types = read.types = read_column_types(read, "auto")
        require_unchanged(files)
        stream = StreamCheck(mapping=mapping, types=types.rules)
        frames, refused = [], []
        for frame in read:
            refused += [replace(finding, rows=finding.rows + read.start) for finding in read.refused(read.start)]
            stream.learn_types(frame)
            frames.append(frame)
    rows = pd.concat(frames, ignore_index=True)
    rows.index = pd.Index(read.source_files(np.arange(len(rows))))
    return rows, replace(types, rules=stream.types), tuple(refused)


def require_fitting(files: Sequence[SourceFile], mapping: EventMapping, *, progress: ProgressChoice) -> None:
    """Refuse the files of a run if one cannot be read or lacks a column of the mapping.

    Raise `SourceError` or `MappingError` with the faults of all files.
    """
    distinct = list(dict.fromkeys(files))
    faults: list[MappingError | SourceError] = []
    shown = step_progress(progress)
    with progress_bar(shown, total=len(distinct), description="looking at files", delay_seconds=2.0) as bar:
        for file in distinct:
            try:
                _require_columns(file, mapping, is_alone=len(distinct) == 1)
            except (MappingError, SourceError) as error:
                faults.append(error)
            bar.advance(1)
    if len(faults) > 1:
        raise _together(faults)
    if faults:
        raise faults[0]


def _require_columns(file: SourceFile, mapping: EventMapping, *, is_alone: bool) -> None:
    names = source_schema(file).names
    try:
        require_columns(pd.DataFrame([], columns=pd.Index(names, dtype=object)), mapping)
    except MappingError as error:
        raise error.in_file(None if is_alone else file, header_hint(file, mapping)) from None


def _together(faults: Sequence[MappingError | SourceError]) -> MappingError | SourceError:
    lines = [line for error in faults for line in (error.faults if isinstance(error, MappingError) else [str(error)])]
    if all(isinstance(error, MappingError) for error in faults):
        return MappingError(lines)
    return SourceError(f"{len(faults)} files cannot be submitted:", lines=lines)


def require_unchanged(files: Sequence[SourceFile]) -> None:
    """Raise `SourceError` if a file was replaced or written to since it was first read."""
    for file in files:
        if not is_in_place(file):
            raise SourceError(f"{file}: was changed while the run began: submit it when nothing writes to it")
