"""Tables checked batch by batch, without holding their rows, as `iter_submit` would judge them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Final, TypeAlias

import pandas as pd
import pyarrow as pa

from events_pandas.check import StreamCheck
from events_pandas.convert import Finding
from events_pandas.deliver import IntercomClient
from events_pandas.mapping import EventMapping, Table, arrow_frame, batches_of, require_mapping
from events_pandas.results import CheckReport
from events_pandas.run.options import RunOptions
from events_pandas.run.rows_check import RowsCheck, known_destination, rows_stream
from events_pandas.sources import KeptTables
from events_pandas.words import kind_of

Batches: TypeAlias = Callable[[int], Iterator[pa.Table]]
"""Reads rows from the first one, in batches of at most so many."""

_CHUNKS_READ: Final = 26
"""So many chunks of a submission are read at a time: about four blocks of rows, as a frame has a cost of its own."""


def check_stream(table: Table, mapping: EventMapping, *, client: IntercomClient | None = None) -> CheckReport:
    """Check the rows of a table that is read once, as `check_events` documents."""
    require_mapping(mapping)
    with KeptTables(f"rows of {kind_of(table)}") as kept, ExitStack() as opened:

        def batches(most_rows: int) -> Iterator[pa.Table]:
            return opened.enter_context(closing(batches_of(table, mapping, most_rows)))

        return check_batches(batches, mapping, client=client, kept=kept)


def check_batches(
    batches: Batches, mapping: EventMapping, *, client: IntercomClient | None = None, kept: KeptTables | None = None
) -> CheckReport:
    """Check rows that are read in batches. Those that share their event are read again: from `kept`, if it is given."""
    # Asked first: a token that is refused is known before the rows are read.
    destination = known_destination(client, progress="auto")
    stream, chunksize = rows_stream(mapping), RunOptions().chunksize
    frames = _JoinedFrames(batches, stream, kept, most_rows=(1 if stream.earlier else _CHUNKS_READ) * chunksize)
    check = RowsCheck(frames=frames, stream=stream, chunksize=chunksize, progress="auto")
    return check.report("a stream", total=None, destination=destination)


class _JoinedFrames:
    """Frames of batches, of which small ones are joined."""

    def __init__(self, batches: Batches, stream: StreamCheck, kept: KeptTables | None, *, most_rows: int) -> None:
        self._batches, self._stream, self._kept, self._most_rows = batches, stream, kept, most_rows
        self.start = 0

    def __iter__(self) -> Iterator[pd.DataFrame]:
        end = 0
        for table in self._tables():
            self.start, end = end, end + len(table)
            yield arrow_frame(table)

    def refused(self, start: int) -> tuple[Finding, ...]:
        """Return what reading has found in a frame: a table is read without faults."""
        del start
        return ()

    def _tables(self) -> Iterator[pa.Table]:
        if self._stream.earlier is not None:
            # Spread rows are compared as they come: none is read again.
            return self._batches(self._most_rows)
        if self._kept is None:
            return self._joined()
        return iter(self._kept) if len(self._kept) else self._kept.passing(self._joined())

    def _joined(self) -> Iterator[pa.Table]:
        """Join and cut batches to full frames, once the types of bare columns do not depend on where a batch ends."""
        waiting: list[pa.Table] = []
        for table in self._batches(self._most_rows):
            if not self._stream.has_all_types:
                yield table
                continue
            waiting.append(table)
            if sum(map(len, waiting)) > self._most_rows:
                joined = pa.concat_tables(waiting)
                yield joined.slice(0, self._most_rows)
                waiting = [joined.slice(self._most_rows)]
        if waiting:
            yield pa.concat_tables(waiting)
