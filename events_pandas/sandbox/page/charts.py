"""The chart of events over time: the spans of the calendar, and their bars as SVG."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from events_pandas.sandbox.page.rendering import month_name

_MOST_BINS: Final = 62
"""Bars of a chart at most: the days of two months."""

HEIGHT: Final = 176
"""Pixels, axis and labels included."""

_MOST_SERIES: Final = 5
"""Names with a colour of their own; the others share one."""

_REST: Final = "other names"
_EPOCH: Final = date(1970, 1, 1)
_LAST_YEAR: Final = 9999
_TOP: Final = 20
_BASE: Final = 152
_PLOT: Final = _BASE - _TOP
_GAP: Final = 0.16
# A bar of less than one pixel would be invisible.
_LEAST: Final = 1.0
_LABELS: Final = 6
_WIDEST: Final = 6.0
_STEPS: Final = (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bins:
    """Consecutive spans of the calendar, such as months.

    `edges` are days since 1970: all beginnings, and the last end.
    """

    unit: str
    edges: tuple[int, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """The part of a bar for one series; `top` is counted from the chart's top. Both lengths are pixels."""

    series: int
    top: float
    height: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """A text on an axis: pixels from the top, or per cent from the left."""

    text: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class StackedBar:
    """A bar for all series of one span. `left` and `width` are per cent of the chart's width; segments go upwards."""

    label: str
    left: float
    width: float
    counts: tuple[int, ...]
    total: int
    summary: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """Events over time: a stacked bar for each span.

    The series are event names, the most frequent first; the last may be `_REST`. `rules` are lines across, with their
    counts; `labels` stand below the bars.
    """

    unit: str
    span: str
    series: tuple[str, ...]
    totals: tuple[int, ...]
    bars: tuple[StackedBar, ...]
    rules: tuple[Tick, ...]
    labels: tuple[Tick, ...]


def make_bins(first: int, last: int) -> Bins:
    """Divide the days from `first` to `last`, since 1970, by the smallest unit that makes at most `_MOST_BINS`."""
    begin, end = _EPOCH + timedelta(days=first), _EPOCH + timedelta(days=last)
    candidates = (_bins(unit, begin, end) for unit in _UNITS)
    return next(bins for bins in candidates if len(bins.labels) <= _MOST_BINS or bins.unit == _UNITS[-1].name)


def draw_chart(bins: Bins, counts: Mapping[tuple[int, int], int], names: Mapping[int, str]) -> Chart:
    """Draw one bar for each span, stacked by the most frequent names.

    `counts` are by the place of the span and the number of the name; `names` are by their number.
    """
    ranked = _ranked(counts)
    series = [names[number] for number in ranked[:_MOST_SERIES]] + [_REST] * (len(ranked) > _MOST_SERIES)
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
    """Return a round even number that a count does not exceed: its half is a whole number too."""
    magnitude: int = 10 ** max(len(str(count)) - 1, 0)
    rounded = (math.ceil(step * magnitude) for step in _STEPS)
    return max(next(number for number in rounded if number >= count and number % 2 == 0), 2)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Unit:
    """A kind of span: where the span of a day begins, where the next one does, and its label."""

    name: str
    begin: Callable[[date], date]
    follow: Callable[[date], date]
    label: Callable[[date], str]


def _bins(unit: _Unit, begin: date, end: date) -> Bins:
    # Stop early if the unit makes too many spans.
    days = list(itertools.islice(_days(unit, begin, end), _MOST_BINS + 2))
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


def _bar(bins: Bins, place: int, counts: Sequence[int], *, series: Sequence[str], top: int) -> StackedBar:
    # A single day does not fill the width of the chart.
    slot = min(100 / len(bins.labels), _WIDEST)
    return StackedBar(
        label=bins.labels[place],
        left=round(slot * (place + _GAP / 2), 3),
        width=round(slot * (1 - _GAP), 3),
        counts=tuple(counts),
        total=sum(counts),
        summary=_summary(bins.labels[place], counts, series),
        segments=tuple(_segments(counts, top)),
    )


def _segments(counts: Sequence[int], top: int) -> Iterator[Segment]:
    ground = float(_BASE)
    for series, count in enumerate(counts):
        if count:
            height = max(_PLOT * count / top, _LEAST)
            ground -= height
            yield Segment(series=series, top=round(ground, 2), height=round(height, 2))


def _summary(label: str, counts: Sequence[int], series: Sequence[str]) -> str:
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
