"""Chosen rows of a file with all columns, and the schema of its columns."""

import pandas as pd
import pyarrow as pa
import pytest

from events_pandas import SourceError
from events_pandas.sources import read_chosen_rows, source_schema

ROWS = pd.DataFrame({"who": ["00", "01", "02", "03", "04"], "note": ["NA", "", "b", "c", "d"]})


@pytest.fixture(params=["a.csv", "a.csv.gz", "a.parquet"])
def path(tmp_path, request):
    """A file of five rows."""
    path = tmp_path / request.param
    if path.suffix == ".parquet":
        ROWS.to_parquet(path)
    else:
        ROWS.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("chosen", [[0], [4], [0, 1], [1, 2, 4], [0, 1, 2, 3, 4]])
def test_chosen_rows_are_those_of_the_file(path, chosen):
    """Rows count from the file's first, and have every column with the cells of the file."""
    read = pd.concat(read_chosen_rows(path, pd.Index(chosen).to_numpy(), chunksize=2))

    assert read.index.tolist() == chosen
    assert read.columns.tolist() == ["who", "note"]
    assert read.fillna("").to_numpy().tolist() == ROWS.iloc[chosen].to_numpy().tolist()


def test_chosen_rows_are_read_no_further_than_needed(path):
    """Nothing is read after the last chosen row."""
    parts = list(read_chosen_rows(path, pd.Index([0]).to_numpy(), chunksize=2))

    assert [len(part) for part in parts] == [1]


def test_chosen_rows_that_are_missing_are_an_error(path):
    """A shorter file that took the place of the first is found out."""
    with pytest.raises(SourceError) as caught:
        list(read_chosen_rows(path, pd.Index([1, 7]).to_numpy(), chunksize=2))

    assert str(caught.value) == f"{path}: has 5 rows now, and had more when it was submitted"


def test_schema_of_a_csv_file_is_text(tmp_path):
    """Names are those of the first line, even if one stands there twice."""
    (tmp_path / "a.csv").write_text("who,1,who\n")

    assert source_schema(tmp_path / "a.csv") == pa.schema([(name, pa.string()) for name in ("who", "1", "who")])


def test_schema_of_a_parquet_file_is_its_own(tmp_path):
    """The schema has the types, without the metadata of pandas."""
    pd.DataFrame({"size": [1], "at": pd.to_datetime(["2024-01-31"]).as_unit("us")}).to_parquet(tmp_path / "a.parquet")

    schema = source_schema(tmp_path / "a.parquet")

    assert schema == pa.schema([("size", pa.int64()), ("at", pa.timestamp("us"))])
    assert schema.metadata is None


def test_schema_of_an_empty_file_is_an_error(tmp_path):
    """The error is that of reading its rows."""
    (tmp_path / "a.csv").write_bytes(b"")

    with pytest.raises(SourceError, match=r"a\.csv: is empty: its first line must name the columns"):
        source_schema(tmp_path / "a.csv")
