"""The rate limit: requests are counted in windows that follow the server's clock."""

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Final, TypeGuard


def is_whole(value: object) -> TypeGuard[int]:
    """Return whether a value is a whole number.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    bool
        True for numpy's integers as well; False for booleans.
    """
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a finite number.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    bool
        True for numpy's numbers as well; False for booleans, NaN, infinity, and integers that no float can hold.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # An integer that is too large for a float.
        return False


NO_LIMIT: Final = 10_000_000
"""The limit that is told where there is none: Intercom's answers always have one, and nobody reaches this."""

# A clock tells shorter times apart no more than that; of the shortest floats there are too many to count since 1970.
_LEAST_SECONDS: Final = 0.001


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
    limit : int or None
        Requests that a window allows, at least 1; None for no limit.
    window_seconds : float
        The length of a window, at least 0.001; windows begin at the multiples of it since 1970.

    Raises
    ------
    ValueError
        If there is no room for a request, or no time.

    Notes
    -----
    Both may be set from any thread; the server's counts.
    """

    def __init__(self, *, limit: int | None, window_seconds: float) -> None:
        self._limit = checked_limit(limit)
        self._window_seconds = checked_window_seconds(window_seconds)
        self._window = 0
        self._spent = 0

    @property
    def limit(self) -> int | None:
        """Return how many requests a window allows.

        Returns
        -------
        int or None
            At least 1; None for no limit. It can be set.
        """
        return self._limit

    @limit.setter
    def limit(self, limit: int | None) -> None:
        self._limit = checked_limit(limit)

    @property
    def window_seconds(self) -> float:
        """Return the length of a window.

        Returns
        -------
        float
            Seconds. It can be set: a new window begins.
        """
        return self._window_seconds

    @window_seconds.setter
    def window_seconds(self, window_seconds: float) -> None:
        self._window_seconds = checked_window_seconds(window_seconds)

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
        window_seconds = self._window_seconds
        window = math.floor(now / window_seconds)
        # Not "later than": a clock that is set back must not keep a full window full.
        if window != self._window:
            self._window, self._spent = window, 0
        self._spent += 1
        return self._allowance(window, window_seconds, self._spent)

    def state(self, now: float) -> Allowance:
        """Return what the window would say, and count nothing.

        Parameters
        ----------
        now : float
            The server's time, in Unix seconds.

        Returns
        -------
        Allowance
            What is left; `is_admitted` is False when a request would have no room.
        """
        window_seconds = self._window_seconds
        window = math.floor(now / window_seconds)
        spent = self._spent if window == self._window else 0
        allowance = self._allowance(window, window_seconds, spent)
        return Allowance(
            limit=allowance.limit,
            remaining=allowance.remaining,
            reset_seconds=allowance.reset_seconds,
            is_admitted=allowance.remaining > 0,
        )

    def _allowance(self, window: int, window_seconds: float, spent: int) -> Allowance:
        limit = NO_LIMIT if self._limit is None else self._limit
        return Allowance(
            limit=limit,
            remaining=max(limit - spent, 0),
            reset_seconds=math.ceil((window + 1) * window_seconds),
            is_admitted=spent <= limit,
        )


def checked_limit(limit: object) -> int | None:
    """Return a limit if it is one.

    Parameters
    ----------
    limit : object
        What is wished for.

    Returns
    -------
    int or None
        Requests that a window allows; None for no limit.

    Raises
    ------
    ValueError
        If it is no whole number, or less than 1.
    """
    if limit is None:
        return None
    if not is_whole(limit):
        raise ValueError(f"limit must be a whole number, not {limit!r}; None stands for no limit")
    if limit < 1:
        raise ValueError(f"limit must be at least 1, not {limit}; None stands for no limit")
    return int(limit)


def checked_window_seconds(window_seconds: object) -> float:
    """Return the length of a window if it is one.

    Parameters
    ----------
    window_seconds : object
        What is wished for.

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    ValueError
        If it is no finite number, or less than 0.001.
    """
    if not is_number(window_seconds) or window_seconds < _LEAST_SECONDS:
        raise ValueError(f"window_seconds must be a number of at least {_LEAST_SECONDS}, not {window_seconds!r}")
    return float(window_seconds)
