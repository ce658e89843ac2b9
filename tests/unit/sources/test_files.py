"""Files that paths and patterns name: their schemas, their first rows, chosen rows, and the number of rows."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from events_pandas import SourceFormat
from events_pandas.errors import SourceError
from events_pandas.sources import read_chosen_rows, read_chunks, read_first_rows, row_count, source_files, source_schema

ROWS = pd.DataFrame({"who": ["00", "01", "02", "03", "04"], "note": ["NA", "", "b", "c", "d"]})


def test_source_files_keeps_the_order_given_and_sorts_a_pattern(write, monkeypatch, tmp_path):
    """Files have the order of the arguments, and the files of a pattern the order of their names."""
    for name in ("b2.csv", "b1.csv", "a.parquet"):
        write(name, "")
    monkeypatch.chdir(tmp_path)

    assert [file.name for file in source_files(["b*.csv", Path("a.parquet")])] == ["b1.csv", "b2.csv", "a.parquet"]


def test_source_files_takes_a_name_with_brackets_for_a_file(write):
    """An existing file whose name looks like a pattern is that file."""
    path = write("orders[1].csv", "")

    assert [file.path for file in source_files(path)] == [path]


@pytest.mark.parametrize("name", ["orders.csv", "orders/*.csv"])
def test_source_files_refuses_what_is_not_there(tmp_path, name):
    """The error names a missing file, or a pattern that matches nothing."""
    with pytest.raises(SourceError) as caught:
        source_files(tmp_path / name)

    assert str(caught.value) == f"{tmp_path / name}: there is no such file"


@pytest.mark.parametrize("name", ["orders.doc", "orders", "csv"])
def test_source_files_refuses_unknown_formats(write, name):
    """The error for an unknown format names the known ones."""
    path = write(name, "")

    with pytest.raises(SourceError) as caught:
        source_files(path)

    assert str(caught.value) == (
        f"{path}: files of this format cannot be read: "
        "use .csv, .jsonl, .parquet, .feather or .xlsx, also compressed (.csv.gz)"
    )


@pytest.mark.parametrize(
    "name",
    [
        *("a.csv", "A.CSV", "a.csv.gz", "a.csv.bz2", "a.csv.xz", "a.csv.zip", "A.CSV.ZST", ".csv", "a.b.csv"),
        *("a.jsonl", "a.ndjson", "a.jsonl.gz", "a.parquet", "a.pq", "a.parquet.gz"),
        *("a.feather", "a.arrow", "a.arrows", "a.ipc", "a.feather.zst", "a.xlsx", "a.xlsm", "a.xlsx.zip"),
    ],
)
def test_source_files_takes_known_formats(write, name):
    """Formats are known by the suffix of the name, also if the file is compressed, in small letters or capitals."""
    assert [file.path for file in source_files([write(name, "")])] == [write(name, "")]


@pytest.fixture(params=["a.csv", "a.csv.gz", "a.parquet"])
def path(tmp_path, request):
    """Return a file of five rows."""
    path = tmp_path / request.param
    if path.suffix == ".parquet":
        ROWS.to_parquet(path)
    else:
        ROWS.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("chosen", [[0], [4], [0, 1], [1, 2, 4], [0, 1, 2, 3, 4]])
def test_chosen_rows_are_those_of_the_file(path, chosen):
    """Rows count from the file's first, and have every column with the cells of the file."""
    read = pd.concat(read_chosen_rows(*source_files(path), pd.Index(chosen).to_numpy(), chunksize=2))

    assert read.index.tolist() == chosen
    assert read.columns.tolist() == ["who", "note"]
    assert read.fillna("").to_numpy().tolist() == ROWS.iloc[chosen].to_numpy().tolist()


def test_chosen_rows_are_read_no_further_than_needed(path):
    """Nothing is read after the last chosen row."""
    parts = list(read_chosen_rows(*source_files(path), pd.Index([0]).to_numpy(), chunksize=2))

    assert [len(part) for part in parts] == [1]


def test_chosen_rows_that_are_missing_are_an_error(path):
    """A file that was replaced by a shorter one is an error."""
    with pytest.raises(SourceError) as caught:
        list(read_chosen_rows(*source_files(path), pd.Index([1, 7]).to_numpy(), chunksize=2))

    assert str(caught.value) == f"{path}: has 5 rows now, and had more when it was submitted"


def test_schema_of_a_csv_file_is_text(tmp_path):
    """Names are as in the first line, even if one stands there twice."""
    (tmp_path / "a.csv").write_text("who,1,who\n")

    assert source_schema(*source_files(tmp_path / "a.csv")) == pa.schema(
        [(name, pa.string()) for name in ("who", "1", "who")]
    )


def test_schema_of_a_parquet_file_is_its_own(tmp_path):
    """The schema has the types, without the metadata of pandas."""
    pd.DataFrame({"size": [1], "at": pd.to_datetime(["2024-01-31"]).as_unit("us")}).to_parquet(tmp_path / "a.parquet")

    schema = source_schema(*source_files(tmp_path / "a.parquet"))

    assert schema == pa.schema([("size", pa.int64()), ("at", pa.timestamp("us"))])
    assert schema.metadata is None


