"""Paths and patterns become files."""

import os
from pathlib import Path

import pytest

from events_pandas.errors import SourceError
from events_pandas.sources import source_paths


def test_source_paths_keeps_the_order_given_and_sorts_a_pattern(write, monkeypatch, tmp_path):
    """Files come in the order of the arguments, those of a pattern in the order of their names."""
    for name in ("b2.csv", "b1.csv", "a.parquet"):
        write(name, "")
    monkeypatch.chdir(tmp_path)

    assert source_paths(["b*.csv", Path("a.parquet")]) == [Path("b1.csv"), Path("b2.csv"), Path("a.parquet")]


def test_source_paths_takes_a_name_with_brackets_for_a_file(write):
    """A file whose own name looks like a pattern is that file."""
    path = write("orders[1].csv", "")

    assert source_paths(path) == [path]


@pytest.mark.parametrize("name", ["orders.csv", "orders/*.csv"])
def test_source_paths_refuses_what_is_not_there(tmp_path, name):
    """A missing file, and a pattern that nothing matches, are named."""
    with pytest.raises(SourceError) as caught:
        source_paths(tmp_path / name)

    assert str(caught.value) == f"{tmp_path / name}: there is no such file"


@pytest.mark.parametrize("name", ["orders.xlsx", "orders", "csv"])
def test_source_paths_refuses_unknown_formats(write, name):
    """The name says the format, and the message which there are."""
    path = write(name, "")

    with pytest.raises(SourceError) as caught:
        source_paths(path)

    assert str(caught.value) == (
        f"{path}: files of this format cannot be read: use .csv (also compressed: .csv.gz) or .parquet"
    )


@pytest.mark.parametrize(
    "name", ["a.csv", "A.CSV", "a.csv.gz", "a.csv.bz2", "a.csv.xz", "a.csv.zip", "a.parquet", "a.pq"]
)
def test_source_paths_takes_known_formats(write, name):
    """CSV, also compressed, and Parquet, in small letters or capitals."""
    assert source_paths([write(name, "")]) == [write(name, "")]


@pytest.mark.parametrize("name", ["rows.csv", "rows"])
def test_source_paths_refuses_a_pipe(tmp_path, name):
    """It could be read once, and whoever waits for its end may wait for ever."""
    os.mkfifo(tmp_path / name)

    with pytest.raises(SourceError) as caught:
        source_paths(tmp_path / name)

    assert str(caught.value) == (
        f"{tmp_path / name}: is a pipe: its rows are read more than once, so write them to a file and give its name"
    )


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null"])
def test_source_paths_refuses_a_device(path):
    """Some of them have no end."""
    with pytest.raises(SourceError, match=f"^{path}: is a device: its rows are read more than once"):
        source_paths(path)


def test_source_paths_refuses_a_folder(tmp_path):
    """Its files have names, or a pattern."""
    with pytest.raises(SourceError) as caught:
        source_paths(tmp_path)

    assert str(caught.value) == f"{tmp_path}: is a directory: name its files, as in 'orders/*.csv'"
