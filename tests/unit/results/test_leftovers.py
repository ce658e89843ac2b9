"""What killed runs left beside an output: rows get a name of their own, and the rest is deleted."""

import os
import re
import resource
import shutil
import stat
import warnings

import numpy as np
import pandas as pd
import pytest

from events_pandas import SourceError
from events_pandas.results.rejects import REJECTS
from events_pandas.results.table_file import FINDINGS, RESULTS, TableFile

LAST_WRITTEN = 1_796_080_320  # 2026-11-30 23:12:00 UTC


def results(n_rows, *, message="no"):
    """Return some columns of results."""
    return pd.DataFrame(
        {
            "row": np.arange(n_rows, dtype=np.int64),
            "status": pd.Categorical(["rejected"] * n_rows, categories=["accepted", "rejected"], ordered=True),
            "http_status": pd.array([400] * n_rows, dtype="Int16"),
            "error_message": pd.array([message] * n_rows, dtype="string"),
        }
    )


@pytest.fixture(params=["results.csv", "results.parquet"])
def place(tmp_path, request):
    """Where results are to go."""
    return tmp_path / request.param


@pytest.fixture
def leave(tmp_path):
    """Leave the partial file that a killed run would have left, cut off by some bytes; return it."""

    def leave(place, *parts, kind=RESULTS, missing=0, ending=".partial"):
        left = place.with_name(place.name + ending)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        file = TableFile(elsewhere / place.name, kind)
        for part in parts:
            file.write(part)
        shutil.copyfile(file.partial, left)
        file.discard()
        elsewhere.rmdir()
        os.truncate(left, left.stat().st_size - missing)
        os.utime(left, (LAST_WRITTEN, LAST_WRITTEN))
        return left

    return leave


def clear(place, kind=RESULTS):
    """Begin and end a run without results, and return what it says."""
    said = []
    with TableFile(place, kind, warn=said.append):
        pass
    return said


def names(place):
    return sorted(path.name for path in place.parent.iterdir())


def read(path):
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


@pytest.mark.parametrize("missing", [0, 1, 5])
def test_rows_of_a_killed_run_get_a_name_of_their_own(place, leave, missing):
    """The whole lines or batches are readable under the time of the last one, and a sentence says so once."""
    leave(place, results(2), results(3), missing=missing)

    said, again = clear(place), clear(place)

    kept = place.with_name(f"results.killed-20261130T231200Z{place.suffix}")
    # The last line is cut off, or the last batch.
    n_rows = 5 if not missing else 4 if place.suffix == ".csv" else 2
    assert said == [
        f"{place}: an earlier run was cut off: its results up to then, {n_rows} rows, are in {kept}",
    ]
    assert again == []
    assert read(kept)["row"].tolist() == [0, 1, 0, 1, 2][:n_rows]
    assert names(place) == [kept.name]


def test_rows_of_a_killed_run_keep_their_types_in_parquet(tmp_path, leave):
    """The file is one that pandas reads as it reads finished results."""
    place = tmp_path / "results.parquet"
    leave(place, results(2))

    clear(place)

    kept = pd.read_parquet(tmp_path / "results.killed-20261130T231200Z.parquet")
    assert kept.dtypes.astype(str).to_dict() == results(2).dtypes.astype(str).to_dict()


def test_line_that_ends_within_a_quoted_cell_is_cut_off(tmp_path, leave):
    """A line feed in quotes does not end a line."""
    place = tmp_path / "results.csv"
    left = leave(place, results(2, message='one\n"two"\nthree'))
    left.write_bytes(left.read_bytes()[: left.read_bytes().rindex(b"three")])

    clear(place)

    (kept,) = map(pd.read_csv, tmp_path.iterdir())
    assert kept["error_message"].tolist() == ['one\n"two"\nthree']


def test_rows_beyond_ascii_are_kept_with_a_byte_order_mark(tmp_path, leave):
    """They open in Excel as finished results do."""
    place = tmp_path / "results.csv"
    leave(place, results(1, message="né"))

    clear(place)

    kept = tmp_path / "results.killed-20261130T231200Z.csv"
    assert kept.read_text(encoding="utf-8") == "\ufeffrow,status,http_status,error_message\n0,rejected,400,né\n"
    assert names(place) == [kept.name]


@pytest.mark.parametrize("missing", [0, 3])
def test_leftover_without_rows_is_deleted(place, leave, missing):
    """A header has nothing that somebody may need."""
    leave(place, results(0), missing=missing if place.suffix == ".csv" else 0)

    assert (clear(place), names(place)) == ([], [])


def test_all_leftovers_are_found(place, leave):
    """A run that found the name taken had another name."""
    leave(place, results(1), ending=".0123abcd.partial")
    leave(place, results(2))

    said = clear(place)

    assert len(said) == 2
    assert [len(read(path)) for path in place.parent.iterdir()] in ([1, 2], [2, 1])


def test_kept_rows_replace_nothing(place, leave):
    """If the name is taken, even by a link, another one is made."""
    taken = place.with_name(f"results.killed-20261130T231200Z{place.suffix}")
    taken.symlink_to("nowhere")
    leave(place, results(1))

    (said,) = clear(place)

    (kept,) = {path.name for path in place.parent.iterdir()} - {taken.name}
    assert re.fullmatch(rf"results\.killed-20261130T231200Z-[0-9a-f]{{4}}{place.suffix}", kept)
    assert said.endswith(f"1 row, are in {place.with_name(kept)}")
    assert taken.readlink().name == "nowhere"


