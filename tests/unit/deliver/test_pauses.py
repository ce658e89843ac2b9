"""Pauses: what a run waits for."""

import pytest

from events_pandas.deliver.client.answers import Attempt
from events_pandas.deliver.outage import Outage
from events_pandas.deliver.pace.pacer import Backoff
from events_pandas.deliver.pace.state import Pause
from events_pandas.deliver.pauses import Pauses

NOW = 1_000.0


def attempt(status, *, at, **facts):
    return Attempt(status=status, why_lost="no answer", sent_at=at, received_at=at, **facts)


@pytest.fixture
def outage():
    """Return an outage that began ten seconds ago, with a patience of ten minutes."""
    outage = Outage(600.0)
    for at in [NOW - 10] * 20:
        outage.observe(attempt(None, at=at), in_flight=0, jitter=1.0)
    outage.observe(attempt(None, at=NOW), in_flight=0, jitter=1.0)
    return outage


@pytest.fixture
def backoff():
    """Return a backoff for seven seconds."""
    backoff = Backoff()
    backoff.observe(attempt(429, at=NOW, retry_after=7.0), is_spent=False, is_usual=False)
    return backoff


@pytest.fixture
def pauses():
    """Return the pauses of a run that goes on."""
    return Pauses(grace_seconds=30.0)


def test_pause_is_none_while_requests_go_out(pauses):
    """Nothing fails, and no answer asked for a pause."""
    assert pauses.current(NOW, outage=Outage(600.0), backoff=Backoff()) is None


def test_pause_tells_an_outage_with_its_next_probe_and_its_end(pauses, outage, backoff):
    """The pause has the begin of the outage, the next probe, and the end of the patience."""
    expected = Pause(reason="outage", since_seconds=10.0, next_in_seconds=2.0, gives_up_in_seconds=590.0)

    assert pauses.current(NOW, outage=outage, backoff=backoff) == expected


def test_pause_tells_what_an_answer_asked_for(pauses, backoff):
    """A pause that an answer asked for ends by itself."""
    expected = Pause(reason="rate_limit", since_seconds=1.0, next_in_seconds=6.0)

    assert pauses.current(NOW + 1, outage=Outage(600.0), backoff=backoff) == expected


def test_pause_tells_that_a_run_is_stopping_before_all_else(pauses, outage, backoff):
    """Requests in flight are awaited, at most as long as the grace."""
    pauses.stopping_since = NOW - 4
    expected = Pause(reason="stopping", since_seconds=4.0, next_in_seconds=0.0, gives_up_in_seconds=26.0)

    assert pauses.current(NOW, outage=outage, backoff=backoff) == expected
