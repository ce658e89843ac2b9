"""Results in a file: written as they come, put in place whole."""

from pathlib import Path

import pandas as pd
import pytest

from events_pandas.errors import SourceError
from events_pandas.results import ResultsWriter


@pytest.fixture
def results(make_ledger):
    """The results of two rows, one of them invalid, with the facts of a run."""
    frame = make_ledger(2, invalid=[1]).frame()
    frame.attrs["run"] = {"requests": 1}
    return frame


@pytest.mark.parametrize("name", ["results.csv", "results.parquet", "RESULTS.PARQUET"])
def test_writer_joins_what_is_written(tmp_path, results, name):
    """Chunk after chunk goes into one file, without an index."""
    path = tmp_path / name
    with ResultsWriter(path) as writer:
        writer.write(results)
        results.attrs["run"] = {"requests": 2}
        writer.write(results)

    read = pd.read_csv if name.endswith(".csv") else pd.read_parquet
    assert read(path)["error_code"].fillna("").tolist() == ["", "created_at_missing"] * 2
    assert read(path).columns.tolist() == results.columns.tolist()


def test_writer_keeps_dtypes_in_parquet(tmp_path, results):
    """Read back from Parquet, results are as they were."""
    with ResultsWriter(tmp_path / "results.parquet") as writer:
        writer.write(results)

    read = pd.read_parquet(tmp_path / "results.parquet")
    assert read.dtypes.astype(str).to_dict() == results.dtypes.astype(str).to_dict()
    assert read["status"].cat.ordered


def test_writer_leaves_the_earlier_file_until_the_end(tmp_path, results):
    """Who reads during a run reads the whole of an earlier one."""
    path = tmp_path / "results.csv"
    path.write_text("earlier")

    with ResultsWriter(path) as writer:
        writer.write(results)
        during = path.read_text()

    assert during == "earlier"
    assert path.read_text().startswith("row,status,")
    assert [file.name for file in tmp_path.iterdir()] == ["results.csv"]


def test_writer_puts_in_place_what_there_is_when_an_error_comes(tmp_path, results):
    """Whatever ends the run, the rows written so far are kept."""
    writer = ResultsWriter(tmp_path / "results.csv")
    writer.write(results)

    writer.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)

    assert len(pd.read_csv(tmp_path / "results.csv")) == 2


def test_writer_leaves_the_earlier_file_when_nothing_came(tmp_path):
    """A run that did not begin takes nothing away."""
    path = tmp_path / "results.csv"
    path.write_text("earlier")

    with ResultsWriter(path):
        pass

    assert path.read_text() == "earlier"
    assert [file.name for file in tmp_path.iterdir()] == ["results.csv"]


def test_writer_refuses_other_formats():
    """The name says the format."""
    with pytest.raises(SourceError) as caught:
        ResultsWriter("results.xlsx")

    assert str(caught.value) == "results.xlsx: results are written as .csv or .parquet: choose one of these names"


def test_writer_refuses_a_folder_that_there_is_not(tmp_path):
    """That nothing can be written is known before anything is submitted."""
    path = tmp_path / "nowhere" / "results.csv"

    with pytest.raises(SourceError) as caught:
        ResultsWriter(path)

    assert str(caught.value) == f"{path}: results cannot be written there: No such file or directory"


def test_writer_refuses_a_folder_in_its_place(tmp_path):
    """A folder of that name would be in the way at the end."""
    path = tmp_path / "results.csv"
    path.mkdir()

    with pytest.raises(SourceError) as caught:
        ResultsWriter(path)

    assert str(caught.value) == f"{path}: results cannot be written there: Is a directory"


def test_writer_refuses_to_replace_the_rows(tmp_path, monkeypatch):
    """Results never take the place of the file that they are about, however it is named."""
    (tmp_path / "orders.csv").write_text("who,day\n")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SourceError) as caught:
        ResultsWriter("orders.csv", sources=[tmp_path / "orders.csv"])

    assert str(caught.value) == "orders.csv: is a file that is read here, and would be replaced: choose another name"


def test_writer_tells_when_the_folder_has_gone(tmp_path, results):
    """What fails on the way is told like what fails at the start."""
    path = tmp_path / "gone" / "results.csv"
    path.parent.mkdir()

    with ResultsWriter(path) as writer:
        Path(f"{path}.partial").unlink()
        path.parent.rmdir()
        with pytest.raises(SourceError, match=r"results cannot be written there: No such file"):
            writer.write(results)
