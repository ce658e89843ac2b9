"""Tables in a temporary file, which are read again."""

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


def test_tables_are_read_as_often_as_they_are_asked_for(folder):
    """Each table has types of its own, may have no rows, and two columns may have one name."""
    tables = [NUMBERS, pa.table({"n": ["a"], "m": [1.5]}), NUMBERS.slice(1), NUMBERS.slice(3)]
    tables.append(pa.table([pa.array([1]), pa.array(["a"])], names=["n", "n"]))

    with KeptTables("rows") as kept:
        for table in tables:
            kept.add(table)

        assert list(kept) == tables
        assert next(iter(kept)) == tables[0]
        assert list(kept) == tables
        assert len(kept) == 5

    assert list(folder.iterdir()) == []


def test_dictionaries_are_kept_as_their_values():
    """A dictionary may be much longer than the rows, and each chunk may have its own."""
    chunks = [pa.array(cells).dictionary_encode() for cells in (["a", "b", "a"], ["b", None])]

    with KeptTables("rows") as kept:
        kept.add(pa.table({"cells": pa.chunked_array(chunks)}))
        (table,) = kept

    assert table == pa.table({"cells": ["a", "b", "a", "b", None]})


def test_tables_that_are_not_kept_take_no_file(folder, monkeypatch):
    """Where nothing is kept, the folder for temporary files is not needed."""
    monkeypatch.setattr("tempfile.tempdir", str(folder / "gone"))

    with KeptTables("rows") as kept:
        assert list(kept) == []


def test_rows_that_do_not_fit_on_the_disk_are_refused(folder):
    """The error says where there is no space, and what to do; nothing is left there."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with KeptTables("rows of a LazyFrame") as kept, pytest.raises(SourceError) as caught:
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

    with KeptTables("rows of a LazyFrame") as kept, pytest.raises(SourceError) as caught:
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
        with KeptTables("rows of a LazyFrame") as kept, pytest.raises(SourceError) as caught:
            kept.add(NUMBERS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert str(caught.value) == (
        "rows of a LazyFrame: cannot be copied to a folder for temporary files: none can be written to: "
        "free some space in one, or set TMPDIR to another folder"
    )
