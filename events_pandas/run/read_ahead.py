"""How far a run reads ahead of the results that are due."""

from collections import deque
from typing import Final

MOST_CHUNKS: Final = 1_000
"""Frames without rows, or with few, take memory too: no more of them are open."""
FEWEST_ROWS: Final = 1_000
"""Rows that any run may read ahead, so that its pace does not depend on its chunks: at most 128 requests are out."""


class ReadAhead:
    """Counts the rows of chunks that were read and have no results yet.

    At most `chunksize` rows are read ahead, but `FEWEST_ROWS` in any case.
    """

    def __init__(self, chunksize: int) -> None:
        self._most_rows = max(chunksize, FEWEST_ROWS)
        self._chunks: deque[int] = deque()
        self._rows = 0

    def open(self, rows: int) -> None:
        """Count a chunk that was read; its rows include those that are not sent."""
        self._chunks.append(rows)
        self._rows += rows

    def close(self) -> None:
        """Remove the first chunk: its results are there."""
        self._rows -= self._chunks.popleft()

    def has_room(self) -> bool:
        """Return whether another chunk may be read."""
        return self._rows < self._most_rows and len(self._chunks) < MOST_CHUNKS
