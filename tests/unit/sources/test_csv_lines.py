"""The line of each row in its CSV file, and rows that do not end."""

import numpy as np
import pytest

from events_pandas import EventMapping
from events_pandas.errors import SourceError
from events_pandas.sources import read_chunks, source_files

MAPPING = EventMapping(event_name="a", created_at="day", user_id="who")


def lines(path, chunksize=2):
    """Return the line in which each row begins."""
    chunks = read_chunks(*source_files(path), MAPPING, chunksize=chunksize)
    return np.concatenate([chunk.lines for chunk in chunks]).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("who,day\n1,2\n3,4\n5,6", [2, 3, 4]),
        ("who,day\r\n1,2\r\n3,4\r\n", [2, 3]),
        ("who,day\r1,2\r3,4\r", [2, 3]),
        ('who,day\n"1\n2",3\n4,5\n', [2, 4]),
        ('"who\n",who,day\n1,2,3\n', [3]),
        ("\n\nwho,day\n\n1,2\n\n \n3,4\n", [5, 8]),
        ("sep=,\nwho,day\n1,2\n", [3]),
        ("who,day\n1\n1,2,3\n4,5\n", [2, 3, 4]),
        ("who,day\n", []),
    ],
)
def test_line_of_a_row_is_the_files_own(write, text, expected):
    """Lines count from 1 as in an editor: the header, blank lines, and line ends within quotes count."""
    assert lines(write("a.csv", text)) == expected


def test_lines_count_on_over_blocks_and_chunks(write):
    """A line end within quotes, and a blank line, move all rows behind them."""
    rows = [f"{row},x" for row in range(100_000)]
    rows[50_000] = '"two\nlines",x'
    rows[90_000] = "\n90000,x"
    path = write("a.csv", "\n".join(["who,day", *rows, ""]))

    found = lines(path, chunksize=7_000)

    assert [found[row] for row in (0, 50_000, 50_001, 90_000, 99_999)] == [2, 50_002, 50_004, 90_004, 100_003]


def test_bad_row_far_below_is_named_and_the_others_are_read(write):
    """A row that is too short is an odd row with its line; every row before and after it is read."""
    rows = [f"{row},x" for row in range(20_000)]
    rows[11_000] = "11000"
    path = write("a.csv", "\n".join(["who,day", *rows, ""]))

    chunks = list(read_chunks(*source_files(path), MAPPING, chunksize=3_000))

    assert sum(chunk.frame["who"].notna().sum() for chunk in chunks) == 19_999
    (finding,) = [finding for chunk in chunks for finding in chunk.refused]
    assert finding.code == "row_too_short"
    assert finding.all_values().to_pylist() == ["line 11002 (1 cell for 2 columns)"]


def test_odd_row_behind_megabytes_of_plain_rows_has_its_line(write):
    """Plain rows are only counted when they are read: the first row that is not plain ends that."""
    rows = [f"{row},xxxxxxxxxxxxx" for row in range(150_000)]
    rows[120_000] = "120000"
    path = write("a.csv", "\n".join(["who,day", *rows, ""]))

    chunks = list(read_chunks(*source_files(path), MAPPING, chunksize=100_000))

    (finding,) = [finding for chunk in chunks for finding in chunk.refused]
    assert finding.all_values().to_pylist() == ["line 120002 (1 cell for 2 columns)"]
    assert chunks[-1].lines[-1] == 150_001


@pytest.mark.parametrize(
    ("start", "line"), [('who,day\n1,2\n"x', 3), ('who,day\n1,2\n3,"', 3), ("who,day\n1,2\n3,", 3), ('"', 1)]
)
def test_row_that_does_not_end_is_refused(write, start, line):
    """The memory for one row is bounded: behind a quote that is not closed, the rest of a file is one cell."""
    path = write("a.csv", start.encode() + b"x" * (70 * 2**20))

    with pytest.raises(SourceError) as caught:
        lines(path)

    assert str(caught.value) == (
        f"{path}: the row or quote that begins in line {line} does not end within 64 MB: close the quote"
    )
