"""A run over files: their rows, their faults, and the file of each result. The client is a fake."""

import os
import re
import shutil
import stat
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from events_pandas import (
    AuthenticationError,
    EventMapping,
    InvalidRowsError,
    MappingError,
    RetryPolicy,
    SourceError,
    SubmissionError,
    SubmissionInterrupted,
    UnknownColumnError,
    run_frames,
    runs,
)
from events_pandas.api import checked_report
from events_pandas.file_submission import file_results, read_files
from events_pandas.mapping import MonetaryAmount, Number, Text
from events_pandas.options import RunOptions
from events_pandas.results import Ledger, ResultsWriter


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a CSV file of rows "contact,day" into the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(name, *rows, header="who,day"):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in (header, *rows)))
        return name

    return write


@pytest.fixture
def submit(mapping, fake_client):
    """Submit files with a fake client, and return all results."""

    def submit(paths, *, client=None, results_path=None, **options):
        run = RunOptions(client=client or fake_client(), retry=RetryPolicy(attempts=1), **options)
        return list(file_results(paths, mapping, options=run, results_path=results_path))

    return submit


def test_files_are_submitted_one_after_another(write, submit):
    """Rows are counted over all files, duplicates found across them, and each row knows its file."""
    paths = [write("a.csv", "1,2024-01-31", "2,2024-01-31"), write("b.csv"), write("c.csv", "2,2024-01-31")]

    parts = submit(paths)

    results = pd.concat(parts)
    assert results["row"].tolist() == [0, 1, 2]
    assert results.index.tolist() == [0, 1, 0]
    assert results["status"].tolist() == ["accepted", "accepted", "duplicate"]
    assert results["source_file"].tolist() == ["a.csv", "a.csv", "c.csv"]
    assert [len(part) for part in parts] == [2, 0, 1]


def test_file_without_rows_has_results_without_rows(write, submit):
    """The columns and dtypes are those of any results, and they are written too."""
    (results,) = submit(write("a.csv"), results_path="results.parquet")

    assert len(results) == 0
    assert results.columns.tolist() == pd.read_parquet("results.parquet").columns.tolist()
    assert str(results["row"].dtype) == "int64"


def test_results_are_written_as_they_come(write, mapping, fake_client):
    """After a chunk's results its lines stand in the partial file."""
    path = write("a.csv", "1,2024-01-31", "2,2024-01-31")
    options = RunOptions(client=fake_client(), chunksize=1)

    results = file_results(path, mapping, options=options, results_path="results.csv")
    next(results)
    written = pd.read_csv("results.csv.partial")
    results.close()

    assert written[["row", "status", "source_file"]].to_numpy().tolist() == [[0, "accepted", "a.csv"]]


def test_results_path_is_tried_before_anything_is_sent(write, submit, fake_client):
    """Where results cannot be written, nothing is submitted."""
    client = fake_client()

    with pytest.raises(SourceError, match=r"nowhere/results\.csv: results cannot be written there"):
        submit(write("a.csv", "1,2024-01-31"), client=client, results_path="nowhere/results.csv")

    assert (client.me_requests, client.events) == (0, [])


def test_results_do_not_replace_the_rows(write, submit):
    """A results path that is one of the files is refused."""
    with pytest.raises(SourceError, match=r"a\.csv: is a file that is read here, and would be replaced"):
        submit(write("a.csv", "1,2024-01-31"), results_path="a.csv")


def test_guesses_are_told_before_anything_is_read_or_written(write, mapping, fake_client):
    """The results of an earlier run stay, and rows that are invalid come later."""
    client = fake_client()
    write("results.csv", header="of yesterday")
    proposed = replace(mapping, timezone=None, unconfirmed=("timezone",))
    options = RunOptions(client=client, on_invalid="raise")

    with pytest.raises(MappingError) as raised:
        list(file_results(write("a.csv", ",never"), proposed, options=options, results_path="results.csv"))

    assert [fault.partition(":")[0] for fault in raised.value.faults] == ["timezone", "unconfirmed"]
    assert Path("results.csv").read_text() == "of yesterday\n"
    assert client.events == []


