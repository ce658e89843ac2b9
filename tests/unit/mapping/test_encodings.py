"""Bytes as text: UUIDs, and bytes that are UTF-8."""

import uuid

import pyarrow as pa
import pytest

from events_pandas.mapping.arrow_types import decoded, text_of, uuid_text

SOME = [uuid.UUID(int=0), None, uuid.UUID(int=2**128 - 1), uuid.UUID("0abcdef0-0000-4000-8000-00000000000f")]


@pytest.mark.parametrize("cut", [slice(None), slice(1, None), slice(1, 3), slice(0, 0)])
def test_uuid_is_written_in_lower_case_with_dashes(cut):
    """As Python writes it, also of a slice of an array."""
    array = pa.array([None if one is None else one.bytes for one in SOME], pa.binary(16))[cut]

    assert uuid_text(array).to_pylist() == [None if one is None else str(one) for one in SOME[cut]]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_bytes_that_are_not_utf8_are_told_apart(kind):
    """One of them leaves the others alone."""
    texts, is_lost = decoded(pa.array(["ä".encode(), None, b"\xff", b""], kind))

    assert texts.to_pylist() == ["ä", None, None, ""]
    assert is_lost.tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    ("cell", "text"), [(b"a", "a"), (bytearray(b"a"), "a"), (memoryview(b"a"), "a"), (b"\xff", None)]
)
def test_bytes_of_python_are_read_alike(cell, text):
    """Bytes are bytes, in whatever type of Python."""
    assert text_of(cell) == text
