"""CSV files: their cells are text, so that 00042 stays as it is."""

from collections.abc import Hashable, Iterator
from functools import partial
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa

from events_pandas.byte_order_marks import recoded_from
from events_pandas.errors import SourceError
from events_pandas.mapping.source_format import SourceFormat
from events_pandas.sources.csv_blocks import CsvForm
from events_pandas.sources.csv_form import csv_form
from events_pandas.sources.csv_head import CsvHead
from events_pandas.sources.csv_records import CsvRecords, CsvRows, in_chunks
from events_pandas.sources.decimal_commas import may_need_sign
from events_pandas.sources.opening import decompressed, file_stamp
from events_pandas.sources.reader import known_columns
from events_pandas.sources.source_file import Part, SourceFile
from events_pandas.sources.text_encoding import UTF_8, header_fault, opened_text


class CsvReader:
    """Reads a CSV file, whose form it finds first."""

    def __init__(self, file: SourceFile, content: BinaryIO) -> None:
        self._file = file
        self._open_stream = partial(decompressed, file, content)
        self._stamp = file_stamp(content)

    def schema(self) -> pa.Schema:
        """Return the names of the columns, whose types are text."""
        return pa.schema([(name, pa.string()) for name in self._form().labels()])

    def count(self) -> int:
        """Return the number of rows."""
        return self._form().rows

    def delimiter(self) -> str:
        """Return the character between the cells."""
        return self._form().grammar.delimiter.decode()

    def found_format(self) -> SourceFormat:
        """Return how the file is written, where that is not with commas and as UTF-8."""
        form, delimiter = self._form(), self.delimiter()
        with self._open_stream() as stream:
            marked = recoded_from(stream)
        encoding = form.encoding if marked is None else marked[: len("utf-16")]
        return SourceFormat(
            delimiter=None if delimiter == "," else delimiter, encoding=None if encoding == UTF_8 else encoding
        )

    def may_need_sign(self) -> bool:
        """Tell whether a cell may be a number that only a known decimal sign tells; False is certain."""
        form = self._form()
        with opened_text(self._open_stream, form.encoding) as stream:
            return may_need_sign(stream, delimiter=form.grammar.delimiter)

    def hint(self, names: frozenset[str]) -> str:
        """Say what in the first lines may hide the named columns, and how to fix it; or nothing."""
        form = self._form()
        if fault := header_fault(form.labels(), names, form.encoding):
            return fault
        with opened_text(self._open_stream, form.encoding) as stream:
            return CsvHead.read(self._file, stream).hint(names)

    def parts(
        self, columns: frozenset[Hashable] | None, *, chunksize: int, keeps_odd_rows: bool = False
    ) -> Iterator[Part]:
        """Yield the rows of some columns as text."""
        form = self._form()
        labels = form.labels()
        chosen = known_columns(columns, labels)
        places = [place for place, label in enumerate(labels) if chosen is None or label in chosen]
        n_rows = 0
        with opened_text(self._open_stream, form.encoding) as stream:
            records = CsvRecords(self._file, form, places, keeps=keeps_odd_rows)
            for rows in in_chunks(records.read(stream), chunksize):
                n_rows += len(rows)
                frame = _frame(rows, [labels[place] for place in places])
                yield Part(frame=frame, odd_rows=rows.odd_rows, remarks=form.remarks, lines=rows.lines)
        if n_rows != form.rows:
            fault = f"cannot be read: it has {form.rows:,} rows, and {n_rows:,} were found"
            raise SourceError(f"{self._file}: {fault}")

    def _form(self) -> CsvForm:
        return csv_form(self._file, self._stamp, self._open_stream)


def _frame(rows: CsvRows, labels: list[str]) -> pd.DataFrame:
    as_text = partial(_as_text, dtype=pd.Series(dtype=str).dtype)
    columns = dict(enumerate(map(as_text, rows.table.columns)))
    frame = pd.DataFrame(columns, index=pd.RangeIndex(len(rows)), copy=False)
    # Labels may be doubled.
    frame.columns = labels
    return frame


def _as_text(column: pa.ChunkedArray, dtype: object) -> Any:
    """Return a column with the dtype that `pandas.read_csv(dtype=str)` gives it: that of text, `dtype`."""
    if isinstance(dtype, pd.StringDtype):
        # The stubs of pandas lack this part of its protocol for extension types.
        return dtype.__from_arrow__(column)  # type: ignore[attr-defined]
    texts = column.to_pandas()
    # Arrow has None for an absent cell.
    return texts.where(texts.notna())
