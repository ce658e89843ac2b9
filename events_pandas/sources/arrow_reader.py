"""Files of Arrow's world, which have types: Parquet, and Arrow's own format with its older name Feather."""

from collections.abc import Hashable, Iterator
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from events_pandas.errors import SourceError
from events_pandas.mapping.arrow_types import arrow_frame
from events_pandas.sources.reader import chosen_columns
from events_pandas.sources.source_file import Part, SourceFile

_BUFFER_BYTES: Final = 1 << 20
"""How much of each column is read at a time."""
_START_OF_FILE: Final = b"ARROW1"
_START_OF_MESSAGE: Final = b"\xff\xff\xff\xff"


class ParquetReader:
    """Reads a Parquet file, row group by row group."""

    def __init__(self, content: BinaryIO) -> None:
        self._content = content

    def schema(self) -> pa.Schema:
        """Return the names and types of the columns."""
        return pq.read_schema(self._content).remove_metadata()

    def count(self) -> int:
        """Return the number of rows."""
        rows: int = pq.read_metadata(self._content).num_rows
        return rows

    def parts(
        self, columns: frozenset[Hashable] | None, *, chunksize: int, keeps_odd_rows: bool = False
    ) -> Iterator[Part]:
        """Yield the rows of some columns; no row of a Parquet file is odd."""
        del keeps_odd_rows
        # Arrow would read whole row groups, and keep all of them until the end.
        with pq.ParquetFile(self._content, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
            if file.metadata.num_rows == 0:
                yield Part(frame=arrow_frame(file.schema_arrow.empty_table()))
            read = chosen_columns(columns, file.schema_arrow.names)
            for batch in file.iter_batches(batch_size=chunksize, columns=read):
                yield Part(frame=arrow_frame(pa.Table.from_batches([batch])))


class ArrowReader:
    """Reads a file or a stream in Arrow's IPC format, record batch by record batch."""

    def __init__(self, file: SourceFile, content: BinaryIO) -> None:
        self._file = file
        self._content = content
        content.seek(0)
        self._is_file = content.read(len(_START_OF_FILE)) == _START_OF_FILE

    def schema(self) -> pa.Schema:
        """Return the names and types of the columns."""
        with self._opened() as reader:
            return reader.schema.remove_metadata()

    def count(self) -> int:
        """Return the number of rows."""
        with self._opened() as reader:
            first = [0] if len(reader.schema) else None
        return sum(batch.num_rows for batch in self._batches(first))

    def parts(
        self, columns: frozenset[Hashable] | None, *, chunksize: int, keeps_odd_rows: bool = False
    ) -> Iterator[Part]:
        """Yield the rows of some columns; no row of an Arrow file is odd."""
        del keeps_odd_rows
        schema = self.schema()
        read = set(chosen_columns(columns, schema.names))
        places = [place for place, name in enumerate(schema.names) if name in read]
        rows = 0
        for batch in self._batches(places):
            for start in range(0, batch.num_rows, chunksize):
                yield Part(frame=arrow_frame(pa.Table.from_batches([batch.slice(start, chunksize)])))
            rows += batch.num_rows
        if not rows:
            yield Part(frame=arrow_frame(schema.empty_table()))

    def _batches(self, places: list[int] | None) -> Iterator[pa.RecordBatch]:
        options = pa.ipc.IpcReadOptions(included_fields=places)
        with self._opened(options) as reader:
            if self._is_file:
                yield from map(reader.get_batch, range(reader.num_record_batches))
                return
            yield from reader
            schema = reader.schema
        # Streams may be joined, as `cat` does.
        while self._is_before_stream():
            with pa.ipc.open_stream(self._content, options=options) as reader:
                if reader.schema != schema:
                    fault = (
                        "is made of streams that were joined, and their columns or types differ: give each file itself"
                    )
                    raise SourceError(f"{self._file}: {fault}")
                yield from reader

    def _is_before_stream(self) -> bool:
        """Tell whether another stream begins here; other bytes than those of a stream are a `SourceError`."""
        place = self._content.tell()
        start = self._content.read(len(_START_OF_MESSAGE))
        self._content.seek(place)
        if start not in {b"", _START_OF_MESSAGE}:
            raise SourceError(f"{self._file}: holds something else behind its stream: copy or export it again")
        return bool(start)

    def _opened(self, options: "pa.ipc.IpcReadOptions | None" = None) -> Any:
        self._content.seek(0)
        return (pa.ipc.open_file if self._is_file else pa.ipc.open_stream)(self._content, options=options)
