"""CSV files as frames: a cell is read as it is written."""

import gzip

import pytest

from events_pandas.errors import SourceError
from events_pandas.mapping import Constant
from events_pandas.sources.files import ComputedType


def test_csv_keeps_the_text_of_mapped_columns(write, read):
    """Leading zeros, long numbers and spaces stay in identifiers."""
    path = write("a.csv", "who,day\n00042,1\n12345678901234567890,2\n a b,3\n")

    (frame,) = read(path)

    assert frame["who"].tolist() == ["00042", "12345678901234567890", " a b"]


@pytest.mark.parametrize("text", ["NA", "None", "null", "nan", "NULL", "N/A"])
def test_csv_keeps_words_that_look_like_nothing(write, read, text):
    """Only an empty cell is absent: NA is Namibia, and None may be a name."""
    (frame,) = read(write("a.csv", f"who,day\n{text},1\n,2\n"))

    assert frame["who"].fillna("absent").tolist() == [text, "absent"]


def test_csv_comes_in_chunks_that_count_on(write, read):
    """A chunk has at most `chunksize` rows, and its index counts from the file's first row."""
    frames = read(write("a.csv", "who,day\n1,1\n2,2\n3,3\n"), chunksize=2)

    assert [frame.index.tolist() for frame in frames] == [[0, 1], [2]]


def test_csv_without_rows_is_one_empty_chunk(write, read):
    """A file with a header only gives one empty chunk."""
    (frame,) = read(write("a.csv", "who,day\n"))

    assert frame.shape == (0, 2)


def test_csv_holds_mapped_columns_only(write, read):
    """Columns that no rule reads are left out, and take no memory."""
    (frame,) = read(write("a.csv", "other,who,day,more\nx,1,2,y\n"))

    assert frame.columns.tolist() == ["who", "day"]


def test_csv_holds_all_columns_when_one_is_missing(write, read):
    """If a column is missing, all columns are read, so that the error can name them."""
    (frame,) = read(write("a.csv", "other,who\nx,1\n"))

    assert frame.columns.tolist() == ["other", "who"]


def test_csv_holds_all_columns_when_a_callable_reads_it(write, read, make_mapping):
    """With a callable all columns are read, since nobody knows which of them it reads."""
    mapping = make_mapping(total=lambda frame: frame["net"] + frame["tax"], source=Constant("x"))
    path = write("a.csv", "who,day,net,tax\n1,2,3.5,4\n")
    computed = {"net": ComputedType(dtype="float64"), "tax": ComputedType(dtype="int64")}

    (frame,) = read(path, mapping=mapping, computed=computed)

    assert (frame["net"] + frame["tax"]).tolist() == [7.5]


def test_csv_keeps_columns_of_the_same_name(write, read):
    """Two columns with one name stay two, so that a mapping of that name can be refused."""
    (frame,) = read(write("a.csv", "who,day,who\n1,2,3\n"))

    assert frame.columns.tolist() == ["who", "day", "who"]


def test_csv_passes_over_a_byte_order_mark(write, read):
    """A byte order mark, as Excel writes it, is not part of the first column's name."""
    (frame,) = read(write("a.csv", "\ufeffwho,day\nÆ,1\n"))

    assert frame["who"].tolist() == ["Æ"]


def test_csv_takes_quoted_cells(write, read):
    """A cell in quotes may hold commas, quotes and line breaks."""
    (frame,) = read(write("a.csv", 'who,day\n"a,""b""\nc",1\n'))

    assert frame["who"].tolist() == ['a,"b"\nc']


def test_csv_may_be_compressed(write, read):
    """The ending of the name says how a file is compressed."""
    (frame,) = read(write("a.csv.gz", gzip.compress(b"who,day\n00042,1\n")))

    assert frame["who"].tolist() == ["00042"]


@pytest.mark.parametrize(("content", "line"), [('who,day\n1,2\n"3,4\n5,6\n', 3), ('who,"day\n1,2\n', 1)])
def test_csv_quote_that_is_not_closed_is_refused(write, read, content, line):
    """A quote that is not closed is refused, since the rest of the file would be one cell."""
    path = write("a.csv", content)

    with pytest.raises(SourceError) as caught:
        read(path)

    assert str(caught.value) == f"{path}: a quote is opened in line {line} and not closed: close it, or write it twice"


def test_csv_that_is_empty_is_refused(write, read):
    """A file without a header is refused."""
    path = write("a.csv", "")

    with pytest.raises(SourceError) as caught:
        read(path)

    assert str(caught.value) == f"{path}: is empty: its first line must name the columns"


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.bz2", "a.csv.xz", "a.csv.zip", "a.parquet"])
@pytest.mark.parametrize("content", [b"no archive", gzip.compress(b"who,day\n" + b"1,2\n" * 100, mtime=0)[:-20]])
def test_file_that_is_broken_is_refused(write, read, name, content):
    """The error of any library becomes one line that begins with the file."""
    path = write(name, content)

    with pytest.raises(SourceError) as caught:
        read(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
