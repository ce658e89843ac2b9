"""A time that is set by hand, and a run that stands where a test puts it."""

import pytest

from events_pandas.deliver.clock import Clock
from events_pandas.deliver.outcomes import Outcome, Status
from events_pandas.deliver.pace.state import RunState, Window


class SetTime:
    """A time that is set by hand."""

    now = 0.0

    def __call__(self):
        return self.now


class Stand:
    """Stands for a run, and returns the state that a test sets."""

    def __init__(self):
        self.state = RunState()

    def __call__(self):
        return self.state

    def at_window(self, **window):
        facts = {"limit": 100, "left": 50, "ends_in_seconds": 5.0, "seconds": 10.0, **window}
        self.state = RunState(window=Window(**facts))


@pytest.fixture
def time():
    """Return a time that is set by hand."""
    return SetTime()


@pytest.fixture
def clock(time):
    """Return a clock that is set by hand and starts at 14:20 on the first day of 2024."""
    return Clock(monotonic=time, unix_time=lambda: 1_704_118_800.0 + time.now)


@pytest.fixture
def run():
    """Return what stands for a run."""
    return Stand()


@pytest.fixture
def outcome():
    """Return a function that makes an outcome of a status."""
    return lambda status: Outcome(row=0, status=Status(status))
