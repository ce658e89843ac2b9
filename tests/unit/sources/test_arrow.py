"""Arrow and Feather files as frames with the file's own types."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pytest

from events_pandas import check_file
from events_pandas.sources import read_chosen_rows, row_count, source_files, source_schema

TABLE = pa.table({"other": [0.5, 1.5, 2.5], "who": ["00042", None, "3"], "day": [1, 2, None]})


def write_file(path, table, **options):
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, **options)


def write_stream(path, table, **options):
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, **options)


def write_feather(path, table, max_chunksize=None):
    pyarrow.feather.write_feather(table, path, chunksize=max_chunksize, compression="zstd")


@pytest.fixture(params=[write_file, write_stream, write_feather])
def write_arrow(request, tmp_path):
    """Write a table as a file, as a stream, or as Feather with compressed columns."""

    def write_arrow(table, **options):
        path = tmp_path / "a.arrow"
        request.param(path, table, **options)
        return path

    return write_arrow


def test_arrow_has_its_own_types(write_arrow, read):
    """A column of integers with a gap keeps its type, and columns that no rule reads are not read."""
    (frame,) = read(write_arrow(TABLE))

    assert frame.columns.tolist() == ["who", "day"]
    assert frame["who"].fillna("").tolist() == ["00042", "", "3"]
    assert str(frame["day"].dtype) == "int64[pyarrow]"


def test_arrow_comes_in_chunks_that_count_on(write_arrow, read):
    """A chunk has at most `chunksize` rows, with record batches of any length."""
    path = write_arrow(pa.table({"who": list("abcde"), "day": [1] * 5}), max_chunksize=3)

    assert [frame.index.tolist() for frame in read(path, chunksize=2)] == [[0, 1], [2], [3, 4]]
    assert row_count(*source_files(path)) == 5


def test_arrow_without_rows_is_one_empty_chunk(write_arrow, read):
    """A file with a schema only gives one empty chunk."""
    path = write_arrow(pa.table({"who": pa.array([], pa.string()), "day": pa.array([], pa.int64())}))

    (frame,) = read(path)

    assert frame.shape == (0, 2)
    assert row_count(*source_files(path)) == 0


def test_arrow_keeps_columns_of_the_same_name(write_arrow, read):
    """Two columns with one name stay two, so that a mapping of that name can be refused."""
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array([3])], names=["who", "day", "who"])

    (frame,) = read(write_arrow(table))

    assert sorted(frame.columns) == ["day", "who", "who"]


def test_arrow_holds_all_columns_when_one_is_missing(write_arrow, read):
    """If a column is missing, all columns are read, so that the error can name them."""
    (frame,) = read(write_arrow(pa.table({"other": [1], "who": ["1"]})))

    assert frame.columns.tolist() == ["other", "who"]


def test_schema_of_an_arrow_file_is_its_own(write_arrow):
    """The schema has the types, without the metadata of pandas."""
    table = pa.Table.from_pandas(pd.DataFrame({"size": [1]}, index=pd.Index(["a"], name="who")))

    schema = source_schema(*source_files(write_arrow(table)))

    assert dict(zip(schema.names, schema.types, strict=True))["size"] == pa.int64()
    assert schema.metadata is None


@pytest.mark.parametrize(
    "array",
    [
        pa.array(["a", "b"]).dictionary_encode(),
        pa.array([[1], [2]]),
        pa.array([{"a": 1}, None]),
        pa.array([b"a", b"b"]),
        pa.array([1, None], pa.timestamp("ns", "Europe/Berlin")),
        pa.array([1, None], pa.duration("s")),
        pa.array([None, None]),
    ],
    ids=lambda array: str(array.type),
)
def test_arrow_column_of_any_type_is_read(write_arrow, read, array):
    """A column arrives as it would in a frame, also if its type cannot be sent."""
    (frame,) = read(write_arrow(pa.table({"who": array, "day": [1, 2]})))

    assert frame["who"].dtype == pd.ArrowDtype(array.type)
    assert pa.array(frame["who"]).to_pylist() == array.to_pylist()


def test_chosen_rows_of_an_arrow_file_are_those_of_the_file(write_arrow):
    """Rows count from the file's first, and have every column."""
    (rows,) = read_chosen_rows(*source_files(write_arrow(TABLE, max_chunksize=1)), np.array([2]))

    assert rows.fillna(0).to_dict("list") == {"other": [2.5], "who": ["3"], "day": [0]}


def test_arrow_with_a_time_that_cannot_be_written_is_checked(write_arrow, make_mapping):
    """A time in a year such as 36812 is an error of its row: Python, which has no such year, does not read it."""
    times = pa.array([2**40, 0], pa.timestamp("s"))
    path = write_arrow(pa.table({"who": ["1", "2"], "day": ["2024-01-31", "2024-02-01"], "t": times}))

    report = check_file(path, make_mapping(price_at="t"))

    assert report.problems.query("severity == 'error'")["code"].tolist() == ["time_unreadable"]
