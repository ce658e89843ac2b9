"""Local times in a time zone: the second of each, and which times happened twice or not at all."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import Mask, valid_mask, without
from events_pandas.convert.keys import DAY_SECONDS, Seconds
from events_pandas.convert.reading import CodeMasks
from events_pandas.mapping.rules import Ambiguous, Nonexistent

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# From the second day of the year 1 to the last but one of 9999: Python has these times in every zone.
_FIRST, _LAST = -62_135_510_400, 253_402_214_400

_KEPT_YEARS = 4_096

_Change = tuple[int, int, int]
"""A second in UTC, and how many seconds clocks are ahead of UTC before it and from it on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClockChoice:
    """Which second is meant by a local time that is not one second: see `Date`."""

    ambiguous: Ambiguous = "error"
    nonexistent: Nonexistent = "error"


UNDECIDED: Final = ClockChoice()

_NOTES: Final = {"earlier": "local_time_earlier", "later": "local_time_later", "shift": "local_time_shifted"}


def localized(
    local: pa.Array, zone: str, *, is_day: Mask, choice: ClockChoice = UNDECIDED
) -> tuple[pa.Array, CodeMasks]:
    """Turn the seconds of a local clock into Unix seconds; null where that is not one second.

    That is where a time happened twice or not at all and `choice` leaves it open, and at the ends of the calendar.

    Parameters
    ----------
    local : pyarrow.Int64Array
        The clock's times, in Unix seconds as if the clock showed UTC.
    zone : str
        A name of the time zone database.
    is_day : numpy.ndarray of bool
        Days. Where `choice` is open, a day means its first second, even if the clocks skipped midnight or had it twice.
    choice : ClockChoice
        Which second is meant by times, and by the midnights of days.
    """
    present = valid_mask(local)
    if zone == "UTC":
        return local, []
    seconds = pc.fill_null(local, 0).to_numpy()
    beyond = (seconds < _FIRST) | (seconds >= _LAST)
    found = placed(np.where(beyond, 0, seconds), zone)
    faults, refused = [("time_unreadable", beyond)], beyond | ~present
    for chosen, code, where in (
        (choice.ambiguous, "local_time_ambiguous", found.is_twice & ~refused),
        (choice.nonexistent, "local_time_nonexistent", found.is_skipped & ~refused),
    ):
        if chosen == "error":
            faults.append((code, where & ~is_day))
            refused = refused | (where & ~is_day)
        else:
            faults.append((_NOTES[chosen], where))
    instants = found.later if choice.ambiguous == "later" else found.earlier
    return without(pa.array(instants), refused), faults


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """The Unix seconds at which the clocks of a zone showed some times."""

    earlier: Seconds  # the first of two seconds; for a time that did not happen, the second of the change
    later: Seconds  # the second of two seconds, and otherwise the same
    is_twice: Mask  # times that happened twice
    is_skipped: Mask  # times that did not happen


def placed(clock: Seconds, zone: str) -> Placed:
    """Find the Unix seconds at which the clocks of a zone showed some times, within `_FIRST` and `_LAST`.

    The rules of the time zone database have no end; pandas before version 3 ends in 2037.
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
    is_twice = is_odd & ~is_skipped
    earlier = np.where(is_skipped, instants[coming], seconds)
    later = np.where(is_twice, clock - after[coming], earlier) if is_twice.any() else earlier
    return Placed(earlier=earlier, later=later, is_twice=is_twice, is_skipped=is_skipped)


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
    start = max((first_day.days - 2) * DAY_SECONDS, _FIRST)
    stop = min(start + 370 * DAY_SECONDS, _LAST)
    held = _offset(known, start)
    return ((start, held, held), *_found(known, range(start, stop + 1, DAY_SECONDS)))


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
    earlier, later = day - DAY_SECONDS, day
    while later - earlier > 1:
        middle = (earlier + later) // 2
        earlier, later = (middle, later) if _offset(zone, middle) == held else (earlier, middle)
    return later


def _offset(zone: ZoneInfo, second: int) -> int:
    local = (_EPOCH + dt.timedelta(seconds=second)).astimezone(zone).utcoffset()
    return 0 if local is None else local // dt.timedelta(seconds=1)