def test_missing_column_is_told_before_anything_is_sent(write, submit, fake_client):
    """The error names the columns that the file has, those that are not mapped too."""
    client = fake_client()

    with pytest.raises(UnknownColumnError) as caught:
        submit(write("a.csv", "1,2", header="who,days"), client=client)

    assert str(caught.value) == "created_at: no column 'day': did you mean 'days'?"
    assert (client.me_requests, client.events) == (0, [])


def test_mapped_column_that_stands_twice_is_refused(write, submit):
    """Which of the two is meant cannot be known."""
    with pytest.raises(MappingError) as caught:
        submit(write("a.csv", "1,2,3", header="who,day,who"))

    assert str(caught.value) == "user_id: the frame has 2 columns 'who': rename or drop all but one"


@pytest.mark.parametrize("run", [read_files, None], ids=["check", "submit"])
def test_files_that_do_not_fit_are_all_told_before_anything_is_sent(write, submit, fake_client, mapping, run):
    """The headers of all files are read first, and every file at fault is named."""
    paths = [write("a.csv", "1,2024-01-31"), write("b.csv", header="who,days"), write("c.csv"), write("d.csv")]
    Path("c.csv").write_bytes(b"")
    client = fake_client()

    with pytest.raises(SourceError) as caught:
        run(paths, mapping) if run else submit(paths, client=client)

    assert str(caught.value) == (
        "2 files cannot be submitted:\n"
        "  b.csv: created_at: no column 'day': did you mean 'days'?\n"
        "  c.csv: is empty: its first line must name the columns"
    )
    assert client.contacts == []


def test_file_without_a_header_among_several_is_named(write, submit, fake_client):
    """Its first line is taken for the header, and looks like a row."""
    paths = [write("a.csv", "1,2024-01-31"), write("b.csv", header="00042,2024-01-31")]
    client = fake_client()

    with pytest.raises(MappingError) as caught:
        submit(paths, client=client)

    assert caught.value.faults == (
        "b.csv: created_at: no column 'day'; there are '00042', '2024-01-31'",
        (
            "b.csv: user_id: no column 'who'; there are '00042', '2024-01-31' "
            "(the file's first line seems to be a row: write a line above it that names the columns)"
        ),
    )
    assert client.contacts == []


def test_file_whose_header_stands_further_down_is_told(write, submit):
    """Lines of a report above the header are named as what they are."""
    with pytest.raises(MappingError, match=r"\(the header seems to stand in line 3: delete the lines above it\)"):
        submit(write("a.csv", ",", "who,day", "1,2024-01-31", header="Report,"))


def test_blanks_round_names_of_columns_are_told(write, submit):
    """A blank after a comma belongs to the name that follows."""
    with pytest.raises(UnknownColumnError) as caught:
        submit(write("a.csv", "1, 2024-01-31", header="who, day"))

    assert str(caught.value) == (
        "created_at: no column 'day': did you mean ' day'? (in the file's header line blanks stand round ' day': "
        "remove them there)"
    )


def test_later_file_that_was_changed_ends_the_run_early(write, submit, fake_client):
    """What was submitted before is kept, and the file at fault is named."""
    paths = [write("a.csv", "1,2024-01-31", *["2,2024-01-31"] * 9), write("b.csv", "3,2024-01-31")]
    client = fake_client({"1": [lambda: Path("b.csv").write_text("who,day\n") and 202]})

    with pytest.raises(SubmissionError) as caught:
        submit(paths, client=client, chunksize=1, results_path="results.csv")

    assert str(caught.value) == (
        "the run ended early, and the rows before were submitted: b.csv: was changed after the run had begun: submit "
        "it again when nothing writes to it"
    )
    assert set(pd.read_csv("results.csv")["status"]) == {"accepted", "duplicate"}


@pytest.mark.parametrize("position", [0, 1_050])
def test_row_with_too_few_cells_is_invalid_and_all_others_are_sent(write, submit, fake_client, position):
    """It is never sent without the rest, in whatever chunk it stands."""
    lines = [f"{row},2024-01-31" for row in range(1_100)]
    lines[position] = str(position)
    client = fake_client()

    results = pd.concat(submit(write("a.csv", *lines), client=client, chunksize=1_000))

    assert results["row"].tolist() == list(range(1_100))
    assert results.loc[results["status"] == "invalid", ["row", "error_code", "error_message"]].to_numpy().tolist() == [
        [
            position,
            "row_too_short",
            (
                f"row: line {position + 2} (1 cell for 2 columns) has too few cells: "
                "write a cell for every column, and leave those empty that hold nothing"
            ),
        ]
    ]
    assert len(client.events) == 1_099


