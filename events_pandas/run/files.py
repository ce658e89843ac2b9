"""A run over files: chunks in, results out with the file of each row, written as they come."""

import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pandas as pd

from events_pandas.errors import EventsPandasError, MappingError, SourceError, SubmissionError, SubmissionInterrupted
from events_pandas.mapping import EventMapping, require_mapping
from events_pandas.mapping.guesses import require_confirmed
from events_pandas.results.table_file import RESULTS, TableFile
from events_pandas.run.desk import Desk, UnansweredError
from events_pandas.run.file_frames import (
    FileFrames,
    count_rows,
    read_column_types,
    refuse_invalid,
    require_fitting,
    require_unchanged,
)
from events_pandas.run.options import RunOptions, is_number
from events_pandas.run.rejects import FileRejects
from events_pandas.run.run import Run, Take, stop_error
from events_pandas.sources import PathOrPaths, SourceFile, opened_files, with_types
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
    wait_seconds: float | None = None,
    warn: Callable[[str], object] = warnings.warn,
    take: Take | None = None,
    limit: int | None = None,
) -> pd.DataFrame:
    """Submit the rows of files, or the first ones, and return the results with the column ``source_file``.

    With `take` the results of each chunk are passed to it instead, and the last ones are returned. `warn` is called
    with a sentence if a row would be submitted otherwise from the file of rejects.
    """
    require_mapping(mapping)
    if not (wait_seconds is None or (is_number(wait_seconds) and wait_seconds >= 0)):
        raise ValueError(f"wait_seconds: expected a number of seconds, got {wait_seconds!r}: use 3600 or the like")
    # Before files of an earlier run are replaced.
    require_confirmed(mapping)
    run = _FileRun(
        paths=paths,
        mapping=mapping,
        options=options,
        results_path=results_path,
        rejects_path=rejects_path,
        wait_seconds=wait_seconds,
        warn=warn,
        pass_on=take,
        limit=limit,
    )
    return run.desk.run(run.fill, first=run.begin, undo=run.close)


@dataclass(slots=True, kw_only=True, repr=False)
class _FileRun:
    """A run over files. It adds the file to each row of results, and writes the row to the results and the rejects."""

    paths: PathOrPaths
    mapping: EventMapping
    options: RunOptions
    results_path: str | os.PathLike[str] | None
    rejects_path: str | os.PathLike[str] | None
    wait_seconds: float | None
    warn: Callable[[str], object]
    pass_on: Take | None
    limit: int | None
    desk: Desk = field(default_factory=Desk, init=False)
    # What is open: once the run has begun, its thread closes it, which no interrupt can strike.
    _opened: ExitStack = field(default_factory=ExitStack, init=False)
    _frames: FileFrames = field(init=False)
    _writer: TableFile | None = field(default=None, init=False)
    _rejects: FileRejects | None = field(default=None, init=False)
    _run: Run = field(init=False)
    _parts: list[pd.DataFrame] = field(default_factory=list, init=False)

    def begin(self) -> bool:
        """Read and open what the run needs, in the caller's thread. An error or an interrupt closes it."""
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return True

    def close(self) -> None:
        """Close what is open, if the run does not begin."""
        self._opened.close()

    def _open(self) -> None:
        options = self.options
        # The rows of rejects are read again at the end.
        opened = opened_files(self.paths, self.mapping.source, are_held=self.rejects_path is not None)
        files = self._opened.enter_context(opened)
        require_fitting(files, self.mapping, progress=options.progress)
        frames = FileFrames(files=files, mapping=self.mapping, chunksize=options.chunksize, limit=self.limit)
        self._frames = frames
        types = frames.types = read_column_types(frames, options.progress)
        typed = with_types(self.mapping, types.rules)
        require_unchanged(files)
        if options.on_invalid == "raise":
            refuse_invalid(frames, typed)
        if self.results_path is not None:
            self._writer = self._opened.enter_context(
                TableFile(self.results_path, RESULTS, sources=[file.path for file in files])
            )
        if self.rejects_path is not None:
            self._rejects = FileRejects(
                self.rejects_path,
                results_path=self.results_path,
                files=files,
                # A journal keeps the types for the run that submits the rejects.
                mapping=self.mapping if options.journal is None else typed,
                typed=typed,
                warn=self.warn,
            )
            self._opened.enter_context(self._rejects.writer)
        self._run = Run(
            mapping=self.mapping,
            options=options,
            source="files",
            origin=_named(files),
            results_path=None if self.results_path is None else path_text(self.results_path),
            total=count_rows(frames, options),
            files=tuple(map(_real_name, files)),
            wait_seconds=self.wait_seconds,
            warn=self.warn,
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
                fault = self._write(error.results)
                # If writing has ended the run, the error says so already.
                _note(error, None if isinstance(error.__cause__, SourceError) else fault)
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
    """Call a function that reads or writes files. Return its fault, or None."""
    try:
        step(*arguments)
    except SourceError as fault:
        return fault
    return None


def _note(error: BaseException, fault: SourceError | None) -> None:
    """Add the fault of a file to an error."""
    if fault is not None:
        error.add_note(str(fault))


def _real_name(file: SourceFile) -> str:
    """Return a name that two runs of one file agree on."""
    if "://" in file.name:
        # A signature in the query is another one every night.
        return file.name.partition("?")[0]
    # A name such as "-" is no file, and its rows are in a file of this run alone.
    return os.path.realpath(file.name if Path(file.name).exists() else file.path)


def _named(files: Sequence[SourceFile]) -> str:
    """Return the names of a few files, or the first names of many."""
    shown = ", ".join(path_text(file.name) for file in files[:FILES_NAMED])
    return shown if len(files) <= FILES_NAMED else f"{shown} and {len(files) - FILES_NAMED} more"
