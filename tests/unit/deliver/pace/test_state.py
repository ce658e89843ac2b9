"""How long a run takes: in figures, and beside the pacer that sets the pace."""

import math

import pytest

from events_pandas.deliver.client.answers import Attempt, Rate
from events_pandas.deliver.pace.pacer import Pacer
from events_pandas.deliver.pace.state import Window, count_windows, duration_seconds

NOW = 1_700_000_000.0  # the start of a window


def _paced_seconds(requests, *, limit, remaining, seconds_left):
    """Let a pacer send to a server without latency that has answered once, and return the time to the last request."""
    pacer, start = Pacer(), NOW + 10 - seconds_left
    window, left, now = 0, remaining, start

    def answer(now):
        rate = Rate(limit=limit, remaining=left, reset=NOW + 10 * (window + 1))
        pacer.observe(Attempt(status=202, sent_at=now, received_at=now, rate=rate, date=float(math.floor(now))))

    pacer.sent(start)
    answer(start)
    for _ in range(requests):
        now = max(now, pacer.next_at(now))
        pacer.sent(now)
        if math.floor((now - NOW) / 10) > window:
            window, left = math.floor((now - NOW) / 10), limit
        left -= 1
        assert left >= 0
        answer(now)
    return now - start


@pytest.mark.parametrize(
    ("requests", "facts", "seconds"),
    [
        (0, {"limit": 100}, 0.0),
        (1, {"limit": 100}, 0.0),
        (501, {"limit": 100}, 50.0),
        (500, {"limit": 83}, 499 * 10 / 83),
        (16_661, {"limit": 1_666}, 100.0),
        (501, {"limit": 100, "remaining": 99, "seconds_left": 5.0}, 50.0),
        (11, {"limit": 100, "remaining": 20, "seconds_left": 8.0}, 4.0),
        (501, {"limit": 100, "remaining": 20, "seconds_left": 8.0}, 56.0),
        (501, {"limit": 100, "remaining": 0, "seconds_left": 8.0}, 58.0),
        (0, {"limit": 100, "remaining": 0, "seconds_left": 8.0}, 0.0),
        (501, {"limit": 100, "remaining": 20}, 50.0),
    ],
)
def test_duration_counts_the_steps_between_requests(requests, facts, seconds):
    """The steps are even, except in a window that others have drawn on."""
    assert duration_seconds(requests, **facts) == pytest.approx(seconds)


@pytest.mark.parametrize("limit", [20, 83, 166, 500])
@pytest.mark.parametrize("seconds_left", [9.0, 4.0, 1.0])
def test_duration_is_what_the_pacer_makes_of_it(limit, seconds_left):
    """The pacer takes as long, or up to a second less, as it hurries in its first window."""
    facts = {"limit": limit, "remaining": limit - 1, "seconds_left": seconds_left}

    predicted = duration_seconds(3 * limit, **facts)

    assert predicted - 1.25 - 10 / limit < _paced_seconds(3 * limit, **facts) < predicted + 10 / limit


def test_duration_knows_windows_of_another_length():
    """Windows last ten seconds unless the answers show another length."""
    assert duration_seconds(61, limit=60, window_seconds=60.0) == pytest.approx(60.0)


@pytest.mark.parametrize(("seconds", "windows"), [(0.0, 0), (7.9, 0), (8.0, 1), (17.9, 1), (18.0, 2), (58.0, 6)])
def test_count_windows_counts_those_that_begin_within_the_time(seconds, windows):
    """A request that leaves at a reset belongs to the window that begins then."""
    window = Window(limit=100, left=1, ends_in_seconds=8.0, seconds=10.0)

    assert count_windows(seconds, window=window) == windows
