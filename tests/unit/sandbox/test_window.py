"""The rate limit's windows; time is an argument."""

import pytest

from events_pandas.sandbox.window import Allowance, RateWindow


def test_window_counts_down_and_refuses() -> None:
    """A window admits as many requests as its limit, and says how many are left."""
    window = RateWindow(limit=2, window_seconds=10.0)

    answers = [window.spend(now) for now in (1000.0, 1004.5, 1009.9)]

    assert answers == [
        Allowance(limit=2, remaining=1, reset_seconds=1010, is_admitted=True),
        Allowance(limit=2, remaining=0, reset_seconds=1010, is_admitted=True),
        Allowance(limit=2, remaining=0, reset_seconds=1010, is_admitted=False),
    ]


def test_window_begins_anew_on_the_clock() -> None:
    """Windows begin at multiples of their length, however late the first request came."""
    window = RateWindow(limit=1, window_seconds=10.0)
    window.spend(1009.9)

    answer = window.spend(1010.0)

    assert answer == Allowance(limit=1, remaining=0, reset_seconds=1020, is_admitted=True)


def test_window_tells_its_reset_in_whole_seconds() -> None:
    """A reset between two seconds is told as the later one, so that nobody comes too early."""
    assert RateWindow(limit=1, window_seconds=0.4).spend(1000.5).reset_seconds == 1001


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0, "window_seconds": 10.0}, "limit must be at least 1, not 0; None stands for no limit"),
        ({"limit": 1, "window_seconds": 0.0}, "window_seconds must be above 0, not 0.0"),
    ],
)
def test_window_refuses_to_have_no_room(options, message) -> None:
    """A window without a request, or without time, is a mistake."""
    with pytest.raises(ValueError, match=f"^{message}$"):
        RateWindow(**options)
