"""When a run ends: by its limit, or by its speed."""

import pytest

from events_pandas.deliver.pace.state import Window
from events_pandas.deliver.progress.tally import forecast

WINDOW = Window(limit=100, left=40, ends_in_seconds=4.0, seconds=10.0)
OTHERS = Window(limit=100, left=20, ends_in_seconds=8.0, seconds=10.0)
SPENT = Window(limit=100, left=0, ends_in_seconds=3.0, seconds=10.0)
FREE = Window(limit=10_000_000, left=9_999_999, ends_in_seconds=4.0, seconds=10.0)


@pytest.mark.parametrize(
    ("requests", "window", "seconds", "windows"),
    [
        (0, WINDOW, 0.0, 0),
        (1, WINDOW, 0.0, 0),
        (31, WINDOW, 3.0, 0),  # fits in this window, at the even pace
        (11, OTHERS, 4.0, 0),  # fits: ten steps of what is left, spread over the time that is left
        (41, WINDOW, 4.0, 1),  # one too many: it leaves at the reset
        (251, WINDOW, 25.0, 3),  # 40 now, 100 and 100, and 11 of the last
        (251, OTHERS, 31.0, 3),  # 20 in 8 seconds, 230 at the even pace
        (201, SPENT, 23.0, 3),  # nothing until the reset, then two windows and the first of the third
    ],
)
def test_forecast_is_exact_where_the_limit_decides(requests, window, seconds, windows):
    """What fits is spread over this window; the rest takes whole windows after it, and a part of the last."""
    ahead = forecast(requests, window=window, per_second=10.0)

    assert ahead.seconds == pytest.approx(seconds)
    assert (ahead.is_paced, ahead.windows_to_come) == (True, windows)


@pytest.mark.parametrize("per_second", [8.0, 9.5, 10.0, 30.0])
def test_forecast_does_not_depend_on_the_speed_when_that_is_about_the_limit(per_second):
    """Past speed is never exact: from four fifths of the limit's pace on, the limit alone is asked."""
    assert forecast(241, window=WINDOW, per_second=per_second).seconds == pytest.approx(24.0)


def test_forecast_goes_by_the_speed_when_a_run_is_slower_than_its_limit():
    """Few threads, say: the later of two times is the end, and nothing is said of windows."""
    ahead = forecast(300, window=WINDOW, per_second=5.0)

    assert (ahead.seconds, ahead.is_paced, ahead.windows_to_come) == (60.0, False, None)


def test_forecast_goes_by_the_speed_when_there_is_as_good_as_no_limit():
    """A server that states a limit of ten millions has none."""
    ahead = forecast(9_000, window=FREE, per_second=900.0)

    assert (ahead.seconds, ahead.is_paced, ahead.windows_to_come) == (10.0, False, None)


def test_forecast_goes_by_the_speed_when_no_limit_is_known():
    """Without a window there is nothing else."""
    ahead = forecast(9_000, window=None, per_second=900.0)

    assert (ahead.seconds, ahead.is_paced, ahead.windows_to_come) == (10.0, False, None)


def test_forecast_counts_windows_by_the_speed_when_others_use_them_up():
    """Others draw on the same limit: the run is slow, but windows are spent, so the limit is what decides."""
    ahead = forecast(400, window=WINDOW, per_second=4.0, least_left_share=0.02)

    assert (ahead.seconds, ahead.is_paced, ahead.windows_to_come) == (100.0, True, 10)


@pytest.mark.parametrize(("window", "seconds", "is_paced"), [(WINDOW, 24.0, True), (FREE, None, False)])
def test_forecast_trusts_the_limit_while_the_speed_is_not_known(window, seconds, is_paced):
    """In its first seconds a run is as fast as its limit, unless no run could be."""
    ahead = forecast(241, window=window, per_second=None)

    assert (ahead.seconds, ahead.is_paced) == (seconds if seconds is None else pytest.approx(seconds), is_paced)


def test_forecast_knows_no_end_of_a_stream():
    """How many requests are to come is not known; that the limit decides is."""
    ahead = forecast(None, window=WINDOW, per_second=10.0)

    assert (ahead.seconds, ahead.is_paced, ahead.windows_to_come) == (None, True, None)


def test_forecast_knows_no_end_of_a_run_that_stands_still():
    """Nothing came in for ten seconds: no time would be right."""
    assert forecast(100, window=WINDOW, per_second=0.0).seconds is None
