"""Rows that are one event to Intercom: found in a frame by sorting, and across the frames of a stream by an index."""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from events_pandas.check.in_order import in_order
from events_pandas.convert.cells import Mask, Rows
from events_pandas.convert.keys import EventKeys, Words

KeyColumn: TypeAlias = npt.NDArray[Any]
Segment: TypeAlias = list[KeyColumn]
"""The first first_words of keys, sorted; their second first_words; and what is remembered of each, column by column."""

BLOCK_ROWS = 2**16
"""Rows looked at at a time: enough that what each call costs by itself matters little."""
PAGED_BYTES = 2**16
"""Columns of that size are mapped by themselves: what is unused of the last page is little."""
FIRST_WORD = slice(0, 1)
_SMALL_ROWS = 2**32 - 1

_PARTS = tuple((np.uint64(part << 61), np.uint64((part + 1 << 61) - 1)) for part in range(8))
"""Keys are parted by their first three bits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Collisions:
    """The rows of a frame that share their event with others.

    Parameters
    ----------
    rows : numpy.ndarray of int64, shape (n,)
        Their positions; those of one event side by side, and of these the earlier ones first.
    groups : numpy.ndarray of int64, shape (n,)
        A number for each event, ascending.
    """

    rows: Rows
    groups: npt.NDArray[np.int64]


def collisions(keys: EventKeys, first_words: npt.NDArray[np.uint64], where: Mask) -> Collisions:
    """Find the rows that share their event with others of the frame.

    Parameters
    ----------
    keys : EventKeys
        Of all rows.
    first_words : numpy.ndarray of uint64, shape (n_rows,)
        The first half of each row's key.
    where : numpy.ndarray of bool, shape (n_rows,)
        The rows that have a key.

    Returns
    -------
    Collisions
        Exact: the second first_words are compared of rows that share their first.

    Notes
    -----
    Nearly every frame has few such rows: sorting the first first_words, without the rows, finds them in the shortest time.
    They are sorted in parts, by their first bits, so that no second copy of all of them is needed.
    """
    rows = rows_among(first_words, _shared(first_words, where))
    rows = rows[where[rows]]
    groups = numbered(keys.words(rows))
    # Different keys with the same first half are each a group of one.
    is_shared = np.bincount(groups, minlength=1)[groups] > 1
    rows, groups = rows[is_shared], groups[is_shared]
    order = np.argsort(groups, kind="stable")
    return Collisions(rows=rows[order], groups=groups[order])


def _shared(first_words: npt.NDArray[np.uint64], where: Mask) -> KeyColumn:
    """Return what several rows have, sorted, each once."""
    if len(first_words) <= BLOCK_ROWS:
        return _repeated(first_words[where])
    parts = in_order(
        lambda part: _repeated(first_words[where & (first_words >= part[0]) & (first_words <= part[1])]), _PARTS
    )
    return np.concatenate(list(parts))


def numbered(words: Words) -> npt.NDArray[np.int64]:
    """Give each distinct digest a number.

    Parameters
    ----------
    words : numpy.ndarray of uint64, shape (2, n)
        Any digests; equal are those of which both first_words are.

    Returns
    -------
    numpy.ndarray of int64, shape (n,)
        The same number for equal digests, from 0.
    """
    order = np.lexsort((words[1], words[0]))
    first, second = words[0][order], words[1][order]
    is_new = np.zeros(len(order), dtype=bool)
    is_new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(is_new)
    return numbers


def _repeated(first_words: KeyColumn) -> KeyColumn:
    """Return what is there more than once, sorted, each once."""
    first_words.sort()
    repeated = first_words[1:][first_words[1:] == first_words[:-1]]
    return _distinct(repeated)


def _distinct(ordered: KeyColumn) -> KeyColumn:
    is_new = np.ones(len(ordered), dtype=bool)
    is_new[1:] = ordered[1:] != ordered[:-1]
    return ordered[is_new]


def rows_among(first_words: npt.NDArray[np.uint64], wanted: npt.NDArray[np.uint64]) -> Rows:
    """Return which rows have one of some first_words.

    Parameters
    ----------
    first_words : numpy.ndarray of uint64, shape (n_rows,)
        The first half of each row's key.
    wanted : numpy.ndarray of uint64, shape (n,)
        Sorted, each once.

    Returns
    -------
    numpy.ndarray of int64
        Positions, ascending.
    """
    if not len(wanted):
        return np.zeros(0, np.int64)
    found = []
    for start in range(0, len(first_words), BLOCK_ROWS):
        block = first_words[start : start + BLOCK_ROWS]
        places = np.minimum(np.searchsorted(wanted, block), len(wanted) - 1)
        found.append(np.flatnonzero(wanted[places] == block) + start)
    return np.concatenate(found)


@dataclass(slots=True)
class KeyIndex:
    """The events of the frames seen so far, each with its row and a digest of what was sent.

    Notes
    -----
    28 bytes a row, and little more while segments are merged: the keys are parted, and each part has sorted segments, of which
    two of about the same length are merged into one, so that a key is moved about log2(rows / chunk) times. Exact: two
    keys are the same only if all 128 bits are.
    """

    _parts: tuple[list[Segment], ...] = field(default_factory=lambda: tuple([] for _ in _PARTS), init=False)

    def find(self, words: Words) -> tuple[Rows, npt.NDArray[np.uint64]]:
        """Return what is known of events.

        Parameters
        ----------
        words : numpy.ndarray of uint64, shape (2, n)
            Their keys.

        Returns
        -------
        rows : numpy.ndarray of int64, shape (n,)
            The row that has each event; -1 where none has.
        digests : numpy.ndarray of uint64, shape (n,)
            The digest of its payload; meaningless where there is none.
        """
        rows = np.full(words.shape[1], -1, np.int64)
        digests = np.zeros(words.shape[1], np.uint64)
        for segments, asked in self._parted(words[0]):
            own = words[:, asked]
            for first, second, known_rows, known_digests in segments:
                found, places = _places(own, first, second)
                rows[asked[found]], digests[asked[found]] = known_rows[places], known_digests[places]
        return rows, digests

    def add(self, words: Words, rows: Rows, digests: npt.NDArray[np.uint64]) -> None:
        """Remember events; of one that is known already, the newest row stands.

        Parameters
        ----------
        words : numpy.ndarray of uint64, shape (2, n)
            Their keys, each once.
        rows : numpy.ndarray of int64, shape (n,)
            Their rows, counted over all frames.
        digests : numpy.ndarray of uint64, shape (n,)
            A digest of the payload of each.
        """
        # Half the width holds the rows of nearly every segment.
        is_small = not len(rows) or int(rows.max()) <= _SMALL_ROWS
        for segments, added in self._parted(words[0]):
            kept_rows = rows[added].astype(np.uint32 if is_small else np.int64)
            segment = [words[0][added], words[1][added], kept_rows, digests[added]]
            while segments and len(segments[-1][0]) <= 2 * len(segment[0]):
                segment = _merged(segments.pop(), segment)
            segments.append(segment)

    def _parted(self, first_words: KeyColumn) -> Iterator[tuple[list[Segment], npt.NDArray[np.int64]]]:
        """Yield the segments of each part of the keys, and where the keys given stand that belong to it, in order."""
        order = np.argsort(first_words)
        starts = np.searchsorted(first_words[order], [start for start, _ in _PARTS])
        for segments, asked in zip(self._parts, np.split(order, starts[1:]), strict=True):
            if len(asked):
                yield segments, asked


def _merged(older: Segment, newer: Segment) -> Segment:
    """Merge two segments into one, and empty them."""
    is_newer = np.zeros(len(older[0]) + len(newer[0]), dtype=bool)
    is_newer[np.searchsorted(older[0], newer[0]) + np.arange(len(newer[0]))] = True
    merged: Segment = []
    # KeyColumn by column: no more than one of them is there twice.
    while older:
        column = _pages(len(is_newer), np.result_type(older[0], newer[0]))
        column[is_newer], column[~is_newer] = newer.pop(0), older.pop(0)
        merged.append(column)
    return merged


def _pages(n_rows: int, dtype: np.dtype[Any]) -> KeyColumn:
    """Return a column of zeros; one that is long goes back to the system as soon as it is dropped.

    The allocator would keep the memory of the segments that are merged, and their gaps are too short for those to come.
    """
    size = n_rows * dtype.itemsize
    return np.zeros(n_rows, dtype) if size < PAGED_BYTES else np.frombuffer(mmap.mmap(-1, size), dtype)


def _places(words: Words, first: KeyColumn, second: KeyColumn) -> tuple[Mask, npt.NDArray[np.int64]]:
    """Return which keys are in a sorted segment, and where those are."""
    places = np.searchsorted(first, words[0])
    found = np.zeros(words.shape[1], dtype=bool)
    pending = np.arange(words.shape[1])
    # Keys that share their first half stand side by side: nearly always there is one.
    while len(pending):
        pending = pending[places[pending] < len(first)]
        pending = pending[first[places[pending]] == words[0][pending]]
        matches = second[places[pending]] == words[1][pending]
        found[pending[matches]] = True
        pending = pending[~matches]
        places[pending] += 1
    return found, places[found]
