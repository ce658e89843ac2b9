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
from events_pandas.errors import InvalidRowsError, SourceError
from events_pandas.mapping import EventMapping, require_mapping
from events_pandas.run.fitting import fitting_files
from events_pandas.run.options import RunOptions, step_progress
from events_pandas.sources import (
    ColumnTypes,
    FileChunk,
    Places,
    SourceFile,
    column_types,
    is_in_place,
    read_chunks,
    row_count,
)
from events_pandas.words import path_text


@dataclass(slots=True, kw_only=True)
class FileFrames:
    """The rows of files as a stream of frames that can be read again; knows the file of each row."""

    files: Sequence[SourceFile]
    mapping: EventMapping
    chunksize: int
    types: ColumnTypes = field(default_factory=ColumnTypes, init=False)
    start: int = field(default=0, init=False)
    _refused: tuple[Finding, ...] = field(default=(), init=False)
    _chunks: list[tuple[int, SourceFile]] = field(default_factory=list, init=False)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        end = 0
        for position, chunk in enumerate(chain.from_iterable(map(self._read, self.files))):
            self.start, self._refused = end, chunk.refused
            end += len(chunk.frame)
            if position == len(self._chunks):
                self._chunks.append((end, chunk.file))
            yield chunk.frame

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


def read_column_types(frames: "FileFrames", progress: ProgressChoice) -> ColumnTypes:
    """Read the bare columns of CSV files, to find their types."""
    # A user's function is called for the submission only.
    shown: ProgressChoice = "auto" if callable(progress) else progress
    with progress_bar(shown, total=None, description="reading types", delay_seconds=2.0) as bar:
        return column_types(frames.mapping, frames.files, advance=bar.advance)


def count_rows(frames: "FileFrames", options: RunOptions) -> int | None:
    """Count the rows of all files for a progress bar; None without one, or if a file cannot be read."""
    if options.progress is False:
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
        return total
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


def read_files(paths: Places, mapping: EventMapping) -> tuple[pd.DataFrame, ColumnTypes, tuple[Finding, ...]]:
    """Read files whole, to be checked as they would be submitted.

    Return the rows of all files in order (the index is the file of each), the type of each bare column, and what was
    found when the rows were read. Raise `SourceError` or `MappingError`.
    """
    require_mapping(mapping)
    with fitting_files(paths, mapping, progress="auto") as fitting:
        files = fitting.files
        read = FileFrames(files=files, mapping=mapping, chunksize=RunOptions().chunksize)
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


def require_unchanged(files: Sequence[SourceFile]) -> None:
    """Raise `SourceError` if a file was replaced or written to since it was first read."""
    for file in files:
        if not is_in_place(file):
            raise SourceError(f"{file}: was changed while the run began: submit it when nothing writes to it")
