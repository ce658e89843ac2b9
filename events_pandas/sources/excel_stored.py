"""The texts and cells of an Excel file as they are stored: openpyxl itself changes some and drops others."""

from collections.abc import Iterator, Sequence
from typing import Any

from openpyxl.cell.read_only import ReadOnlyCell
from openpyxl.cell.text import Text
from openpyxl.reader.excel import ExcelReader
from openpyxl.worksheet._reader import WorkSheetParser
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS
from openpyxl.xml.functions import iterparse


class StoredWorkbook(ExcelReader):  # type: ignore[misc]  # openpyxl ships no types.
    """An open Excel file. Not that of load_workbook: it does not tell where in the archive a sheet is."""

    def read_strings(self) -> None:
        """Read the shared texts. openpyxl removes x005F_ from them, and a literal _x0041_ would pass for an escape."""
        part = self.package.find(SHARED_STRINGS)
        if part is None:
            return
        with self.archive.open(part.PartName[1:]) as stream:
            for _, element in iterparse(stream):
                if element.tag == f"{{{SHEET_MAIN_NS}}}si":
                    self.shared_strings.append(Text.from_tree(element).content)
                    element.clear()

    def sheet_parts(self) -> dict[str, str]:
        """Return where in the archive each sheet is, by title."""
        return {sheet.name: link.target for sheet, link in self.parser.find_sheets()}

    def rows(self, part: str) -> Iterator[tuple[int, Sequence[dict[str, Any]]]]:
        """Yield the number and the cells of each row of a sheet. openpyxl's sheet drops rows that do not ascend."""
        book = self.wb
        with self.archive.open(part) as stream:
            yield from WorkSheetParser(
                stream,
                self.shared_strings,
                data_only=self.data_only,
                epoch=book.epoch,
                date_formats=book._date_formats,  # noqa: SLF001  # Only its own sheets get them otherwise.
                timedelta_formats=book._timedelta_formats,  # noqa: SLF001
            ).parse()

    def number_format(self, cell: dict[str, Any]) -> str:
        """Return the number format of a cell."""
        found: str = ReadOnlyCell(self.wb.worksheets[0], **cell).number_format
        return found
