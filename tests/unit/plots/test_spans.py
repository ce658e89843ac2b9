"""Spans of time are cut into bins that fit a plot, and their ticks are few enough to be read."""

import numpy as np
import pytest

from events_pandas.plots.spans import calendar_bins, fitting, run_bins


def days(*texts):
    return np.array(texts, "datetime64[D]").astype(np.int64)


@pytest.mark.parametrize(
    ("first", "last", "unit", "n"),
    [
        ("2024-02-29", "2024-02-29", "day", 1),
        ("2024-02-29", "2024-07-07", "day", 130),
        ("2024-02-29", "2024-07-08", "month", 6),
        ("2014-01-31", "2024-10-01", "month", 130),
        ("2004-12-31", "2024-01-01", "year", 21),
        ("1850-01-01", "2024-01-01", "decade", 18),
        ("1970-01-01", "9999-12-31", "century", 81),
        ("0001-01-01", "9999-12-31", "century", 100),
    ],
)
def test_span_is_cut_by_the_smallest_unit_that_fits(first, last, unit, n):
    """A plot has at most 130 bins, whether a span is a day or ten thousand years; both ends are in it."""
    bins = calendar_bins(days(last, first))

    assert (bins.unit, bins.n) == (unit, n)
    assert bins.places(days(first, last)).tolist() == [0, n - 1]


def test_ticks_of_days_repeat_neither_month_nor_year():
    """The second line has the month where it begins, and the year where it is new."""
    weekly = calendar_bins(days("2023-12-20", "2024-02-02")).tick_sets()[2]

    assert weekly == {
        2: "22\nDec 2023",
        12: "1\nJan 2024",
        19: "8",
        26: "15",
        33: "22",
        43: "1\nFeb",
    }


@pytest.mark.parametrize(
    ("which", "labels"),
    [(1, {1: "Jan\n2023", 4: "Apr", 7: "Jul", 10: "Oct", 13: "Jan\n2024"}), (3, {1: "2023", 13: "2024"})],
)
def test_ticks_of_months_begin_with_the_year(which, labels):
    """A year stands below its first tick; where there are only Januaries, the years are the labels."""
    assert calendar_bins(days("2022-12-20", "2024-02-02")).tick_sets()[which] == labels


def test_ticks_have_years_beyond_9999():
    """Years of five digits have a label: spread rows may be sent with them."""
    assert calendar_bins(days("10000-01-01")).tick_sets()[0] == {0: "1\nJan 10000"}


@pytest.mark.parametrize(
    ("seconds", "width", "n"),
    [(0, 1, 1), (119, 1, 120), (120, 10, 13), (1_299, 10, 130), (1_300, 60, 22), (7_200, 60, 121), (86_400, 3_600, 25)],
)
def test_run_is_cut_into_seconds_or_whole_windows(seconds, width, n):
    """A run of up to two minutes has a bin for each second, a longer one has one or more windows of the limit."""
    start = 1_700_000_000 // 86_400 * 86_400
    bins = run_bins(np.array([start, start + seconds]))

    assert (bins.width, bins.n) == (width, n)


def test_run_bins_count_the_windows_that_the_run_took():
    """The last bin of a run is compared with the windows that it took, not with all that it has room for."""
    bins = run_bins(np.array([0, 1_300]))

    assert (bins.width, bins.units().tolist()[-2:]) == (60, [6, 5])


def test_first_bin_of_a_run_is_whole():
    """An even run that starts just before a full minute is as high in its first minute as in the others."""
    seconds = np.repeat(np.arange(55, 55 + 2_640), 10)
    bins = run_bins(seconds)

    heights = np.bincount(bins.places(seconds)) / bins.units()

    assert (bins.width, set(heights.tolist())) == (60, {100.0})


def test_run_has_ticks_of_the_clock():
    """The day stands below the first tick, and below the first one of a new day."""
    midnight = 1_700_006_400
    bins = run_bins(np.array([midnight - 700, midnight + 1_200]))

    ticks = next(ticks for ticks in bins.tick_sets() if len(ticks) == 4)

    labels = {place + bins.start - midnight: label for place, label in ticks.items()}
    assert labels == {-600: "23:50\n2023-11-14", 0: "00:00\n2023-11-15", 600: "00:10", 1_200: "00:20"}


def test_densest_ticks_that_fit_are_chosen():
    """Ticks with less distance than their labels need are passed over; if none fit, the first one stays."""
    sets = [{0: "a", 1: "b", 2: "c"}, {0: "a", 2: "c"}]

    assert fitting(sets, lambda distance, *_: distance >= 1) == sets[0]
    assert fitting(sets, lambda distance, *_: distance >= 2) == sets[1]
    assert fitting(sets, lambda *_: False) == {0: "a"}
