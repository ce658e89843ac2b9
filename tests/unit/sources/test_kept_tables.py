"""Tables in memory and in a temporary file, which are read again."""

import pyarrow as pa
import pytest

from events_pandas.errors import SourceError
from events_pandas.sources import KeptTables

NUMBERS = pa.table({"n": [1, None, 3]})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("held_bytes", [0, 50_000, 1_000_000])
def test_tables_are_read_as_often_as_they_are_asked_for(folder, held_bytes):
    """Some may be in memory. Each has types of its own, may have no rows, and two columns may have one name."""
    tables = [NUMBERS, pa.table({"n": ["a"], "m": [1.5]}), NUMBERS.slice(1), NUMBERS.slice(3)]
    tables.append(pa.table([pa.array([1]), pa.array(["a"])], names=["n", "n"]))

    with KeptTables("rows", held_bytes=held_bytes) as kept:
        for table in tables:
            kept.add(table)

        assert list(kept) == tables
        assert next(iter(kept)) == tables[0]
        assert list(kept) == tables
        assert len(kept) == 5

    assert list(folder.iterdir()) == []


def packed(table, compression=None):
    """Return a table as a stream of Arrow's own format."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("held_bytes", [0, 40_000, 1_000_000])
def test_packed_tables_are_read_in_any_order(folder, held_bytes):
    """Some may be in memory and others in the file, beside tables that came unpacked."""
    tables = [pa.table({"n": range(start, start + 1_000)}) for start in range(3)]

    with KeptTables("rows", held_bytes=held_bytes) as kept:
        for table in tables:
            kept.add_packed(packed(table, "lz4"))
            kept.add(NUMBERS)

        assert [kept[place] for place in (4, 5, 0, 4, 2)] == [tables[2], NUMBERS, tables[0], tables[2], tables[1]]
        assert list(kept)[::2] == tables

    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("held_bytes", [0, 1_000_000])
def test_dictionaries_are_kept_as_their_values(held_bytes):
    """A dictionary may be much longer than the rows, and each chunk may have its own."""
    chunks = [pa.array(cells).dictionary_encode() for cells in (["a", "b", "a"], ["b", None])]

    with KeptTables("rows", held_bytes=held_bytes) as kept:
        kept.add(pa.table({"cells": pa.chunked_array(chunks)}))
        (table,) = kept

    assert table == pa.table({"cells": ["a", "b", "a", "b", None]})


@pytest.mark.parametrize("held_bytes", [0, 1_000_000])
@pytest.mark.parametrize(
    "values",
    [
        pa.array(["a", "b"], pa.string_view()),
        pa.array(["b", "a", None]).dictionary_encode().take(pa.array([1, 0])),
        pa.RunEndEncodedArray.from_arrays(pa.array([1, 2]), pa.array(["a", "b"])),
        pa.array(["a", "b", None]),
    ],
    ids=lambda values: str(values.type),
)
def test_dictionaries_may_stand_for_values_of_any_type(held_bytes, values):
    """Arrow itself cannot take views, runs, or values that are in a dictionary themselves."""
    cells = pa.DictionaryArray.from_arrays(pa.array([1, 0, None], pa.int8()), values)

    with KeptTables("rows", held_bytes=held_bytes) as kept:
        kept.add(pa.table({"cells": cells}))
        (table,) = kept

    assert table["cells"].to_pylist() == ["b", "a", None]


def test_tables_that_fit_into_memory_take_no_file(folder, monkeypatch):
    """The folder for temporary files is not needed for them. Several slices of one table hold its memory once."""
    monkeypatch.setattr("tempfile.tempdir", str(folder / "gone"))
    table = pa.table({"n": range(100_000)})

    with KeptTables("rows", held_bytes=900_000) as kept:
        assert list(kept) == []
        kept.add(table.slice(0, 50_000))
        kept.add(table.slice(50_000))

        assert pa.concat_tables(kept) == table


def test_packed_tables_take_as_much_memory_as_their_bytes(folder, monkeypatch):
    """They are unpacked when they are read."""
    monkeypatch.setattr("tempfile.tempdir", str(folder / "gone"))
    table = pa.table({"n": [0] * 100_000})

    with KeptTables("rows", held_bytes=100_000) as kept:
        kept.add_packed(packed(table, "lz4"))

        assert list(kept) == [table]


@pytest.mark.parametrize("is_message", [False, True])
def test_slice_is_as_large_as_what_it_is_cut_from(folder, monkeypatch, is_message):
    """A slice keeps the whole column in memory, and a column of Arrow's own format its whole record batch."""
    monkeypatch.setattr("tempfile.tempdir", str(folder / "gone"))
    table = pa.table({"n": range(100_000), "m": ["a"] * 100_000})
    if is_message:
        table = pa.ipc.open_stream(packed(table)).read_all()
    small = table.select(["n"]).slice(0, 3)

    with KeptTables("rows", held_bytes=900_000 if is_message else 700_000) as kept, pytest.raises(SourceError):
        kept.add(small)


def test_small_tables_take_memory_of_their_own(folder, monkeypatch):
    """There may be millions of tables with a row each, which no file would be needed for."""
    monkeypatch.setattr("tempfile.tempdir", str(folder / "gone"))

    with KeptTables("rows", held_bytes=100_000) as kept, pytest.raises(SourceError):
        list(kept.passing([NUMBERS] * 10))


def test_views_are_written_as_text():
    """pandas cannot take single rows of views."""
    views = pa.table({"n": pa.array(["a", None], pa.string_view())})

    with KeptTables("rows", held_bytes=0) as kept:
        kept.add(views)
        (table,) = kept

    assert table == pa.table({"n": pa.array(["a", None], pa.large_string())})


def test_rows_that_do_not_fit_on_the_disk_are_refused(folder):
    """The error says where there is no space, and what to do; nothing is left there."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with KeptTables("rows of a LazyFrame", held_bytes=0) as kept, pytest.raises(SourceError) as caught:
            kept.add(pa.table({"n": range(200_000)}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert str(caught.value) == (
        f"rows of a LazyFrame: cannot be copied to {folder}: File too large: "
        "free some space there, or set TMPDIR to another folder"
    )
    assert list(folder.iterdir()) == []


def test_rows_need_a_folder_for_temporary_files(folder, monkeypatch):
    """The error names the folder that is missing."""
    monkeypatch.setattr("tempfile.tempdir", str(folder / "gone"))

    with KeptTables("rows of a LazyFrame", held_bytes=0) as kept, pytest.raises(SourceError) as caught:
        kept.add(NUMBERS)

    assert str(caught.value) == (
        f"rows of a LazyFrame: cannot be copied to {folder / 'gone'}: No such file or directory"
    )


def test_rows_need_any_folder_that_can_be_written_to(monkeypatch):
    """On a disk that is wholly full, Python finds no folder for temporary files at all."""
    resource = pytest.importorskip("resource")
    monkeypatch.setattr("tempfile.tempdir", None)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with KeptTables("rows of a LazyFrame", held_bytes=0) as kept, pytest.raises(SourceError) as caught:
            kept.add(NUMBERS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert str(caught.value) == (
        "rows of a LazyFrame: cannot be copied to a folder for temporary files: none can be written to: "
        "free some space in one, or set TMPDIR to another folder"
    )
