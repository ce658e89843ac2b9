"""Tables that are kept in a temporary file, so that rows that come only once can be read again."""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from mmap import ACCESS_READ, ALLOCATIONGRANULARITY, mmap
from tempfile import TemporaryFile
from typing import BinaryIO, Self, cast

import pyarrow as pa

from events_pandas.sources.spool import copy_fault


class KeptTables:
    """Tables in a temporary file, which is deleted at the end. Each may have other types."""

    # Without compression: it would take more time than the disk, and single rows are read without reading the others.

    def __init__(self, name: str) -> None:
        self._name = name  # of the rows in messages
        self._file: BinaryIO | None = None
        self._held = ExitStack()
        self._places: list[tuple[int, int]] = []  # where each table begins in the file, and its bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # A full disk does not take what it has not taken before.
        with suppress(OSError):
            self._held.close()

    def __len__(self) -> int:
        return len(self._places)

    def add(self, table: pa.Table) -> None:
        """Keep a table after the others. Raise `SourceError` if it cannot be written."""
        # Whole in itself: the dictionaries of a file of Arrow's own would have to be the same in all tables.
        try:
            self._write(_without_dictionaries(table))
        except OSError as error:
            raise copy_fault(self._name, error) from error

    def passing(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Yield tables, and keep each before."""
        for table in tables:
            self.add(table)
            yield table

    def _write(self, table: pa.Table) -> None:
        if self._file is None:
            # On most systems it has no name in its folder, so that a killed process leaves no rows behind.
            with ExitStack() as opening:
                self._file = cast("BinaryIO", opening.enter_context(TemporaryFile(prefix="events-pandas-")))
                self._held = opening.pop_all()
            # One for all tables: it closes the file at its own end.
            self._sink = pa.PythonFile(self._file, "w")
        # Only where its pages begin a file can be mapped.
        start = -(-self._file.seek(0, os.SEEK_END) // ALLOCATIONGRANULARITY) * ALLOCATIONGRANULARITY
        self._file.seek(start)
        with pa.ipc.new_stream(self._sink, table.schema) as stream:
            stream.write_table(table)
        self._file.flush()
        self._places.append((start, self._file.tell() - start))

    def __iter__(self) -> Iterator[pa.Table]:
        """Yield each table; its rows are read from the file when they are used."""
        return map(self._table, self._places)

    def _table(self, place: tuple[int, int]) -> pa.Table:
        assert self._file is not None  # noqa: S101  # It is there since the first table.
        start, size = place
        content = mmap(self._file.fileno(), size, access=ACCESS_READ, offset=start)
        return pa.ipc.open_stream(pa.py_buffer(content)).read_all()


def _without_dictionaries(table: pa.Table) -> pa.Table:
    """Return a table with values in the place of dictionaries, which might have more values than there are rows."""
    return pa.table(list(map(_decoded, table.columns)), names=table.column_names)


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_dictionary(column.type):
        return column
    return pa.chunked_array([each.dictionary.take(each.indices) for each in column.chunks], column.type.value_type)
