"""How cells of each kind are read as a time: whole Unix seconds, UTC."""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import TEXT_TYPE, Cells, Kind, Mask, to_mask, valid_mask, without
from events_pandas.convert.readers import Faults, first_of, nothing, written

SECONDS_LIMIT = 10**11
"""Seconds reach this in the year 5138; milliseconds reached it in 1973."""

CALENDAR_SECONDS = 3 * 10**11
"""Beyond the year 9999, which some write for "never"; datetime64 has times millions of years away as well."""

_FIRST_LOCAL = -62_135_510_400
_LAST_LOCAL = 253_402_214_400
"""From the second day of the year 1 to the last but one of 9999: Python has all of these in every time zone."""

YEAR_2000 = 946_684_800
TICKS_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

SERIAL_DAYS = (20_000, 80_000)
"""Days since 1900 from 1954 to 2119, as spreadsheets count them; as seconds all of them are within one day of 1970."""

FIRST_DAY, LAST_DAY = 1900_01_01, 2100_12_31
MONTHS, MONTH_DAYS = 12, 31

_SIZE_CODES = {
    1: "time_in_milliseconds",
    2: "time_in_microseconds",
    3: "time_in_nanoseconds",
    4: "time_unreadable",
}

_DIGIT_CODES = {13: "time_in_milliseconds", 16: "time_in_microseconds", 19: "time_in_nanoseconds"}
_DIGITS = r"^[0-9]+$"

_ISO = r"^\s*[0-9]{4}(?:-[0-9]{2}-[0-9]{2}|[0-9]{4})(?:[T ]|\s*$)"
_ISO_DAY = r"^\s*[0-9]{4}(?:-[0-9]{2}-[0-9]{2}|[0-9]{4})\s*$"
_OFFSET = r"[0-9][Tt ].*(?:Z|[+-][0-9:]+)\s*$"
_CODE = re.compile(r"%(.)")
_CLOCK_CODES, _ZONE_CODES = frozenset("HIMSfpzZcX"), frozenset("zZ")
_CLOCK_WORDS = pa.array(["now", "today"], TEXT_TYPE)
"""What pandas reads as the time at which it reads it."""
_EPOCH_TEXT = r"^-?[0-9]+(?:\.[0-9]+)?$"

