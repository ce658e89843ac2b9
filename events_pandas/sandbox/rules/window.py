"""The rate limit: requests are counted in windows that follow the server's clock."""

import math
from dataclasses import dataclass, replace
from typing import Final

from events_pandas.sandbox_settings import checked

NO_LIMIT: Final = 10_000_000
"""The limit in the headers if there is none: Intercom's answers always have one, and nobody reaches this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """The answer of the window to one request.

    `reset_seconds` is when the next window begins, in Unix seconds, rounded up. `is_admitted` is False if the request
    was one too many.
    """

    limit: int
    remaining: int
    reset_seconds: int
    is_admitted: bool


class RateWindow:
    """Count requests in windows of fixed length, which begin at the multiples of their length since 1970.

    A limit of None means no limit. ValueError: a limit below 1 or a length below 0.001 seconds.
    """

    # Any thread may set the limit and the length; the server's thread counts.

    def __init__(self, *, limit: int | None, window_seconds: float) -> None:
        self._limit: int | None = checked("limit", limit)
        self._window_seconds: float = checked("window_seconds", window_seconds)
        self._window = 0
        self._spent = 0

    @property
    def limit(self) -> int | None:
        """Requests that a window allows, or None for no limit."""
        return self._limit

    @limit.setter
    def limit(self, limit: int | None) -> None:
        self._limit = checked("limit", limit)

    @property
    def window_seconds(self) -> float:
        """The length of a window. Setting it begins a new window."""
        return self._window_seconds

    @window_seconds.setter
    def window_seconds(self, window_seconds: float) -> None:
        self._window_seconds = checked("window_seconds", window_seconds)

    def spend(self, now: float) -> Allowance:
        """Count one request at the server's time `now`, in Unix seconds."""
        window_seconds = self._window_seconds
        window = math.floor(now / window_seconds)
        # Not `>`: a full window must not stay full if the clock is set back.
        if window != self._window:
            self._window, self._spent = window, 0
        self._spent += 1
        return self._allowance(window, window_seconds, self._spent)

    def state(self, now: float) -> Allowance:
        """Return what the window would answer, without counting; `is_admitted` is False if it has no room."""
        window_seconds = self._window_seconds
        window = math.floor(now / window_seconds)
        spent = self._spent if window == self._window else 0
        allowance = self._allowance(window, window_seconds, spent)
        return replace(allowance, is_admitted=allowance.remaining > 0)

    def _allowance(self, window: int, window_seconds: float, spent: int) -> Allowance:
        limit = NO_LIMIT if self._limit is None else self._limit
        return Allowance(
            limit=limit,
            remaining=max(limit - spent, 0),
            reset_seconds=math.ceil((window + 1) * window_seconds),
            is_admitted=spent <= limit,
        )
