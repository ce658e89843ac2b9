"""The bytes of a CSV file, block by block: where each record and cell begins and ends, and which records are odd."""

import io
import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from events_pandas.convert.cells import Mask, Rows

Bytes = npt.NDArray[np.uint8]

COMMA, QUOTE, LINE_FEED, CARRIAGE_RETURN = b',"\n\r'

BLOCK_BYTES: Final = 512 * 1024
"""The bytes that are looked at together: enough for numpy, few enough for the cache of a processor."""

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
END_OF_FILE_OF_DOS: Final = b"\x1a"
BLANKS: Final = b" \t"
NUL: Final = b"\0"
_PREFIX_BYTES: Final = 8

CSV_OPTIONS: Final[dict[str, Any]] = {
    # Without this pandas takes the first column for an index if a row has one cell too many.
    "index_col": False,
    "encoding": "utf-8-sig",
    # Only an empty cell is absent: "NA" is Namibia, and "None" may be somebody's name.
    "keep_default_na": False,
}

# A cell with its end. As in pandas, a quote that does not begin its cell is a character like any other, and so is
# everything after a closing quote.
_CELL: Final = re.compile(
    rb"""(?:"(?P<quoted>(?:[^"]++|"")*+)"(?P<stray>[^,\r\n]*)|(?!")[^,\r\n]*)(?P<end>,|\r\n|\r|\n|\Z)"""
)
_MAY_STAND_BESIDE_A_QUOTE: Final = np.isin(np.arange(256), list(b',"\n\r'))

# A backslash escapes a quote if an odd number of them stands before it: in an even number each escapes the next.
ESCAPED_QUOTE: Final = re.compile(rb'(?<!\\)(?:\\\\)*\\"')
_ESCAPE_PAIR: Final = re.compile(rb'\\["\\]')
_QUOTED_CELL: Final = re.compile(rb'(?:\A|(?<=[,\r\n]))"([^"\\]*+(?:\\[\s\S][^"\\]*+)*+)"')


class UnclosedQuoteError(ValueError):
    """A quote is opened, and the text ends before it is closed.

    `line`, counted from 0, is where it is opened; `escaped_line` is the first line with a backslash before a quote
    among those that could not be read.
    """

    def __init__(self, line: int, escaped_line: int | None = None) -> None:
        self.line = line
        self.escaped_line = escaped_line
        super().__init__(line, escaped_line)


@dataclass(frozen=True, kw_only=True, slots=True)
class Records:
    """The complete records at the start of some bytes: an entry of each array for each record."""

    starts: Rows
    ends: Rows  # without the line end
    nexts: Rows  # where the next record begins
    cells: Rows  # the number of its cells
    lines: Rows  # the number of lines before it
    is_stray: Mask  # text follows a closing quote
    n_lines: int  # of all records together

    def __len__(self) -> int:
        return len(self.starts)

    def span(self, record: int) -> slice:
        """Return where a record stands, without its line end."""
        return slice(int(self.starts[record]), int(self.ends[record]))

    @property
    def length(self) -> int:
        """The number of bytes of all records."""
        return int(self.nexts[-1]) if len(self.nexts) else 0


def find_records(text: bytes, *, is_last: bool) -> Records:
    """Find the complete records of a CSV text that begins with a record; in quotes a quote is doubled (RFC 4180).

    If nothing follows (`is_last`), the end of the text ends a record, and a quote that is not closed is an
    `UnclosedQuoteError`.
    """
    marks = _Marks.of(text, is_last=is_last)
    is_quote = marks.kinds == QUOTE
    if not is_quote.any():
        return _records(marks, np.zeros(len(is_quote), dtype=bool))
    # Every quote opens or closes, and a doubled one does both.
    is_inside = (np.cumsum(is_quote) & 1).astype(bool)
    records = _records(marks, is_inside)
    is_cut_off = is_last and records.length < len(text)
    if is_cut_off or not _are_well_placed(marks.content, marks.places[is_quote], records.length):
        return _records_by_cell(text, marks.places[marks.is_break], is_last=is_last)
    return records