Seconds = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeReader:
    """Reads cells as times, by what a `Date` rule says of them.

    Parameters
    ----------
    format : str, optional
        How text is written.
    unit : str, optional
        What epoch numbers count.
    timezone : str, optional
        The zone of times without one; UTC, with a note, when not given.
    """

    format: str | None
    unit: str | None
    timezone: str | None

    def __call__(self, cells: Cells) -> tuple[pa.Array, Faults]:
        """Read cells.

        Parameters
        ----------
        cells : Cells
            Of any kind.

        Returns
        -------
        values : pyarrow.Int64Array
            Unix seconds, fractions cut off.
        faults : list
            What is no time, or no time in its zone.
        """
        seconds, faults = self._read(cells)
        beyond = to_mask(pc.or_(pc.less(seconds, -CALENDAR_SECONDS), pc.greater(seconds, CALENDAR_SECONDS)))
        if beyond.any():
            seconds, faults = without(seconds, beyond), [*faults, ("time_unreadable", beyond)]
        old = to_mask(pc.less(seconds, YEAR_2000))
        if not old.any():
            return seconds, faults
        serial = old & self._looks_like_serials(cells.kind, seconds)
        return seconds, [*faults, ("excel_serial", serial), ("before_2000", old & ~serial)]

    def _looks_like_serials(self, kind: Kind, seconds: pa.Array) -> Mask:
        """Tell which numbers that were taken as seconds are days in the reckoning of spreadsheets."""
        is_number = kind in {Kind.INTEGER, Kind.FLOAT} or (kind is Kind.TEXT and self.unit is not None)
        if not is_number or self.format is not None or self.unit not in {None, "s"}:
            return np.zeros(len(seconds), dtype=bool)
        first, last = SERIAL_DAYS
        return to_mask(pc.and_(pc.greater_equal(seconds, first), pc.less_equal(seconds, last)))

    def _read(self, cells: Cells) -> tuple[pa.Array, Faults]:
        match cells.kind:
            case Kind.INTEGER | Kind.FLOAT:
                # A day such as 19970101 is a number to pandas, and a date to whoever wrote its format.
                return self._epoch(cells) if self.format is None else self._written(written(cells))
            case Kind.TEXT:
                return self._text(cells)
            case Kind.AWARE_TIME:
                return _whole_seconds(cells.values), []
            case Kind.NAIVE_TIME:
                return self._localized(_whole_seconds(cells.values))
            case Kind.DATE:
                first_seconds = cells.values.cast(pa.timestamp("s")).cast(pa.int64())
                return self._localized(first_seconds, is_day=np.ones(len(first_seconds), dtype=bool))
            case _:
                return nothing(cells, pa.int64(), "time_unreadable")

    def _epoch(self, cells: Cells) -> tuple[pa.Array, Faults]:
        ticks = TICKS_PER_SECOND[self.unit or "s"]
        present = cells.mask()
        # Missing numbers are filled first: as floats the others would lose their last digits.
        numbers = pc.fill_null(cells.values, 0).to_numpy()
        magnitudes = np.abs(numbers.astype(float))
        beyond = np.isfinite(magnitudes) & (magnitudes >= SECONDS_LIMIT * ticks)
        # A short float that is so large stands for more than one second.
        unreadable = ~beyond & ~(magnitudes < cells.exact_below * ticks)
        seconds = np.floor_divide(np.where(unreadable | beyond, 0, numbers), ticks).astype(np.int64)
        faults = [("time_unreadable", unreadable), *_beyond_faults(magnitudes / ticks, beyond, ticks)]
        is_day = _looks_like_days(seconds) if self.unit is None else np.zeros(len(seconds), dtype=bool)
        return without(pa.array(seconds), unreadable | beyond | is_day | ~present), [*faults, ("day_as_number", is_day)]

    def _text(self, cells: Cells) -> tuple[pa.Array, Faults]:
        if self.unit is None:
            return self._written(cells.values)
        is_number = to_mask(pc.match_substring_regex(cells.values, _EPOCH_TEXT))
        numbers = without(cells.values, ~is_number).cast(pa.float64())
        seconds, faults = self._epoch(Cells(kind=Kind.FLOAT, values=numbers))
        return seconds, [*faults, ("time_unreadable", cells.mask() & ~is_number)]

    def _written(self, text: pa.Array) -> tuple[pa.Array, Faults]:
        """Read text as written times: those without an offset are a local clock's."""
        if self.format is None:
            has_offset = to_mask(pc.match_substring_regex(text, _OFFSET))
            is_day = to_mask(pc.match_substring_regex(text, _ISO_DAY))
            # pandas would read more: -0.01 as a day in the year 0.
            is_iso = to_mask(pc.match_substring_regex(text, _ISO))
            # Apart: old pandas gives a time without an offset that of the time before it.
            offset, local = (_parsed(without(text, ~is_iso | where), "ISO8601") for where in (~has_offset, has_offset))
            seconds = pc.coalesce(offset, local)
        else:
            codes = set(_CODE.findall(self.format))
            has_offset = np.full(len(text), bool(codes & _ZONE_CODES))
            is_day = np.full(len(text), not codes & _CLOCK_CODES)
            seconds = _parsed(text, self.format)
        unreadable = valid_mask(text) & ~valid_mask(seconds)
        local, faults = self._localized(without(seconds, has_offset), is_day=is_day)
        unread = _unread_faults(text, unreadable) if self.format is None else [("time_unreadable", unreadable)]
        return pc.if_else(pa.array(has_offset), seconds, local), [*unread, *faults]

    def _localized(self, local: pa.Array, *, is_day: Mask | None = None) -> tuple[pa.Array, Faults]:
        """Turn the seconds of a local clock into seconds in UTC; those of days, into the first seconds of the days."""
        present = valid_mask(local)
        if self.timezone is None:
            return local, [("naive_time", first_of(present))]
        if self.timezone == "UTC":
            return local, []
        clock, beyond = _clock(local)
        seconds, unplaced = _in_zone(clock, self.timezone)
        if is_day is not None:
            # The clocks may have skipped midnight, or had it twice.
            days = unplaced & is_day
            seconds[days], _ = _in_zone(clock[days], self.timezone, ambiguous="first", nonexistent="shift_forward")
            unplaced = unplaced & ~is_day
        # A time that stays without a place when it may be the first of two does not exist.
        _, nonexistent = _in_zone(clock[unplaced], self.timezone, ambiguous="first")
        missing = np.zeros_like(present)
        missing[np.flatnonzero(unplaced)[nonexistent]] = True
        faults = [
            ("time_unreadable", beyond),
            ("local_time_ambiguous", present & unplaced & ~missing),
            ("local_time_nonexistent", present & missing),
        ]
        return without(pa.array(seconds), unplaced | beyond | ~present), faults


