"""Parquet files as frames with the file's own types."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def write_parquet(tmp_path):
    """Write columns to a Parquet file."""

    def write(columns, **options):
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table(columns), path, **options)
        return path

    return write


def test_parquet_keeps_integers_with_a_gap(write_parquet, read):
    """An identifier beyond 2^53 stays exact beside a missing one."""
    path = write_parquet({"who": pa.array([2**53 + 1, None]), "day": [1, 2]})

    (frame,) = read(path)

    assert frame["who"].tolist() == [9007199254740993, pd.NA]
    assert str(frame["who"].dtype) == "int64[pyarrow]"


def test_parquet_comes_in_chunks_that_count_on(write_parquet, read):
    """A chunk has at most `chunksize` rows, with any row groups in the file."""
    path = write_parquet({"who": ["1", "2", "3"], "day": [1, 2, 3]}, row_group_size=1)

    frames = read(path, chunksize=2)

    assert [frame.index.tolist() for frame in frames] == [[0, 1], [2]]


def test_parquet_without_rows_is_one_empty_chunk(write_parquet, read):
    """A file with a schema only gives one empty chunk."""
    (frame,) = read(write_parquet({"who": pa.array([], pa.string()), "day": pa.array([], pa.int64())}))

    assert frame.shape == (0, 2)


def test_parquet_holds_mapped_columns_only(write_parquet, read):
    """Columns that no rule reads are not read from the disk."""
    (frame,) = read(write_parquet({"other": [1], "who": ["1"], "day": [1]}))

    assert frame.columns.tolist() == ["who", "day"]


def test_parquet_holds_all_columns_when_one_is_missing(write_parquet, read):
    """If a column is missing, all columns are read, so that the error can name them."""
    (frame,) = read(write_parquet({"other": [1], "who": ["1"]}))

    assert frame.columns.tolist() == ["other", "who"]


def test_parquet_keeps_columns_of_the_same_name(write_parquet, read):
    """Two columns with one name stay two, so that a mapping of that name can be refused."""
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array([3])], names=["who", "day", "who"])

    (frame,) = read(write_parquet(table))

    assert sorted(frame.columns) == ["day", "who", "who"]


def test_parquet_that_pandas_wrote_keeps_its_index_level_as_a_column(tmp_path, read):
    """A saved index with a name is a column that can be mapped."""
    orders = pd.DataFrame({"day": ["2024-01-31"]}, index=pd.Index(["00042"], name="who"))
    orders.to_parquet(tmp_path / "a.parquet")

    (frame,) = read(tmp_path / "a.parquet")

    assert frame["who"].tolist() == ["00042"]


@pytest.mark.parametrize("zone", ["Z", "GMT+01:00", "Local"])
def test_parquet_of_an_unknown_zone_holds_instants(write_parquet, read, zone):
    """Times in an unknown zone are read as the same instants in UTC."""
    times = pa.array([1_706_702_400_000, None], pa.timestamp("ms", zone))

    (frame,) = read(write_parquet({"who": times, "day": [1, 2]}))

    assert frame["who"].iloc[0] == pd.Timestamp("2024-01-31T12:00", tz="UTC")
    assert frame["who"].isna().tolist() == [False, True]


def test_parquet_of_a_known_zone_keeps_it(write_parquet, read):
    """A known zone is kept, since a callable may ask for the hour in it."""
    times = pa.array([1_706_702_400_000], pa.timestamp("ms", "Asia/Tokyo"))

    (frame,) = read(write_parquet({"who": times, "day": [1]}))

    assert frame["who"].dt.hour.tolist() == [21]
