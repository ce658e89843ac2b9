"""A run: frames in, checked and sent chunk by chunk, a results frame out for each."""

import datetime as dt
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import chain, islice
from typing import Any, Literal, TypeAlias

import pandas as pd

from events_pandas.convert import (
    CODES,
    Cause,
    CheckedRows,
    Converter,
    EarlierFrames,
    causes,
    check_rows,
    chunk_bounds,
    no_rows,
    problems_frame,
)
from events_pandas.deliver import (
    Event,
    IntercomClient,
    Outcome,
    Progress,
    ProgressBar,
    ProgressChoice,
    Run,
    Stop,
    progress_bar,
    stop_for_error,
    stop_for_interrupt,
)
from events_pandas.errors import (
    AuthenticationError,
    EventsPandasError,
    InvalidRowsError,
    MappingError,
    OutageError,
    SubmissionError,
    SubmissionInterrupted,
)
from events_pandas.mapping import EventMapping, Rule, bind
from events_pandas.mapping.event_mapping import PLACEHOLDER_NAME, is_unnamed
from events_pandas.options import RunOptions
from events_pandas.results import Ledger, RunStatuses
from events_pandas.results.open_frame import OpenFrame

STOP_ERRORS: dict[str, type[SubmissionError | SubmissionInterrupted]] = {
    "authentication": AuthenticationError,
    "outage": OutageError,
    "interrupted": SubmissionInterrupted,
    "canary": SubmissionError,
    "failure_rate": SubmissionError,
    "error": SubmissionError,
}

Source: TypeAlias = Literal["frame", "files", "stream"]


