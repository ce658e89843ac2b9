"""The pace: decisions one by one."""

import math

import pytest

from events_pandas.deliver.client.answers import Attempt, Rate
from events_pandas.deliver.pace.pacer import Pacer
from events_pandas.deliver.pace.state import Window

NOW = 100.0
LEAD = 1_700_000_000.0 - NOW  # of the server's clock, in the tests that make their answers by hand


def _attempt(*, limit=100, remaining=50, ends_at=NOW + 5, sent_at=NOW, status=202, **more):
    """Return what an answer shows that came at once, five seconds before the reset."""
    rate = Rate(limit=limit, remaining=remaining, reset=ends_at + LEAD)
    return Attempt(status=status, sent_at=sent_at, received_at=sent_at, rate=rate, date=sent_at + LEAD, **more)


def _informed_pacer(*, rate_share=1.0, **facts):
    pacer = Pacer(rate_share)
    pacer.sent(NOW)
    pacer.observe(_attempt(**facts))
    return pacer


def _walk(pacer, requests, *, start=NOW, **facts):
    """Send requests as soon as they may leave, each answered at once, and return when they left."""
    left_at, now = [], start
    for _ in range(requests):
        now = max(now, pacer.next_at(now))
        left_at.append(now)
        pacer.sent(now)
        pacer.observe(_attempt(sent_at=now, **facts))
    return left_at


def _unstated(status, *, at, **more):
    return Attempt(status=status, sent_at=at, received_at=at, **more)


# Before anything is known


def test_pacer_lets_one_request_go_before_anything_is_known():
    """The first request may leave at once, the second only after its answer."""
    pacer = Pacer()
    assert pacer.next_at(NOW) <= NOW

    pacer.sent(NOW)

    assert pacer.next_at(NOW) == math.inf


def test_pacer_tries_again_when_the_first_request_is_lost():
    """A request without an answer does not hold up the next."""
    pacer = Pacer()
    pacer.sent(NOW)

    pacer.observe(Attempt(status=None, sent_at=NOW, received_at=NOW))

    assert pacer.next_at(NOW + 1) <= NOW + 1


def test_pacer_takes_the_default_limit_when_the_first_answer_has_no_headers():
    """Without headers the documented limit of an app is assumed."""
    pacer = Pacer()
    pacer.sent(NOW)

    pacer.observe(_unstated(202, at=NOW))

    assert pacer.limit == 1_666


@pytest.mark.parametrize("status", [429, 502])
def test_pacer_stays_cautious_when_a_failure_has_no_headers(status):
    """A failure without headers says nothing about the limit."""
    pacer = Pacer()
    pacer.sent(NOW)

    pacer.observe(_unstated(status, at=NOW))

    assert pacer.limit is None


def test_pacer_believes_a_refusal_that_names_the_limit():
    """The limit in the text of a 429 counts more than the default."""
    pacer = Pacer()
    pacer.sent(NOW)

    pacer.observe(_unstated(429, at=NOW, named_limit=167))

    assert pacer.limit == 167


def test_pacer_does_not_believe_a_refusal_that_names_another_limit_than_the_headers():
    """The limit that accepted requests state counts, as the refusal may come from another limiter."""
    pacer = _informed_pacer(limit=1_666, remaining=1_600)
    pacer.sent(NOW)

    pacer.observe(_attempt(status=429, limit=500, remaining=0, named_limit=500))

    assert pacer.limit == 1_666


# Slots


def test_pacer_spreads_what_is_left_over_the_rest_of_the_window():
    """Ten requests are spread over the four seconds in which they are sure to arrive in time."""
    pacer = _informed_pacer(remaining=10)

    first, second, *_ = _walk(pacer, 3, start=NOW + 0.5, remaining=10)

    assert second - first == pytest.approx(3.5 / 10 - 0.1)


def test_pacer_hastens_no_more_than_by_a_quarter():
    """The whole limit left in the second half of a window is not squeezed into that half."""
    pacer = _informed_pacer(remaining=99)

    *_, last_but_one, last = _walk(pacer, 9, remaining=99)

    assert last - last_but_one == pytest.approx(0.08)


def test_pacer_never_bursts_after_a_pause():
    """After three idle seconds two requests may leave together, not thirty."""
    pacer, sent, now = _informed_pacer(limit=100), 0, NOW + 3

    while pacer.next_at(now) <= now:
        pacer.sent(now)
        sent += 1

    assert sent == 2


def test_pacer_slows_down_when_others_use_the_limit():
    """Ten requests are spread over the four seconds that the window surely lasts."""
    pacer = _informed_pacer(limit=100, remaining=10)

    pacer.sent(NOW)

    assert pacer.next_at(NOW) - NOW == pytest.approx(4.0 / 10, abs=0.1)


def test_pacer_waits_for_the_reset_when_nothing_is_left():
    """The next request is timed to arrive just after the reset, by the server's clock."""
    pacer = _informed_pacer(remaining=0)

    assert pacer.next_at(NOW) == pytest.approx(NOW + 5.001)


def test_pacer_counts_what_is_in_flight_as_used():
    """If one request is left and one is in flight, none is left."""
    pacer = _informed_pacer(remaining=1)

    pacer.sent(NOW + 0.1)

    assert pacer.next_at(NOW + 0.1) == pytest.approx(NOW + 5.001)


