"""How far a run reads ahead of the results that are due."""

from collections import deque
from typing import Final

MOST_CHUNKS: Final = 1_000
"""Frames without rows, or with few, take memory too: no more of them are open."""
FEWEST_ROWS: Final = 1_000
"""Rows that any run may read ahead, so that its pace does not depend on its chunks: at most 128 requests are out."""


class ReadAhead:
    """Counts the rows that have been read and have no results yet.

    Parameters
    ----------
    chunksize : int
        So many rows are read ahead, `FEWEST_ROWS` at least.

    Examples
    --------
    >>> ahead = ReadAhead(10_000)
    >>> ahead.open(3)
    >>> ahead.has_room()
    True
    >>> ahead.open(10_000)
    >>> ahead.has_room()
    False
    >>> ahead.close()
    >>> ahead.has_room()
    False
    """

    def __init__(self, chunksize: int) -> None:
        self._most_rows = max(chunksize, FEWEST_ROWS)
        self._chunks: deque[int] = deque()
        self._rows = 0

    def open(self, rows: int) -> None:
        """Count a chunk that is read.

        Parameters
        ----------
        rows : int
            Its rows, those included that are not sent.
        """
        self._chunks.append(rows)
        self._rows += rows

    def close(self) -> None:
        """Count the first chunk off, as its results are there."""
        self._rows -= self._chunks.popleft()

    def has_room(self) -> bool:
        """Tell whether another chunk may be read, beyond the one that is due.

        Returns
        -------
        bool
            False when as many rows, or chunks, are open as may be.
        """
        return self._rows < self._most_rows and len(self._chunks) < MOST_CHUNKS
