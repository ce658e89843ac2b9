"""A check of files: it holds no rows, and a submission can begin with it. The client is a fake."""

import dataclasses
import re

import pandas as pd
import pytest

from events_pandas import (
    AuthenticationError,
    EventMapping,
    InvalidRowsError,
    MappingError,
    SourceError,
    UnknownColumnError,
    check_events,
    check_file,
    submit_file,
)
from events_pandas.mapping import Number, Text
from events_pandas.run.file_check import check_files, check_frames
from events_pandas.run.file_frames import read_frames
from events_pandas.run.files import submit_files
from events_pandas.run.fitting import fitting_files
from events_pandas.run.options import RunOptions

VALID = ("1,2024-01-31", "2,2024-01-31")


@pytest.fixture
def submit(mapping, fake_client):
    """Submit files with a fake client; return it with the results."""

    def submit(paths, **arguments):
        client = fake_client()
        options = RunOptions(client=client, journal=None, on_invalid=arguments.pop("on_invalid", "report"))
        return client, submit_files(paths, mapping, options=options, **arguments)

    return submit


def test_check_file_says_what_a_check_of_the_rows_says(write, mapping):
    """The report is that of `check_events`, with the same text."""
    rows = ["1,2024-01-31", "2,never", "1,2024-01-31", ",2024-01-31"]
    frame = pd.DataFrame([row.split(",") for row in rows], columns=["who", "day"])

    report = check_file(write("a.csv", *rows), mapping)

    assert re.sub(r" \(a\.csv line \d\)", "", str(report)) == str(check_events(frame, mapping))
    assert report.payloads() == check_events(frame, mapping).payloads()
    assert str(report.preview()) == str(check_events(frame, mapping).preview())


def test_problems_of_files_have_the_file_and_the_position_in_it(write, mapping):
    """Rows are counted over all files; the index counts those of each file."""
    paths = [write("a.csv", *VALID), write("b.csv"), write("c.csv", "3,2024-01-31", "4,never", "1,2024-01-31")]

    problems = check_files(paths, mapping).problems

    assert problems[["row", "code", "source_file"]].to_numpy().tolist() == [
        [3, "time_unreadable", "c.csv"],
        [4, "duplicate", "c.csv"],
    ]
    assert problems.index.tolist() == [1, 2]


def test_notes_on_a_file_as_a_whole_name_no_row(write, mapping):
    """The message names the file and the lines that it means; a row of the file would be another place."""
    path = write("a.csv", "1,2024-01-31", ",", "2,never", ",")

    report = check_file(path, mapping)

    note = (
        "file a.csv: 2 lines (3, 5) had no value in any cell, and did not count: "
        "delete them, and move a second table below them to a file of its own"
    )
    assert f"\nnote blank_rows: {note}" in str(report)
    assert f">{note.removeprefix('file a.csv: ')}<" in report._repr_html_()
    assert report.problems.set_index("code")["line"].fillna(0).to_dict() == {"time_unreadable": 4, "blank_rows": 0}


def test_problems_of_parquet_files_have_no_line(tmp_path, mapping):
    """A format without lines has no such column."""
    pd.DataFrame({"who": ["1"], "day": ["never"]}).to_parquet(tmp_path / "a.parquet")

    assert check_file(tmp_path / "a.parquet", mapping).problems.columns.tolist() == [
        "row",
        "field",
        "code",
        "severity",
        "value",
        "message",
        "source_file",
    ]


def test_duplicate_in_another_file_is_compared_with_the_row_that_it_repeats(write):
    """The two rows are read again, since their metadata was not kept."""
    header = "who,day,x"
    paths = [write("a.csv", "1,2024-01-31,p", header=header), write("b.csv", "1,2024-01-31,q", header=header)]
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"x": "x"}, timezone="UTC")

    report = check_files(paths, mapping)

    assert report.problems[["row", "code", "value"]].to_numpy().tolist() == [
        [1, "duplicate_with_other_metadata", "row 0"]
    ]


def test_invalid_row_is_compared_with_a_valid_one_of_a_later_file(write):
    """A row that would repeat a later one, once it is fixed, is noted as in one frame."""
    header = "who,day,x"
    paths = [write("a.csv", "1,2024-01-31,bad", header=header), write("b.csv", "1,2024-01-31,5", header=header)]
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"x": Number("x")}, timezone="UTC")

    problems = check_files(paths, mapping).problems

    assert problems[["row", "code"]].to_numpy().tolist() == [[0, "number_unreadable"], [0, "would_be_duplicate"]]


