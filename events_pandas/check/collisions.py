"""Rows with the keys of their events: the same key is found in a frame by sorting, across frames by an index."""

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from events_pandas.check.in_order import in_order
from events_pandas.convert.cells import Mask, Rows
from events_pandas.convert.keys import EventKeys, Words

KeyColumn: TypeAlias = npt.NDArray[np.generic]
Number = TypeVar("Number", bound=np.generic)
Segment: TypeAlias = list[KeyColumn]
"""Keys, sorted: the first 64 bits of each, the second 64 bits, and what is kept for it, column by column."""

BLOCK_ROWS = 2**16
"""How many rows are processed at a time: enough that the cost of each call matters little."""
_SMALL_ROWS = 2**32 - 1
_PAGED_BYTES: Final = 2**16
"""From this size on, a column has memory pages of its own: the unused rest of the last page is small."""

_PARTS = range(8)
"""Keys are divided by their first three bits."""
_OTHER_BITS = np.uint64(61)
_PART_STARTS = [np.uint64(part) << _OTHER_BITS for part in _PARTS]


@dataclass(kw_only=True, slots=True)
class KeyedRows:
    """The rows of a frame, judged one by one, with the keys of their events."""

    policy: str  # what happens to rows that are one event: "skip", "spread" or "send"
    digests: Callable[[Rows], Words]  # two digests of each of some rows besides contact and second, shape (2, n)
    keys: EventKeys
    first_words: npt.NDArray[np.uint64]  # the first 64 bits of each row's key
    valid: Mask  # rows without an error
    has_key: Mask  # rows whose contact, name and second are known
    offset: int  # the position of the frame's first row in its stream
    index: "KeyIndex"  # the events of earlier frames of the stream

    @property
    def is_spread(self) -> bool:
        """Whether each row becomes an event of its own."""
        return self.policy == "spread"

    def known(self, where: Mask) -> Rows:
        """Return those of some rows whose event an earlier frame has."""
        if self.index.is_empty:
            return np.zeros(0, np.int64)
        rows = np.flatnonzero(where)
        return rows[self.index.find(self.keys.words(rows))[0] >= 0]


def blocks(rows: npt.NDArray[Number]) -> Iterator[npt.NDArray[Number]]:
    """Cut rows, or their values, into blocks of `BLOCK_ROWS`."""
    for start in range(0, len(rows), BLOCK_ROWS):
        yield rows[start : start + BLOCK_ROWS]


