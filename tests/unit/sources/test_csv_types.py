"""The types of the columns of CSV files: of bare columns, and of columns that callables read."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from events_pandas.mapping import Column, Constant, Date, Number, Text
from events_pandas.mapping.column_types import Remark
from events_pandas.sources import ColumnTypes, column_types, source_files, with_types
from events_pandas.sources.files import ComputedType


@pytest.fixture
def types_of(write, make_mapping):
    """Return a function that returns the types of a column `x` with some cells."""

    def types_of(cells, key="x"):
        path = write("a.csv", "who,day,x\n" + "".join(f"1,2,{cell}\n" for cell in cells))
        return column_types(make_mapping(**{key: "x"}), source_files(path))

    return types_of


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        (["1", "-2", "3.50", "0", "0.5"], Number),
        (["1", "", "2"], Number),
        (["00123", "4"], Text),
        (["1", "two"], Text),
        (["1e5"], Text),
        (["1e-05", "2.5e-06", "3.0"], Number),
        (["007", "1", "2", "3"], Text),
        (["NaN", "1"], Number),
        (["N/A", "-", "null", "1"], Number),
        (["1", "2", "3", "oops"], Number),
        (["1", "2", "oops"], Text),
        (["999999999999999"], Number),
        (["1234567890123456"], Text),
        (["2024-01-31"], Text),
        (["1", "x", "2", "x", "3"], Number),
    ],
)
def test_bare_column_is_a_number_when_most_of_its_cells_are_plain_numbers(types_of, cells, rule):
    """Three quarters of the cells decide; words for absent values, and the column's own name, do not count."""
    assert types_of(cells).rules == {"metadata.x": rule("x")}


@pytest.mark.parametrize(("n_codes", "rule"), [(9, Number), (10, Text)])
def test_codes_with_leading_zeros_make_a_column_text(types_of, n_codes, rule):
    """A column is text if one hundredth of its numbers has leading zeros, as the post code 00501 has."""
    cells = ["00501"] * n_codes + ["12345"] * (1_000 - n_codes)

    assert types_of(cells).rules == {"metadata.x": rule("x")}


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        (["1706702400", ""], Date("x", unit="s")),
        (["1706702400", "N/A", "oops", "1706702401", "1706702402"], Date("x", unit="s")),
        (["1706702400000"], Date("x", unit="s")),
        (["19970131", "20240131"], Date("x")),
        (["2024-01-31"], Date("x")),
        (["2024-01-31T12:00:00Z", "2024-01-31 12:00:00.5", "20240131"], Date("x")),
        (["2024-01-31T12:00:00Z", "soon"], Text("x")),
    ],
)
def test_bare_times_under_a_dates_key_are_dates(types_of, cells, rule):
    """Numbers under a date's key are dates, as for Intercom: eight digits are a day, others count seconds."""
    assert types_of(cells, key="x_at").rules == {"metadata.x_at": rule}


@pytest.mark.parametrize(
    ("cells", "key", "value"),
    [
        (["1", "2", "oops"], "x", "2 numbers among 3 values"),
        (["+1.5", "+7", ".5"], "x", "3 numbers among 3 values"),
        ([" 5", " 6"], "x", "2 numbers among 2 values"),
        (["1.234 €", "99.90\xa0€", "$5", "CHF 1\u2019000.00", "R$ 7"], "x", "5 numbers among 5 values"),
        (["31.01.2024"], "x_at", "0 dates among 1 values"),
        (["2024-01-31", "2024-02-01", "soon"], "x_at", "2 dates among 3 values"),
    ],
)
def test_remark_says_that_a_column_of_mostly_numbers_is_text(types_of, cells, key, value):
    """A note with the counts says that a column of mostly numbers is sent as text."""
    assert types_of(cells, key).remarks == {f"metadata.{key}": Remark(code="sent_as_text", value=value)}


@pytest.mark.parametrize(
    "cells", [["1", "2", "3", "oops"], ["a", "b", "3"], ["a", "3"], [""], ["10.0.0.1", "31.01.2024"]]
)
def test_column_has_no_remark_if_most_cells_are_of_the_type(types_of, cells):
    """A column has no note if most cells have the type, and odd cells are problems of their rows."""
    assert types_of(cells).remarks == {}


