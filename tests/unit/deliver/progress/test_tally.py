"""The tally: what is counted, and what follows from it."""

import datetime as dt

import pytest

from events_pandas.deliver.pace.state import Pause, RunState, Window
from events_pandas.deliver.progress.tally import Tally, forecast

STOPPING = Pause(reason="stopping", since_seconds=1.0, next_in_seconds=0.0, gives_up_in_seconds=29.0)
AT = dt.datetime(2024, 1, 1, 14, 20, tzinfo=dt.UTC)


@pytest.fixture
def make_tally(clock, run, outcome):
    """Return a function that makes a tally of a run, and a function that lets time pass and events come."""

    def make(total):
        tally = Tally(total, clock)
        tally.watch(run)

        def go_on(seconds, *, per_second, status="accepted"):
            for _ in range(seconds):
                clock.monotonic.now += 1.0
                for _ in range(per_second):
                    tally.count(outcome(status))
                tally.look()

        return tally, go_on

    return make


def test_tally_counts_rows_and_statuses(make_tally, outcome):
    """All rows are counted; statuses are counted for events, in the order of the statuses, without zeros."""
    tally, _ = make_tally(10)

    for status in ("rejected", "accepted", "accepted"):
        tally.count(outcome(status))
    tally.advance(4)

    progress = tally.look()
    assert (progress.rows, progress.total) == (7, 10)
    assert list(progress.counts.items()) == [("accepted", 2), ("rejected", 1)]
    assert (progress.at, progress.elapsed_seconds, progress.is_final) == (AT, 0.0, False)


def test_tally_knows_nothing_of_windows_before_the_first_answer(make_tally):
    """Unknown facts are None."""
    tally, _ = make_tally(10)

    progress = tally.look()

    assert (progress.window, progress.window_number, progress.windows, progress.done_at) == (None, None, None, None)
    assert progress.events_per_second is None


def test_tally_tells_when_a_run_is_done(make_tally, run):
    """The requests to come are the rows without an outcome, less those in flight; the limit decides when they end."""
    tally, _ = make_tally(400)
    window = Window(limit=100, left=50, ends_in_seconds=5.0, seconds=10.0)
    run.state = RunState(window=window, in_flight=9)

    tally.advance(140)

    progress = tally.look()
    assert progress.window == window
    assert progress.done_at == AT + dt.timedelta(seconds=25)  # 251 requests: 50 now, then 201 at ten a second
    assert (progress.window_number, progress.windows) == (1, 4)


def test_tally_numbers_the_windows_of_a_run(make_tally, run, time):
    """The first window that an answer showed is number 1, and an idle window counts too."""
    tally, _ = make_tally(1_000)
    numbers = []

    for time.now, ends_in_seconds in ((0.0, 5.2), (4.0, 1.0), (5.1, 9.9), (14.0, 1.2), (36.0, 9.0)):
        run.at_window(ends_in_seconds=ends_in_seconds)
        numbers.append(tally.look().window_number)

    assert numbers == [1, 1, 2, 2, 5]


def test_tally_measures_the_speed_of_the_last_ten_seconds(make_tally):
    """Earlier events do not count."""
    tally, go_on = make_tally(None)

    go_on(20, per_second=50)
    go_on(10, per_second=30)

    assert tally.look().events_per_second == pytest.approx(30.0)


def test_tally_does_not_count_the_wait_for_the_first_event(make_tally):
    """The length of a preflight says nothing about the speed."""
    tally, go_on = make_tally(None)

    go_on(5, per_second=0)
    go_on(3, per_second=30)

    assert tally.look().events_per_second == pytest.approx(30.0)


def test_tally_knows_no_speed_in_the_first_two_seconds(make_tally, time):
    """A measurement over less time is chance."""
    tally, go_on = make_tally(None)
    tally.look()

    go_on(1, per_second=30)
    time.now = 1.9

    assert tally.look().events_per_second is None


def test_tally_does_not_count_rows_that_are_not_sent_as_speed(make_tally):
    """Invalid rows come by the thousand at once."""
    tally, go_on = make_tally(10_000)

    go_on(3, per_second=10)
    tally.advance(5_000)
    go_on(1, per_second=10)

    assert tally.look().events_per_second == pytest.approx(10.0)


