"""A run over files: chunks in, results out with the file of each row, written as they come."""

import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from events_pandas.check import EarlierFrames, StreamCheck
from events_pandas.convert import Finding, problems_frame
from events_pandas.deliver import ProgressChoice, progress_bar
from events_pandas.errors import (
    EventsPandasError,
    InvalidRowsError,
    MappingError,
    SourceError,
    SubmissionError,
    SubmissionInterrupted,
)
from events_pandas.mapping import EventMapping, require_mapping
from events_pandas.mapping.guesses import require_confirmed
from events_pandas.results.table_file import RESULTS, TableFile
from events_pandas.run.desk import Desk, UnansweredError
from events_pandas.run.file_frames import require_fitting, require_unchanged
from events_pandas.run.options import RunOptions, step_progress
from events_pandas.run.rejects import FileRejects
from events_pandas.run.run import Run, Take, stop_error
from events_pandas.sources import (
    ColumnTypes,
    FileChunk,
    KeptFile,
    PathOrPaths,
    column_types,
    kept_files,
    read_chunks,
    row_count,
    source_paths,
    with_types,
)
from events_pandas.words import escaped, path_text

FILES_NAMED: Final = 3
"""How many files of a run its history names at most."""


def submit_files(
    paths: PathOrPaths,
    mapping: EventMapping,
    *,
    options: RunOptions,
    results_path: str | os.PathLike[str] | None = None,
    rejects_path: str | os.PathLike[str] | None = None,
    warn: Callable[[str], object] = warnings.warn,
    take: Take | None = None,
) -> pd.DataFrame:
    """Submit the rows of files, and return the results with the column ``source_file``.

    With `take` the results of each chunk are passed to it instead, and the last ones are returned. `warn` is called
    with a sentence if a row would be submitted otherwise from the file of rejects.
    """
    require_mapping(mapping)
    # Before files of an earlier run are replaced.
    require_confirmed(mapping)
    run = _FileRun(
        files=source_paths(paths),
        mapping=mapping,
        options=options,
        results_path=results_path,
        rejects_path=rejects_path,
        warn=warn,
        pass_on=take,
    )
    return run.desk.run(run.fill, first=run.begin)


