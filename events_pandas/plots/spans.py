"""The time axes of plots: spans cut into bins, and the ticks that a bin may have. Pure, without matplotlib.

matplotlib's own dates end in the years 1 and 9999, and pandas' nanoseconds in 2262. Here times are whole numbers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from events_pandas import intercom
from events_pandas.convert.keys import DAY_SECONDS

Numbers: TypeAlias = npt.NDArray[np.int64]
Ticks: TypeAlias = dict[float, str]
"""Positions on an axis, ascending, with the label of each: one line or two."""

MOST_BINS: Final = 130
WINDOW_SECONDS: Final = int(intercom.WINDOW_SECONDS)
"""The rate limit counts requests in windows of so many seconds."""

_EPOCH_YEAR: Final = 1970
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_YEARS: Final = {"year": 1, "decade": 10, "century": 100}
_UNITS: Final = ("day", "month", *_YEARS)

# Seconds for each bin of a run, and the words for it.
_RUN_BINS: Final = {
    1: "second",
    WINDOW_SECONDS: "ten seconds",
    60: "minute",
    600: "ten minutes",
    3_600: "hour",
    DAY_SECONDS: "day",
    30 * DAY_SECONDS: "30 days",
    360 * DAY_SECONDS: "360 days",
    36_000 * DAY_SECONDS: "36,000 days",
    3_600_000 * DAY_SECONDS: "3,600,000 days",
}
_LAST_SHORT_RUN: Final = 120
"""A run of so many seconds is shown second by second."""
_CLOCK_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200)
_DAY_STEPS: Final = (1, 2, 5, 10, 30, 90, 360, 3_600, 36_000, 360_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class CalendarBins:
    """Days in bins of a calendar: days, months, years, decades or centuries. The bins stand at 0, 1, 2 and so on."""

    unit: str
    first: int  # the number of the first bin, counted from 1970; of years, decades and centuries from the year 0
    n: int

    def places(self, days: Numbers) -> Numbers:
        """Return the bin of each day since 1970-01-01."""
        return _numbers(days, self.unit) - self.first

    def tick_sets(self) -> list[Ticks]:
        """Return the ticks that the axis may have, the densest first."""
        if self.unit == "day":
            return [self._day_ticks(chosen) for chosen in _DAYS_CHOSEN]
        if self.unit == "month":
            return [self._month_ticks(step) for step in (1, 3, 6, 12, 24, 60)]
        width, ending = _YEARS[self.unit], "" if self.unit == "year" else "s"
        return [
            {number - self.first: f"{number * width}{ending}" for number in self._numbers() if number % step == 0}
            for step in (1, 2, 5, 10, 20, 50, 100)
        ]

    def _numbers(self) -> range:
        return range(self.first, self.first + self.n)

    def _day_ticks(self, is_chosen: Callable[[int], bool]) -> Ticks:
        days = np.arange(self.first, self.first + self.n).astype("M8[D]").astype(str).tolist()
        parts = [(place, *_split_day(day)) for place, day in enumerate(days)]
        return _two_lines((place, str(day), month, year) for place, year, month, day in parts if is_chosen(day))

    def _month_ticks(self, step: int) -> Ticks:
        chosen = [number for number in self._numbers() if number % step == 0 or self.n == 1]
        if step % len(_MONTHS) == 0:
            return {number - self.first: str(_EPOCH_YEAR + number // 12) for number in chosen}
        return _two_lines(
            (number - self.first, _MONTHS[number % 12], "", _EPOCH_YEAR + number // 12) for number in chosen
        )


_DAYS_CHOSEN: Final[Sequence[Callable[[int], bool]]] = (
    lambda _: True,
    lambda day: day % 2 == 1 and day < 31,  # noqa: PLR2004  # The 31st stands next to the 1st.
    lambda day: day in {1, 8, 15, 22},
    lambda day: day in {1, 15},
    lambda day: day == 1,
)
"""Which days of a month have a tick."""


def _split_day(day: str) -> tuple[int, str, int]:
    # Years have more than four digits or a sign beyond 9999 and before 0.
    year, month, of_month = day.rsplit("-", 2)
    return int(year), _MONTHS[int(month) - 1], int(of_month)


def _two_lines(ticks: Iterator[tuple[int, str, str, int]]) -> Ticks:
    """Label ticks of place, first line, second line and year; what stays as it was is not repeated."""
    labels: Ticks = {}
    before: tuple[str, int | None] = ("", None)
    for place, text, second, year in ticks:
        lines = [text]
        if (second, year) != before:
            lines.append(" ".join([second] * bool(second) + [str(year)] * (year != before[1])))
        before = second, year
        labels[place] = "\n".join(lines)
    return labels


def _numbers(days: Numbers, unit: str) -> Numbers:
    if unit == "day":
        return days
    calendar = days.astype("M8[D]")
    if unit == "month":
        return calendar.astype("M8[M]").astype(np.int64)
    return (calendar.astype("M8[Y]").astype(np.int64) + _EPOCH_YEAR) // _YEARS[unit]


def calendar_bins(days: Numbers) -> CalendarBins:
    """Cut the span of some days into at most `MOST_BINS`, by the smallest unit that allows it."""
    ends = np.array([days.min(), days.max()])
    for unit in _UNITS:
        first, last = _numbers(ends, unit).tolist()
        if last - first < MOST_BINS:
            break
    return CalendarBins(unit=unit, first=first, n=last - first + 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunBins:
    """The seconds of a run in bins of equal length; positions on the axis are seconds since the start of the first."""

    start: int  # Unix seconds
    width: int  # seconds
    n: int
    last: int  # the last second of the run

    def places(self, seconds: Numbers) -> Numbers:
        """Return the bin of each Unix second."""
        return (seconds - self.start) // self.width

    @property
    def words(self) -> str:
        """The length of a bin in words."""
        return _RUN_BINS[self.width]

    @property
    def unit_seconds(self) -> int:
        """What numbers are for: a second in a short run, and otherwise a window of the rate limit."""
        return min(self.width, WINDOW_SECONDS)

    def units(self) -> Numbers:
        """Return how many units of each bin the run took: its last bin may be cut off."""
        starts = self.start + self.width * np.arange(self.n)
        stops = np.minimum(starts + self.width, self.last + 1)
        return np.maximum(-(-(stops - starts) // self.unit_seconds), 1)

    def tick_sets(self) -> list[Ticks]:
        """Return the ticks that the axis may have, the densest first."""
        steps = [*_CLOCK_STEPS, *(days * DAY_SECONDS for days in _DAY_STEPS)]
        length = self.width * self.n
        # More ticks than this never fit, and the last set fits in any case.
        return [self._ticks(step, length) for step in steps if length // step <= MOST_BINS] or [self._ticks(length, 1)]

    def _ticks(self, step: int, length: int) -> Ticks:
        first = -(-self.start // step) * step
        texts = np.arange(first, self.start + length + 1, step).astype("M8[s]").astype(str).tolist()
        places = range(first - self.start, length + 1, step)
        ticks: Ticks = {}
        shown = None
        for place, text in zip(places, texts, strict=True):
            day, clock = text.split("T")
            label = day if step >= DAY_SECONDS else clock if step < _CLOCK_STEPS[6] else clock[:5]
            if step < DAY_SECONDS and day != shown:
                label = f"{label}\n{day}"
            shown, ticks[place] = day, label
        return ticks


def run_bins(seconds: Numbers) -> RunBins:
    """Cut the span of some Unix seconds into at most `MOST_BINS`; a long run has whole windows of the rate limit."""
    first, last = int(seconds.min()), int(seconds.max())
    is_short = last - first < _LAST_SHORT_RUN
    widths = [width for width in _RUN_BINS if is_short or width >= WINDOW_SECONDS]
    # Bins of several windows start with the run, so that the first has as many windows as the others.
    starts = {width: first if width > WINDOW_SECONDS else first // width * width for width in widths}
    width = next(width for width, start in starts.items() if (last - start) // width < MOST_BINS)
    return RunBins(start=starts[width], width=width, n=(last - starts[width]) // width + 1, last=last)


def fitting(tick_sets: Sequence[Ticks], fits: Callable[[float, str, str], bool]) -> Ticks:
    """Return the densest ticks that fit: `fits` takes a distance on the axis and the labels at its ends."""
    for ticks in tick_sets:
        if ticks and all(fits(there - here, ticks[here], ticks[there]) for here, there in pairwise(ticks)):
            return ticks
    return dict(list(tick_sets[-1].items())[:1])
