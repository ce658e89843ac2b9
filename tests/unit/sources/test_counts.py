"""The number of rows in a file, which is that of the rows that are read."""

import pandas as pd
import pytest

from events_pandas.errors import SourceError
from events_pandas.sources import row_counts


@pytest.mark.parametrize(
    "text", ["who,day\n", "who,day\n1,1\n2,2", 'who,day\n"a\nb",1\n\n2,2\n\n', "who,day\n,1\n2,\n", "who\n\n1\n"]
)
def test_row_counts_of_csv_are_those_of_its_chunks(write, read, text):
    """Line breaks in quotes, blank lines and empty cells count as they are read."""
    path = write("a.csv", text)

    assert sum(row_counts(path)) == sum(map(len, read(path)))


def test_row_counts_of_csv_are_those_of_all_its_blocks(write):
    """A file that is larger than what is looked at together is counted to its end."""
    path = write("a.csv", "who\n" + "12345\n" * 200_001)

    assert list(row_counts(path)) == [200_001]


def test_row_counts_of_parquet_are_in_its_footer(tmp_path):
    """A Parquet file knows its number of rows."""
    pd.DataFrame({"who": [1, 2, 3]}).to_parquet(tmp_path / "a.parquet")

    assert list(row_counts(tmp_path / "a.parquet")) == [3]


def test_row_counts_refuse_a_file_that_is_empty(write):
    """What cannot be read cannot be counted."""
    path = write("a.csv", "")

    with pytest.raises(SourceError, match="is empty: its first line must name the columns"):
        sum(row_counts(path))