def test_rows_that_cannot_be_read_count_in_check_and_submit(write, submit, mapping):
    """Both tell the same rows, and nothing else of them; on_invalid="raise" stops before the first request."""
    path = write("a.csv", "1,2024-01-31", "2", "who,day", "3,2024-01-31,x", "4,2024-01-31,")

    rows, types, refused = read_files(path, mapping)
    problems = checked_report(rows, mapping, types=types, refused=refused).problems
    with pytest.raises(InvalidRowsError) as caught:
        submit(path, on_invalid="raise")

    assert problems[["row", "code"]].to_numpy().tolist() == [
        [1, "row_too_short"],
        [2, "repeated_header"],
        [3, "row_too_long"],
    ]
    assert caught.value.problems[["row", "code"]].to_numpy().tolist() == problems[["row", "code"]].to_numpy().tolist()
    assert pd.concat(submit(path))["status"].tolist() == ["accepted", "invalid", "invalid", "invalid", "accepted"]


def test_quotes_that_a_backslash_escapes_are_noted(write, submit):
    """How they are read is told once, with the run."""
    part, *_ = submit(write("a.csv", '"1\\"",2024-01-31'))

    assert [note["message"] for note in part.attrs["run"]["notes"]] == [
        (
            "file a.csv: line 2 escapes quotes with a backslash, and is read so: "
            "look at a text with a quote in it if this is not meant"
        )
    ]


def test_results_that_cannot_be_written_any_more_are_not_lost(write, submit, fake_client, tmp_path):
    """When the folder of the results goes away, the exception has what was not written."""
    (tmp_path / "results").mkdir()
    client = fake_client({"2": [lambda: shutil.rmtree(tmp_path / "results") or 202]})

    with pytest.raises(SubmissionError) as caught:
        submit(
            write("a.csv", "1,2024-01-31", "2,2024-01-31", "3,2024-01-31"),
            client=client,
            chunksize=2,
            results_path="results/all.csv",
        )

    assert str(caught.value).startswith(
        "the run ended early, and the rows before were submitted: results/all.csv: results cannot be written there: "
    )
    assert caught.value.results["status"].tolist() == ["accepted", "accepted"]
    assert caught.value.results["source_file"].tolist() == ["a.csv", "a.csv"]


def test_results_that_cannot_be_written_do_not_hide_why_the_run_ended(write, submit, fake_client, tmp_path):
    """The exception is that of the run; it has every result, and a note of what became of the file."""
    (tmp_path / "results").mkdir()
    client = fake_client({"2": [lambda: shutil.rmtree(tmp_path / "results") or 401]})

    with pytest.raises(AuthenticationError) as caught:
        submit(
            write("a.csv", "1,2024-01-31", "2,2024-01-31"),
            client=client,
            concurrency=1,
            results_path="results/all.csv",
        )

    assert caught.value.results["status"].tolist() == ["accepted", "not_submitted"]
    assert caught.value.results["source_file"].tolist() == ["a.csv", "a.csv"]
    assert caught.value.__notes__ == ["results/all.csv: results cannot be written there: No such file or directory"]


def test_later_file_that_cannot_be_read_does_not_hide_why_the_run_ended(write, submit, fake_client):
    """After an interrupt, rows have results as far as the files can be read."""
    paths = [write("a.csv", "1,2024-01-31", *["2,2024-01-31"] * 9), write("b.csv", "3,2024-01-31")]

    def interrupted():
        Path("b.csv").write_text("who,day\n")
        raise KeyboardInterrupt

    with pytest.raises(SubmissionInterrupted) as caught:
        submit(paths, client=fake_client({"1": [interrupted]}), concurrency=1, chunksize=20)

    assert len(caught.value.results) == 10


