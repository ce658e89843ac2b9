"""The rows of a table in a file that grows: whatever was written last, all rows before it can be read."""

import codecs
import csv
import errno
import io
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO, Final, TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

WRITTEN_ROWS: Final = 10_000
"""Rows that are text at a time."""
_GROUP_ROWS: Final = 100_000
_GROUP_BYTES: Final = 64 << 20
"""A row group of Parquet is in memory: it ends at this many rows or bytes."""
_HEADER_BYTES: Final = 1 << 20

CsvText: TypeAlias = Callable[..., str]
"""Makes text of a frame, with `header` or without, and with a `delimiter` between the cells."""


def csv_text(frame: pd.DataFrame, *, header: bool, delimiter: str = ",") -> str:
    r"""Return rows as all CSV files of this library have them: without the index, and with one kind of line ends.

    >>> csv_text(pd.DataFrame({"who": ["00042"], "note": ["a, b"]}), header=True)
    'who,note\n00042,"a, b"\n'
    """
    text = frame.to_csv(index=False, header=header, sep=delimiter, lineterminator="\n")
    if "\r" in text:
        # Python does not quote a lone carriage return, and pandas reads it as the end of a row.
        text = frame.to_csv(index=False, header=header, sep=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    return text


class CsvRowFile:
    """Rows of a CSV file. If there are characters beyond ASCII, the file needs a byte order mark for Excel.

    With `is_marked` it has a mark in any case.
    """

    def __init__(
        self, stream: BinaryIO, text: CsvText = csv_text, *, delimiter: str = ",", is_marked: bool = False
    ) -> None:
        self.n_rows = 0
        self._stream = stream
        self._text = text
        self._delimiter = delimiter
        self._is_marked = is_marked
        self.is_torn = False
        self._end = 0
        self._is_ascii = True

    @property
    def is_final(self) -> bool:
        """Whether the file can stay as it is."""
        return self._is_ascii and not self._is_marked

    def add(self, frame: pd.DataFrame, schema: "pa.Schema | None" = None) -> None:
        """Write rows; what an interrupt or an error broke off before is written over."""
        del schema  # CSV has no types.
        self.is_torn = True
        _cut(self._stream, self._end)
        for start in range(0, max(len(frame), 1), WRITTEN_ROWS):
            header = self._end == start == 0
            text = self._text(frame.iloc[start : start + WRITTEN_ROWS], header=header, delimiter=self._delimiter)
            self._stream.write(text.encode(errors="replace"))
            self._is_ascii = self._is_ascii and text.isascii()
        self._stream.flush()
        self._end = self._stream.tell()
        self.is_torn = False
        self.n_rows += len(frame)

    def find(self) -> list[str]:
        """Find the whole rows in a file that was cut off, and cut it there. Return the names of the columns."""
        self._stream.seek(0)
        head = self._stream.read(_HEADER_BYTES).decode(errors="replace")
        names: list[str] = []
        # Another program may have written something else.
        with suppress(csv.Error):
            names = next(csv.reader(io.StringIO(head, newline=""), delimiter=self._delimiter), [])
        self._stream.seek(0)
        position, ends, is_quoted = 0, 0, False
        for line in self._stream:
            position += len(line)
            is_quoted ^= line.count(b'"') % 2 == 1
            if not is_quoted and line.endswith(b"\n"):
                ends, self._end = ends + 1, position
                self._is_ascii = self._is_ascii and line.isascii()
        self.n_rows = max(ends - 1, 0)
        return names

    def cut(self) -> None:
        """Take away what stands after the last whole row."""
        _cut(self._stream, self._end)

    def write_final(self, stream: BinaryIO) -> None:
        """Write the same file with a byte order mark."""
        self._stream.seek(0)
        stream.write(codecs.BOM_UTF8)
        shutil.copyfileobj(self._stream, stream)


class ArrowRowFile:
    """Rows of a stream of Arrow batches, which become a Parquet file.

    Parquet itself can be read only when its last bytes are there.
    """

    is_final = False

    def __init__(self, stream: BinaryIO) -> None:
        self.n_rows = 0
        self._stream = stream
        self.is_torn = False
        self._schema: pa.Schema | None = None
        self._writer: pa.ipc.RecordBatchStreamWriter | None = None

    def add(self, frame: pd.DataFrame, schema: "pa.Schema | None" = None) -> None:
        """Write rows with the types of a schema. After a fault nothing more can be written."""
        # Without attributes: the facts of a run differ from chunk to chunk, and those of a user may not fit in a file.
        bare = pd.DataFrame(frame, copy=False)
        bare.columns = [str(label) for label in frame.columns]
        # Several threads take longer to begin than the few columns of a chunk take.
        table = pa.Table.from_pandas(bare, schema=schema, preserve_index=False, nthreads=1)
        if self.is_torn:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.is_torn = True
        if self._writer is None:
            self._schema = table.schema
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._writer = pa.ipc.new_stream(self._stream, table.schema, options=options)
        self._writer.write_table(table)
        self._stream.flush()
        self.is_torn = False
        self.n_rows += len(frame)

    def find(self) -> list[str]:
        """Find the whole batches in a file that was cut off. Return the names of the columns."""
        names: list[str] = []
        with suppress(pa.ArrowException, OSError), self._reader() as reader:
            names = list(reader.schema.names)
            for batch in reader:
                self.n_rows += len(batch)
        return names

    def cut(self) -> None:
        """Leave the file as it is: `write_final` reads whole batches only."""

    def write_final(self, stream: BinaryIO) -> None:
        """Write the rows as Parquet. A fault of reading is raised: rows must not go missing."""
        if not self.n_rows and self._schema is not None:
            # Arrow writes nothing at all before the first row.
            pq.write_table(self._schema.empty_table(), stream)
            return
        with self._reader() as reader, pq.ParquetWriter(stream, reader.schema) as writer:
            pending: list[pa.RecordBatch] = []
            done = written = size = 0
            while done < self.n_rows:
                pending.append(reader.read_next_batch())
                done, size = done + len(pending[-1]), size + pending[-1].nbytes
                if done == self.n_rows or done - written >= _GROUP_ROWS or size >= _GROUP_BYTES:
                    writer.write_table(pa.Table.from_batches(pending), row_group_size=_GROUP_ROWS)
                    pending, written, size = [], done, 0

    def _reader(self) -> "pa.ipc.RecordBatchStreamReader":
        self._stream.seek(0)
        return pa.ipc.open_stream(self._stream)


def _cut(stream: BinaryIO, end: int) -> None:
    stream.seek(end)
    stream.truncate()
