"""What Intercom knows an event by, as 128 bits; and the rows that share it."""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import Rows, text_bytes, to_mask
from events_pandas.intercom import normalized_event_name

Words = npt.NDArray[np.uint64]
Column: TypeAlias = npt.NDArray[Any]
Run: TypeAlias = list[Column]
"""The first halves of keys, sorted; their second halves; and their rows."""

_SEED = 0x1C0FFEE
_POSITIONS = 1024
_MIXERS = (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53))
_HALF = np.uint64(33)


def event_keys(contacts: pa.Array, event_names: pa.Array, seconds: pa.Array) -> Words:
    """Return a digest of what Intercom knows each event by.

    Parameters
    ----------
    contacts : pyarrow.LargeStringArray
        The contact: the identifier and which one it is.
    event_names : pyarrow.LargeStringArray
        A name for each row, or one for all.
    seconds : pyarrow.Int64Array
        The second of each event.

    Returns
    -------
    numpy.ndarray of uint64, shape (n_rows, 2)
        Rows with a null in them have a meaningless key.

    Notes
    -----
    Intercom knows an event by the workspace, the contact, the name (normalized) and the second, whatever its metadata.
    Among ten million rows the odds that two different events share 128 bits are below 1 in 10^20.
    """
    names = event_names.dictionary_encode()
    normalized = [None if name is None else normalized_event_name(name) for name in names.dictionary.to_pylist()]
    name_words = text_words(pa.array(normalized, pa.large_string()))
    codes = pc.fill_null(names.indices, 0).to_numpy(zero_copy_only=False)
    name_words = name_words[codes] if len(name_words) else np.zeros((len(codes), 2), np.uint64)
    instants = pc.fill_null(seconds, 0).to_numpy(zero_copy_only=False).astype(np.uint64)[:, None]
    return _mixed(text_words(contacts) + _mixed(name_words + _mixed(instants + _MULTIPLIERS[:, 0])))


def text_words(text: pa.Array) -> Words:
    """Return two independent 64-bit hashes of each text.

    Parameters
    ----------
    text : pyarrow.LargeStringArray
        The texts; a null counts as empty.

    Returns
    -------
    numpy.ndarray of uint64, shape (n, 2)
        The hashes.

    Notes
    -----
    Multilinear hashing: each byte is multiplied by a random 64-bit number that belongs to its position, and the
    products are summed modulo 2^64. No Python runs for a single cell, but for the rare one that is longer than there
    are positions.
    """
    text = _shortened(text)
    bounds, data = text_bytes(text)
    lengths = np.diff(bounds)
    positions = np.arange(len(data)) - np.repeat(bounds[:-1], lengths)
    # Not the byte alone: a text would have the hash of the same text with NUL characters at its end.
    letters = data.astype(np.uint64) + np.uint64(1)
    words = np.zeros((len(text), 2), np.uint64)
    filled = lengths > 0
    starts = bounds[:-1][filled]
    if len(starts):
        for column, multipliers in enumerate(_MULTIPLIERS):
            words[filled, column] = np.add.reduceat(letters * multipliers[positions], starts)
    return _mixed(words)


def _shortened(text: pa.Array) -> pa.Array:
    """Replace texts that are longer than there are positions by a digest."""
    rows = np.flatnonzero(to_mask(pc.greater(pc.binary_length(text), _POSITIONS)))
    if not len(rows):
        return text
    digests = [blake2b(long.encode()).hexdigest() for long in text.take(pa.array(rows)).to_pylist()]
    is_long = np.zeros(len(text), dtype=bool)
    is_long[rows] = True
    return pc.replace_with_mask(text, pa.array(is_long), pa.array(digests, text.type))


def _mixed(words: Words) -> Words:
    """Spread every bit over the whole word (the finalizer of MurmurHash3); no two words become one."""
    for mixer in _MIXERS:
        words = (words ^ (words >> _HALF)) * mixer
    return words ^ (words >> _HALF)


