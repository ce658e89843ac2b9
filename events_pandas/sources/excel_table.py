"""The table on a sheet of an Excel file: its header, and its rows in a temporary file."""

import pickle
import re
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, BinaryIO, Final
from xml.etree.ElementTree import ParseError

import pyarrow as pa

from events_pandas.errors import SourceError
from events_pandas.sources.blank_rows import BlankRows
from events_pandas.sources.excel_sheet import CHOOSE_SHEET, NoResult, SheetMarks, SheetRow, Workbook, is_long_number
from events_pandas.sources.scratch import Scratch
from events_pandas.sources.source_file import FileRemark, SourceFile
from events_pandas.sources.value_columns import ObjectTypes, value_text
from events_pandas.words import listed

_KEPT_ROWS: Final = 1_000
_SEARCHED_ROWS: Final = 100
"""The most rows that are searched for a header below the first one."""
_VALUE_LIKE: Final = re.compile(r"\s*[-+]?[0-9]|.*(?:@|://)", re.DOTALL)
"""How texts begin that are values, and do not name a column."""

# The errors of openpyxl at a damaged file.
_FAULTS: Final = (KeyError, TypeError, ValueError, AttributeError, IndexError, ParseError)


@dataclass(kw_only=True, slots=True)
class SheetTable:
    """The columns of a sheet, and where its rows are kept."""

    title: str  # of the sheet
    names: list[str]  # of the columns from A on; "" is a column without a name
    others: dict[str, list[str]] = field(default_factory=dict)  # first rows of other sheets, by title
    remarks: list[FileRemark] = field(default_factory=list)
    rows: int = 0
    types: ObjectTypes = field(default_factory=ObjectTypes)  # by the place of the column, as text
    long_numbers: set[int] = field(default_factory=set)  # the columns that hold one
    formats: dict[int, str] = field(default_factory=dict)  # of columns whose numbers may be codes
    _batches: list[int] = field(default_factory=list)  # where each begins in the temporary file
    _stream: "BinaryIO | None" = None
    _last: int = 0  # the row that was read last
    _blank: BlankRows = field(default_factory=BlankRows)  # before other rows

    @classmethod
    def read(cls, file: SourceFile, content: BinaryIO, scratch: Scratch) -> "SheetTable":
        """Read a sheet once; what cannot be read as a table is a `SourceError`."""
        # openpyxl warns of parts of the file that it does not read, such as rules for entering data.
        with warnings.catch_warnings(), scratch.progress(f"reading {file.short_name}") as advance:
            warnings.simplefilter("ignore")
            try:
                workbook = Workbook(file, content)
                title, others = workbook.chosen()
                marks = workbook.marks(title)
                rows = workbook.rows(title, has_formulas=marks.has_formulas)
                first = list(islice(rows, _SEARCHED_ROWS + 1))
                _require_header(file, first, title=title, others=others)
                unread = others if file.written.sheet is None else ()
                remarks = list(_sheet_remarks(title, unread, marks, header=first[0].number))
                names = {other: _names(row) for other, row in others.items()}
                table = cls(title=title, names=_names(first[0]), others=names, remarks=remarks, _last=first[0].number)
                table.keep(chain(first[1:], rows), scratch, advance)
            except _FAULTS as error:
                raise SourceError(f"{file}: is damaged or incomplete: copy or export it again") from error
        return table

    def keep(self, rows: Iterator[SheetRow], scratch: Scratch, advance: Callable[[int], object]) -> None:
        """Write the rows below the header to a temporary file."""

        def write(stream: BinaryIO) -> None:
            while batch := list(islice(rows, _KEPT_ROWS)):
                self._batches.append(stream.tell())
                pickle.dump(batch, stream, protocol=pickle.HIGHEST_PROTOCOL)
                self._add(batch)
                advance(len(batch))

        for place in range(len(self.names)):
            self.types.add_column(str(place))
        self._stream = scratch.temporary(write)
        self.names += [""] * (len(self.types.names) - len(self.names))
        self.remarks += self._blank.remarks("row")

    def _add(self, batch: Sequence[SheetRow]) -> None:
        self.rows += len(batch)
        for row in batch:
            self._blank.add(range(self._last + 1, row.number))
            self._last = row.number
            for place, number_format in row.formats.items():
                self.formats.setdefault(place, number_format)
        for place in range(max(len(self.names), *(len(row.values) for row in batch))):
            values = [cell_at(row, place) for row in batch]
            self.types.add(str(place), [value for value in values if value is not NoResult.NO_RESULT])
            if any(map(is_long_number, values)):
                self.long_numbers.add(place)

    def arrow_type(self, place: int) -> pa.DataType | None:
        """Return the type that all values of a column have; None if they are different Python objects."""
        return self.types.arrow_type(str(place))

    def batches(self, most: int) -> Iterator[Sequence[SheetRow]]:
        """Yield the rows, at most so many at a time; one empty batch if there are none."""
        stream = self._stream
        if stream is None or not self._batches:
            yield ()
            return
        waiting: list[SheetRow] = []
        for offset in self._batches:
            stream.seek(offset)
            # Nobody else can write to this file: it has no name.
            waiting += pickle.load(stream)  # noqa: S301
            while len(waiting) >= most:
                yield waiting[:most]
                waiting = waiting[most:]
        if waiting:
            yield waiting


