"""How cells are read as text, event names, identifiers and email addresses."""

from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import (
    DOUBLE_EXACT,
    TEXT_TYPE,
    CellKind,
    Cells,
    Mask,
    holds_any,
    matches,
    text_bytes,
    time_text,
    to_mask,
    without,
)
from events_pandas.convert.codes import CODES
from events_pandas.convert.odd_texts import find_unreadable, guarded_emails, odd_identifiers
from events_pandas.convert.reading import CodeMasks, reject_all
from events_pandas.intercom import TEXT_LIMIT

_WHOLE = r"^(-?[0-9]+)(?:\.0*)?$"
_FLOAT_TEXT = r"^[0-9]+\.0$"
_EMAIL = r"^[^@\s\p{Z}\p{C}]+@[^@\s\p{Z}\p{C}.]+(?:\.[^@\s\p{Z}\p{C}.]+)*$"
_is_email = partial(matches, pattern=_EMAIL)
_ZERO, _NINE = ord("0"), ord("9")
_WITHOUT_TEXT = frozenset({CellKind.BYTES, CellKind.SURROGATE, CellKind.NESTED, CellKind.OTHER, CellKind.FAR_TIME})
_SPACE, _DELETE = 0x20, 0x7F


def read_text(cells: Cells) -> tuple[pa.Array, CodeMasks]:
    """Read cells as metadata text (large_string) of at most 255 characters; cells that are not text are written out."""
    if cells.kind in _WITHOUT_TEXT:
        return reject_all(cells, TEXT_TYPE, "time_unreadable")
    text = written(cells)
    too_long, has_nul = _too_long(text), nul_mask(text)
    return without(text, too_long | has_nul), [("text_too_long", too_long), ("nul_character", has_nul)]


def read_truncated_text(cells: Cells) -> tuple[pa.Array, CodeMasks]:
    """Read cells as metadata text (large_string), cut to 255 characters; cells that are not text are written out."""
    if cells.kind in _WITHOUT_TEXT:
        return reject_all(cells, TEXT_TYPE, "time_unreadable")
    text = written(cells)
    too_long = _too_long(text)
    text = pc.utf8_slice_codeunits(text, 0, TEXT_LIMIT) if too_long.any() else text
    has_nul = nul_mask(text)
    return without(text, has_nul), [("text_truncated", too_long & ~has_nul), ("nul_character", has_nul)]


def _too_long(text: pa.Array) -> Mask:
    # Characters are counted only where a text has enough bytes to be too long.
    too_long = to_mask(pc.greater(pc.binary_length(text), TEXT_LIMIT))
    rows = np.flatnonzero(too_long)
    if len(rows):
        too_long[rows] = to_mask(pc.greater(pc.utf8_length(text.take(pa.array(rows))), TEXT_LIMIT))
    return too_long


def nul_mask(text: pa.Array) -> Mask:
    """Return where text holds a NUL character."""
    _, letters = text_bytes(text)
    if letters.min(initial=_SPACE) > 0:
        return np.zeros(len(text), dtype=bool)
    return to_mask(pc.match_substring(text, "\0"))


def written(cells: Cells) -> pa.Array:
    """Write values out (large_string): whole numbers without a fraction or an exponent, times as ISO 8601."""
    values = cells.values
    if cells.kind is CellKind.FLOAT:
        return _written_floats(values)
    if cells.kind in {CellKind.NAIVE_TIME, CellKind.AWARE_TIME}:
        return time_text(values)
    return values if cells.kind in {CellKind.TEXT, CellKind.DECIMAL} else values.cast(TEXT_TYPE)


def _written_floats(values: pa.Array) -> pa.Array:
    """Write floats; whole numbers without a fraction or an exponent: 314159.0 as 314159."""
    text = values.cast(TEXT_TYPE)
    whole = to_mask(pc.and_(pc.equal(pc.trunc(values), values), pc.less(pc.abs(values), float(DOUBLE_EXACT))))
    if not whole.any():
        return text
    integers = without(values, ~whole).cast(pa.int64()).cast(TEXT_TYPE)
    return pc.coalesce(integers, text)