def key_parts(words: npt.NDArray[np.uint64]) -> Iterator[Mask]:
    """Divide rows by the first bits of their words into parts of about a block; yield the rows of each."""
    bits = (len(words) // BLOCK_ROWS).bit_length()
    # A shift by all 64 bits would shift nothing.
    parts = (words >> np.uint64(1) >> np.uint64(63 - bits)).astype(np.uint32)
    for part in range(1 << bits):
        yield parts == part


def distinct_words(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return each of some words once, sorted; one part of them is sorted at a time."""
    return _distinct(words.copy()) if len(words) <= BLOCK_ROWS else _in_parts(words, _distinct)


def _in_parts(
    words: npt.NDArray[np.uint64],
    work: Callable[[npt.NDArray[np.uint64]], npt.NDArray[np.uint64]],
    where: "Mask | np.bool_" = np.True_,
) -> npt.NDArray[np.uint64]:
    """Join what is made of each part of the chosen words."""
    # One byte for each word, and no other copy of all of them.
    parts = np.full(len(words), len(_PARTS), np.uint8)
    np.right_shift(words, _OTHER_BITS, out=parts, where=where, casting="unsafe")
    return np.concatenate(list(in_order(lambda part: work(words[parts == part]), _PARTS)))


def collisions(keys: EventKeys, first_words: npt.NDArray[np.uint64], where: Mask) -> tuple[Rows, npt.NDArray[np.int64]]:
    """Find the rows that share their event with others of the frame, by all 128 bits of their keys.

    `first_words` are the first 64 bits of each row's key; `where` are the rows that have a key. Return the rows, those
    of an event side by side, earlier ones first, and a number for the event of each, ascending.
    """
    rows = sharing_rows(first_words, where)
    groups = numbered(keys.words(rows))
    # Different keys with the same first word are each a group of one.
    is_shared = np.bincount(groups, minlength=1)[groups] > 1
    rows, groups = rows[is_shared], groups[is_shared]
    order = np.argsort(groups, kind="stable")
    return rows[order], groups[order]


def sharing_rows(first_words: npt.NDArray[np.uint64], where: Mask) -> Rows:
    """Return the rows that share the first 64 bits of their keys with others; `where` are the rows that have a key."""
    # Nearly every frame has few such rows, and sorting only the first words finds them fastest. They are sorted in
    # parts, by their first bits, so that there is never a second copy of all of them.
    rows = rows_among(first_words, _shared(first_words, where))
    return rows[where[rows]]


def _shared(first_words: npt.NDArray[np.uint64], where: Mask) -> npt.NDArray[np.uint64]:
    """Return the words that several rows have, sorted, each once."""
    if len(first_words) <= BLOCK_ROWS:
        return _repeated(first_words[where])
    return _in_parts(first_words, _repeated, where)


def numbered(words: Words) -> npt.NDArray[np.int64]:
    """Give each distinct digest, shape (2, n), a number, from 0."""
    # Nearly always the first words tell digests apart: sorting by both takes much longer.
    order = np.argsort(words[0])
    is_new = _differ(words[0][order])
    if (_differ(words[1][order]) & ~is_new).any():
        order = np.lexsort((words[1], words[0]))
        is_new = _differ(words[0][order]) | _differ(words[1][order])
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(is_new)
    return numbers


def _differ(words: npt.NDArray[np.uint64]) -> Mask:
    """Return which words differ from the one before; the first does not."""
    differ = np.zeros(len(words), dtype=bool)
    np.not_equal(words[1:], words[:-1], out=differ[1:])
    return differ


def _distinct(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Sort some words in place, and return each once."""
    # np.unique collects them in a table, which takes ten times as long if most are different.
    words.sort()
    is_new = np.ones(len(words), dtype=bool)
    np.not_equal(words[1:], words[:-1], out=is_new[1:])
    return words[is_new]


def _repeated(first_words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return the words that come more than once, sorted, each once."""
    first_words.sort()
    return np.unique(first_words[1:][first_words[1:] == first_words[:-1]])


def rows_among(first_words: npt.NDArray[np.uint64], wanted: npt.NDArray[np.uint64]) -> Rows:
    """Return the positions of the rows whose first word is among `wanted`, which is sorted and without repeats."""
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
    """The events of the frames seen so far, each with its row and a digest of its payload.

    It takes 28 bytes a row, and little more while segments are merged. All 128 bits of a key are compared.
    """

    # The keys are divided into parts; each part has sorted segments, and two segments of about the same length are
    # merged. So a key is moved about log2(rows / chunk) times.

    _parts: tuple[list[Segment], ...] = field(default_factory=lambda: tuple([] for _ in _PARTS), init=False)

    @property
    def is_empty(self) -> bool:
        """Whether there is no event yet."""
        return not any(self._parts)

    def find(self, words: Words) -> tuple[Rows, npt.NDArray[np.uint64]]:
        """Return the row and the payload's digest of each event; row -1, and a meaningless digest, if it is not known.

        `words` are the events' keys, shape (2, n).
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
        """Add events: their keys, shape (2, n), each once, their rows in the stream, and digests of their payloads.

        If an event is known already, the newest row counts.
        """
        # uint32 holds the rows of nearly every segment.
        is_small = not len(rows) or int(rows.max()) <= _SMALL_ROWS
        for segments, added in self._parted(words[0]):
            kept_rows = rows[added].astype(np.uint32 if is_small else np.int64)
            segment = [words[0][added], words[1][added], kept_rows, digests[added]]
            while segments and len(segments[-1][0]) <= 2 * len(segment[0]):
                segment = _merged(segments.pop(), segment)
            segments.append(segment)

    def _parted(self, first_words: KeyColumn) -> Iterator[tuple[list[Segment], npt.NDArray[np.int64]]]:
        """Yield the segments of each part, and the places of the given keys that belong to it, sorted by key."""
        order = np.argsort(first_words)
        bounds = np.searchsorted(first_words[order], _PART_STARTS).tolist()
        for segments, start, stop in zip(self._parts, bounds, [*bounds[1:], len(order)], strict=True):
            if start < stop:
                yield segments, order[start:stop]


def _merged(older: Segment, newer: Segment) -> Segment:
    """Merge two segments into one, and empty them."""
    is_newer = np.zeros(len(older[0]) + len(newer[0]), dtype=bool)
    is_newer[np.searchsorted(older[0], newer[0]) + np.arange(len(newer[0]))] = True
    merged: Segment = []
    # Column by column, so that only one column is in memory twice.
    while older:
        column = _new_column(len(is_newer), np.result_type(older[0], newer[0]))
        column[is_newer], column[~is_newer] = newer.pop(0), older.pop(0)
        merged.append(column)
    return merged


def _new_column(length: int, dtype: "np.dtype[Any]") -> KeyColumn:
    """Return a column to be filled once; a long one goes back to the system as soon as it is dropped."""
    # An allocator keeps the memory of merged columns, and its gaps are too short for the next ones. A fork shares the
    # pages, which is no fault as long as no column is changed.
    size = length * dtype.itemsize
    if size < _PAGED_BYTES:
        return np.empty(length, dtype)
    try:
        return np.frombuffer(mmap.mmap(-1, size), dtype)
    except OSError as error:
        raise MemoryError(f"{size:,} bytes for keys") from error


def _places(words: Words, first: KeyColumn, second: KeyColumn) -> tuple[Mask, npt.NDArray[np.int64]]:
    """Return which keys are in a sorted segment, and their places there."""
    places = np.searchsorted(first, words[0])
    found = np.zeros(words.shape[1], dtype=bool)
    pending = np.arange(words.shape[1])
    # Keys that share their first word stand side by side: nearly always there is only one.
    while len(pending):
        pending = pending[places[pending] < len(first)]
        pending = pending[first[places[pending]] == words[0][pending]]
        matches = second[places[pending]] == words[1][pending]
        found[pending[matches]] = True
        pending = pending[~matches]
        places[pending] += 1
    return found, places[found]