def cell_at(row: SheetRow, place: int) -> Any:
    """Return the value of a column in a row."""
    return row.values[place] if place < len(row.values) else None


def sheets_in_words(titles: Iterable[str]) -> str:
    """Return the titles of sheets as messages show them."""
    return listed([repr(title) for title in titles])


def elsewhere(others: Iterable[str]) -> str:
    """Say that the rows may be in one of the other sheets, and how to choose it."""
    return f"the rows may be in another sheet ({sheets_in_words(others)}): {CHOOSE_SHEET}"


def _require_header(file: SourceFile, first: Sequence[SheetRow], *, title: str, others: Collection[str]) -> None:
    """Raise a `SourceError` if there is no row, or if the first one is a title and a row below names the columns."""
    if not first:
        cure = elsewhere(others) if others else "its first row must name the columns"
        raise SourceError(f"{file}: sheet {title!r} is empty: {cure}")
    header, *below = first
    named = [value for value in header.values if value is not None]
    if not below:
        return
    usual, _ = Counter(len(row.values) for row in below).most_common(1)[0]
    wide = [row for row in below if len(row.values) == usual]
    may_name = [all(map(_is_name, row.values)) for row in wide]
    # The last row of names above the first row of values is the header.
    found = wide[max(may_name.index(False) - 1, 0)] if False in may_name else wide[0]
    # A last column may have no name.
    if may_name[0] and usual > 1 and (len(named) == 1 or len(named) < usual - 1):
        cure = f"the header seems to be in row {found.number}: delete the rows above it"
        if others:
            cure = f"{elsewhere(others)}; if not, {cure}"
        raise SourceError(f"{file}: the first row of sheet {title!r} names {len(named)} of {usual} columns: {cure}")


def _names(row: SheetRow) -> list[str]:
    return [_name(cell) for cell in row.values]


def _name(cell: object) -> str:
    return "" if cell is NoResult.NO_RESULT else str(value_text(cell) or "").strip()


def _is_name(value: object) -> bool:
    return isinstance(value, str) and not _VALUE_LIKE.match(value)


def _sheet_remarks(title: str, others: Collection[str], marks: SheetMarks, *, header: int) -> Iterator[FileRemark]:
    if others:
        yield FileRemark(code="sheet_chosen", subject=f"sheet {title!r} (beside {sheets_in_words(others)})")
    merged = [cells for cells, last in marks.merged if last > header]
    if merged:
        yield FileRemark(code="merged_cells", subject=f"cells {listed(merged, most=1)}")