def test_tally_measures_rows_where_no_run_is_watched(clock):
    """A check sends nothing: its speed is that of its rows, and its end follows from the speed."""
    tally = Tally(100_000, clock)

    for clock.monotonic.now in range(1, 6):
        tally.advance(10_000)
        progress = tally.look()

    assert progress.events_per_second == pytest.approx(10_000.0)
    assert progress.done_at == AT + dt.timedelta(seconds=10)


def test_tally_says_nothing_of_windows_when_the_run_is_slower_than_the_limit(make_tally, run):
    """The speed decides when a run with one thread ends."""
    tally, go_on = make_tally(1_000)
    run.at_window(limit=1_666, left=1_600)

    go_on(10, per_second=12)

    progress = tally.look()
    assert (progress.window, progress.window_number, progress.windows) == (None, None, None)
    assert progress.done_at == AT + dt.timedelta(seconds=10 + 880 / 12)


def test_tally_shows_windows_that_others_use_up(make_tally, run):
    """A slow run whose windows are spent is as fast as the limit allows."""
    tally, go_on = make_tally(1_000)

    run.at_window(limit=1_666, left=20, ends_in_seconds=0.5)
    go_on(1, per_second=40)
    run.at_window(limit=1_666, left=900, ends_in_seconds=5.5)
    go_on(5, per_second=40)

    progress = tally.look()
    assert (progress.window_number, progress.windows) == (2, 4)
    assert progress.done_at == AT + dt.timedelta(seconds=6 + 760 / 40)


def test_tally_knows_no_end_while_the_run_is_paused(make_tally, run):
    """The length of an outage is unknown, and its time does not count for the speed."""
    tally, go_on = make_tally(1_000)
    go_on(10, per_second=10)
    pause = Pause(reason="outage", since_seconds=3.0, next_in_seconds=2.0, gives_up_in_seconds=597.0)

    run.state = RunState(pause=pause)

    progress = tally.look()
    assert progress.pause == pause
    assert (progress.done_at, progress.events_per_second, progress.window) == (None, None, None)


def test_tally_measures_the_speed_again_after_a_pause(make_tally, run):
    """The time of the pause does not count for the present speed."""
    tally, go_on = make_tally(1_000)
    run.state = RunState(pause=Pause(reason="outage", since_seconds=3.0, next_in_seconds=2.0))
    go_on(10, per_second=0)
    run.state = RunState()

    go_on(3, per_second=20)

    assert tally.look().events_per_second == pytest.approx(20.0)


@pytest.mark.parametrize("reason", ["rate_limit", "preflight"])
def test_tally_takes_no_notice_of_a_pause_within_the_pace(make_tally, run, reason):
    """A pause of less than a second, for a 429 or for the first answer, is not shown."""
    tally, _ = make_tally(1_000)

    run.state = RunState(pause=Pause(reason=reason, since_seconds=0.1, next_in_seconds=0.3))

    assert tally.look().pause is None


def test_tally_counts_no_rows_that_a_run_leaves_over(make_tally, run, outcome):
    """Rows that are not submitted do not count as progress, and after them pace and end are not shown."""
    tally, go_on = make_tally(1_000)
    run.at_window()
    go_on(5, per_second=10)
    run.state = RunState(window=run.state.window, pause=STOPPING)

    for _ in range(500):
        tally.count(outcome("not_submitted"))

    progress = tally.look()
    assert (progress.rows, progress.counts) == (50, {"accepted": 50})
    assert (progress.ended_early, progress.is_final) == (True, False)
    assert (progress.events_per_second, progress.window, progress.done_at, progress.pause) == (None, None, None, None)


def test_tally_tells_what_is_awaited_while_a_run_stops(make_tally, run):
    """The progress has the requests in flight and the time for which they are awaited."""
    tally, _ = make_tally(1_000)
    run.state = RunState(pause=STOPPING, in_flight=70)

    progress = tally.look()

    assert (progress.pause, progress.in_flight, progress.ended_early) == (STOPPING, 70, False)


