"""How cells of each kind are read as text, names, identifiers, numbers and links: one function for each reading.

A reader takes `Cells` and returns an array as long as they are, null where a cell is absent or cannot be read, and
what it found. Kinds of cells that it does not take are rejected by `reject_all`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import TypeAlias

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
    valid_mask,
    without,
    words_at_each_byte,
)
from events_pandas.convert.codes import CODES
from events_pandas.convert.decimal_signs import PLAIN_NUMBER, amount_cures, have_two_readings, number_cures
from events_pandas.convert.odd_texts import (
    LINK,
    find_unreadable,
    guarded_emails,
    link_cures,
    odd_identifiers,
    sheet_errors,
)
from events_pandas.convert.problems import VALUES_KEPT, Finding, shown
from events_pandas.intercom import TEXT_LIMIT
from events_pandas.mapping.source_format import DecimalSign
from events_pandas.mapping.written_numbers import plain_numbers

_WHOLE = r"^(-?[0-9]+)(?:\.0*)?$"
_FLOAT_TEXT = r"^[0-9]+\.0$"
_EMAIL = r"^[^@\s\p{Z}\p{C}]+@[^@\s\p{Z}\p{C}.]+(?:\.[^@\s\p{Z}\p{C}.]+)*$"
_is_number, _is_email = partial(matches, pattern=PLAIN_NUMBER), partial(matches, pattern=_EMAIL)
_LONG_WHOLE = r"^-?[0-9]{16}"
_HAS_EXPONENT_OR_FRACTION = r"[eE]|\.[0-9]*[1-9]"
_ZERO, _NINE = ord("0"), ord("9")
_PLAIN, _SECURE = (np.uint64(int.from_bytes(scheme, "little")) for scheme in (b"http://", b"https://"))
_LETTERS_OF_PLAIN, _LETTERS_OF_SECURE = np.uint64(0x20202020), np.uint64(0x2020202020)
"""The bit that makes a letter lower case, for each letter of the scheme."""
_NO_HOST = np.frombuffer(b"/?#:.", np.uint8)
_SEVEN_BYTES = np.uint64(2**56 - 1)
_NOT_IN_LINKS = tuple(bytes([letter]) for letter in b'@<>"{}|\\^`')
_WITHOUT_TEXT = frozenset({CellKind.BYTES, CellKind.SURROGATE, CellKind.NESTED, CellKind.OTHER, CellKind.FAR_TIME})
_SPACE, _DELETE = 0x20, 0x7F

CodeMasks: TypeAlias = list[tuple[str, Mask]]
"""Codes with the cells in which they were found. A cell with an error has a null value."""

Kinds: TypeAlias = dict[CellKind, tuple[int, int]]
"""How many cells there are of each kind, and the row of the first of them."""

Reader: TypeAlias = Callable[[Cells], tuple[pa.Array, CodeMasks]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A column as a rule reads it."""

    values: pa.Array  # for each row, or one for all rows; null where a cell is absent or cannot be read
    present: Mask  # where a cell is not absent
    findings: list[Finding]
    kinds: Kinds  # of the cells that are present


def read(parts: list[Cells], reader: Reader) -> Reading:
    """Read a column from its parts: together they are the whole column. The values come in the order of its rows."""
    read_parts = [(part, *_with_origin(part, *reader(part))) for part in parts]
    findings = [_finding(part, code, where) for part, _, faults in read_parts for code, where in faults if where.any()]
    kinds = _extents(parts)
    if parts[0].rows is None:
        return Reading(values=read_parts[0][1], present=parts[0].mask(), findings=findings, kinds=kinds)
    # Put the parts of a mixed column back in the order of its rows.
    rows = np.concatenate([part.rows for part in parts if part.rows is not None])
    order = pa.array(np.argsort(rows))
    values = pa.concat_arrays([array for _, array, _ in read_parts]).take(order)
    present = np.concatenate([part.mask() for part in parts])[order.to_numpy()]
    return Reading(values=values, present=present, findings=findings, kinds=kinds)


def _with_origin(part: Cells, values: pa.Array, faults: CodeMasks) -> tuple[pa.Array, CodeMasks]:
    """Add the note of the cells, at the first cell that could be read, and the note of each cell that was stripped."""
    notes: CodeMasks = [(part.note, valid_mask(values))] if part.note else []
    if part.written is not None:
        notes.append(("identifier_stripped", valid_mask(values) & to_mask(pc.not_equal(part.values, part.written))))
    return values, [*faults, *notes]


