"""The stream of rows that pandas reads from a CSV file: each has a cell for every column; odd rows are set aside."""

from bisect import bisect_left
from collections.abc import Iterator
from typing import BinaryIO, Final

import numpy as np

from events_pandas.errors import SourceError
from events_pandas.sources.csv_form import cell_text, unclosed_fault
from events_pandas.sources.csv_structure import (
    BLOCK_BYTES,
    BYTE_ORDER_MARK,
    END_OF_FILE_OF_DOS,
    NUL,
    Block,
    CsvForm,
    UnclosedQuoteError,
    cells_of,
    odd_records,
    plain_quotes,
    quoted_cell,
    read_blocks,
)
from events_pandas.sources.source_file import OddRow, SourceFile
from events_pandas.words import counted

_MARK: Final = "\N{REPLACEMENT CHARACTER}"
# pandas would end a cell at a NUL, so a mark replaces it, and another mark replaces the first mark.
_NUL_MARK: Final = f"{_MARK}0"
_MARK_MARK: Final = f"{_MARK}1"


def with_nuls(text: str) -> str:
    """Return a cell of a kept row with NULs in the places of their marks, as it stands in the file."""
    return text.replace(_NUL_MARK, "\0").replace(_MARK_MARK, _MARK)


class CsvRecords:
    """The content of a CSV file for pandas: a header, and rows with a cell for every column.

    With `keeps`, odd rows stand in it as far as they can: missing cells are empty, cells beyond the last column are in
    that column, and marks stand for NULs (see `with_nuls`). Otherwise all cells of an odd row are empty.
    """

    def __init__(self, file: SourceFile, stream: BinaryIO, form: CsvForm, *, keeps: bool = False) -> None:
        self._file = file
        self._form = form
        self._keeps = keeps
        self._texts = self._plain_texts(stream) if form.is_regular else self._read_texts(stream)
        self._text = form.header + b"\n"
        self._position = 0
        self._odd_rows: list[OddRow] = []
        self.rows = 0  # handed out so far

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most `size`; nothing at the end."""
        while self._position >= len(self._text):
            text = next(self._texts, None)
            if text is None:
                return b""
            self._text, self._position = text, 0
        part = self._text[self._position : self._position + size]
        self._position += len(part)
        return part

    def odd_rows(self, stop: int) -> list[OddRow]:
        """Return the odd rows before the row `stop`, in order, and forget them."""
        n_taken = bisect_left(self._odd_rows, stop, key=lambda odd: odd.row)
        taken, self._odd_rows = self._odd_rows[:n_taken], self._odd_rows[n_taken:]
        return taken

    def _plain_texts(self, stream: BinaryIO) -> Iterator[bytes]:
        stream.read(self._form.offset)
        while text := stream.read(BLOCK_BYTES):
            # Some programs mark the end of the file with this byte.
            while text.endswith(END_OF_FILE_OF_DOS) and (more := stream.read(BLOCK_BYTES)):
                text += more
            yield text.rstrip(END_OF_FILE_OF_DOS)

    def _read_texts(self, stream: BinaryIO) -> Iterator[bytes]:
        try:
            for block in read_blocks(stream, self._form, escapes=self._form.escaped_line is not None):
                yield self._read_out(block)
        except UnclosedQuoteError as error:
            raise SourceError(unclosed_fault(self._file, error.line + 1)) from error

    def _read_out(self, block: Block) -> bytes:
        """Return the rows of a block, and keep the odd ones in mind."""
        records = block.records
        numbers = self.rows + np.cumsum(~block.is_blank) - 1
        self.rows += int((~block.is_blank).sum())
        parts, position = [], 0
        for record in np.flatnonzero(odd_records(block, self._form)).tolist():
            parts.append(self._plain(block.text[position : int(records.starts[record])]))
            position = int(records.nexts[record])
            if block.is_blank[record]:
                continue
            row = self._row(block, record)
            code = self._code(row, is_stray=bool(records.is_stray[record]))
            if code is not None:
                subject = self._subject(block.line_of(record), code, len(row))
                self._odd_rows.append(OddRow(row=int(numbers[record]), code=code, subject=subject))
            parts.append(self._written(row, code))
        return b"".join([*parts, self._plain(block.text[position:])])

    def _plain(self, text: bytes) -> bytes:
        return plain_quotes(text) if self._form.escaped_line is not None and b"\\" in text else text

    def _row(self, block: Block, record: int) -> list[bytes]:
        """Return the cells of a row, with their quotes."""
        span = block.records.span(record)
        text = block.text[span]
        return [self._plain(text[left:right]) for left, right in cells_of(block.shown[span])]

    def _code(self, row: list[bytes], *, is_stray: bool) -> str | None:
        """Return the code of what is wrong with a row; None if it can be read."""
        form = self._form
        # pandas would end the cell there.
        if any(NUL in cell for cell in row):
            return "nul_character"
        if is_stray:
            return "quote_not_doubled"
        texts = list(map(cell_text, [row[0].removeprefix(BYTE_ORDER_MARK), *row[1:]]))
        if _without_last_empty(texts) == _without_last_empty(list(form.names)):
            return "repeated_header"
        if len(row) < form.least:
            return "row_too_short"
        # Some programs write a comma at the end of a row: no cell follows it.
        return "row_too_long" if any(text.strip() for text in map(cell_text, row[form.width :])) else None

    def _subject(self, line: int, code: str, n_cells: int) -> str:
        if code not in ("row_too_short", "row_too_long"):
            return f"line {line}"
        return f"line {line} ({counted(n_cells, 'cell')} for {counted(self._form.width, 'column')})"

    def _written(self, row: list[bytes], code: str | None) -> bytes:
        """Return a row with as many cells as there are columns."""
        width = self._form.width
        if code is None:
            return b",".join(row[:width]) + b"\n"
        if not self._keeps:
            return b'""' + b"," * (width - 1) + b"\n"
        if code == "nul_character":
            row = [cell.replace(_MARK.encode(), _MARK_MARK.encode()).replace(NUL, _NUL_MARK.encode()) for cell in row]
        elif code == "quote_not_doubled":
            row = list(map(quoted_cell, row))
        elif code == "repeated_header":
            row = [row[0].removeprefix(BYTE_ORDER_MARK), *row[1:]]
        if len(row) > width:
            row = [*row[: width - 1], quoted_cell(b",".join(row[width - 1 :]))]
        return b",".join(row) + b"\n"


def _without_last_empty(texts: list[bytes]) -> list[bytes]:
    while texts and not texts[-1]:
        texts.pop()
    return texts
