"""The windows of the rate limit, as the answers show them."""

import pytest

from events_pandas.deliver.client.answers import Attempt, Rate
from events_pandas.deliver.pace.windows import RateWindows, RefusalMeaning

NOW = 100.0
LEAD = 1_700_000_000.0 - NOW  # of the server's clock: a request that leaves at NOW arrives at 1,700,000,000


def _answer(windows, *, at=NOW, seconds=0.0, remaining=50, limit=100, ends_at=NOW + 5, is_refused=False, date=None):
    """Let a request leave and its answer come so many seconds later; return the meaning of a refusal."""
    rate = Rate(limit=limit, remaining=remaining, reset=ends_at + LEAD)
    status = 429 if is_refused else 202
    return windows.observe(Attempt(status=status, rate=rate, date=date, sent_at=at, received_at=at + seconds))


@pytest.fixture
def windows():
    """Return windows with 50 requests left in the current one, which ends in ten seconds."""
    windows = RateWindows()
    _answer(windows, at=NOW - 0.001, ends_at=NOW - 5 + 5)
    _answer(windows, at=NOW, ends_at=NOW + 10)
    return windows


def _room(windows, number, *, now=NOW, leaves_at=NOW):
    return windows.has_room(number, now, leaves_at=leaves_at)


def test_rate_windows_know_the_end_of_the_current_one_from_two_answers(windows):
    """A request before the reset and one after it bound the end from both sides."""
    assert windows.may_be_over_at == pytest.approx(NOW + 10 - 0.001)
    assert windows.is_over_at == pytest.approx(NOW + 10)


@pytest.mark.parametrize(
    ("leaves_at", "numbers"),
    [(NOW + 9.998, (0, 0)), (NOW + 9.9995, (0, 1)), (NOW + 10.001, (1, 1)), (NOW + 35.0, (3, 3))],
)
def test_number_at_says_in_which_windows_a_request_may_arrive(windows, leaves_at, numbers):
    """Near a reset there are two windows."""
    assert windows.number_at(leaves_at) == numbers


def test_number_at_reckons_with_the_slowest_answer(windows):
    """A request may take as long to arrive as the slowest answer took to come."""
    _answer(windows, at=NOW + 1, seconds=1.0, ends_at=NOW + 10)

    assert windows.number_at(NOW + 9.5) == (0, 1)


def test_has_room_counts_what_is_under_way(windows):
    """If one request is left and one is in flight, the window is full."""
    _answer(windows, remaining=1, ends_at=NOW + 10)
    assert _room(windows, 0)

    windows.sent(NOW + 1)

    assert not _room(windows, 0)


def test_has_room_counts_what_may_arrive_in_either_window_in_both():
    """A request that leaves just before a reset takes a place in both windows until it is answered."""
    windows = RateWindows()
    _answer(windows, limit=2, remaining=1)
    assert _room(windows, 1, now=NOW + 4.95)

    windows.sent(NOW + 4.9)
    windows.sent(NOW + 4.9)

    assert not _room(windows, 0, now=NOW + 4.95)
    assert not _room(windows, 1, now=NOW + 4.95)


def test_has_room_forgets_a_request_that_has_ended():
    """A request makes room when it is answered, or when it will not be."""
    windows = RateWindows()
    _answer(windows, limit=2, remaining=1)
    windows.sent(NOW + 1)

    windows.ended(NOW + 1)

    assert (windows.in_flight, _room(windows, 0)) == (0, True)


def test_has_room_of_a_share_counts_our_requests_only(windows):
    """Half of ten is five, for any number of requests of other senders."""
    windows = RateWindows(0.5)
    for _ in range(4):
        _answer(windows, limit=10, remaining=6)
    assert _room(windows, 0)

    _answer(windows, limit=10, remaining=5)

    assert not _room(windows, 0)


def test_room_is_left_for_others_who_go_on_as_before():
    """Others made 40 requests in the window before, so 20 more are expected in its second half."""
    windows = RateWindows()
    _answer(windows, remaining=59, ends_at=NOW - 5)
    _answer(windows, remaining=70, ends_at=NOW + 5)

    assert windows.room(0, NOW, until=NOW + 5) == pytest.approx(50.0)


