"""Results as parts in a folder: what stands there while a run writes, at its end, and after it was killed."""

import json
import os
import resource
import shutil
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyarrow.dataset import dataset

from events_pandas import SourceError, read_results
from events_pandas.results import STATUS_DTYPE
from events_pandas.results.parts import ResultsParts, results_file
from events_pandas.results.table_file import TableFile

LAST_WRITTEN = 1_796_080_320  # 2026-11-30 23:12:00 UTC


def results(n_rows, *, start=0, message="no"):
    """Return some columns of results."""
    return pd.DataFrame(
        {
            "row": np.arange(start, start + n_rows, dtype=np.int64),
            "status": pd.Categorical(["rejected"] * n_rows, dtype=STATUS_DTYPE),
            "http_status": pd.array([400] * n_rows, dtype="Int16"),
            "error_message": pd.array([message] * n_rows, dtype="string[pyarrow]"),
        }
    )


@pytest.fixture
def folder(tmp_path):
    """Where results are to go."""
    return tmp_path / "results"


def write(folder, frames, part_rows=3, **options):
    """Write results in parts, to their end."""
    with ResultsParts(folder, part_rows=part_rows, **options) as parts:
        for frame in frames:
            parts.write(frame)


def kill(parts, folder):
    """Leave a folder as a process would that is killed now."""
    left = folder.with_name("left")
    shutil.copytree(folder, left)
    parts.discard()
    shutil.rmtree(folder, ignore_errors=True)
    left.rename(folder)


def names(folder):
    """Return the names in a folder, with the run as RUN."""
    (run, *others) = {file.name[11:19] for file in folder.glob("part-*")}
    assert others == []
    return sorted(file.name.replace(run, "RUN") for file in folder.iterdir())


@pytest.mark.parametrize("sizes", [[8], [1] * 8, [2, 0, 5, 1], [0, 8], [3, 3, 2]])
def test_parts_have_the_same_rows_however_they_come(folder, sizes):
    """Each part but the last has as many rows as a part may have, in their order; names sort in it too."""
    starts = np.cumsum([0, *sizes])

    write(folder, [results(size, start=start) for size, start in zip(sizes, starts, strict=False)])

    assert names(folder) == ["_manifest.json", *(f"part-0000{number}-RUN.parquet" for number in range(3))]
    assert [len(pd.read_parquet(part)) for part in sorted(folder.glob("part-*"))] == [3, 3, 2]
    pd.testing.assert_frame_equal(read_results(folder), results(8))
    pd.testing.assert_frame_equal(pd.read_parquet(folder), results(8), check_dtype=False)


def test_manifest_has_the_parts_in_their_order(folder):
    """It is JSON that other programs may read."""
    write(folder, [results(4)])

    manifest = json.loads((folder / "_manifest.json").read_text())
    run, begun = manifest.pop("run"), manifest.pop("started_at")
    assert pd.Timestamp(begun).tz is not None
    assert manifest == {
        "format": "events_pandas results",
        "version": 1,
        "rows": 4,
        "complete": True,
        "columns": ["row", "status", "http_status", "error_message"],
        "parts": [
            {"name": f"part-00000-{run}.parquet", "rows": 3},
            {"name": f"part-00001-{run}.parquet", "rows": 1},
        ],
    }


def test_results_without_rows_are_one_part(folder):
    """It has the columns."""
    write(folder, [results(0)])

    assert pd.read_parquet(folder).columns.tolist() == results(0).columns.tolist()
    assert len(read_results(folder)) == 0


