"""The pictures of the page: events by day, month or year, and the pace, as numbers for SVG."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, NamedTuple

from events_pandas.sandbox.page.shown import MONTHS, day_text

HEIGHT: Final = 176
"""Pixels, axis and labels included."""

SPAN_SECONDS: Final = 2
"""Seconds of one bar of the pace."""

PACE_SPANS: Final = 30
"""Bars of the pace."""

PACE_SECONDS: Final = SPAN_SECONDS * PACE_SPANS
"""How long submissions are visible in the pace."""

_MOST_BARS: Final = 62  # the days of two months
_MOST_SERIES: Final = 5  # names with a colour of their own; the others share one
_REST: Final = "other names"
_EPOCH: Final = date(1970, 1, 1).toordinal()
_TOP: Final = 20
_BASE: Final = 152
_PLOT: Final = _BASE - _TOP
_GAP: Final = 0.16
# A bar of less than one pixel would be invisible.
_LEAST: Final = 1.0
_LABELS: Final = 6
# Per cent of the width: half of a label fits beyond it in a chart of 400 pixels.
_NEAR_EDGE: Final = 90.0
_WIDEST: Final = 6.0
_STEPS: Final = (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10)
# The rate is of the last ten seconds: Intercom's windows are as long.
_RATE_SPANS: Final = 5
_PRECISE: Final = 10


class Tick(NamedTuple):
    """A text on an axis: pixels from the top, or per cent from the left of the part that `anchor` names."""

    text: str
    at: float
    anchor: Literal["start", "middle", "end"] = "start"


class Segment(NamedTuple):
    """The part of a bar for one series; `top` is counted from the chart's top. Both lengths are pixels."""

    series: int
    top: float
    height: float


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How fast submissions come, a second: lately, and at the busiest; `most` is empty if there were none.

    `heights` show the last minute from its beginning, in per cent of the busiest.
    """

    rate: str
    most: str
    heights: tuple[float, ...]


class _Unit(NamedTuple):
    """A kind of span: the number of the span that a day lies in, and its label by this number."""

    name: str
    number: Callable[[date], int]
    label: Callable[[int], str]


_UNITS: Final = (
    _Unit("day", date.toordinal, lambda number: day_text(date.fromordinal(number))),
    _Unit("month", lambda day: 12 * day.year + day.month - 1, lambda number: f"{MONTHS[number % 12]} {number // 12}"),
    _Unit("year", lambda day: day.year, str),
)


def draw_chart(counts: Sequence[tuple[int, str, int]]) -> Chart:
    """Draw one bar for each day, month or year, stacked by the most frequent names.

    `counts` are the days, in days since 1970, with their names and counts; at least one.
    """
    days = [date.fromordinal(_EPOCH + day) for day, _, _ in counts]
    for unit in _UNITS:
        first, last = unit.number(min(days)), unit.number(max(days))
        if last - first < _MOST_BARS:
            break
    ranked = _ranked(counts)
    series = (*ranked[:_MOST_SERIES], *[_REST] * (len(ranked) > _MOST_SERIES))
    places = {name: min(place, _MOST_SERIES) for place, name in enumerate(ranked)}
    table = [[0] * len(series) for _ in range(first, last + 1)]
    for day, (_, name, count) in zip(days, counts, strict=True):
        table[unit.number(day) - first][places[name]] += count
    labels = [unit.label(number) for number in range(first, last + 1)]
    top = nice_ceiling(max(map(sum, table)))
    # A single day does not fill the width of the chart.
    slot = min(100 / len(labels), _WIDEST)
    return Chart(
        unit=unit.name,
        span=" to ".join(dict.fromkeys((labels[0], labels[-1]))),
        series=series,
        totals=tuple(map(sum, zip(*table, strict=True))),
        bars=tuple(
            StackedBar(
                label=label,
                left=round(slot * (place + _GAP / 2), 3),
                width=round(slot * (1 - _GAP), 3),
                counts=tuple(row),
                total=sum(row),
                summary=_summary(label, row, series),
                segments=tuple(_segments(row, top)),
            )
            for place, (label, row) in enumerate(zip(labels, table, strict=True))
        ),
        rules=tuple(Tick(_short(top * part / 2), _BASE - _PLOT * part / 2) for part in range(3)),
        labels=tuple(_ticks(labels, slot)),
    )


def draw_pace(arrivals: Sequence[int]) -> Pace:
    """Return the pace from the counts in spans of `SPAN_SECONDS`, the earliest first.

    The rate is of the last ten seconds.
    """
    most = max(arrivals)
    return Pace(
        rate=_rate(sum(arrivals[-_RATE_SPANS:]) / (_RATE_SPANS * SPAN_SECONDS)),
        most=_rate(most / SPAN_SECONDS) if most else "",
        heights=tuple(round(100 * count / most, 1) if most else 0.0 for count in arrivals),
    )


def nice_ceiling(count: int) -> int:
    """Return a round even number that a count does not exceed: its half is a whole number too."""
    magnitude: int = 10 ** max(len(str(count)) - 1, 0)
    rounded = (math.ceil(step * magnitude) for step in _STEPS)
    return max(next(number for number in rounded if number >= count and number % 2 == 0), 2)


def _ranked(counts: Sequence[tuple[int, str, int]]) -> list[str]:
    totals: Counter[str] = Counter()
    for _, name, count in counts:
        totals[name] += count
    return [name for name, _ in totals.most_common()]


def _segments(counts: Sequence[int], top: int) -> Iterator[Segment]:
    ground = float(_BASE)
    for series, count in enumerate(counts):
        if count:
            height = max(_PLOT * count / top, _LEAST)
            ground -= height
            yield Segment(series, round(ground, 2), round(height, 2))


def _summary(label: str, counts: Sequence[int], series: Sequence[str]) -> str:
    heading = f"{label}: {sum(counts):,}"
    if len(series) == 1:
        return heading
    return "\n".join([heading, *(f"{name}: {count:,}" for name, count in zip(series, counts, strict=True) if count)])


def _ticks(labels: Sequence[str], slot: float) -> list[Tick]:
    """Return a few of the bars' labels, at even distances."""
    step = math.ceil(len(labels) / _LABELS)
    if slot == _WIDEST:
        step = max(step, 2)
    return [_tick(labels[place], slot * place, slot) for place in range(0, len(labels), step)]


def _tick(label: str, left: float, slot: float) -> Tick:
    """Return the label of the bar in a slot: below its middle, unless the edge of the chart would cut it."""
    if not left:
        return Tick(label, 0.0)
    middle = left + slot / 2
    if middle > _NEAR_EDGE:
        return Tick(label, round(left + slot * (1 - _GAP / 2), 3), "end")
    return Tick(label, round(middle, 3), "middle")


def _short(count: float) -> str:
    """Write a count in the little room that an axis has."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:g}{letter}"
    return f"{count:g}"


def _rate(rate: float) -> str:
    return f"{rate:.1f}" if 0 < rate < _PRECISE else f"{rate:,.0f}"