def test_room_is_a_quarter_of_what_is_left_however_much_others_use():
    """Two runs that both gave way would both starve."""
    windows = RateWindows()
    _answer(windows, remaining=0, ends_at=NOW - 5)
    _answer(windows, remaining=40, ends_at=NOW + 5)

    assert windows.room(0, NOW, until=NOW + 5) == pytest.approx(10.0)


def test_has_room_leaves_the_last_request_to_others():
    """Two runs that both took it would be one too many; alone we take it."""
    windows = RateWindows()
    _answer(windows, remaining=50, ends_at=NOW - 5)
    _answer(windows, remaining=1, ends_at=NOW + 5)

    assert not _room(windows, 0, leaves_at=NOW + 0.01)


def test_windows_do_not_take_refused_requests_for_others():
    """Refused requests were not counted, so they do not explain what is missing."""
    windows = RateWindows()
    _answer(windows, limit=4, remaining=0, ends_at=NOW - 5)
    for _ in range(3):
        _answer(windows, limit=4, remaining=0, ends_at=NOW - 5, is_refused=True)
    _answer(windows, limit=4, remaining=4, ends_at=NOW + 5)

    assert windows.room(0, NOW, until=NOW + 5) == pytest.approx(2.5)


def test_windows_learn_their_length_from_resets_that_follow_each_other():
    """Two resets a second apart, with requests all the time, are one window apart."""
    windows = RateWindows()
    _answer(windows, at=NOW, ends_at=NOW + 1, remaining=20)

    _answer(windows, at=NOW + 1.5, ends_at=NOW + 2, remaining=99)

    assert windows.seconds == 1.0


def test_windows_do_not_take_a_reset_that_wavers_for_a_window():
    """Two servers whose clocks differ state two resets of one window, and no more is left than before."""
    windows = RateWindows()
    _answer(windows, at=NOW, ends_at=NOW + 5, remaining=20)

    _answer(windows, at=NOW + 0.1, ends_at=NOW + 6, remaining=19)

    assert windows.seconds == 10.0


@pytest.mark.parametrize(("steps", "seconds"), [(0, 60.0), (3_600, 10.0)])
def test_windows_are_longer_only_where_nearly_all_of_them_is_ahead(steps, seconds):
    """Two resets a minute apart are a window of a minute only if the second one is a minute ahead."""
    windows = RateWindows()
    first, second = (Rate(limit=100, remaining=9, reset=NOW + LEAD + ahead) for ahead in (1, 61 + steps))
    windows.observe(Attempt(status=202, rate=first, date=NOW + LEAD, sent_at=NOW, received_at=NOW))

    date = NOW + LEAD + 2 + (3_600 + 55 if steps else 0)
    windows.observe(Attempt(status=202, rate=second, date=date, sent_at=NOW + 2, received_at=NOW + 2))

    assert windows.seconds == seconds


def test_windows_do_not_take_a_pause_for_a_long_window():
    """Resets thirty seconds apart, with twenty idle seconds between, say nothing about the length."""
    windows = RateWindows()
    _answer(windows, at=NOW, ends_at=NOW + 5)

    _answer(windows, at=NOW + 31, ends_at=NOW + 35)

    assert windows.seconds == 10.0


def test_windows_are_as_long_as_the_first_answer_shows():
    """A reset that is forty seconds away ends a window of at least forty seconds."""
    windows = RateWindows()
    rate = Rate(limit=100, remaining=50, reset=NOW + LEAD + 40)

    windows.observe(Attempt(status=202, rate=rate, date=NOW + LEAD, sent_at=NOW, received_at=NOW))

    assert windows.seconds == 40.0


def test_windows_begin_again_when_the_servers_clock_is_set_back():
    """A reset an hour earlier counts once the current window must have ended."""
    windows = RateWindows()
    _answer(windows, remaining=0)

    _answer(windows, at=NOW + 20, remaining=7, ends_at=NOW - 3_580)

    assert windows.number_at(NOW + 20)[0] == 0
    assert windows.room(0, NOW + 20, until=NOW + 21) == 7


def test_windows_ignore_a_late_answer_of_a_window_that_is_over(windows):
    """It says something about the window before only."""
    _answer(windows, at=NOW - 1, seconds=2.0, remaining=0, ends_at=NOW)

    assert _room(windows, 0)


