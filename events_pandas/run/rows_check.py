"""Rows checked frame by frame, without holding them: those of a table that is streamed, or of files."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

import numpy as np
import pandas as pd

from events_pandas.check import (
    PAYLOADS_KEPT,
    EarlierFrames,
    PassedRows,
    StreamCheck,
    check_in_turn,
    check_together,
    no_rows,
)
from events_pandas.convert import Converter, Finding
from events_pandas.convert.cells import Rows
from events_pandas.deliver import IntercomClient, ProgressChoice, Stop, progress_bar
from events_pandas.mapping import EventMapping
from events_pandas.results import CheckReport
from events_pandas.results.destination import ADVICE, Destination, find_destination
from events_pandas.run.frames import unsent_results

Bound = TypeVar("Bound")
"""What is made of a frame, to check its rows."""


class CheckedFrames(Protocol):
    """Rows as frames; to read some of them again, it is iterated once more."""

    @property
    def start(self) -> int:
        """The position of the first row of the frame that was read last."""

    def __iter__(self) -> Iterator[pd.DataFrame]: ...

    def refused(self, start: int) -> tuple[Finding, ...]:
        """Return what was found when the frame that starts at that row was read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowsCheck:
    """Binds rows as a submission does, and reads some of them again."""

    frames: CheckedFrames
    stream: StreamCheck
    chunksize: int  # of the submission
    progress: ProgressChoice

    def report(self, source: str, *, total: int | None, destination: Destination | None) -> CheckReport:
        """Check every row; `source` is in words where they come from, and `total` their number, if it is known."""
        with progress_bar(self.progress, total=total, description="checking", delay_seconds=2.0) as bar:
            passed = self._passed(bar.advance)
        return CheckReport(
            mapping=self.stream.mapping,
            facts=passed.facts,
            index=pd.RangeIndex(passed.facts.rows),
            first_payloads=partial(_payloads, passed, source),
            text_keys=passed.text_keys,
            resolved=self.stream.types,
            destination=destination,
        )

    def _passed(self, advance: Callable[[int], object]) -> PassedRows:
        now = time.time()
        if self.stream.earlier is not None:
            return check_in_turn(self._bound(self.stream.bound), now=now, advance=advance)
        return check_together(self._bound(self.stream.converter), self._again, now=now, advance=advance)

    def _bound(self, bind: Callable[[pd.DataFrame, list[Finding]], Bound]) -> Iterator[tuple[int, Bound]]:
        for frame in self.frames:
            start = self.frames.start
            refused = self.frames.refused(start)
            for first, stop in self._cuts(len(frame)) if len(frame) else [(0, 0)]:
                rows = np.arange(first, stop)
                found = [among for finding in refused if (among := finding.among(rows)) is not None]
                yield start + first, bind(frame.iloc[first:stop], found)

    def _cuts(self, n_rows: int) -> Iterator[tuple[int, int]]:
        """Cut rows into the chunks of a submission as long as bare columns have no type: its first chunks decide."""
        first = 0
        while first < n_rows:
            stop = n_rows if self.stream.has_all_types else min(first + self.chunksize, n_rows)
            yield first, stop
            first = stop

    def _again(self, rows: Rows) -> Iterator[tuple[Converter, Rows]]:
        """Read chosen rows once more, and no further than the last."""
        if not len(rows):
            return
        stream = StreamCheck(mapping=self.stream.mapping, types=self.stream.types)
        with progress_bar(self.progress, total=len(rows), description="comparing rows", delay_seconds=2.0) as bar:
            done = 0
            frames = iter(self.frames)
            while done < len(rows):
                frame = next(frames)
                start = self.frames.start
                stop = done + int(np.searchsorted(rows[done:], start + len(frame)))
                if done < stop:
                    yield stream.converter(frame), rows[done:stop] - start
                    bar.advance(stop - done)
                    done = stop


def known_destination(
    client: IntercomClient | None, *, progress: ProgressChoice, advice: str = ADVICE
) -> Destination | None:
    """Ask Intercom where events would go; None without a client. Raise `SubmissionError` if none should be sent.

    `advice` ends the message if Intercom does not answer.
    """
    destination = None if client is None else find_destination(client, advice=advice, progress=progress)
    if isinstance(destination, Stop):
        raise destination.error(unsent_results(no_rows(), pd.RangeIndex(0), destination))
    return destination


def rows_stream(mapping: EventMapping) -> StreamCheck:
    """Return what binds rows. Only the seconds of spread rows depend on the chunks in which these are submitted."""
    return StreamCheck(mapping=mapping, earlier=EarlierFrames() if mapping.duplicates == "spread" else None)


def _payloads(passed: PassedRows, source: str, n: int) -> list[bytes]:
    """Return the first events of rows that have passed."""
    if n > PAYLOADS_KEPT:
        raise ValueError(f"n: a report of {source} has the first {PAYLOADS_KEPT:,} events, got {n:,}: give a smaller n")
    return passed.payloads[:n]
