"""The key by which Intercom knows an event, as 128 bits."""

import numpy as np
import pyarrow as pa
import pytest

from events_pandas.convert.cells import without
from events_pandas.convert.keys import EventKeys, event_streams, event_words, text_words

LONG = "a" * 1023


def _texts(*values):
    return pa.array(values, pa.large_string())


def _keys(contacts, names, seconds):
    return EventKeys(streams=event_streams(text_words(contacts), names), seconds=np.array(seconds, np.int64))


def _words(contacts, names, seconds):
    return _keys(contacts, names, seconds).words(slice(None))


def _key(contact='"user_id":"ada"', name="placed-order", second=1_700_000_000):
    (key,) = _words(_texts(contact), _texts(name), [second]).T.tolist()
    return tuple(key)


def test_event_key_is_the_same_for_the_same_event():
    """The key depends only on contact, name and second."""
    assert _key() == _key()


@pytest.mark.parametrize("name", ["Placed-Order", "placed.order", "placed$order", "PLACED.ORDER"])
def test_event_key_has_the_name_as_intercom_normalizes_it(name):
    """Names are compared without case, and "." and "$" count as "-"."""
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
    """Another contact, identifier field, name or second gives another key."""
    assert _key(**other) != _key()


def test_event_key_does_not_mix_its_parts():
    """Moving characters from one part to another gives another key."""
    keys = {_key(contact=contact, name=name, second=second) for contact in "abc" for name in "abc" for second in (1, 2)}

    assert len(keys) == 18


def test_event_keys_take_one_name_for_all_rows():
    """One name for all rows gives the same keys as the same name in each row."""
    contacts, seconds = _texts("a", "b"), [1, 2]

    one, each = _words(contacts, _texts("e"), seconds), _words(contacts, _texts("e", "e"), seconds)

    np.testing.assert_array_equal(one, each)


def test_event_keys_of_no_rows():
    """No rows have no keys."""
    assert _words(_texts(), _texts("e"), []).shape == (2, 0)
    assert _words(_texts(), _texts(), []).shape == (2, 0)


def test_event_keys_of_other_rows_do_not_depend_on_nulls():
    """A null makes only its own row's key meaningless."""
    contacts, names = _texts("a", None, "b", "c"), _texts("e", "e", None, "e")

    keys = _words(contacts, names, [1, 2, 3, 0])

    assert tuple(keys[:, 0].tolist()) == _key("a", "e", 1)


def test_event_keys_give_the_words_of_some_rows():
    """Keys can be asked for by position, and one word at a time."""
    keys = _keys(_texts("a", "b", "c"), _texts("e"), [1, 2, 3])
    everything = keys.words(slice(None))

    some, first_half = keys.words(np.array([2, 0])), keys.words(slice(None), slice(0, 1))

    np.testing.assert_array_equal(some, everything[:, [2, 0]])
    np.testing.assert_array_equal(first_half, everything[:1])


def test_event_keys_of_some_rows_are_theirs_in_the_order_asked():
    """Keys come in the order asked for, repeats included."""
    keys = EventKeys(streams=np.array([[1, 2, 3], [4, 5, 6]], np.uint64), seconds=np.array([7, 8, 9]))

    some = keys.of(np.array([2, 0, 2]))

    assert some.streams.tolist() == [[3, 1, 3], [6, 4, 6]]
    assert some.seconds.tolist() == [9, 7, 9]


def test_event_words_of_a_stream_differ_by_their_second():
    """The key of an event at another second follows from its stream alone."""
    streams = _keys(_texts("a"), _texts("e"), [1]).streams

    moved = event_words(np.repeat(streams, 3, axis=1), np.array([1, 2, -1]))

    assert list(map(tuple, moved.T.tolist())) == [_key("a", "e", second) for second in (1, 2, -1)]


def test_text_words_differ_with_their_seed():
    """The same text with two seeds has two hashes, since the same text in two fields names two contacts."""
    words = [text_words(_texts("ada", ""), seed=seed) for seed in range(3)]

    assert len(np.unique(np.stack(words))) == 3 * 2 * 2


def test_text_words_of_a_slice_are_those_of_its_texts():
    """A slice of a longer array is hashed by its own texts."""
    texts = _texts("x", "ab", "", "c", None)

    np.testing.assert_array_equal(text_words(texts)[:, 1:4], text_words(texts.slice(1, 3)))
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
    """Each of the two hashes differs for these texts: order, length, NUL and far positions count."""
    words = text_words(_texts(*texts))

    assert [len(np.unique(half)) for half in words] == [len(texts), len(texts)]


def test_text_words_are_the_same_in_every_process():
    """The hashes never change, and do not depend on Python's hash seed."""
    assert text_words(_texts("ada")).tolist() == [[12_339_829_088_461_569_700], [17_726_153_751_787_471_924]]


def test_text_words_do_not_look_under_nulls():
    """Bytes under a null cost nothing and change no other hash."""
    long = without(_texts("a", "x" * 5_000, "b"), np.array([False, True, False]))

    words = text_words(long)

    np.testing.assert_array_equal(words[:, [0, 2]], text_words(_texts("a", "b")))
    np.testing.assert_array_equal(words[:, 1:2], text_words(_texts(None)))
