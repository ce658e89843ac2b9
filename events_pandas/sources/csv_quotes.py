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
    first, *others = [line.split(grammar.delimiter) for line in _LINE_END.split(record)]
    # In one column each line would be a row.
    if least == 1 or not least <= len(first) <= most:
        return False
    return any(least <= len(line) <= most and any(map(_are_alike, first, line)) for line in others)


def _are_alike(cell: bytes, other: bytes) -> bool:
    return _digits(cell) >= _TELLING_DIGITS and _digits(other) >= _TELLING_DIGITS and _shape(cell) == _shape(other)


def _digits(cell: bytes) -> int:
    return sum(map(cell.count, (bytes([digit]) for digit in _DIGITS)))


def _shape(cell: bytes) -> bytes:
    return _REPEATED.sub(rb"\1", cell.translate(_SHAPE))


def may_hold_rows(text: bytes, records: Records, grammar: CsvGrammar, *, least: int) -> Mask:
    """Find the records of several lines that have the delimiters of several rows, within quotes or not."""
    n_lines = np.diff(records.lines, append=records.n_lines)
    found: Mask = n_lines > 1
    if found.any():
        delimiters = np.flatnonzero(np.frombuffer(text, np.uint8) == grammar.delimiter[0])
        counts = np.searchsorted(delimiters, records.ends) - np.searchsorted(delimiters, records.starts)
        found &= counts >= 2 * (least - 1)
    return found


def may_have_quote_behind_blanks(text: bytes, records: Records, grammar: CsvGrammar) -> Mask:
    """Find the records that may have a cell which begins with blanks and a quote."""
    found = np.zeros(len(records), dtype=bool)
    if b' "' not in text and b'\t"' not in text:
        return found
    # Nothing stands before the first byte, and nothing behind the last.
    content = np.frombuffer(b"\n" + text + b"\n\n", np.uint8)
    is_blank = np.isin(content, list(BLANKS.replace(grammar.delimiter, b"")))
    quotes: Rows = np.flatnonzero((content[1:] == QUOTE) & is_blank[:-1]) + 1
    before: Rows = np.maximum.accumulate(np.where(is_blank, 0, np.arange(len(content))))[quotes]
    may_stand = grammar.may_stand_beside_a_quote[content]
    # Within quotes, where it begins no cell, a quote is doubled, as in JSON.
    is_doubled = (content[quotes + 1] == QUOTE) & ~may_stand[quotes + 2]
    places = quotes[may_stand[before] & ~is_doubled] - 1
    found[np.searchsorted(records.starts, places, side="right") - 1] = True
    return found