@dataclass(slots=True, kw_only=True, repr=False)
class _FileRun:
    """A run over files. It adds the file to each row of results, and writes the row to the results and the rejects."""

    files: Sequence[Path]
    mapping: EventMapping
    options: RunOptions
    results_path: str | os.PathLike[str] | None
    rejects_path: str | os.PathLike[str] | None
    warn: Callable[[str], object]
    pass_on: Take | None
    desk: Desk = field(default_factory=Desk, init=False)
    # What is open: once the run has begun, its thread closes it, which no interrupt can strike.
    _opened: ExitStack = field(default_factory=ExitStack, init=False)
    _frames: "_FileFrames" = field(init=False)
    _writer: TableFile | None = field(default=None, init=False)
    _rejects: FileRejects | None = field(default=None, init=False)
    _run: Run = field(init=False)
    _parts: list[pd.DataFrame] = field(default_factory=list, init=False)

    def begin(self) -> bool:
        """Read and open what the run needs, in the caller's thread. An error or an interrupt closes it."""
        try:
            self._open()
        except BaseException:
            self._opened.close()
            raise
        return True

    def _open(self) -> None:
        files, options = self.files, self.options
        kept = self._opened.enter_context(kept_files(files, are_held=self.rejects_path is not None))
        require_fitting(files, self.mapping, kept=kept, progress=options.progress)
        frames = _FileFrames(files=files, mapping=self.mapping, chunksize=options.chunksize, kept=kept)
        self._frames = frames
        types = frames.types = _column_types(frames, options.progress)
        typed = with_types(self.mapping, types.rules)
        require_unchanged(kept)
        if options.on_invalid == "raise":
            _refuse_invalid(frames, typed)
        if self.results_path is not None:
            self._writer = self._opened.enter_context(TableFile(self.results_path, RESULTS, sources=files))
        if self.rejects_path is not None:
            self._rejects = FileRejects(
                self.rejects_path,
                results_path=self.results_path,
                files=files,
                # A journal keeps the types for the run that submits the rejects.
                mapping=self.mapping if options.journal is None else typed,
                typed=typed,
                warn=self.warn,
                kept=kept,
            )
            self._opened.enter_context(self._rejects.writer)
        self._run = Run(
            mapping=self.mapping,
            options=options,
            source="files",
            origin=_named(files),
            results_path=None if self.results_path is None else path_text(self.results_path),
            total=_count_rows(frames, options),
            refused=frames.refused,
            types=types,
            desk=self.desk,
        )
        self._run.begin(frames)

    def fill(self) -> pd.DataFrame:
        """Submit the rows, in the run's thread, and return their results."""
        with self._opened:
            try:
                self._run.submit(self._take)
            except (SubmissionError, SubmissionInterrupted) as error:
                # The error that ended the run comes first; it has the results even if they cannot be written.
                _note(error, self._write(error.results))
                self._keep(error.results)
                error.results = self._results()
                _note(error, self._write_rejects())
                raise
            except EventsPandasError as error:
                if not self._parts:
                    raise
                why = f"{self._frames.latest}: {'; '.join(error.faults)}" if isinstance(error, MappingError) else error
                message = f"the run ended early, after earlier rows were submitted: {why}"
                ended = SubmissionError(message, results=self._results())
                _note(ended, self._write_rejects())
                raise ended from error
            self._require("results", self._finish_results())
            self._require("rejects", self._write_rejects())
        return self._results()

    def _take(self, results: pd.DataFrame) -> None:
        if fault := self._write(results):
            raise fault
        self._keep(results)

    def _write(self, results: pd.DataFrame) -> SourceError | None:
        results["source_file"] = self._frames.source_files(results["row"].to_numpy())
        return None if self._writer is None else _fault_of(self._writer.write, results)

    def _keep(self, results: pd.DataFrame) -> None:
        if self._rejects is not None:
            self._rejects.keep(results)
        if self.pass_on is not None:
            self._parts.clear()
            self.pass_on(results)
        self._parts.append(results)

    def _results(self) -> pd.DataFrame:
        """Return all results, or the last ones if they were passed on."""
        # Joining even one frame would turn an index of objects into one of strings.
        filled = [part for part in self._parts if len(part)] or self._parts[:1]
        joined = filled[0] if len(filled) == 1 else pd.concat(filled)
        # pandas keeps only facts that all parts share; the last part has those of the whole run.
        joined.attrs = {"run": {**self._parts[-1].attrs["run"], "frame": {"first_row": 0, "rows": len(joined)}}}
        return joined

    def _require(self, missing: str, fault: SourceError | None) -> None:
        """Raise an error for a file that is missing. The events are sent by then, so that it has the results."""
        if fault is None:
            return
        if (stop := self.desk.stop) is not None:
            ended = stop_error(stop, self._results())
            ended.add_note(str(fault))
            raise ended from stop.cause
        message = f"the run is complete, but its {missing} are missing: {fault}"
        raise SubmissionError(message, results=self._results()) from fault

    def _finish_results(self) -> SourceError | None:
        return None if self._writer is None else _fault_of(self._writer.finish)

    def _write_rejects(self) -> SourceError | None:
        """Write the rejects, which reads their rows again. Return why they are missing, or None."""
        if self._rejects is None:
            return None
        desk, interrupts = self.desk, self.desk.interrupts

        def look() -> None:
            if desk.interrupts > interrupts:
                raise UnansweredError

        try:
            return _fault_of(self._rejects.write, look)
        except UnansweredError:
            path = escaped(self._rejects.writer.path)
            return SourceError(f"{path}: the rejects are missing, since writing them was interrupted")


def _fault_of(step: Callable[..., object], *arguments: object) -> SourceError | None:
    """Take a step that reads or writes files. Return its fault, or None."""
    try:
        step(*arguments)
    except SourceError as fault:
        return fault
    return None


