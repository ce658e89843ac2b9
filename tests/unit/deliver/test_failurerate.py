"""The part of the events that fails, and when it is too much."""

import pytest

from events_pandas.deliver.outcomes import Outcome, Status
from events_pandas.deliver.withheld import FailureRate


def _note(rate, status, times=1, *, attempts=1):
    """Note so many outcomes, and return what was said of the last."""
    return [rate.note(Outcome(row=0, status=status, attempts=attempts)) for _ in range(times)][-1]


@pytest.mark.parametrize("status", [Status.REJECTED, Status.FAILED, Status.UNKNOWN_CONTACT])
def test_failure_rate_tells_the_failure_that_is_one_too_many(status):
    """Ten of a hundred are a tenth; the eleventh is more."""
    rate = FailureRate(0.1)
    _note(rate, Status.ACCEPTED, 100)

    assert not _note(rate, status, 11)
    assert _note(rate, status)


def test_failure_rate_says_nothing_before_a_hundred_events():
    """Ninety-nine failures of ninety-nine may be the first page of the file."""
    rate = FailureRate(0.1)

    assert not _note(rate, Status.REJECTED, 99)
    assert _note(rate, Status.REJECTED)


def test_failure_rate_counts_only_what_was_sent():
    """Rows that were parked without a request say nothing of the others."""
    rate = FailureRate(0.1)

    assert not _note(rate, Status.UNKNOWN_CONTACT, 500, attempts=0)
    assert (rate.ended, rate.failures) == (0, 0)


def test_failure_rate_is_not_exceeded_by_what_is_accepted():
    """An accepted event is no reason to stop."""
    rate = FailureRate(0.0)
    _note(rate, Status.REJECTED, 50)

    assert not _note(rate, Status.ACCEPTED, 100)


def test_failure_rate_has_no_limit_by_default():
    """Without a limit a run goes on whatever fails."""
    assert not _note(FailureRate(None), Status.REJECTED, 1_000)
