"""The sheet of an Excel file that is read, row by row, with the values that Excel shows."""

import re
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import repeat
from typing import Any, BinaryIO, Final

from events_pandas.errors import SourceError
from events_pandas.sources.excel_formats import shown_code
from events_pandas.sources.source_file import SourceFile
from events_pandas.words import did_you_mean, listed

_SHOWN_DIGITS: Final = 15
"""Excel shows no more digits of a number, and keeps no more of one that is typed."""
_EXACT_BELOW: Final = 10**_SHOWN_DIGITS
_ESCAPE: Final = re.compile("_x([0-9A-Fa-f]{4})_")
"""A character that XML lacks, such as _x000D_, or the underscore before a text that looks so."""
_MERGED: Final = re.compile(rb'mergeCell ref="([A-Z]+)([0-9]+):([A-Z]+)([0-9]+)"')
_FORMULA: Final = re.compile(rb"<(?:\w+:)?f[ >]")
_SHEETS: Final = "xl/workbook.xml"
_STRICT: Final = b"http://purl.oclc.org/ooxml/spreadsheetml"
_TEXTS: Final = "xl/sharedStrings.xml"
_MOST_BYTES_OF_TEXTS: Final = 10**9
_BLOCK_BYTES: Final = 1 << 20
_OVERLAP_BYTES: Final = 64
_EXPORT_AGAIN: Final = "export it again as .csv, or with another program"

CHOOSE_SHEET: Final = "choose it with sheet in the mapping's source or with --sheet"


class NoResult(Enum):
    """The value of a formula whose result is not in the file."""

    NO_RESULT = "no result"


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetRow:
    """A row that is not empty."""

    number: int  # as Excel shows it
    values: list[Any]  # of the columns from A on; None is an empty cell, and there is none at the end
    formats: Mapping[int, str] = field(default_factory=dict)  # of numbers that may be codes, by the place in values


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetMarks:
    """What the text of a sheet shows and its cells do not."""

    has_formulas: bool
    merged: Sequence[tuple[str, int]]  # merged ranges such as "A2:A4", each with its last row


