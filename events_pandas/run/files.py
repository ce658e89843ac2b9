"""A run over files: chunks in, results out with the file and line of each row, written as they come."""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pandas as pd

from events_pandas.check import no_rows
from events_pandas.deliver import stop_for_error
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
from events_pandas.results import RowOutcomes
from events_pandas.results.table_file import RESULTS, TableFile
from events_pandas.run.desk import Desk, UnansweredError
from events_pandas.run.file_check import check_frames
from events_pandas.run.file_frames import FileFrames, count_rows, read_column_types, require_unchanged
from events_pandas.run.fitting import fitting_files
from events_pandas.run.options import RunOptions, is_number, step_progress
from events_pandas.run.outputs import Outputs
from events_pandas.run.rejects import FileRejects
from events_pandas.run.run import Run, Take, stop_error
from events_pandas.sources import BadFile, Places, SourceFile, kept_types, read_first_row, with_types
from events_pandas.warned import warn_caller
from events_pandas.words import escaped, kind_of, path_text

FILES_NAMED: Final = 3
"""How many files a message or the history of a run names at most."""


def submit_files(
    paths: Places,
    mapping: EventMapping,
    *,
    options: RunOptions,
    results_path: str | os.PathLike[str] | None = None,
    rejects_path: str | os.PathLike[str] | None = None,
    wait_seconds: float | None = None,
    warn: Callable[[str], object] = warn_caller,
    take: Take | None = None,
    check_first: bool = False,
    skips_bad: bool = False,
    limit: int | None = None,
) -> pd.DataFrame:
    """Submit the rows of files, or the first ones, and return the results with the column ``source_file``.

    `take` gets the results of each chunk (the last ones are returned), `warn` a sentence for each file that is left out
    because of `skips_bad`, and for what else is to be said.
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
        check_first=check_first,
        skips_bad=skips_bad,
        limit=limit,
    )
    results: pd.DataFrame | None = run.desk.run(run.fill, first=run.begin, undo=run.close)
    # None if the run did not begin.
    return _no_results() if results is None else results


def _no_results() -> pd.DataFrame:
    return RowOutcomes(no_rows(), pd.RangeIndex(0)).frame()


@dataclass(slots=True, kw_only=True, repr=False)
class _FileRun:
    """A run over files. It adds the file to each row of results, and writes the row to the results and the rejects."""

    paths: Places
    mapping: EventMapping
    options: RunOptions
    results_path: str | os.PathLike[str] | None
    rejects_path: str | os.PathLike[str] | None
    wait_seconds: float | None
    warn: Callable[[str], object]
    pass_on: Take | None
    check_first: bool
    skips_bad: bool
    limit: int | None
    desk: Desk = field(default_factory=Desk, init=False)
    # What is open: once the run has begun, its thread closes it, which no interrupt can strike.
    _opened: ExitStack = field(default_factory=ExitStack, init=False)
    _frames: FileFrames = field(init=False)
    _writer: TableFile | None = field(default=None, init=False)
    _rejects: FileRejects | None = field(default=None, init=False)
    _run: Run = field(init=False)
    _parts: list[pd.DataFrame] = field(default_factory=list, init=False)
    _said: list[str] = field(default_factory=list, init=False)
    _skipped: list[dict[str, str]] = field(default_factory=list, init=False)

    def begin(self) -> bool:
        """Read and open what the run needs, in the caller's thread. Return whether it may begin.

        An error, an interrupt or a refusal closes it.
        """
        has_begun = False
        try:
            has_begun = self._open()
        finally:
            if not has_begun:
                self.close()
        return has_begun

    def close(self) -> None:
        """Close what is open, if the run does not begin."""
        self._opened.close()

    def _open(self) -> bool:
        options = self.options
        outputs = Outputs.of_run(options, results=self.results_path, rejects=self.rejects_path)
        outputs.require_apart(self.paths)
        # The rows of rejects are read again at the end.
        fitting = fitting_files(
            self.paths,
            self.mapping,
            progress=options.progress,
            are_held=self.rejects_path is not None,
            skips_bad=self.skips_bad,
        )
        fit = self._opened.enter_context(fitting)
        files = fit.files
        outputs.require_places([file.path for file in files])
        self._note_skipped(fit.skipped)
        if empty := list(filter(_is_empty, dict.fromkeys(files))):
            self.warn(f"{escaped(_named(empty))}: {'has' if len(empty) == 1 else 'have'} no rows")
        frames = FileFrames(files=files, mapping=self.mapping, chunksize=options.chunksize, limit=self.limit)
        self._frames = frames
        types = frames.types = read_column_types(frames, options.progress)
        typed = with_types(self.mapping, types.rules)
        kept = kept_types(self.mapping, types.rules)
        require_unchanged(files)
        total = count_rows(frames, options)
        if self.check_first or options.on_invalid == "raise":
            self._check(total)
        if self.results_path is not None:
            sources = [file.path for file in files]
            results = TableFile(self.results_path, RESULTS, sources=sources, warn=self.warn)
            self._writer = self._opened.enter_context(results)
        if self.rejects_path is not None:
            self._rejects = FileRejects(
                self.rejects_path,
                files=files,
                # A journal keeps the types for the run that submits the rejects.
                mapping=self.mapping if options.journal is None else with_types(self.mapping, kept),
                typed=typed,
                warn=self._said.append,
            )
            self._opened.enter_context(self._rejects.writer)
        self._run = Run(
            mapping=self.mapping,
            options=options,
            source="files",
            origin=_named(files),
            results_path=None if self.results_path is None else path_text(self.results_path),
            total=total,
            files=tuple(map(_real_name, files)),
            wait_seconds=self.wait_seconds,
            warn=self.warn,
            refused=frames.refused,
            types=types,
            desk=self.desk,
        )
        return self._run.begin(frames)

    def _check(self, total: int | None) -> None:
        """Check all rows of all files. Raise `InvalidRowsError` if rows are invalid, and that is to stop the run."""
        report = check_frames(
            self._frames, destination=None, progress=step_progress(self.options.progress), total=total
        )
        if report.invalid and self.options.on_invalid == "raise":
            raise InvalidRowsError(report.problems, invalid=report.invalid)

    def _note_skipped(self, skipped: Sequence[BadFile]) -> None:
        self._skipped = [{"file": path_text(file.name), "reason": file.reason} for file in skipped]
        for file in self._skipped:
            self.warn(f"{escaped(file['file'])}: was left out: {file['reason']}")

    def fill(self) -> pd.DataFrame:
        """Submit the rows, in the run's thread, and return their results.

        After an event has gone out, every error is a `SubmissionError`: others may mean that nothing was sent.
        """
        # Made now: at a fault such as a full memory it may not be made any more.
        nothing = _no_results()
        try:
            with self._opened:
                self._submit()
                self._require("results", self._finish_results())
                self._require("rejects", self._write_rejects())
                self._say()
            return self._results()
        except (SubmissionError, Warning):
            # A caller may turn warnings into errors.
            raise
        except Exception as error:
            if not self._run.has_sent:
                raise
            results = self._results() if self._parts else nothing
            raise stop_error(stop_for_error(error), results) from error

    def _submit(self) -> None:
        try:
            self._run.submit(self._take)
        except (SubmissionError, SubmissionInterrupted) as error:
            # It comes first, and has the results, whatever else goes wrong.
            for step in (self._write_rest, self._keep_rest, self._end):
                try:
                    step(error)
                except Exception as fault:  # noqa: BLE001  # See above.
                    error.add_note(f"and writing its results failed: {kind_of(fault)}")
            raise
        except EventsPandasError as error:
            if not self._parts:
                raise
            why = f"{self._frames.latest}: {'; '.join(error.faults)}" if isinstance(error, MappingError) else error
            message = f"the run ended early, after earlier rows were submitted: {why}"
            ended = SubmissionError(message, results=self._results())
            self._end(ended)
            raise ended from error

    def _write_rest(self, error: SubmissionError | SubmissionInterrupted) -> None:
        """Write the results that a run that ended early has left."""
        fault = self._write(error.results)
        # If writing has ended the run, the error says so already.
        _note(error, None if isinstance(error.__cause__, SourceError) else fault)

    def _keep_rest(self, error: SubmissionError | SubmissionInterrupted) -> None:
        """Give the error the results of all rows."""
        self._keep(error.results)
        error.results = self._results()

    def _end(self, error: SubmissionError | SubmissionInterrupted) -> None:
        """Write the rejects of a run that ended early."""
        _note(error, self._write_rejects())
        # A caller may turn warnings into errors: the one that ended the run comes first.
        with suppress(Warning):
            self._say()

    def _say(self) -> None:
        while self._said:
            self.warn(self._said.pop(0))

    def _take(self, results: pd.DataFrame) -> None:
        if fault := self._write(results):
            raise fault
        self._keep(results)

    def _write(self, results: pd.DataFrame) -> SourceError | None:
        results.attrs["run"]["skipped_files"] = self._skipped
        rows = results["row"].to_numpy()
        results["source_file"], results["line"] = self._frames.source_files(rows), self._frames.lines(rows)
        return None if self._writer is None else _fault_of(self._writer.write, results)

    def _keep(self, results: pd.DataFrame) -> None:
        if self._rejects is not None:
            self._rejects.keep(results)
        if self.pass_on is not None:
            self._parts.clear()
        self._parts.append(results)
        if self.pass_on is not None:
            self.pass_on(results)

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


def _is_empty(file: SourceFile) -> bool:
    # A fault is reported when all rows are read.
    with suppress(SourceError):
        return read_first_row(file).empty
    return False


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
