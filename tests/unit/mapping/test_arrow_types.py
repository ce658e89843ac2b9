"""Arrow types that Arrow, pandas or this machine cannot read everywhere, bytes and UUIDs."""

import uuid

import pandas as pd
import pyarrow as pa
import pytest

from events_pandas.mapping.arrow_types import decoded, readable, sliceable, sliceable_table, text_of, uuid_text

NOON = 1_706_702_400
UNKNOWN = ["Z", "GMT+01:00", "UTC+1", "+0100", "psycopg2.tz.FixedOffsetTimezone(offset=60, name=None)", "Local", "a\0b"]
SOME = [uuid.UUID(int=0), None, uuid.UUID(int=2**128 - 1), uuid.UUID("0abcdef0-0000-4000-8000-00000000000f")]


def _column(array):
    # pandas cannot make a column of views from a list.
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([array])))


@pytest.mark.parametrize(
    ("values", "view_type", "plain"),
    [(["a", None], pa.string_view(), pa.large_string()), ([b"a", None], pa.binary_view(), pa.large_binary())],
)
def test_views_become_strings_and_bytes(values, view_type, plain):
    """A column of views becomes one of strings or bytes with the same values and index."""
    column = readable(_column(pa.array(values, view_type)))

    assert column.dtype == pd.ArrowDtype(plain)
    assert pa.array(column).to_pylist() == values


@pytest.mark.parametrize("zone", UNKNOWN)
def test_unknown_zone_is_a_mere_label(zone):
    """Times in an unknown zone are the same instants in UTC, also in dictionaries, runs and nested values."""
    times = pa.array([NOON, None], pa.timestamp("s", zone))
    utc = pa.array([NOON, None], pa.timestamp("s", "UTC"))
    nested = pa.StructArray.from_arrays([pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), times)], ["a"])

    columns = [times, times.dictionary_encode(), pa.RunEndEncodedArray.from_arrays(pa.array([1, 2], pa.int16()), times)]

    for column in columns:
        assert pa.chunked_array(pa.array(readable(_column(column)))).equals(pa.chunked_array([utc]))
    assert readable(_column(nested)).tolist() == [{"a": [pd.Timestamp(NOON, unit="s", tz="UTC")]}, {"a": [None]}]


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin", "+01:00"])
def test_known_zone_is_kept(zone):
    """A column in a known zone keeps it, since a callable may ask for the hour in it."""
    column = _column(pa.array([NOON], pa.timestamp("s", zone)))

    assert readable(column) is column


def test_sliceable_keeps_every_type_whose_rows_can_be_taken():
    """Rejects have the types of the rows that were submitted, unless Arrow cannot take rows of a type."""
    views, runs = (
        _column(pa.array(["a", "b"], pa.string_view())),
        pa.RunEndEncodedArray.from_arrays(pa.array([2]), pa.array([5])),
    )
    times = _column(pa.array([NOON], pa.timestamp("s", "Z")))

    assert sliceable(times) is times
    assert sliceable(views).iloc[[1, 0]].tolist() == ["b", "a"]
    assert sliceable(_column(runs)).iloc[[1, 0]].tolist() == [5, 5]


def test_sliceable_table_changes_views_and_unknown_zones_only():
    """A table keeps its other types, also with two columns of one name, and without rows."""
    columns = [
        pa.array(["a"], pa.string_view()),
        pa.array([NOON], pa.timestamp("s", "Z")),
        pa.array([bytes(16)], pa.binary(16)),
        pa.array([NOON], pa.timestamp("s", "Asia/Tokyo")),
    ]
    table = pa.Table.from_arrays(columns, names=["x", "x", "y", "z"])
    kinds = [pa.large_string(), pa.timestamp("s", "UTC"), pa.binary(16), pa.timestamp("s", "Asia/Tokyo")]

    for rows in (table, table.schema.empty_table()):
        changed = sliceable_table(rows)
        assert (changed.column_names, changed.schema.types) == (["x", "x", "y", "z"], kinds)
        assert len(changed) == len(rows)


def test_other_columns_stay_as_they_are():
    """A column that pandas can read is returned as it is."""
    column = pd.Series(["a"])

    assert readable(column) is column


@pytest.mark.parametrize("cut", [slice(None), slice(1, None), slice(1, 3), slice(0, 0)])
def test_uuid_is_written_in_lower_case_with_dashes(cut):
    """A UUID is written as Python writes it, also in a slice of an array."""
    array = pa.array([None if one is None else one.bytes for one in SOME], pa.binary(16))[cut]

    assert uuid_text(array).to_pylist() == [None if one is None else str(one) for one in SOME[cut]]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_bytes_that_are_not_utf8_have_a_code_of_their_own(kind):
    """Bytes that are not UTF-8 become null and are marked; the other cells are read."""
    texts, is_lost = decoded(pa.array(["ä".encode(), None, b"\xff", b""], kind))

    assert texts.to_pylist() == ["ä", None, None, ""]
    assert is_lost.tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    ("cell", "text"), [(b"a", "a"), (bytearray(b"a"), "a"), (memoryview(b"a"), "a"), (b"\xff", None)]
)
def test_bytes_of_all_types_are_read(cell, text):
    """All of Python's types of bytes are read in the same way."""
    assert text_of(cell) == text
