"""A run over files: chunks in, results out with the file and line of each row, written as they come."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

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
from events_pandas.results.destination import Destination
from events_pandas.results.report import no_rows_warning
from events_pandas.results.results_summary import one_line
from events_pandas.run.desk import Desk
from events_pandas.run.file_check import check_frames
from events_pandas.run.file_frames import FileFrames, read_frames, require_unchanged
from events_pandas.run.file_names import real_name, words_for_files
from events_pandas.run.file_tables import FileTables
from events_pandas.run.fitting import fitting_files
from events_pandas.run.options import RunOptions, is_number, step_progress
from events_pandas.run.outputs import AnyPath, Outputs
from events_pandas.run.passing_on import Take
from events_pandas.run.requested_columns import joined
from events_pandas.run.run import Run
from events_pandas.sources import Places, SourceFile, read_first_row
from events_pandas.warned import warn_caller
from events_pandas.words import escaped, kind_of, path_text


def submit_files(
    paths: Places,
    mapping: EventMapping,
    *,
    options: RunOptions,
    results_path: AnyPath | None = None,
    rejects_path: AnyPath | None = None,
    wait_seconds: float | None = None,
    warn: Callable[[str], object] = warn_caller,
    take: Take | None = None,
    check_first: bool = False,
    skips_bad: bool = False,
) -> pd.DataFrame:
    """Submit the rows of files, and return the results with the column ``source_file``.

    `take` gets the results of each chunk (the last ones are returned), `warn` a sentence for each file that is left out
    because of `skips_bad`, and for what else is to be said.
    """
    require_mapping(mapping)
    if not (wait_seconds is None or (is_number(wait_seconds) and wait_seconds >= 0)):
        raise ValueError(f"wait_seconds: expected a number of seconds, got {wait_seconds!r}: use 3600 or the like")
    # Before files of an earlier run are replaced.
    require_confirmed(mapping)
    outputs = Outputs.of_run(options, results=results_path, rejects=rejects_path)
    run = FileRun(
        source=_opened_frames(paths, mapping, options=options, outputs=outputs, warn=warn, skips_bad=skips_bad),
        options=options,
        outputs=outputs,
        wait_seconds=wait_seconds,
        checks_first=check_first or options.on_invalid == "raise",
    )
    return run.submit(take=take, warn=warn)


@contextmanager
def _opened_frames(
    paths: Places,
    mapping: EventMapping,
    *,
    options: RunOptions,
    outputs: Outputs,
    warn: Callable[[str], object],
    skips_bad: bool,
) -> Iterator[FileFrames]:
    """Find and open the files of a run, and find the types of their columns."""
    outputs.require_apart(paths)
    # The rows of rejects are read again at the end.
    are_held = outputs.rejects is not None
    with fitting_files(
        paths,
        mapping,
        keys=options.keys,
        progress=options.progress,
        are_held=are_held,
        skips_bad=skips_bad,
        warn=warn,
    ) as fit:
        outputs.require_places([file.path for file in fit.files])
        for name, reason in fit.reasons.items():
            warn(f"{escaped(name)}: was left out: {reason}")
        yield read_frames(fit, mapping, options=options)


def _no_results() -> pd.DataFrame:
    return RowOutcomes(no_rows(), pd.RangeIndex(0)).frame()


@dataclass(slots=True, kw_only=True, repr=False)
class FileRun:
    """A run over files. It adds the file to each row of results, and writes the row to the results and the rejects.

    Parameters
    ----------
    source : context manager
        Entered when the run begins, and left when it ends.
    checks_first : bool
        Whether all rows are checked before the first event.
    destination : Destination, optional
        The workspace, if Intercom was asked for it just before.
    """

    source: AbstractContextManager[FileFrames]
    options: RunOptions
    outputs: Outputs = field(default_factory=Outputs)
    wait_seconds: float | None = None
    checks_first: bool = False
    destination: Destination | None = None
    _pass_on: Take | None = field(default=None, init=False)
    # The first row whose result was not taken.
    _next_row: int = field(default=0, init=False)
    _warn: Callable[[str], object] = field(default=warn_caller, init=False)
    _desk: Desk = field(default_factory=Desk, init=False)
    # What is open: once the run has begun, its thread closes it, which no interrupt can strike.
    _opened: ExitStack = field(default_factory=ExitStack, init=False)
    _frames: FileFrames = field(init=False)
    _tables: FileTables = field(init=False)
    _run: Run = field(init=False)
    _parts: list[pd.DataFrame] = field(default_factory=list, init=False)
    _n_results: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._tables = FileTables(outputs=self.outputs, desk=self._desk)

    def submit(self, *, take: Take | None = None, warn: Callable[[str], object] = warn_caller) -> pd.DataFrame:
        """Submit the rows, and return their results; only the last ones if `take` gets the results of each chunk.

        `warn` is called with a sentence for what is to be said.
        """
        self._pass_on, self._warn = take, warn
        results: pd.DataFrame | None = self._desk.run(self._fill, first=self._begin, undo=self._opened.close)
        # None if the run did not begin.
        return _no_results() if results is None else results

    @property
    def written(self) -> Outputs:
        """The tables that are in their places now; not those that could not be written, or that had no results."""
        return self._tables.written

    @property
    def has_begun(self) -> bool:
        """Whether events may have gone out."""
        return self._desk.has_begun

    def _begin(self) -> bool:
        """Read and open what the run needs, in the caller's thread. Return whether it may begin.

        An error, an interrupt or a refusal closes it.
        """
        has_begun = False
        try:
            frames = self._frames = self._opened.enter_context(self.source)
            require_unchanged(frames.files)
            if empty := [file.name for file in filter(_is_empty, frames.files)]:
                self._warn(no_rows_warning(empty))
            if self.checks_first:
                self._check()
            self._tables.open(frames, self.options, opened=self._opened, warn=self._warn)
            self._run = self._new_run(frames)
            has_begun = self._run.begin(frames)
        finally:
            if not has_begun:
                self._opened.close()
        return has_begun

    def _check(self) -> None:
        """Check all rows of all files. Raise `InvalidRowsError` if rows are invalid, and that is to stop the run."""
        report = check_frames(self._frames, destination=None, progress=step_progress(self.options.progress))
        if report.invalid and self.options.on_invalid == "raise":
            raise InvalidRowsError(report.problems, invalid=report.invalid)

    def _new_run(self, frames: FileFrames) -> Run:
        return Run(
            mapping=frames.mapping,
            options=self.options,
            source="files",
            origin=words_for_files(frames.files),
            results_path=None if self.outputs.results is None else path_text(self.outputs.results),
            total=frames.total,
            files=tuple(map(real_name, frames.files)),
            wait_seconds=self.wait_seconds,
            destination=self.destination,
            warn=self._warn,
            refused=frames.refused,
            cells=frames.cells,
            types=frames.types,
            desk=self._desk,
        )

    def _fill(self) -> pd.DataFrame:
        """Submit the rows, in the run's thread, and return their results.

        After an event has gone out, every error is a `SubmissionError`: others may mean that nothing was sent.
        """
        # Made now: at a fault such as a full memory it may not be made any more.
        nothing = _no_results()
        try:
            with self._opened:
                self._submit()
                self._require("results", self._tables.finish_results())
                self._require("rejects", self._tables.write_rejects())
                self._say()
            return self._concluded()
        except (SubmissionError, Warning):
            # A caller may turn warnings into errors.
            raise
        except Exception as error:
            if not self._run.has_sent:
                raise
            results = self._results() if self._parts else nothing
            raise stop_for_error(error).error(results) from error

    def _submit(self) -> None:
        try:
            self._run.submit(self._take)
        except (SubmissionError, SubmissionInterrupted) as error:
            if not self._run.has_sent:
                self._leave_files(error)
            # It comes first, and has the results, whatever else goes wrong.
            for step in (self._write_rest, self._keep_rest, self._note_cut_off, self._end):
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
            _note(ended, self._tables.finish_results())
            self._note_missing(ended)
            self._end(ended)
            raise ended from error

    def _leave_files(self, error: SubmissionError | SubmissionInterrupted) -> None:
        """Leave the files of an earlier run as they are: they say more than rows of which none was sent."""
        if names := self._tables.leave():
            error.add_note(f"not written, as nothing was sent: {' and '.join(names)} (files of an earlier run stay)")

    def _write_rest(self, error: SubmissionError | SubmissionInterrupted) -> None:
        """Write the results that a run that ended early has left."""
        # Whoever was to take some may have failed when they were written already.
        error.results = error.results[error.results["row"] >= self._next_row].copy()
        fault = self._write(error.results)
        # If writing has ended the run, the error says so already.
        if not isinstance(error.__cause__, SourceError):
            _note(error, fault or self._tables.finish_results())

    def _keep_rest(self, error: SubmissionError | SubmissionInterrupted) -> None:
        """Give the error the results of all rows."""
        if len(error.results) or not self._parts:
            self._keep(error.results)
        error.results = self._results()

    def _note_cut_off(self, error: SubmissionError | SubmissionInterrupted) -> None:
        if self._run.is_cut_off:
            self._note_missing(error)

    def _note_missing(self, error: SubmissionError | SubmissionInterrupted) -> None:
        """Let an error say how many rows have no result, or which if their number is not known."""
        total, given = self._frames.total, self._n_results
        rows = f"all from row {given:,} on"
        if total is not None and total > given:
            rows = f"{total - given:,} of {total:,}"
        error.add_note(f"rows without a result: {rows}, which could not be read any more and were not submitted")

    def _end(self, error: SubmissionError | SubmissionInterrupted) -> None:
        """Write the rejects of a run that ended early."""
        _note(error, self._tables.write_rejects())
        # A caller may turn warnings into errors: the one that ended the run comes first.
        with suppress(Warning):
            self._say()

    def _say(self) -> None:
        while self._tables.said:
            self._warn(self._tables.said.pop(0))

    def _take(self, results: pd.DataFrame) -> None:
        if fault := self._write(results):
            raise fault
        if len(results):
            self._next_row = int(results["row"].iloc[-1]) + 1
        self._keep(results)

    def _write(self, results: pd.DataFrame) -> SourceError | None:
        skipped = self._frames.skipped.items()
        results.attrs["run"]["skipped_files"] = [{"file": name, "reason": reason} for name, reason in skipped]
        rows = results["row"].to_numpy()
        results["source_file"], results["line"] = self._frames.source_files(rows), self._frames.lines(rows)
        return self._tables.write(results)

    def _keep(self, results: pd.DataFrame) -> None:
        self._n_results += len(results)
        self._tables.keep(results)
        if self._pass_on is not None:
            self._parts.clear()
        self._parts.append(results)
        if self._pass_on is not None:
            self._pass_on(results)

    def _results(self) -> pd.DataFrame:
        """Return all results, or the last ones if they were passed on."""
        results = joined(self._parts)
        # pandas keeps only facts that all parts share; the last part has those of the whole run.
        results.attrs = {"run": {**self._parts[-1].attrs["run"], "frame": {"first_row": 0, "rows": len(results)}}}
        return results

    def _concluded(self) -> pd.DataFrame:
        results = self._results()
        if self._pass_on is None:
            self._desk.conclude(self.options.progress, partial(one_line, results))
        return results

    def _require(self, missing: str, fault: SourceError | None) -> None:
        """Raise an error for a file that is missing. The events are sent by then, so that it has the results."""
        if fault is None:
            return
        if (stop := self._desk.stop) is not None:
            ended = stop.error(self._results())
            ended.add_note(str(fault))
            raise ended
        message = f"the run is complete, but its {missing} are missing: {fault}"
        raise SubmissionError(message, results=self._results()) from fault


def _note(error: BaseException, fault: SourceError | None) -> None:
    """Add the fault of a file to an error."""
    if fault is not None:
        error.add_note(str(fault))


def _is_empty(file: SourceFile) -> bool:
    # A fault is reported when all rows are read.
    with suppress(SourceError):
        return read_first_row(file).empty
    return False
