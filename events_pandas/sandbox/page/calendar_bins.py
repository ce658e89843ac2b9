"""Spans of the calendar: days, weeks, months, quarters, years or decades, so that a chart has not too many bars."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from events_pandas.sandbox.page.times import month_name

MOST_BINS: Final = 62
"""Bars that a chart has at most; as many days as two months have."""

_EPOCH: Final = date(1970, 1, 1)
_LAST_YEAR: Final = 9999


@dataclass(frozen=True, kw_only=True, slots=True)
class Bins:
    """Spans of the calendar, one after the other.

    Parameters
    ----------
    unit : str
        What each of them is, such as ``"month"``.
    edges : tuple of int
        Days since 1970: where each begins, and the last one ends.
    labels : tuple of str
        What each is called.
    """

    unit: str
    edges: tuple[int, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Unit:
    """A kind of span: where the one begins that a day lies in, where the next one does, and what it is called."""

    name: str
    begin: Callable[[date], date]
    follow: Callable[[date], date]
    label: Callable[[date], str]


def make_bins(first: int, last: int) -> Bins:
    """Divide a span of days.

    Parameters
    ----------
    first : int
        The first day, since 1970.
    last : int
        The last day.

    Returns
    -------
    Bins
        Of the smallest unit that makes at most `MOST_BINS`.

    Examples
    --------
    >>> make_bins(16087, 16090).labels
    ('17 Jan 2014', '18 Jan 2014', '19 Jan 2014', '20 Jan 2014')
    """
    begin, end = _EPOCH + timedelta(days=first), _EPOCH + timedelta(days=last)
    candidates = (_bins(unit, begin, end) for unit in _UNITS)
    return next(bins for bins in candidates if len(bins.labels) <= MOST_BINS or bins.unit == _UNITS[-1].name)


def _bins(unit: _Unit, begin: date, end: date) -> Bins:
    # A unit that makes too many is not followed to the end.
    days = list(itertools.islice(_days(unit, begin, end), MOST_BINS + 2))
    edges = tuple((day - _EPOCH).days for day in days)
    return Bins(unit=unit.name, edges=edges, labels=tuple(unit.label(day) for day in days[:-1]))


def _days(unit: _Unit, begin: date, end: date) -> Iterator[date]:
    """Yield where each span begins, and where the last one ends."""
    day = unit.begin(begin)
    yield day
    while day <= end:
        day = unit.follow(day)
        yield day


def _months_later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    return date(min(day.year + years, _LAST_YEAR), month + 1, 1)


def _day_label(day: date) -> str:
    return f"{day.day} {month_name(day.month)} {day.year}"


_UNITS: Final = (
    _Unit(name="day", begin=lambda day: day, follow=lambda day: day + timedelta(days=1), label=_day_label),
    _Unit(
        name="week",
        begin=lambda day: day - timedelta(days=day.weekday()),
        follow=lambda day: day + timedelta(weeks=1),
        label=lambda day: f"week of {_day_label(day)}",
    ),
    _Unit(
        name="month",
        begin=lambda day: day.replace(day=1),
        follow=lambda day: _months_later(day, 1),
        label=lambda day: f"{month_name(day.month)} {day.year}",
    ),
    _Unit(
        name="quarter",
        begin=lambda day: date(day.year, (day.month - 1) // 3 * 3 + 1, 1),
        follow=lambda day: _months_later(day, 3),
        label=lambda day: f"Q{(day.month - 1) // 3 + 1} {day.year}",
    ),
    _Unit(
        name="year",
        begin=lambda day: date(day.year, 1, 1),
        follow=lambda day: _months_later(day, 12),
        label=lambda day: str(day.year),
    ),
    _Unit(
        name="decade",
        begin=lambda day: date(day.year // 10 * 10, 1, 1),
        follow=lambda day: _months_later(day, 120),
        label=lambda day: f"{day.year}s",
    ),
)