@dataclass(frozen=True, kw_only=True, slots=True)
class _Marks:
    """The characters that structure a text: quotes, commas and line ends."""

    content: Bytes
    places: Rows
    kinds: Bytes
    is_break: Mask
    nexts: Rows

    @classmethod
    def of(cls, text: bytes, *, is_last: bool) -> "_Marks":
        content = np.frombuffer(text, np.uint8)
        has_returns = CARRIAGE_RETURN in text
        is_mark = (content == COMMA) | (content == LINE_FEED) | (content == QUOTE)
        places = np.flatnonzero(is_mark | (content == CARRIAGE_RETURN) if has_returns else is_mark)
        kinds = content[places]
        is_break, nexts = kinds == LINE_FEED, places + 1
        if has_returns:
            is_return = kinds == CARRIAGE_RETURN
            # It is not known yet whether a line feed follows the last one.
            is_known = is_return & (is_last | (nexts < len(text)))
            is_pair = np.zeros(len(kinds), dtype=bool)
            is_pair[:-1] = is_return[:-1] & is_break[1:] & (places[1:] == nexts[:-1])
            is_break = is_known | (is_break & ~np.roll(is_pair, 1))
            nexts = nexts + is_pair
        if is_last and text and (not is_break.any() or nexts[is_break][-1] < len(text)):
            # The end of the text ends its last line.
            places, nexts = np.append(places, len(text)), np.append(nexts, len(text))
            kinds, is_break = np.append(kinds, np.uint8(LINE_FEED)), np.append(is_break, True)
        return cls(content=content, places=places, kinds=kinds, is_break=is_break, nexts=nexts)


def _records(marks: _Marks, is_inside: Mask) -> Records:
    """Put records together, given which marks stand within quotes."""
    is_end: Rows = np.flatnonzero(marks.is_break & ~is_inside)
    commas = np.cumsum((marks.kinds == COMMA) & ~is_inside)[is_end]
    lines: Rows = np.cumsum(marks.is_break, dtype=np.int64)[is_end]
    nexts = marks.nexts[is_end]
    return Records(
        starts=_shifted(nexts),
        ends=marks.places[is_end],
        nexts=nexts,
        cells=np.diff(commas, prepend=0) + 1,
        lines=_shifted(lines),
        is_stray=np.zeros(len(is_end), dtype=bool),
        n_lines=int(lines[-1]) if len(lines) else 0,
    )


def _shifted(ends: Rows) -> Rows:
    """Return where each record begins: where the one before it ends."""
    return np.concatenate([[0], ends[:-1]]).astype(np.int64)[: len(ends)]


def _are_well_placed(content: Bytes, quotes: Rows, length: int) -> bool:
    """Tell whether every quote opens or closes a cell, so that counting them finds what stands within quotes."""
    quotes = quotes[quotes < length]
    openers, closers = quotes[0::2], quotes[1::2]
    before = content[openers[openers > 0] - 1]
    after = content[closers[closers + 1 < len(content)] + 1]
    return bool(_MAY_STAND_BESIDE_A_QUOTE[before].all() and _MAY_STAND_BESIDE_A_QUOTE[after].all())


def _records_by_cell(text: bytes, stops: Rows, *, is_last: bool) -> Records:
    """Find the records cell by cell, which is slower, and right if quotes stand in odd places."""
    found: list[tuple[int, int, int, int, bool]] = []
    start, position, cells, is_stray = 0, 0, 0, False
    while start < len(text):
        cell = _CELL.match(text, position)
        if cell is None and is_last:
            raise UnclosedQuoteError(int(np.searchsorted(stops, position)))
        if cell is None or not (is_last or _is_complete(cell)):
            break
        position, cells, is_stray = cell.end(), cells + 1, is_stray or bool(cell["stray"])
        if cell["end"] != b",":
            found.append((start, cell.start("end"), position, cells, is_stray))
            start, cells, is_stray = position, 0, False
    starts, ends, nexts, counts, strays = np.array(found, np.int64).reshape(-1, 5).T
    return Records(
        starts=starts,
        ends=ends,
        nexts=nexts,
        cells=counts,
        lines=np.searchsorted(stops, starts),
        is_stray=strays.astype(bool),
        n_lines=int(np.searchsorted(stops, ends[-1], side="right")) if len(ends) else 0,
    )


def _is_complete(cell: "re.Match[bytes]") -> bool:
    """Tell whether a cell has ended, even if the file goes on."""
    return bool(cell["end"]) and not (cell["end"] == b"\r" and cell.end() == len(cell.string))


def cells_of(record: bytes) -> list[tuple[int, int]]:
    """Return where each cell of a record begins and ends, with its quotes; the record has no line end."""
    spans, position = [], 0
    while (cell := _CELL.match(record, position)) is not None:
        spans.append((cell.start(), cell.start("end")))
        position = cell.end()
        if cell["end"] != b",":
            break
    return spans