@pytest.mark.parametrize(("total", "rows", "ended_early"), [(10, 9, True), (10, 10, False), (None, 9, False)])
def test_tally_says_at_its_end_whether_rows_are_left(make_tally, total, rows, ended_early):
    """Rows that were never read have no outcome, and are left over too."""
    tally, _ = make_tally(total)
    tally.advance(rows)

    running, final = tally.look(), tally.look(is_final=True)

    assert (running.ended_early, final.ended_early) == (False, ended_early)


def test_tally_ends_with_the_present_time(make_tally, run, time):
    """At its end a run is done now, and has no window and no pause."""
    tally, _ = make_tally(10)
    run.at_window()
    time.now = 60.0

    progress = tally.look(is_final=True)

    assert progress.is_final
    assert (progress.window, progress.pause) == (None, None)
    assert progress.done_at == progress.at == AT + dt.timedelta(seconds=60)


def test_tally_knows_no_end_that_lies_beyond_the_calendar(make_tally):
    """Near a speed of zero the end has no date."""
    tally, go_on = make_tally(10**15)

    go_on(9, per_second=1)

    assert tally.look().done_at is None


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
    """The requests that fit are spread over this window; the rest takes whole windows and a part of the last."""
    ahead = forecast(requests, window=window, per_second=10.0)

    assert ahead.seconds == pytest.approx(seconds)
    assert (ahead.is_paced, ahead.windows_to_come) == (True, windows)


@pytest.mark.parametrize("per_second", [8.0, 9.5, 10.0, 30.0])
def test_forecast_does_not_depend_on_the_speed_when_that_is_about_the_limit(per_second):
    """From four fifths of the limit's pace on only the limit counts, as a measured speed is never exact."""
    assert forecast(241, window=WINDOW, per_second=per_second).seconds == pytest.approx(24.0)


def test_forecast_goes_by_the_speed_when_a_run_is_slower_than_its_limit():
    """The later of the two times is the end, and windows are not counted."""
    ahead = forecast(300, window=WINDOW, per_second=5.0)

    assert (ahead.seconds, ahead.is_paced, ahead.windows_to_come) == (60.0, False, None)


def test_forecast_goes_by_the_speed_when_there_is_as_good_as_no_limit():
    """A limit of ten millions is not a limit."""
    ahead = forecast(9_000, window=FREE, per_second=900.0)

    assert (ahead.seconds, ahead.is_paced, ahead.windows_to_come) == (10.0, False, None)


def test_forecast_goes_by_the_speed_when_no_limit_is_known():
    """Without a window there is only the speed."""
    ahead = forecast(9_000, window=None, per_second=900.0)

    assert (ahead.seconds, ahead.is_paced, ahead.windows_to_come) == (10.0, False, None)


def test_forecast_counts_windows_by_the_speed_when_others_use_them_up():
    """The run is slow because others draw on the limit: windows are spent, so the limit decides."""
    ahead = forecast(400, window=WINDOW, per_second=4.0, least_left_share=0.02)

    assert (ahead.seconds, ahead.is_paced, ahead.windows_to_come) == (100.0, True, 10)


@pytest.mark.parametrize(("window", "seconds", "is_paced"), [(WINDOW, 24.0, True), (FREE, None, False)])
def test_forecast_trusts_the_limit_while_the_speed_is_not_known(window, seconds, is_paced):
    """In its first seconds a run is taken to be as fast as its limit, unless a run cannot be so fast."""
    ahead = forecast(241, window=window, per_second=None)

    assert (ahead.seconds, ahead.is_paced) == (seconds if seconds is None else pytest.approx(seconds), is_paced)


def test_forecast_knows_no_end_of_a_stream():
    """The number of requests to come is unknown, but the limit is known to decide."""
    ahead = forecast(None, window=WINDOW, per_second=10.0)

    assert (ahead.seconds, ahead.is_paced, ahead.windows_to_come) == (None, True, None)


def test_forecast_knows_no_end_of_a_run_that_stands_still():
    """If no event came in ten seconds, no time would be right."""
    assert forecast(100, window=WINDOW, per_second=0.0).seconds is None