def test_interrupt_while_a_file_is_read_loses_no_row(write, fake_client):
    """Files are read again from the start: a chunk that was half read is not missing."""
    paths = [write("a.csv", "1,2024-01-31"), write("b.csv", "2,2024-01-31"), write("c.csv", "3,2024-01-31")]
    interrupts = [KeyboardInterrupt()]

    def interrupted(frame):
        if frame["who"].tolist() == ["2"] and interrupts:
            raise interrupts.pop()
        return frame["day"]

    mapping = EventMapping(event_name="a", created_at=interrupted, user_id="who", timezone="UTC")
    with pytest.raises(SubmissionInterrupted) as caught:
        list(file_results(paths, mapping, options=RunOptions(client=fake_client())))

    assert caught.value.results["row"].tolist() == [0, 1, 2]
    assert caught.value.results["status"].tolist()[1:] == ["not_submitted", "not_submitted"]
    assert caught.value.results["source_file"].tolist() == ["a.csv", "b.csv", "c.csv"]


def test_invalid_rows_of_any_file_raise_before_the_first_request(write, submit, fake_client):
    """on_invalid="raise" checks all files first, and has the findings of all of them."""
    client = fake_client()
    paths = [write("a.csv", "1,2024-01-31", "2,"), write("b.csv", "3,2024-01-31", ",2024-01-31")]

    with pytest.raises(InvalidRowsError) as caught:
        submit(paths, client=client, on_invalid="raise", chunksize=1)

    assert caught.value.problems[["row", "code"]].to_numpy().tolist() == [
        [1, "created_at_missing"],
        [3, "identifier_missing"],
    ]
    assert str(caught.value).startswith("2 rows are invalid, and none of the rows checked was sent")
    assert (client.me_requests, client.events) == (0, [])


def test_valid_files_are_submitted_when_invalid_rows_are_to_raise(write, submit):
    """on_invalid="raise" changes nothing for good rows."""
    (results,) = submit(write("a.csv", "1,2024-01-31", "1,2024-01-31"), on_invalid="raise")

    assert results["status"].tolist() == ["accepted", "duplicate"]


@pytest.mark.parametrize("chunksize", [1, 2, 100])
def test_bare_column_has_one_type_whatever_the_chunksize(write, fake_client, chunksize):
    """A column that begins with numbers and goes on with as many texts is text from its first row."""
    path = write("a.csv", "1,2024-01-31,5", "2,2024-01-31,five", header="who,day,size")
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"size": "size"})
    client = fake_client()

    list(file_results(path, mapping, options=RunOptions(client=client, chunksize=chunksize)))

    assert sorted(event["metadata"]["size"] for event in client.events) == ["5", "five"]


def test_callables_get_numbers_in_every_chunk(write, fake_client):
    """One odd cell is absent in its own row, and told; it does not make text of the other rows of its chunk."""
    path = write("a.csv", "1,2024-01-31,5", "2,2024-01-31,N/A", "3,2024-01-31,7", "4,2024-01-31,8", header="who,day,n")
    mapping = EventMapping(
        event_name="a",
        created_at="day",
        user_id="who",
        metadata={"twice": Number(lambda frame: frame["n"] * 2)},
        timezone="UTC",
    )
    client = fake_client()

    results = pd.concat(file_results(path, mapping, options=RunOptions(client=client, chunksize=2, journal=None)))
    frame, types, refused = read_files(path, mapping)
    report = checked_report(frame, mapping, types=types, refused=refused)

    assert results["status"].tolist() == ["accepted"] * 4
    assert {event["user_id"]: event.get("metadata") for event in client.events} == {
        "1": {"twice": 10},
        "2": None,
        "3": {"twice": 14},
        "4": {"twice": 16},
    }
    assert report.problems[["row", "code", "message"]].to_numpy().tolist() == [
        [
            1,
            "computed_as_empty",
            (
                "callables: 'N/A' in column 'n' is not a number, as most of its column is, and callables of the "
                "mapping get an empty cell in its place: fix the value or leave the cell empty"
            ),
        ]
    ]


def test_read_files_gives_bare_columns_the_type_that_submitting_gives_them(tmp_path):
    """The first file with a value decides, as in a stream."""
    pd.DataFrame({"who": ["1"], "day": ["2024-01-31"], "x": [5], "y": ["a"]}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"who": ["2"], "day": ["2024-01-31"], "x": ["b"], "y": [6]}).to_parquet(tmp_path / "b.parquet")
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"x": "x", "y": "y"})

    frame, types, _ = read_files([tmp_path / "a.parquet", tmp_path / "b.parquet"], mapping)

    assert frame["who"].tolist() == ["1", "2"]
    assert types.rules == {"metadata.x": Number("x"), "metadata.y": Text("y")}


