"""The chart: spans of the calendar, and their bars."""

from datetime import date

import pytest

from events_pandas.sandbox.page.charts import Segment, draw_chart, draw_pace, nice_ceiling


def day(text):
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


JANUARY, FEBRUARY, MARCH, APRIL = (day(f"1970-{month:02}-17") for month in range(1, 5))


def test_chart_stacks_the_names_by_their_frequency() -> None:
    """The most frequent name is at the bottom; the top of the scale is a round number."""
    chart = draw_chart(
        [(JANUARY, "placed-order", 1), (JANUARY, "signed-up", 3), (MARCH, "signed-up", 2), (APRIL, "signed-up", 0)]
    )

    assert (chart.series, chart.totals) == (("signed-up", "placed-order"), (5, 1))
    assert [bar.counts for bar in chart.bars] == [(3, 1), (0, 0), (2, 0), (0, 0)]
    assert chart.bars[0].segments == (
        Segment(series=0, top=53.0, height=99.0),
        Segment(series=1, top=20.0, height=33.0),
    )
    assert chart.bars[1].segments == ()
    assert [(rule.text, rule.at) for rule in chart.rules] == [("0", 152.0), ("2", 86.0), ("4", 20.0)]


def test_chart_tells_each_bar_in_words() -> None:
    """Each bar has its span and its counts in words."""
    chart = draw_chart(
        [(JANUARY, "placed-order", 1), (JANUARY, "signed-up", 3000), (MARCH, "signed-up", 2), (APRIL, "signed-up", 0)]
    )

    assert chart.bars[0].summary == "Jan 1970: 3,001\nsigned-up: 3,000\nplaced-order: 1"
    assert chart.bars[2].summary == "Mar 1970: 2\nsigned-up: 2"
    assert (chart.unit, chart.span) == ("month", "Jan 1970 to Apr 1970")


def test_chart_of_one_name_does_not_repeat_it() -> None:
    """The words of a bar leave out a single name: the legend has it."""
    chart = draw_chart([(JANUARY, "placed-order", 5)])

    assert chart.bars[0].summary == "17 Jan 1970: 5"


def test_chart_sums_up_the_names_that_are_rare() -> None:
    """Five names have colours of their own; the others share one."""
    chart = draw_chart([(0, f"name-{name}", 10 - name) for name in range(1, 9)])

    assert chart.series == ("name-1", "name-2", "name-3", "name-4", "name-5", "other names")
    assert chart.totals == (9, 8, 7, 6, 5, 4 + 3 + 2)


def test_chart_shows_a_bar_for_a_single_event_among_many() -> None:
    """A bar is at least one pixel high."""
    chart = draw_chart([(0, "placed-order", 1_000_000), (1, "placed-order", 1)])

    assert chart.bars[1].segments == (Segment(series=0, top=151.0, height=1.0),)


def test_chart_of_one_day_has_a_narrow_bar() -> None:
    """A bar is at most a few per cent wide."""
    chart = draw_chart([(16_087, "placed-order", 7)])

    assert (chart.span, chart.bars[0].width) == ("17 Jan 2014", 5.04)


def test_chart_labels_few_of_its_bars() -> None:
    """Few labels are drawn, so that they fit."""
    chart = draw_chart([(day("2013-10-21"), "placed-order", 7), (day("2015-05-09"), "placed-order", 7)])

    assert [label.text for label in chart.labels] == [
        "Oct 2013",
        "Feb 2014",
        "Jun 2014",
        "Oct 2014",
        "Feb 2015",
    ]


def test_chart_labels_do_not_leave_it() -> None:
    """The first label begins at the edge, one near the other edge ends with its bar, the others stand below bars."""
    chart = draw_chart([(0, "placed-order", 7), (15, "placed-order", 7)])

    assert [(label.text, label.at, label.anchor) for label in chart.labels] == [
        ("1 Jan 1970", 0.0, "start"),
        ("4 Jan 1970", 21.0, "middle"),
        ("7 Jan 1970", 39.0, "middle"),
        ("10 Jan 1970", 57.0, "middle"),
        ("13 Jan 1970", 75.0, "middle"),
        ("16 Jan 1970", 95.52, "end"),
    ]


