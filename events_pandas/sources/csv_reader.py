"""CSV files: their cells are text, so that 00042 stays as it is."""

from collections.abc import Hashable, Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa

from events_pandas.errors import SourceError
from events_pandas.sources.csv_form import OTHER_SEPARATORS, CsvHead, csv_form, separator_fault
from events_pandas.sources.csv_records import CsvRecords
from events_pandas.sources.csv_structure import CSV_OPTIONS, CsvForm
from events_pandas.sources.opening import decompressed, file_stamp
from events_pandas.sources.reader import known_columns
from events_pandas.sources.source_file import FileRemark, Part, SourceFile


class CsvReader:
    """Reads a CSV file, whose form it finds first."""

    def __init__(self, file: SourceFile, content: BinaryIO) -> None:
        self._file = file
        self._content = content

    def schema(self) -> pa.Schema:
        """Return the names of the columns, whose types are text."""
        return pa.schema([(str(name), pa.string()) for name in self._form().labels()])

    def count(self) -> int:
        """Return the number of rows."""
        return self._form().rows

    def hint(self, names: frozenset[str]) -> str:
        """Say what in the first lines may hide the named columns, and how to fix it; or nothing."""
        with decompressed(self._file, self._content) as stream:
            head = CsvHead.read(self._file, stream)
        _require_commas(self._file, head.form().labels())
        return head.hint(names)

    def parts(
        self, columns: frozenset[Hashable] | None, *, chunksize: int, keeps_odd_rows: bool = False
    ) -> Iterator[Part]:
        """Yield the rows of some columns as text."""
        form = self._form()
        header = form.labels()
        chosen = known_columns(columns, header)
        if chosen is None:
            _require_commas(self._file, header)
        places = [place for place, name in enumerate(header) if chosen is None or name in chosen]
        remarks = (
            []
            if form.escaped_line is None
            else [FileRemark(code="backslash_quotes", subject=f"line {form.escaped_line}")]
        )
        with decompressed(self._file, self._content) as stream:
            records: Any = CsvRecords(self._file, stream, form, keeps=keeps_odd_rows)
            n_rows = 0
            with pd.read_csv(
                records, chunksize=chunksize, usecols=places, dtype=str, na_values=[""], low_memory=False, **CSV_OPTIONS
            ) as reader:
                for frame in reader:
                    frame.columns = [header[place] for place in places]
                    n_rows += len(frame)
                    yield Part(frame=frame, odd_rows=records.odd_rows(n_rows), remarks=remarks)
        if n_rows != form.rows:
            fault = f"cannot be read: it has {form.rows:,} rows, and {n_rows:,} were found"
            raise SourceError(f"{self._file}: {fault}")

    def _form(self) -> CsvForm:
        return csv_form(self._file, file_stamp(self._content), partial(decompressed, self._file, self._content))


def _require_commas(file: SourceFile, header: Sequence[object]) -> None:
    """Raise a `SourceError` if a file has one column, and its name holds another separator than a comma."""
    separators = (name for mark, name in OTHER_SEPARATORS.items() if mark in str(header[0]))
    if len(header) == 1 and (separator := next(separators, None)):
        raise SourceError(separator_fault(file, separator))
