"""How far the server's clock is ahead of the local clock, as narrowly as the answers show it."""

import math
from typing import Final

SLACKS_SECONDS: Final = (0.0, 1.0, math.inf)
"""How far a window may end from its reset by the server's `Date`: not at all, a rounded second, any time."""

MOST_SPREAD_SECONDS: Final = 5.0
"""How far the clocks of several servers that answer may differ."""


class ServerClock:
    """Bounds on the lead, which is the server's time minus the local time, in seconds.

    The times to the server and back are unknown, so no answer shows the lead exactly. But each answer bounds it from
    both sides, and the bounds of many answers are no further apart than the fastest answer took.
    """

    def __init__(self) -> None:
        self.low = -math.inf
        self.high = math.inf

    def learn(self, *, earliest: float, latest: float, sent_at: float, received_at: float) -> None:
        """Learn that the server dealt with a request between `earliest` and `latest`, by its clock.

        Evidence a little outside the bounds comes from several servers whose clocks differ, so it widens the bounds.
        Evidence far outside means that a clock was set, so the bounds start again from it.
        """
        low, high = earliest - received_at, latest - sent_at
        if max(low - self.low, self.high - high) <= MOST_SPREAD_SECONDS and (low > self.high or high < self.low):
            self.low, self.high = min(self.low, high), max(self.high, low)
        elif low > self.high or high < self.low:
            self.low, self.high = low, high
        else:
            self.low, self.high = max(self.low, low), min(self.high, high)


class WindowClock:
    """Bounds on the lead of the clock by which windows end at their resets."""

    # The answers around a reset show when a window really ends. Before the first reset only `Date` shows it, and it
    # may be wrong: resets may be rounded, and `Date` and reset may come from clocks that differ. So `Date` counts
    # only as far as the windows agree with it.

    def __init__(self) -> None:
        self._windows = ServerClock()
        self._dates = ServerClock()
        self._slack = 0

    @property
    def low(self) -> float:
        """The least lead."""
        return max(self._windows.low, self._dates.low - SLACKS_SECONDS[self._slack])

    @property
    def high(self) -> float:
        """The largest lead."""
        return min(self._windows.high, self._dates.high + SLACKS_SECONDS[self._slack])

    @property
    def agrees_with_date(self) -> bool:
        """Whether `Date` shows roughly when a window ends."""
        return math.isfinite(SLACKS_SECONDS[self._slack])

    def learn_window(self, *, earliest: float, latest: float, sent_at: float, received_at: float) -> None:
        """Learn that a request was counted in a window, which lasts from `earliest` to `latest` by its own clock."""
        self._windows.learn(earliest=earliest, latest=latest, sent_at=sent_at, received_at=received_at)
        self._believe_windows()

    def learn_date(self, date: float, *, sent_at: float, received_at: float) -> None:
        """Learn the `Date` of an answer, in whole Unix seconds, rounded down."""
        self._dates.learn(earliest=date, latest=date + 1, sent_at=sent_at, received_at=received_at)
        self._believe_windows()

    def _believe_windows(self) -> None:
        while self.low > self.high and self.agrees_with_date:
            self._slack += 1
