"""A table that is read once, checked without holding its rows, as `iter_submit` would judge them."""

from collections.abc import Iterator
from typing import Final

import pandas as pd
import pyarrow as pa

from events_pandas.check import StreamCheck
from events_pandas.convert import Finding
from events_pandas.deliver import IntercomClient
from events_pandas.mapping import EventMapping, Table, arrow_frame, batches_of, require_mapping, sliceable_table
from events_pandas.results import CheckReport
from events_pandas.run.options import RunOptions
from events_pandas.run.rows_check import RowsCheck, known_destination, rows_stream
from events_pandas.sources import KeptTables
from events_pandas.words import kind_of

_CHUNKS_READ: Final = 13
"""So many chunks of a submission are read at a time: about two blocks of rows, as a frame has a cost of its own."""


def check_stream(table: Table, mapping: EventMapping, *, client: IntercomClient | None = None) -> CheckReport:
    """Check the rows of a table that is streamed, as `check_events` documents."""
    require_mapping(mapping)
    # Asked first: a token that is refused is known before the rows are read.
    destination = known_destination(client, progress="auto")
    stream, chunksize = rows_stream(mapping), RunOptions().chunksize
    most_rows = chunksize if stream.earlier else _CHUNKS_READ * chunksize
    batches = batches_of(table, mapping, chunksize=most_rows)
    with KeptTables(f"rows of {kind_of(table)}") as kept:
        frames = _StreamedFrames(batches, stream, kept, most_rows=most_rows)
        check = RowsCheck(frames=frames, stream=stream, chunksize=chunksize, progress="auto")
        return check.report("a stream", total=None, destination=destination)


class _StreamedFrames:
    """Frames of batches that come once. They are kept in a file, and read from it from then on."""

    def __init__(self, batches: Iterator[pa.Table], stream: StreamCheck, kept: KeptTables, *, most_rows: int) -> None:
        self._batches, self._stream, self._kept, self._most_rows = batches, stream, kept, most_rows
        self.start = 0

    def __iter__(self) -> Iterator[pd.DataFrame]:
        end = 0
        for table in self._kept if len(self._kept) else self._new():
            self.start, end = end, end + len(table)
            yield arrow_frame(table)

    def refused(self, start: int) -> tuple[Finding, ...]:
        """Return what reading has found in a frame: a table is read without faults."""
        del start
        return ()

    def _new(self) -> Iterator[pa.Table]:
        if self._stream.earlier is not None:
            # Spread rows are compared as they come: none is read again.
            yield from self._batches
            return
        for table in map(sliceable_table, self._joined()):
            self._kept.add(table)
            yield table

    def _joined(self) -> Iterator[pa.Table]:
        """Join small batches, once the types of bare columns do not depend on where a batch ends."""
        waiting: list[pa.Table] = []
        for table in self._batches:
            if waiting and sum(map(len, waiting)) + len(table) > self._most_rows:
                yield pa.concat_tables(waiting)
                waiting = []
            if self._stream.has_all_types:
                waiting.append(table)
            else:
                yield table
        if waiting:
            yield pa.concat_tables(waiting)
