"""Files checked row by row, without holding the rows: before a submission, or instead of one."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from events_pandas.check import (
    PAYLOADS_KEPT,
    EarlierFrames,
    FrameCheck,
    PassedRows,
    StreamCheck,
    check_in_turn,
    check_together,
    no_rows,
)
from events_pandas.convert import Converter
from events_pandas.convert.cells import Rows
from events_pandas.deliver import IntercomClient, ProgressChoice, Stop, progress_bar
from events_pandas.mapping import EventMapping, require_mapping
from events_pandas.results import CheckReport
from events_pandas.results.destination import Destination, find_destination
from events_pandas.run.file_frames import FileFrames, read_frames, require_unchanged
from events_pandas.run.fitting import fitting_files
from events_pandas.run.frames import unsent_results
from events_pandas.run.options import RunOptions
from events_pandas.run.run import stop_error
from events_pandas.sources import Places

_READ_ROWS: Final = 30_000
"""About how many rows are read at a time: few enough that several chunks take little memory."""


def check_files(
    paths: Places,
    mapping: EventMapping,
    *,
    client: IntercomClient | None = None,
    skips_bad: bool = False,
    limit: int | None = None,
    options: RunOptions | None = None,
) -> CheckReport:
    """Check the rows of files, or the first ones, in the chunks of a run, as `check_file` documents."""
    require_mapping(mapping)
    options = options or RunOptions()
    with fitting_files(paths, mapping, progress=options.progress, skips_bad=skips_bad) as fit:
        # Asked first: a token that is refused is known before the rows are read.
        destination = known_destination(client, progress=options.progress)
        frames = read_frames(fit, mapping, options=options, limit=limit)
        return check_frames(frames, destination=destination, progress=options.progress)


def known_destination(client: IntercomClient | None, *, progress: ProgressChoice) -> Destination | None:
    """Ask Intercom where events would go; None without a client. Raise `SubmissionError` if none should be sent."""
    destination = None if client is None else find_destination(client, progress=progress)
    if isinstance(destination, Stop):
        raise stop_error(destination, unsent_results(no_rows(), pd.RangeIndex(0), destination))
    return destination


def check_frames(frames: FileFrames, *, destination: Destination | None, progress: ProgressChoice) -> CheckReport:
    """Check every row of files, as a submission in the same chunks would."""
    require_unchanged(frames.files)
    check = _FilesCheck(frames, progress)
    with progress_bar(progress, total=frames.total, description="checking", delay_seconds=2.0) as bar:
        passed = check.passed(bar.advance)
    # Without progress they were not counted before.
    frames.total = passed.facts.rows
    return CheckReport(
        mapping=frames.mapping,
        facts=passed.facts,
        index=pd.RangeIndex(passed.facts.rows),
        first_payloads=kept_payloads(passed, "files"),
        text_keys=passed.text_keys,
        resolved=check.stream.types,
        places=check.read.in_files,
        destination=destination,
        skipped_files=frames.skipped,
        empty_files=check.read.empty_files,
    )


def kept_payloads(passed: PassedRows, source: str) -> Callable[[int], list[bytes]]:
    """Return a function that gives the first events of rows that have passed; `source` are these in words."""

    def payloads(n: int) -> list[bytes]:
        if n > PAYLOADS_KEPT:
            raise ValueError(
                f"n: a report of {source} has the first {PAYLOADS_KEPT:,} events, got {n:,}: give a smaller n"
            )
        return passed.payloads[:n]

    return payloads


class _FilesCheck:
    """Binds the rows of files as a submission does, and reads some of them again."""

    def __init__(self, frames: FileFrames, progress: ProgressChoice) -> None:
        self._chunksize, self._progress = frames.chunksize, progress
        self._is_spread = frames.mapping.duplicates == "spread"
        # The seconds of spread rows depend on the chunks in which they are submitted.
        most = frames.chunksize if self._is_spread else max(_READ_ROWS // frames.chunksize, 1) * frames.chunksize
        self.read = replace(frames, chunksize=most)
        self.stream = StreamCheck(
            mapping=frames.mapping,
            types=frames.types.rules,
            remarks=frames.types.remarks,
            earlier=EarlierFrames() if self._is_spread else None,
        )

    def passed(self, advance: Callable[[int], object]) -> PassedRows:
        """Check every row."""
        now = time.time()
        if self._is_spread:
            return check_in_turn(self._bound(), now=now, advance=advance)
        return check_together(self._bound(), self._again, now=now, advance=advance)

    def _bound(self) -> Iterator[tuple[int, FrameCheck]]:
        for frame in self.read:
            start = self.read.start
            refused = self.read.refused(start)
            for first, stop in self._cuts(len(frame)) if len(frame) else [(0, 0)]:
                rows = np.arange(first, stop)
                found = [among for finding in refused if (among := finding.among(rows)) is not None]
                yield start + first, self.stream.bound(frame.iloc[first:stop], found)

    def _cuts(self, n_rows: int) -> Iterator[tuple[int, int]]:
        """Cut rows into the chunks of a submission as long as bare columns have no type: its first chunks decide."""
        first = 0
        while first < n_rows:
            stop = n_rows if self.stream.has_all_types else min(first + self._chunksize, n_rows)
            yield first, stop
            first = stop

    def _again(self, rows: Rows) -> Iterator[tuple[Converter, Rows]]:
        """Read chosen rows once more, and no further than the last."""
        stream = StreamCheck(mapping=self.read.mapping, types=self.stream.types)
        with progress_bar(self._progress, total=len(rows), description="comparing rows", delay_seconds=2.0) as bar:
            done = 0
            frames = iter(self.read)
            while done < len(rows):
                frame = next(frames)
                start = self.read.start
                stop = done + int(np.searchsorted(rows[done:], start + len(frame)))
                if done < stop:
                    yield stream.bound(frame).converter, rows[done:stop] - start
                    bar.advance(stop - done)
                    done = stop
