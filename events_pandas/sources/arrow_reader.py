"""Files of Arrow's world, which have types: Parquet."""

from collections.abc import Hashable, Iterator
from typing import BinaryIO, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from events_pandas.mapping.arrow_types import sliceable_table
from events_pandas.sources.reader import chosen_columns
from events_pandas.sources.source_file import Part

_BUFFER_BYTES: Final = 1 << 20
"""How much of each column is read at a time."""


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
                yield Part(frame=_as_frame(file.schema_arrow.empty_table()))
            read = chosen_columns(columns, file.schema_arrow.names)
            for batch in file.iter_batches(batch_size=chunksize, columns=read):
                yield Part(frame=_as_frame(pa.Table.from_batches([batch])))


def _as_frame(table: pa.Table) -> pd.DataFrame:
    # Arrow's own dtypes: an integer column with a gap stays an integer column.
    frame: pd.DataFrame = sliceable_table(table).to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)
    return frame
