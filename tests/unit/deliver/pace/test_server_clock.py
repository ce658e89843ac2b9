"""Bounds on the server's clock."""

import pytest

from events_pandas.deliver.pace.server_clock import ServerClock


@pytest.fixture
def clock():
    """Return a clock that is known to be 100 to 101 seconds ahead."""
    clock = ServerClock()
    clock.learn(earliest=110.0, latest=111.0, sent_at=10.0, received_at=10.0)
    return clock


def test_server_clock_knows_nothing_at_first():
    """Without evidence, every lead is possible."""
    assert (ServerClock().low, ServerClock().high) == (float("-inf"), float("inf"))


def test_server_clock_takes_both_ways_into_account():
    """The server may have dealt with the request when it left, or when its answer came."""
    clock = ServerClock()

    clock.learn(earliest=110.0, latest=111.0, sent_at=10.0, received_at=10.5)

    assert (clock.low, clock.high) == (99.5, 101.0)


@pytest.mark.parametrize(
    ("evidence", "bounds"),
    [((110.5, 113.0), (100.5, 101.0)), ((109.0, 110.25), (100.0, 100.25)), ((100.0, 120.0), (100.0, 101.0))],
)
def test_server_clock_narrows_its_bounds_when_evidence_agrees(clock, evidence, bounds):
    """The bounds are the intersection of all evidence."""
    earliest, latest = evidence

    clock.learn(earliest=earliest, latest=latest, sent_at=10.0, received_at=10.0)

    assert (clock.low, clock.high) == bounds


@pytest.mark.parametrize("earliest", [3_710.0, -3_490.0])
def test_server_clock_believes_the_newest_when_evidence_disagrees(clock, earliest):
    """After a clock was set, earlier evidence says nothing."""
    clock.learn(earliest=earliest, latest=earliest + 1, sent_at=10.0, received_at=10.0)

    assert (clock.low, clock.high) == (earliest - 10.0, earliest - 9.0)
