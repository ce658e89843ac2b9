"""Local times in a time zone: the second of each, and which times happened twice or not at all."""

import datetime as dt
from collections.abc import Iterator
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import Mask, valid_mask, without
from events_pandas.convert.keys import Seconds
from events_pandas.convert.readers import CodeMasks

_DAY = 86_400
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# From the second day of the year 1 to the last but one of 9999: Python has these times in every zone.
_FIRST, _LAST = -62_135_510_400, 253_402_214_400

_KEPT_YEARS = 4_096

_Change = tuple[int, int, int]
"""A second in UTC, and how many seconds clocks are ahead of UTC before it and from it on."""


def localized(local: pa.Array, zone: str, *, is_day: Mask) -> tuple[pa.Array, CodeMasks]:
    """Turn the seconds of a local clock into Unix seconds; null where that is not one second.

    That is where a time happened twice or not at all, or lies at the ends of the calendar.

    Parameters
    ----------
    local : pyarrow.Int64Array
        The clock's times, in Unix seconds as if the clock showed UTC.
    zone : str
        A name of the time zone database.
    is_day : numpy.ndarray of bool
        Days. A day means its first second, even if the clocks skipped midnight or had it twice.
    """
    present = valid_mask(local)
    if zone == "UTC":
        return local, []
    seconds = pc.fill_null(local, 0).to_numpy()
    beyond = (seconds < _FIRST) | (seconds >= _LAST)
    instants, is_twice, is_skipped = placed(np.where(beyond, 0, seconds), zone)
    ambiguous = present & is_twice & ~is_day & ~beyond
    nonexistent = present & is_skipped & ~is_day & ~beyond
    faults = [("time_unreadable", beyond), ("local_time_ambiguous", ambiguous), ("local_time_nonexistent", nonexistent)]
    return without(pa.array(instants), ambiguous | nonexistent | beyond | ~present), faults


def placed(clock: Seconds, zone: str) -> tuple[Seconds, Mask, Mask]:
    """Find the Unix seconds at which the clocks of a zone showed some times, within `_FIRST` and `_LAST`.

    Return the first second of a time that happened twice, or the second of the change for a time that did not happen;
    where a time happened twice; and where it did not happen. The rules of the time zone database have no end; pandas
    before version 3 ends in 2037.
    """
    years = clock.astype("M8[s]").astype("M8[Y]").astype(np.int64)
    # Most columns have one or two years: one table of their changes serves all values at once.
    changes = sorted({change for year in _distinct(years) for change in _changes(zone, year + _EPOCH.year)})
    instants, before, after = np.array(changes or [(0, 0, 0)], np.int64).T
    begins, ends = instants + np.minimum(before, after), instants + np.maximum(before, after)
    place = np.searchsorted(ends, clock, side="right")
    # On the first day of the calendar, clocks may show a time before the first second in UTC.
    seconds = clock - after[np.maximum(place - 1, 0)]
    coming = np.minimum(place, len(ends) - 1)
    is_odd = (begins[coming] <= clock) & (clock < ends[coming])
    is_skipped = is_odd & (after > before)[coming]
    return np.where(is_skipped, instants[coming], seconds), is_odd & ~is_skipped, is_skipped


def _distinct(years: Seconds) -> list[int]:
    if not len(years):
        return []
    first = int(years.min())
    # Counting is many times faster than sorting: there are at most 10,000 years.
    found: list[int] = (np.flatnonzero(np.bincount(years - first)) + first).tolist()
    return found


@lru_cache(maxsize=_KEPT_YEARS)
def _changes(zone: str, year: int) -> tuple[_Change, ...]:
    """Return the changes of a year's clocks. The first is the offset at the start, as a change to the same offset."""
    known = ZoneInfo(zone)
    first_day = dt.datetime(year, 1, 1, tzinfo=dt.UTC) - _EPOCH
    start = max((first_day.days - 2) * _DAY, _FIRST)
    stop = min(start + 370 * _DAY, _LAST)
    held = _offset(known, start)
    return ((start, held, held), *_found(known, range(start, stop + 1, _DAY)))


def _found(zone: ZoneInfo, days: range) -> Iterator[_Change]:
    """Look for changes from day to day, and for their second between two days."""
    held = _offset(zone, days[0])
    for day in days[1:]:
        offset = _offset(zone, day)
        if offset != held:
            yield _second_of(zone, day, held), held, offset
            held = offset


def _second_of(zone: ZoneInfo, day: int, held: int) -> int:
    """Return the first second of the day before `day` whose offset is not `held`."""
    earlier, later = day - _DAY, day
    while later - earlier > 1:
        middle = (earlier + later) // 2
        earlier, later = (middle, later) if _offset(zone, middle) == held else (earlier, middle)
    return later


def _offset(zone: ZoneInfo, second: int) -> int:
    local = (_EPOCH + dt.timedelta(seconds=second)).astimezone(zone).utcoffset()
    return 0 if local is None else local // dt.timedelta(seconds=1)
