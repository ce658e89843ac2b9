"""Local times in their zones, against the time zone database itself."""

import datetime as dt
import zoneinfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas.convert.zones import ClockChoice, localized, placed

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


def clock(*parts):
    return (dt.datetime(*parts, tzinfo=dt.UTC) - EPOCH) // SECOND


@pytest.fixture
def in_zone():
    """Return a function that places one clock time: its second, and whether it happened twice or not at all."""

    def in_zone(zone, *parts):
        found = placed(np.array([clock(*parts)]), zone)
        return int(found.earlier[0]), bool(found.is_twice[0]), bool(found.is_skipped[0])

    return in_zone


@pytest.mark.parametrize(
    ("zone", "parts", "placed"),
    [
        ("Europe/Berlin", (2024, 7, 1, 12), (clock(2024, 7, 1, 10), False, False)),
        # Summer times go on without an end.
        ("Europe/Berlin", (2040, 7, 1, 12), (clock(2040, 7, 1, 10), False, False)),
        ("America/New_York", (9998, 7, 1, 12), (clock(9998, 7, 1, 16), False, False)),
        ("Europe/Berlin", (2040, 10, 28, 2, 30), (clock(2040, 10, 28, 0, 30), True, False)),
        # A time that did not happen is the second at which the clocks changed.
        ("Europe/Berlin", (2040, 3, 25, 2, 30), (clock(2040, 3, 25, 1), False, True)),
        # A whole day was skipped.
        ("Pacific/Apia", (2011, 12, 30, 12), (clock(2011, 12, 30, 10), False, True)),
        # Half an hour.
        ("Australia/Lord_Howe", (2024, 10, 6, 2, 15), (clock(2024, 10, 5, 15, 30), False, True)),
        # Clocks of towns had odd seconds.
        ("Europe/Berlin", (1850, 1, 1), (clock(1850, 1, 1) - 3208, False, False)),
        ("Asia/Kolkata", (1969, 12, 31, 23, 59, 59), (clock(1969, 12, 31, 18, 29, 59), False, False)),
        ("UTC", (1, 1, 2), (clock(1, 1, 2), False, False)),
    ],
)
def test_clock_time_is_placed_by_the_rules_of_its_zone(in_zone, zone, parts, placed):
    """A clock time is the first of its two seconds, or the second of the change if it did not happen."""
    assert in_zone(zone, *parts) == placed


ZONES = st.sampled_from(
    [
        *("Europe/Berlin", "America/New_York", "Pacific/Apia", "Africa/Casablanca", "Australia/Lord_Howe"),
        *("America/Havana", "Asia/Tehran", "Europe/Dublin", "Antarctica/Troll", "America/Sao_Paulo", "Asia/Beirut"),
    ]
)
WHOLE_HOURS = st.integers(0, 400_000).map(lambda hours: clock(2000, 1, 1) + 1800 * hours)
ANY_TIME = st.integers(clock(1, 1, 2), clock(9999, 12, 31) - 1)


@settings(deadline=None, max_examples=200)
@given(zone=ZONES, clocks=st.lists(WHOLE_HOURS | ANY_TIME, max_size=20))
def test_clock_times_are_those_of_the_database(zone, clocks):
    """A time whose offset depends on `fold` happened twice or not at all; `fold` tells its two seconds apart."""
    found = placed(np.array(clocks, np.int64), zone)

    for place, second in enumerate(clocks):
        local = (EPOCH + second * SECOND).replace(tzinfo=zoneinfo.ZoneInfo(zone))
        first, later = local.utcoffset(), local.replace(fold=1).utcoffset()
        assert (found.is_twice[place], found.is_skipped[place]) == (first > later, first < later)
        if not found.is_skipped[place]:
            assert found.earlier[place] == (local - EPOCH) // SECOND
            assert found.later[place] == (local.replace(fold=1) - EPOCH) // SECOND


def test_localized_refuses_what_has_not_one_place():
    """Times that are not one second are refused, each with its code; days and absent times are not."""
    clocks = [clock(2024, 3, 31, 2, 30), clock(2024, 10, 27, 2, 30), clock(2024, 3, 31, 2, 30), None, clock(1, 1, 1)]
    is_day = np.array([False, False, True, False, False])

    seconds, faults = localized(pa.array(clocks, pa.int64()), "Europe/Berlin", is_day=is_day)

    assert seconds.to_pylist() == [None, None, clock(2024, 3, 31, 1), None, None]
    assert {code: np.flatnonzero(where).tolist() for code, where in faults} == {
        "time_unreadable": [4],
        "local_time_ambiguous": [1],
        "local_time_nonexistent": [0],
    }


@pytest.mark.parametrize(
    ("choice", "seconds", "codes"),
    [
        (
            ClockChoice(ambiguous="earlier"),
            [None, clock(2024, 10, 27, 0, 30), clock(2024, 3, 31, 1), clock(2024, 10, 27, 0), None],
            {"local_time_nonexistent": [0], "local_time_earlier": [1, 3]},
        ),
        (
            ClockChoice(ambiguous="later"),
            [None, clock(2024, 10, 27, 1, 30), clock(2024, 3, 31, 1), clock(2024, 10, 27, 1), None],
            {"local_time_nonexistent": [0], "local_time_later": [1, 3]},
        ),
        (
            ClockChoice(nonexistent="shift"),
            [clock(2024, 3, 31, 1), None, clock(2024, 3, 31, 1), clock(2024, 10, 27, 0), None],
            {"local_time_shifted": [0, 2], "local_time_ambiguous": [1]},
        ),
    ],
)
def test_localized_takes_the_second_that_is_chosen(choice, seconds, codes):
    """A choice holds for times and for days, and each use of it has a code; it does not hold for the other fault."""
    clocks = [
        clock(2024, 3, 31, 2, 30),
        clock(2024, 10, 27, 2, 30),
        clock(2024, 3, 31, 2),
        clock(2024, 10, 27, 2),
        None,
    ]
    # In Berlin, the clocks change at two: the days stand for days whose midnight is changed.
    is_day = np.array([False, False, True, True, False])

    placed_at, faults = localized(pa.array(clocks, pa.int64()), "Europe/Berlin", is_day=is_day, choice=choice)

    assert placed_at.to_pylist() == seconds
    assert {code: np.flatnonzero(where).tolist() for code, where in faults if where.any()} == codes


def test_no_choice_makes_a_time_beyond_the_calendar():
    """At the ends of the calendar nothing can be chosen."""
    choice = ClockChoice(ambiguous="later", nonexistent="shift")
    clocks, no_day = pa.array([clock(1, 1, 1)], pa.int64()), np.array([False])

    seconds, faults = localized(clocks, "Europe/Berlin", is_day=no_day, choice=choice)

    assert seconds.to_pylist() == [None]
    assert [code for code, where in faults if where.any()] == ["time_unreadable"]
