"""Tables that are kept, in memory and in a temporary file, so that rows that come only once can be read again."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from mmap import ACCESS_READ, ALLOCATIONGRANULARITY, mmap
from tempfile import TemporaryFile
from typing import BinaryIO, Final, Self, TypeAlias, cast

import pyarrow as pa

from events_pandas.mapping.arrow_types import sliceable_table, without_dictionaries
from events_pandas.sources.spool import copy_fault

_HELD_BYTES: Final = 1 << 28
"""Memory for the first tables: to hold them takes no processor time, to write them a tenth of that of a check."""
_TABLE_BYTES: Final = 1 << 14
"""What a table takes besides its cells, roughly: there may be many tables with a row or two."""

Place: TypeAlias = tuple[int, int]
"""Where a table begins in the file, and its bytes."""


class KeptTables:
    """Tables in memory, as far as it is given, and in a temporary file, which is deleted at the end.

    Each may have other types.
    """

    # Without compression: it would take more time than the disk, and single rows are read without reading the others.

    def __init__(self, name: str, *, held_bytes: int = _HELD_BYTES) -> None:
        self._name = name  # of the rows in messages
        self._file: BinaryIO | None = None
        self._opened = ExitStack()
        self._tables: list[pa.Table | bytes | Place] = []
        self._room = held_bytes
        self._memory: set[int] = set()  # where the tables that are held are

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # A full disk does not take what it has not taken before.
        with suppress(OSError):
            self._opened.close()

    def __len__(self) -> int:
        return len(self._tables)

    def add(self, table: pa.Table) -> None:
        """Keep a table after the others. Raise `SourceError` if it cannot be written."""
        # Whole in itself: the dictionaries of a file of Arrow's own would have to be the same in all tables.
        plain = _without_dictionaries(table)
        self._tables.append(plain if self._is_held(plain) else self._written(partial(_write_stream, plain)))

    def add_packed(self, content: bytes) -> None:
        """Keep a table that is a stream of Arrow's own format as it is: it is unpacked when it is read."""
        is_held = self._takes(len(content))
        self._tables.append(content if is_held else self._written(lambda sink: sink.write(content)))

    def passing(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Yield tables, and keep each before."""
        for table in tables:
            self.add(table)
            yield table

    def _is_held(self, table: pa.Table) -> bool:
        """Tell whether there is room for a table, and take it."""
        memory = {place: size for place, size in _memory(table).items() if place not in self._memory}
        is_held = self._takes(sum(memory.values()))
        if is_held:
            self._memory |= memory.keys()
        return is_held

    def _takes(self, size: int) -> bool:
        """Tell whether there is room for so many bytes of a table, and take it."""
        taken = _TABLE_BYTES + size
        if taken > self._room:
            return False
        self._room -= taken
        return True

    def _written(self, write: Callable[[pa.PythonFile], object]) -> Place:
        try:
            if self._file is None:
                # On most systems it has no name in its folder, so that a killed process leaves no rows behind.
                with ExitStack() as opening:
                    self._file = cast("BinaryIO", opening.enter_context(TemporaryFile(prefix="events-pandas-")))
                    self._opened = opening.pop_all()
                # One for all tables: it closes the file at its own end.
                self._sink = pa.PythonFile(self._file, "w")
            # Only where its pages begin a file can be mapped.
            start = -(-self._file.seek(0, os.SEEK_END) // ALLOCATIONGRANULARITY) * ALLOCATIONGRANULARITY
            self._file.seek(start)
            write(self._sink)
            self._file.flush()
            return start, self._file.tell() - start
        except OSError as error:
            raise copy_fault(self._name, error) from error

    def __getitem__(self, place: int) -> pa.Table:
        """Return a table; rows that are in the file are read when they are used."""
        kept = self._tables[place]
        if isinstance(kept, pa.Table):
            return kept
        return _unpacked(kept if isinstance(kept, bytes) else self._mapped(*kept))

    def __iter__(self) -> Iterator[pa.Table]:
        """Yield each table."""
        return (self[place] for place in range(len(self)))

    def _mapped(self, start: int, size: int) -> pa.Buffer:
        assert self._file is not None  # noqa: S101  # It is there since the first table was written.
        return pa.py_buffer(mmap(self._file.fileno(), size, access=ACCESS_READ, offset=start))


def _unpacked(stream: bytes | pa.Buffer) -> pa.Table:
    """Read a stream of Arrow's own format."""
    # Several threads would take more processor time.
    return pa.ipc.open_stream(stream, options=pa.ipc.IpcReadOptions(use_threads=False)).read_all()


def _write_stream(table: pa.Table, sink: pa.PythonFile) -> None:
    """Write a table as a stream of Arrow's own format."""
    sliceable = sliceable_table(table)
    with pa.ipc.new_stream(sink, sliceable.schema) as stream:
        stream.write_table(sliceable)


def _memory(table: pa.Table) -> dict[int, int]:
    """Return the size of each piece of memory that a table keeps from being freed, by its address."""
    chunks = (chunk for column in table.columns for chunk in column.chunks)
    wholes = (_whole(buffer) for chunk in chunks for buffer in chunk.buffers() if buffer is not None)
    return {whole.address: whole.size for whole in wholes}


def _whole(buffer: pa.Buffer) -> pa.Buffer:
    """Return what a buffer is cut from: the columns of a message of Arrow's own format are in one piece."""
    while buffer.parent is not None:
        buffer = buffer.parent
    return buffer


def _without_dictionaries(table: pa.Table) -> pa.Table:
    """Return a table with values in the place of dictionaries, which might have more values than there are rows."""
    return pa.table(list(map(without_dictionaries, table.columns)), names=table.column_names)
