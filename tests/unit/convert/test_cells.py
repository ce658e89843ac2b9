"""Arrow arrays as whole: masks, nulls, bytes of text."""

import numpy as np
import pyarrow as pa
import pytest

from events_pandas.convert.cells import holds_any, text_bytes, valid_mask, without, words_at_each_byte

ARRAYS = [
    pa.array(["zero", "one", None, "", "fünf"], pa.large_string()),
    pa.array([0, 1, None, 3, -4], pa.int64()),
    pa.array([0.5, 1.5, None, 3.0, -4.0], pa.float64()),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.type))
@pytest.mark.parametrize(("start", "length"), [(0, 5), (1, 3), (2, 1), (4, 1), (5, 0)])
def test_without_takes_out_values_of_a_slice_too(array, start, length):
    """In a slice, the chosen values become null, nulls stay null, and the other values stay."""
    part = array.slice(start, length)
    taken = np.arange(length) % 2 == 0

    kept = without(part, taken)

    expected = [None if is_taken else value for value, is_taken in zip(part.to_pylist(), taken, strict=True)]
    assert kept.to_pylist() == expected
    assert kept.type == array.type
    assert kept.null_count == expected.count(None)
    kept.validate(full=True)


def test_without_gives_the_same_array_when_nothing_is_taken_out():
    """Without rows to take out, the same array comes back."""
    assert without(ARRAYS[0], np.zeros(5, dtype=bool)) is ARRAYS[0]


def test_valid_mask_marks_what_is_there():
    """The mask is False exactly for nulls."""
    assert valid_mask(ARRAYS[0]).tolist() == [True, True, False, True, True]
    assert valid_mask(ARRAYS[0].slice(3)).tolist() == [True, True]


def test_text_bytes_are_those_of_the_slice():
    """A slice of a longer array has its own bytes and bounds."""
    bounds, letters = text_bytes(pa.array(["ab", "c", "", "de"], pa.large_string()).slice(1))

    assert (bounds.tolist(), letters.tobytes()) == ([0, 1, 1, 3], b"cde")


def test_words_begin_at_each_byte():
    """Eight bytes make one number, the first byte lowest; beyond the end there are zeros."""
    words = words_at_each_byte(np.frombuffer(b"abcdefghi", np.uint8))

    assert words[0] == int.from_bytes(b"abcdefgh", "little")
    assert words[-2:].tolist() == [ord("i"), 0]


@pytest.mark.parametrize(("pattern", "holds"), [(b"b", True), (b".0", True), (b"x", False)])
def test_holds_any_looks_at_all_texts(pattern, holds):
    """All texts are searched at once."""
    assert holds_any(pa.array(["ab", "1.0"], pa.large_string()), b"\0", pattern) is holds