def test_pacer_ignores_an_answer_that_was_overtaken():
    """Of two answers of a window, the one with fewer requests left is the later one."""
    pacer = _informed_pacer(remaining=0)
    pacer.sent(NOW)

    pacer.observe(_attempt(remaining=30))

    assert pacer.next_at(NOW) == pytest.approx(NOW + 5.001)


def test_pacer_keeps_to_its_share():
    """With 60 % of 10 requests, the seventh waits for the next window, though 4 are left."""
    pacer = _informed_pacer(rate_share=0.6, limit=10, remaining=9, ends_at=NOW + 9)

    *earlier, last = _walk(pacer, 6, limit=10, remaining=4, ends_at=NOW + 9)

    assert max(earlier) < NOW + 9
    assert last == pytest.approx(NOW + 9.001)


def test_pacer_tells_the_current_window():
    """The window has what is left of it, and its latest end."""
    window = _informed_pacer(rate_share=0.5, limit=100, remaining=30).window(NOW + 1)

    assert window == Window(limit=50, left=30, ends_in_seconds=pytest.approx(4.0), seconds=10.0)


def test_pacer_tells_no_window_before_an_answer_states_it():
    """Before an answer states it, the window is None."""
    assert Pacer().window(NOW) is None


# Pauses


@pytest.mark.parametrize(("retry_after", "seconds"), [(None, 0.05), (7.0, 7.0)])
def test_pacer_pauses_after_a_429_that_does_not_come_from_the_pace(retry_after, seconds):
    """A 429 with requests left is an overload: nothing is sent for a moment, or as long as the server asks."""
    pacer = Pacer()
    pacer.sent(NOW)

    pacer.observe(_attempt(status=429, remaining=50, retry_after=retry_after))

    assert pacer.next_at(NOW) == pytest.approx(NOW + seconds)


def test_pacer_pauses_after_a_503_that_says_for_how_long():
    """The wait that one answer asks for holds for all requests."""
    pacer = Pacer()
    pacer.sent(NOW)

    pacer.observe(_attempt(status=503, retry_after=3.0))

    assert pacer.next_at(NOW) == NOW + 3.0


def test_pacer_ends_a_pause_when_a_request_that_left_later_is_accepted():
    """Then the refusal was sporadic, and the wait that it asked for concerns its event only."""
    pacer = _informed_pacer()
    for sent_at in (NOW, NOW + 0.01):
        pacer.sent(sent_at)
    pacer.observe(_attempt(status=429, sent_at=NOW, retry_after=7.0))

    pacer.observe(_attempt(sent_at=NOW + 0.01))

    assert pacer.next_at(NOW + 0.1) <= NOW + 0.1


def test_pacer_goes_on_with_a_pause_when_a_request_that_left_earlier_is_accepted():
    """An answer that was overtaken does not contradict a refusal."""
    pacer = _informed_pacer()
    for sent_at in (NOW, NOW + 0.01):
        pacer.sent(sent_at)
    pacer.observe(_attempt(status=429, sent_at=NOW + 0.01, retry_after=7.0))

    pacer.observe(_attempt(sent_at=NOW))

    assert pacer.next_at(NOW + 0.1) == pytest.approx(NOW + 7.01)


def test_pacer_sends_one_request_at_a_time_after_a_pause():
    """The first request shows whether refusals go on; it is awaited for at most a second."""
    pacer = _informed_pacer()
    pacer.sent(NOW)
    pacer.observe(_attempt(status=429, sent_at=NOW))

    pacer.sent(NOW + 0.1)

    assert pacer.next_at(NOW + 0.2) == pytest.approx(NOW + 1.1)


def test_pacer_pauses_for_as_long_as_it_is_asked_when_a_refusal_against_the_evidence_is_repeated():
    """A refusal that accepted requests contradict must be repeated before its long wait is kept."""
    pacer, waits = _informed_pacer(remaining=90), []
    for sent_at in (NOW, NOW + 1, NOW + 2):
        pacer.sent(sent_at)
        pacer.observe(_attempt(status=429, sent_at=sent_at, remaining=0, retry_after=7.0))
        waits.append(pacer.backoff.until - sent_at)

    assert waits == pytest.approx([0.05, 0.1, 7.0])


def test_pacer_pauses_twice_as_long_when_an_overload_goes_on():
    """Each refusal of a request that left after the last pause doubles the next one, up to half a minute."""
    pacer, now, waits = _informed_pacer(), NOW, []

    for _ in range(12):
        pacer.sent(now)
        pacer.observe(_unstated(429, at=now))
        waits.append(pacer.backoff.until - now)
        now = pacer.backoff.until

    assert waits == pytest.approx([0.05 * 2**n for n in range(10)] + [30.0, 30.0])


def test_pacer_pauses_once_for_all_that_was_under_way():
    """Twenty requests that one overload refuses are one overload."""
    pacer = _informed_pacer()
    sent = [NOW + number / 1_000 for number in range(20)]

    for sent_at in sent:
        pacer.sent(sent_at)
    for sent_at in sent:
        pacer.observe(Attempt(status=429, sent_at=sent_at, received_at=NOW + 0.5))

    assert pacer.backoff.until == pytest.approx(NOW + 0.55)


def test_pacer_pauses_shortly_again_after_an_overload_has_passed():
    """An answer to a request that left after the pause ends the doubling."""
    pacer = _informed_pacer()
    for at, status in [(NOW, 429), (NOW + 1, 429), (NOW + 2, 202), (NOW + 3, 429)]:
        pacer.sent(at)
        pacer.observe(_unstated(status, at=at))

    assert pacer.backoff.until == pytest.approx(NOW + 3.05)
