"""Forms of times: by dtype, in ISO 8601, in another format, as numbers since 1970."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from events_pandas.suggest.times import TimeForm, form_of_numbers, form_of_texts, form_of_times


def texts(*values):
    return pd.Series(values, dtype=object)


@pytest.mark.parametrize(
    ("times", "form"),
    [
        ([dt.date(2024, 1, 31)], TimeForm(description="days", is_day=True)),
        ([pd.Timestamp("2024-01-31"), pd.Timestamp("2024-02-01")], TimeForm(description="days", is_day=True)),
        ([pd.Timestamp("2024-01-31 10:00")], TimeForm(description="times without a zone")),
        ([pd.Timestamp("2024-01-31", tz="UTC")], TimeForm(description="times with a zone", is_naive=False)),
        (
            [pd.Timestamp("2024-01-31 10:00", tz="UTC"), pd.Timestamp("2024-01-31 10:00")],
            TimeForm(description="times of mixed kinds, a part with and a part without a zone"),
        ),
        (
            [pd.Timestamp("2024-01-31 10:00"), dt.date(2024, 1, 31), "2024-01-31 10:00"],
            TimeForm(description="times of mixed kinds (datetimes, dates, text), without a zone"),
        ),
        (
            [pd.Timestamp("2024-01-31 10:00", tz="UTC"), "2024-01-31T10:00:00Z"],
            TimeForm(description="times of mixed kinds (datetimes, text), with a zone", is_naive=False),
        ),
        (
            [np.datetime64("2024-01-31"), "2024-01-31", dt.date(2024, 1, 31)],
            TimeForm(description="days of mixed kinds (datetimes, dates, text)", is_day=True),
        ),
        (
            [pd.Timestamp("2024-01-31 10:00"), pd.Timestamp("2024-01-31 11:00"), "never"],
            TimeForm(description="times without a zone"),
        ),
        ([pd.Timestamp("2024-01-31"), "never"], None),
        ([pd.Timestamp("2024-01-31"), "\ud800"], None),
    ],
)
def test_form_of_times_tells_days_and_zones(times, form):
    """One time without a zone makes a column naive, only midnights make days, and mixed kinds are named."""
    assert form_of_times(texts(*times)) == form


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (["2024-01-31T10:00:00Z"], TimeForm(description="times as text, with a zone (ISO 8601)", is_naive=False)),
        (["2024-01-31 10:00+02:00"], TimeForm(description="times as text, with a zone (ISO 8601)", is_naive=False)),
        (
            ["2024-01-31 10:00:00 UTC", "2024-01-31 10:00:00.5 utc", "2024-01-31 10:00 +0000 UTC", "2024-01-31 10:00z"],
            TimeForm(description="times as text, with a zone (ISO 8601)", is_naive=False),
        ),
        (["2024-01-31 10:00"], TimeForm(description="times as text, without a zone (ISO 8601)")),
        (["2024-01-31"], TimeForm(description="days as text (ISO 8601)", is_day=True)),
        (
            ["2024-01-31T10:00:00Z", "2024-01-31 10:00"],
            TimeForm(description="times as text, a part with and a part without a zone (ISO 8601)"),
        ),
        (
            ["2024-01-31T10:00:00Z", "2024-01-31", "n/a"],
            TimeForm(description="times as text, a part with and a part without a zone (ISO 8601)"),
        ),
        (
            ["2024-01-31T10:00:00Z", "2024-02-01T10:00:00Z", "n/a"],
            TimeForm(description="times as text, with a zone (ISO 8601)", is_naive=False),
        ),
        (["19970131"], TimeForm(description="days such as 19970131", format="%Y%m%d", is_day=True)),
    ],
)
def test_form_of_texts_reads_iso_8601(values, form):
    """Only days without hyphens, which look like numbers, need a format."""
    assert form_of_texts(texts(*values), ("x",)) == form


@pytest.mark.parametrize(
    ("values", "written"),
    [
        (["31.01.2024", "1.2.2024"], "%d.%m.%Y"),
        (["31/01/2024", "05/06/2024"], "%d/%m/%Y"),
        (["01/31/2024", "05/06/2024"], "%m/%d/%Y"),
        (["01/31/2024 02:30 PM"], "%m/%d/%Y %I:%M %p"),
        (["31-01-2024 14:30:10"], "%d-%m-%Y %H:%M:%S"),
        (["2024/01/31"], "%Y/%m/%d"),
        (["31 Jan 2024"], "%d %b %Y"),
        (["January 31, 2024"], "%B %d, %Y"),
    ],
)
def test_form_of_texts_finds_how_a_time_is_written(values, written):
    """The text that only one format reads decides for all."""
    assert form_of_texts(texts(*values), ("x",)).format == written


def test_form_of_texts_notes_that_day_and_month_are_ambiguous():
    """The first format is proposed, and the description names the other."""
    form = form_of_texts(texts("05/06/2024", "07/08/2024"), ("x",))

    assert form == TimeForm(
        description=(
            "days as text, written '%d/%m/%Y'; the order of day and month is a guess: it may be '%m/%d/%Y', so look"
        ),
        format="%d/%m/%Y",
        is_day=True,
        is_certain=False,
    )


@pytest.mark.parametrize(
    ("values", "written", "is_certain"),
    [
        (["31.12.2024"], "%d.%m.%Y", True),
        (["05.06.2024"], "%d.%m.%Y", False),
        (["05.06.2024", "31.12.2024"], "%d.%m.%Y", True),
        (["31/12/2024 10:00"], "%d/%m/%Y %H:%M", True),
        (["05/06/2024 10:00"], "%d/%m/%Y %H:%M", False),
        (["06/31/2024", "12/31/2024", "05/06/2024"], "%m/%d/%Y", True),
        (["05-06-2024"], "%d-%m-%Y", False),
        (["05/06/2024", "13/06/2024", "06/13/2024", "14/06/2024"], "%d/%m/%Y", False),
        (["05/05/2024"], "%d/%m/%Y", False),
        (["2024/05/06"], "%Y/%m/%d", True),
        (["05 May 2024"], "%d %b %Y", True),
        (["05.06.24"], "%d.%m.%y", False),
        (["31.12.24"], "%d.%m.%y", False),
        (["12.31.99"], "%m.%d.%y", True),
        (["2024-05-06"], None, True),
        (["20240506"], "%Y%m%d", True),
    ],
)
def test_form_of_texts_is_certain_where_a_text_decides(values, written, is_certain):
    """A day above 12 decides the order, unless another text speaks for the other; two digits may be the year."""
    form = form_of_texts(texts(*values), ("x",))

    assert (form.format, form.is_certain) == (written, is_certain)


@pytest.mark.parametrize("values", [["22.04.1"], ["24/13/05"]])
def test_form_of_texts_does_not_take_versions_for_days(values):
    """A proposed format with a year of two digits never begins with the year."""
    assert form_of_texts(texts(*values), ("x",)) is None


@pytest.mark.parametrize(
    "values",
    [
        ["abc"],
        ["20241399"],
        ["2024-13-45"],
        ["3434-1234567"],
        ["1.2.3.4.5"],
        ["2024-01-31\ud800"],
        ["31.01.24x"],
        ["-0.01"],
    ],
)
def test_form_of_texts_is_none_for_other_numbers(values):
    """Numbers of orders, versions and impossible days are not times."""
    assert form_of_texts(texts(*values), ("date",)) is None


def test_form_of_texts_allows_a_few_that_are_not_times():
    """A few values that are not times do not hide the form: a check names them."""
    assert form_of_texts(texts("2024-01-31", "2024-02-01", "n/a"), ("x",)).is_day


@pytest.mark.parametrize(
    ("ticks", "unit", "description"),
    [
        (1, "s", "seconds since 1970"),
        (10**3, "ms", "milliseconds since 1970"),
        (10**6, "us", "microseconds since 1970"),
        (10**9, "ns", "nanoseconds since 1970"),
    ],
)
def test_numbers_under_the_name_of_a_time_count_from_1970(ticks, unit, description):
    """The size of numbers, also of written ones, tells their unit."""
    number = 1_700_000_000 * ticks
    form = TimeForm(description=description, unit=unit, is_naive=False)

    assert form_of_numbers(np.array([number], float), ("created", "at")) == form
    assert form_of_texts(texts(str(number)), ("created", "at")) == form


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1_700_000_000, ("order", "no")),
        (1_700_000_000, ("shipped", "ms")),
        (900_000_000, ("response", "time", "us")),
        (12, ("time",)),
        (20_241_399, ("date",)),
        (45_000, ("date",)),
    ],
)
def test_form_of_numbers_leaves_other_numbers_alone(number, words):
    """A number is a time only if its label and its size agree on it."""
    assert form_of_numbers(np.array([number], float), words) is None


def test_form_of_numbers_reads_days_by_their_digits():
    """Numbers such as 19970131 are days under any label."""
    form = form_of_numbers(np.array([19_970_131, 19_970_201], float), ())

    assert form == TimeForm(description="days such as 19970131", format="%Y%m%d", is_day=True)