def test_windows_take_a_changed_limit_from_the_request_that_left_last():
    """An answer that was overtaken does not bring an old limit back."""
    windows = RateWindows()
    _answer(windows, at=NOW + 1, limit=10, remaining=9)

    _answer(windows, at=NOW, limit=100, remaining=98)

    assert windows.limit == 10
    assert windows.room(0, NOW + 1, until=NOW + 2) == 8


# Refusals


def test_windows_believe_a_refusal_when_next_to_nothing_was_left(windows):
    """The accepted requests explain it, so nothing leaves until the reset."""
    _answer(windows, at=NOW + 1, remaining=4, ends_at=NOW + 10)

    assert _answer(windows, at=NOW + 2, remaining=0, ends_at=NOW + 10, is_refused=True) is RefusalMeaning.SPENT
    assert not _room(windows, 0)


def test_windows_doubt_a_refusal_when_much_was_left(windows):
    """It may come from another limiter or be an accident, so the accepted requests count."""
    refusal = _answer(windows, at=NOW + 1, remaining=0, ends_at=NOW + 10, is_refused=True)

    assert (refusal, _room(windows, 0)) == (RefusalMeaning.DOUBTED, True)


def test_windows_believe_refusals_that_no_accepted_request_contradicts(windows):
    """Five refusals in a row are not an accident."""
    refusals = [_answer(windows, at=NOW + 1, remaining=0, ends_at=NOW + 10, is_refused=True) for _ in range(5)]

    assert refusals == [RefusalMeaning.DOUBTED] * 4 + [RefusalMeaning.REPEATED]
    assert not _room(windows, 0)


def test_windows_no_longer_believe_refusals_when_a_later_request_is_accepted(windows):
    """The newest evidence counts."""
    for _ in range(5):
        _answer(windows, at=NOW + 1, remaining=0, ends_at=NOW + 10, is_refused=True)

    _answer(windows, at=NOW + 2, remaining=40, ends_at=NOW + 10)

    assert _room(windows, 0)


def test_windows_believe_a_refusal_when_the_limit_was_lowered_below_what_is_used(windows):
    """If half of 100 was used, nothing is left of 50."""
    refusal = _answer(windows, at=NOW + 1, limit=50, remaining=0, ends_at=NOW + 10, is_refused=True)

    assert (refusal, windows.limit) == (RefusalMeaning.SPENT, 50)


def test_windows_doubt_the_first_answer_of_a_window_when_it_is_a_refusal(windows):
    """A window that has just begun is not spent."""
    refusal = _answer(windows, at=NOW + 11, limit=7, remaining=0, ends_at=NOW + 20, is_refused=True)

    assert (refusal, windows.limit) == (RefusalMeaning.DOUBTED, 100)


# Resets


@pytest.mark.parametrize("wavers", [-1.0, 0.4, 1.0])
def test_windows_take_resets_that_waver_for_one(windows, wavers):
    """A reset that each answer rounds again belongs to the same window, and the rest of the window still counts."""
    _answer(windows, at=NOW + 1, remaining=2, ends_at=NOW + 10)

    _answer(windows, at=NOW + 2, remaining=0, ends_at=NOW + 10 + wavers)

    assert not _room(windows, 0)


def test_windows_know_nothing_when_a_reset_outlasts_its_window(windows):
    """Such a reset never ends a window."""
    _answer(windows, at=NOW + 11, ends_at=NOW + 10)

    assert not windows.is_known


def test_windows_grow_when_a_reset_outlasts_them_and_is_still_ahead():
    """By the server's own clock the window ends in fifty seconds, so it is longer than any that was known."""
    windows = RateWindows()
    _answer(windows, at=NOW, ends_at=NOW + 61.5)

    _answer(windows, at=NOW + 11.5, ends_at=NOW + 61.5, date=NOW + LEAD + 11.5)

    assert (windows.is_known, windows.seconds) == (True, 60.0)


@pytest.mark.parametrize("headers", [{"limit": 100}, {"limit": 100, "remaining": 3}, {"remaining": 3, "reset": 1e9}])
def test_windows_are_shown_by_all_three_headers_only(headers):
    """Without one of the headers nothing is known about windows."""
    windows = RateWindows()

    windows.observe(Attempt(status=202, rate=Rate(**headers), sent_at=NOW, received_at=NOW))

    assert not windows.is_known
