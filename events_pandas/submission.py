"""A run: frames in, checked and sent chunk by chunk, a results frame out for each."""

import datetime as dt
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
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
from events_pandas.deliver import Event, Outcome, Run, Stop, progress_bar, stop_for_interrupt
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

STOP_ERRORS: dict[str, type[SubmissionError | SubmissionInterrupted]] = {
    "authentication": AuthenticationError,
    "outage": OutageError,
    "interrupted": SubmissionInterrupted,
}

Source: TypeAlias = Literal["frame", "files", "stream"]


@dataclass(kw_only=True, slots=True)
class _OpenFrame:
    """A frame that has been checked and whose results are not complete."""

    converter: Converter
    checked: CheckedRows
    ledger: Ledger
    chunks: list[tuple[int, int]]
    chunks_done: int = 0

    @property
    def end(self) -> int:
        """The position in the run after the frame's last row."""
        return self.checked.offset + len(self.checked.valid)


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
    _open_frames: deque[_OpenFrame] = field(default_factory=deque, init=False)
    _notes: dict[tuple[str, str], Cause] = field(default_factory=dict, init=False)
    _frames: int = field(default=0, init=False)

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
        opened = chain([first], map(self._open, remaining))
        total = len(first.checked.valid) if source == "frame" else total
        started_at = dt.datetime.now(dt.UTC)
        with (
            self.options.opened_client() as client,
            progress_bar(self.options.progress, total=total, description="submitting") as bar,
        ):

            def begin(frame: _OpenFrame) -> _OpenFrame:
                bar.advance(int((~frame.checked.is_sent).sum()))
                return frame

            def enter(outcome: Outcome) -> None:
                self._enter(outcome)
                bar.update(outcome)

            run = Run(client, retry=self.options.retry, concurrency=self.options.concurrency, on_outcome=enter)
            for results in self._deliver(run, map(begin, opened)):
                results.attrs["run"] = self._facts(run, started_at)
                yield results
        if run.stop is not None:
            results = self._close_all(run.stop, unread=frames if source == "files" else ())
            results.attrs["run"] = self._facts(run, started_at)
            raise stop_error(run.stop, results)

    def _deliver(self, run: Run, opened: Iterator[_OpenFrame]) -> Iterator[pd.DataFrame]:
        """Yield the results of each frame that is complete; after a stop the others stay open."""
        try:
            with run:
                if self.options.preflight:
                    run.preflight()
                for outcomes in run.deliver(self._chunks(run, opened)):
                    if run.stop is None:
                        yield from self._completed()
                    else:
                        # An interrupt may have come between an outcome and its entry; a second entry does no harm.
                        for outcome in outcomes:
                            self._enter(outcome)
        except KeyboardInterrupt:
            run.stop = run.stop or stop_for_interrupt()

    def _completed(self) -> Iterator[pd.DataFrame]:
        """Count a chunk that is done, and yield the results of its frame if it was the last."""
        frame = self._open_frames[0]
        frame.chunks_done += 1
        if frame.chunks_done == len(frame.chunks):
            results = self._close(frame, None)
            self._open_frames.popleft()
            yield results

    def _chunks(self, run: Run, opened: Iterator[_OpenFrame]) -> Iterator[list[Event]]:
        """Yield the events of every chunk of every frame, until the run stops."""
        chunks = ((frame, start, stop) for frame in opened for start, stop in frame.chunks)
        while run.stop is None and (chunk := next(chunks, None)) is not None:
            yield _events(*chunk)

    def _open(self, rows: pd.DataFrame) -> _OpenFrame:
        """Check a frame's rows and open its ledger."""
        bound = bind(rows, self.mapping, resolved=self._resolved)
        self._resolved.update(bound.resolved)
        converter = Converter(bound)
        # Also where progress is asked for, checks that take no time leave no line behind: a stream has many.
        progress = self.options.progress and "auto"
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
        frame = _OpenFrame(
            converter=converter,
            checked=checked,
            ledger=Ledger(checked, rows.index),
            # A frame without rows is one chunk without events, so that it has its turn.
            chunks=list(chunk_bounds(len(rows), self.options.chunksize)) or [(0, 0)],
        )
        self._open_frames.append(frame)
        self._note(checked)
        self._frames += 1
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
        frame = next(frame for frame in self._open_frames if outcome.row < frame.end)
        frame.ledger.record(outcome)

    def _close(self, frame: _OpenFrame, stop: Stop | None) -> pd.DataFrame:
        reason = None if stop is None else (stop.error_code, stop.message)
        frame.ledger.close(self._statuses, reason=reason)
        return frame.ledger.frame()

    def _close_all(self, stop: Stop, *, unread: Iterable[pd.DataFrame]) -> pd.DataFrame:
        """Return the results of all rows that have none yet, those of `unread` beyond the frames opened included."""
        # Read from the start: an interrupt may have come while a frame was read, which would be missing. What cannot be
        # read, or not be waited for, must not hide why the run ended.
        with suppress(EventsPandasError, KeyboardInterrupt):
            for rows in islice(unread, self._frames, None):
                self._open(rows)
        parts = [self._close(frame, stop) for frame in self._open_frames]
        if not parts:
            return unsent_results(no_rows(), pd.RangeIndex(0), stop)
        # Joining even one frame would turn an index of objects into one of strings.
        return parts[0] if len(parts) == 1 else pd.concat(parts)

    def _facts(self, run: Run, started_at: dt.datetime) -> dict[str, Any]:
        """Return what there is to know of a run, in types that every file format of pandas can keep."""
        workspace = run.workspace
        return {
            "workspace": None if workspace is None else {"id_code": workspace.id_code, "name": workspace.name},
            "region": None if workspace is None else workspace.region,
            "started_at": started_at.isoformat(timespec="seconds"),
            "ended_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "limit": run.limit,
            "requests": run.requests,
            "retries": run.retries,
            "journal": None,
            "notes": [asdict(cause) for cause in self._notes.values()],
        }


def _events(frame: _OpenFrame, start: int, stop: int) -> list[Event]:
    """Make the events of a chunk's rows that are to be sent."""
    where = frame.checked.is_sent[start:stop]
    if not where.any():
        return []
    batch = frame.converter.convert(start, stop)
    rows = batch.rows[where] + frame.checked.offset
    contacts = batch.contacts.texts(where).to_pylist()
    payloads = batch.payloads(where, frame.checked.seconds(start, stop)).to_pylist()
    return [
        Event(row=row, payload=payload, contact=contact)
        for row, payload, contact in zip(rows.tolist(), payloads, contacts, strict=True)
    ]


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
