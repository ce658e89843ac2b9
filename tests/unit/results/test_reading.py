"""Rows and times of results are read whatever their types are."""

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from events_pandas.results.reading import require_one_run, row_numbers, times_of

BERLIN = dt.timezone(dt.timedelta(hours=1))
NOON = np.datetime64("2024-01-31T12:00:00", "us")


@pytest.mark.parametrize(
    "cells",
    [
        pd.Series(["2024-01-31 12:00:00+00:00", None]),
        pd.Series(["2024-01-31T12:00:00Z", ""]),
        pd.Series(["2024-01-31T13:00:00.000000000+01:00", ""], dtype="category"),
        pd.Series(["2024-01-31 12:00", np.nan], dtype=object),
        pd.Series([pd.Timestamp("2024-01-31 12:00"), pd.NaT]),
        pd.Series([pd.Timestamp("2024-01-31 13:00", tz="Europe/Berlin"), pd.NaT]),
        pd.Series([dt.datetime(2024, 1, 31, 13, tzinfo=BERLIN), ""], dtype=object),
        pd.Series([dt.datetime(2024, 1, 31, 12), None], dtype=pd.ArrowDtype(pa.timestamp("s"))),  # noqa: DTZ001
    ],
)
def test_times_of_results_are_read_as_utc(cells):
    """A time without a zone is in UTC; an empty text is an absent time."""
    times = times_of(pd.DataFrame({"created_at": cells}), "created_at")

    assert times.dtype == "datetime64[us]"
    assert times[0] == NOON
    assert np.isnat(times[1])


def test_times_of_results_are_of_any_year():
    """Texts may have years that nanoseconds cannot count, and a day alone is its first second."""
    times = times_of(pd.DataFrame({"created_at": ["0001-01-02", "9999-12-31 23:59:59Z"]}), "created_at")

    assert times.astype(str).tolist() == ["0001-01-02T00:00:00.000000", "9999-12-31T23:59:59.000000"]


def test_times_of_results_without_any_time_are_absent():
    """An empty column of a CSV file is read as numbers that are absent."""
    assert np.isnat(times_of(pd.DataFrame({"created_at": [np.nan, np.nan]}), "created_at")).all()


@pytest.mark.parametrize("cell", ["yesterday", "31.01.2024", "12:00", 1_706_659_200, dt.time(12), pd.Timedelta("1h")])
def test_a_cell_that_is_not_a_time_is_named_with_its_row(cell):
    """The message names row, column and cell."""
    cells = pd.Series(["", "2024-01-31", cell], dtype=object)
    results = pd.DataFrame({"row": [7, 8, 9], "created_at": cells}).set_axis(list("abc"))

    with pytest.raises(ValueError) as caught:  # noqa: PT011  # The message is compared.
        times_of(results, "created_at")

    assert str(caught.value) == (
        f"results: row 9 has the created_at '{cell}', which is not a time: write it as 2024-01-31T12:00:00Z"
    )


@pytest.mark.parametrize("rows", [[3, 4], [3.0, 4.0], ["3", "4"], pd.array([3, 4], dtype="Int64")])
def test_rows_of_results_are_read_as_whole_numbers(rows):
    """Files give them as numbers of several types, or as text."""
    assert row_numbers(pd.Series(rows)).tolist() == [3, 4]


@pytest.mark.parametrize("row", [None, -1, 0.5, "a", np.inf, ""])
def test_a_row_that_is_not_a_position_is_named(row):
    """A missing row is never taken for another one."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # The message is compared.
        row_numbers(pd.Series([0, row], dtype=object))

    assert str(caught.value) == (
        f"results: position 1 has the row '{row}': expected a whole number, as submitting writes it"
    )


def test_results_of_several_runs_are_refused():
    """Rows of each run are counted from 0, so that a row would be looked up in the frame of another run."""
    with pytest.raises(ValueError, match=r"^results: row 1 comes twice: give the results of one run$"):
        require_one_run(np.array([0, 1, 2, 1, 2]))
