"""How far the server's clock is ahead of the local one, as narrowly as the answers show it."""

import math


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
        Evidence against the bounds means that one of the clocks was set, or that several servers answer: the newest is
        believed.
        """
        low, high = earliest - received_at, latest - sent_at
        if low > self.high or high < self.low:
            self.low, self.high = low, high
        else:
            self.low, self.high = max(self.low, low), min(self.high, high)