def test_many_duplicates_are_compared_as_those_of_a_frame(tmp_path, mapping):
    """They are judged a part of the events at a time."""
    mapping = dataclasses.replace(mapping, metadata={"x": "x"})
    numbers = pd.Series(range(150_000))
    frame = pd.DataFrame({"who": (numbers % 50_000).astype(str), "day": "2024-01-31", "x": numbers % 2})
    frame.to_parquet(tmp_path / "a.parquet")

    report, expected = check_file(tmp_path / "a.parquet", mapping), check_events(frame, mapping)

    assert str(report).splitlines()[:6] == str(expected).splitlines()[:6]
    assert [dataclasses.replace(cause, place="") for cause in report.causes] == expected.causes
    assert report.requests == expected.requests == 50_000


def test_check_shows_its_progress_with_all_rows_as_total(tmp_path, mapping, make_orders, capsys):
    """The rows are counted beforehand, and rows that are read again are shown too."""
    make_orders(3).assign(who="1").to_parquet(tmp_path / "a.parquet")
    with fitting_files(tmp_path / "a.parquet", mapping, progress=False) as fit:
        frames = read_frames(fit, mapping, options=RunOptions(chunksize=2))

        check_frames(frames, destination=None, progress=True)

    shown = [line.partition(" after ")[0] for line in capsys.readouterr().err.splitlines()]
    assert shown == ["comparing rows: 3 of 3 (100%)", "checking: 3 of 3 (100%)"]


def test_problems_list_the_first_rows_of_each_code_and_the_report_counts_all(tmp_path, mapping):
    """A wholly bad file does not fill the memory: 10,000 rows of a code are listed, and the report says so."""
    pd.DataFrame({"who": ["1"] * 45_000, "day": ["never"] * 45_000}).to_parquet(tmp_path / "a.parquet")

    report = check_file(tmp_path / "a.parquet", mapping)

    assert report.problems["row"].tolist() == list(range(10_000))
    assert (report.causes[0].rows, report.unlisted) == (45_000, 35_000)
    assert "  problems  the first 10,000 rows of each are listed, and 35,000 more are only counted" in str(report)


def test_report_of_files_keeps_the_first_thousand_events(tmp_path, make_orders, mapping):
    """Rows are not held, so that more events cannot be made."""
    make_orders(1_200).to_parquet(tmp_path / "a.parquet")
    report = check_file(tmp_path / "a.parquet", mapping)

    assert [payload["user_id"] for payload in report.payloads(1_000)] == [f"{row:05d}" for row in range(1_000)]
    with pytest.raises(
        ValueError, match=r"^n: a report of files has the first 1,000 events, got 1,001: give a smaller n$"
    ):
        report.payloads(1_001)


def test_bare_columns_have_the_types_that_submitting_gives_them(tmp_path):
    """The first file with a value decides, as in a stream."""
    pd.DataFrame({"who": ["1"], "day": ["2024-01-31"], "x": [5], "y": ["a"]}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"who": ["2"], "day": ["2024-01-31"], "x": ["b"], "y": [6]}).to_parquet(tmp_path / "b.parquet")
    mapping = EventMapping(
        event_name="a", created_at="day", user_id="who", metadata={"x": "x", "y": "y"}, timezone="UTC"
    )

    report = check_file(tmp_path / "*.parquet", mapping)

    assert report.resolved == {"metadata.x": Number("x"), "metadata.y": Text("y")}
    assert report.problems[["row", "field", "code"]].to_numpy().tolist() == [
        [1, "metadata.x", "number_unreadable"],
        [1, "metadata.x", "sent_as_numbers"],
        [1, "metadata.y", "type_drift"],
    ]


@pytest.mark.parametrize(("chunksize", "share"), [(2, "2 dates among 2 values"), (1_000, "10 dates among 10 values")])
def test_report_of_files_has_the_types_that_the_chunks_of_the_run_decide(tmp_path, fake_client, chunksize, share):
    """A check reads more rows at a time, but the first chunk of the run decides what a bare column becomes."""
    frame = pd.DataFrame({"who": list("0123456789"), "day": ["2024-01-31"] * 10, "paid_at": ["2024-01-31"] * 10})
    frame.to_parquet(tmp_path / "a.parquet")
    mapping = EventMapping(
        event_name="a", created_at="day", user_id="who", metadata={"paid_at": "paid_at"}, timezone="UTC"
    )
    options = RunOptions(client=fake_client(), journal=None, chunksize=chunksize)

    report = check_files(tmp_path / "a.parquet", mapping, options=options)

    results = submit_files(tmp_path / "a.parquet", mapping, options=options)
    assert report.problems[["row", "code", "value"]].to_numpy().tolist() == [[0, "sent_as_text", share]]
    assert [cause.message for cause in report.notes] == [note["message"] for note in results.attrs["run"]["notes"]]


