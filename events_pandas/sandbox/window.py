"""The rate limit: requests are counted in windows that follow the server's clock."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """What the window says to one request.

    Parameters
    ----------
    limit : int
        Requests that a window allows.
    remaining : int
        Requests that this window still allows.
    reset_seconds : int
        When the next window begins, in Unix seconds, rounded up.
    is_admitted : bool
        False when the request was one too many.
    """

    limit: int
    remaining: int
    reset_seconds: int
    is_admitted: bool


class RateWindow:
    """Count requests in windows of fixed length.

    Parameters
    ----------
    limit : int
        Requests that a window allows, at least 1.
    window_seconds : float
        The length of a window; windows begin at the multiples of it since 1970.

    Raises
    ------
    ValueError
        If there is no room for a request, or no time.
    """

    def __init__(self, *, limit: int, window_seconds: float) -> None:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit}; None stands for no limit")
        if window_seconds <= 0:
            raise ValueError(f"window_seconds must be above 0, not {window_seconds}")
        self.limit = limit
        self.window_seconds = window_seconds
        self._window = 0
        self._spent = 0

    def spend(self, now: float) -> Allowance:
        """Count one request.

        Parameters
        ----------
        now : float
            The server's time, in Unix seconds.

        Returns
        -------
        Allowance
            Whether the window has room for the request, and what is left after it.
        """
        window = math.floor(now / self.window_seconds)
        # Not "later than": a clock that is set back must not keep a full window full.
        if window != self._window:
            self._window, self._spent = window, 0
        self._spent += 1
        return Allowance(
            limit=self.limit,
            remaining=max(self.limit - self._spent, 0),
            reset_seconds=math.ceil((window + 1) * self.window_seconds),
            is_admitted=self._spent <= self.limit,
        )
