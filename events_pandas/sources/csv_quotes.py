"""Quotes of a CSV row that were hardly meant as they are read."""

import re
from typing import Final

import numpy as np

from events_pandas.convert.cells import Mask, Rows
from events_pandas.sources.csv_grammar import BLANKS, QUOTE, CsvGrammar
from events_pandas.sources.csv_structure import Records

_LINE_END: Final = re.compile(rb"\r\n?|\n")
_DIGITS: Final = b"0123456789"
_SHAPE: Final = bytes(
    ord("0") if byte in _DIGITS else ord("a") if bytes([byte]).isalpha() or byte > 0x7F else byte  # noqa: PLR2004  # ASCII ends there.
    for byte in range(256)
)
"""What stands for each byte in the shape of a cell: one digit for all digits, and one letter for all letters."""
_REPEATED: Final = re.compile(rb"(0|a)\1+")
_TELLING_DIGITS: Final = 4
"""The least digits of a cell whose shape shows a row: each time has a year, or is a longer number."""


def quote_code(row: list[bytes], grammar: CsvGrammar, *, least: int, most: int) -> str | None:
    """Return the code of what is wrong with the quotes of a row, whose cells are as they are written; None if nothing.

    A row has `least` to `most` cells.
    """
    if _holds_rows(grammar.delimiter.join(row), grammar, least=least, most=most):
        return "rows_within_quotes"
    return "blank_before_quote" if any(map(_has_quote_behind_blanks, row)) else None


def _has_quote_behind_blanks(cell: bytes) -> bool:
    """Tell whether a cell begins with blanks and a quote, which then does not begin the cell."""
    return cell[:1] in (b" ", b"\t") and cell.lstrip(BLANKS).startswith(b'"')


def _holds_rows(record: bytes, grammar: CsvGrammar, *, least: int, most: int) -> bool:
    """Tell whether quotes, which may be characters like any other, seem to hide that a record is several rows.

    Its first line and another one would be rows: they have as many cells, and a cell in the same column that looks
    the same and has the digits of a time. A text of several lines has no such line.
    """
    first, *others = _LINE_END.split(record)
    delimiters = range(least - 1, most)
    # In one column each line would be a row.
    if least == 1 or first.count(grammar.delimiter) not in delimiters:
        return False
    rows = (line.split(grammar.delimiter) for line in others if line.count(grammar.delimiter) in delimiters)
    return any(any(map(_are_alike, first.split(grammar.delimiter), row)) for row in rows)


def _are_alike(cell: bytes, other: bytes) -> bool:
    return _digits(cell) >= _TELLING_DIGITS and _digits(other) >= _TELLING_DIGITS and _shape(cell) == _shape(other)


def _digits(cell: bytes) -> int:
    return len(cell) - len(cell.translate(None, _DIGITS))


def _shape(cell: bytes) -> bytes:
    return _REPEATED.sub(rb"\1", cell.translate(_SHAPE))


def hold_rows(text: bytes, records: Records, grammar: CsvGrammar, *, least: int, most: int) -> Mask:
    """Find the records that seem to hold other rows within their quotes."""
    found = np.zeros(len(records), dtype=bool)
    several = np.flatnonzero(np.diff(records.lines, append=records.n_lines) > 1)
    if not len(several):
        return found
    content = np.frombuffer(text, np.uint8)
    delimiters = np.flatnonzero(content == grammar.delimiter[0])
    counts = np.searchsorted(delimiters, records.ends[several]) - np.searchsorted(delimiters, records.starts[several])
    for record in several[counts >= 2 * (least - 1)].tolist():
        found[record] = _holds_rows(text[records.span(record)], grammar, least=least, most=most)
    return found


def may_have_quote_behind_blanks(text: bytes, records: Records, grammar: CsvGrammar) -> Mask:
    """Find the records that may have a cell which begins with blanks and a quote."""
    found = np.zeros(len(records), dtype=bool)
    if b' "' not in text and b'\t"' not in text:
        return found
    # Nothing stands before the first byte, and nothing behind the last.
    content = np.frombuffer(b"\n" + text + b"\n\n", np.uint8)
    is_blank = (content == BLANKS[0]) | ((content == BLANKS[1]) & (content != grammar.delimiter[0]))
    quotes: Rows = np.flatnonzero((content[1:] == QUOTE) & is_blank[:-1]) + 1
    before = quotes - 1
    moving = np.arange(len(quotes))
    while len(moving):
        before[moving] -= 1
        moving = moving[is_blank[before[moving]]]
    may_stand = grammar.may_stand_beside_a_quote
    # Within quotes, where it begins no cell, a quote is doubled, as in JSON.
    is_doubled = (content[quotes + 1] == QUOTE) & ~may_stand[content[quotes + 2]]
    places = quotes[may_stand[content[before]] & ~is_doubled] - 1
    found[np.searchsorted(records.starts, places, side="right") - 1] = True
    return found
