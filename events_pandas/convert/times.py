"""How cells of each kind are read as a time: whole Unix seconds, UTC."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import Cells, Kind, Mask, to_mask, valid_mask, without
from events_pandas.convert.epochs import read_epoch
from events_pandas.convert.readers import Faults, first_of, nothing, written
from events_pandas.convert.written_times import read_format, read_iso, whole_seconds
from events_pandas.convert.zones import localized

CALENDAR_SECONDS = 3 * 10**11
"""Beyond the year 9999, which some write for "never"; datetime64 has times millions of years away as well."""

YEAR_2000 = 946_684_800

SERIAL_DAYS = (20_000, 80_000)
"""Days since 1900 from 1954 to 2119, as spreadsheets count them; as seconds all of them are within one day of 1970."""

_NUMBERS = frozenset({Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL})
_DIGIT_CODES = {13: "time_in_milliseconds", 16: "time_in_microseconds", 19: "time_in_nanoseconds"}
_DIGITS = r"^[0-9]+$"
_WHOLE = r"^(-?[0-9]+)\.0+$"


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
        is_number = kind in _NUMBERS or (kind is Kind.TEXT and self.unit is not None)
        if not is_number or self.format is not None or self.unit not in {None, "s"}:
            return np.zeros(len(seconds), dtype=bool)
        first, last = SERIAL_DAYS
        return to_mask(pc.and_(pc.greater_equal(seconds, first), pc.less_equal(seconds, last)))

    def _read(self, cells: Cells) -> tuple[pa.Array, Faults]:
        match cells.kind:
            case Kind.INTEGER | Kind.FLOAT | Kind.DECIMAL:
                return self._number(cells)
            case Kind.TEXT:
                return self._written(cells.values) if self.unit is None else read_epoch(cells, self.unit)
            case Kind.AWARE_TIME:
                return whole_seconds(cells.values), []
            case Kind.NAIVE_TIME:
                return self._localized(whole_seconds(cells.values))
            case Kind.DATE:
                first_seconds = cells.values.cast(pa.timestamp("s")).cast(pa.int64())
                return self._localized(first_seconds, is_day=np.ones(len(first_seconds), dtype=bool))
            case _:
                return nothing(cells, pa.int64(), "time_unreadable")

    def _number(self, cells: Cells) -> tuple[pa.Array, Faults]:
        if self.format is None:
            return read_epoch(cells, self.unit)
        # A day such as 19970101 is a number to pandas, and a date to whoever wrote its format.
        return self._written(pc.replace_substring_regex(written(cells), _WHOLE, r"\1"))

    def _written(self, text: pa.Array) -> tuple[pa.Array, Faults]:
        """Read text as written times: those without an offset are a local clock's."""
        found = read_iso(text) if self.format is None else read_format(text, self.format)
        unread = _unread_faults(text, found.unread) if self.format is None else [("time_unreadable", found.unread)]
        local, faults = self._localized(without(found.seconds, found.is_instant), is_day=found.is_day)
        seconds = pc.if_else(pa.array(found.is_instant), found.seconds, local)
        return seconds, [*unread, *found.faults, *faults]

    def _localized(self, local: pa.Array, *, is_day: Mask | None = None) -> tuple[pa.Array, Faults]:
        """Turn the seconds of a local clock into seconds in UTC; those of days, into the first seconds of the days."""
        if self.timezone is None:
            return local, [("naive_time", first_of(valid_mask(local)))]
        return localized(local, self.timezone, is_day=np.zeros(len(local), dtype=bool) if is_day is None else is_day)


def _unread_faults(text: pa.Array, unreadable: Mask) -> Faults:
    """Say of texts that are no written times which of them are epoch numbers of today, by their number of digits."""
    if not unreadable.any():
        return []
    digits = np.where(to_mask(pc.match_substring_regex(text, _DIGITS)), pc.fill_null(pc.binary_length(text), 0), 0)
    faults = [(code, unreadable & (digits == count)) for count, code in _DIGIT_CODES.items()]
    return [*faults, ("time_unreadable", unreadable & ~np.isin(digits, list(_DIGIT_CODES)))]
