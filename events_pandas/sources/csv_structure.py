"""Where the records of a CSV text begin and end, and how many cells each has: found for a block of bytes at a time."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from events_pandas.convert.cells import Mask, Rows

Bytes = npt.NDArray[np.uint8]

COMMA, QUOTE, LINE_FEED, CARRIAGE_RETURN = b',"\n\r'

# A cell with what ends it. A quote that does not begin its cell is a character like any other, and so is what follows a
# closing quote: pandas reads both so.
_CELL = re.compile(rb"""(?:"(?P<quoted>(?:[^"]++|"")*+)"(?P<stray>[^,\r\n]*)|(?!")[^,\r\n]*)(?P<end>,|\r\n|\r|\n|\Z)""")
_MAY_STAND_BESIDE_A_QUOTE = np.isin(np.arange(256), list(b',"\n\r'))


class UnclosedQuoteError(ValueError):
    """A quote is opened, and the text ends before it is closed.

    Parameters
    ----------
    line : int
        The line in which it is opened, counted from 0.
    escaped_line : int, optional
        The first line, among those that could not be read, with a backslash before a quote.
    """

    def __init__(self, line: int, escaped_line: int | None = None) -> None:
        self.line = line
        self.escaped_line = escaped_line
        super().__init__(line, escaped_line)


@dataclass(frozen=True, kw_only=True, slots=True)
class Records:
    """The complete records at the start of some bytes.

    Parameters
    ----------
    starts, ends : numpy.ndarray of int64, shape (n_records,)
        Where each begins and ends, without its line end.
    nexts : numpy.ndarray of int64, shape (n_records,)
        Where the next one begins.
    cells : numpy.ndarray of int64, shape (n_records,)
        The number of its cells.
    lines : numpy.ndarray of int64, shape (n_records,)
        The number of lines before it.
    is_stray : numpy.ndarray of bool, shape (n_records,)
        Whether text follows a closing quote.
    n_lines : int
        The number of lines of all of them.
    """

    starts: Rows
    ends: Rows
    nexts: Rows
    cells: Rows
    lines: Rows
    is_stray: Mask
    n_lines: int

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def length(self) -> int:
        """The number of bytes of all records."""
        return int(self.nexts[-1]) if len(self.nexts) else 0


def find_records(text: bytes, *, is_last: bool) -> Records:
    """Find the records of a CSV text, whose quotes are written twice within quotes (RFC 4180).

    Parameters
    ----------
    text : bytes
        It begins with a record.
    is_last : bool
        Whether nothing follows it: then its end also ends a record.

    Returns
    -------
    Records
        Those that are complete.

    Raises
    ------
    UnclosedQuoteError
        If nothing follows, and a quote is not closed.
    """
    marks = _Marks.of(text, is_last=is_last)
    is_quote = marks.kinds == QUOTE
    if not is_quote.any():
        return _records(marks, np.zeros(len(is_quote), dtype=bool))
    # Every quote opens or closes, one that is written twice does both.
    is_inside = (np.cumsum(is_quote) & 1).astype(bool)
    records = _records(marks, is_inside)
    is_cut_off = is_last and records.length < len(text)
    if is_cut_off or not _are_well_placed(marks.content, marks.places[is_quote], records.length):
        return _records_by_cell(text, marks.places[marks.is_break], is_last=is_last)
    return records


@dataclass(frozen=True, kw_only=True, slots=True)
class _Marks:
    """The characters of a text that its structure is made of: quotes, commas and line ends."""

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
            # Of the last one it is not known yet whether a line feed follows.
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
    """Put records together, if it is known what lies within quotes."""
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
    """Return where things begin that follow one another from 0, and of which the ends are known."""
    return np.concatenate([[0], ends[:-1]]).astype(np.int64)[: len(ends)]


def _are_well_placed(content: Bytes, quotes: Rows, length: int) -> bool:
    """Tell whether every quote opens a cell or closes one, so that counting quotes tells what lies within."""
    quotes = quotes[quotes < length]
    openers, closers = quotes[0::2], quotes[1::2]
    before = content[openers[openers > 0] - 1]
    after = content[closers[closers + 1 < len(content)] + 1]
    return bool(_MAY_STAND_BESIDE_A_QUOTE[before].all() and _MAY_STAND_BESIDE_A_QUOTE[after].all())


def _records_by_cell(text: bytes, stops: Rows, *, is_last: bool) -> Records:
    """Find records cell by cell: the same, where quotes stand in odd places."""
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
    starts, ends, nexts, counts, strays = (np.array(part, np.int64) for part in _columns(found))
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
    """Tell whether a cell has ended, whatever follows in the file."""
    return bool(cell["end"]) and not (cell["end"] == b"\r" and cell.end() == len(cell.string))


def _columns(found: list[tuple[int, int, int, int, bool]]) -> list[tuple[int, ...]]:
    return list(zip(*found, strict=True)) if found else [()] * 5


def cells_of(record: bytes) -> list[tuple[int, int]]:
    """Find the cells of one record.

    Parameters
    ----------
    record : bytes
        Without its line end.

    Returns
    -------
    list of tuple of int
        Where each begins and ends, with its quotes.
    """
    spans, position = [], 0
    while (cell := _CELL.match(record, position)) is not None:
        spans.append((cell.start(), cell.start("end")))
        position = cell.end()
        if cell["end"] != b",":
            break
    return spans


def quoted_text(raw: bytes) -> bytes | None:
    """Return what stands within the quotes of a cell, as it is written.

    Parameters
    ----------
    raw : bytes
        The cell with its quotes.

    Returns
    -------
    bytes or None
        None for a cell without quotes.
    """
    cell = _CELL.match(raw)
    return None if cell is None else cell["quoted"]
