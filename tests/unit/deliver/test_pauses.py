"""Why a run sends nothing just now."""

import pytest

from events_pandas.deliver.outage import Outage, pause_at
from events_pandas.deliver.pace.observation import Sighting
from events_pandas.deliver.pace.pacer import Hold
from events_pandas.deliver.pace.state import Pause

NOW = 1_000.0


@pytest.fixture
def facts():
    """Return an outage since ten seconds, and a hold for seven."""
    outage, hold = Outage(600.0), Hold()
    for _ in range(20):
        outage.failed("no answer", sent_at=NOW - 10, now=NOW - 10, in_flight=0, jitter=1.0)
    outage.failed("no answer", sent_at=NOW - 1, now=NOW, in_flight=0, jitter=1.0)
    asked = Sighting(status=429, sent_at=NOW, received_at=NOW, retry_after=7.0)
    hold.observe(asked, is_spent=False, is_usual=False)
    return {"outage": outage, "hold": hold, "stopping_since": None, "grace_seconds": 30.0}


def test_pause_is_none_while_requests_go_out(facts):
    """Nothing fails, and nobody asked for a pause."""
    assert pause_at(NOW, **facts | {"outage": Outage(600.0), "hold": Hold()}) is None


def test_pause_tells_an_outage_with_its_next_probe_and_its_end(facts):
    """Since when, until when, and when something is tried."""
    expected = Pause(reason="outage", since_seconds=10.0, next_in_seconds=2.0, gives_up_in_seconds=590.0)

    assert pause_at(NOW, **facts) == expected


def test_pause_tells_what_an_answer_asked_for(facts):
    """It ends by itself."""
    expected = Pause(reason="rate_limit", since_seconds=1.0, next_in_seconds=6.0)

    assert pause_at(NOW + 1, **facts | {"outage": Outage(600.0)}) == expected


def test_pause_tells_that_a_run_is_stopping_before_all_else(facts):
    """What is under way is awaited, and no longer than the grace."""
    expected = Pause(reason="stopping", since_seconds=4.0, next_in_seconds=0.0, gives_up_in_seconds=26.0)

    assert pause_at(NOW, **facts | {"stopping_since": NOW - 4}) == expected
