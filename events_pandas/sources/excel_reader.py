"""Excel files: one sheet is read, whose first row names the columns."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa

from events_pandas.mapping.source_format import SourceFormat
from events_pandas.sources.excel_sheet import CHOOSE_SHEET, NoResult, SheetRow
from events_pandas.sources.excel_table import SheetTable, cell_at, elsewhere, sheets_in_words
from events_pandas.sources.reader import known_columns
from events_pandas.sources.scratch import Scratch
from events_pandas.sources.source_file import FileRemark, OddRow, Part, SourceFile
from events_pandas.sources.value_columns import column_of
from events_pandas.words import quoted


class ExcelReader:
    """Reads one sheet of an Excel file."""

    def __init__(self, file: SourceFile, content: BinaryIO, scratch: Scratch) -> None:
        self._file = file
        self._content = content
        self._scratch = scratch

    def schema(self) -> pa.Schema:
        """Return the names of the columns; one has the type of its values if they have one, and otherwise text."""
        table = self._table()
        return pa.schema([(name, table.arrow_type(place) or pa.string()) for place, name in enumerate(table.names)])

    def found_format(self) -> SourceFormat:
        """Return the sheet that is read, if there are others with rows."""
        table = self._table()
        return SourceFormat(sheet=table.title if table.others else None)

    def sheet_hint(self) -> str:
        """Say in which other sheets the rows may be, and how to choose one; or nothing."""
        table = self._table()
        return f"sheet {table.title!r} is read; {elsewhere(table.others)}" if table.others else ""

    def hint(self, names: frozenset[str]) -> str:
        """Say which other sheet may have the named columns, and how to choose it; or nothing."""
        table = self._table()
        if not table.others or names <= set(table.names):
            return ""
        fitting = [title for title, found in table.others.items() if names <= set(found)]
        facts = "has these columns" if len(fitting) == 1 else "have these columns"
        others = f"{sheets_in_words(fitting)} {facts}" if fitting else f"{sheets_in_words(table.others)} may have them"
        return f"sheet {table.title!r} is read, and {others}: {CHOOSE_SHEET}"

    def count(self) -> int:
        """Return the number of rows that are not empty."""
        return self._table().rows

    def parts(
        self, columns: frozenset[Hashable] | None, *, chunksize: int, keeps_odd_rows: bool = False
    ) -> Iterator[Part]:
        """Yield the rows of some columns. With `keeps_odd_rows`, values of different types are written as text."""
        table = self._table()
        chosen = known_columns(columns, table.names)
        places = [place for place, name in enumerate(table.names) if chosen is None or name in chosen]
        remarks = [*table.remarks, *_number_remarks(table, places)]
        start = 0
        for rows in table.batches(chunksize):
            cells = {place: [cell_at(row, place) for row in rows] for place in places}
            odd = _without_results(cells)
            odd_rows = [_odd_row(start + row, rows[row], table.names[place]) for row, place in sorted(odd.items())]
            for column in cells.values():
                for row in odd:
                    if not keeps_odd_rows or column[row] is NoResult.NO_RESULT:
                        column[row] = None
            frame = pd.DataFrame(
                {
                    place: column_of(
                        column, table.arrow_type(place), is_written=keeps_odd_rows, decimal=self._file.written.decimal
                    )
                    for place, column in cells.items()
                },
                index=range(len(rows)),
            )
            frame.columns = pd.Index([table.names[place] for place in places], dtype=object)
            lines = np.array([row.number for row in rows], np.int64)
            yield Part(frame=frame, odd_rows=odd_rows, remarks=remarks, lines=lines)
            start += len(rows)

    def _table(self) -> SheetTable:
        return self._scratch.kept("table", lambda: SheetTable.read(self._file, self._content, self._scratch))


def _without_results(cells: Mapping[int, Sequence[Any]]) -> dict[int, int]:
    """Return the rows that have a formula without a result, each with the first column that has one."""
    found: dict[int, int] = {}
    for place, column in cells.items():
        for row, value in enumerate(column):
            if value is NoResult.NO_RESULT:
                found.setdefault(row, place)
    return found


def _odd_row(row: int, found: SheetRow, name: str) -> OddRow:
    return OddRow(row=row, code="formula_without_result", subject=f"row {found.number} of the sheet (column {name!r})")


def _number_remarks(table: SheetTable, places: Sequence[int]) -> Iterator[FileRemark]:
    for place in places:
        if place in table.long_numbers:
            yield FileRemark(code="excel_digits", subject=f"column {table.names[place]!r}")
        if place in table.formats:
            shown = f"column {table.names[place]!r} with the format {quoted(table.formats[place])}"
            yield FileRemark(code="excel_format", subject=shown)
