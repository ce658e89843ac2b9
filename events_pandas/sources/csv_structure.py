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
_MAY_PRECEDE_A_QUOTE = np.isin(np.arange(256), list(b',"\n\r'))


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
    content = np.frombuffer(text, np.uint8)
    stops, nexts = _line_ends(text, content, is_last=is_last)
    if QUOTE not in text:
        commas = np.flatnonzero(content == COMMA)
        return _records(stops, nexts, commas, stops=stops)
    # Every quote opens or closes, one that is written twice does both.
    is_inside = (np.cumsum(content == QUOTE, dtype=np.uint8) & 1).astype(bool)
    is_real = ~is_inside[np.minimum(stops, len(text) - 1)]
    ends, after = stops[is_real], nexts[is_real]
    length = int(after[-1]) if len(after) else 0
    if (is_last and length < len(text)) or not _are_well_placed(content, length):
        return _records_by_cell(text, stops, is_last=is_last)
    commas = np.flatnonzero(content[:length] == COMMA)
    return _records(ends, after, commas[~is_inside[commas]], stops=stops)


def _line_ends(text: bytes, content: Bytes, *, is_last: bool) -> tuple[Rows, Rows]:
    """Return where every line ends and the next one begins, also of those within quotes."""
    stops = np.flatnonzero(content == LINE_FEED)
    nexts = stops + 1
    if CARRIAGE_RETURN in text:
        returns = np.flatnonzero(content == CARRIAGE_RETURN)
        # Of the last one it is not known yet whether a line feed follows.
        known = returns if is_last else returns[returns < len(text) - 1]
        is_pair = content[np.minimum(known + 1, len(text) - 1)] == LINE_FEED
        is_pair &= known + 1 < len(text)
        alone = np.setdiff1d(stops, known[is_pair] + 1, assume_unique=True)
        stops = np.concatenate([alone, known])
        order = np.argsort(stops, kind="stable")
        nexts = np.concatenate([alone + 1, known + 1 + is_pair])[order]
        stops = stops[order]
    if is_last and text and (not len(nexts) or nexts[-1] < len(text)):
        stops, nexts = np.append(stops, len(text)), np.append(nexts, len(text))
    return stops, nexts


def _are_well_placed(content: Bytes, length: int) -> bool:
    """Tell whether every quote opens a cell or closes one, so that counting quotes tells what lies within."""
    quotes = np.flatnonzero(content[:length] == QUOTE)
    openers, closers = quotes[0::2], quotes[1::2]
    before = content[openers[openers > 0] - 1]
    after = content[closers[closers + 1 < len(content)] + 1]
    return bool(_MAY_PRECEDE_A_QUOTE[before].all() and _MAY_PRECEDE_A_QUOTE[after].all())


def _records(ends: Rows, nexts: Rows, commas: Rows, *, stops: Rows) -> Records:
    """Put records together of which every quote is well placed; the commas are those between cells."""
    starts = np.concatenate([[0], nexts[:-1]]).astype(np.int64)[: len(nexts)]
    return Records(
        starts=starts,
        ends=ends,
        nexts=nexts,
        cells=np.diff(np.searchsorted(commas, ends), prepend=0) + 1,
        lines=np.searchsorted(stops, starts),
        is_stray=np.zeros(len(ends), dtype=bool),
        n_lines=int(np.searchsorted(stops, nexts[-1])) if len(nexts) else 0,
    )


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
        n_lines=int(np.searchsorted(stops, nexts[-1])) if len(nexts) else 0,
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
