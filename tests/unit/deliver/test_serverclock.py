"""Bounds on the server's clock."""

import pytest

from events_pandas.deliver.serverclock import ServerClock


@pytest.fixture
def clock():
    """Return a clock that is known to lead by 1 to 2 seconds."""
    clock = ServerClock()
    clock.learn(1.0, 2.0)
    return clock


def test_server_clock_knows_nothing_at_first():
    """Without evidence, every lead is possible."""
    assert (ServerClock().low, ServerClock().high) == (float("-inf"), float("inf"))


@pytest.mark.parametrize(
    ("evidence", "bounds"),
    [((1.5, 3.0), (1.5, 2.0)), ((0.0, 1.25), (1.0, 1.25)), ((0.0, 9.0), (1.0, 2.0))],
)
def test_server_clock_narrows_its_bounds_when_evidence_agrees(clock, evidence, bounds):
    """Bounds are the intersection of all evidence."""
    clock.learn(*evidence)

    assert (clock.low, clock.high) == bounds


@pytest.mark.parametrize(("evidence", "bounds"), [((5.0, 6.0), (5.0, 5.0)), ((-2.0, 0.5), (0.5, 0.5))])
def test_server_clock_believes_the_newest_when_evidence_disagrees(clock, evidence, bounds):
    """After a change the bounds move just as far as the newest evidence asks."""
    clock.learn(*evidence)

    assert (clock.low, clock.high) == bounds