_CURES: dict[str, Callable[[pa.Array], pa.Array]] = {
    "link_malformed": link_cures,
    "number_unreadable": number_cures,
    "amount_unreadable": amount_cures,
    "number_ambiguous": number_cures,
}
"""How to fix each text, by the code of what is wrong with it."""


def _extents(parts: list[Cells]) -> dict[CellKind, tuple[int, int]]:
    """Return the number of present cells of each kind, and the first row that has one."""
    extents: dict[CellKind, tuple[int, int]] = {}
    for part in parts:
        if n_present := len(part.values) - part.values.null_count:
            place = int(part.mask().argmax()) if part.values.null_count else 0
            first = place if part.rows is None else int(part.rows[place])
            # A column may have several parts of one kind, such as str beside bytes that are text.
            n_before, first_before = extents.get(part.kind, (0, first))
            extents[part.kind] = n_before + n_present, min(first_before, first)
    return extents


def _finding(part: Cells, code: str, where: Mask) -> Finding:
    rows = np.flatnonzero(where)
    # Only the first row of a note on a column is listed: the values of the others are not made.
    kept = (part.values if part.written is None else part.written).take(
        pa.array(rows[: 1 if CODES[code].is_reported_once else VALUES_KEPT])
    )
    find_cures = _CURES.get(code) if part.kind is CellKind.TEXT else None
    cures = None if find_cures is None else find_cures(kept)
    found = Finding(code=code, rows=rows if part.rows is None else part.rows[rows], values=shown(kept), cures=cures)
    return found.once() if CODES[code].is_reported_once else found


def without_sheet_errors(reader: Reader) -> Reader:
    """Return a reader that does not get the errors of a spreadsheet, such as #REF!, and reports them."""

    def read_values(cells: Cells) -> tuple[pa.Array, CodeMasks]:
        if cells.kind is not CellKind.TEXT or not (where := sheet_errors(cells.values)).any():
            return reader(cells)
        values, faults = reader(replace(cells, values=without(cells.values, where)))
        return values, [("sheet_error", where), *faults]

    return read_values


def reject_all(cells: Cells, value_type: pa.DataType, code: str) -> tuple[pa.Array, CodeMasks]:
    """Return a reading in which no cell can be read: all null, of `value_type`.

    `code` is reported for the cells that are present, except kinds that have codes of their own, such as nested values.
    """
    own_codes = {
        CellKind.BYTES: "bytes_unreadable",
        CellKind.SURROGATE: "lone_surrogate",
        CellKind.NESTED: "nested_value",
        CellKind.OTHER: "unsupported_type",
    }
    return pa.nulls(len(cells.values), value_type), [(own_codes.get(cells.kind, code), cells.mask())]


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


def read_number(cells: Cells) -> tuple[pa.Array, CodeMasks]:
    """Read numbers, and text that is one, as JSON numbers (large_string): the shortest text that reads back the same.

    Errors are infinities, and whole numbers so large that a reader of JSON, which has only floats, would lose digits.
    """
    values = cells.values
    match cells.kind:
        case CellKind.INTEGER:
            inexact = beyond(values, DOUBLE_EXACT - 1)
            return without(values.cast(TEXT_TYPE), inexact), [("number_inexact", inexact)]
        case CellKind.FLOAT:
            infinite = cells.mask() & ~to_mask(pc.is_finite(values))
            return without(values.cast(TEXT_TYPE), infinite), [("number_not_finite", infinite)]
        case CellKind.TEXT | CellKind.DECIMAL:
            return _read_written_number(cells)
        case _:
            return reject_all(cells, TEXT_TYPE, "number_unreadable")


def with_sign(reader: Reader, sign: DecimalSign, *, code: str, is_readable: Callable[[pa.Array], Mask]) -> Reader:
    """Return a reader of numbers or amounts to which text is written with a decimal sign; `code` is for other text."""

    def is_written(text: pa.Array) -> Mask:
        return is_readable(plain_numbers(text, sign))

    def read_signed(cells: Cells) -> tuple[pa.Array, CodeMasks]:
        if cells.kind is not CellKind.TEXT:
            return reader(cells)
        unreadable, faults = find_unreadable(cells.values, code=code, is_readable=is_written)
        plain = plain_numbers(without(cells.values, unreadable), sign)
        values, further = reader(replace(cells, values=plain))
        return values, [*faults, *further]

    return read_signed


def without_sign(reader: Reader) -> Reader:
    """Return a reader of numbers or amounts to which text is written with a point, or with an unknown sign."""

    def read_clear(cells: Cells) -> tuple[pa.Array, CodeMasks]:
        if cells.kind is not CellKind.TEXT or not (where := have_two_readings(cells.values)).any():
            return reader(cells)
        values, faults = reader(replace(cells, values=without(cells.values, where)))
        return values, [("number_ambiguous", where), *faults]

    return read_clear


