"""Epoch numbers become seconds: written digits exactly, floats as far as they are exact."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import TEXT_TYPE, CellKind, Cells, Mask, Rows, text_bytes, to_mask, valid_mask, without
from events_pandas.convert.readers import are_digits
from events_pandas.convert.reading import CodeMasks

SECONDS_LIMIT = 10**11
"""Seconds reach this number in the year 5138; milliseconds reached it in 1973."""

TICKS_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

FIRST_DAY, LAST_DAY = 1900_01_01, 2100_12_31
MONTHS, MONTH_DAYS = 12, 31

_SECONDS_DIGITS, _INT64_DIGITS = 11, 18
_UNIT_DIGITS = 3
_SIZES = np.array([SECONDS_LIMIT, SECONDS_LIMIT * 10**3, SECONDS_LIMIT * 10**6], np.uint64)
_SIZE_CODES = {1: "time_in_milliseconds", 2: "time_in_microseconds", 3: "time_in_nanoseconds", 4: "time_unreadable"}
_NUMBER = r"^(?P<sign>-?)0*(?P<whole>[0-9]+)(?:\.(?P<part>[0-9]+))?$"

NO_TEXT = pa.scalar("", TEXT_TYPE)


def read_epoch(cells: Cells, unit: str | None) -> tuple[pa.Array, CodeMasks]:
    """Read integers, floats, decimals or text as Unix seconds, cutting fractions off downwards.

    A number too large for its unit is reported with its likely unit. Without a unit, numbers count seconds, and days
    written as numbers, such as 19970131, are reported.
    """
    ticks = TICKS_PER_SECOND[unit or "s"]
    reader = _READERS[cells.kind]
    seconds, faults = reader(cells, ticks)
    if unit is not None:
        return seconds, faults
    is_day = valid_mask(seconds) & _looks_like_days(pc.fill_null(seconds, 0).to_numpy())
    return without(seconds, is_day), [*faults, ("day_as_number", is_day)]


def _of_integers(cells: Cells, ticks: int) -> tuple[pa.Array, CodeMasks]:
    present = cells.mask()
    numbers = pc.fill_null(cells.values, 0).to_numpy()
    # abs of the smallest int64 overflows, but as uint64 its bits are the right number.
    magnitudes = np.abs(numbers).view(np.uint64)
    beyond = magnitudes >= np.uint64(min(SECONDS_LIMIT * ticks, 2**64 - 1))
    seconds = pa.array(np.floor_divide(numbers, ticks))
    sizes = np.searchsorted(_SIZES, magnitudes, side="right")
    return without(seconds, beyond | ~present), _beyond_faults(sizes, beyond, ticks)


def _of_floats(cells: Cells, ticks: int) -> tuple[pa.Array, CodeMasks]:
    present = cells.mask()
    numbers = pc.fill_null(cells.values, 0).to_numpy()
    magnitudes = np.abs(numbers)
    beyond = np.isfinite(magnitudes) & (magnitudes >= SECONDS_LIMIT * ticks)
    # So large a short float may stand for several seconds.
    unreadable = ~beyond & ~(magnitudes < cells.exact_below * ticks)
    seconds = np.floor_divide(np.where(unreadable | beyond, 0, numbers), ticks).astype(np.int64)
    sizes = np.searchsorted([*_SIZES.astype(float), 1e20], magnitudes, side="right")
    faults = [("time_unreadable", unreadable), *_beyond_faults(sizes, beyond, ticks)]
    return without(pa.array(seconds), unreadable | beyond | ~present), faults


def _of_digits(cells: Cells, ticks: int) -> tuple[pa.Array, CodeMasks]:
    """Read written numbers digit by digit: as a float, 1706702399.9999999999 would be the next second."""
    if _are_short_integers(cells.values):
        return _of_integers(Cells(kind=CellKind.INTEGER, values=cells.values.cast(pa.int64())), ticks)
    places = len(str(ticks)) - 1
    parts = pc.extract_regex(cells.values, _NUMBER)
    sign, whole, part = (pc.struct_field(parts, name) for name in ("sign", "whole", "part"))
    unreadable = cells.mask() & ~valid_mask(parts)
    lengths = pc.fill_null(pc.binary_length(whole), 0).to_numpy(zero_copy_only=False)
    beyond = lengths > _SECONDS_DIGITS + places
    padded = pc.utf8_lpad(without(whole, beyond | ~valid_mask(parts)), places + 1, "0")
    # Ticks and digits after the point are cut off; on a negative number that means one second earlier.
    cut = pc.binary_join_element_wise(pc.utf8_slice_codeunits(padded, -places), part, NO_TEXT) if places else part
    seconds = pc.utf8_slice_codeunits(padded, 0, -places if places else None).cast(pa.int64())
    if to_mask(pc.equal(sign, "-")).any():
        earlier = pc.subtract(pc.negate(seconds), pc.match_substring_regex(cut, "[1-9]").cast(pa.int64()))
        seconds = pc.if_else(pc.equal(sign, "-"), earlier, seconds)
    sizes = np.minimum((lengths - _SECONDS_DIGITS + _UNIT_DIGITS - 1) // _UNIT_DIGITS, max(_SIZE_CODES))
    return seconds, [*_beyond_faults(sizes, beyond, ticks), ("time_unreadable", unreadable)]


def _are_short_integers(text: pa.Array) -> bool:
    bounds, letters = text_bytes(text)
    return are_digits(letters) and bool(np.diff(bounds).max(initial=0) <= _INT64_DIGITS)


_READERS = {
    CellKind.INTEGER: _of_integers,
    CellKind.FLOAT: _of_floats,
    CellKind.DECIMAL: _of_digits,
    CellKind.TEXT: _of_digits,
}


def _looks_like_days(numbers: Rows) -> Mask:
    """Tell which numbers look like days, such as 19970131: as seconds they are within three weeks of August 1970."""
    is_day = (numbers >= FIRST_DAY) & (numbers <= LAST_DAY)
    if not is_day.any():
        return is_day
    months, days = numbers // 100 % 100, numbers % 100
    return is_day & (months >= 1) & (months <= MONTHS) & (days >= 1) & (days <= MONTH_DAYS)


def _beyond_faults(sizes: npt.NDArray[np.integer], beyond: Mask, ticks: int) -> CodeMasks:
    """Report the unit of numbers that are too large for the unit in which they were read."""
    if ticks > 1 or not beyond.any():
        return [("time_unreadable", beyond)]
    return [(code, beyond & (sizes == size)) for size, code in _SIZE_CODES.items()]