@pytest.mark.parametrize("part_rows", [1, 2, 5])
def test_new_results_take_the_place_of_earlier_ones(folder, part_rows):
    """A run with other parts leaves no stale part and no row twice."""
    write(folder, [results(7, message="earlier")])

    write(folder, [results(5, message="new")], part_rows=part_rows)

    pd.testing.assert_frame_equal(read_results(folder), results(5, message="new"))
    pd.testing.assert_frame_equal(pd.read_parquet(folder), results(5, message="new"), check_dtype=False)
    assert len(list(folder.iterdir())) == 1 + -(-5 // part_rows)


def test_earlier_results_stay_until_the_run_ends(folder):
    """Whoever reads them meanwhile, by the manifest or all files, has the rows of the earlier run only."""
    write(folder, [results(7, message="earlier")])

    with ResultsParts(folder, part_rows=2) as parts:
        parts.write(results(5, message="new"))
        pd.testing.assert_frame_equal(read_results(folder), results(7, message="earlier"))
        pd.testing.assert_frame_equal(pd.read_parquet(folder), results(7, message="earlier"), check_dtype=False)

    assert read_results(folder)["error_message"].unique().tolist() == ["new"]


def test_other_programs_read_the_parts_of_one_run(folder):
    """A dataset of Arrow leaves out runs under way and the manifest, and so does a pattern."""
    write(folder, [results(7, message="earlier")])

    with ResultsParts(folder, part_rows=2) as parts:
        parts.write(results(5, message="new"))
        assert len(dataset(folder, format="parquet").to_table()) == 7
        assert sum(len(pd.read_parquet(part)) for part in folder.glob("*.parquet")) == 7

    assert sum(len(pd.read_parquet(part)) for part in folder.glob("*.parquet")) == 5


def test_run_without_results_leaves_earlier_ones(folder):
    """So does a run that sent nothing, whose results are discarded. A folder that it made is gone."""
    write(folder.with_name("none"), [])
    write(folder, [results(2)])
    before = sorted(folder.iterdir())

    write(folder, [])
    parts = ResultsParts(folder)
    parts.write(results(1))
    parts.discard()

    assert sorted(folder.iterdir()) == before
    assert not folder.with_name("none").exists()


def test_run_that_ends_by_an_error_has_its_results(folder):
    """They are complete if all that came were written."""

    def interrupted():
        yield results(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(folder, interrupted())

    pd.testing.assert_frame_equal(read_results(folder), results(3))


@pytest.mark.parametrize("part_rows", [2, 100])
def test_rows_of_a_killed_run_are_kept_by_the_next_one(folder, part_rows):
    """They go to a folder of their own, with a manifest, and the earlier results stay until the next run ends."""
    write(folder, [results(7, message="earlier")])
    killed = ResultsParts(folder, part_rows=part_rows)
    killed.write(results(5, message="killed"))
    kill(killed, folder)
    for file in next(folder.glob("_run-*")).iterdir():
        os.utime(file, (LAST_WRITTEN, LAST_WRITTEN))
    said = []

    with ResultsParts(folder, warn=said.append) as parts:
        assert read_results(folder)["error_message"].unique().tolist() == ["earlier"]
        parts.write(results(6, message="new"))

    kept = folder.with_name("results.killed-20261130T231200Z")
    assert said == [f"{folder}: an earlier run was cut off: its results up to then, 5 rows, are in {kept}"]
    cut_off = rf"^{kept}: the run has not ended, or was cut off: these are its results up to then, 5 rows$"
    with pytest.warns(UserWarning, match=cut_off):
        pd.testing.assert_frame_equal(read_results(kept), results(5, message="killed"))
    pd.testing.assert_frame_equal(pd.read_parquet(kept), results(5, message="killed"), check_dtype=False)
    pd.testing.assert_frame_equal(pd.read_parquet(folder), results(6, message="new"), check_dtype=False)
    assert sorted(file.name for file in folder.parent.iterdir()) == ["results", kept.name]


def test_killed_run_without_rows_is_deleted(folder):
    """There is nothing to keep."""
    kill(ResultsParts(folder), folder)
    said = []

    write(folder, [results(1)], warn=said.append)

    assert said == []
    assert names(folder) == ["_manifest.json", "part-00000-RUN.parquet"]


def test_run_under_way_is_left_alone(folder):
    """The run that ends last has its results in the folder."""
    with ResultsParts(folder, part_rows=2) as first:
        first.write(results(3, message="first"))
        said = []
        write(folder, [results(4, message="second")], warn=said.append)
        pd.testing.assert_frame_equal(read_results(folder), results(4, message="second"))

    assert said == []
    pd.testing.assert_frame_equal(pd.read_parquet(folder), results(3, message="first"), check_dtype=False)


def test_first_run_that_has_not_ended_has_no_results(folder):
    """The error says how far it is."""
    with ResultsParts(folder, part_rows=2) as parts:
        parts.write(results(5))
        with pytest.raises(SourceError) as caught:
            read_results(folder)

    assert str(caught.value) == (
        f"{folder}: has no complete results: the whole parts of its first run have 4 rows so far: wait for its end; if "
        "it was killed, start it again"
    )


@pytest.mark.parametrize(
    ("name", "has_results"),
    [("part-00001.parquet", True), ("notes.txt", True), ("notes.txt", False), ("part-00000-1a2b3c4d.parquet", False)],
)
def test_folder_with_other_files_is_refused(folder, name, has_results):
    """Nobody would know which files are results; a part without a manifest is of somebody else."""
    folder.mkdir()
    if has_results:
        write(folder, [results(1)])
    (folder / name).write_text("mine")

    with pytest.raises(SourceError) as caught:
        ResultsParts(folder)

    assert str(caught.value) == (
        f"{folder}: results cannot be written there: the folder holds other files, such as '{name}': choose an empty "
        "or a new one"
    )
    assert (folder / name).read_text() == "mine"


def test_names_that_programs_leave_out_stay(folder):
    """Files such as _SUCCESS and .DS_Store are nobody's rows, nor are folders of other programs."""
    (folder / "_run-of-mine").mkdir(parents=True)
    for name in ("_SUCCESS", ".DS_Store", "_run-of-mine/x"):
        (folder / name).write_text("mine")

    write(folder, [results(1)])

    assert {(folder / name).read_text() for name in ("_SUCCESS", ".DS_Store", "_run-of-mine/x")} == {"mine"}


@pytest.mark.parametrize(
    "text", ["{}", "[1]", "x", '{"format": "events_pandas results", "version": 2}', '{"format": "lake", "version": 1}']
)
def test_manifest_of_another_program_is_refused(folder, text):
    """Its folder stays as it is."""
    folder.mkdir()
    (folder / "_manifest.json").write_text(text)
    fault = f"{folder / '_manifest.json'}: is not a manifest of results of this version: choose another folder"

    for use in (ResultsParts, read_results):
        with pytest.raises(SourceError) as caught:
            use(folder)
        assert str(caught.value) == fault


def test_manifest_never_names_a_file_elsewhere(folder):
    """A part is a name of ours, and no path."""
    write(folder, [results(1)])
    manifest = json.loads((folder / "_manifest.json").read_text())
    manifest["parts"][0]["name"] = "../secret.parquet"
    (folder / "_manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(SourceError, match="is not a manifest of results"):
        read_results(folder)


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (
            lambda place: place.write_text("x"),
            "it is a file: choose another name, or one that ends in .csv or .parquet",
        ),
        (lambda place: place.parent.rmdir(), "there is no folder '{parent}': make it first"),
    ],
)
def test_place_that_cannot_be_a_folder_is_refused(tmp_path, make, fault):
    """Before anything is submitted."""
    place = tmp_path / "above" / "results"
    place.parent.mkdir()
    make(place)

    with pytest.raises(SourceError) as caught:
        ResultsParts(place)

    said = fault.format(parent=place.parent)
    assert str(caught.value) == f"{place}: results cannot be written there: {said}"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("new/", ResultsParts), ("there", ResultsParts), ("results.parquet/", ResultsParts)),
        ("results.csv", TableFile),
    ],
)
def test_name_that_ends_in_a_slash_is_a_folder(tmp_path, monkeypatch, name, kind):
    """So is one that exists."""
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()

    with results_file(name, sources=(), warn=bool) as file:
        assert type(file) is kind


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (Path.unlink, "the part {part} is missing: start the run again, which writes all"),
        (
            lambda part: results(2).to_parquet(part),
            "the part {part} has 2 rows, and had 3: start the run again, which writes all",
        ),
        (lambda part: part.write_text("x"), None),
    ],
)
def test_part_that_was_changed_is_an_error(folder, change, fault):
    """Rows never go missing without a word."""
    write(folder, [results(4)])
    part = min(folder.glob("part-*"))
    change(part)

    with pytest.raises(SourceError) as caught:
        read_results(folder)

    said = f"{part}: the results cannot be read: it is not a table"
    assert str(caught.value) == (f"{folder}: {fault.format(part=part.name)}" if fault else said)