@dataclass(kw_only=True, slots=True)
class Submission:
    """The state of one run over any number of frames.

    Parameters
    ----------
    mapping : EventMapping
        The mapping of every frame.
    options : RunOptions
        How the run is made.
    """

    mapping: EventMapping
    options: RunOptions
    _earlier: EarlierFrames | None = field(default=None, init=False)
    _statuses: RunStatuses = field(default_factory=RunStatuses, init=False)
    _resolved: dict[str, Rule] = field(default_factory=dict, init=False)
    _open_frames: deque[OpenFrame] = field(default_factory=deque, init=False)
    _notes: dict[tuple[str, str], Cause] = field(default_factory=dict, init=False)
    _closed: tuple[int, int] = field(default=(0, 0), init=False)
    _is_opening: bool = field(default=False, init=False)
    _bar: ProgressBar = field(init=False, repr=False, compare=False)
    _started_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC), init=False)
    _error: Exception | None = field(default=None, init=False)

    def results(
        self, frames: Iterable[pd.DataFrame], *, source: Source, total: int | None = None
    ) -> Generator[pd.DataFrame, None, None]:
        """Submit frames.

        Parameters
        ----------
        frames : iterable of pandas.DataFrame
            The rows.
        source : {"frame", "files", "stream"}
            What they come from: one frame; files, which can be read again, so that all their rows get a result after an
            early end too; or a stream, which may have no end.
        total : int, optional
            The number of rows of files, if it is known.

        Yields
        ------
        pandas.DataFrame
            The results of each frame, in order.

        Raises
        ------
        SubmissionError, SubmissionInterrupted
            If the run ends early: with the results that have not been yielded.
        """
        if is_unnamed(self.mapping):
            fault = f"event_name: {PLACEHOLDER_NAME!r} is the placeholder of a proposal: say what happened"
            raise MappingError([f"{fault}, such as 'placed-order'"])
        # Later frames can repeat the events of earlier ones; one frame alone has none to be held against.
        self._earlier = None if source == "frame" else EarlierFrames()
        remaining = iter(frames)
        rows = next(remaining, None)
        if rows is None:
            return
        # Checked before the client is asked for anything: on_invalid="raise" stops before the first request.
        first = self._open(rows)
        total = len(first.checked.valid) if source == "frame" else total
        with self.options.opened_client() as client, ExitStack() as display:
            run = self._run(client)
            if self._is_shown(run, display, total):
                yield from self._guarded(run, self._begun(run, chain([first], map(self._open, remaining))), display)
        if run.stop is not None:
            stop = _told(run.stop, requests=run.requests)
            results = self._close_all(stop, unread=frames if source == "files" else ())
            results.attrs["run"] = self._facts(run, results)
            raise stop_error(stop, results) from self._error

    def _run(self, client: IntercomClient) -> Run:
        """Make the run, which keeps the ledgers and the display up to date."""

        def enter(outcome: Outcome) -> None:
            self._enter(outcome)
            self._tell(run, self._bar.update, outcome)

        options = self.options
        run = Run(
            client,
            retry=options.retry,
            concurrency=options.concurrency,
            rate_share=options.rate_share,
            patience_seconds=options.patience_seconds,
            max_failure_rate=options.max_failure_rate,
            on_outcome=enter,
            on_tick=lambda: self._tell(run, self._bar.tick),
        )
        return run

    def _is_shown(self, run: Run, display: ExitStack, total: int | None) -> bool:
        """Begin to show the run, unless that is interrupted."""
        progress = self.options.progress
        shown = _until_interrupted(progress) if callable(progress) else progress
        try:
            self._bar = display.enter_context(progress_bar(shown, total=total, description="submitting"))
            self._bar.watch(run.standing)
        except KeyboardInterrupt:
            run.stop = stop_for_interrupt()
        return run.stop is None

    def _tell(self, run: Run, display: Callable[..., object], *facts: object) -> None:
        """Tell the display what is new; an error of its own ends the run, so that the results are not lost."""
        try:
            display(*facts)
        except Exception as error:  # noqa: BLE001  # A user's function may raise anything.
            self._end_by(error, run)

    def _end_by(self, error: Exception, run: Run) -> None:
        """End the run by an error, unless something else has ended it before."""
        self._error = self._error or error
        run.stop = run.stop or stop_for_error(error)

    def _begun(self, run: Run, opened: Iterable[OpenFrame]) -> Iterator[OpenFrame]:
        """Yield frames, and count the rows that need no request."""
        for frame in opened:
            self._tell(run, self._bar.advance, int((~frame.checked.is_sent).sum()))
            yield frame

    def _guarded(
        self, run: Run, opened: Iterator[OpenFrame], display: ExitStack
    ) -> Generator[pd.DataFrame, None, None]:
        """Deliver, and let whatever goes wrong end the run: its results are told all the same."""
        try:
            with closing(self._deliver(run, opened)) as completed:
                yield from completed
        except KeyboardInterrupt:
            run.stop = run.stop or stop_for_interrupt()
        except Exception as error:
            # Where no row is without a result, the error takes nothing along.
            if not self._open_frames:
                raise
            self._end_by(error, run)
        # The end is shown too, which may go wrong like any other step.
        try:
            self._tell(run, display.close)
        except KeyboardInterrupt:
            run.stop = run.stop or stop_for_interrupt()

    def _deliver(self, run: Run, opened: Iterator[OpenFrame]) -> Generator[pd.DataFrame, None, None]:
        """Yield the results of each frame that is complete; after a stop the others stay open."""
        with run:
            if self.options.preflight:
                run.preflight()
            if self.options.canary:
                opened = yield from self._try_out(run, opened)
            with closing(run.deliver(self._chunks(run, opened))) as delivered:
                for outcomes in delivered:
                    if run.stop is None:
                        yield from self._count_chunk(run)
                    else:
                        self._enter_again(outcomes)

    def _try_out(self, run: Run, opened: Iterator[OpenFrame]) -> Generator[pd.DataFrame, None, Iterator[OpenFrame]]:
        """Submit a few rows of the first frame that has any to send; return the frames from there on."""
        for frame in opened:
            if frame.checked.is_sent.any():
                if run.stop is None:
                    self._enter_again(run.try_out(frame.canary(self.options.canary)))
                return chain([frame], opened)
            yield from self._completed(run, frame)
        return opened

    def _count_chunk(self, run: Run) -> Iterator[pd.DataFrame]:
        """Count a chunk that is done, and yield the results of its frame if it was the last."""
        frame = self._open_frames[0]
        frame.chunks_done += 1
        if frame.chunks_done == len(frame.chunks):
            yield from self._completed(run, frame)

    def _completed(self, run: Run, frame: OpenFrame) -> Iterator[pd.DataFrame]:
        results = self._close(frame, None)
        results.attrs["run"] = self._facts(run, results)
        closed = frame.number + 1, frame.end
        yield results
        # Not before the caller asks for more: what an interrupt finds here is in the exception.
        self._closed = closed
        self._open_frames.popleft()

    def _chunks(self, run: Run, opened: Iterator[OpenFrame]) -> Iterator[list[Event]]:
        """Yield the events of every chunk of every frame, until the run stops."""
        chunks = ((frame, start, stop) for frame in opened for start, stop in frame.chunks)
        while run.stop is None and (chunk := next(chunks, None)) is not None:
            frame, start, stop = chunk
            yield frame.events(start, stop)

    @property
    def _read(self) -> tuple[int, int]:
        """How many frames have been opened, and how many rows they have."""
        if not self._open_frames:
            return self._closed
        latest = self._open_frames[-1]
        return latest.number + 1, latest.end

    def _open(self, rows: pd.DataFrame) -> OpenFrame:
        """Check a frame's rows and open its ledger."""
        self._is_opening = True
        bound = bind(rows, self.mapping, resolved=self._resolved)
        self._resolved.update(bound.resolved)
        converter = Converter(bound)
        # Also where progress is asked for, checks that take no time leave no line behind: a stream has many. A user's
        # function is told of the submission only.
        progress: ProgressChoice = "auto" if self.options.progress in ("auto", True) else False
        with progress_bar(progress, total=len(rows), description="checking", delay_seconds=2.0) as bar:
            checked = check_rows(
                converter,
                len(rows),
                now=time.time(),
                earlier=self._earlier,
                advance=bar.advance,
            )
        invalid = int((~checked.valid).sum())
        if invalid and self.options.on_invalid == "raise":
            raise InvalidRowsError(problems_frame(checked.findings, rows.index), invalid=invalid)
        frame = OpenFrame(
            number=self._read[0],
            converter=converter,
            checked=checked,
            ledger=Ledger(checked, rows.index),
            # A frame without rows is one chunk without events, so that it has its turn.
            chunks=list(chunk_bounds(len(rows), self.options.chunksize)) or [(0, 0)],
        )
        self._open_frames.append(frame)
        self._is_opening = False
        self._note(checked)
        return frame

    def _note(self, checked: CheckedRows) -> None:
        """Add a frame's notes to those of the run."""
        for cause in causes(checked.findings):
            # What makes a row invalid or a duplicate, its status and message say.
            if cause.severity == "error" or cause.code in {"duplicate", "duplicate_with_other_metadata"}:
                continue
            place = cause.code, cause.field
            known = self._notes.get(place)
            if known is None:
                self._notes[place] = replace(cause, first_row=cause.first_row + checked.offset)
            elif not (CODES[cause.code].is_told_once or CODES[cause.code].is_told_by_value):
                self._notes[place] = replace(known, rows=known.rows + cause.rows)

    def _enter(self, outcome: Outcome) -> None:
        # No generator expression: an interrupt that comes as one ends is swallowed.
        for frame in self._open_frames:
            if outcome.row < frame.end:
                frame.ledger.record(outcome)
                return

    def _enter_again(self, outcomes: Iterable[Outcome]) -> None:
        """Enter what an interrupt may have kept from being entered; a second entry does no harm."""
        for outcome in outcomes:
            self._enter(outcome)

    def _close(self, frame: OpenFrame, stop: Stop | None) -> pd.DataFrame:
        reason = None if stop is None else (stop.error_code, stop.message)
        frame.ledger.close(self._statuses, reason=reason)
        return frame.ledger.frame()

    def _close_all(self, stop: Stop, *, unread: Iterable[pd.DataFrame]) -> pd.DataFrame:
        """Return the results of all rows that have none yet, those of `unread` beyond the frames opened included."""
        # Read from the start: an interrupt may have come while a frame was read, which would be missing. What cannot be
        # read, or not be waited for, must not hide why the run ended.
        with suppress(EventsPandasError, KeyboardInterrupt):
            n_frames, n_rows = self._read
            if self._is_opening and self._earlier is not None:
                # What was being checked then may be half remembered, and is read again.
                self._earlier = EarlierFrames(n_rows=n_rows)
            for rows in islice(unread, n_frames, None):
                self._open(rows)
        parts = [self._close(frame, stop) for frame in self._open_frames]
        if not parts:
            return unsent_results(no_rows(), pd.RangeIndex(0), stop)
        # Joining even one frame would turn an index of objects into one of strings.
        return parts[0] if len(parts) == 1 else pd.concat(parts)

    def _facts(self, run: Run, results: pd.DataFrame) -> dict[str, Any]:
        """Return what there is to know of a run, in types that every file format of pandas can keep."""
        workspace = run.workspace
        return {
            "workspace": None if workspace is None else {"id_code": workspace.id_code, "name": workspace.name},
            "region": None if workspace is None else workspace.region,
            "started_at": self._started_at.isoformat(timespec="seconds"),
            "ended_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "limit": run.limit,
            "rate_share": self.options.rate_share,
            "requests": run.requests,
            "retries": run.retries,
            "journal": None,
            "frame": {"first_row": int(results["row"].min()) if len(results) else 0, "rows": len(results)},
            "notes": [asdict(cause) for cause in self._notes.values()],
        }