def number_reader(sign: DecimalSign | None) -> Reader:
    """Return `read_number` for text with a decimal sign; None stands for numbers such as 1234.56, but not 1.234."""
    if sign is None:
        return without_sign(read_number)
    return with_sign(read_number, sign, code="number_unreadable", is_readable=_is_number)


def _read_written_number(cells: Cells) -> tuple[pa.Array, CodeMasks]:
    unreadable, faults = find_unreadable(cells.values, code="number_unreadable", is_readable=_is_number)
    text = _without_plus(without(cells.values, unreadable))
    magnitudes = pc.abs(text.cast(pa.float64()))
    infinite = to_mask(pc.is_inf(magnitudes))
    inexact = ~infinite & _loses_digits(text, magnitudes)
    return without(text, infinite | inexact), [*faults, ("number_not_finite", infinite), ("number_inexact", inexact)]


def _without_plus(numbers: pa.Array) -> pa.Array:
    has_plus = pc.starts_with(numbers, "+")
    if not pc.any(has_plus).as_py():
        return numbers
    return pc.if_else(has_plus, pc.utf8_slice_codeunits(numbers, 1), numbers)


def _loses_digits(text: pa.Array, magnitudes: pa.Array) -> Mask:
    """Return where a reader of JSON, which has only floats, would lose a whole digit, or the whole fraction.

    A fraction that is merely longer than a float's digits is sent as written; readers round it.
    """
    # From here on, floats have no fraction.
    is_large = to_mask(pc.greater_equal(magnitudes, float(DOUBLE_EXACT // 2)))
    if not is_large.any():
        return is_large
    rows = np.flatnonzero(is_large)
    large = text.take(pa.array(rows))
    is_beyond = to_mask(pc.greater_equal(magnitudes.take(pa.array(rows)), float(DOUBLE_EXACT)))
    loses = matches(large, _LONG_WHOLE) & is_beyond
    # A float's own text, such as 1.2345678901234567e+20, reads back as the same float: no digit is lost.
    odd = np.flatnonzero(matches(large, _HAS_EXPONENT_OR_FRACTION) & ~loses)
    loses[odd] = [Decimal(repr(float(number))) != Decimal(number) for number in large.take(pa.array(odd)).to_pylist()]
    found = np.zeros_like(is_large)
    found[rows] = loses
    return found


def beyond(integers: pa.Array, limit: int) -> Mask:
    """Return where integers (int64) are farther from zero than `limit`."""
    # abs would overflow for the smallest int64.
    return to_mask(pc.or_(pc.greater(integers, limit), pc.less(integers, -limit)))


def read_link(cells: Cells) -> tuple[pa.Array, CodeMasks]:
    """Read text as http or https addresses (large_string) that are metadata strings, so at most 255 characters long."""
    if cells.kind is not CellKind.TEXT:
        return reject_all(cells, TEXT_TYPE, "link_malformed")
    text, faults = read_text(cells)
    address, address_faults = read_url(Cells(kind=CellKind.TEXT, values=text))
    return address, [*faults, *address_faults]


def read_url(cells: Cells) -> tuple[pa.Array, CodeMasks]:
    """Read text as http or https addresses (large_string) of any length."""
    if cells.kind is not CellKind.TEXT:
        return reject_all(cells, TEXT_TYPE, "link_malformed")
    malformed = cells.mask() & ~_is_link(cells.values)
    return without(cells.values, malformed), [("link_malformed", malformed)]


def _is_link(text: pa.Array) -> Mask:
    bounds, letters = text_bytes(text)
    if letters.min(initial=_DELETE) <= _SPACE or letters.max(initial=0) >= _DELETE or holds_any(text, *_NOT_IN_LINKS):
        return matches(text, LINK)
    # Without forbidden characters the beginning decides: a scheme, and at least one character of a host.
    starts, lengths = bounds[:-1], np.diff(bounds)
    words = words_at_each_byte(letters)[starts]
    is_secure = ((words | _LETTERS_OF_SECURE) == _SECURE) & (lengths > len("https://"))
    is_plain = ((words | _LETTERS_OF_PLAIN) & _SEVEN_BYTES == _PLAIN) & (lengths > len("http://"))
    hosts = np.append(letters, np.zeros(len("https://"), np.uint8))[starts + np.where(is_secure, 8, 7)]
    is_link: Mask = (is_secure | is_plain) & ~np.isin(hosts, _NO_HOST)
    return is_link
