"""The type of a bare column of a CSV file."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from events_pandas.mapping import Column, Constant, Date, Number, Text
from events_pandas.sources import typed_mapping


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        (["1", "-2", "3.50", "0", "0.5"], Number),
        (["1", "", "2"], Number),
        (["00123", "4"], Text),
        (["1", "two"], Text),
        (["1e5"], Text),
        (["NaN", "1"], Text),
        (["999999999999999"], Number),
        (["1234567890123456"], Text),
    ],
)
def test_bare_column_is_a_number_when_all_cells_are_plain_numbers(write, make_mapping, cells, rule):
    """Leading zeros, exponents and more than 15 digits make a text of the whole column."""
    path = write("a.csv", "who,day,x\n" + "".join(f"1,2,{cell}\n" for cell in cells))

    mapping = typed_mapping(make_mapping(x="x", y=Column("x")), [path])

    assert dict(mapping.metadata) == {"x": rule("x"), "y": rule("x")}


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        (["1706702400", ""], Date("x", unit="s")),
        (["1706702400000"], Date("x", unit="s")),
        (["19970131", "20240131"], Date("x")),
        (["2024-01-31"], Text("x")),
    ],
)
def test_bare_numbers_under_a_dates_key_are_dates(write, make_mapping, cells, rule):
    """Intercom takes a number under such a key for a date; eight digits are a day."""
    path = write("a.csv", "who,day,x\n" + "".join(f"1,2,{cell}\n" for cell in cells))

    assert typed_mapping(make_mapping(x_at="x"), [path]).metadata["x_at"] == rule


def test_rules_keep_their_type(write, make_mapping):
    """Only what has no type is given one."""
    path = write("a.csv", "who,day,x\n1,2,3\n")
    metadata = {"a": Text("x"), "b_at": Date("x"), "c": Constant("x"), "d": len, "e": "missing"}

    mapping = typed_mapping(make_mapping(**metadata), [path])

    assert dict(mapping.metadata) == metadata


def test_first_file_with_a_value_decides(write, make_mapping):
    """A file without a value in the column says nothing about its type."""
    paths = [write("a.csv", "who,day,x\n1,2,\n"), write("b.csv", "who,day,x\n1,2,3\n"), write("c.csv", "x\ntext\n")]

    assert typed_mapping(make_mapping(x="x"), paths).metadata["x"] == Number("x")


def test_bare_column_stays_bare_without_any_value(write, make_mapping):
    """Of an empty column nothing is known."""
    assert typed_mapping(make_mapping(x="x"), [write("a.csv", "who,day,x\n1,2,\n")]).metadata["x"] == "x"


def test_bare_column_stays_bare_when_its_name_stands_twice(write, make_mapping):
    """Which of them is meant is asked where the mapping meets the rows."""
    assert typed_mapping(make_mapping(x="x"), [write("a.csv", "x,x\n1,2\n")]).metadata["x"] == "x"


def test_parquet_columns_stay_bare(tmp_path, make_mapping):
    """A Parquet file knows the types of its columns."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": ["1"]}), path)

    assert typed_mapping(make_mapping(x="x"), [path]).metadata["x"] == "x"


def test_types_follow_from_the_first_ten_thousand_rows(write, make_mapping):
    """As many rows decide for every chunksize: it changes no payload."""
    path = write("a.csv", "who,day,x\n" + "1,2,3\n" * 9_999 + "1,2,text\n")

    assert typed_mapping(make_mapping(x="x"), [path]).metadata["x"] == Text("x")
