"""The frames of a run: read one by one, judged together, and closed with a result for every row."""

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice, repeat
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd

from events_pandas.check import CheckedRows, FrameCheck, StreamCheck, canary_rows, chunk_bounds, no_rows, used_up
from events_pandas.convert import CODES, Cause, Converter, EventBatch, Finding, causes, problems_frame
from events_pandas.convert.cells import Mask, Rows
from events_pandas.convert.keys import EventKeys, Seconds, event_words
from events_pandas.deliver import Event, Outcome, Status, Stop
from events_pandas.deliver.journal import Fingerprint, Journal
from events_pandas.errors import EventsPandasError, InvalidRowsError, JournalError
from events_pandas.results import RowOutcomes, RunStatuses
from events_pandas.results.summary import REPEAT_CODES
from events_pandas.run.desk import Desk
from events_pandas.run.options import RunOptions, step_progress
from events_pandas.run.questions import UnansweredError
from events_pandas.run.requested_columns import add_empty, add_requested, joined

Refused: TypeAlias = Callable[[int], Sequence[Finding]]
Cells: TypeAlias = Callable[[int], pd.DataFrame]
BoundFrame: TypeAlias = tuple[Converter, "pd.Index[Any]"]
"""A frame that was bound, and is to be read."""

MOST_CHUNKS: Final = 1_000
"""How many chunks are read ahead at most: frames without rows, or with few, take memory too."""
FEWEST_ROWS: Final = 1_000
"""Rows that any run may read ahead, so that small chunks do not slow it down: at most 128 requests are under way."""

_SECOND_TAKEN: Final = (
    "another run is sending this row, or one with the same contact, event name and second: submit it again after that "
    "run, and it gets a free second"
)


@dataclass(kw_only=True, slots=True)
class OpenFrame:
    """A frame that was checked and has no complete results yet.

    Parameters
    ----------
    chunks : list of tuple of int
        The first row of each chunk, and the one after its last.
    taken : int
        How many of its first rows have results that were taken.
    tried_out : numpy.ndarray of int64
        The rows of the canary.
    """

    converter: Converter
    checked: CheckedRows
    row_outcomes: RowOutcomes
    chunks: list[tuple[int, int]]
    taken: int = 0
    tried_out: Rows = field(default_factory=lambda: np.zeros(0, np.int64))
    journal: Journal | None = None
    _under_way: deque[int] = field(default_factory=deque, init=False)

    @property
    def n_rows(self) -> int:
        """How many rows it has."""
        return len(self.checked.valid)

    @property
    def end(self) -> int:
        """The position in the run after the frame's last row."""
        return self.checked.offset + self.n_rows

    def canary(self, most: int) -> list[Event]:
        """Make at most `most` events that are submitted before all others; their chunks leave them out."""
        self.tried_out = canary_rows(self.converter, self.checked, most)
        batch = self.converter.convert_rows(self.tried_out)
        return self._events(batch, np.ones(len(self.tried_out), dtype=bool))

    def pieces(self, most: int | None) -> Iterator[tuple[int, list[Event]]]:
        """Yield the events of every chunk, `most` at a time, each time with the number of rows up to the next ones."""
        begun = 0
        for start, stop in self.chunks:
            events = self.events(start, stop)
            size = most or max(len(events), 1)
            for first in range(0, max(len(events), 1), size):
                following = events[first + size : first + size + 1]
                end = following[0].row - self.checked.offset if following else stop
                self._under_way.append(end)
                yield end - begun, events[first : first + size]
                begun = end

    def piece_done(self) -> int:
        """Return the row up to which all is done, when a further piece is."""
        return self._under_way.popleft()

    def events(self, start: int, stop: int) -> list[Event]:
        """Make the events of a chunk's rows that are not sent yet, in the order of the rows."""
        where = self.checked.is_sent[start:stop].copy()
        where[self.tried_out[(self.tried_out >= start) & (self.tried_out < stop)] - start] = False
        return self._events(self.converter.convert(start, stop), where) if where.any() else []

    def _events(self, batch: EventBatch, where: Mask) -> list[Event]:
        rows = batch.rows[where] + self.checked.offset
        seconds = self.checked.seconds(batch.rows)
        columns = (
            rows.tolist(),
            batch.payloads(where, seconds).to_pylist(),
            batch.contacts.keys(where).to_pylist(),
            batch.normalized_names(where),
            self._fingerprints(batch, where, seconds),
        )
        events = [
            Event(row=row, payload=payload, contact=contact, name=name, fingerprint=fingerprint)
            for row, payload, contact, name, fingerprint in zip(*columns, strict=True)
        ]
        return self._claimed(events, batch.keys().of(np.flatnonzero(where))) if self._is_claiming else events

    @property
    def _is_claiming(self) -> bool:
        """Whether the run claims seconds in the journal: spread rows may get other seconds in another run."""
        return self.journal is not None and self.converter.mapping.duplicates == "spread"

    def _fingerprints(self, batch: EventBatch, where: Mask, seconds: Seconds) -> Sequence[Fingerprint | None]:
        """Return what the journal keeps of each event."""
        if self.journal is None:
            return [None] * int(where.sum())
        keys, rows = batch.keys(), np.flatnonzero(where)
        moved = rows[seconds[rows] != keys.seconds[rows]]
        sent_keys = np.full(len(where), None, object)
        sent_keys[moved] = self.journal.digests(event_words(keys.streams[:, moved], seconds[moved]))
        columns = (
            self.journal.digests(keys.words(rows)),
            sent_keys[rows].tolist(),
            batch.digests()[0][rows].view(np.int64).tolist(),
            seconds[rows].tolist(),
            repeat(self._is_claiming),
        )
        return [Fingerprint(*fields) for fields in zip(*columns, strict=False)]

    def _claimed(self, events: list[Event], keys: EventKeys) -> list[Event]:
        """Claim the seconds of events. Leave out events whose second another run has claimed since the check."""
        if self.journal is None:
            return events
        fingerprints = [event.fingerprint for event in events if event.fingerprint is not None]
        taken = set(
            self.journal.claim(fingerprints, partial(used_up, keys=keys, runs=self.journal, own=self.checked.own))
        )
        for place in taken:
            self.row_outcomes.record(
                Outcome(
                    row=events[place].row,
                    status=Status.NOT_SUBMITTED,
                    error_code="second_taken",
                    error_message=_SECOND_TAKEN,
                )
            )
        return [event for place, event in enumerate(events) if place not in taken]