def _until_interrupted(show: Callable[[Progress], object]) -> Callable[[Progress], object]:
    """Show until that is interrupted: a function that interrupts once would do so at every step of the way out."""
    is_over = False

    def shown(progress: Progress) -> None:
        nonlocal is_over
        if is_over:
            return
        try:
            show(progress)
        except KeyboardInterrupt:
            is_over = True
            raise

    return shown


def _told(stop: Stop, *, requests: int) -> Stop:
    """Say of an interrupt that came before the first event that there is nothing to be sorted out."""
    if stop.reason != "interrupted" or requests:
        return stop
    return replace(
        stop, message="the run was interrupted before the first event: nothing was sent, submit all rows again"
    )


def stop_error(stop: Stop, results: pd.DataFrame) -> SubmissionError | SubmissionInterrupted:
    """Return the exception in which a run ends early.

    Parameters
    ----------
    stop : Stop
        What ended it.
    results : pandas.DataFrame
        What has become of the rows.

    Returns
    -------
    SubmissionError or SubmissionInterrupted
        To be raised.
    """
    return STOP_ERRORS[stop.reason](stop.message, results=results)


def unsent_results(checked: CheckedRows, index: "pd.Index[Any]", stop: Stop) -> pd.DataFrame:
    """Return the results of rows of which none could be sent.

    Parameters
    ----------
    checked : CheckedRows
        The rows.
    index : pandas.Index
        The caller's index.
    stop : Stop
        Why.

    Returns
    -------
    pandas.DataFrame
        Invalid rows as such, and all others as not submitted.
    """
    ledger = Ledger(checked, index)
    ledger.close(RunStatuses(), reason=(stop.error_code, stop.message))
    return ledger.frame()
