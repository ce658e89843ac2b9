"""Amounts and currencies as Intercom takes them: whole numbers of the currency's minor unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
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
    Rows,
    mask_at,
    matches,
    to_mask,
    valid_mask,
    without,
)
from events_pandas.convert.decimal_signs import PLAIN_AMOUNT
from events_pandas.convert.number_readers import beyond, with_sign, without_sign
from events_pandas.convert.odd_texts import find_unreadable
from events_pandas.convert.reading import CodeMasks, Reader, reject_all
from events_pandas.currencies import DECIMALS
from events_pandas.mapping.source_format import DecimalSign

AMOUNT_TYPE = pa.struct([("whole", pa.int64()), ("millionths", pa.int64())])
"""An amount as it was written: its whole part, rounded down, and its fraction.

The fraction has the first five decimals; its sixth digit is 1 if any later digit is not zero. That is enough to tell
whether an amount has too many decimals, and to round it: no currency has more than four.
"""

_PLACES = 5
_MILLION = 10 ** (_PLACES + 1)
_is_amount = partial(matches, pattern=PLAIN_AMOUNT)
_SHORT_AMOUNT = pa.decimal128(18, _PLACES)
"""As integers, such decimals fit into 64 bits."""
_MOST_DIGITS = len(str(DOUBLE_EXACT))
_TEN_THOUSANDTHS = 10**4
_PROPOSED_BELOW = float(2**38)
"""Below it, two decimals of four places are never the same float."""
_HUNDREDTHS_BELOW = float(2**46)
"""From here on, two amounts that differ by a hundredth may be the same float."""


def read_amount(cells: Cells) -> tuple[pa.Array, CodeMasks]:
    """Read numbers, and text that is a plain number, as exact amounts of `AMOUNT_TYPE`."""
    match cells.kind:
        case CellKind.INTEGER:
            too_large = beyond(cells.values, DOUBLE_EXACT - 1)
            whole = pc.fill_null(cells.values, 0).to_numpy()
            return _amounts(whole, np.zeros_like(whole), cells.mask() & ~too_large), [("amount_too_large", too_large)]
        case CellKind.FLOAT:
            return _read_float_amount(cells)
        case CellKind.TEXT | CellKind.DECIMAL:
            unreadable, faults = find_unreadable(cells.values, code="amount_unreadable", is_readable=_is_amount)
            whole, millionths, too_large = _digits(without(cells.values, unreadable))
            is_good = cells.mask() & ~unreadable & ~too_large
            return _amounts(whole, millionths, is_good), [*faults, ("amount_too_large", too_large)]
        case _:
            return reject_all(cells, AMOUNT_TYPE, "amount_unreadable")


def amount_reader(sign: DecimalSign | None) -> Reader:
    """Return `read_amount` for text with a decimal sign; None stands for amounts such as 1234.56, but not 1.234."""
    if sign is None:
        return without_sign(read_amount)
    return with_sign(read_amount, sign, code="amount_unreadable", is_readable=_is_amount)


def _amounts(whole: Rows, millionths: Rows, is_good: Mask) -> pa.Array:
    names = [field.name for field in AMOUNT_TYPE]
    return pa.StructArray.from_arrays([pa.array(whole), pa.array(millionths)], names, mask=pa.array(~is_good))


def _digits(text: pa.Array) -> tuple[Rows, Rows, Mask]:
    """Return the whole parts and millionths of plain numbers, and where they are too large in any unit."""
    # Arrow reads decimals five times as fast as they can be taken apart, exactly or not at all.
    try:
        decimals = pc.fill_null(text, "0").cast(_SHORT_AMOUNT)
    except pa.ArrowInvalid:
        return _long_digits(text)
    # Each has 128 bits, of which the upper half is only the sign here.
    digits = np.frombuffer(decimals.buffers()[1], "<i8")[::2][decimals.offset : decimals.offset + len(decimals)]
    whole, part = np.divmod(digits, 10**_PLACES)
    return whole, part * 10, np.zeros(len(text), dtype=bool)


def _long_digits(text: pa.Array) -> tuple[Rows, Rows, Mask]:
    """Return what `_digits` does for numbers of any length."""
    parts = pc.extract_regex(text, PLAIN_AMOUNT)
    sign, whole, part = (pc.fill_null(pc.struct_field(parts, name), "") for name in ("sign", "whole", "part"))
    whole = pc.utf8_ltrim(whole, "0")
    too_large = to_mask(pc.greater(pc.binary_length(whole), _MOST_DIGITS))
    no_number = too_large | to_mask(pc.equal(pc.binary_length(whole), 0))
    units = pc.if_else(pa.array(no_number), "0", whole).cast(pa.int64()).to_numpy()
    too_large |= units >= DOUBLE_EXACT
    has_more = to_mask(pc.greater(pc.binary_length(part), _PLACES))
    first = pc.utf8_slice_codeunits(part, 0, _PLACES) if has_more.any() else part
    millionths = pc.utf8_rpad(first, _PLACES, "0").cast(pa.int64()).to_numpy() * 10 + has_more
    # Rounded down, an amount below zero is at most -1. "-0" is not below zero.
    is_negative = to_mask(pc.equal(sign, "-")) & ((units | millionths) != 0)
    return np.where(is_negative, -1 - units, units), millionths, too_large


def _read_float_amount(cells: Cells) -> tuple[pa.Array, CodeMasks]:
    """Find the decimal that each float stands for: the shortest one that gives the float."""
    # Rounding to four places proposes it. Dividing gives the float nearest to the proposed decimal, so the two floats
    # are equal exactly if the proposal is what was written. All other floats are written out.
    present = cells.mask()
    floats = np.where(present, cells.values.to_numpy(zero_copy_only=False), 0.0)
    sizes = np.abs(floats)
    infinite = np.isinf(floats)
    too_large = ~infinite & (sizes >= _HUNDREDTHS_BELOW) & ((sizes >= DOUBLE_EXACT) | (np.trunc(floats) != floats))
    floats = np.where(infinite | too_large, 0.0, floats)
    proposed = np.rint(floats * _TEN_THOUSANDTHS)
    floors = np.floor(floats)
    millionths = (proposed - floors * _TEN_THOUSANDTHS) * (_MILLION // _TEN_THOUSANDTHS)
    is_other = (floors != floats) & ((proposed / _TEN_THOUSANDTHS != floats) | (sizes >= _PROPOSED_BELOW))
    whole, millionths = floors.astype(np.int64), np.where(floors == floats, 0.0, millionths).astype(np.int64)
    rows = np.flatnonzero(is_other)
    if len(rows):
        whole[rows], millionths[rows], _ = _digits(_written_out(pa.array(floats[rows])))
    is_good = present & ~infinite & ~too_large
    return _amounts(whole, millionths, is_good), [("number_not_finite", infinite), ("amount_too_large", too_large)]


def _written_out(floats: pa.Array) -> pa.Array:
    """Write floats with their shortest digits, and without an exponent."""
    text = floats.cast(TEXT_TYPE)
    has_exponent = to_mask(pc.match_substring(text, "e"))
    if not has_exponent.any():
        return text
    written = [f"{Decimal(number):f}" for number in text.filter(pa.array(has_exponent)).to_pylist()]
    return pc.replace_with_mask(text, pa.array(has_exponent), pa.array(written, TEXT_TYPE))


def read_currency(cells: Cells) -> tuple[pa.Array, CodeMasks]:
    """Read text as currencies of ISO 4217: three letters in lower case (large_string)."""
    if cells.kind is not CellKind.TEXT:
        return reject_all(cells, TEXT_TYPE, "currency_unknown")
    letters = pc.utf8_lower(cells.values)
    unknown, faults = find_unreadable(letters, code="currency_unknown", is_readable=_is_currency)
    return without(letters, unknown), faults


def _is_currency(letters: pa.Array) -> Mask:
    return to_mask(pc.is_in(letters, pa.array(list(DECIMALS), TEXT_TYPE)))


def looked_up(currencies: pa.Array, table: Mapping[str, int], *, otherwise: int) -> npt.NDArray[np.int64]:
    """Return the entry of a table for each currency; `otherwise` if it is absent, unknown or not in the table."""
    distinct = currencies.dictionary_encode()
    entries = [table.get(currency, otherwise) for currency in distinct.dictionary.to_pylist()]
    # Absent currencies take the last entry.
    values = np.array([*entries, otherwise], np.int64)
    found: npt.NDArray[np.int64] = values[pc.fill_null(distinct.indices, len(entries)).to_numpy()]
    return found


def first_of_each(currencies: pa.Array, where: Mask) -> Mask:
    """Return a mask of the first of the rows with each currency; there may be one currency for all rows."""
    rows = np.flatnonzero(where)
    codes = pc.fill_null(currencies.dictionary_encode().indices, -1).to_numpy(zero_copy_only=False)
    firsts = np.unique(np.broadcast_to(codes, where.shape)[rows], return_index=True)[1]
    return mask_at(rows[firsts], len(where))


@dataclass(frozen=True, kw_only=True, slots=True)
class MinorUnits:
    """Amounts in their currency's minor unit, and what was found."""

    units: npt.NDArray[np.int64]  # meaningless where an amount is null or at fault
    faults: dict[str, Mask]  # by code
    is_zero: Mask  # amounts of zero, which are at fault: `amount_not_positive`
    is_rounded: Mask  # amounts that had further decimals


