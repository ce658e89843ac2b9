"""Rows are counted by day, in any number of chunks."""

import numpy as np
import pytest

from events_pandas.check.day_counts import DAY_SECONDS, DayCounts

FAR = 253_402_300_799
"""The last second of the year 9999."""


def counted(*chunks):
    counts = DayCounts()
    for chunk in chunks:
        counts.add_seconds(np.array(chunk, np.int64))
    return [numbers.tolist() for numbers in counts.by_day()]


def test_days_begin_at_midnight_in_utc():
    """A second before midnight belongs to the day before, also before 1970."""
    assert counted([-1, 0, DAY_SECONDS - 1, DAY_SECONDS]) == [[-1, 0, 1], [1, 2, 1]]


def test_days_do_not_depend_on_chunks():
    """Chunks add up, in any order and however far their days lie apart."""
    seconds = [FAR, 5, -62_135_596_800, 5, FAR, 5]

    assert counted(seconds) == counted(seconds[3:], [], seconds[:3]) == [[-719_162, 0, 2_932_896], [1, 3, 2]]


@pytest.mark.parametrize("step", [1, 100_000])
def test_days_of_many_rows_are_all_counted(step):
    """Every row is counted, if few days have many rows and if each has a day of its own."""
    seconds = np.arange(300_000) * step
    counts = DayCounts()
    for chunk in np.split(seconds, 30):
        counts.add_seconds(chunk)

    days, numbers = counts.by_day()

    assert (days[0], days[-1]) == (0, seconds[-1] // DAY_SECONDS)
    assert (np.repeat(days, numbers) == seconds // DAY_SECONDS).all()


def test_days_of_no_rows_are_none():
    """Without rows there is no day."""
    assert counted() == counted([]) == [[], []]
