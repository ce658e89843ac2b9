"""The rate limit's windows, with time as an argument."""

import re

import numpy as np
import pytest

from events_pandas.sandbox.rules.window import NO_LIMIT, Allowance, RateWindow


def test_window_counts_down_and_refuses() -> None:
    """A window admits as many requests as its limit, and counts down."""
    window = RateWindow(limit=2, window_seconds=10.0)

    answers = [window.spend(now) for now in (1000.0, 1004.5, 1009.9)]

    assert answers == [
        Allowance(limit=2, remaining=1, reset_seconds=1010, is_admitted=True),
        Allowance(limit=2, remaining=0, reset_seconds=1010, is_admitted=True),
        Allowance(limit=2, remaining=0, reset_seconds=1010, is_admitted=False),
    ]


def test_window_begins_again_on_the_clock() -> None:
    """Windows begin at multiples of their length, however late the first request came."""
    window = RateWindow(limit=1, window_seconds=10.0)
    window.spend(1009.9)

    answer = window.spend(1010.0)

    assert answer == Allowance(limit=1, remaining=0, reset_seconds=1020, is_admitted=True)


def test_window_begins_again_when_the_clock_is_set_back() -> None:
    """A full window does not stay full because the clock went back."""
    window = RateWindow(limit=1, window_seconds=10.0)
    window.spend(1015.0)

    assert window.spend(1005.0).is_admitted


def test_window_tells_its_reset_in_whole_seconds() -> None:
    """A reset between two seconds is rounded up, so that no client comes too early."""
    assert RateWindow(limit=1, window_seconds=0.4).spend(1000.5).reset_seconds == 1001


def test_window_without_a_limit_has_one_that_nobody_reaches() -> None:
    """Without a limit the headers have a limit that nobody reaches."""
    window = RateWindow(limit=None, window_seconds=10.0)

    answer = window.spend(1000.0)

    assert window.limit is None
    assert answer == Allowance(limit=NO_LIMIT, remaining=NO_LIMIT - 1, reset_seconds=1010, is_admitted=True)


def test_state_counts_nothing() -> None:
    """Looking at the window does not spend a request."""
    window = RateWindow(limit=1, window_seconds=10.0)

    before = [window.state(1000.0), window.state(1000.0)]
    window.spend(1000.0)
    after = [window.state(1001.0), window.state(1010.0)]

    free = Allowance(limit=1, remaining=1, reset_seconds=1010, is_admitted=True)
    assert before == [free, free]
    assert after == [
        Allowance(limit=1, remaining=0, reset_seconds=1010, is_admitted=False),
        Allowance(limit=1, remaining=1, reset_seconds=1020, is_admitted=True),
    ]


def test_limit_can_be_set_within_a_window() -> None:
    """Requests that are spent already count against the new limit."""
    window = RateWindow(limit=None, window_seconds=10.0)
    window.spend(1000.0)
    window.spend(1000.0)

    window.limit = 2
    answer = window.spend(1000.0)

    assert answer == Allowance(limit=2, remaining=0, reset_seconds=1010, is_admitted=False)


def test_length_can_be_set_and_begins_a_new_window() -> None:
    """Another length begins a new window."""
    window = RateWindow(limit=1, window_seconds=10.0)
    window.spend(1000.0)

    window.window_seconds = 60
    answer = window.spend(1000.0)

    assert answer == Allowance(limit=1, remaining=0, reset_seconds=1020, is_admitted=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, "limit must be at least 1, not 0; None stands for no limit"),
        ({"limit": 1.5}, "limit must be a whole number, not 1.5; None stands for no limit"),
        ({"limit": True}, "limit must be a whole number, not True; None stands for no limit"),
        ({"limit": "83"}, "limit must be a whole number, not '83'; None stands for no limit"),
        ({"window_seconds": 0.0}, "window_seconds must be a number of at least 0.001, not 0.0"),
        ({"window_seconds": 5e-324}, "window_seconds must be a number of at least 0.001, not 5e-324"),
        ({"window_seconds": float("inf")}, "window_seconds must be a number of at least 0.001, not inf"),
        ({"window_seconds": float("nan")}, "window_seconds must be a number of at least 0.001, not nan"),
        ({"window_seconds": None}, "window_seconds must be a number of at least 0.001, not None"),
        ({"window_seconds": 10**400}, f"window_seconds must be a number of at least 0.001, not {10**400}"),
    ],
)
def test_window_refuses_to_have_no_room(options, message) -> None:
    """A window needs room for a request, and time, at the start and when it is set."""
    window = RateWindow(limit=1, window_seconds=10.0)
    ((name, value),) = options.items()

    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        RateWindow(**{"limit": 1, "window_seconds": 10.0} | options)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        setattr(window, name, value)

    assert (window.limit, window.window_seconds) == (1, 10.0)


def test_window_takes_the_numbers_of_numpy() -> None:
    """A limit may come out of an array."""
    window = RateWindow(limit=np.int64(83), window_seconds=np.float32(0.5))

    assert (window.limit, window.window_seconds) == (83, 0.5)


@pytest.mark.parametrize("window_seconds", [0.001, 1.7e308])
def test_window_counts_however_short_or_long_it_is(window_seconds) -> None:
    """The shortest and the longest window admit a request."""
    window = RateWindow(limit=1, window_seconds=window_seconds)

    assert window.spend(1_700_000_000.5).is_admitted
