"""Rows counted by their day in UTC, chunk by chunk."""

from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from events_pandas.check.collisions import blocks
from events_pandas.convert.keys import DAY_SECONDS, Seconds

Days: TypeAlias = npt.NDArray[np.signedinteger]
"""Days since 1970-01-01."""
Counts: TypeAlias = npt.NDArray[np.int64]

_MOST_COUNTED_AT_ONCE: Final = 2**16
"""Days from the first to the last of a chunk; counts of more would take more memory than the chunk."""


def days_of(seconds: Seconds) -> Days:
    """Return the day of each second."""
    return seconds // DAY_SECONDS


@dataclass(slots=True)
class DayCounts:
    """The number of rows of each day, in 8 bytes for each from the first to the last.

    The times that can be read span 19,000 years, or 55 MB.
    """

    _first: int = 0
    _counts: Counts = field(default_factory=lambda: np.zeros(0, np.int64))

    def add_seconds(self, seconds: Seconds) -> None:
        """Count rows by the second of each."""
        for block in blocks(seconds):
            self.add(days_of(block))

    def add(self, days: Days) -> None:
        """Count rows by the day of each, in any order."""
        if not len(days):
            return
        first, last = int(days.min()), int(days.max())
        self._reach(first, last)
        start = first - self._first
        if last - first < _MOST_COUNTED_AT_ONCE:
            self._counts[start : start + last - first + 1] += np.bincount(days - first)
        else:
            np.add.at(self._counts, days - self._first, 1)

    def _reach(self, first: int, last: int) -> None:
        """Make room for the days from the first to the last."""
        known = len(self._counts)
        earliest = min(first, self._first) if known else first
        latest = max(last, self._first + known - 1) if known else last
        if latest - earliest >= known:
            grown = np.zeros(latest - earliest + 1, np.int64)
            grown[self._first - earliest : self._first - earliest + known] = self._counts
            self._first, self._counts = earliest, grown

    def by_day(self) -> tuple[Days, Counts]:
        """Return the days with rows, ascending, and the number of rows of each."""
        present = np.flatnonzero(self._counts)
        return present + self._first, self._counts[present]
