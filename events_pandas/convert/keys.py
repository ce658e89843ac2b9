"""The key by which Intercom knows an event, as 128 bits: contact, normalized name and second."""

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
DAY_SECONDS = 86_400

FIRST_WORD = slice(0, 1)
"""The lane of the first of two words."""

NO_TIME = np.iinfo(np.int64).min
"""The second of an event whose time cannot be read; numpy reads it as NaT."""

_LONGEST = 1024
"""Longer texts are replaced by a digest: every eight bytes of the longest text cost a step for all texts."""

_KEPT_BITS = np.array([(1 << 8 * count) - 1 for count in range(WORD_BYTES + 1)], np.uint64)
"""The bits of a word that are kept, by the number of its bytes that belong to the text."""

# The finalizers of MurmurHash3 and of SplitMix64: two independent hashes.
_MIXERS = tuple(
    np.array(pair, np.uint64)[:, None]
    for pair in ((0xFF51AFD7ED558CCD, 0xBF58476D1CE4E5B9), (0xC4CEB9FE1A85EC53, 0x94D049BB133111EB))
)
_SEEDS = np.array([0x9E3779B97F4A7C15, 0xD1B54A32D192ED03], np.uint64)[:, None]
_HALF = np.uint64(33)
_NAME_SEED = len(IDENTIFIERS)
"""Identifiers use the seeds below: contact "a" with event "b" must differ from contact "b" with event "a"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EventKeys:
    """What Intercom knows events by: workspace, contact, normalized name and second, whatever their metadata.

    Among ten million rows, the odds that two different events share 128 bits are below 1 in 10^20.
    """

    streams: Words  # shape (2, n_rows): digests of contact and name, see `event_streams`; meaningless without them
    seconds: Seconds  # shape (n_rows,): the second of each event

    def words(self, rows: "Rows | slice", lanes: slice = slice(None)) -> Words:
        """Return the keys of some rows, shape (2, n); `lanes` chooses one of the two words."""
        return event_words(self.streams[lanes, rows], self.seconds[rows], lanes)

    def of(self, rows: Rows) -> "EventKeys":
        """Return the keys of some rows, in the order given."""
        return EventKeys(streams=self.streams[:, rows], seconds=self.seconds[rows])


def event_words(streams: Words, seconds: Seconds, lanes: slice = slice(None)) -> Words:
    """Return the keys of events from their streams, shape (2, n), and seconds; `lanes` says which words are given."""
    return _mixed(streams + seconds.astype(np.uint64) * _SEEDS[lanes], lanes)


def event_streams(contacts: Words, event_names: pa.Array, lanes: slice = slice(None)) -> Words:
    """Return digests of contact and event name, shape (2, n); events that share one can differ only in their second.

    Parameters
    ----------
    contacts : numpy.ndarray of uint64, shape (2, n)
        A digest of each contact.
    event_names : pyarrow.LargeStringArray
        A name for each row, or one for all. Where it is null, the result is meaningless.
    lanes : slice
        Which of the two digests `contacts` has; the result has the same.
    """
    names, codes = normalized_names(event_names)
    words = text_words(pa.array(names or [None], TEXT_TYPE), seed=_NAME_SEED, lanes=lanes)
    return _mixed(contacts + words[:, codes], lanes)


def normalized_names(event_names: pa.Array) -> tuple[list[str | None], npt.NDArray[np.int32]]:
    """Return the names under which Intercom counts events, and for each row its place among them.

    `names` has an entry for each spelling, so a name may come twice. `codes` is 0 where a row has no name.
    """
    spellings = event_names.dictionary_encode()
    names = [None if name is None else normalized_event_name(name) for name in spellings.dictionary.to_pylist()]
    codes: npt.NDArray[np.int32] = pc.fill_null(spellings.indices, 0).to_numpy(zero_copy_only=False)
    return names, codes


def text_words(text: pa.Array, *, seed: int = 0, lanes: slice = slice(None)) -> Words:
    """Return two independent 64-bit hashes of each text, shape (2, n); those of a null are meaningless.

    The same text has other hashes with another seed. `lanes` chooses one of the two.
    """
    # All texts are hashed at once, eight bytes at a time: a word is added to the hash, which is then mixed by a
    # one-to-one function. Only a very long cell runs Python of its own.
    text = _shortened(text)
    bounds, letters = text_bytes(text)
    # There may be bytes of a text under a null.
    starts, lengths = bounds[:-1], np.where(valid_mask(text), np.diff(bounds), 0)
    at_each_byte = words_at_each_byte(letters)
    # The length tells a text from the same text followed by NUL characters.
    words = _mixed(lengths.astype(np.uint64) + _SEEDS[lanes] * np.uint64(seed + 1), lanes)
    for begin in range(0, int(lengths.max(initial=1)), WORD_BYTES):
        left = lengths - begin
        # The first word is mixed for all texts, even empty ones: choosing rows takes longer than mixing.
        rows = np.flatnonzero(left > 0) if begin else slice(None)
        word = at_each_byte[starts[rows] + begin] & _KEPT_BITS[np.minimum(left[rows], WORD_BYTES)]
        words[:, rows] = _mixed(words[:, rows] + word, lanes)
    return words


def _shortened(text: pa.Array) -> pa.Array:
    """Replace very long texts by a digest."""
    rows = np.flatnonzero(to_mask(pc.greater(pc.binary_length(text), _LONGEST)))
    if not len(rows):
        return text
    digests = [blake2b(long.encode()).hexdigest() for long in text.take(pa.array(rows)).to_pylist()]
    return pc.replace_with_mask(text, pa.array(mask_at(rows, len(text))), pa.array(digests, text.type))


def _mixed(words: Words, lanes: slice = slice(None)) -> Words:
    """Spread every bit over the whole word, one-to-one."""
    for mixer in _MIXERS:
        words = words ^ (words >> _HALF)
        words *= mixer[lanes]
    words ^= words >> _HALF
    return words
