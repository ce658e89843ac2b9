"""A rate limit that no answer states."""

import pytest

from events_pandas.deliver.sighting import Sighting
from events_pandas.deliver.unstated import UnstatedLimit

NOW = 100.0


def _answer(limit, *, at=NOW, status=202, told_limit=None):
    limit.observe(Sighting(status=status, sent_at=at, received_at=at, told_limit=told_limit))


@pytest.fixture
def limit():
    """Return a limit of which nothing is known."""
    return UnstatedLimit()


def test_unstated_limit_is_the_documented_one_at_first(limit):
    """An app has 10,000 requests a minute by default, which are 1,666 in ten seconds."""
    assert limit.limit == 1_666
    assert limit.interval_seconds == pytest.approx(10 / 1_666)


def _accept(limit, times, *, at=NOW):
    for _ in range(times):
        _answer(limit, at=at)


def test_unstated_limit_is_what_was_accepted_when_a_request_is_refused(limit):
    """What the last ten seconds had room for is what a window has."""
    _accept(limit, 500, at=NOW - 11)
    _accept(limit, 900)

    _answer(limit, at=NOW + 1, status=429)

    assert limit.limit == 900
    assert limit.interval_seconds == pytest.approx(10 / 900)


def test_unstated_limit_is_halved_at_most_by_a_refusal(limit):
    """Ten seconds in which less was accepted may have had other reasons."""
    limits = []
    for _ in range(4):
        _accept(limit, 166)
        _answer(limit, at=NOW + 11, status=429)
        limits.append(limit.limit)

    assert limits == [833, 416, 208, 104]


def test_unstated_limit_takes_refusals_in_a_row_for_one(limit):
    """A service that is overloaded for a while refuses many, and says nothing of the limit."""
    for _ in range(8):
        _answer(limit, status=429)

    assert limit.limit == 833


def test_unstated_limit_recovers_what_it_had_before(limit):
    """After a bad moment the pace grows by a tenth every ten seconds, up to what was accepted before."""
    _accept(limit, 1)
    _accept(limit, 1_666, at=NOW + 20)
    for _ in range(3):
        _answer(limit, at=NOW + 25, status=429)
        _accept(limit, 1, at=NOW + 40)
    limits = []
    for window in range(17):
        _accept(limit, 1, at=NOW + 51 + 11 * window)
        limits.append(limit.limit)

    assert limits[:3] == [458, 504, 555]
    assert limits[-1] == 1_666


def test_unstated_limit_believes_what_a_refusal_tells(limit):
    """A text such as "Exceeded rate limit of 167 in 10_seconds" leaves nothing to guess."""
    _answer(limit, status=429, told_limit=167)

    assert limit.limit == 167


def test_unstated_limit_is_not_raised_by_a_refusal(limit):
    """A second refusal within ten seconds does not count what was accepted before the first one once more."""
    _answer(limit, status=429, told_limit=2)
    for _ in range(9):
        _answer(limit)

    _answer(limit, status=429)

    assert limit.limit == 2


def test_unstated_limit_is_never_nothing():
    """However often it is halved, a request in ten seconds is left."""
    limit = UnstatedLimit()
    for _ in range(20):
        _accept(limit, 1)
        _answer(limit, at=NOW + 11, status=429)

    assert limit.limit == 1


def test_unstated_limit_gives_way_within_what_it_was_told(limit):
    """The limit is known, and others use half of it."""
    for _ in range(2):
        _accept(limit, 83)
        _answer(limit, at=NOW + 1, status=429, told_limit=167)

    assert limit.limit == 166


def test_unstated_limit_tries_a_little_more_after_a_minute_without_refusal(limit):
    """Those with whom the limit was shared may have gone."""
    _answer(limit, status=429)

    for seconds in (0, 59, 61, 62):
        _answer(limit, at=NOW + seconds)

    assert limit.limit == 842


def test_unstated_limit_learns_nothing_from_a_failure(limit):
    """A 503 is neither room nor refusal."""
    for _ in range(900):
        _answer(limit, status=503)
    _answer(limit, status=429)

    assert limit.limit == 833


def test_unstated_limit_leaves_others_their_share():
    """With a share of a half, what was accepted is half of the limit, and half of it is used."""
    limit = UnstatedLimit(0.5)
    _accept(limit, 500)

    _answer(limit, status=429)

    assert (limit.limit, limit.interval_seconds) == (1_000, 0.02)
