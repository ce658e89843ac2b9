"""Identifiers that name nobody: what spreadsheets and programs leave where an identifier should stand."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import TEXT_TYPE, Mask, holds_any, text_bytes, to_mask, valid_mask
from events_pandas.convert.odd_texts import HAS_BLANK_AT_AN_END, HAS_UNSEEN, may_hold_unseen
from events_pandas.mapping.column_types import NOTHING_WORDS

# A spreadsheet writes 123456789012 as 1.23457E+11, or 1,23457E+11; 1E5 and 12E-3 may be codes of somebody's.
_SCIENTIFIC: Final = r"^[+-]?[0-9]+(?:[.,][0-9]*[eE][+-]?|[eE]\+)[0-9]+$"
_EXPONENT: Final = r"^[0-9]+[eE]-?[0-9]+$"
# #N/A, #NAME? and the like in any language, and cells that were too narrow.
_SHEET_ERROR: Final = r"^#(?:(?i:n/a|n/d|nv|getting_data)|¡?[\p{L}/0]+[!?]|#+)$"
# Excel's ="00042" and '00042, and quotes that a CSV file has kept.
_GUARDED: Final = r"^(?:=[\"'0-9].*|'(?:[-+=@].*|.*[0-9].*)|\".*\")$"
_GUARDED_EMAIL: Final = r"^(?:'.*|=?\".*\")$"
_OBJECT: Final = (
    r"^(?:<.*>|\[object \w+\]|.* object \(.*\)|\[(?:['\"{\[0-9].*)?\]|\{(?:.*['\":].*)?\}|\(['\"].*\)|b'.*'|b\".*\""
    r"|[A-Za-z_][\w.]*\(['\"].*['\"]\)|ObjectId\(.*\))$"
)
_NOTHING: Final = tuple(sorted(word for word in NOTHING_WORDS if word[0] not in "#<"))
"""Others are the errors of a spreadsheet, or an object's own words."""
_LONGEST_NUMBER: Final = len("-1.23456789012345E+100")
_LONGEST_NOTHING: Final = max(map(len, _NOTHING))

_SPACE: Final = ord(" ")
_DIGITS: Final = b"0123456789"
_NUMERIC, _MARKED, _WORD = np.uint8(1), np.uint8(2), np.uint8(4)


def _flags(**letters: bytes) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
    table = np.zeros(256, np.uint8)
    for name, chosen in letters.items():
        table[list(chosen)] |= {"numeric": _NUMERIC, "marked": _MARKED, "word": _WORD}[name]
    return table


_FIRST: Final = _flags(
    numeric=_DIGITS + b"+-", marked=b"#='", word=bytes({ord(word[0]) for word in _NOTHING}) + b"NUME"
)
"""What a text may be by its first byte."""
_LAST: Final = _flags(numeric=_DIGITS, marked=b"\"')]}>")
"""What a text may be by its last byte."""


def odd_identifiers(text: pa.Array, passed_over: Mask) -> list[tuple[str, Mask]]:
    """Find identifiers that name nobody, or may name nobody.

    Parameters
    ----------
    text : pyarrow.LargeStringArray
        Identifiers; null where there is none.
    passed_over : numpy.ndarray of bool
        Where something else is wrong already.

    Returns
    -------
    list of (str, mask)
        At most one code for each identifier.
    """
    bounds, letters = text_bytes(text)
    rows = np.flatnonzero(valid_mask(text) & ~passed_over)
    found: list[tuple[str, Mask]] = []
    if not len(rows):
        return found
    if may_hold_unseen(text):
        found += _matched(text, rows, invisible_character=HAS_UNSEEN, blanks_around=HAS_BLANK_AT_AN_END)
    else:
        has_blank = (letters[bounds[:-1][rows]] == _SPACE) | (letters[bounds[1:][rows] - 1] == _SPACE)
        found.append(("blanks_around", _at(rows[has_blank], len(text))))
    for _, where in found:
        rows = rows[~where[rows]]
    starts, ends = bounds[:-1][rows], bounds[1:][rows]
    first, last, lengths = _FIRST[letters[starts]], _LAST[letters[ends - 1]], ends - starts
    numeric = rows[((first & last & _NUMERIC) > 0) & (lengths <= _LONGEST_NUMBER)]
    marked = rows[((first | last) & _MARKED) > 0]
    words = rows[((first & _WORD) > 0) & (lengths <= _LONGEST_NOTHING)]
    found += _matched(text, numeric, identifier_scientific=_SCIENTIFIC, identifier_exponent=_EXPONENT)
    found += _matched(
        text, marked, identifier_sheet_error=_SHEET_ERROR, identifier_guarded=_GUARDED, identifier_object=_OBJECT
    )
    if len(words):
        is_nothing = to_mask(pc.is_in(pc.utf8_lower(text.take(pa.array(words))), pa.array(_NOTHING, TEXT_TYPE)))
        found.append(("identifier_nothing", _at(words[is_nothing], len(text))))
    return found


def guarded_emails(text: pa.Array) -> Mask:
    """Return where an address stands in a spreadsheet's marks for text.

    Parameters
    ----------
    text : pyarrow.LargeStringArray
        The addresses.

    Returns
    -------
    numpy.ndarray of bool
        As long as the text.
    """
    if not holds_any(text, b"'", b'"'):
        return np.zeros(len(text), dtype=bool)
    return to_mask(pc.match_substring_regex(text, _GUARDED_EMAIL))


def _matched(
    text: pa.Array, rows: "np.ndarray[tuple[int], np.dtype[np.int64]]", **patterns: str
) -> list[tuple[str, Mask]]:
    """Find the first of some patterns that each of some rows matches."""
    found: list[tuple[str, Mask]] = []
    for code, pattern in patterns.items():
        if len(rows):
            where = to_mask(pc.match_substring_regex(text.take(pa.array(rows)), pattern))
            found.append((code, _at(rows[where], len(text))))
            rows = rows[~where]
    return found


def _at(rows: "np.ndarray[tuple[int], np.dtype[np.int64]]", length: int) -> Mask:
    where = np.zeros(length, dtype=bool)
    where[rows] = True
    return where
