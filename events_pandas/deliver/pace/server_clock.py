"""How far the server's clock is ahead of the local one, as narrowly as the answers show it."""

import math
from typing import Final

SLACKS_SECONDS: Final = (0.0, 1.0, math.inf)
"""How far the end of a window may be from its reset by the server's `Date`: nothing, a rounded second, anything."""

MOST_SPREAD_SECONDS: Final = 5.0
"""How far the clocks of servers that answer together may differ."""


class ServerClock:
    """Bounds on the server's time minus the local time.

    Attributes
    ----------
    low, high : float
        The lead in seconds is at least `low` and at most `high`.

    Notes
    -----
    The way to the server and the way back take unknown times, so that no answer shows the lead exactly. But each bounds
    it from both sides, and the bounds of many answers are no further apart than the fastest of them took.

    Examples
    --------
    >>> clock = ServerClock()
    >>> clock.learn(earliest=1000.0, latest=1001.0, sent_at=20.2, received_at=20.3)
    >>> round(clock.low, 1), round(clock.high, 1)
    (979.7, 980.8)
    """

    def __init__(self) -> None:
        self.low = -math.inf
        self.high = math.inf

    def learn(self, *, earliest: float, latest: float, sent_at: float, received_at: float) -> None:
        """Take in what one answer shows.

        Parameters
        ----------
        earliest, latest : float
            Between these times, by the server's clock, it dealt with the request.
        sent_at, received_at : float
            When the request left and its answer came, by the local clock.

        Notes
        -----
        Evidence a little against the bounds means that several servers answer, whose clocks differ: the bounds are
        widened. Otherwise one of the clocks was set, and the newest evidence is believed.
        """
        low, high = earliest - received_at, latest - sent_at
        if max(low - self.low, self.high - high) <= MOST_SPREAD_SECONDS and (low > self.high or high < self.low):
            self.low, self.high = min(self.low, high), max(self.high, low)
        elif low > self.high or high < self.low:
            self.low, self.high = low, high
        else:
            self.low, self.high = max(self.low, low), min(self.high, high)


class WindowClock:
    """Bounds on the lead of the clock by which windows end at their resets.

    Attributes
    ----------
    low, high : float
        The lead in seconds is at least `low` and at most `high`.

    Notes
    -----
    The answers round a reset show when a window really ends. Before the first reset only `Date` shows it, and it may be
    wrong: resets may be rounded, and `Date` and reset may come from clocks that differ. So `Date` counts only as far as
    the windows agree with it.
    """

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
        """Whether `Date` shows about when a window ends."""
        return math.isfinite(SLACKS_SECONDS[self._slack])

    def learn_window(self, *, earliest: float, latest: float, sent_at: float, received_at: float) -> None:
        """Take in that a request was counted in a window.

        Parameters
        ----------
        earliest, latest : float
            When the window begins and ends, by its own clock.
        sent_at, received_at : float
            When the request left and its answer came, by the local clock.
        """
        self._windows.learn(earliest=earliest, latest=latest, sent_at=sent_at, received_at=received_at)
        self._believe_windows()

    def learn_date(self, date: float, *, sent_at: float, received_at: float) -> None:
        """Take in the `Date` of an answer.

        Parameters
        ----------
        date : float
            Unix seconds, cut off.
        sent_at, received_at : float
            When the request left and its answer came, by the local clock.
        """
        self._dates.learn(earliest=date, latest=date + 1, sent_at=sent_at, received_at=received_at)
        self._believe_windows()

    def _believe_windows(self) -> None:
        while self.low > self.high and self.agrees_with_date:
            self._slack += 1
