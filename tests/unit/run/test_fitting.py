"""The files of a run: bad ones are reported together before anything is sent, or left out on request."""

import io
import sys
from dataclasses import replace
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from events_pandas import (
    EventMapping,
    MappingError,
    RetryPolicy,
    SourceError,
    SubmissionError,
    UnknownColumnError,
    check_file,
)
from events_pandas.results import Summary
from events_pandas.run.files import submit_files
from events_pandas.run.options import RunOptions


@pytest.fixture
def client(fake_client):
    """A client that accepts everything."""
    return fake_client()


@pytest.fixture
def submit(mapping, client, tmp_path, monkeypatch):
    """Submit files of the current folder, and return the results and the warnings."""
    monkeypatch.chdir(tmp_path)

    def submit(paths, *, mapping=mapping, **keywords):
        options = RunOptions(client=client, retry=RetryPolicy(attempts=1), progress=False)
        warned = []
        results = submit_files(paths, mapping, options=options, warn=warned.append, **keywords)
        return results, warned

    return submit


@pytest.fixture
def bad_files(write):
    """One good file, and one of each kind of bad file."""
    write("lacking.csv", "1,2", header="who,days")
    write("empty.csv")
    Path("empty.csv").write_bytes(b"")
    Path("broken.csv.gz").write_bytes(b"\x1f\x8b\x08broken")
    Path("broken.parquet").write_bytes(b"PAR1broken")
    Path("notes.doc").write_text("notes")
    return [write("good.csv", "1,2024-01-31"), "missing.csv", *sorted(set(map(str, Path().glob("*.*"))) - {"good.csv"})]


REASONS = {
    "missing.csv": "there is no such file",
    "notes.doc": (
        "files of this format cannot be read: use .csv, .jsonl, .parquet, .feather or .xlsx, also compressed (.csv.gz)"
    ),
    "empty.csv": "is empty: its first line must name the columns",
    "lacking.csv": "created_at: no column 'day': did you mean 'days'?",
}


def test_bad_files_of_all_kinds_are_reported_at_once(bad_files, submit, client):
    """Nothing is sent, not even the rows of a good file."""
    with pytest.raises(SourceError) as caught:
        submit(bad_files)

    first, *lines = str(caught.value).splitlines()
    assert first == "6 files cannot be submitted:"
    assert {line.strip().partition(":")[0] for line in lines} == {*bad_files} - {"good.csv"}
    assert [line for line in lines if "broken" not in line] == [
        f"  {name}: {REASONS[name]}" for name in ("missing.csv", "notes.doc", "empty.csv", "lacking.csv")
    ]
    assert (client.me_requests, client.events) == (0, [])


def test_bad_files_are_left_out_on_request(bad_files, submit, client):
    """Each is named in a warning and in the facts of the run, and the run is not complete."""
    results, warned = submit(bad_files, skips_bad=True)

    skipped = results.attrs["run"]["skipped_files"]
    assert {file["file"] for file in skipped} == {*bad_files} - {"good.csv"}
    assert {file["file"]: file["reason"] for file in skipped if "broken" not in file["file"]} == REASONS
    assert warned == [f"{file['file']}: was left out: {file['reason']}" for file in skipped]
    assert client.contacts == ["1"]
    assert results["source_file"].tolist() == ["good.csv"]


def test_run_that_left_out_a_file_is_not_complete(write, submit):
    """A nightly job must not end as if all rows had arrived."""
    summaries = {}
    for paths in (["a.csv", "b.csv"], ["a.csv"]):
        write("a.csv", "1,2024-01-31")
        results, _ = submit(paths, skips_bad=True)
        summaries[len(paths)] = Summary()
        summaries[len(paths)].add(results)

    assert (summaries[2].is_complete, summaries[1].is_complete) == (False, True)


def test_files_that_are_all_bad_are_an_error(write, submit):
    """There would be nothing to submit."""
    with pytest.raises(SourceError) as caught:
        submit([write("notes.doc"), "b.csv"], skips_bad=True)

    assert str(caught.value).startswith("2 files cannot be submitted:\n")


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a.csv", "a.csv", "a.csv"], "a.csv: is"),
        (["a.csv", "link.csv"], "link.csv (the file a.csv): is"),
        (["*a.csv", "./a.csv", "b.csv", "b.csv"], "a.csv, b.csv: are"),
        (["*.csv", "b.csv"], "link.csv (the file a.csv), b.csv: are"),
    ],
)
def test_file_that_is_given_more_than_once_is_read_once(write, submit, client, mapping, paths, names):
    """Two names, a name and a pattern, or a link may stand for one file: spread rows would be sent a second time."""
    write("a.csv", "1,2024-01-31")
    write("b.csv", "2,2024-01-31")
    Path("link.csv").symlink_to("a.csv")

    results, warned = submit(paths, mapping=replace(mapping, duplicates="spread"))

    assert (len(results), sorted(set(client.contacts))) == (len(client.contacts), client.contacts)
    assert warned == [f"{names} given more than once, and read once"]


