"""Rows counted by their day in UTC, chunk by chunk."""

from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from events_pandas.check.collisions import blocks
from events_pandas.convert.keys import Seconds

DAY_SECONDS: Final = 86_400

Days: TypeAlias = npt.NDArray[np.signedinteger]
"""Days since 1970-01-01."""
Counts: TypeAlias = npt.NDArray[np.int64]

_MOST_COUNTED_AT_ONCE: Final = 2**16
"""Days from the first to the last: 179 years take half a megabyte, and sorting takes longer."""


def days_of(seconds: Seconds) -> Days:
    """Return the day of each second."""
    return seconds // DAY_SECONDS


@dataclass(slots=True)
class DayCounts:
    """The number of rows of each day that has some: 16 bytes for a day, however many rows there are."""

    # The days of each addition, ascending and each once, with their counts.
    _found: list[tuple[Days, Counts]] = field(default_factory=list)

    def add_seconds(self, seconds: Seconds) -> None:
        """Count rows by the second of each."""
        for block in blocks(seconds):
            self.add(days_of(block))

    def add(self, days: Days) -> None:
        """Count rows by the day of each, in any order."""
        if not len(days):
            return
        first = int(days.min())
        if int(days.max()) - first < _MOST_COUNTED_AT_ONCE:
            counts = np.bincount(days - first)
            present = np.flatnonzero(counts)
            self._found.append((present + first, counts[present]))
        else:
            self._found.append(np.unique(days, return_counts=True))
        known, *others = (len(found) for found, _ in self._found)
        if sum(others) > max(known, _MOST_COUNTED_AT_ONCE):
            self._found = [self.by_day()]

    def by_day(self) -> tuple[Days, Counts]:
        """Return the days with rows, ascending, and the number of rows of each."""
        nothing = np.zeros(0, np.int64)
        days, counts = (np.concatenate(parts) for parts in zip((nothing, nothing), *self._found, strict=True))
        distinct, places = np.unique(days, return_inverse=True)
        # As floats, numbers of rows are exact.
        return distinct, np.bincount(places, weights=counts, minlength=len(distinct)).astype(np.int64)