def test_folder_without_results_is_an_error(folder):
    """It names what to give."""
    folder.mkdir()

    with pytest.raises(SourceError) as caught:
        read_results(folder)

    assert str(caught.value) == (
        f"{folder}: is not a folder of results: it has no _manifest.json: give what submit_file wrote to results_path"
    )


@pytest.mark.skipif(os.name == "nt", reason="there are no such rights")
def test_parts_are_read_by_those_only_who_may_read_the_rows(tmp_path, folder):
    """So are parts that take the place of others whose rights were taken away."""
    source = tmp_path / "a.csv"
    source.write_text("x")
    source.chmod(0o640)

    write(folder, [results(4)], sources=[source])
    assert {stat.S_IMODE(part.stat().st_mode) & 0o007 for part in folder.glob("part-*")} == {0}

    for part in folder.glob("part-*"):
        part.chmod(0o600)
    write(folder, [results(4)])
    assert {stat.S_IMODE(part.stat().st_mode) for part in folder.glob("part-*")} == {0o600}


@pytest.fixture
def limit_files():
    """Let no file grow beyond some bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_results_that_a_full_disk_cuts_off_are_not_complete(folder, limit_files):
    """The folder has what was written, as a file of results has, and a reader is told."""
    letters = "".join(map(chr, range(0x4E00, 0x9000)))
    with ResultsParts(folder, part_rows=100) as parts:
        parts.write(results(150))
        limit_files(20_000)
        with pytest.raises(SourceError, match=r"cannot be written there: File too large"):
            parts.write(results(90, start=150, message=letters))
        limit_files(resource.RLIM_INFINITY)

    with pytest.warns(UserWarning, match=r"the run has not ended, or was cut off: .* up to then, 150 rows$"):
        read = read_results(folder)
    assert read["row"].tolist() == list(range(150))


def test_part_without_a_row_on_a_full_disk_is_not_in_the_manifest(folder, limit_files):
    """Whole parts are there, and the part that could not be begun is nowhere."""
    with ResultsParts(folder, part_rows=100) as parts:
        parts.write(results(100))
        limit_files(100)
        with pytest.raises(SourceError, match=r"cannot be written there: File too large"):
            parts.write(results(1, start=100))
        limit_files(resource.RLIM_INFINITY)

    with pytest.warns(UserWarning, match="up to then, 100 rows$"):
        assert len(read_results(folder)) == 100
    assert names(folder) == ["_manifest.json", "part-00000-RUN.parquet"]


def test_parts_that_cannot_be_put_in_place_are_found_by_the_next_run(folder):
    """If the last step of a run fails, its rows are still there."""
    parts = ResultsParts(folder, part_rows=2)
    parts.write(results(3))
    (folder / "_manifest.json").mkdir()
    with pytest.raises(SourceError, match="results cannot be written there: Is a directory"):
        parts.__exit__(None, None, None)
    (folder / "_manifest.json").rmdir()
    said = []

    write(folder, [], warn=said.append)

    (kept,) = folder.parent.glob("results.killed-*")
    assert said == [f"{folder}: an earlier run was cut off: its results up to then, 3 rows, are in {kept}"]
    assert pd.read_parquet(kept)["row"].tolist() == [0, 1, 2]
