"""Bars as SVG: where each of them stands, how high it is, and what stands beside it."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from events_pandas.sandbox.page.rendering import month_name

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


HEIGHT: Final = 176
"""Pixels, axis and labels included."""
MOST_SERIES: Final = 5
"""Names that have a colour of their own; the others share one."""

REST: Final = "other names"
_TOP: Final = 20
_BASE: Final = 152
_PLOT: Final = _BASE - _TOP
_GAP: Final = 0.16
# Below one pixel a bar would not be seen.
_LEAST: Final = 1.0
_LABELS: Final = 6
_WIDEST: Final = 6.0
_STEPS: Final = (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """The part of a bar that stands for one series.

    Parameters
    ----------
    series : int
        The place of the series.
    top : float
        Pixels from the chart's top.
    height : float
        Pixels.
    """

    series: int
    top: float
    height: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """A bar, all series of one span.

    Parameters
    ----------
    label : str
        The span.
    left : float
        Per cent of the width.
    width : float
        Likewise.
    counts : tuple of int
        By series.
    total : int
        Of all series.
    told : str
        The span and its counts, in words.
    segments : tuple of Segment
        From the ground up.
    """

    label: str
    left: float
    width: float
    counts: tuple[int, ...]
    total: int
    told: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """A place on an axis.

    Parameters
    ----------
    text : str
        What stands there.
    at : float
        Pixels from the top, or per cent from the left.
    """

    text: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """Events over time.

    Parameters
    ----------
    unit : str
        What a bar stands for, such as ``"month"``.
    span : str
        From where to where it goes.
    series : tuple of str
        Event names, the most frequent first; the last may be `REST`.
    totals : tuple of int
        Events of each series.
    bars : tuple of Bar
        In order of time.
    rules : tuple of Tick
        Lines across, with their counts.
    labels : tuple of Tick
        Below the bars.
    """

    unit: str
    span: str
    series: tuple[str, ...]
    totals: tuple[int, ...]
    bars: tuple[Bar, ...]
    rules: tuple[Tick, ...]
    labels: tuple[Tick, ...]


def draw_chart(bins: Bins, counts: Mapping[tuple[int, int], int], names: Mapping[int, str]) -> Chart:
    """Draw events over time.

    Parameters
    ----------
    bins : Bins
        The spans.
    counts : mapping of tuple of int to int
        Events by the place of their span and the number of their name.
    names : mapping of int to str
        The names by their number.

    Returns
    -------
    Chart
        One bar for each span, stacked by the most frequent names.
    """
    ranked = _ranked(counts)
    series = [names[number] for number in ranked[:MOST_SERIES]] + [REST] * (len(ranked) > MOST_SERIES)
    table = _by_series(counts, ranked, rows=len(bins.labels), columns=len(series))
    top = nice_ceiling(max(map(sum, table), default=0))
    return Chart(
        unit=bins.unit,
        span=" to ".join(dict.fromkeys((bins.labels[0], bins.labels[-1]))),
        series=tuple(series),
        totals=tuple(map(sum, zip(*table, strict=True))),
        bars=tuple(_bar(bins, place, row, series=series, top=top) for place, row in enumerate(table)),
        rules=tuple(Tick(text=_short(top * part / 2), at=_BASE - _PLOT * part / 2) for part in range(3)),
        labels=tuple(_labels(bins.labels)),
    )


def nice_ceiling(count: int) -> int:
    """Return a round number that a count does not exceed.

    Parameters
    ----------
    count : int
        From 0.

    Returns
    -------
    int
        Even, so that its half is a count as well.

    Examples
    --------
    >>> [nice_ceiling(count) for count in (0, 1, 7, 40, 1203)]
    [2, 2, 8, 40, 1600]
    """
    magnitude: int = 10 ** max(len(str(count)) - 1, 0)
    rounded = (math.ceil(step * magnitude) for step in _STEPS)
    return max(next(number for number in rounded if number >= count and number % 2 == 0), 2)


def _ranked(counts: Mapping[tuple[int, int], int]) -> list[int]:
    totals: dict[int, int] = {}
    for (_, name), count in counts.items():
        totals[name] = totals.get(name, 0) + count
    return sorted(totals, key=lambda name: (-totals[name], name))


def _by_series(
    counts: Mapping[tuple[int, int], int], ranked: Sequence[int], *, rows: int, columns: int
) -> list[list[int]]:
    places = {name: min(place, columns - 1) for place, name in enumerate(ranked)}
    table = [[0] * columns for _ in range(rows)]
    for (place, name), count in counts.items():
        table[place][places[name]] += count
    return table


def _bar(bins: Bins, place: int, counts: Sequence[int], *, series: Sequence[str], top: int) -> Bar:
    # A single day does not fill the whole width.
    slot = min(100 / len(bins.labels), _WIDEST)
    return Bar(
        label=bins.labels[place],
        left=round(slot * (place + _GAP / 2), 3),
        width=round(slot * (1 - _GAP), 3),
        counts=tuple(counts),
        total=sum(counts),
        told=_told(bins.labels[place], counts, series),
        segments=tuple(_segments(counts, top)),
    )


def _segments(counts: Sequence[int], top: int) -> Iterator[Segment]:
    ground = float(_BASE)
    for series, count in enumerate(counts):
        if count:
            height = max(_PLOT * count / top, _LEAST)
            ground -= height
            yield Segment(series=series, top=round(ground, 2), height=round(height, 2))


def _told(label: str, counts: Sequence[int], series: Sequence[str]) -> str:
    heading = f"{label}: {sum(counts):,}"
    if len(series) == 1:
        return heading
    return "\n".join([heading, *(f"{name}: {count:,}" for name, count in zip(series, counts, strict=True) if count)])


def _labels(labels: Sequence[str]) -> list[Tick]:
    """Return a few of the bars' labels, at even distances."""
    slot = min(100 / len(labels), _WIDEST)
    step = math.ceil(len(labels) / _LABELS)
    if slot == _WIDEST:
        step = max(step, 2)
    places = range(0, len(labels), step)
    return [Tick(text=labels[place].removeprefix("week of "), at=round(slot * place, 3)) for place in places]


def _short(count: float) -> str:
    """Write a count in the little room that an axis has."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:g}{letter}"
    return f"{count:g}"