def _looks_like_days(numbers: Seconds) -> Mask:
    """Tell which numbers are days such as 19970131: as seconds they would be within three weeks of August 1970."""
    is_day = (numbers >= FIRST_DAY) & (numbers <= LAST_DAY)
    if not is_day.any():
        return is_day
    months, days = numbers // 100 % 100, numbers % 100
    return is_day & (months >= 1) & (months <= MONTHS) & (days >= 1) & (days <= MONTH_DAYS)


def _beyond_faults(seconds: npt.NDArray[np.float64], beyond: Mask, ticks: int) -> Faults:
    """Say in which unit numbers are that are too large for the one they were read in."""
    if ticks > 1 or not beyond.any():
        return [("time_unreadable", beyond)]
    sizes = np.searchsorted([SECONDS_LIMIT * ticks for ticks in TICKS_PER_SECOND.values()], seconds, side="right")
    return [(code, beyond & (sizes == size)) for size, code in _SIZE_CODES.items()]


def _unread_faults(text: pa.Array, unreadable: Mask) -> Faults:
    """Say of texts that are no written times which of them are epoch numbers of today, by their number of digits."""
    if not unreadable.any():
        return []
    digits = np.where(to_mask(pc.match_substring_regex(text, _DIGITS)), pc.fill_null(pc.binary_length(text), 0), 0)
    faults = [(code, unreadable & (digits == count)) for count, code in _DIGIT_CODES.items()]
    return [*faults, ("time_unreadable", unreadable & ~np.isin(digits, list(_DIGIT_CODES)))]


def _clock(local: pa.Array) -> tuple[npt.NDArray[np.datetime64], Mask]:
    """Return the times that a clock shows, and which of them are beyond the calendar in some zone."""
    seconds = pc.fill_null(local, 0).to_numpy()
    beyond = (seconds < _FIRST_LOCAL) | (seconds >= _LAST_LOCAL)
    return np.where(beyond, 0, seconds).astype("datetime64[s]"), beyond


def _in_zone(
    clock: npt.NDArray[np.datetime64],
    timezone: str | None,
    *,
    ambiguous: Literal["NaT", "first"] = "NaT",
    nonexistent: Literal["NaT", "shift_forward"] = "NaT",
) -> tuple[Seconds, Mask]:
    """Return the seconds of clock times in a zone, and where they have no place."""
    # Of two times the one with summer time is the first.
    choice = np.ones(len(clock), dtype=bool) if ambiguous == "first" else ambiguous
    placed = pd.DatetimeIndex(clock).tz_localize(timezone, ambiguous=choice, nonexistent=nonexistent)
    seconds = placed.tz_convert(None).to_numpy().astype("datetime64[s]").astype(np.int64)
    return seconds, np.asarray(placed.isna())


def _whole_seconds(times: pa.Array) -> pa.Array:
    ticks = TICKS_PER_SECOND[times.type.unit]
    integers = times.cast(pa.int64())
    if ticks == 1:
        return integers
    if not times.null_count:
        return pa.array(np.floor_divide(integers.to_numpy(), ticks))
    present = valid_mask(times)
    # Missing times are filled first: as floats they would lose the last digits of the others.
    filled = np.floor_divide(pc.fill_null(integers, 0).to_numpy(), ticks)
    return without(pa.array(filled), ~present)


def _parsed(text: pa.Array, form: str) -> pa.Array:
    """Parse written times, those without an offset as if they were in UTC; what cannot be parsed is null."""
    if text.null_count == len(text):
        return pa.nulls(len(text), pa.int64())
    text = without(text, to_mask(pc.is_in(text, _CLOCK_WORDS)))
    if form == "ISO8601" or "%f" in form:
        # One time in nanoseconds would make pandas read the whole column so, and then years after 2262 are out of
        # reach.
        text = pc.replace_substring_regex(text, r"(\.[0-9]{6})[0-9]+", r"\1")
    texts = pd.Series(text.to_numpy(zero_copy_only=False), dtype=object)
    times = pd.to_datetime(texts, format=form, errors="coerce", utc=True)
    return _whole_seconds(pa.array(times, from_pandas=True))