def test_files_without_rows_have_a_report(write, mapping):
    """A file that has a header only is said, and makes no row invalid."""
    report = check_file(write("a.csv"), mapping)

    assert str(report) == "0 rows: 0 valid, 0 invalid, 0 duplicates\n  requests  0\nwarning: a.csv: has no rows"
    assert (report.ok, report.payloads(), len(report.problems), len(report.metadata)) == (True, [], 0, 0)


def test_check_file_refuses_a_file_that_lacks_a_column(write, mapping):
    """A column that only other files have is missing, not empty."""
    paths = [write("a.csv", "1,2024-01-31"), write("b.csv", "2,2024-01-31", header="who,days")]

    with pytest.raises(UnknownColumnError, match=r"created_at: no column 'day': did you mean 'days'\?"):
        check_files(paths, mapping)


def test_check_file_names_the_workspace_of_a_client(write, mapping, fake_client):
    """One GET /me, and no event."""
    client = fake_client()

    report = check_file(write("a.csv", *VALID), mapping, client=client)

    assert (report.workspace.id_code, client.me_requests, client.events) == ("ab12cd34", 1, [])


def test_check_file_ends_before_it_reads_rows_when_the_token_is_refused(write, mapping, fake_client):
    """The error has no results, since no row was read."""
    with pytest.raises(AuthenticationError) as caught:
        check_file(write("a.csv", *VALID), mapping, client=fake_client(me=401))

    assert len(caught.value.results) == 0


@pytest.mark.parametrize(
    ("call", "instead"), [(check_file, "check_events"), (submit_file, "submit_events")], ids=["check", "submit"]
)
def test_frame_in_the_place_of_a_path_names_the_function_for_frames(call, instead, make_orders, mapping):
    """Its column labels are not taken for paths."""
    with pytest.raises(TypeError) as caught:
        call(make_orders(1), mapping)

    assert str(caught.value) == f"path: expected the name of a file, got a DataFrame: call {instead}"


def test_check_first_finds_a_row_that_cannot_be_read_before_the_first_request(write, fake_client):
    """A fault far down ends the run before it begins."""
    path = write("a.csv", *(f"{row},2024-01-31" for row in range(30)))

    def faulty(frame):
        if "25" in frame["who"].to_list():
            raise ZeroDivisionError
        return frame["who"]

    mapping = EventMapping(
        event_name="a", created_at="day", user_id="who", metadata={"x": Text(faulty)}, timezone="UTC"
    )
    client = fake_client()

    with pytest.raises(MappingError, match="ZeroDivisionError"):
        submit_file(path, mapping, client=client, journal=None, check_first=True, chunksize=10, progress=False)

    assert (client.me_requests, client.events) == (0, [])


def test_check_first_submits_when_all_rows_can_be_read(write, submit):
    """Invalid rows are reported, as without it."""
    client, results = submit(write("a.csv", *VALID, "3,never"), check_first=True)

    assert results["status"].tolist() == ["accepted", "accepted", "invalid"]
    assert client.contacts == ["1", "2"]


def test_invalid_rows_that_raise_name_their_files(write, submit):
    """The problems of all files are there before the first request."""
    paths = [write("a.csv", "1,never"), write("b.csv", "2,2024-01-31", "3,")]

    with pytest.raises(InvalidRowsError) as caught:
        submit(paths, on_invalid="raise")

    assert caught.value.problems[["row", "code", "source_file"]].to_numpy().tolist() == [
        [0, "time_unreadable", "a.csv"],
        [2, "created_at_missing", "b.csv"],
    ]


def test_file_that_changes_while_it_is_checked_is_an_error(write):
    """Rows that are compared are read a second time: it must be the same file."""

    def changing(frame):
        write("a.csv", *VALID, "5,2024-01-31")
        return frame["who"]

    mapping = EventMapping(
        event_name="a", created_at="day", user_id="who", metadata={"x": Text(changing)}, timezone="UTC"
    )

    with pytest.raises(SourceError, match=r"a\.csv: was changed"):
        check_file(write("a.csv", *VALID, VALID[0]), mapping)