def test_read_files_refuses_a_file_that_lacks_a_column(write, mapping):
    """A column that only other files have is missing, and not empty."""
    paths = [write("a.csv", "1,2024-01-31"), write("b.csv", "2,2024-01-31", header="who,days")]

    with pytest.raises(UnknownColumnError, match=r"created_at: no column 'day': did you mean 'days'\?"):
        read_files(paths, mapping)


def test_progress_of_files_knows_the_number_of_rows(write, submit, capsys):
    """The rows of all files are counted beforehand."""
    paths = [write("a.csv", "1,2024-01-31", "2,"), write("b.csv", "3,2024-01-31")]

    submit(paths, progress=True)

    assert re.search(r"submitting: 3 of 3 \(100%\) after \d+ s: 2 accepted", capsys.readouterr().err)


def test_progress_shows_that_the_results_of_the_other_rows_are_made(write, submit, fake_client, capsys):
    """After an interrupt that may take long: all files are read to their ends."""
    paths = [write("a.csv", "1,2024-01-31", "2,2024-01-31"), write("b.csv", "3,2024-01-31")]

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(SubmissionInterrupted):
        submit(paths, client=fake_client({"1": [interrupted]}), concurrency=1, progress=True)

    assert re.search(r"^preparing results: 3 of 3 \(100%\) after \d+ s$", capsys.readouterr().err, re.MULTILINE)


def test_interrupt_while_results_are_written_loses_no_row(write, submit, monkeypatch):
    """Ctrl-C outside of the run ends it all the same, and every row has a result, in the file too."""
    interrupts = [KeyboardInterrupt()]
    usual = ResultsWriter.write

    def interrupted(self, results):
        if interrupts:
            raise interrupts.pop()
        usual(self, results)

    monkeypatch.setattr(ResultsWriter, "write", interrupted)
    with pytest.raises(SubmissionInterrupted) as caught:
        submit(write("a.csv", *(f"{row},2024-01-31" for row in range(9))), chunksize=2, results_path="results.csv")

    assert caught.value.results["row"].tolist() == list(range(9))
    assert pd.read_csv("results.csv")["row"].tolist() == list(range(9))


def test_progress_that_is_a_function_is_told_of_the_submission_only(write, submit):
    """Rows are counted for it beforehand, and checks are not its business."""
    told = []

    submit([write("a.csv", "1,2024-01-31", "2,"), write("b.csv", "3,2024-01-31")], progress=told.append)

    assert {progress.total for progress in told} == {3}
    assert told[-1].rows == 3


def test_progress_that_interrupts_loses_no_row_of_a_file(write, submit, fake_client):
    """Every row of the file has a result, in the results file too, and those accepted are those that were sent."""
    client = fake_client({str(row): [lambda: time.sleep(0.02) or 202] for row in range(60)})

    def stop(told):
        if told.rows > 9:
            raise KeyboardInterrupt

    with pytest.raises(SubmissionInterrupted) as caught:
        submit(
            write("a.csv", *(f"{row},2024-01-31" for row in range(60))),
            client=client,
            concurrency=2,
            chunksize=7,
            results_path="results.csv",
            progress=stop,
        )

    results = pd.read_csv("results.csv")
    assert results["row"].tolist() == list(range(60))
    assert set(results["status"]) == {"accepted", "not_submitted"}
    assert (results["status"] == "accepted").sum() == len(client.events)
    assert caught.value.results["error_code"].iloc[-1] == "interrupted"


def test_interrupt_after_a_chunk_is_checked_counts_it_once(write, submit, monkeypatch):
    """What was half remembered of a chunk is read again, and is no duplicate of itself."""
    ledgers = []

    def interrupted(*arguments):
        ledgers.append(arguments)
        if len(ledgers) == 2:
            raise KeyboardInterrupt
        return Ledger(*arguments)

    monkeypatch.setattr(run_frames, "Ledger", interrupted)
    with pytest.raises(SubmissionInterrupted) as caught:
        submit(write("a.csv", *(f"{row},2024-01-31" for row in range(6))), chunksize=2)

    assert caught.value.results["row"].tolist() == list(range(6))
    assert caught.value.results["error_code"].tolist()[2:] == ["interrupted"] * 4


