"""Formats of written times: what a message says about a column whose order of day and month is not known."""

import pandas as pd
import pyarrow as pa
import pytest

from events_pandas import check_events
from events_pandas.check.checking import StreamCheck
from events_pandas.convert.time_formats import day_cures, format_cures
from events_pandas.mapping import Date, EventMapping

GENERIC = "write it as 2024-01-31T12:00:00, or give its format (of epoch numbers the unit) in a date rule"


@pytest.mark.parametrize(
    ("texts", "cures"),
    [
        (
            ["05.06.2024"],
            ["'%d.%m.%Y' if it is 5 June 2024 or '%m.%d.%Y' if it is 6 May 2024"],
        ),
        (
            ["05/06/2024 10:00", None],
            ["'%d/%m/%Y %H:%M' if it is 5 June 2024 or '%m/%d/%Y %H:%M' if it is 6 May 2024", None],
        ),
        (["05.06.2024", "31.12.2024"], ["'%d.%m.%Y'", "'%d.%m.%Y'"]),
        (["12/31/2024", "05/06/2024"], ["'%m/%d/%Y'", "'%m/%d/%Y'"]),
        (["31.12.2024 14:05", "1.2.2024 1:02"], ["'%d.%m.%Y %H:%M'"] * 2),
        (["12/31/2024, 1:05:00 PM", "soon, or later"], ["'%m/%d/%Y, %I:%M:%S %p'", None]),
        (
            ["31.12.2024, 14:05", "31.12.2024 14:05", "30.12.2024, 14:05"],
            ["'%d.%m.%Y, %H:%M'", None, "'%d.%m.%Y, %H:%M'"],
        ),
        (["Dec 31, 2024, 14:05"], ["'%b %d, %Y, %H:%M'"]),
        (
            ["13/06/2024", "06/13/2024", "05/06/2024"],
            [
                "'%d/%m/%Y' if it is 13 June 2024",
                "'%m/%d/%Y' if it is 13 June 2024",
                "'%d/%m/%Y' if it is 5 June 2024 or '%m/%d/%Y' if it is 6 May 2024",
            ],
        ),
        (["31.12.2024", "31.12.2024", "1.1.2024", "soon", "32.12.2024"], ["'%d.%m.%Y'"] * 3 + [None, None]),
        (["soon", "31.12.2024 maybe", "", "\ud7ff 1.1.2024"], [None] * 4),
        ([], []),
    ],
)
def test_cure_names_the_format_that_the_column_shows(texts, cures):
    """A day above 12 decides for the column; otherwise each format is named with the day that it reads."""
    expected = [None if cure is None else f"give its format in a date rule, {cure}" for cure in cures]

    assert format_cures(pa.array(texts, pa.large_string())).to_pylist() == expected


@pytest.mark.parametrize("created_at", ["day", Date("day")])
def test_check_names_both_readings_of_an_ambiguous_day(created_at):
    """A time whose day and month may be exchanged is an error that says how to decide."""
    mapping = EventMapping(event_name="a", created_at=created_at, user_id="who", timezone="UTC")

    report = check_events(pd.DataFrame({"day": ["05.06.2024", "soon"], "who": ["1", "2"]}), mapping)

    assert report.problems["message"].tolist() == [
        (
            "created_at: '05.06.2024' in column 'day' cannot be read as a time: give its format in a date rule, "
            "'%d.%m.%Y' if it is 5 June 2024 or '%m.%d.%Y' if it is 6 May 2024"
        ),
        f"created_at: 'soon' in column 'day' cannot be read as a time: {GENERIC}",
    ]


@pytest.mark.parametrize("chunksize", [1, 2, 10])
def test_cells_of_all_chunks_decide_for_a_format(chunksize):
    """The message about an ambiguous day does not depend on how the rows are cut."""
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", timezone="UTC")
    frame = pd.DataFrame({"day": ["05.06.2024", "07.08.2024", "31.12.2024"], "who": ["1", "2", "3"]})
    check = StreamCheck(mapping=mapping).bound(frame)

    check.read(chunksize=chunksize)
    (finding,) = check.checked(now=0).findings

    assert finding.cures.to_pylist() == ["give its format in a date rule, '%d.%m.%Y'"] * 3


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("31.02.2024 12:00", "February 2024 has 29 days"),
        ("2023-02-29", "February 2023 has 28 days"),
        ("2024-04-31T12:00:00Z", "April 2024 has 30 days"),
        ("02/30/2024", "February 2024 has 29 days"),
        ("31/6/2024", "June 2024 has 30 days"),
        ("31.01.2024", None),
        ("31.13.2024", None),
        ("32.01.2024", None),
        ("2024-31-02", None),
        ("31.02.24", None),
        ("31.02.20245", None),
        ("0000-02-30", None),
        ("soon", None),
        (None, None),
    ],
)
def test_cure_names_a_day_that_its_month_does_not_have(text, days):
    """The month says how many days it has."""
    expected = None if days is None else f"correct the day, since {days}"

    assert day_cures(pa.array([text], pa.large_string())).to_pylist() == [expected]


def test_check_says_that_a_day_does_not_exist():
    """Neither the format nor the way of writing is at fault, with a format and without one."""
    rule = Date("day", format="%d.%m.%Y")
    mapping = EventMapping(event_name="a", created_at=rule, user_id="who", timezone="UTC", metadata={"x_at": Date("x")})
    frame = pd.DataFrame({"day": ["31.02.2024"], "x": ["2024-02-30"], "who": ["1"]})

    report = check_events(frame, mapping)

    assert report.problems["message"].tolist() == [
        (
            "metadata.x_at: '2024-02-30' in column 'x' cannot be read as a time: correct the day, since February 2024 "
            "has 29 days"
        ),
        (
            "created_at: '31.02.2024' in column 'day' is not a time in the format of its date rule: correct the day, "
            "since February 2024 has 29 days"
        ),
    ]


def test_time_that_does_not_have_the_format_of_its_rule_is_named():
    """With a format, a row whose time has another one says so."""
    rule = Date("day", format="%d.%m.%Y %H:%M")
    mapping = EventMapping(event_name="a", created_at=rule, user_id="who", timezone="Europe/Berlin")
    frame = pd.DataFrame({"day": ["31.12.2024 14:05", "31.12.2024"], "who": ["1", "2"]})

    report = check_events(frame, mapping)

    assert [payload["created_at"] for payload in report.payloads(1)] == [1_735_650_300]
    assert report.problems["message"].tolist() == [
        (
            "created_at: '31.12.2024' in column 'day' is not a time in the format of its date rule: correct the cell "
            "or the format"
        )
    ]
