"""Refused requests in a row."""

from bisect import bisect_left, insort
from typing import Final

LONG_STREAK: Final = 5
"""So many refusals in a row, without a later accepted request, are not an accident."""


class RefusalStreak:
    """The refused requests in a row.

    An accepted request that left later ends the streak before it. It is long from `LONG_STREAK` requests on, and stays
    so until it is empty.
    """

    def __init__(self) -> None:
        self.is_long = False
        self._sent_at: list[float] = []

    def __bool__(self) -> bool:
        return bool(self._sent_at)

    def refused(self, sent_at: float) -> None:
        """Note a refused request by the local time at which it left."""
        insort(self._sent_at, sent_at)
        self.is_long = self.is_long or len(self._sent_at) >= LONG_STREAK

    def accepted(self, sent_at: float) -> None:
        """Note an accepted request by the local time at which it left."""
        del self._sent_at[: bisect_left(self._sent_at, sent_at)]
        self.is_long = self.is_long and bool(self._sent_at)