def quoted_text(raw: bytes) -> bytes | None:
    """Return the text within the quotes of a cell, as it is written; None for a cell without quotes."""
    cell = _CELL.match(raw)
    return None if cell is None else cell["quoted"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvForm:
    """The form of a CSV file."""

    header: bytes  # the line that names the columns, without its end
    names: tuple[bytes, ...]  # as they are written, without quotes
    offset: int  # the byte at which the first row begins
    lines: int  # the number of lines before the first row
    escaped_line: int | None = None  # if backslashes escape quotes: the first line with such a quote, counted from 1
    rows: int = 0
    is_regular: bool = False  # every line is a row that pandas can read as it is

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.names)

    @property
    def least(self) -> int:
        """The number of columns up to the last one that has a name: a row may lack the cells beyond."""
        return max((place for place, name in enumerate(self.names, start=1) if name.strip()), default=self.width)

    def labels(self) -> list[Hashable]:
        """Return the names of the columns as pandas reads them, also doubled ones; an empty name is NaN."""
        # Not as a header: pandas would rename a second column "a" to "a.1".
        return list(pd.read_csv(io.BytesIO(self.header), header=None, nrows=1, dtype=str, **CSV_OPTIONS).iloc[0])


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Some rows of a CSV file as they are written."""

    text: bytes  # complete records
    shown: bytes  # the same with escaped quotes replaced by letters, so that backslashes need no further care
    records: Records  # in both of them
    line: int  # the number of lines of the file before them
    is_blank: Mask  # the records that are not rows: empty lines, or lines of blanks

    def line_of(self, record: int) -> int:
        """Return the line of the file in which a record begins, counted from 1."""
        return self.line + int(self.records.lines[record]) + 1


def read_blocks(stream: BinaryIO, form: CsvForm, *, escapes: bool) -> Iterator[Block]:
    """Read the rows of a CSV file in their order, from the start of its content; `escapes`: backslashes escape quotes.

    A quote that is not closed is an `UnclosedQuoteError` with its line in the file, counted from 0.
    """
    stream.read(form.offset)
    rest, line, is_last = b"", form.lines, False
    while not is_last:
        # The blocks grow with a long record, so that its start is not read again for each block of it.
        block = stream.read(max(BLOCK_BYTES, len(rest)))
        is_last = not block
        text = (rest + block).rstrip(END_OF_FILE_OF_DOS) if is_last else rest + block
        shown = _ESCAPE_PAIR.sub(b"xx", text) if escapes and b"\\" in text else text
        try:
            records = find_records(shown, is_last=is_last)
        except UnclosedQuoteError as error:
            escaped = ESCAPED_QUOTE.search(text)
            before = None if escaped is None else line + line_ends_in(text[: escaped.start()])
            raise UnclosedQuoteError(line + error.line, before) from error
        whole, rest = text[: records.length], text[records.length :]
        if len(records):
            shown = shown[: records.length]
            yield Block(text=whole, shown=shown, records=records, line=line, is_blank=_blank(whole, records))
        line += records.n_lines


def _blank(text: bytes, records: Records) -> Mask:
    lengths = records.ends - records.starts
    is_blank: Mask = lengths == 0
    single = np.flatnonzero((records.cells == 1) & ~is_blank)
    firsts = np.frombuffer(text, np.uint8)[records.starts[single]]
    for record in single[np.isin(firsts, list(BLANKS))].tolist():
        is_blank[record] = not text[records.span(record)].strip(BLANKS)
    return is_blank


def plain_quotes(text: bytes) -> bytes:
    r"""Double the quotes that a backslash escapes within quotes, as other CSV files do; two backslashes become one."""
    return _QUOTED_CELL.sub(lambda cell: b'"' + _ESCAPE_PAIR.sub(_plain, cell[1]) + b'"', text)


def _plain(pair: "re.Match[bytes]") -> bytes:
    return b'""' if pair[0] == b'\\"' else b"\\"


def odd_records(block: Block, form: CsvForm) -> Mask:
    """Find the records of a block that pandas must not read as they are.

    Among them are lines that are not rows, and lines that may repeat the header.
    """
    records = block.records
    is_odd: Mask = block.is_blank | records.is_stray | _with_nul(block)
    is_odd |= (records.cells < form.least) | (records.cells > form.width)
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
    for begin in (first + b"," if form.width > 1 else first, quoted_cell(first)):
        yield begin[:_PREFIX_BYTES]
        yield (BYTE_ORDER_MARK + begin)[:_PREFIX_BYTES]


def _with_nul(block: Block) -> Mask:
    has_nul = np.zeros(len(block.records), dtype=bool)
    if NUL in block.text:
        places = np.flatnonzero(np.frombuffer(block.text, np.uint8) == 0)
        has_nul[np.searchsorted(block.records.starts, places, side="right") - 1] = True
    return has_nul


def line_ends_in(text: bytes) -> int:
    """Count the line ends in a text: line feeds, carriage returns, and pairs of both as one."""
    return text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")


def quoted_cell(text: bytes) -> bytes:
    """Put the text of a cell in quotes, and double its own quotes."""
    return b'"' + text.replace(b'"', b'""') + b'"'
