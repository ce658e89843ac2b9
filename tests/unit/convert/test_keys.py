"""What Intercom knows an event by, as 128 bits, and the rows that share it."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

from events_pandas.convert.keys import KeyIndex, event_keys, text_words

LONG = "a" * 1023


def _texts(*values):
    return pa.array(values, pa.large_string())


def _key(contact='"user_id":"ada"', name="placed-order", second=1_700_000_000):
    (key,) = event_keys(_texts(contact), _texts(name), pa.array([second], pa.int64())).tolist()
    return tuple(key)


def _distinct(words):
    return len(np.unique(words, axis=0))


def test_event_key_is_the_same_for_the_same_event():
    """Contact, name and second are all that Intercom looks at."""
    assert _key() == _key()


@pytest.mark.parametrize("name", ["Placed-Order", "placed.order", "placed$order", "PLACED.ORDER"])
def test_event_key_has_the_name_as_intercom_normalizes_it(name):
    """Names are not case-sensitive, and "." and "$" become "-"."""
    assert _key(name=name) == _key()


@pytest.mark.parametrize(
    "other",
    [
        {"contact": '"user_id":"bob"'},
        {"contact": '"user_id":"Ada"'},
        {"contact": '"id":"ada"'},
        {"contact": '"user_id":"ada "'},
        {"name": "placed_order"},
        {"name": "placed-order "},
        {"second": 1_700_000_001},
        {"second": -1_700_000_000},
        {"second": 0},
    ],
)
def test_event_key_differs_where_the_event_does(other):
    """Another contact, another identifier, another name or another second is another event."""
    assert _key(**other) != _key()


def test_event_key_does_not_mix_its_parts():
    """What is taken from one part and given to another makes another event."""
    keys = {_key(contact=contact, name=name, second=second) for contact in "abc" for name in "abc" for second in (1, 2)}

    assert len(keys) == 18


def test_event_keys_take_one_name_for_all_rows():
    """A name for each row, and one for all, give the same keys."""
    contacts, seconds = _texts("a", "b"), pa.array([1, 2], pa.int64())

    one, each = event_keys(contacts, _texts("e"), seconds), event_keys(contacts, _texts("e", "e"), seconds)

    np.testing.assert_array_equal(one, each)


def test_event_keys_of_no_rows():
    """Nothing has no keys."""
    assert event_keys(_texts(), _texts("e"), pa.array([], pa.int64())).shape == (0, 2)
    assert event_keys(_texts(), _texts(), pa.array([], pa.int64())).shape == (0, 2)


def test_event_keys_of_other_rows_do_not_depend_on_nulls():
    """A row that lacks something has a key that means nothing; its neighbours have theirs."""
    contacts, names = _texts("a", None, "b", "c"), _texts("e", "e", None, "e")

    keys = event_keys(contacts, names, pa.array([1, 2, 3, None], pa.int64()))

    assert tuple(keys[0].tolist()) == _key("a", "e", 1)


def test_text_words_of_a_slice_are_those_of_its_texts():
    """An array may begin in the middle of another's memory."""
    texts = _texts("x", "ab", "", "c", None)

    np.testing.assert_array_equal(text_words(texts)[1:4], text_words(texts.slice(1, 3)))
    np.testing.assert_array_equal(text_words(texts.slice(1, 3)), text_words(_texts("ab", "", "c")))


@pytest.mark.parametrize(
    "texts",
    [
        ["", "a", "b", "ab", "ba", "aa", "a\0", "\0a", "\0"],
        ["ü", "u", "u\u0308"],
        [LONG, LONG + "a", LONG + "aa", LONG + "b", "b" + LONG[1:] + "a", LONG + "a" * 1024],
        ["x" + LONG + "y" + LONG, "y" + LONG + "x" + LONG, LONG + "x" + LONG + "y"],
        [str(number) for number in range(20_000)],
        [f'"user_id":"{number:08}"' for number in range(0, 2_000_000, 97)],
    ],
)
def test_text_words_tell_texts_apart(texts):
    """Each of the two hashes alone tells all of these texts apart: order, length, NUL and far positions count."""
    words = text_words(_texts(*texts))

    assert [_distinct(words[:, [column]]) for column in range(2)] == [len(texts), len(texts)]


def test_text_words_are_the_same_in_every_process():
    """The hashes do not depend on Python's seed: written out, they hold for ever."""
    assert text_words(_texts("ada")).tolist() == [[16_566_709_576_864_472_415, 2_523_779_783_512_377_690]]


def _words(*pairs):
    return np.array(pairs, np.uint64).reshape(-1, 2)


def test_key_index_gives_the_first_row_of_each_key():
    """Within a chunk and across chunks, a key's first row stands for it."""
    index = KeyIndex()

    first = index.first_rows(_words((1, 1), (2, 2), (1, 1)), np.array([0, 1, 2]))
    second = index.first_rows(_words((3, 3), (2, 2), (3, 3)), np.array([3, 4, 5]))

    assert first.tolist() == [0, 1, 0]
    assert second.tolist() == [3, 1, 3]


def test_key_index_needs_all_128_bits_to_be_equal():
    """Keys that share one of their halves are different keys, in whatever order they come."""
    index = KeyIndex()
    keys = _words((7, 2), (7, 1), (7, 2), (8, 1), (7, 1))

    assert index.first_rows(keys, np.arange(5)).tolist() == [0, 1, 0, 3, 1]
    assert index.first_rows(keys[::-1], np.arange(5, 10)).tolist() == [1, 3, 0, 1, 0]
    assert index.first_rows(_words((7, 3), (7, 0)), np.array([10, 11])).tolist() == [10, 11]


def test_key_index_takes_no_keys():
    """A chunk without valid rows changes nothing."""
    index = KeyIndex()
    index.first_rows(_words((1, 1)), np.array([0]))

    assert index.first_rows(_words(), np.array([], np.int64)).tolist() == []
    assert index.first_rows(_words((1, 1)), np.array([1])).tolist() == [0]


def test_key_index_knows_rows_without_adding_keys():
    """A key that is only looked up stays unknown."""
    index = KeyIndex()
    index.first_rows(_words((1, 1), (2, 2)), np.array([0, 1]))

    assert index.known_rows(_words((2, 2), (2, 3), (3, 3))).tolist() == [1, -1, -1]
    assert index.known_rows(_words((3, 3), (3, 3))).tolist() == [-1, -1]
    assert index.first_rows(_words((3, 3)), np.array([2])).tolist() == [2]


def test_key_index_takes_40_bytes_a_row():
    """Two halves of a key and a row are kept, 24 bytes; merging two runs of half the rows takes the most."""
    index = KeyIndex()
    keys = np.random.default_rng(seed=1).integers(0, 2**64, (2**17, 2), dtype=np.uint64)

    tracemalloc.start()
    for start in range(0, len(keys), 2**11):
        index.first_rows(keys[start : start + 2**11], np.arange(start, start + 2**11))
    kept, peak = (size / len(keys) for size in tracemalloc.get_traced_memory())
    tracemalloc.stop()

    assert kept < 25
    assert peak < 40
