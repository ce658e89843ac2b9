"""Where the server's clock stands when a request reaches it, by the local clock at which it was sent."""

import math


class ServerClock:
    """Bounds on the lead of the server's clock.

    The lead of a request is the server's time at its arrival minus the local time at its sending: the difference of the
    two clocks plus the way there. It is never known exactly, but each answer bounds it from both sides, and the bounds
    of many answers together are narrow.

    Attributes
    ----------
    low, high : float
        The lead in seconds is at least `low` and at most `high`.
    """

    def __init__(self) -> None:
        self.low = -math.inf
        self.high = math.inf

    def learn(self, low: float, high: float) -> None:
        """Take in what one answer shows.

        Parameters
        ----------
        low, high : float
            The lead of the answered request was at least `low` and at most `high`.

        Notes
        -----
        Evidence against the bounds means that the latency or a clock has changed: the newest is believed, and the
        bounds move just as far as it asks.
        """
        if low > self.high:
            self.low = self.high = low
        elif high < self.low:
            self.low = self.high = high
        else:
            self.low = max(self.low, low)
            self.high = min(self.high, high)