_MULTIPLIERS: Words = np.random.default_rng(_SEED).integers(0, 2**64, (2, _POSITIONS), dtype=np.uint64) | np.uint64(1)


@dataclass(slots=True)
class KeyIndex:
    """The keys seen so far, each with the first row that had it.

    Notes
    -----
    24 bytes a row, and at most 40 while runs are merged: sorted runs, of which two of about the same length are merged
    into one, so that a key is moved about log2(rows / chunk) times. Exact: two keys are the same only if all 128 bits
    are.
    """

    _runs: list[Run] = field(default_factory=list, init=False)

    def first_rows(self, keys: Words, rows: Rows) -> Rows:
        """Return the first row that had each key, and remember the new keys.

        Parameters
        ----------
        keys : numpy.ndarray of uint64, shape (n, 2)
            The keys of the next rows.
        rows : numpy.ndarray of int64, shape (n,)
            Their positions, ascending.

        Returns
        -------
        numpy.ndarray of int64, shape (n,)
            The row's own position where the key is new.
        """
        order = _grouping_order(keys)
        keys, ordered_rows = keys[order], rows[order]
        is_new = np.ones(len(keys), dtype=bool)
        is_new[1:] = (keys[1:] != keys[:-1]).any(axis=1)
        group = np.cumsum(is_new) - 1
        distinct, firsts = keys[is_new], ordered_rows[is_new]
        known = self.known_rows(distinct)
        unknown = known < 0
        self._add([distinct[unknown, 0], distinct[unknown, 1], firsts[unknown]])
        result = np.empty(len(rows), np.int64)
        result[order] = np.where(unknown, firsts, known)[group]
        return result

    def known_rows(self, keys: Words) -> Rows:
        """Return the first row that had each key, and remember nothing.

        Parameters
        ----------
        keys : numpy.ndarray of uint64, shape (n, 2)
            Any keys.

        Returns
        -------
        numpy.ndarray of int64, shape (n,)
            -1 where no row had the key.
        """
        known = np.full(len(keys), -1, np.int64)
        for first, second, rows in self._runs:
            found, places = _places(keys, first, second)
            known[found] = rows[places]
        return known

    def _add(self, run: Run) -> None:
        while self._runs and len(self._runs[-1][0]) <= 2 * len(run[0]):
            run = _merged(self._runs.pop(), run)
        if len(run[0]):
            self._runs.append(run)


def _merged(older: Run, newer: Run) -> Run:
    """Merge two runs into one, and empty them."""
    is_newer = np.zeros(len(older[0]) + len(newer[0]), dtype=bool)
    is_newer[np.searchsorted(older[0], newer[0]) + np.arange(len(newer[0]))] = True
    merged: Run = []
    # Column by column: no more than one of them is there twice.
    while older:
        column = np.empty(len(is_newer), older[0].dtype)
        column[is_newer], column[~is_newer] = newer.pop(0), older.pop(0)
        merged.append(column)
    return merged


def _grouping_order(keys: Words) -> npt.NDArray[np.intp]:
    """Return an order in which equal keys stand side by side, earlier rows first."""
    order = np.argsort(keys[:, 0], kind="stable")
    first, second = keys[order, 0], keys[order, 1]
    if ((first[1:] == first[:-1]) & (second[1:] != second[:-1])).any():
        # Different keys with the same first half might stand between equal ones.
        order = np.lexsort((keys[:, 1], keys[:, 0]))
    return order


def _places(keys: Words, first: Column, second: Column) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Return which keys are in a sorted run, and where those are."""
    places = np.searchsorted(first, keys[:, 0])
    found = np.zeros(len(keys), dtype=bool)
    pending = np.arange(len(keys))
    # Keys that share their first half stand side by side: nearly always there is one.
    while len(pending):
        pending = pending[places[pending] < len(first)]
        pending = pending[first[places[pending]] == keys[pending, 0]]
        matches = second[places[pending]] == keys[pending, 1]
        found[pending[matches]] = True
        pending = pending[~matches]
        places[pending] += 1
    return found, places[found]