def test_check_says_that_a_file_is_given_more_than_once(write, mapping):
    """It counts the rows of each file once, as a submission does."""
    with pytest.warns(UserWarning, match=r"^a\.csv: is given more than once, and read once$"):
        report = check_file([write("a.csv", "1,2024-01-31"), "a.csv"], mapping)

    assert (report.rows, report.duplicates) == (1, 0)


def test_run_without_a_file_is_an_error(submit):
    """An empty list of files is a mistake."""
    with pytest.raises(SourceError, match="no file was given: name at least one"):
        submit([])


@pytest.fixture
def lake(write):
    """Two CSV files below folders of a year."""
    for year in ("1997", "1998"):
        Path(f"lake/year={year}").mkdir(parents=True)
        write(f"lake/year={year}/a.csv", f"{year},2024-01-31", f"bad{year},never")
    return "lake"


@pytest.fixture
def yearly():
    """A mapping that reads the year, which no file has."""
    return EventMapping(
        event_name="placed-order", created_at="day", user_id="who", timezone="UTC", metadata={"year": "year"}
    )


def test_partitions_are_sent_like_other_columns(lake, yearly, submit, client):
    """A bare column of years is sent as numbers."""
    submit(lake, mapping=yearly)

    assert sorted(event["metadata"]["year"] for event in client.events) == [1997, 1998]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_rejects_have_the_partitions_and_can_be_submitted(lake, yearly, submit, client, suffix):
    """A reject needs no folder any more: its partitions are columns of the file."""
    submit(lake, mapping=yearly, rejects_path=f"rejects{suffix}")
    read, written = (pd.read_csv, "to_csv") if suffix == ".csv" else (pd.read_parquet, "to_parquet")
    rejects = read(f"rejects{suffix}")
    assert rejects.columns.tolist()[:3] == ["who", "day", "year"]
    getattr(rejects.assign(day="2024-02-01"), written)(f"fixed{suffix}", index=False)

    submit(f"fixed{suffix}", mapping=yearly)

    assert sorted(event["metadata"]["year"] for event in client.events[2:]) == [1997, 1998]


def test_missing_column_may_be_like_a_partition(lake, yearly, submit):
    """The columns that there are include the keys of folders."""
    with pytest.raises(MappingError, match=r"no column 'yeer': did you mean 'year'\?"):
        submit(lake, mapping=replace(yearly, metadata={"year": "yeer"}))


def test_partition_with_the_name_of_a_column_is_refused(lake, write, yearly, submit):
    """Nobody knows which of the two is right."""
    write("lake/year=1997/a.csv", "1,2024-01-31,1996", header="who,day,year")

    with pytest.raises(MappingError) as caught:
        submit(lake, mapping=yearly)

    assert str(caught.value) == (
        "lake/year=1997/a.csv: metadata.year: 2 columns have the name 'year': rename or drop all but one "
        "(a folder 'year=1997' and a column of the file have this name: give the files by a pattern below it)"
    )


def test_file_in_a_folder_of_a_partition_lacks_it_if_it_is_named_itself(lake, yearly, submit):
    """A shell writes the names of a pattern without quotes so."""
    with pytest.raises(UnknownColumnError) as caught:
        submit(f"{lake}/year=1997/a.csv", mapping=yearly)

    assert str(caught.value) == (
        "metadata.year: no column 'year'; there are 'who', 'day' "
        "(the folder 'year=1997' is read if the directory above it is given, or a pattern that begins there)"
    )


def test_files_that_lack_the_same_columns_are_named_in_one_line(write, submit):
    """A lake has thousands of them; files with another fault have a line of their own."""
    paths = [write(f"{name}.csv", "1,2", header="who,days") for name in "abcdefg"]

    with pytest.raises(MappingError) as alike:
        submit(paths)
    with pytest.raises(SourceError) as different:
        submit([*paths[:2], write("other.csv", "1,2", header="who,x"), "missing.csv"])

    fault = "created_at: no column 'day': did you mean 'days'?"
    assert str(alike.value) == f"a.csv, b.csv, c.csv, d.csv, e.csv and 2 more: {fault}"
    assert str(different.value).splitlines() == [
        "4 files cannot be submitted:",
        "  missing.csv: there is no such file",
        f"  a.csv, b.csv: {fault}",
        "  other.csv: created_at: no column 'day'; there are 'who', 'x'",
    ]


