"""The chart: spans of the calendar, and their bars."""

from datetime import date

import pytest

from events_pandas.sandbox.page.charts import Bins, Segment, draw_chart, make_bins, nice_ceiling

BINS = Bins(unit="month", edges=(0, 31, 59, 90, 120), labels=("Jan 1970", "Feb 1970", "Mar 1970", "Apr 1970"))
NAMES = {1: "placed-order", 2: "signed-up"}


def test_chart_stacks_the_names_by_their_frequency() -> None:
    """The most frequent name is at the bottom; the top of the scale is a round number."""
    chart = draw_chart(BINS, {(0, 1): 1, (0, 2): 3, (2, 2): 2}, NAMES)

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
    chart = draw_chart(BINS, {(0, 1): 1, (0, 2): 3000, (2, 2): 2}, NAMES)

    assert chart.bars[0].summary == "Jan 1970: 3,001\nsigned-up: 3,000\nplaced-order: 1"
    assert chart.bars[2].summary == "Mar 1970: 2\nsigned-up: 2"
    assert (chart.unit, chart.span) == ("month", "Jan 1970 to Apr 1970")


def test_chart_of_one_name_does_not_repeat_it() -> None:
    """The words of a bar leave out a single name: the legend has it."""
    chart = draw_chart(BINS, {(1, 1): 5}, NAMES)

    assert chart.bars[1].summary == "Feb 1970: 5"


def test_chart_sums_up_the_names_that_are_rare() -> None:
    """Five names have colours of their own; the others share one."""
    counts = {(0, name): 10 - name for name in range(1, 9)}

    chart = draw_chart(BINS, counts, {name: f"name-{name}" for name in range(1, 9)})

    assert chart.series == ("name-1", "name-2", "name-3", "name-4", "name-5", "other names")
    assert chart.totals == (9, 8, 7, 6, 5, 4 + 3 + 2)


def test_chart_shows_a_bar_for_a_single_event_among_many() -> None:
    """A bar is at least one pixel high."""
    chart = draw_chart(BINS, {(0, 1): 1_000_000, (1, 1): 1}, NAMES)

    assert chart.bars[1].segments == (Segment(series=0, top=151.0, height=1.0),)


def test_chart_of_one_day_has_a_narrow_bar() -> None:
    """A bar is at most a few per cent wide."""
    chart = draw_chart(make_bins(16_087, 16_087), {(0, 1): 7}, NAMES)

    assert (chart.span, chart.bars[0].width) == ("17 Jan 2014", 5.04)


def test_chart_labels_few_of_its_bars() -> None:
    """Few labels are drawn, so that they fit; the label of a week is its first day."""
    bins = make_bins(16_000, 16_200)

    chart = draw_chart(bins, {(0, 1): 7}, NAMES)

    assert [label.text for label in chart.labels] == [
        "21 Oct 2013",
        "25 Nov 2013",
        "30 Dec 2013",
        "3 Feb 2014",
        "10 Mar 2014",
        "14 Apr 2014",
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
    chart = draw_chart(BINS, {(0, 1): count}, NAMES)

    assert [rule.text for rule in chart.rules] == texts


def day(text):
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


@pytest.mark.parametrize(
    ("first", "last", "unit", "count", "first_label", "last_label"),
    [
        ("2014-01-17", "2014-01-17", "day", 1, "17 Jan 2014", "17 Jan 2014"),
        ("2014-01-01", "2014-03-03", "day", 62, "1 Jan 2014", "3 Mar 2014"),
        ("2014-01-01", "2014-03-04", "week", 10, "week of 30 Dec 2013", "week of 3 Mar 2014"),
        ("2013-01-01", "2014-12-31", "month", 24, "Jan 2013", "Dec 2014"),
        ("2010-02-28", "2020-02-29", "quarter", 41, "Q1 2010", "Q1 2020"),
        ("1970-01-01", "2014-12-31", "year", 45, "1970", "2014"),
        ("1970-01-01", "2099-12-31", "decade", 13, "1970s", "2090s"),
    ],
)
def test_bins_are_of_the_smallest_unit_that_makes_few(first, last, unit, count, first_label, last_label) -> None:
    """The unit is the smallest that makes at most 62 bars."""
    bins = make_bins(day(first), day(last))

    assert (bins.unit, len(bins.labels)) == (unit, count)
    assert (bins.labels[0], bins.labels[-1]) == (first_label, last_label)


def test_bins_begin_where_the_calendar_says() -> None:
    """Months have their true lengths; the last edge is the end of the last month."""
    bins = make_bins(day("2023-12-24"), day("2025-03-02"))

    assert bins.unit == "month"
    assert [bins.edges[0], bins.edges[3], bins.edges[-1]] == [day("2023-12-01"), day("2024-03-01"), day("2025-04-01")]
    assert len(bins.edges) == len(bins.labels) + 1


@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 47_481), (16_000, 16_400), (3, 9_000), (47_000, 47_481)])
def test_bins_hold_every_day(first, last) -> None:
    """The first day lies in the first span, the last day in the last one."""
    edges = make_bins(first, last).edges

    assert edges[0] <= first < edges[1]
    assert edges[-2] <= last < edges[-1]
    assert list(edges) == sorted(set(edges))
