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


def test_unstated_limit_is_what_was_accepted_when_a_request_is_refused(limit):
    """What the last ten seconds had room for is what a window has."""
    _answer(limit, at=NOW - 11)
    for number in range(166):
        _answer(limit, at=NOW + number * 0.006)

    _answer(limit, at=NOW + 1, status=429)

    assert limit.limit == 166
    assert limit.interval_seconds == pytest.approx(10 / 166)


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


def test_unstated_limit_is_never_nothing(limit):
    """A refusal of the first request leaves one request in ten seconds."""
    _answer(limit, status=429)

    assert limit.limit == 1


def test_unstated_limit_tries_a_little_more_after_a_minute_without_refusal(limit):
    """Those with whom the limit was shared may have gone."""
    _answer(limit, status=429, told_limit=200)

    for seconds in (59, 61, 62):
        _answer(limit, at=NOW + seconds)

    assert limit.limit == 203


def test_unstated_limit_learns_nothing_from_a_failure(limit):
    """A 503 is neither room nor refusal."""
    _answer(limit, status=503)
    _answer(limit, status=429)

    assert limit.limit == 1


def test_unstated_limit_leaves_others_their_share():
    """With a share of a half, what was accepted is half of the limit, and half of it is used."""
    limit = UnstatedLimit(0.5)
    for _ in range(100):
        _answer(limit)

    _answer(limit, status=429)

    assert (limit.limit, limit.interval_seconds) == (200, 0.1)
