"""Templates and times: every value becomes text."""

import pytest

from events_pandas.sandbox.page.rendering import read_moment, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ä שלום 👩‍👧\n\tend", "plain ä שלום 👩‍👧\n\tend"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("a\0b\x07\x7f\x9b", "a\\u0000b\\u0007\\u007f\\u009b"),
        ("a\r\nb", "a\\u000d\nb"),
        ("\ud800", "\\ud800"),
        ("\u2028\u061c\u200f", "\\u2028\\u061c\\u200f"),
    ],
)
def test_visible_writes_out_what_acts_on_other_text(text, shown) -> None:
    """Controls and marks of direction are written out; letters of any script stay."""
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("seconds", "date", "time", "iso"),
    [
        (0, "1 Jan 1970", "00:00:00", "1970-01-01T00:00:00Z"),
        (1389967941, "17 Jan 2014", "14:12:21", "2014-01-17T14:12:21Z"),
        (1389967941.9, "17 Jan 2014", "14:12:21", "2014-01-17T14:12:21Z"),
        (-1, "31 Dec 1969", "23:59:59", "1969-12-31T23:59:59Z"),
        (-60_000_000_000, "3 Sep 68", "13:20:00", "0068-09-03T13:20:00Z"),
    ],
)
def test_moment_reads_as_a_date_in_utc(seconds, date, time, iso) -> None:
    """A time is a date with the month's name, and whole seconds."""
    moment = read_moment(seconds)

    assert (moment.date, moment.time, moment.iso, moment.note) == (date, time, iso, "")


@pytest.mark.parametrize(
    ("seconds", "date"),
    [(1389967941000, "the year 46016"), (2**63 - 1, "the year 292277026596"), (-(2**63), "the year -292277022657")],
)
def test_moment_tells_the_year_beyond_the_calendar(seconds, date) -> None:
    """A time beyond the calendar is shown as a year, with a note on milliseconds."""
    moment = read_moment(seconds)

    assert (moment.date, moment.time, moment.iso) == (date, "", "")
    assert moment.note == "Intercom reads seconds: were these milliseconds?"