def test_rows_of_standard_input_are_submitted_with_rejects(submit, client, monkeypatch, tmp_path):
    """They are read twice from the copy, and the results name their place."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"who,day\n1,2024-01-31\n2,never\n")))

    results, _ = submit("-", rejects_path="rejects.csv")

    assert client.contacts == ["1"]
    assert results["source_file"].tolist() == ["-", "-"]
    assert pd.read_csv("rejects.csv")["who"].tolist() == [2]


def test_file_that_vanishes_during_a_run_ends_it_early(write, mapping, fake_client):
    """The rows before it have results, and the error says what is missing."""
    paths = [write("a.csv", "1,2024-01-31"), write("b.csv", "2,2024-01-31")]

    def vanish():
        Path("b.csv").unlink(missing_ok=True)
        return 202

    client = fake_client({"1": [vanish]})
    options = RunOptions(client=client, retry=RetryPolicy(attempts=1), progress=False, chunksize=1, canary=1)

    with pytest.raises(SubmissionError) as caught:
        submit_files(paths, mapping, options=options)

    assert "b.csv: cannot be read: No such file or directory" in str(caught.value)
    assert caught.value.results["status"].tolist() == ["accepted"]


def test_json_lines_without_a_key_of_the_metadata_are_sent(submit):
    """On a day on which no row has a value, a program may write no key for it: the rows are sent without the value."""
    Path("a.jsonl").write_text('{"who":"1","day":"2024-01-31"}\n')
    Path("b.jsonl").write_text('{"who":"2","day":"2024-01-31","coupon":"A"}\n')
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"c": "coupon"}, timezone="UTC")

    results, _ = submit(["a.jsonl", "b.jsonl"], mapping=mapping)

    assert results["status"].tolist() == ["accepted", "accepted"]


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ('"who":"1","day":"2024-01-31","coupons":1', "metadata.c: no column 'coupon': did you mean 'coupons'?"),
        ('"who":"1","coupon":1', "created_at: no column 'day'; there are 'who', 'coupon'"),
    ],
)
def test_json_lines_without_a_needed_or_with_a_similar_key_are_refused(submit, keys, fault):
    """A missing key is an error if every event needs it, or if another name looks like it."""
    Path("a.jsonl").write_text(f"{{{keys}}}\n")
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"c": "coupon"}, timezone="UTC")

    with pytest.raises(UnknownColumnError) as caught:
        submit("a.jsonl", mapping=mapping)

    assert caught.value.faults == (fault,)


@pytest.fixture
def write_sheets(tmp_path, monkeypatch):
    """Write an Excel file with a cover sheet before other sheets, each with a header, into the current folder."""
    monkeypatch.chdir(tmp_path)

    def write_sheets(path, cover, **headers):
        book = openpyxl.Workbook()
        book.active.title = "Cover"
        book.active.append([cover])
        for title, header in headers.items():
            book.create_sheet(title).append(header)
        book.save(path)
        return path

    return write_sheets


@pytest.mark.parametrize(
    ("headers", "hint"),
    [
        ({"Notes": ["a"], "Orders": ["who", "day", "total"]}, "'Orders' has these columns"),
        (
            {"May": ["who", "day", "total"], "June": ["day", "who", "total"]},
            "'May', 'June' have these columns",
        ),
        ({"Orders": ["who", "Day", "total"]}, "'Orders' may have them"),
    ],
)
def test_cover_sheet_without_the_columns_names_the_other_sheets(write_sheets, submit, headers, hint):
    """The rows are in a sheet behind the cover: the error says so, and suggests no constants."""
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"price": "total"}, timezone="UTC")
    write_sheets("a.xlsx", "Made by Ada", **headers)

    with pytest.raises(MappingError) as caught:
        submit("a.xlsx", mapping=mapping)

    assert caught.value.faults == (
        "created_at: no column 'day'; there are 'Made by Ada'",
        "user_id: no column 'who'; there are 'Made by Ada'",
        (
            "metadata.price: no column 'total'; there are 'Made by Ada' (sheet 'Cover' is read, and "
            f"{hint}: choose it with sheet in the mapping's source or with --sheet)"
        ),
    )


def test_title_above_the_header_suggests_no_constants(write, submit):
    """If the first lines explain why a column is missing, its name is not taken for a value."""
    write("a.csv", "who,day,total", "1,2024-01-31,5", header="Title,of,it")
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"price": "total"}, timezone="UTC")

    with pytest.raises(MappingError) as caught:
        submit("a.csv", mapping=mapping)

    assert caught.value.faults[-1] == (
        "metadata.price: no column 'total'; there are 'Title', 'of', 'it' "
        "(the header seems to be in line 2: delete the lines above it)"
    )


@pytest.mark.parametrize(
    ("paths", "name"), [("lake", "lake/a.csv: "), ("lake/*.csv", "lake/a.csv: "), ("lake/a.csv", "")]
)
def test_only_file_is_named_unless_the_user_has_named_it(write, mapping, paths, name):
    """A directory or a pattern may stand for one file, whose name is nowhere else."""
    Path("lake").mkdir()
    write("lake/a.csv", "1,2024-01-31", header="who,days")

    with pytest.raises(UnknownColumnError) as caught:
        check_file(paths, mapping)

    assert str(caught.value) == f"{name}created_at: no column 'day': did you mean 'days'?"