@dataclass(kw_only=True, slots=True)
class RunFrames:
    """The frames of a run, in order.

    Parameters
    ----------
    stream : StreamCheck
        Binds the frames, and knows what later ones are compared with.
    journal : Journal or None
        What earlier runs have sent, once the workspace is known.
    refused : callable, optional
        Takes the position of a frame's first row in the run; returns what its source found in its rows.
    cells : callable, optional
        Takes the same position; returns the frame with the keys of its rows as they stand in the source.
    """

    stream: StreamCheck
    options: RunOptions
    journal: Journal | None = None
    refused: Refused | None = None
    cells: Cells | None = None
    desk: Desk = field(default_factory=Desk)
    notes: dict[tuple[str, str], Cause] = field(default_factory=dict, init=False)
    # Whether rows have no result, since they could not be read after an early end.
    are_cut_off: bool = field(default=False, init=False)
    _statuses: RunStatuses = field(default_factory=RunStatuses, init=False)
    _open: deque[OpenFrame] = field(default_factory=deque, init=False)
    _read: FrameCheck | None = field(default=None, init=False)
    _n_frames: int = field(default=0, init=False)
    _n_rows: int = field(default=0, init=False)

    @property
    def are_open(self) -> bool:
        """Whether there are frames that have no results yet."""
        return bool(self._open)

    @property
    def have_begun(self) -> bool:
        """Whether a frame was opened, so that events may have been sent."""
        return self._n_frames > 0

    @property
    def first(self) -> OpenFrame:
        """The frame whose results are due."""
        return self._open[0]

    def read(self, rows: pd.DataFrame) -> FrameCheck:
        """Read every row of a frame, which is to be opened before the next one is read.

        Raise `InvalidRowsError` if rows are invalid and ``on_invalid="raise"``.
        """
        return self.read_bound(self.desk.ask(self.bind, rows))

    def bind(self, rows: pd.DataFrame) -> BoundFrame:
        """Bind a frame, which calls the callables of the mapping: in the caller's thread."""
        refused = () if self.refused is None else self.refused(self._n_rows)
        cells = None if self.cells is None else self.cells(self._n_rows)
        return self.stream.converter(rows, refused, cells), rows.index

    def read_bound(self, frame: BoundFrame) -> FrameCheck:
        """Read every row of a frame that was bound: see `read`."""
        return self._read_rows(self.stream.next_check(*frame))

    def _read_rows(self, frame: FrameCheck) -> FrameCheck:
        # Even with progress=True a quick check leaves no line behind: a stream has many.
        progress = step_progress(self.options.progress)
        with self.desk.progress_bar(progress, total=len(frame.index), description="checking", delay_seconds=2.0) as bar:
            frame.read(advance=bar.advance)
        if frame.invalid and self.options.on_invalid == "raise":
            checked = frame.checked(now=time.time())
            problems = problems_frame(checked.findings, frame.index)
            problems["row"] += checked.offset
            raise InvalidRowsError(problems, invalid=frame.invalid, unsent_from=checked.offset)
        self._read = frame
        return frame

    def recalled(self, first: FrameCheck) -> FrameCheck:
        """Hold bare columns to the types in which earlier runs in the journal sent them.

        The first frame was read before its journal was known: it is read again if a type differs.
        """
        if self.journal is None:
            return first
        frame = self.stream.retyped(first, self.journal.kept_types(self.stream.mapping))
        return first if frame is first else self._read_rows(frame)

    def keep_types(self, frame: OpenFrame) -> None:
        """Write the types of bare columns to the journal, for later runs."""
        if self.journal is not None:
            # Not those of the stream: a later frame that is bound already may never be sent.
            self.journal.keep_types(self.stream.mapping, frame.converter.bound.resolved)

    def open(self, read: FrameCheck) -> OpenFrame:
        """Judge the rows of the frame that was read last, and begin its results."""
        with nullcontext() if self.journal is None else self.journal.reading():
            checked = read.checked(now=time.time(), runs=self.journal, resubmits=self.options.resubmit)
        frame = OpenFrame(
            converter=read.converter,
            checked=checked,
            row_outcomes=RowOutcomes(checked, read.index),
            # A frame without rows is one chunk without events, so that its results come in order.
            chunks=list(chunk_bounds(len(read.index), self.options.chunksize)) or [(0, 0)],
            journal=self.journal,
        )
        self._open.append(frame)
        self._read = None
        self._n_frames += 1
        self._n_rows = frame.end
        self._note(checked)
        return frame

    def _note(self, checked: CheckedRows) -> None:
        """Add a frame's notes to the notes of the run."""
        for cause in causes(checked.findings):
            # The status and the message of a row say why it is invalid or a duplicate.
            if cause.severity == "error" or cause.code in REPEAT_CODES:
                continue
            place = cause.code, cause.field
            known = self.notes.get(place)
            if known is None:
                self.notes[place] = replace(cause, first_row=cause.first_row + checked.offset)
            elif not CODES[cause.code].extent:
                self.notes[place] = replace(known, rows=known.rows + cause.rows)

    def enter(self, outcomes: Iterable[Outcome]) -> None:
        """Enter the outcomes of events of open frames."""
        for outcome in outcomes:
            # By bisection: a stream of small frames may have a thousand of them open.
            self._open[bisect_right(self._open, outcome.row, key=_end)].row_outcomes.record(outcome)

    def completed(self, end: int) -> pd.DataFrame:
        """Return the results of the first open frame up to a row, without those that were taken."""
        return self._closed(self.first, None, end)

    def forget(self, end: int) -> None:
        """Forget the first open frame up to a row: these results were taken."""
        self.first.taken = end
        if end == self.first.n_rows:
            self._open.popleft()

    def _closed(self, frame: OpenFrame, stop: Stop | None, end: int | None = None) -> pd.DataFrame:
        reason = None if stop is None else (stop.error_code, stop.of_rows)
        rows = slice(frame.taken, frame.n_rows if end is None else end)
        frame.row_outcomes.close(self._statuses, reason=reason, rows=rows)
        results = frame.row_outcomes.frame(rows)
        add_requested(results, self.options, converter=frame.converter, rows=rows)
        return results

    def close(self, stop: Stop, *, again: Iterable[pd.DataFrame], ahead: Iterable[BoundFrame] = ()) -> pd.DataFrame:
        """Return the results of all rows that have none yet, after the run ended early.

        `again` yields the frames of the run from the start, if they can be read again: the rows of frames that were
        never opened have results too. `ahead` are frames that were bound, and never read.
        """
        try:
            if self._read is not None:
                self._open_unsent(self._read)
            for frame in ahead:
                self._open_unsent(self.read_bound(frame))
            for rows in islice(again, self._n_frames, None):
                self._open_unsent(self.read(rows))
        except (EventsPandasError, UnansweredError):
            # A fault or an interrupt of reading must not hide why the run ended.
            self.are_cut_off = True
        parts = [self._closed(frame, stop) for frame in self._open]
        if not parts:
            results = unsent_results(no_rows(), pd.RangeIndex(0), stop)
            add_empty(results, self.options)
            return results
        return joined(parts)

    def _open_unsent(self, read: FrameCheck) -> None:
        """Open a frame without sending a row; without the journal if that has failed."""
        try:
            self.open(read)
        except JournalError:
            self.journal = None
            self.open(read)


class ReadAhead:
    """Counts the rows of chunks that were read and have no results yet.

    At most `chunksize` rows are read ahead, but `FEWEST_ROWS` in any case.
    """

    def __init__(self, chunksize: int) -> None:
        self._most_rows = max(chunksize, FEWEST_ROWS)
        self._chunks: deque[int] = deque()
        self._rows = 0

    def open(self, rows: int) -> None:
        """Count a chunk that was read; its rows include rows that are not sent."""
        self._chunks.append(rows)
        self._rows += rows

    def close(self) -> None:
        """Remove the first chunk: its results are there."""
        self._rows -= self._chunks.popleft()

    def has_room(self) -> bool:
        """Return whether another chunk may be read."""
        return self._rows < self._most_rows and len(self._chunks) < MOST_CHUNKS


def _end(frame: OpenFrame) -> int:
    return frame.end


def unsent_results(checked: CheckedRows, index: "pd.Index[Any]", stop: Stop) -> pd.DataFrame:
    """Return the results of rows that could not be sent: invalid rows are ``invalid``, others ``not_submitted``."""
    row_outcomes = RowOutcomes(checked, index)
    row_outcomes.close(RunStatuses(), reason=(stop.error_code, stop.of_rows))
    return row_outcomes.frame()
