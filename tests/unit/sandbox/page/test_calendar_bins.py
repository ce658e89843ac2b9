"""Spans of the calendar."""

from datetime import date

import pytest

from events_pandas.sandbox.page.charts import make_bins


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
    """A chart has at most 62 bars."""
    bins = make_bins(day(first), day(last))

    assert (bins.unit, len(bins.labels)) == (unit, count)
    assert (bins.labels[0], bins.labels[-1]) == (first_label, last_label)


def test_bins_begin_where_the_calendar_says() -> None:
    """Months are as long as they are; the last edge is the end of the last one."""
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
