"""Tables of Polars, DuckDB, pyarrow and Narwhals become frames, whole or batch by batch."""

import duckdb
import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from events_pandas.mapping import Constant, as_frame, frames_of, is_streamed, read_table

BIG = 2**53 + 1
TABLE = pa.table({"customer": [BIG, None, 3], "time": ["a", "b", None], "extra": [1.5, None, 2.5]})
EXPECTED = "expected rows in a pandas DataFrame, or in a table of Polars, DuckDB or pyarrow, got "
SEVERAL = "frames: expected several DataFrames, or a table that is read in batches, got "


class Stream:
    """A table of a library that only has the interface of streams."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


class Array:
    """A record batch of a library that only has the interface of arrays."""

    def __arrow_c_array__(self, requested_schema=None):
        return TABLE.combine_chunks().to_batches()[0].__arrow_c_array__(requested_schema)


class OldQuery:
    """A query of a Polars that gives no batches."""

    def collect_schema(self):
        return pl.from_arrow(TABLE).collect_schema()

    def select(self, names):
        assert names == ["customer", "time"]
        return self

    def collect(self):
        return pl.from_arrow(TABLE)


class Cursor:
    """A cursor of a database: an iterator over rows."""

    def __iter__(self):
        return iter([(1,)])

    def fetchmany(self):
        return [(1,)]


class Spark:
    """A DataFrame of PySpark, whose attributes are columns."""

    def __getattr__(self, name):
        return name

    def toPandas(self):  # noqa: N802  # Spark's name.
        raise AssertionError

    def mapInArrow(self):  # noqa: N802  # Spark's name.
        raise AssertionError

    def __arrow_c_stream__(self, requested_schema=None):
        raise AssertionError


@pytest.fixture
def dataset(tmp_path):
    """A dataset of two Parquet files."""
    for number in range(2):
        pq.write_table(TABLE, tmp_path / f"{number}.parquet")
    return ds.dataset(tmp_path)


@pytest.fixture
def relation():
    """A relation of DuckDB on a connection of its own."""
    with duckdb.connect() as connection:
        yield connection.from_arrow(TABLE)


@pytest.fixture
def read(mapping):
    """Return a function that returns the frames of a stream."""

    def read(frames, *, chunksize=100, **fields):
        return list(frames_of(frames, mapping(**fields), chunksize=chunksize))

    return read


@pytest.mark.parametrize(
    "table",
    [
        TABLE,
        TABLE.combine_chunks().to_batches()[0],
        Stream(TABLE),
        Array(),
        OldQuery(),
        pl.from_arrow(TABLE),
        pl.from_arrow(TABLE).lazy(),
        nw.from_native(pl.from_arrow(TABLE)),
        nw.from_native(pl.from_arrow(TABLE).lazy()),
        nw.from_native(TABLE),
    ],
    ids=lambda table: f"{type(table).__module__}.{type(table).__name__}",
)
def test_table_is_a_frame_with_a_new_index(mapping, table):
    """*Frames have Arrow dtypes*, the columns that the mapping reads, and a `RangeIndex`."""
    frame = as_frame(table, mapping())

    assert frame.columns.tolist() == ["customer", "time"]
    assert frame["customer"].tolist() == [BIG, pd.NA, 3]
    assert frame["time"].tolist() == ["a", "b", pd.NA]
    assert frame["customer"].dtype == pd.ArrowDtype(pa.int64())
    assert isinstance(frame.index, pd.RangeIndex)


def test_relation_of_duckdb_is_a_frame(mapping, relation):
    """A relation is executed whenever its rows are read."""
    for rows in (relation, relation, nw.from_native(relation)):
        assert as_frame(rows, mapping())["customer"].tolist() == [BIG, pd.NA, 3]


def test_dataset_is_a_frame(mapping, dataset):
    """All files of a dataset are read."""
    assert as_frame(dataset, mapping())["customer"].tolist() == [BIG, pd.NA, 3] * 2


def test_pandas_frame_stays_as_it_is(mapping):
    """A frame of pandas keeps its index, its dtypes and all its columns, also inside a frame of Narwhals."""
    frame = TABLE.to_pandas().set_axis(["x", "y", "z"])

    assert as_frame(frame, mapping()) is frame
    assert as_frame(nw.from_native(frame), mapping()) is frame


def test_what_is_not_a_table_stays_as_it_is():
    """Functions that take a frame beside others refuse it in their own words."""
    rows = [{"customer": 1}]

    assert read_table(rows) is rows


def test_all_columns_are_taken_when_a_callable_may_read_them(mapping):
    """Nobody knows which columns a callable reads."""
    frame = as_frame(TABLE, mapping(metadata={"x": lambda frame: frame["extra"]}))

    assert frame.columns.tolist() == ["customer", "time", "extra"]


def test_all_columns_are_taken_when_one_is_missing(mapping):
    """The error for a missing column names those that are there."""
    assert as_frame(TABLE, mapping(metadata={"x": "y"})).columns.tolist() == TABLE.column_names


def test_column_with_the_event_name_is_taken(mapping):
    """An event name that is also a column is an error, which needs the column."""
    assert "extra" in as_frame(TABLE, mapping(event_name="extra"))


def test_rows_are_kept_when_the_mapping_reads_no_column(mapping):
    """A mapping of constants has an event for each row; so has a table without columns."""
    constants = mapping(created_at=Constant(1), user_id=Constant("ada"))

    assert len(as_frame(pl.from_arrow(TABLE), constants)) == 3
    assert as_frame(TABLE.select([]), constants).shape == (3, 0)


def test_columns_of_one_name_keep_their_types():
    """Two columns may have one name."""
    table = pa.table([pa.array([1, None]), pa.array(["a", None])], names=["x", "x"])

    for rows in (table, table.schema.empty_table()):
        frame = as_frame(rows)
        assert frame.columns.tolist() == ["x", "x"]
        assert frame.dtypes.tolist() == [pd.ArrowDtype(pa.int64()), pd.ArrowDtype(pa.string())]


def test_columns_share_the_memory_of_the_table():
    """A column whose type pandas can take is not copied."""
    (chunk,) = pa.chunked_array(pa.array(as_frame(TABLE)["customer"])).chunks

    assert chunk.buffers()[1].address == TABLE["customer"].chunk(0).buffers()[1].address


@pytest.mark.parametrize(
    ("rows", "got"),
    [
        ([{"time": 1}], "a list: make a frame with pd.DataFrame(rows)"),
        ({"time": [1]}, "a dict: make a frame with pd.DataFrame(rows)"),
        ("a.csv", "a str: check_file and submit_file take the path of a file"),
        (iter([TABLE]), "a list_iterator: iter_submit takes several frames"),
        (pl.Series(["a"]), "a polars.series.series.Series: call its to_frame()"),
        (nw.from_native(pl.Series(["a"]), series_only=True), "a polars.series.series.Series: call its to_frame()"),
        (TABLE["time"], "a pyarrow.lib.ChunkedArray: call its to_pandas()"),
        (Cursor(), f"a {__name__}.Cursor: read its rows with pd.read_sql(query, connection)"),
        (Spark(), f"a {__name__}.Spark: events_pandas.engines.spark has functions for it"),
        (None, "a NoneType"),
        (pl.DataFrame, "a type"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_rows_that_are_not_a_table_are_refused(mapping, rows, got):
    """*A TypeError names the module of what came*, and says how to make a frame of it."""
    with pytest.raises(TypeError) as caught:
        as_frame(rows, mapping())

    assert str(caught.value) == f"{EXPECTED}{got}"


@pytest.mark.parametrize("kind", [pl.Object, pl.Int128, pl.UInt128], ids=str)
def test_column_of_a_type_that_arrow_lacks_is_named(mapping, kind):
    """Arrow would take the addresses of objects for bytes: such a column is refused if the mapping reads it."""
    frame = pl.DataFrame({"customer": ["a"], "time": pl.Series([1], dtype=kind)})
    message = f"column 'time' has the type {kind()}, which Arrow lacks: cast it, or leave it out"

    for rows in (frame, frame.lazy()):
        with pytest.raises(TypeError) as caught:
            as_frame(rows, mapping())
        assert str(caught.value) == message
    assert as_frame(frame, mapping(created_at=Constant(1))).columns.tolist() == ["customer"]


def test_type_that_pyarrow_does_not_know_is_quoted():
    """A table that says nothing about its types is refused with what pyarrow says of them."""
    table = Stream(pl.DataFrame({"x": pl.Series([1], dtype=pl.Int128)}))

    with pytest.raises(TypeError) as caught:
        as_frame(table)

    assert str(caught.value) == (
        f"pyarrow {pa.__version__} cannot read a {__name__}.Stream (Invalid or unsupported format string: '_pli128'): "
        "cast its columns to other types, or leave them out"
    )


def test_batches_are_cut_and_kept_apart(read):
    """A batch is a frame of at most `chunksize` rows; a batch without rows may mean that its source waits."""
    batches = [TABLE, TABLE.schema.empty_table(), TABLE.slice(0, 1)]
    reader = pa.RecordBatchReader.from_batches(
        TABLE.schema, (pa.RecordBatch.from_pylist(table.to_pylist(), TABLE.schema) for table in batches)
    )

    frames = read(reader, chunksize=2)

    assert [frame["time"].tolist() for frame in frames] == [["a", "b"], [pd.NA], [], ["a"]]
    assert all(frame.columns.tolist() == ["customer", "time"] for frame in frames)


def test_query_is_streamed_in_chunks(read):
    """A query of Polars gives frames of exactly `chunksize` rows, and of only the columns that the mapping reads."""
    query = pl.LazyFrame({"customer": range(25), "time": range(25), "extra": range(25)})

    frames = read(query.filter(pl.col("extra") > 0), chunksize=10)

    assert [len(frame) for frame in frames] == [10, 10, 4]
    assert pd.concat(frames)["time"].tolist() == list(range(1, 25))
    assert frames[0].columns.tolist() == ["customer", "time"]


def test_every_table_is_a_stream(read, dataset, relation):
    """Each table is read in batches, and one that iterates over columns or rows is not taken for several."""
    tables = [TABLE, pl.from_arrow(TABLE), nw.from_native(pl.from_arrow(TABLE)), Stream(TABLE), Array(), OldQuery()]

    for table in (*tables, relation):
        assert [frame["time"].tolist() for frame in read(table, chunksize=2)] == [["a", "b"], [pd.NA]]
    assert [len(frame) for frame in read(dataset, chunksize=2)] == [2, 1, 2, 1]


@pytest.mark.parametrize(
    "table",
    [
        TABLE.slice(0, 0),
        pl.from_arrow(TABLE).lazy().filter(pl.col("extra") > 9),
    ],
    ids=lambda table: type(table).__name__,
)
def test_table_without_rows_is_one_empty_frame(read, table):
    """Its columns are known: a mapping that does not fit is an error."""
    (frame,) = read(table)

    assert frame.shape == (0, 2)


@pytest.mark.parametrize(
    "again", [as_frame, lambda reader, mapping: next(iter(frames_of(reader, mapping, chunksize=9)))]
)
def test_reader_that_was_read_before_is_warned_of(mapping, again):
    """Its rows are gone: a run that sends nothing would look like one that had nothing to send."""
    reader = TABLE.to_reader()
    assert len(as_frame(reader)) == 3

    with pytest.warns(UserWarning, match=r"^the RecordBatchReader has no rows: it gives them once, .* make a new one$"):
        frame = again(reader, mapping())

    assert frame.shape[0] == 0


def test_several_tables_are_frames(read):
    """Each frame of a stream may be of another library; it is not cut."""
    pandas = TABLE.to_pandas()

    frames = read([pandas, TABLE, pl.from_arrow(TABLE), pl.from_arrow(TABLE).lazy()], chunksize=1)

    assert frames[0] is pandas
    assert [len(frame) for frame in frames] == [3, 3, 3, 3]


def test_several_frames_go_on_after_an_error(mapping):
    """The map raises what an iterator raises, and asks it again."""

    class Failing:
        def __init__(self):
            self.steps = iter([TABLE, KeyboardInterrupt(), TABLE])

        def __iter__(self):
            return self

        def __next__(self):
            step = next(self.steps)
            if isinstance(step, BaseException):
                raise step
            return step

    frames = iter(frames_of(Failing(), mapping(), chunksize=9))

    assert len(next(frames)) == 3
    with pytest.raises(KeyboardInterrupt):
        next(frames)
    assert len(next(frames)) == 3


@pytest.mark.parametrize(
    ("frames", "got"),
    [
        ("a.csv", "a str: check_file and submit_file take the path of a file"),
        ({"a": TABLE}, "a dict"),
        (Cursor(), f"a {__name__}.Cursor: read its rows with pd.read_sql(query, connection)"),
        (Spark(), f"a {__name__}.Spark: events_pandas.engines.spark has functions for it"),
        (
            next(iter(ds.dataset(TABLE).get_fragments())),
            "a pyarrow._dataset.Fragment: call its to_table()",
        ),
        (5, "an int"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_frames_is_refused(read, frames, got):
    """The rows of a cursor and the letters of a path are not frames."""
    with pytest.raises(TypeError) as caught:
        read(frames)

    assert str(caught.value) == f"{SEVERAL}{got}"


def test_one_pandas_frame_is_not_several(read):
    """A DataFrame is an iterable of column labels, also inside a frame of Narwhals."""
    message = r"^frames: expected several DataFrames, got one: give a list or an iterator, or call submit_events$"

    for frames in (TABLE.to_pandas(), nw.from_native(TABLE.to_pandas())):
        with pytest.raises(TypeError, match=message):
            read(frames)


def test_error_of_a_reader_is_raised_unchanged(mapping):
    """A reader of record batches raises what its source raises."""

    def batches():
        yield from TABLE.to_batches()
        raise ValueError("the disk is gone")

    frames = iter(frames_of(pa.RecordBatchReader.from_batches(TABLE.schema, batches()), mapping(), chunksize=9))

    assert len(next(frames)) == 3
    with pytest.raises(ValueError, match=r"^the disk is gone$"):
        next(frames)


def test_streamed_tables_are_those_that_are_not_in_memory(dataset, relation):
    """Queries of Polars, datasets and readers are streamed; tables, and relations of DuckDB, are held."""
    assert all(map(is_streamed, [pl.LazyFrame(), nw.from_native(pl.LazyFrame()), dataset, TABLE.to_reader()]))
    assert not any(map(is_streamed, [TABLE, pl.DataFrame(), relation, TABLE.to_pandas(), None]))