def read_event_name(cells: Cells) -> tuple[pa.Array, CodeMasks]:
    """Read text as event names (large_string); blank ones are null."""
    if cells.kind is not CellKind.TEXT:
        return reject_all(cells, TEXT_TYPE, "event_name_unreadable")
    text = cells.values
    has_nul = nul_mask(text)
    blank = _blank_mask(text)
    return without(text, has_nul | blank), [("nul_character", has_nul), ("event_name_missing", blank)]


def _blank_mask(text: pa.Array) -> Mask:
    bounds, letters = text_bytes(text)
    # A blank text begins with white space, which never begins with a byte from "!" to "~".
    first = np.append(letters, np.uint8(0))[bounds[:-1]]
    if not ((first <= _SPACE) | (first >= _DELETE)).any():
        return np.zeros(len(text), dtype=bool)
    return to_mask(pc.equal(pc.binary_length(pc.utf8_trim_whitespace(text)), 0))


def read_identifier(cells: Cells) -> tuple[pa.Array, CodeMasks]:
    """Read text and whole numbers as identifiers (large_string): 314159.0 as ``"314159"``; blank ones are null.

    Errors are fractions, floats that have lost digits, times, booleans, and text that is not an identifier.
    """
    values = cells.values
    match cells.kind:
        case CellKind.TEXT:
            return _read_text_identifier(values)
        case CellKind.INTEGER:
            return values.cast(TEXT_TYPE), []
        case CellKind.DECIMAL:
            # The fraction of a whole number is only zeros: it is not part of the identifier.
            is_whole = matches(values, _WHOLE)
            text = pc.replace_substring_regex(values, _WHOLE, r"\1")
            return without(text, ~is_whole), [("identifier_unreadable", cells.mask() & ~is_whole)]
        case CellKind.FLOAT:
            return _read_float_identifier(cells)
        case _:
            return reject_all(cells, TEXT_TYPE, "identifier_unreadable")


def _read_text_identifier(text: pa.Array) -> tuple[pa.Array, CodeMasks]:
    _, letters = text_bytes(text)
    if are_digits(letters):
        return text, []
    has_nul = nul_mask(text)
    blank = _blank_mask(text)
    spoilt = has_nul | blank
    faults = [("nul_character", has_nul), ("identifier_missing", blank)]
    if holds_any(text, b".0"):
        faults.append(("float_text_identifier", matches(text, _FLOAT_TEXT)))
    for code, where in odd_identifiers(text, spoilt):
        faults.append((code, where))
        spoilt |= where & (CODES[code].severity == "error")
    return without(text, spoilt), faults


def are_digits(letters: npt.NDArray[np.uint8]) -> bool:
    """Tell whether there is nothing but digits."""
    return bool(letters.min(initial=_ZERO) >= _ZERO and letters.max(initial=_ZERO) <= _NINE)


def _read_float_identifier(cells: Cells) -> tuple[pa.Array, CodeMasks]:
    present = cells.mask()
    is_whole = to_mask(pc.equal(pc.trunc(cells.values), cells.values))
    inexact = to_mask(pc.greater_equal(pc.abs(cells.values), float(cells.exact_below))) & is_whole
    repaired = present & is_whole & ~inexact
    faults = [
        ("identifier_inexact", inexact),
        ("identifier_unreadable", present & ~is_whole),
        ("float_identifier", repaired),
    ]
    return without(_written_floats(cells.values), ~repaired), faults


def read_email(cells: Cells) -> tuple[pa.Array, CodeMasks]:
    """Read text as email addresses (large_string), unchanged."""
    if cells.kind is not CellKind.TEXT:
        return reject_all(cells, TEXT_TYPE, "email_malformed")
    text = cells.values
    malformed, faults = find_unreadable(text, code="email_malformed", is_readable=_is_email)
    guarded = guarded_emails(text) & ~malformed
    return without(text, malformed | guarded), [*faults, ("identifier_guarded", guarded)]