def test_rules_keep_their_type(write, make_mapping):
    """Only bare columns get a type."""
    path = write("a.csv", "who,day,x\n1,2,3\n")
    metadata = {"a": Text("x"), "b_at": Date("x"), "c": Constant("x"), "e": "missing"}

    assert column_types(make_mapping(**metadata), source_files(path)) == ColumnTypes()


def test_column_means_what_its_label_means(write, make_mapping):
    """A bare label means the same as its Column."""
    path = write("a.csv", "who,day,x\n1,2,3\n")

    assert column_types(make_mapping(x=Column("x")), source_files(path)).rules == {"metadata.x": Number("x")}


@pytest.mark.parametrize("turn", [1, -1])
def test_all_rows_of_all_files_decide_in_any_order(write, make_mapping, turn):
    """The order of rows and files does not change a type."""
    rows = ["1,2,text\n"] * 10_000 + ["1,2,3\n"] * 30_000
    paths = [
        write("a.csv", "who,day,x\n" + "".join(rows[::turn])),
        write("b.csv", "x\n" + "no\n" * 100),
        write("c.csv", "who\n1\n"),
    ]

    types = column_types(make_mapping(x="x"), source_files(paths[::turn]))

    assert types.rules == {"metadata.x": Text("x")}
    assert types.remarks["metadata.x"].value == "30,000 numbers among 40,100 values"


def test_bare_column_has_no_type_without_any_value(write, make_mapping):
    """A column without a value has no type."""
    assert column_types(make_mapping(x="x"), source_files(write("a.csv", "who,day,x\n1,2,\n"))).rules == {}


def test_bare_column_has_no_type_when_its_name_stands_twice(write, make_mapping):
    """A column whose name stands twice has no type here: binding refuses it."""
    assert column_types(make_mapping(x="x"), source_files(write("a.csv", "x,x\n1,2\n"))).rules == {}


def test_parquet_columns_are_not_read(tmp_path, make_mapping):
    """A Parquet file has types of its own, and is not read."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": ["1"]}), path)

    assert column_types(make_mapping(x="x"), source_files(path)).rules == {}


def test_reading_types_tells_how_far_it_is(write, make_mapping):
    """The progress function gets the number of rows read."""
    counted = []

    column_types(make_mapping(x="x"), source_files(write("a.csv", "who,day,x\n1,2,3\n1,2,4\n")), advance=counted.append)

    assert counted == [2]


def test_mapping_with_types_has_them_where_it_had_labels(make_mapping):
    """Only bare columns are replaced."""
    typed = with_types(make_mapping(x="x", y=Text("y"), z="z"), {"metadata.x": Number("x")})

    assert dict(typed.metadata) == {"x": Number("x"), "y": Text("y"), "z": "z"}


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        (["1", "-2"], "int64"),
        (["1", ""], "float64"),
        (["1.5", "2", "3", "oops"], "float64"),
        (["1", "2", "N/A"], "float64"),
        (["True", "false"], "bool"),
        (["True", ""], None),
        (["1", "oops"], None),
        (["00501", "12345"], None),
        (["2024-01-31"], None),
        ([""], None),
    ],
)
def test_columns_that_callables_read_have_one_dtype(write, make_mapping, cells, dtype):
    """All cells decide the dtype: an odd cell in a later chunk does not make text of the numbers."""
    path = write("a.csv", "who,day,x\n" + "".join(f"1,2,{cell}\n" for cell in cells))

    types = column_types(make_mapping(n=Number(lambda frame: frame["x"])), source_files(path))

    assert types.computed == ({} if dtype is None else {"x": ComputedType(dtype=dtype)})


def test_column_without_a_name_has_a_dtype_for_callables(write, make_mapping):
    """A comma at the end of the header makes a column without a name, which a callable may read by its place."""
    path = write("a.csv", "who,day,\n1,2,3\n")

    types = column_types(make_mapping(n=Number(lambda frame: frame.iloc[:, 2])), source_files(path))

    assert types.computed == {"": ComputedType(dtype="int64")}
