"""The rows of a CSV file as Arrow reads them: each has a cell for every column; odd rows are set aside."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from events_pandas.byte_order_marks import without_marks
from events_pandas.check.in_order import in_order
from events_pandas.convert.cells import TEXT_TYPE, Rows
from events_pandas.errors import SourceError
from events_pandas.sources.csv_blocks import BYTE_ORDER_MARK, Block, CsvForm, PlainBlock, odd_records, read_blocks
from events_pandas.sources.csv_grammar import NUL, line_ends_in, quoted_cell
from events_pandas.sources.csv_head import unclosed_fault
from events_pandas.sources.csv_quotes import quote_code
from events_pandas.sources.csv_structure import UnclosedQuoteError
from events_pandas.sources.source_file import OddRow, SourceFile
from events_pandas.words import counted


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvRows:
    """Some rows of a CSV file."""

    table: pa.Table  # of large_string: only an empty cell is null
    lines: Rows  # where each row begins in the file, counted from 1
    start: int  # the number of rows of the file before them
    odd_rows: Sequence[OddRow] = ()

    def __len__(self) -> int:
        return len(self.lines)

    def part(self, first: int, stop: int) -> "CsvRows":
        """Return the rows from `first` to before `stop`, without a copy."""
        low, high = (bisect_left(self.odd_rows, self.start + row, key=lambda odd: odd.row) for row in (first, stop))
        return CsvRows(
            table=self.table.slice(first, stop - first),
            lines=self.lines[first:stop],
            start=self.start + first,
            odd_rows=self.odd_rows[low:high],
        )


def in_chunks(read: Iterable[CsvRows], chunksize: int) -> Iterator[CsvRows]:
    """Yield rows as chunks of one size, of which the last may be smaller; without a row one empty chunk."""
    waiting: list[CsvRows] = []
    n_waiting = 0
    for rows in read:
        waiting.append(rows)
        n_waiting += len(rows)
        if n_waiting > chunksize:
            joined = _joined(waiting)
            # One row at least stays behind, so that the last chunk is not empty.
            stop = (n_waiting - 1) // chunksize * chunksize
            yield from (joined.part(first, first + chunksize) for first in range(0, stop, chunksize))
            waiting, n_waiting = [joined.part(stop, n_waiting)], n_waiting - stop
    yield _joined(waiting)


def _joined(parts: list[CsvRows]) -> CsvRows:
    first, *others = parts
    if not others:
        return first
    return CsvRows(
        table=pa.concat_tables([part.table for part in parts]),
        lines=np.concatenate([part.lines for part in parts]),
        start=first.start,
        odd_rows=[odd for part in parts for odd in part.odd_rows],
    )


class CsvRecords:
    """Reads the columns of a CSV file at some places.

    With `keeps`, odd rows stand among them as far as they can: missing cells are empty, and cells beyond the last
    column are in that column. Otherwise all cells of an odd row are empty.
    """

    def __init__(self, file: SourceFile, form: CsvForm, places: Sequence[int], *, keeps: bool = False) -> None:
        self._file = file
        self._form = form
        self._places = places
        self._keeps = keeps

    def read(self, stream: BinaryIO) -> Iterator[CsvRows]:
        """Yield the rows of a file that was opened as UTF-8, many at a time; first an empty entry."""
        # Never in the main thread, where Arrow would take signals away from the program's own handlers. The empty entry
        # makes it two items at least, which get threads.
        return in_order(self._read_block, chain([None], self._blocks(stream)))

    def _blocks(self, stream: BinaryIO) -> Iterator[tuple[PlainBlock | Block, int]]:
        """Yield the blocks of rows, each with the number of rows before it."""
        start = 0
        try:
            for block in read_blocks(stream, self._form, escapes=self._form.has_escapes):
                if block.rows:
                    yield block, start
                start += block.rows
        except UnclosedQuoteError as error:
            raise SourceError(unclosed_fault(self._file, error.line + 1)) from error

    def _read_block(self, item: tuple[PlainBlock | Block, int] | None) -> CsvRows:
        if item is None:
            return CsvRows(table=self._empty(), lines=np.zeros(0, np.int64), start=0)
        block, start = item
        return self._plain_rows(block, start) if isinstance(block, PlainBlock) else self._rows(block, start)

    def _empty(self) -> pa.Table:
        return pa.table({str(place): pa.nulls(0, TEXT_TYPE) for place in self._places})

    def _table(self, text: bytes, n_cells: int) -> pa.Table:
        """Return the chosen columns of rows that have a number of cells, and the cells beyond the last column."""
        names = [str(place) for place in range(max(n_cells, self._form.width))]
        read = [names[place] for place in self._places] + names[self._form.width :]
        if not read:
            # A mapping of constants reads no column.
            return self._empty()
        # Arrow passes over a mark at the start, which belongs to the first cell here.
        text = BYTE_ORDER_MARK + text if text.startswith(BYTE_ORDER_MARK) else text
        return pacsv.read_csv(
            pa.BufferReader(text),
            # In one block, or a long row would be cut in two.
            read_options=pacsv.ReadOptions(use_threads=False, column_names=names[:n_cells], block_size=len(text) + 1),
            parse_options=pacsv.ParseOptions(
                delimiter=self._form.grammar.delimiter.decode(), newlines_in_values=True, ignore_empty_lines=False
            ),
            convert_options=pacsv.ConvertOptions(
                include_columns=read,
                # Empty cells at the end of a row may be missing.
                include_missing_columns=True,
                column_types=dict.fromkeys(read, TEXT_TYPE),
                # "NA" is Namibia, and "None" may be somebody's name.
                null_values=[""],
                strings_can_be_null=True,
            ),
        )

    def _plain_rows(self, block: PlainBlock, start: int) -> CsvRows:
        lines = np.arange(block.line + 1, block.line + block.rows + 1)
        return CsvRows(table=self._table(block.text, self._form.width), lines=lines, start=start)

    def _rows(self, block: Block, start: int) -> CsvRows:
        """Return the rows of a block, and set the odd ones aside."""
        rows = self._rows_of(block, start, self._usual_cells(block))
        n_columns = len(self._places)
        # Some programs write a delimiter at the end of each row: no cell follows it.
        if any(_has_text(cells) for cells in rows.table.columns[n_columns:]):
            return self._rows_of(block, start, self._form.width)
        return replace(rows, table=rows.table.select(range(n_columns)))

    def _usual_cells(self, block: Block) -> int:
        """Return how many cells the rows of a block have; the number of columns if they differ, or are too short."""
        counts = block.records.cells[~block.is_blank]
        is_usual = len(counts) and counts[0] >= self._form.least and (counts == counts[0]).all()
        return int(counts[0]) if is_usual else self._form.width

    def _rows_of(self, block: Block, start: int, n_cells: int) -> CsvRows:
        """Return the rows of a block, written so that each has a number of cells."""
        records, is_row = block.records, ~block.is_blank
        numbers = start + np.cumsum(is_row) - 1
        parts, odd_rows, position = [], [], 0
        for record in np.flatnonzero(odd_records(block, self._form, n_cells)).tolist():
            parts.append(self._plain(block.text[position : int(records.starts[record])]))
            position = int(records.nexts[record])
            if block.is_blank[record]:
                continue
            row = self._row(block, record)
            code = self._code(row, is_stray=bool(records.is_stray[record]))
            if block.is_torn[record]:
                code = "row_torn"
            if code is not None:
                subject = self._subject(block.line_of(record), code, row)
                odd_rows.append(OddRow(row=int(numbers[record]), code=code, subject=subject))
            parts.append(self._written(row, code, n_cells))
        text = b"".join([*parts, self._plain(block.text[position:])])
        lines = block.line + records.lines[is_row] + 1
        return CsvRows(table=self._table(text, n_cells), lines=lines, start=start, odd_rows=odd_rows)

    def _plain(self, text: bytes) -> bytes:
        return self._form.grammar.plain_quotes(text) if self._form.has_escapes and b"\\" in text else text

    def _row(self, block: Block, record: int) -> list[bytes]:
        """Return the cells of a row, with their quotes."""
        span = block.records.span(record)
        text = block.text[span]
        return [self._plain(text[left:right]) for left, right in self._form.grammar.cells_of(block.shown[span])]

    def _code(self, row: list[bytes], *, is_stray: bool) -> str | None:
        """Return the code of what is wrong with a row; None if it can be read."""
        form, text_of = self._form, self._form.grammar.text_of
        if any(NUL in cell for cell in row):
            return "nul_character"
        code = quote_code(row, form.grammar, least=form.least, most=form.width)
        if code is not None or is_stray:
            return code or "quote_not_doubled"
        texts = list(map(text_of, [without_marks(row[0]), *row[1:]]))
        if _without_last_empty(texts) == _without_last_empty(list(form.names)):
            return "repeated_header"
        if len(row) < form.least:
            return "row_too_short"
        return "row_too_long" if any(text_of(cell).strip() for cell in row[form.width :]) else None

    def _subject(self, line: int, code: str, row: list[bytes]) -> str:
        if code == "rows_within_quotes":
            return f"line {line} (up to line {line + sum(map(line_ends_in, row))})"
        if code in ("row_too_short", "row_too_long"):
            return f"line {line} ({counted(len(row), 'cell')} for {counted(self._form.width, 'column')})"
        return f"line {line}"

    def _written(self, row: list[bytes], code: str | None, n_cells: int) -> bytes:
        """Return a row with a number of cells, of which those beyond the last column are empty."""
        width, delimiter = self._form.width, self._form.grammar.delimiter
        if code is not None and not self._keeps:
            row = [b'""']
        elif code == "quote_not_doubled":
            row = list(map(quoted_cell, row))
        elif code == "repeated_header":
            row = [without_marks(row[0]), *row[1:]]
        if code is not None and len(row) > width:
            row = [*row[: width - 1], quoted_cell(delimiter.join(row[width - 1 :]))]
        row = row[: min(width, n_cells)]
        return delimiter.join([*row, *[b""] * (n_cells - len(row))]) + b"\n"


def _has_text(cells: pa.ChunkedArray) -> bool:
    """Tell whether a cell has more than blanks."""
    return cells.null_count < len(cells) and bool(
        pc.any(pc.greater(pc.binary_length(pc.ascii_trim_whitespace(cells)), 0)).as_py()
    )


def _without_last_empty(texts: list[bytes]) -> list[bytes]:
    while texts and not texts[-1]:
        texts.pop()
    return texts
