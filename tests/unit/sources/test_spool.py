"""Private copies of files."""

import sys

import pytest

from events_pandas.errors import SourceError
from events_pandas.sources.spool import Spool


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_each_of_many_copies_is_private_and_has_a_name_of_its_own(folder):
    """More copies than may be held open are files in the private folder; all are deleted at the end."""
    with Spool() as spool:
        paths = [spool.new_file() for _ in range(103)]
        for number, path in enumerate(paths):
            path.write_text(str(number))
        named = [spool.named(path, ".csv.gz") for path in paths]
        (private,) = folder.iterdir()

        assert [path.read_text() for path in named] == [str(number) for number in range(103)]
        assert {path.stat().st_mode & 0o777 for path in named} == {0o600}
        assert {path.suffixes == [".csv", ".gz"] for path in named} == {True}
        assert private.stat().st_mode & 0o777 == 0o700
        if sys.platform.startswith("linux"):
            assert sum(path.is_symlink() for path in named) == 100

    assert list(folder.iterdir()) == []


def test_spool_that_is_not_used_makes_no_folder(folder):
    """Most runs copy nothing."""
    with Spool():
        assert list(folder.iterdir()) == []


def test_folder_that_cannot_be_used_is_a_fault(tmp_path, monkeypatch):
    """The error names the folder."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))

    with Spool() as spool, pytest.raises(SourceError) as caught:
        spool.new_file()

    assert str(caught.value) == f"{tmp_path / 'gone'}: no file can be made there: No such file or directory"
