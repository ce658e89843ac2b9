"""The rows of a CSV file as pandas can read them: each with a cell for every column, odd ones set aside."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from events_pandas.convert.cells import Mask
from events_pandas.errors import SourceError
from events_pandas.sources.csv_form import (
    BYTE_ORDER_MARK,
    Block,
    CsvForm,
    cell_text,
    plain_quotes,
    read_blocks,
    unclosed_fault,
)
from events_pandas.sources.csv_structure import UnclosedQuoteError, cells_of

_NUL: Final = b"\0"
_SHOWN_NUL: Final = "\N{REPLACEMENT CHARACTER}".encode()
_PREFIX_BYTES: Final = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A row that cannot be read as it was meant.

    Parameters
    ----------
    row : int
        Counted from the file's first.
    code : str
        What is wrong with it.
    subject : str
        How to speak of it, such as ``"line 4 (2 cells for 3 columns)"``.
    """

    row: int
    code: str
    subject: str


class CsvRecords:
    """The content of a CSV file, to be read by pandas: a header, and rows with a cell for every column.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    stream : binary file
        Its content.
    form : CsvForm
        How it is to be read.
    keeps : bool
        Whether odd rows stand in it as far as they can: cells that are missing are empty, and those beyond the last
        column stand in it. Otherwise nothing but empty cells is left of such a row.

    Attributes
    ----------
    rows : int
        The number of rows that were handed out.
    """

    def __init__(self, path: Path, stream: BinaryIO, form: CsvForm, *, keeps: bool = False) -> None:
        self._path = path
        self._form = form
        self._keeps = keeps
        self._blocks = read_blocks(stream, form, escapes=form.escaped_line is not None)
        self._text = form.header + b"\n"
        self._position = 0
        self._refused: list[Refusal] = []
        self._prefixes = tuple(_prefixes(form))
        self.rows = 0

    def read(self, size: int) -> bytes:
        """Read on.

        Parameters
        ----------
        size : int
            The most bytes.

        Returns
        -------
        bytes
            Nothing at the end.
        """
        while self._position >= len(self._text):
            block = self._next_block()
            if block is None:
                return b""
            self._text, self._position = self._read_out(block), 0
        part = self._text[self._position : self._position + size]
        self._position += len(part)
        return part

    def refused(self, stop: int) -> list[Refusal]:
        """Return rows that were set aside, and forget them.

        Parameters
        ----------
        stop : int
            The first row that is not asked for.

        Returns
        -------
        list of Refusal
            Those before it, in order.
        """
        n_taken = bisect_left(self._refused, stop, key=lambda refusal: refusal.row)
        taken, self._refused = self._refused[:n_taken], self._refused[n_taken:]
        return taken

    def _next_block(self) -> Block | None:
        try:
            return next(self._blocks, None)
        except UnclosedQuoteError as error:
            raise SourceError(unclosed_fault(self._path, error.line + 1)) from error

    def _read_out(self, block: Block) -> bytes:
        """Return the rows of a block, and keep in mind which are set aside."""
        records, form = block.records, self._form
        has_nul, may_repeat = _with_nul(block), self._candidates(block)
        is_odd = block.is_blank | records.is_stray | has_nul | may_repeat
        is_odd |= (records.cells < form.least) | (records.cells > form.width)
        numbers = self.rows + np.cumsum(~block.is_blank) - 1
        self.rows += int((~block.is_blank).sum())
        parts, position = [], 0
        for record in np.flatnonzero(is_odd).tolist():
            parts.append(self._plain(block.text[position : int(records.starts[record])]))
            position = int(records.nexts[record])
            if block.is_blank[record]:
                continue
            row = self._row(block, record)
            code = "nul_character" if has_nul[record] else self._code(row, is_stray=bool(records.is_stray[record]))
            if code is not None:
                line = block.line + int(records.lines[record]) + 1
                self._refused.append(
                    Refusal(row=int(numbers[record]), code=code, subject=self._subject(line, code, len(row)))
                )
            parts.append(self._written(row, code))
        return b"".join([*parts, self._plain(block.text[position:])])

    def _plain(self, text: bytes) -> bytes:
        return plain_quotes(text) if self._form.escaped_line is not None and b"\\" in text else text

    def _row(self, block: Block, record: int) -> list[bytes]:
        """Return the cells of a row, with their quotes."""
        start, end = int(block.records.starts[record]), int(block.records.ends[record])
        spans = cells_of(block.shown[start:end])
        return [self._plain(block.text[start + left : start + right]) for left, right in spans]

    def _code(self, row: list[bytes], *, is_stray: bool) -> str | None:
        """Tell what is wrong with a row; None if it can be read."""
        form = self._form
        if is_stray:
            return "quote_not_doubled"
        if _texts([row[0].removeprefix(BYTE_ORDER_MARK), *row[1:]]) == _without_last_empty(list(form.names)):
            return "repeated_header"
        if len(row) < form.least:
            return "row_too_short"
        # A comma at the end of a row, as some programs write it, is no cell.
        return "row_too_long" if any(text.strip() for text in map(cell_text, row[form.width :])) else None

    def _subject(self, line: int, code: str, n_cells: int) -> str:
        if code not in ("row_too_short", "row_too_long"):
            return f"line {line}"
        cells = "1 cell" if n_cells == 1 else f"{n_cells} cells"
        columns = "1 column" if self._form.width == 1 else f"{self._form.width} columns"
        return f"line {line} ({cells} for {columns})"

    def _written(self, row: list[bytes], code: str | None) -> bytes:
        """Return a row with as many cells as there are columns."""
        width = self._form.width
        if code is None:
            return b",".join(row[:width]) + b"\n"
        if not self._keeps:
            return b'""' + b"," * (width - 1) + b"\n"
        if code == "nul_character":
            row = [cell.replace(_NUL, _SHOWN_NUL) for cell in row]
        elif code == "quote_not_doubled":
            row = list(map(_quoted, row))
        elif code == "repeated_header":
            row = [row[0].removeprefix(BYTE_ORDER_MARK), *row[1:]]
        if len(row) > width:
            row = [*row[: width - 1], _quoted(b",".join(row[width - 1 :]))]
        return b",".join(row) + b"\n"

    def _candidates(self, block: Block) -> Mask:
        """Tell which rows begin as the header does."""
        may_repeat = np.zeros(len(block.records), dtype=bool)
        content = np.frombuffer(block.text, np.uint8)
        for prefix in self._prefixes:
            found = np.arange(len(block.records))
            for place, byte in enumerate(prefix):
                positions = block.records.starts[found] + place
                is_inside = positions < len(content)
                found = found[is_inside][content[positions[is_inside]] == byte]
            may_repeat[found] = True
        return may_repeat


def _prefixes(form: CsvForm) -> Iterator[bytes]:
    """Yield how a line that repeats the header may begin, whether it is quoted or not."""
    first = form.names[0]
    for begin in (first + b"," if form.width > 1 else first, _quoted(first)):
        yield begin[:_PREFIX_BYTES]
        yield (BYTE_ORDER_MARK + begin)[:_PREFIX_BYTES]


def _with_nul(block: Block) -> Mask:
    has_nul = np.zeros(len(block.records), dtype=bool)
    if _NUL in block.text:
        places = np.flatnonzero(np.frombuffer(block.text, np.uint8) == 0)
        has_nul[np.searchsorted(block.records.starts, places, side="right") - 1] = True
    return has_nul


def _texts(row: list[bytes]) -> list[bytes]:
    return _without_last_empty(list(map(cell_text, row)))


def _without_last_empty(texts: list[bytes]) -> list[bytes]:
    while texts and not texts[-1]:
        texts.pop()
    return texts


def _quoted(text: bytes) -> bytes:
    return b'"' + text.replace(b'"', b'""') + b'"'