@pytest.mark.parametrize(("modes", "made"), [((0o600,), "0o600"), ((0o644, 0o600), "0o600"), ((0o644,), "0o644")])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_results_and_rejects_are_for_those_alone_who_may_read_the_rows(
    write, mapping, fake_client, modes, made, suffix
):
    """They hold what stands there; of several files the narrowest rights count."""
    before = os.umask(0o022)
    paths = [write(f"{number}.csv", f"{number},never") for number in range(len(modes))]
    for path, mode in zip(paths, modes, strict=True):
        Path(path).chmod(mode)
    options = RunOptions(client=fake_client(), journal=None)

    list(file_results(paths, mapping, options=options, results_path=f"r{suffix}", rejects_path=f"x{suffix}"))
    os.umask(before)

    assert [oct(stat.S_IMODE(Path(f"{name}{suffix}").stat().st_mode)) for name in "rx"] == [made, made]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_partial_files_that_are_links_are_not_followed(write, mapping, fake_client, suffix):
    """What they name stays as it is."""
    Path("precious").write_text("precious")
    path = write("a.csv", "1,never")
    for name in "rx":
        Path(f"{name}{suffix}.partial").symlink_to("precious")
    options = RunOptions(client=fake_client(), journal=None)

    list(file_results(path, mapping, options=options, results_path=f"r{suffix}", rejects_path=f"x{suffix}"))

    assert Path("precious").read_text() == "precious"
    assert Path(f"r{suffix}").exists()
    assert Path(f"x{suffix}").exists()


def test_file_whose_name_is_not_utf8_loses_no_result(write, mapping, fake_client):
    """Its bytes are told in escapes, and its rejects are found again."""
    name = os.fsdecode(b"caf\xe9\n.csv")
    write(name, "1,2024-01-31", "2,never")
    journals = os.fsdecode(b"journals \xe9")
    Path(journals).mkdir()
    options = RunOptions(client=fake_client(), journal=journals)

    (results,) = file_results(name, mapping, options=options, results_path="r.csv", rejects_path="x.csv")

    assert results["status"].tolist() == ["accepted", "invalid"]
    assert results["source_file"].tolist() == ["caf\\xe9\n.csv"] * 2
    assert pd.read_csv("r.csv")["source_file"].tolist() == ["caf\\xe9\n.csv"] * 2
    assert pd.read_csv("x.csv")["who"].tolist() == [2]
    assert runs(journals)["source"].tolist() == ["caf\\xe9\n.csv"]


def test_results_that_cannot_be_put_in_place_are_told_of_a_run_that_is_complete(write, mapping, fake_client):
    """The events were sent: whoever only reads that a file cannot be written would not know."""
    write("a.csv", "1,2024-01-31")
    Path("rest").mkdir()
    options = RunOptions(client=fake_client(), journal=None)
    stream = file_results("a.csv", mapping, options=options, results_path="rest/r.csv")

    next(stream)
    shutil.rmtree("rest")
    with pytest.raises(SubmissionError) as caught:
        next(stream)

    assert str(caught.value) == (
        "the run is complete, and its results are missing: "
        "rest/r.csv: results cannot be written there: No such file or directory"
    )


def test_notes_of_currencies_count_the_rows_of_all_chunks(write, fake_client):
    """A currency is told of once, and how many rows have it."""
    write(
        "a.csv",
        *[f"{row},2024-01-31,5,{currency}" for row, currency in enumerate(["jpy", "usd", "BHD"] * 5)],
        header="who,day,total,currency",
    )
    rules = EventMapping(
        event_name="a",
        created_at="day",
        user_id="who",
        timezone="UTC",
        metadata={"price": MonetaryAmount("total", currency="currency")},
    )
    options = RunOptions(client=fake_client(), journal=None, chunksize=4)

    *_, last = file_results("a.csv", rules, options=options)

    (note,) = last.attrs["run"]["notes"]
    assert (note["code"], note["rows"], note["first_row"]) == ("currency_minor_unit", 10, 0)
