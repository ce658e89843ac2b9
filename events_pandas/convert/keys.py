"""What Intercom knows an event by, as 128 bits: contact, name as normalized, and second."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import (
    TEXT_TYPE,
    WORD_BYTES,
    Rows,
    mask_at,
    text_bytes,
    to_mask,
    valid_mask,
    words_at_each_byte,
)
from events_pandas.intercom import IDENTIFIERS, normalized_event_name

Words = npt.NDArray[np.uint64]
Seconds = npt.NDArray[np.int64]

NO_TIME = np.iinfo(np.int64).min
"""The second of an event whose time cannot be read: what numpy takes for NaT."""

_LONGEST = 1024
"""Longer texts are replaced by a digest: each word of the longest takes a step for all of them."""

_KEPT_BITS = np.array([(1 << 8 * count) - 1 for count in range(WORD_BYTES + 1)], np.uint64)
"""What is kept of a word of which so many bytes belong to the text."""

# The finalizers of MurmurHash3 and of SplitMix64: two hashes that have nothing to do with one another.
_MIXERS = tuple(
    np.array(pair, np.uint64)[:, None]
    for pair in ((0xFF51AFD7ED558CCD, 0xBF58476D1CE4E5B9), (0xC4CEB9FE1A85EC53, 0x94D049BB133111EB))
)
_SEEDS = np.array([0x9E3779B97F4A7C15, 0xD1B54A32D192ED03], np.uint64)[:, None]
_HALF = np.uint64(33)
_NAME_SEED = len(IDENTIFIERS)
"""Identifiers have the seeds before it: a contact "a" with an event "b" is not a contact "b" with an event "a"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EventKeys:
    """What Intercom knows the events of some rows by.

    Parameters
    ----------
    streams : numpy.ndarray of uint64, shape (2, n_rows)
        A digest of contact and event name, see `event_streams`; meaningless where there is none.
    seconds : numpy.ndarray of int64, shape (n_rows,)
        The second of each event.

    Notes
    -----
    Intercom knows an event by the workspace, the contact, the name (normalized) and the second, whatever its metadata.
    Among ten million rows the odds that two different events share 128 bits are below 1 in 10^20.
    """

    streams: Words
    seconds: Seconds

    def words(self, rows: "Rows | slice", lanes: slice = slice(None)) -> Words:
        """Return a digest of each event.

        Parameters
        ----------
        rows : numpy.ndarray of int64 or slice
            Which rows.
        lanes : slice
            Which of the two halves.

        Returns
        -------
        numpy.ndarray of uint64, shape (2, n)
            For each of the rows.
        """
        return event_words(self.streams[lanes, rows], self.seconds[rows], lanes)

    def of(self, rows: Rows) -> "EventKeys":
        """Return the keys of some rows.

        Parameters
        ----------
        rows : numpy.ndarray of int64, shape (n,)
            Which rows.

        Returns
        -------
        EventKeys
            In the order given.
        """
        return EventKeys(streams=self.streams[:, rows], seconds=self.seconds[rows])


def event_words(streams: Words, seconds: Seconds, lanes: slice = slice(None)) -> Words:
    """Return a digest of events.

    Parameters
    ----------
    streams : numpy.ndarray of uint64, shape (2, n)
        A digest of contact and name.
    seconds : numpy.ndarray of int64, shape (n,)
        The second of each event.
    lanes : slice
        Which of the two halves are given.

    Returns
    -------
    numpy.ndarray of uint64, shape (2, n)
        The digests.
    """
    return _mixed(streams + seconds.astype(np.uint64) * _SEEDS[lanes], lanes)


def event_streams(contacts: Words, event_names: pa.Array) -> Words:
    """Return a digest of contact and event name: events that share it can differ in their second only.

    Parameters
    ----------
    contacts : numpy.ndarray of uint64, shape (2, n)
        A digest of each contact.
    event_names : pyarrow.LargeStringArray
        A name for each row, or one for all.

    Returns
    -------
    numpy.ndarray of uint64, shape (2, n)
        The same for names that are one to Intercom; meaningless where there is no name.
    """
    names, codes = normalized_names(event_names)
    words = text_words(pa.array(names or [None], TEXT_TYPE), seed=_NAME_SEED)
    return _mixed(contacts + words[:, codes])


def normalized_names(event_names: pa.Array) -> tuple[list[str | None], npt.NDArray[np.int32]]:
    """Return the names under which Intercom counts events.

    Parameters
    ----------
    event_names : pyarrow.LargeStringArray
        As they are sent.

    Returns
    -------
    names : list of str or None
        For each spelling the name; the same name may be there more than once.
    codes : numpy.ndarray of int32
        The position of each row's name among them; 0 where there is none.
    """
    spellings = event_names.dictionary_encode()
    names = [None if name is None else normalized_event_name(name) for name in spellings.dictionary.to_pylist()]
    codes: npt.NDArray[np.int32] = pc.fill_null(spellings.indices, 0).to_numpy(zero_copy_only=False)
    return names, codes


def text_words(text: pa.Array, *, seed: int = 0) -> Words:
    """Return two independent 64-bit hashes of each text.

    Parameters
    ----------
    text : pyarrow.LargeStringArray
        The texts; a null has hashes that mean nothing.
    seed : int
        The same text has other hashes with another seed.

    Returns
    -------
    numpy.ndarray of uint64, shape (2, n)
        The hashes.

    Notes
    -----
    Eight bytes at a time, for all texts at once: they are added to the hash, and it is mixed by a function that makes
    no two words one. No Python runs for a single cell, but for the rare one that is very long.
    """
    text = _shortened(text)
    bounds, letters = text_bytes(text)
    # Under a null there may be a text of any length.
    starts, lengths = bounds[:-1], np.where(valid_mask(text), np.diff(bounds), 0)
    at_each_byte = words_at_each_byte(letters)
    # The length tells a text from the same text with NUL characters at its end.
    words = _mixed(lengths.astype(np.uint64) + _SEEDS * np.uint64(seed + 1))
    for begin in range(0, int(lengths.max(initial=1)), WORD_BYTES):
        left = lengths - begin
        # The first word is taken of all texts, also of empty ones: choosing rows takes longer than mixing them.
        rows = np.flatnonzero(left > 0) if begin else slice(None)
        word = at_each_byte[starts[rows] + begin] & _KEPT_BITS[np.minimum(left[rows], WORD_BYTES)]
        words[:, rows] = _mixed(words[:, rows] + word)
    return words


def _shortened(text: pa.Array) -> pa.Array:
    """Replace texts that are very long by a digest."""
    rows = np.flatnonzero(to_mask(pc.greater(pc.binary_length(text), _LONGEST)))
    if not len(rows):
        return text
    digests = [blake2b(long.encode()).hexdigest() for long in text.take(pa.array(rows)).to_pylist()]
    return pc.replace_with_mask(text, pa.array(mask_at(rows, len(text))), pa.array(digests, text.type))


def _mixed(words: Words, lanes: slice = slice(None)) -> Words:
    """Spread every bit over the whole word; no two words become one."""
    for mixer in _MIXERS:
        words = words ^ (words >> _HALF)
        words *= mixer[lanes]
    words ^= words >> _HALF
    return words
