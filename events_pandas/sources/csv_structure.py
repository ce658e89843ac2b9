"""The bytes of a CSV file: where each of its records begins and ends, and how many cells it has."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from events_pandas.convert.cells import Mask, Rows
from events_pandas.sources.csv_grammar import CARRIAGE_RETURN, LINE_FEED, QUOTE, CsvGrammar

Bytes = npt.NDArray[np.uint8]


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

    def is_returned(self, text: bytes) -> Mask:
        """Return which records end with a carriage return alone."""
        content = np.append(np.frombuffer(text, np.uint8), np.uint8(0))
        found: Mask = (content[self.ends] == CARRIAGE_RETURN) & (self.nexts == self.ends + 1)
        return found

    def first(self, count: int) -> "Records":
        """Return the first records."""
        if count == len(self):
            return self
        return Records(
            **{name: getattr(self, name)[:count] for name in ("starts", "ends", "nexts", "cells", "lines", "is_stray")},
            n_lines=int(self.lines[count]),
        )

    @property
    def length(self) -> int:
        """The number of bytes of all records."""
        return int(self.nexts[-1]) if len(self.nexts) else 0


def find_records(text: bytes, grammar: CsvGrammar, *, is_last: bool) -> Records:
    """Find the complete records of a CSV text that begins with a record; in quotes a quote is doubled (RFC 4180).

    If nothing follows (`is_last`), the end of the text ends a record, and a quote that is not closed is an
    `UnclosedQuoteError`.
    """
    marks = _Marks.of(text, grammar, is_last=is_last)
    is_quote = marks.kinds == QUOTE
    if not _may_begin_a_cell(marks.content, marks.places[is_quote], grammar):
        return _records(marks, np.zeros(len(is_quote), dtype=bool))
    # Every quote opens or closes, and a doubled one does both.
    is_inside = (np.cumsum(is_quote) & 1).astype(bool)
    records = _records(marks, is_inside)
    is_cut_off = is_last and records.length < len(text)
    quotes = marks.places[is_quote & (marks.places < records.length)]
    if is_cut_off or not _are_well_placed(marks.content, quotes, grammar):
        return _records_by_cell(text, grammar, marks.places[marks.is_break], is_last=is_last)
    return records


@dataclass(frozen=True, kw_only=True, slots=True)
class _Marks:
    """The characters that structure a text: quotes, delimiters and line ends."""

    content: Bytes
    places: Rows
    kinds: Bytes
    is_break: Mask
    is_delimiter: Mask
    nexts: Rows

    @classmethod
    def of(cls, text: bytes, grammar: CsvGrammar, *, is_last: bool) -> "_Marks":
        content, delimiter = np.frombuffer(text, np.uint8), grammar.delimiter[0]
        has_returns = CARRIAGE_RETURN in text
        is_mark = (content == delimiter) | (content == LINE_FEED) | (content == QUOTE)
        places = np.flatnonzero(is_mark | (content == CARRIAGE_RETURN) if has_returns else is_mark)
        kinds = content[places]
        is_break, is_delimiter, nexts = kinds == LINE_FEED, kinds == delimiter, places + 1
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
            is_delimiter = np.append(is_delimiter, False)
        return cls(
            content=content, places=places, kinds=kinds, is_break=is_break, is_delimiter=is_delimiter, nexts=nexts
        )


def _records(marks: _Marks, is_inside: Mask) -> Records:
    """Put records together, given which marks stand within quotes."""
    is_end: Rows = np.flatnonzero(marks.is_break & ~is_inside)
    delimiters = np.cumsum(marks.is_delimiter & ~is_inside)[is_end]
    lines: Rows = np.cumsum(marks.is_break, dtype=np.int64)[is_end]
    nexts = marks.nexts[is_end]
    return Records(
        starts=_shifted(nexts),
        ends=marks.places[is_end],
        nexts=nexts,
        cells=np.diff(delimiters, prepend=0) + 1,
        lines=_shifted(lines),
        is_stray=np.zeros(len(is_end), dtype=bool),
        n_lines=int(lines[-1]) if len(lines) else 0,
    )


def _shifted(ends: Rows) -> Rows:
    """Return where each record begins: where the one before it ends."""
    return np.concatenate([[0], ends[:-1]]).astype(np.int64)[: len(ends)]


def _may_begin_a_cell(content: Bytes, quotes: Rows, grammar: CsvGrammar) -> bool:
    """Tell whether a quote may begin a cell: all others are characters like any other, such as inches."""
    return bool((quotes == 0).any() or grammar.may_stand_beside_a_quote[content[quotes - 1]].any())


def are_well_placed(text: bytes, grammar: CsvGrammar) -> bool:
    """Tell whether every quote of a text opens or closes a cell, given that they come in pairs."""
    content = np.frombuffer(text, np.uint8)
    return _are_well_placed(content, np.flatnonzero(content == QUOTE), grammar)


def _are_well_placed(content: Bytes, quotes: Rows, grammar: CsvGrammar) -> bool:
    """Tell whether every quote opens or closes a cell, so that counting them finds what stands within quotes."""
    openers, closers = quotes[0::2], quotes[1::2]
    # Nothing stands before the first byte, and nothing behind the last.
    before = content[openers[np.searchsorted(openers, 1) :] - 1]
    after = content[closers[: np.searchsorted(closers, len(content) - 1)] + 1]
    may_stand = grammar.may_stand_beside_a_quote
    return bool(may_stand[before].all() and may_stand[after].all())


def _records_by_cell(text: bytes, grammar: CsvGrammar, stops: Rows, *, is_last: bool) -> Records:
    """Find the records cell by cell, which is slower, and right if quotes stand in odd places."""
    found: list[tuple[int, int, int, int, bool]] = []
    end = 0
    for cells in grammar.records(text, is_last=is_last):
        last = cells[-1]
        is_stray = any(cell["stray"] for cell in cells)
        found.append((end, last.start("end"), last.end(), len(cells), is_stray))
        end = last.end()
    if is_last and end < len(text):
        raise UnclosedQuoteError(int(np.searchsorted(stops, _last_cell(text, grammar, end))))
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


def _last_cell(text: bytes, grammar: CsvGrammar, position: int) -> int:
    """Return where the cell begins that is not complete, in a record that begins at `position`."""
    while (cell := grammar.cell.match(text, position)) is not None:
        position = cell.end()
    return position