class Workbook:
    """An open Excel file."""

    def __init__(self, file: SourceFile, content: BinaryIO) -> None:
        self._file = file
        self._content = content
        try:
            from events_pandas.sources.excel_stored import StoredWorkbook  # noqa: PLC0415  # It needs the extra.
        except ModuleNotFoundError as error:
            cure = 'pip install "events-pandas[excel]"'
            raise SourceError(f"{file}: Excel files are read with openpyxl, which is not installed: {cure}") from error
        self._open = StoredWorkbook
        self._require_readable()
        self._book = self._read(data_only=True)
        self._parts = self._book.sheet_parts()
        self._sheets = {sheet.title: sheet for sheet in self._book.wb.worksheets}

    def _read(self, *, data_only: bool) -> Any:
        self._content.seek(0)
        book = self._open(self._content, read_only=True, keep_vba=False, data_only=data_only, keep_links=False)
        book.read()
        return book

    def _require_readable(self) -> None:
        """Refuse a file that openpyxl would read as an empty one, and one of a few kilobytes that holds gigabytes."""
        with zipfile.ZipFile(self._content) as archive:
            for member in archive.infolist():
                if member.filename == _TEXTS and member.file_size > _MOST_BYTES_OF_TEXTS:
                    raise SourceError(f"{self._file}: its texts have more than 1 GB: export it as .csv")
                with archive.open(member) as stream:
                    while block := stream.read(_BLOCK_BYTES):
                        if fault := _fault_of(member.filename, block):
                            raise SourceError(f"{self._file}: {fault}")

    def chosen(self) -> tuple[str, dict[str, SheetRow]]:
        """Return the sheet to read, and the others with their first rows: the given one, or the first with rows.

        A sheet that is not there, and a file without rows, are a `SourceError`.
        """
        given = self._file.written.sheet
        if given is not None and given not in self._sheets:
            raise SourceError(f"{self._file}: has no sheet {given!r}: {did_you_mean(given, self._sheets)}")
        visible = [title for title, sheet in self._sheets.items() if sheet.sheet_state == "visible"]
        filled = {title: first for title in visible if (first := next(self.rows(title), None)) is not None}
        if given is None and not filled:
            hidden = [repr(title) for title in self._sheets if title not in visible]
            cure = f"{CHOOSE_SHEET} if it is a hidden one ({listed(hidden)})" if hidden else "fill one"
            raise SourceError(f"{self._file}: has no sheet with rows: {cure}")
        title = given or next(iter(filled))
        return title, {other: first for other, first in filled.items() if other != title}

    def marks(self, title: str) -> SheetMarks:
        """Search the text of a sheet for formulas and merged cells."""
        merged: dict[str, int] = {}
        has_formulas = False
        with zipfile.ZipFile(self._content) as archive, archive.open(self._parts[title]) as stream:
            rest = b""
            while block := stream.read(_BLOCK_BYTES):
                text = rest + block
                has_formulas = has_formulas or _FORMULA.search(text) is not None
                for left, top, right, bottom in _MERGED.findall(text):
                    merged[f"{left.decode()}{int(top)}:{right.decode()}{int(bottom)}"] = int(bottom)
                rest = text[-_OVERLAP_BYTES:]
        return SheetMarks(has_formulas=has_formulas, merged=list(merged.items()))

    def rows(self, title: str, *, has_formulas: bool = False) -> Iterator[SheetRow]:
        """Yield the rows of a sheet that are not empty. With formulas, those without a result are `NoResult`.

        Rows that do not ascend, and a cell that is there twice, are a `SourceError`: Excel would drop one of the two.
        """
        part = self._parts[title]
        written = self._read(data_only=False).rows(part) if has_formulas else repeat((0, ()))
        last = 0
        for (number, cells), (_, texts) in zip(self._book.rows(part), written, strict=False):
            if number <= last:
                fault = f"has row {last} twice" if number == last else f"has row {number} after row {last}"
                raise SourceError(f"{self._file}: sheet {title!r} {fault}: {_EXPORT_AGAIN}")
            last = number
            formulas = {cell["column"] for cell in texts if cell["data_type"] == "f"}
            row = self._row(number, cells, formulas)
            if row.values:
                yield row

    def _row(self, number: int, cells: Sequence[dict[str, Any]], formulas: Collection[int]) -> SheetRow:
        found: dict[int, Any] = {}
        formats: dict[int, str] = {}
        for cell in cells:
            place, value = cell["column"] - 1, _value(cell["value"])
            if value is None and cell["column"] in formulas and cell["data_type"] == "n":
                value = NoResult.NO_RESULT
            if value is None:
                continue
            if place in found:
                raise SourceError(f"{self._file}: row {number} has a cell twice: {_EXPORT_AGAIN}")
            found[place] = value
            if type(value) is int and 0 <= value < _EXACT_BELOW:
                number_format = self._book.number_format(cell)
                shown = shown_code(value, number_format)
                if shown is None:
                    formats[place] = number_format
                else:
                    found[place] = shown
        filled = [place for place, value in found.items() if not _is_blank(value)]
        values = [found.get(place) for place in range(max(filled, default=-1) + 1)]
        return SheetRow(number=number, values=values, formats=formats)


def _fault_of(part: str, block: bytes) -> str:
    """Return what is wrong with a block of a part of the archive; or nothing."""
    if part == _SHEETS and _STRICT in block:
        return "is written as Strict Open XML: save it as Excel Workbook (.xlsx)"
    if len(block) == _BLOCK_BYTES and b"<" not in block and part.endswith(".xml"):
        return "has a text of more than a megabyte, and a cell of Excel has 32,767 characters: export it again"
    return ""


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _value(value: Any) -> Any:
    """Return the value of a cell without what its owner does not see."""
    if isinstance(value, str):
        return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), value) or None
    if isinstance(value, float):
        # 19.990000000000002, the result of a formula, is 19.99 to its owner.
        value = float(f"{value:.{_SHOWN_DIGITS}g}")
        return int(value) if value.is_integer() and abs(value) < _EXACT_BELOW else value
    return value


def is_long_number(value: object) -> bool:
    """Tell whether a value is a whole number of which Excel keeps not all digits."""
    return type(value) in {int, float} and abs(value) >= _EXACT_BELOW  # type: ignore[arg-type]  # Those are numbers.