def _note(error: BaseException, fault: SourceError | None) -> None:
    """Add the fault of a file to an error."""
    if fault is not None:
        error.add_note(str(fault))


def _column_types(frames: "_FileFrames", progress: ProgressChoice) -> ColumnTypes:
    """Read the bare columns of CSV files, to find their types."""
    # A user's function is called for the submission only.
    shown: ProgressChoice = "auto" if callable(progress) else progress
    with progress_bar(shown, total=None, description="reading types", delay_seconds=2.0) as bar:
        return column_types(frames.mapping, frames.files, kept=frames.kept, advance=bar.advance)


def read_files(paths: PathOrPaths, mapping: EventMapping) -> tuple[pd.DataFrame, ColumnTypes, tuple[Finding, ...]]:
    """Read files whole, to be checked as they would be submitted.

    Return the rows of all files in order (the index is the file of each), the type of each bare column, and what was
    found when the rows were read. Raise `SourceError` or `MappingError`.
    """
    files = source_paths(paths)
    with kept_files(files, are_held=False) as kept:
        require_fitting(files, mapping, kept=kept, progress="auto")
        read = _FileFrames(files=files, mapping=mapping, chunksize=RunOptions().chunksize, kept=kept)
        types = read.types = _column_types(read, "auto")
        require_unchanged(kept)
        stream = StreamCheck(mapping=mapping, types=types.rules)
        frames, refused = [], []
        for frame in read:
            refused += [replace(finding, rows=finding.rows + read.start) for finding in read.refused(read.start)]
            stream.learn_types(frame)
            frames.append(frame)
    rows = pd.concat(frames, ignore_index=True)
    rows.index = pd.Index(read.source_files(np.arange(len(rows))))
    return rows, replace(types, rules=stream.types), tuple(refused)


@dataclass(slots=True, kw_only=True)
class _FileFrames:
    """The rows of files as a stream of frames that can be read again; knows the file of each row."""

    files: Sequence[Path]
    mapping: EventMapping
    chunksize: int
    kept: Mapping[Path, KeptFile]
    types: ColumnTypes = field(default_factory=ColumnTypes, init=False)
    start: int = field(default=0, init=False)
    _refused: tuple[Finding, ...] = field(default=(), init=False)
    _chunks: list[tuple[int, Path]] = field(default_factory=list, init=False)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        end = 0
        for position, chunk in enumerate(chain.from_iterable(map(self._read, self.files))):
            self.start, self._refused = end, chunk.refused
            end += len(chunk.frame)
            if position == len(self._chunks):
                self._chunks.append((end, chunk.path))
            yield chunk.frame

    def _read(self, file: Path) -> Iterator[FileChunk]:
        kept = self.kept.get(file)
        return read_chunks(file, self.mapping, chunksize=self.chunksize, kept=kept, computed=self.types.computed)

    def refused(self, start: int) -> tuple[Finding, ...]:
        """Return what was found in the frame that was read last, if it starts at that row."""
        return self._refused if start == self.start else ()

    @property
    def latest(self) -> Path:
        """The file that was read last."""
        _, path = self._chunks[-1]
        return path

    def source_files(self, rows: "np.typing.NDArray[np.int64]") -> "pd.api.extensions.ExtensionArray":
        """Return the file of each row; rows are counted over all files."""
        ends, paths = zip(*self._chunks, strict=True) if self._chunks else ((), ())
        return pd.array(
            [path_text(paths[chunk]) for chunk in np.searchsorted(ends, rows, side="right")], dtype="string[pyarrow]"
        )


def _named(files: Sequence[Path]) -> str:
    """Return the names of a few files, or the first names of many."""
    shown = ", ".join(map(path_text, files[:FILES_NAMED]))
    return shown if len(files) <= FILES_NAMED else f"{shown} and {len(files) - FILES_NAMED} more"


def _count_rows(frames: "_FileFrames", options: RunOptions) -> int | None:
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
            count = row_count(file, kept=frames.kept.get(file))
            bar.advance(count)
            total += count
        return total
    return None


def _refuse_invalid(frames: "_FileFrames", mapping: EventMapping) -> None:
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
