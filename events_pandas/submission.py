"""A run: frames in, checked and sent chunk by chunk, a results frame out for each."""

import datetime as dt
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pandas as pd

from events_pandas.convert import CheckedRows, Converter, KeyIndex, check_rows, chunk_bounds, problems_frame
from events_pandas.deliver import Event, Run, Stop, progress_bar, stop_for_interrupt
from events_pandas.errors import (
    AuthenticationError,
    InvalidRowsError,
    OutageError,
    SubmissionError,
    SubmissionInterrupted,
)
from events_pandas.mapping import EventMapping, Rule, bind
from events_pandas.options import RunOptions
from events_pandas.results import Ledger, RunStatuses

if TYPE_CHECKING:
    import numpy as np

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
    _keys: KeyIndex = field(default_factory=KeyIndex, init=False)
    _statuses: RunStatuses = field(default_factory=RunStatuses, init=False)
    _resolved: dict[str, Rule] = field(default_factory=dict, init=False)
    _open_frames: deque[_OpenFrame] = field(default_factory=deque, init=False)
    _rows: int = field(default=0, init=False)

    def results(self, frames: Iterable[pd.DataFrame], *, source: Source) -> Generator[pd.DataFrame, None, None]:
        """Submit frames.

        Parameters
        ----------
        frames : iterable of pandas.DataFrame
            The rows.
        source : {"frame", "files", "stream"}
            What they come from: one frame, whose requests can be counted beforehand; files, whose rows all get a
            result, also after an early end; or a stream, which may have no end.

        Yields
        ------
        pandas.DataFrame
            The results of each frame, in order.

        Raises
        ------
        SubmissionError, SubmissionInterrupted
            If the run ends early: with the results that have not been yielded.
        """
        frames = iter(frames)
        first = next(frames, None)
        if first is None:
            return
        # Checked before the client is asked for anything: on_invalid="raise" stops before the first request.
        self._open(first)
        total = self._requests() if source == "frame" else None
        with (
            self.options.opened_client() as client,
            progress_bar(self.options.progress, total=total, description="submitting") as bar,
        ):
            options = self.options
            run = Run(client, retry=options.retry, concurrency=options.concurrency, on_outcome=bar.update)
            started_at = dt.datetime.now(dt.UTC)
            for results in self._deliver(run, frames):
                results.attrs["run"] = _facts(run, started_at)
                yield results
        if run.stop is not None:
            if source == "files":
                for frame in frames:
                    self._open(frame)
            results = pd.concat([self._close(frame, run.stop) for frame in self._open_frames])
            results.attrs["run"] = _facts(run, started_at)
            raise stop_error(run.stop, results)

    def _requests(self) -> int:
        return sum(int(self._is_sent(frame.checked).sum()) for frame in self._open_frames)

    def _deliver(self, run: Run, frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """Yield the results of each frame that is complete; after a stop the others stay open."""
        if self.options.preflight:
            run.preflight()
        with closing(run.deliver(self._chunks(run, frames))) as chunks:
            for outcomes in chunks:
                # After a stop complete frames stay open too: they go into the error.
                frame = next(frame for frame in self._open_frames if frame.chunks_done < len(frame.chunks))
                try:
                    frame.ledger.record(outcomes)
                except KeyboardInterrupt:
                    # Entering them twice does no harm, and what was accepted must not be lost.
                    frame.ledger.record(outcomes)
                    run.stop = run.stop or stop_for_interrupt()
                frame.chunks_done += 1
                if frame.chunks_done == len(frame.chunks) and run.stop is None:
                    yield self._close(self._open_frames.popleft(), None)

    def _chunks(self, run: Run, frames: Iterator[pd.DataFrame]) -> Iterator[list[Event]]:
        """Yield the events of the open frame, then of every further one, until the run stops."""
        while run.stop is None:
            frame = self._open_frames[-1]
            for start, stop in frame.chunks:
                yield self._events(frame, start, stop)
                if run.stop is not None:
                    return
            following = next(frames, None)
            if following is None:
                return
            self._open(following)

    def _open(self, rows: pd.DataFrame) -> None:
        """Check a frame's rows and open its ledger."""
        bound = bind(rows, self.mapping, resolved=self._resolved)
        self._resolved.update(bound.resolved)
        converter = Converter(bound)
        with progress_bar(self.options.progress, total=len(rows), description="checking", delay_seconds=2.0) as bar:
            checked = check_rows(converter, len(rows), keys=self._keys, offset=self._rows, advance=bar.advance)
        invalid = int((~checked.valid).sum())
        if invalid and self.options.on_invalid == "raise":
            raise InvalidRowsError(problems_frame(checked.findings, rows.index), invalid=invalid)
        # A frame without rows is one chunk without events, so that it has its turn.
        chunks = list(chunk_bounds(len(rows), self.options.chunksize)) or [(0, 0)]
        frame = _OpenFrame(converter=converter, checked=checked, ledger=Ledger(checked, rows.index), chunks=chunks)
        self._open_frames.append(frame)
        self._rows += len(rows)

    def _is_sent(self, checked: CheckedRows) -> "np.typing.NDArray[np.bool_]":
        return checked.valid & ~(checked.repeats() & (self.mapping.duplicates == "skip"))

    def _events(self, frame: _OpenFrame, start: int, stop: int) -> list[Event]:
        """Make the events of a chunk's rows that are to be sent."""
        where = self._is_sent(frame.checked)[start:stop]
        if not where.any():
            return []
        batch = frame.converter.convert(start, stop)
        rows = batch.rows()[where] + frame.checked.offset
        contacts = batch.contacts.filter(where).to_pylist()
        payloads = batch.payloads(where).to_pylist()
        return [
            Event(row=row, payload=payload, contact=contact)
            for row, payload, contact in zip(rows.tolist(), payloads, contacts, strict=True)
        ]

    def _close(self, frame: _OpenFrame, stop: Stop | None) -> pd.DataFrame:
        reason = None if stop is None else (stop.error_code, stop.message)
        frame.ledger.close(self._statuses, skips_duplicates=self.mapping.duplicates == "skip", reason=reason)
        return frame.ledger.frame()


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
    ledger.close(RunStatuses(), skips_duplicates=False, reason=(stop.error_code, stop.message))
    return ledger.frame()


def _facts(run: Run, started_at: dt.datetime) -> dict[str, Any]:
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
    }
