"""A clock that is set by hand, and a run that stands where a test puts it."""

import pytest

from events_pandas.deliver.clock import Surroundings
from events_pandas.deliver.outcomes import Outcome, Status
from events_pandas.deliver.pace.state import Standing, Window


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self):
        return self.now


class Stand:
    """Stands for a run that is asked where it stands."""

    def __init__(self):
        self.standing = Standing()

    def __call__(self):
        return self.standing

    def at_window(self, **window):
        facts = {"limit": 100, "left": 50, "ends_in_seconds": 5.0, "seconds": 10.0, **window}
        self.standing = Standing(window=Window(**facts))


@pytest.fixture
def clock():
    """Return a clock that is set by hand."""
    return Clock()


@pytest.fixture
def clocks(clock):
    """Return surroundings whose clocks are set by hand, both at once: it is 14:20 on the first day of 2024."""
    return Surroundings(clock=clock, unix_time=lambda: 1_704_118_800.0 + clock.now)


@pytest.fixture
def run():
    """Return what stands for a run."""
    return Stand()


@pytest.fixture
def outcome():
    """Return a function that makes an outcome of a status."""
    return lambda status: Outcome(row=0, status=Status(status))