def minor_units(amounts: pa.Array, decimals: npt.NDArray[np.int64], *, rounds: bool) -> MinorUnits:
    """Return amounts in their currency's minor unit.

    Parameters
    ----------
    amounts : pyarrow.StructArray
        Of `AMOUNT_TYPE`.
    decimals : numpy.ndarray of int64
        The decimals that each amount may have; one number stands for all.
    rounds : bool
        Whether to round further decimals, half up.
    """
    present = valid_mask(amounts)
    # With nulls, Arrow would hand out floats, and large amounts would be written with an exponent.
    whole, millionths = (pc.fill_null(amounts.field(place), 0).to_numpy() for place in range(2))
    is_positive = (whole > 0) | (whole == 0) & (millionths > 0)
    scale = 10**decimals
    per_unit = _MILLION // scale
    too_large = whole > (DOUBLE_EXACT - 1) // scale
    units = np.where(too_large, 0, whole) * scale + millionths // per_unit
    fraction = millionths % per_unit
    if rounds:
        units += fraction >= per_unit // 2
        is_positive = is_positive & (units > 0) | too_large
    too_large = too_large | (units >= DOUBLE_EXACT)
    faults = {
        "amount_not_positive": present & ~is_positive,
        "amount_too_large": present & is_positive & too_large,
        "amount_decimals": present & is_positive & ~too_large & (fraction != 0) & (not rounds),
    }
    # One amount may stand for several currencies, and one currency for several amounts.
    shape = np.broadcast_shapes(whole.shape, decimals.shape)
    return MinorUnits(
        units=units,
        faults={code: np.broadcast_to(mask, shape) for code, mask in faults.items()},
        is_zero=present & ~is_positive & (whole >= 0),
        is_rounded=present & (fraction != 0),
    )