def test_kept_rows_have_no_more_readers_than_before(place, leave):
    """Only people who might read the partial file may read them."""
    leave(place, results(1, message="né")).chmod(0o600)

    clear(place)

    assert [oct(stat.S_IMODE(path.stat().st_mode)) for path in place.parent.iterdir()] == ["0o600"]


def test_file_of_a_run_under_way_is_left_alone(place):
    """Two runs with one results path do not take each other's rows."""
    with TableFile(place, RESULTS) as one:
        one.write(results(1))
        said = clear(place)
        one.write(results(1))

    assert said == []
    assert len(read(place)) == 2
    assert names(place) == [place.name]


def test_file_of_an_earlier_run_is_no_leftover_for_the_process_that_wrote_it(place):
    """A file is let go when it is closed: a second run of the process goes on as the first one did."""
    with TableFile(place, RESULTS) as one:
        one.write(results(1))

    assert clear(place) == []
    assert names(place) == [place.name]


@pytest.mark.parametrize(
    "content",
    [b"who,day\n1,2", b"\0\xff" * 10, b"\n", b"x" * 200_000],
    ids=["other columns", "other format", "empty line", "long cell"],
)
def test_file_of_somebody_else_is_left_alone(place, content):
    """A file with other columns is not ours, whatever its name is."""
    left = place.with_name(f"{place.name}.partial")
    left.write_bytes(content)

    assert clear(place) == []
    assert left.read_bytes() == content


def test_file_with_another_name_is_left_alone(place, leave):
    """Somebody may have linked it to keep it."""
    left = leave(place, results(1))
    place.with_name("mine").hardlink_to(left)

    assert clear(place) == []
    assert names(place) == ["mine", left.name]


def test_copy_that_was_broken_off_is_deleted(place, leave):
    """Its rows stand in another file: the last step of a run copies them, to mark a CSV file or to make Parquet."""
    left = leave(place, results(1), ending=".0123abcd.partial")
    left.write_bytes(b"\xef\xbb\xbfrow,st" if place.suffix == ".csv" else b"PAR1 the rows")

    assert (clear(place), names(place)) == ([], [])


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfmy own notes\n", b"PAR1 my own notes"])
def test_file_of_somebody_else_that_looks_like_a_broken_copy_is_left_alone(place, content):
    """A last copy has a name with a number: a file with the plain name may be anybody's."""
    own = place.with_name(f"{place.name}.partial")
    own.write_bytes(content)

    assert (clear(place), own.read_bytes()) == ([], content)


@pytest.mark.parametrize(
    ("kind", "name"), [(REJECTS, "rejects.csv"), (REJECTS, "rejects.parquet"), (FINDINGS, "findings.csv")]
)
def test_leftovers_that_the_next_run_makes_again_are_deleted(tmp_path, leave, kind, name):
    """Rejects and findings are complete or worthless: the next run over the same rows writes them anew."""
    frame = pd.DataFrame({"row": [0], "field": "row", "code": "x", "severity": "error"})
    rejects = pd.DataFrame({"who": ["1"], "row": [0], "status": ["failed"], "error_code": "x", "error_message": "y"})
    leave(tmp_path / name, frame if kind is FINDINGS else rejects, kind=kind)

    assert (clear(tmp_path / name, kind), names(tmp_path / name)) == ([], [])


def test_leftover_of_a_folder_that_cannot_be_locked_is_left_alone(place, leave, monkeypatch):
    """Some network file systems have no locks: the file may belong to a run of another machine."""
    left = leave(place, results(1))

    def refuse(_descriptor, _operation):
        raise OSError

    monkeypatch.setattr("fcntl.flock", refuse)

    assert clear(place) == []
    assert names(place) == [left.name]


def test_folder_that_cannot_be_read_may_be_written_to(place, monkeypatch):
    """Leftovers are not found there, but results are written."""

    def refuse(_path):
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", refuse)
        with TableFile(place, RESULTS) as file:
            file.write(results(1))

    assert len(read(place)) == 1


def test_sentence_is_a_warning_by_default(place, leave):
    """A notebook shows it once."""
    leave(place, results(1))

    with pytest.warns(UserWarning, match="an earlier run was cut off"), TableFile(place, RESULTS):
        pass


def test_warning_that_is_an_error_loses_no_rows(place, leave):
    """The rows have their name by then, and the next run begins."""
    leave(place, results(1))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="an earlier run was cut off"):
            TableFile(place, RESULTS)

    assert clear(place) == []
    assert names(place) == [f"results.killed-20261130T231200Z{place.suffix}"]


@pytest.fixture
def limit_files():
    """Let no file grow beyond some bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_csv_whose_last_row_is_broken_off_does_not_get_its_place(tmp_path, limit_files):
    """On a full disk results of an earlier run stay, and the next run finds the whole rows."""
    place = tmp_path / "results.csv"
    place.write_text("earlier")
    file = TableFile(place, RESULTS)
    file.write(results(2))
    limit_files(file.partial.stat().st_size + len("0,rejected,400,no\n1,re"))
    with pytest.raises(SourceError, match="cannot be written there: File too large") as caught:
        file.write(results(1_000))
    file.__exit__(SourceError, caught.value, None)
    (said,) = clear(place)

    assert place.read_text() == "earlier"
    assert "3 rows, are in" in said


def test_rows_that_could_not_be_put_in_place_are_found_by_the_next_run(place):
    """If the last step of a run fails, its rows are still there."""
    file = TableFile(place, RESULTS)
    file.write(results(2, message="né"))
    place.mkdir()
    with pytest.raises(SourceError, match="results cannot be written there: Is a directory"):
        file.__exit__(None, None, None)
    place.rmdir()

    (said,) = clear(place)

    assert "2 rows, are in" in said
    assert [len(read(path)) for path in place.parent.iterdir()] == [2]