def test_schema_of_an_empty_file_is_an_error(tmp_path):
    """The error is that of reading its rows."""
    (tmp_path / "a.csv").write_bytes(b"")

    with pytest.raises(SourceError, match=r"a\.csv: is empty: its first line must name the columns"):
        source_schema(*source_files(tmp_path / "a.csv"))


def test_first_rows_of_csv_are_text(write):
    """Zeros, long numbers and words such as NA stay; only an empty cell is absent."""
    path = write("a.csv", "who,day,n\n00042,NA,1.50\n,2,3\n")

    frame = read_first_rows(*source_files(path), 10)

    assert frame.fillna("absent").to_dict("list") == {
        "who": ["00042", "absent"],
        "day": ["NA", "2"],
        "n": ["1.50", "3"],
    }
    assert frame.index.equals(pd.RangeIndex(2))


def test_first_rows_of_parquet_have_arrows_types(tmp_path):
    """Row groups are read until there are enough rows."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"who": pa.array([1, None, 3, 4]), "day": list("abcd")}), path, row_group_size=1)

    frame = read_first_rows(*source_files(path), 3)

    assert frame["who"].tolist() == [1, pd.NA, 3]
    assert str(frame["who"].dtype) == "int64[pyarrow]"
    assert frame.columns.tolist() == ["who", "day"]


@pytest.mark.parametrize("n_rows", [1, 2])
def test_first_rows_are_at_most_the_requested_number(write, n_rows):
    """Later rows are not read."""
    frame = read_first_rows(*source_files(write("a.csv", "who\n1\n2\n3\n4,5,6\n")), n_rows)

    assert frame["who"].tolist() == ["1", "2"][:n_rows]


def test_first_rows_of_a_file_without_rows_are_none(write):
    """A file without rows has its columns."""
    frame = read_first_rows(*source_files(write("a.csv", "who,who\n")), 10)

    assert frame.shape == (0, 2)
    assert frame.columns.tolist() == ["who", "who"]


def test_first_rows_of_another_form_are_read(write):
    """The delimiter and the encoding are detected, as in a check."""
    path = write("a.csv", "who;größe\n1;2,5\n".encode("cp1252"))

    frame = read_first_rows(*source_files(path), 10)

    assert frame.to_dict("list") == {"who": ["1"], "größe": ["2,5"]}


@pytest.mark.parametrize(
    "text", ["who,day\n", "who,day\n1,1\n2,2", 'who,day\n"a\nb",1\n\n2,2\n\n', "who,day\n,1\n2,\n", "who\n\n1\n"]
)
def test_row_count_of_csv_is_that_of_its_chunks(write, read, text):
    """Line breaks in quotes, blank lines and empty cells count as they are read."""
    path = write("a.csv", text)

    assert row_count(*source_files(path)) == sum(map(len, read(path)))


def test_row_count_of_csv_is_that_of_all_its_blocks(write):
    """A file of several blocks is counted to its end."""
    path = write("a.csv", "who\n" + "12345\n" * 200_001)

    assert row_count(*source_files(path)) == 200_001


def test_row_count_of_parquet_is_in_its_footer(tmp_path):
    """A Parquet file holds its number of rows."""
    pd.DataFrame({"who": [1, 2, 3]}).to_parquet(tmp_path / "a.parquet")

    assert row_count(*source_files(tmp_path / "a.parquet")) == 3


def test_row_count_refuses_a_file_that_is_empty(write):
    """An empty file is an error, as in reading."""
    path = write("a.csv", "")

    with pytest.raises(SourceError, match="is empty: its first line must name the columns"):
        row_count(*source_files(path))


WRITTEN = SourceFormat(delimiter=";", encoding="utf-8", decimal=",", sheet="Sheet1")


@pytest.mark.parametrize(
    ("name", "method", "unused"),
    [
        ("a.csv", "to_csv", ["sheet 'Sheet1'"]),
        ("a.jsonl", "to_json", ["delimiter ';'", "sheet 'Sheet1'"]),
        ("a.parquet", "to_parquet", ["delimiter ';'", "encoding 'utf-8'", "sheet 'Sheet1'"]),
        ("a.feather", "to_feather", ["delimiter ';'", "encoding 'utf-8'", "sheet 'Sheet1'"]),
        ("a.xlsx", "to_excel", ["delimiter ';'", "encoding 'utf-8'"]),
    ],
)
def test_part_of_the_source_that_a_format_does_not_need_is_noted(tmp_path, make_mapping, name, method, unused):
    """An option without an effect is seen, in every format, and the file is read all the same."""
    options = {"to_csv": {"sep": ";", "index": False}, "to_json": {"orient": "records", "lines": True}}
    rows = pd.DataFrame({"who": ["1"], "day": ["2024-01-31"]})
    getattr(rows, method)(tmp_path / name, **options.get(method, {}))

    (chunk,) = read_chunks(*source_files(tmp_path / name, WRITTEN), make_mapping(), chunksize=10)

    assert chunk.frame["who"].tolist() == ["1"]
    assert [(finding.code, *finding.values.to_pylist()) for finding in chunk.refused] == [
        ("source_unused", part) for part in unused
    ]
