"""Rows that are one event: found in a frame by sorting, and across frames by an index."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from events_pandas.check.collisions import (
    BLOCK_ROWS,
    KeyIndex,
    collisions,
    distinct_words,
    key_parts,
    numbered,
    rows_among,
)
from events_pandas.convert.keys import EventKeys


def _words(*pairs):
    return np.array(pairs, np.uint64).reshape(-1, 2).T


def _digests(*digests):
    return np.array(digests, np.uint64)


def _collisions(events, where=None):
    """Find the collisions of events that are given by the numbers of their stream and second."""
    streams, seconds = np.array(events, np.int64).reshape(-1, 2).T
    keys = EventKeys(streams=np.stack([streams, streams]).astype(np.uint64), seconds=seconds)
    where = np.ones(len(events), dtype=bool) if where is None else np.array(where)
    return collisions(keys, keys.words(slice(None), slice(0, 1))[0], where)


def test_collisions_are_the_rows_that_share_their_event():
    """Rows with the same stream and second are a group; rows that share only one of the two are not."""
    rows, groups = _collisions([(1, 10), (2, 10), (1, 10), (1, 11), (2, 10), (3, 12), (1, 10)])

    assert {tuple(rows[groups == group].tolist()) for group in groups} == {(0, 2, 6), (1, 4)}
    assert (np.diff(groups) >= 0).all()


def test_collisions_leave_out_rows_without_a_key():
    """A row without contact, name or time has no collision."""
    rows, _ = _collisions([(1, 10), (1, 10), (1, 10), (2, 10), (2, 10)], [True, False, True, True, False])

    assert rows.tolist() == [0, 2]


@pytest.mark.parametrize("events", [[], [(1, 10)], [(1, 10), (2, 10), (1, 11)]])
def test_collisions_may_be_none(events):
    """Rows with different events have no collisions."""
    rows, groups = _collisions(events)

    assert (rows.tolist(), groups.tolist()) == ([], [])


def test_collisions_need_all_128_bits_to_be_equal():
    """Rows whose keys share only the first 64 bits do not collide."""
    streams = np.array([[5, 5, 5, 6], [1, 2, 1, 1]], np.uint64)
    keys = EventKeys(streams=streams, seconds=np.zeros(4, np.int64))

    rows, _ = collisions(keys, keys.words(slice(None), slice(0, 1))[0], np.ones(4, dtype=bool))

    assert rows.tolist() == [0, 2]


def test_collisions_are_found_at_any_place():
    """The first and the last row of a frame of several blocks can collide."""
    seconds = np.arange(2 * BLOCK_ROWS + 3)
    seconds[-1] = 0
    events = np.stack([np.ones_like(seconds), seconds], axis=1)

    rows, _ = _collisions(events)

    assert rows.tolist() == [0, len(seconds) - 1]


def test_numbered_digests_are_equal_where_both_words_are():
    """Equal digests get the same number, others another."""
    numbers = numbered(_words((7, 2), (7, 1), (8, 1), (7, 2), (8, 1)))

    assert numbers.tolist() == [1, 0, 2, 1, 2]
    assert numbered(_words()).tolist() == []


def test_rows_among_finds_every_row_with_a_wanted_word():
    """Positions ascend across blocks, and without wanted words the array is empty."""
    first_words = np.arange(BLOCK_ROWS + 5, dtype=np.uint64)
    first_words[3] = 2**64 - 1

    found = rows_among(first_words, np.array([2, BLOCK_ROWS + 4, 2**64 - 1], np.uint64))

    assert found.tolist() == [2, 3, BLOCK_ROWS + 4]
    assert rows_among(first_words, np.array([], np.uint64)).tolist() == []


def test_key_index_finds_what_was_added():
    """Each key is found with the row and digest that it was added with, for any number of segments."""
    index = KeyIndex()
    index.add(_words((1, 1), (2, 2)), np.array([0, 1]), _digests(10, 11))
    index.add(_words((3, 3)), np.array([2]), _digests(12))

    rows, digests = index.find(_words((3, 3), (4, 4), (2, 2), (1, 1), (2, 2)))

    assert rows.tolist() == [2, -1, 1, 0, 1]
    assert digests[rows >= 0].tolist() == [12, 11, 10, 11]


def test_key_index_needs_all_128_bits_to_be_equal():
    """Keys that share only one of their words are different keys, in any order."""
    index = KeyIndex()
    index.add(_words((7, 2), (7, 1), (8, 1)), np.arange(3), _digests(0, 1, 2))
    index.add(_words((7, 4), (6, 1)), np.arange(3, 5), _digests(3, 4))

    rows, _ = index.find(_words((8, 1), (7, 1), (7, 2), (7, 4), (7, 3), (7, 0), (6, 1), (8, 2), (2**64 - 1, 1)))

    assert rows.tolist() == [2, 1, 0, 3, -1, -1, 4, -1, -1]


def test_key_index_takes_no_keys():
    """Adding no keys changes nothing."""
    index = KeyIndex()
    index.add(_words((1, 1)), np.array([0]), _digests(5))

    index.add(_words(), np.array([], np.int64), _digests())

    assert index.find(_words())[0].tolist() == []
    assert index.find(_words((1, 1)))[0].tolist() == [0]
    assert KeyIndex().find(_words((1, 1)))[0].tolist() == [-1]


@pytest.mark.parametrize("n_between", [0, 10_000])
def test_key_index_tells_the_newest_row_of_a_key(n_between):
    """A key that is added twice is found with its newest row, also after merges."""
    index, words = KeyIndex(), _words((7, 7))
    index.add(words, np.array([1]), _digests(10))
    between = np.arange(n_between, dtype=np.uint64)
    index.add(np.stack([between, between + np.uint64(1)]), np.arange(n_between), between)

    index.add(words, np.array([2]), _digests(20))

    rows, digests = index.find(words)
    assert (rows.tolist(), digests.tolist()) == ([2], [20])


def test_key_index_does_not_add_what_is_looked_up():
    """Looking up a key does not add it."""
    index = KeyIndex()
    index.find(_words((2, 3)))

    assert index.find(_words((2, 3)))[0].tolist() == [-1]


def test_key_index_tells_keys_of_all_parts_apart():
    """Keys of all parts are found, in any order of the question."""
    firsts = [*(part << 61 for part in range(8)), *((part + 1 << 61) - 1 for part in range(8))]
    index = KeyIndex()
    index.add(_words(*((first, 1) for first in firsts)), np.arange(16), _digests(*range(100, 116)))

    rows, digests = index.find(_words(*((first, 1) for first in firsts[::-1]), (5, 1), (2**63, 2)))

    assert rows.tolist() == [*range(15, -1, -1), -1, -1]
    assert digests[:16].tolist() == list(range(115, 99, -1))


def test_key_index_keeps_keys_however_often_runs_are_merged():
    """Every key is found with its row after many merges, also among keys with the same first word."""
    firsts, seconds = np.random.default_rng(seed=1).integers(0, 2**64, (2, 3 * 2**16), dtype=np.uint64)
    firsts[1::2] = firsts[::2]
    keys, rows = np.stack([firsts, seconds]), np.arange(len(firsts))
    index = KeyIndex()
    for chunk in np.split(rows, [1, 2, 100, 10_000, 10_001, 50_000, 90_000, 150_000]):
        index.add(keys[:, chunk], chunk, seconds[chunk])

    found, digests = index.find(keys)

    assert (found == rows).all()
    assert (digests == seconds).all()


MEMORY_PROGRAM = """
import numpy as np
from events_pandas.check.collisions import KeyIndex

