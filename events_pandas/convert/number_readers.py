"""How cells are read as JSON numbers, with or without a decimal sign."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import DOUBLE_EXACT, TEXT_TYPE, CellKind, Cells, Mask, matches, to_mask, without
from events_pandas.convert.decimal_signs import PLAIN_NUMBER, have_two_readings
from events_pandas.convert.odd_texts import find_unreadable
from events_pandas.convert.reading import CodeMasks, Reader, reject_all
from events_pandas.mapping.source_format import DecimalSign
from events_pandas.mapping.written_numbers import plain_numbers

_is_number = partial(matches, pattern=PLAIN_NUMBER)
_LONG_WHOLE = r"^-?[0-9]{16}"
_HAS_EXPONENT_OR_FRACTION = r"[eE]|\.[0-9]*[1-9]"


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
