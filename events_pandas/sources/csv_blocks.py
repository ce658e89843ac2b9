"""The rows of a CSV file, block by block, and which of them are odd."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np

from events_pandas.convert.cells import Mask, Rows
from events_pandas.sources.csv_grammar import (
    BLANKS,
    ESCAPE_PAIR,
    ESCAPED_QUOTE,
    LINE_FEED,
    NUL,
    CsvGrammar,
    line_ends_in,
    quoted_cell,
)
from events_pandas.sources.csv_quotes import hold_rows, may_have_quote_behind_blanks
from events_pandas.sources.csv_structure import Records, UnclosedQuoteError, are_well_placed, find_records
from events_pandas.sources.source_file import FileRemark

BLOCK_BYTES: Final = 512 * 1024
"""The bytes that are looked at together: enough for numpy, few enough for the cache of a processor."""
PLAIN_BLOCK_BYTES: Final = 2 * 1024 * 1024
"""The bytes of plain rows that are read together: these need only be counted, and Arrow is faster with many."""

LONGEST_RECORD: Final = 64 * 1024 * 1024
"""The most bytes of a row: a longer one is the rest of the file behind a quote that is not closed."""

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
END_OF_FILE_OF_DOS: Final = b"\x1a"
_PREFIX_BYTES: Final = 8


class LongRecordError(ValueError):
    """A record is longer than `LONGEST_RECORD`; it begins in `line`, or a quote in it does, counted from 0."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__(line)


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvForm:
    """The form of a CSV file."""

    grammar: CsvGrammar
    encoding: str  # that the file is decoded with; UTF-8 and what a byte order mark names need no decoding
    names: tuple[bytes, ...]  # as they are written, without quotes
    offset: int  # the byte at which the first row begins
    lines: int  # the number of lines before the first row
    ends_with_return: bool = False  # the header ends with a carriage return alone
    remarks: tuple[FileRemark, ...] = ()
    has_escapes: bool = False  # backslashes escape quotes
    plain_lines: int = 0  # the number of lines, the header's among them, up to the first that may not be a plain row
    rows: int = 0

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.names)

    @property
    def least(self) -> int:
        """The number of columns up to the last one that has a name: a row may lack the cells beyond."""
        return max((place for place, name in enumerate(self.names, start=1) if name.strip()), default=self.width)

    def labels(self) -> list[str]:
        """Return the names of the columns, also doubled and empty ones."""
        return [name.decode() for name in self.names]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlainBlock:
    """Rows with a cell for every column, each in a line of its own, and with quotes round whole cells only."""

    text: bytes
    line: int  # the number of lines of the file before them
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Some rows of a CSV file as they are written."""

    text: bytes  # complete records
    shown: bytes  # the same with escaped quotes replaced by letters, so that backslashes need no further care
    records: Records  # in both of them
    line: int  # the number of lines of the file before them
    is_torn: Mask  # the records that are parts of a row which a carriage return tears
    is_blank: Mask  # the records that are not rows: empty lines, and lines without a value in any cell

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int((~self.is_blank).sum())

    def blank_rows(self) -> list[int]:
        """Return the lines with cells of which none has a value, counted from 1."""
        chosen = self.is_blank & (self.records.cells > 1)
        lines: list[int] = (self.line + self.records.lines[chosen] + 1).tolist()
        return lines

    def line_of(self, record: int) -> int:
        """Return the line of the file in which a record begins, counted from 1."""
        return self.line + int(self.records.lines[record]) + 1


def read_blocks(stream: BinaryIO, form: CsvForm, *, escapes: bool) -> Iterator[PlainBlock | Block]:
    """Read the rows of a CSV file in their order, from the start of its content; `escapes`: backslashes escape quotes.

    A quote that is not closed is an `UnclosedQuoteError` with its line in the file, counted from 0, and a record that
    does not end a `LongRecordError`.
    """
    stream.read(form.offset)
    rest, line, is_last = b"", form.lines, False
    plain = _PlainRows(form)
    while not is_last:
        size = PLAIN_BLOCK_BYTES if line < form.plain_lines else BLOCK_BYTES
        # The blocks grow with a long record, so that its start is not read again for each block of it.
        read = stream.read(max(size, len(rest)))
        is_last = not read
        text = (rest + read).rstrip(END_OF_FILE_OF_DOS) if is_last else rest + read
        end = text.rfind(b"\n") + 1
        if (rows := plain.count(text[:end], line)) is not None:
            yield PlainBlock(text=text[:end], line=line, rows=rows)
            rest, line = text[end:], line + rows
            if not is_last:
                continue
            text = rest
        block = _block(text, form, line, escapes=escapes, is_last=is_last)
        rest = text[block.records.length :]
        if len(rest) > LONGEST_RECORD:
            raise LongRecordError(line + block.records.n_lines + _open_line(rest, form.grammar))
        if len(block.records):
            yield block
        line += block.records.n_lines


class _PlainRows:
    """Tells quickly whether some lines are plain rows."""

    def __init__(self, form: CsvForm) -> None:
        self._grammar = form.grammar
        self._is_possible = form.width > 1
        # What is left of a row if only quotes, delimiters and its end are: it has a cell for every column.
        mark = re.escape(form.grammar.delimiter)
        self._row = re.compile(rb'(?:"")?(?:%b(?:"")?){%d}\r?\n' % (mark, form.width - 1))
        begin = form.names[0] + form.grammar.delimiter
        self._headers = (begin, quoted_cell(form.names[0]), BYTE_ORDER_MARK)
        # Without going back, it takes a sixth of the time: what it finds need not be blank.
        self._blank = re.compile(rb'\n[%b \t"]++\r?+\n' % mark)
        self._known = form.plain_lines

    def count(self, text: bytes, line: int) -> int | None:
        """Return the number of lines; None if one of them is not a plain row, or may repeat the header.

        `line` is the number of lines of the file before them.
        """
        if line < self._known and line + (n_lines := text.count(b"\n")) <= self._known:
            return n_lines
        structure = text.translate(None, self._grammar.others)
        row = structure[: structure.find(b"\n") + 1]
        if not self._is_possible or self._row.fullmatch(row) is None:
            return None
        count = len(structure) // len(row)
        is_plain = (
            structure == row * count
            and (b"\r" not in row or text.count(b"\r\n") == count)
            and (b'"' not in row or (b"\\" not in text and are_well_placed(text, self._grammar)))
            and not self._may_be_no_row(text, row)
        )
        return count if is_plain else None

    def _may_be_no_row(self, text: bytes, row: bytes) -> bool:
        """Tell whether a line may repeat the header, or may be blank."""
        # Few files have a line that begins like these, and first bytes are found fastest.
        firsts = _first_bytes(text)
        headers = (header for header in self._headers_in(text, row) if header[:1] in firsts)
        if any(text.startswith(header) or b"\n" + header in text for header in headers):
            return True
        may_be_blank = any(byte in firsts for byte in BLANKS + b'"' + self._grammar.delimiter)
        return may_be_blank and self._blank.search(b"\n" + text) is not None

    def _headers_in(self, text: bytes, row: bytes) -> Iterator[bytes]:
        """Yield how a line would begin that repeats the header, as far as it can be in a text."""
        bare, with_quotes, with_mark = self._headers
        yield bare
        if b'"' in row:
            yield with_quotes
        if not text.isascii():
            yield with_mark


def _first_bytes(text: bytes) -> bytes:
    """Return the first byte of each line."""
    content = np.frombuffer(text, np.uint8)
    return text[:1] + content[np.flatnonzero(content[:-1] == LINE_FEED) + 1].tobytes()


def _open_line(text: bytes, grammar: CsvGrammar) -> int:
    """Return in which line of a record that does not end the quote stands that is not closed; else 0."""
    try:
        find_records(text, grammar, is_last=True)
    except UnclosedQuoteError as error:
        return error.line
    return 0


def _block(text: bytes, form: CsvForm, line: int, *, escapes: bool, is_last: bool) -> Block:
    """Find the complete records at the start of a text."""
    shown = ESCAPE_PAIR.sub(b"xx", text) if escapes and b"\\" in text else text
    try:
        records = find_records(shown, form.grammar, is_last=is_last)
    except UnclosedQuoteError as error:
        escaped = ESCAPED_QUOTE.search(text)
        before = None if escaped is None else line + line_ends_in(text[: escaped.start()])
        raise UnclosedQuoteError(line + error.line, before) from error
    is_returned = np.zeros(len(records), dtype=bool) if form.ends_with_return else records.is_returned(shown)
    if is_returned.any() and not is_last and not is_returned.all():
        # A row and its parts are looked at together.
        count = int(np.flatnonzero(~is_returned)[-1]) + 1
        records, is_returned = records.first(count), is_returned[:count]
    whole = text[: records.length]
    is_blank = _blank(whole, records, form.grammar)
    return Block(
        text=whole,
        shown=shown[: records.length],
        records=records,
        line=line,
        is_torn=_torn(records, form, is_returned=is_returned, is_blank=is_blank),
        is_blank=is_blank,
    )


def _torn(records: Records, form: CsvForm, *, is_returned: Mask, is_blank: Mask) -> Mask:
    """Find the parts of rows that a carriage return tears: one of them has another number of cells than a row.

    Otherwise they are rows, in a file whose lines end in several ways.
    """
    if not is_returned.any():
        return is_returned
    is_odd = ~is_blank & ((records.cells < form.least) | (records.cells > form.width))
    # The parts of one row have the same number of records before them that end with a line feed.
    rows: Rows = np.cumsum(~is_returned) - ~is_returned
    has_odd = np.bincount(rows, weights=is_odd) > 0
    has_parts = np.bincount(rows, weights=~is_blank) > 1
    torn: Mask = (has_odd & has_parts)[rows]
    return torn


def _blank(text: bytes, records: Records, grammar: CsvGrammar) -> Mask:
    is_blank: Mask = records.ends == records.starts
    others = np.flatnonzero(~is_blank)
    firsts = np.frombuffer(text, np.uint8)[records.starts[others]]
    for record in others[np.isin(firsts, list(BLANKS + b'"' + grammar.delimiter))].tolist():
        span = records.span(record)
        is_blank[record] = grammar.blank.fullmatch(text, span.start, span.stop) is not None
    return is_blank


def odd_records(block: Block, form: CsvForm, n_cells: int) -> Mask:
    """Find the records of a block that must not be read as they are: they have another number of cells.

    Among them are lines that are not rows, lines that may repeat the header, and rows whose quotes may be odd.
    """
    records = block.records
    is_odd: Mask = block.is_blank | block.is_torn | records.is_stray | _with_nul(block)
    is_odd |= records.cells != n_cells
    is_odd |= hold_rows(block.text, records, form.grammar, least=form.least, most=form.width)
    is_odd |= may_have_quote_behind_blanks(block.shown, records, form.grammar)
    for prefix in _prefixes(form):
        is_odd[_beginning_with(prefix, block)] = True
    return is_odd


def _beginning_with(prefix: bytes, block: Block) -> Rows:
    content, starts = np.frombuffer(block.text, np.uint8), block.records.starts
    found = np.arange(len(starts))
    for place, byte in enumerate(prefix):
        positions = starts[found] + place
        is_inside = positions < len(content)
        found = found[is_inside][content[positions[is_inside]] == byte]
    return found


def _prefixes(form: CsvForm) -> Iterator[bytes]:
    """Yield how a line that repeats the header may begin, with and without quotes."""
    first = form.names[0]
    for begin in (first + form.grammar.delimiter if form.width > 1 else first, quoted_cell(first)):
        yield begin[:_PREFIX_BYTES]
        yield (BYTE_ORDER_MARK + begin)[:_PREFIX_BYTES]


def _with_nul(block: Block) -> Mask:
    has_nul = np.zeros(len(block.records), dtype=bool)
    if NUL in block.text:
        places = np.flatnonzero(np.frombuffer(block.text, np.uint8) == 0)
        has_nul[np.searchsorted(block.records.starts, places, side="right") - 1] = True
    return has_nul