def most_bytes():
    with open("/proc/self/status") as status:
        return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))

def fill(rows):
    index, before, most = KeyIndex(), most_bytes(), 0.0
    for start in range(0, rows, 2**11):
        words = random.integers(0, 2**64, (2, 2**11), dtype=np.uint64)
        index.add(words, np.arange(start, start + 2**11), words[1])
        if start >= 2**17:
            most = max(most, (most_bytes() - before) / (start + 2**11))
    return most

random = np.random.default_rng(seed=1)
fill(2**14)
print(fill(2**19))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux says there what a process has taken")
def test_key_index_takes_40_bytes_a_row():
    """*The index of duplicate keys takes at most 40 bytes a row*, as the system counts them, merges included."""
    process = subprocess.run([sys.executable, "-c", MEMORY_PROGRAM], check=True, capture_output=True, text=True)

    # A key of two words, a row and a digest take 28 bytes.
    assert 28 <= float(process.stdout) < 40


@pytest.mark.parametrize("n_words", [0, 5, BLOCK_ROWS + 1])
def test_distinct_words_are_each_word_once(n_words):
    """Many words are sorted part by part, by their first bits."""
    words = np.random.default_rng(seed=1).integers(0, 2**64, n_words, dtype=np.uint64)

    found = distinct_words(np.concatenate([words, words[:3]]))

    assert found.tolist() == sorted(words.tolist())


@pytest.mark.parametrize(("n_words", "n_parts"), [(0, 1), (5, 1), (BLOCK_ROWS, 2), (5 * BLOCK_ROWS, 8)])
def test_key_parts_divide_rows_and_keep_equal_words_together(n_words, n_parts):
    """Every row belongs to one part, of about a block."""
    words = np.random.default_rng(seed=1).integers(0, 2**64, n_words, dtype=np.uint64)
    words[1::2] = words[: n_words // 2]

    parts = [words[where] for where in key_parts(words)]

    assert len(parts) == n_parts
    assert sum(len(part) for part in parts) == n_words
    assert sum(len(np.unique(part)) for part in parts) == len(np.unique(words))
