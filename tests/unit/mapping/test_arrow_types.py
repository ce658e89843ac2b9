"""Columns of types for which Arrow, pandas or this machine lack something."""

import uuid

import pandas as pd
import pyarrow as pa
import pytest

from events_pandas import suggest_mapping
from events_pandas.mapping.arrow_types import readable, sliceable, sliceable_table


def _column(array):
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([array])))


def _view(values, view_type):
    # pandas cannot make a column of views from a list.
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(values, view_type)])))


@pytest.mark.parametrize(
    ("values", "view_type", "plain"),
    [(["a", None], pa.string_view(), pa.large_string()), ([b"a", None], pa.binary_view(), pa.large_binary())],
)
def test_views_become_what_they_are_views_of(values, view_type, plain):
    """The values and the index stay."""
    column = readable(_view(values, view_type))

    assert column.dtype == pd.ArrowDtype(plain)
    assert pa.array(column).to_pylist() == values


NOON = 1_706_702_400
UNKNOWN = ["Z", "GMT+01:00", "UTC+1", "+0100", "psycopg2.tz.FixedOffsetTimezone(offset=60, name=None)", "Local", "a\0b"]


@pytest.mark.parametrize("zone", UNKNOWN)
def test_unknown_zone_is_a_mere_label(zone):
    """Times in a zone are instants: they are the same in UTC, also in dictionaries, runs and nested values."""
    times = pa.array([NOON, None], pa.timestamp("s", zone))
    utc = pa.array([NOON, None], pa.timestamp("s", "UTC"))
    nested = pa.StructArray.from_arrays([pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), times)], ["a"])

    columns = [times, times.dictionary_encode(), pa.RunEndEncodedArray.from_arrays(pa.array([1, 2], pa.int16()), times)]

    for column in columns:
        assert pa.chunked_array(pa.array(readable(_column(column)))).equals(pa.chunked_array([utc]))
    assert readable(_column(nested)).tolist() == [{"a": [pd.Timestamp(NOON, unit="s", tz="UTC")]}, {"a": [None]}]


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin", "+01:00"])
def test_known_zone_is_kept(zone):
    """A callable may ask for the hour in it."""
    column = _column(pa.array([NOON], pa.timestamp("s", zone)))

    assert readable(column) is column


def test_sliceable_keeps_every_type_of_which_rows_can_be_taken():
    """Rejects have the types of the rows that were submitted."""
    views, runs = _view(["a", "b"], pa.string_view()), pa.RunEndEncodedArray.from_arrays(pa.array([2]), pa.array([5]))
    times = _column(pa.array([NOON], pa.timestamp("s", "Z")))

    assert sliceable(times) is times
    assert sliceable(views).iloc[[1, 0]].tolist() == ["b", "a"]
    assert sliceable(_column(runs)).iloc[[1, 0]].tolist() == [5, 5]


def test_sliceable_table_changes_views_and_unknown_zones_only():
    """Two columns may have one name, and a table no rows."""
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


def test_suggestion_reads_what_this_machine_does_not_know():
    """Times in an unknown zone, UUIDs and bytes are what a check reads of them."""
    frame = pd.DataFrame(
        {
            "user_id": _column(pa.array([bytes([row]) * 16 for row in range(3)], pa.binary(16))),
            "created_at": _column(pa.array([NOON, NOON + 1, NOON + 2], pa.timestamp("s", "GMT+01:00"))),
            "email": [b"a@example.org", b"b@example.org", b"c@example.org"],
            "order_id": [uuid.UUID(int=row) for row in range(3)],
            "nested": _column(pa.array([{"a": NOON}] * 3, pa.struct([("a", pa.timestamp("s", "Z"))]))),
        }
    )

    suggested = suggest_mapping(frame)

    assert (suggested.created_at, suggested.user_id) == ("created_at", "user_id")
    assert "# times with a zone" in str(suggested)
    assert "order_id" in suggested.metadata
    assert "nested" not in suggested.metadata


def test_suggestion_reads_an_index_in_an_unknown_zone():
    """A level of the index is a column like any other, and one without a name is told to get one."""
    index = pd.Index(_column(pa.array([NOON, NOON + 1], pa.timestamp("s", "Z"))))
    frame = pd.DataFrame({"user_id": ["a", "b"], "created_at": [NOON, NOON + 1]}, index=index)

    assert "the index has no name" in str(suggest_mapping(frame))
    assert suggest_mapping(frame[["user_id"]].rename_axis("created_at")).created_at == "created_at"


def test_other_columns_stay_as_they_are():
    """Nothing is made anew for nothing."""
    column = pd.Series(["a"])

    assert readable(column) is column


def test_suggestion_reads_views():
    """A proposal looks at what a check can read."""
    frame = pd.DataFrame(
        {"customer_id": _view(["a", "b"], pa.string_view()), "created_at": [1_706_702_400, 1_706_702_401]}
    )

    assert suggest_mapping(frame).user_id == "customer_id"
