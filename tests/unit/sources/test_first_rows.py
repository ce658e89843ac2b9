"""The first rows of a file, with all of its columns."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from events_pandas.errors import SourceError
from events_pandas.sources import read_first_rows


def test_first_rows_of_csv_are_text(write):
    """Zeros, long numbers and words that look like nothing stay; only an empty cell is absent."""
    path = write("a.csv", "who,day,n\n00042,NA,1.50\n,2,3\n")

    frame = read_first_rows(path, 10)

    assert frame.fillna("absent").to_dict("list") == {
        "who": ["00042", "absent"],
        "day": ["NA", "2"],
        "n": ["1.50", "3"],
    }
    assert frame.index.equals(pd.RangeIndex(2))


def test_first_rows_of_parquet_have_arrows_types(tmp_path):
    """Several row groups are read, until there are rows enough."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"who": pa.array([1, None, 3, 4]), "day": list("abcd")}), path, row_group_size=1)

    frame = read_first_rows(path, 3)

    assert frame["who"].tolist() == [1, pd.NA, 3]
    assert str(frame["who"].dtype) == "int64[pyarrow]"
    assert frame.columns.tolist() == ["who", "day"]


@pytest.mark.parametrize("n_rows", [1, 2])
def test_first_rows_are_no_more_than_asked_for(write, n_rows):
    """What comes later is not read."""
    frame = read_first_rows(write("a.csv", "who\n1\n2\n3\n4,5,6\n"), n_rows)

    assert frame["who"].tolist() == ["1", "2"][:n_rows]


def test_first_rows_of_a_file_without_rows_are_none(write):
    """Its columns are there all the same."""
    frame = read_first_rows(write("a.csv", "who,who\n"), 10)

    assert frame.shape == (0, 2)
    assert frame.columns.tolist() == ["who", "who"]


def test_first_rows_of_another_form_are_refused(write):
    """What separates the columns is told, as it is when rows are checked."""
    path = write("a.csv", "who;day\n1;2\n")

    with pytest.raises(SourceError) as caught:
        read_first_rows(path, 10)

    assert str(caught.value) == (
        f"{path}: its columns are separated by ';', and a CSV file's by commas: save it with commas"
    )