@pytest.mark.parametrize(
    ("count", "ceiling"),
    [(0, 2), (1, 2), (2, 2), (3, 4), (7, 8), (11, 12), (13, 16), (99, 100), (101, 120), (999_999, 1_000_000)],
)
def test_ceiling_is_round_and_even(count, ceiling) -> None:
    """The scale and its half are round whole numbers."""
    assert nice_ceiling(count) == ceiling


@pytest.mark.parametrize(("count", "texts"), [(1_500, ["0", "800", "1.6k"]), (3_000_000, ["0", "1.5M", "3M"])])
def test_scale_writes_large_counts_short(count, texts) -> None:
    """The scale writes k for thousands and M for millions."""
    chart = draw_chart([(0, "placed-order", count)])

    assert [rule.text for rule in chart.rules] == texts


@pytest.mark.parametrize(
    ("first", "last", "unit", "count", "first_label", "last_label"),
    [
        ("2014-01-17", "2014-01-17", "day", 1, "17 Jan 2014", "17 Jan 2014"),
        ("2014-01-01", "2014-03-03", "day", 62, "1 Jan 2014", "3 Mar 2014"),
        ("2014-01-01", "2014-03-04", "month", 3, "Jan 2014", "Mar 2014"),
        ("2013-12-31", "2014-12-01", "month", 13, "Dec 2013", "Dec 2014"),
        ("2010-02-28", "2015-03-01", "month", 62, "Feb 2010", "Mar 2015"),
        ("2010-02-28", "2015-04-01", "year", 6, "2010", "2015"),
        ("1970-01-01", "2099-12-31", "year", 130, "1970", "2099"),
    ],
)
def test_bars_are_of_the_smallest_unit_that_makes_few(first, last, unit, count, first_label, last_label) -> None:
    """The unit is the smallest that makes at most 62 bars, or the year."""
    chart = draw_chart([(day(last), "placed-order", 1), (day(first), "placed-order", 2)])

    assert (chart.unit, len(chart.bars)) == (unit, count)
    assert (chart.bars[0].label, chart.bars[-1].label) == (first_label, last_label)
    assert sum(bar.total for bar in chart.bars) == 3


def test_bars_begin_where_the_calendar_says() -> None:
    """Months have their true lengths, and bars without events stay empty."""
    days = ("2023-12-24", "2023-12-31", "2024-02-29", "2024-03-01", "2025-03-31")

    chart = draw_chart([(day(text), "placed-order", 1) for text in days])

    assert [(bar.label, bar.total) for bar in chart.bars if bar.total] == [
        ("Dec 2023", 2),
        ("Feb 2024", 1),
        ("Mar 2024", 1),
        ("Mar 2025", 1),
    ]
    assert len(chart.bars) == 16


def test_pace_is_that_of_the_last_ten_seconds() -> None:
    """The rate is of the last ten seconds; the busiest bar of two seconds gives the scale."""
    pace = draw_pace([0] * 24 + [100] + [20, 20, 20, 20, 40])

    assert (pace.rate, pace.most) == ("12", "50")
    assert pace.heights[-6:] == (100.0, 20.0, 20.0, 20.0, 20.0, 40.0)


@pytest.mark.parametrize(
    ("arrivals", "rate", "most"),
    [([0] * 30, "0", ""), ([0] * 29 + [3], "0.3", "1.5"), ([60_000] * 30, "30,000", "30,000")],
)
def test_pace_is_written_as_precisely_as_it_needs(arrivals, rate, most) -> None:
    """Small rates have a decimal; large ones have thousands separators."""
    pace = draw_pace(arrivals)

    assert (pace.rate, pace.most) == (rate, most)
