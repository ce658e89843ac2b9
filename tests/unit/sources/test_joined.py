"""Files that were joined, as ``cat a b > c`` does: they are read wholly, or refused."""

import io
import re
import zipfile

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from events_pandas.errors import SourceError
from events_pandas.sources import row_count, source_files

JOINED = "is made of files that were joined, of which only the last one can be read: give each file itself"


def in_parquet(table, **options):
    stream = io.BytesIO()
    pq.write_table(table, stream, **options)
    return stream.getvalue()


def in_parquet_with_page_index(table):
    return in_parquet(table, write_page_index=True)


def in_arrow(table):
    stream = io.BytesIO()
    with pa.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table)
    return stream.getvalue()


def in_stream(table):
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return stream.getvalue()


def in_excel(table):
    stream = io.BytesIO()
    table.to_pandas().to_excel(stream, index=False)
    return stream.getvalue()


def in_zip(table):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.csv", table.to_pandas().to_csv(index=False))
    return stream.getvalue()


WRITERS = {
    "a.parquet": in_parquet,
    "b.parquet": in_parquet_with_page_index,
    "a.arrow": in_arrow,
    "a.xlsx": in_excel,
    "a.csv.zip": in_zip,
}


def table(*who):
    words = pa.array(who, pa.string())
    return pa.table(
        {"who": words, "day": pa.array(["2024-01-31"] * len(who), pa.string()), "kind": words.dictionary_encode()}
    )


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(
    ("first", "second"),
    [(["a"], ["b"]), ([], ["b"]), (["a"], []), (["a"], map(str, range(9_000))), (map(str, range(9_000)), ["b"])],
    ids=["equal", "empty-first", "empty-last", "short-first", "short-last"],
)
def test_joined_files_with_an_index_are_refused(write, name, first, second):
    """The index at the end knows the rows of the last file only: those of the others would be lost untold."""
    one, other = WRITERS[name](table(*first)), WRITERS[name](table(*second))

    with pytest.raises(SourceError, match=re.escape(JOINED)):
        row_count(*source_files(write(name, one + other)))


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("rows", [0, 1, 9_000])
def test_file_with_an_index_that_was_not_joined_is_read(write, name, rows):
    """A file has few bytes between its rows and its index."""
    path = write(name, WRITERS[name](table(*map(str, range(rows)))))

    assert row_count(*source_files(path)) == rows


def test_joined_streams_are_read_wholly(write, read):
    """A stream says where it ends, and the next one begins there."""
    path = write("a.arrows", in_stream(table("a", "b")) + in_stream(table()) + in_stream(table("c")))

    frame = pd.concat(read(path))

    assert frame["who"].tolist() == ["a", "b", "c"]
    assert row_count(*source_files(path)) == 3


def test_joined_streams_with_different_columns_are_refused(write, read):
    """A file has one set of columns."""
    path = write("a.arrows", in_stream(table("a")) + in_stream(table("b").rename_columns(["who", "at", "kind"])))

    with pytest.raises(SourceError) as caught:
        read(path)

    fault = "is made of streams that were joined, and their columns or types differ: give each file itself"
    assert str(caught.value) == f"{path}: {fault}"


def test_bytes_behind_a_stream_are_refused(write, read):
    """They may be what is left of rows."""
    path = write("a.arrows", in_stream(table("a")) + b"lost")

    with pytest.raises(SourceError) as caught:
        read(path)

    assert str(caught.value) == f"{path}: holds something else behind its stream: copy or export it again"
