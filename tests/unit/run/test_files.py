"""A run over files: their rows, their faults, and the file of each result. The client is a fake."""

import os
import re
import shutil
import stat
import time
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path

import fsspec
import pandas as pd
import pytest

from events_pandas import (
    AuthenticationError,
    EventMapping,
    InvalidRowsError,
    MappingError,
    RetryPolicy,
    SourceError,
    SourceFormat,
    SubmissionError,
    SubmissionInterrupted,
    UnknownColumnError,
    read_results,
    runs,
    submit_file,
)
from events_pandas.mapping import MonetaryAmount, Number, Text
from events_pandas.results.destination import find_destination
from events_pandas.run.file_check import check_files
from events_pandas.run.file_frames import read_frames
from events_pandas.run.files import FileRun, submit_files
from events_pandas.run.fitting import fitting_files
from events_pandas.run.options import RunOptions
from events_pandas.run.outputs import Outputs
from events_pandas.run.passing_on import PASSED_ON_SECONDS
from events_pandas.sources import ColumnTypes


@pytest.fixture
def submit(mapping, fake_client):
    """Submit files with a fake client, and return all results."""

    def submit(paths, *, client=None, results_path=None, said=None, check_first=False, **options):
        run = RunOptions(client=client or fake_client(), retry=RetryPolicy(attempts=1), **options)
        parts = []
        more = {"check_first": check_first} | ({} if said is None else {"warn": said.append})
        submit_files(paths, mapping, options=run, results_path=results_path, take=parts.append, **more)
        return parts

    return submit


@pytest.fixture
def file_run(mapping, fake_client):
    """Open a file, find its types, and return a run over its rows that has not begun."""
    with ExitStack() as opened:

        def file_run(path, *, client=None, metadata=None, types=None, **known):
            rules = replace(mapping, metadata=metadata or {})
            options = RunOptions(client=client or fake_client(), retry=RetryPolicy(attempts=1), progress=False)
            fit = opened.enter_context(fitting_files(path, rules, progress=False, are_held=True))
            frames = read_frames(fit, rules, options=options)
            return FileRun(source=nullcontext(replace(frames, **(types or {}))), options=options, **known)

        yield file_run


def test_run_finds_out_nothing_that_is_known(write, file_run, fake_client):
    """Types that a check has found are taken as they are, and Intercom is not asked again for the workspace."""
    path, client = write("a.csv", "1,2024-01-31,5", header="who,day,n"), fake_client()
    known = find_destination(client)
    types = {"types": ColumnTypes(rules={"metadata.n": Text("n")})}

    results = file_run(path, client=client, metadata={"n": "n"}, types=types, destination=known).submit()

    assert (results["status"].tolist(), client.events[0]["metadata"]) == (["accepted"], {"n": "5"})
    facts = results.attrs["run"]
    assert (client.me_requests, facts["workspace"]["id_code"], facts["limit"]) == (1, "ab12cd34", 1_000_000)


def test_addresses_with_a_question_mark_are_other_files(mapping, fake_client):
    """Only the query of an address is no part of its name: a run of another file is not the same job."""
    system = fsspec.filesystem("memory")
    for name, contact in (("/day?1.csv", "1"), ("/day?2.csv", "2")):
        system.pipe(name, f"who,day\n{contact},2024-01-31\n".encode())

    def submit(address, scripts=None):
        options = RunOptions(client=fake_client(scripts), progress=False)
        return submit_files(address, mapping, options=options, wait_seconds=0)["status"].tolist()

    statuses = []
    meanwhile = {"1": [lambda: statuses.extend(submit("memory://day?2.csv")) or 202]}

    assert submit("memory://day?1.csv", meanwhile) == statuses == ["accepted"]


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_text("who,day\n2,2024-01-31\n")])
def test_run_refuses_a_file_that_has_changed_since_it_was_read(write, file_run, fake_client, change):
    """Its types and its check are those of other rows, also if it is held open."""
    client = fake_client()
    run = file_run(write("a.csv", "1,2024-01-31"), client=client)
    change(Path("a.csv"))

    with pytest.raises(SourceError) as caught:
        run.submit()

    assert str(caught.value) == "a.csv: was changed while the run began: submit it when nothing writes to it"
    assert client.events == []


def test_run_says_which_files_it_has_written(write, file_run):
    """A file is written when it is in its place, also if it has no rows."""
    run = file_run(write("a.csv", "1,2024-01-31"), outputs=Outputs(results="r.csv", rejects="x.parquet"))
    before = run.written

    run.submit()

    assert (before, run.written) == (Outputs(), Outputs(results="r.csv", rejects="x.parquet"))
    assert (Path("r.csv").exists(), Path("x.parquet").exists()) == (True, True)


def test_run_that_ended_early_says_which_files_it_has_written(write, file_run, fake_client, tmp_path):
    """A fault of a file is a note of the error, and the file is not among those that were written."""
    (tmp_path / "rest").mkdir()
    client = fake_client({"1": [lambda: shutil.rmtree("rest") or 401]})
    run = file_run(
        write("a.csv", "1,2024-01-31", "2,2024-01-31"),
        client=client,
        outputs=Outputs(results="r.csv", rejects="rest/x.csv"),
    )

    with pytest.raises(AuthenticationError) as caught:
        run.submit()

    assert run.written == Outputs(results="r.csv")
    assert caught.value.__notes__ == ["rest/x.csv: rejects cannot be written there: No such file or directory"]


def test_error_after_an_event_is_an_early_end_with_the_results(write, mapping, fake_client):
    """Whatever goes wrong once an event went out, the caller gets a SubmissionError with the results so far."""

    def fail(_):
        raise MemoryError

    options = RunOptions(client=fake_client(), retry=RetryPolicy(attempts=1))

    with pytest.raises(SubmissionError, match="a MemoryError, the cause of this error, ended the run") as caught:
        submit_files(write("a.csv", "1,2024-01-31"), mapping, options=options, take=fail)

    assert isinstance(caught.value.__cause__, MemoryError)
    assert caught.value.results["status"].tolist() == ["accepted"]


@pytest.mark.parametrize("results_path", ["results.csv", "results.parquet", "results/"])
@pytest.mark.parametrize("last", [0, 1, 2])
def test_failure_of_whoever_takes_results_writes_no_row_twice(write, mapping, fake_client, results_path, last):
    """Neither to the results nor to the rejects: both have each row once, whatever part the failure came with."""
    options = RunOptions(client=fake_client(), chunksize=1_000)
    outputs = {"results_path": results_path, "rejects_path": "rejects.csv"}
    path = write("a.csv", *(f"{number},{'never' if number % 2 else '2024-01-31'}" for number in range(2_500)))
    taken = []

    def take(results):
        taken.extend(results["row"])
        if len(taken) > last * 1_000:
            raise LookupError

    with pytest.raises(SubmissionError, match="a LookupError, the cause of this error, ended the run"):
        submit_files(path, mapping, options=options, take=take, **outputs)

    written = read_results(results_path)
    assert written["row"].tolist() == list(range(2_500))
    assert pd.read_csv("rejects.csv")["who"].tolist() == list(range(1, 2_500, 2))


def test_error_before_an_event_stays_as_it_is(write, mapping, fake_client):
    """Nothing was sent: the error is about what was given."""

    def fail(_):
        raise MemoryError

    options = RunOptions(client=fake_client(), retry=RetryPolicy(attempts=1))

    with pytest.raises(MemoryError):
        submit_files(write("a.csv"), mapping, options=options, warn=fail)


def test_files_are_submitted_one_after_another(write, submit):
    """Rows are counted over all files, duplicates are found across them, and each row has its file."""
    paths = [write("a.csv", "1,2024-01-31", "2,2024-01-31"), write("b.csv"), write("c.csv", "2,2024-01-31")]

    parts = submit(paths, said=[])

    results = pd.concat(parts)
    assert results["row"].tolist() == [0, 1, 2]
    assert results.index.tolist() == [0, 1, 0]
    assert results["status"].tolist() == ["accepted", "accepted", "duplicate"]
    assert results["source_file"].tolist() == ["a.csv", "a.csv", "c.csv"]
    assert [len(part) for part in parts] == [2, 0, 1]


@pytest.mark.parametrize(("name", "read"), [("results.csv", pd.read_csv), ("results.parquet", pd.read_parquet)])
def test_file_without_rows_has_results_without_rows(write, submit, name, read):
    """A file without rows has a results file with all columns and dtypes."""
    (results,) = submit(write("a.csv"), results_path=name, said=[])

    assert len(results) == 0
    assert results.columns.tolist() == read(name).columns.tolist()
    assert str(results["row"].dtype) == "int64"


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["a.csv"], "a.csv: has no rows"),
        (["a.csv", "b.csv", "full.csv"], "a.csv, b.csv: have no rows"),
        (["a.csv", "b.csv", "c.csv", "d.csv"], "a.csv, b.csv, c.csv and 1 more: have no rows"),
    ],
)
def test_files_without_rows_are_named(write, submit, names, sentence):
    """A nightly export that is empty is no error, but hardly what was meant."""
    for name in names:
        write(name, *(["1,2024-01-31"] if name == "full.csv" else []))
    said = []

    submit(names, said=said)

    assert said == [sentence]


def test_results_have_the_contact_on_request(write, submit):
    """It is the text that is sent, or would be; a row without one has none, nor has a row that cannot be read."""
    path = write("a.csv", "00042,2024-01-31", "00042,2024-01-31", "1e5,never", ",2024-01-31", "x", header="who,day")

    (results,) = submit(path, include_identifier=True, results_path="results.parquet")

    assert results["identifier"].tolist()[:3] == ["user_id"] * 3
    assert results["contact"].tolist()[:3] == ["00042", "00042", "1e5"]
    assert results[["identifier", "contact"]].isna().all(axis="columns").tolist() == [False] * 3 + [True] * 2
    assert pd.read_parquet("results.parquet")["contact"].tolist()[:3] == ["00042", "00042", "1e5"]
    assert results.columns[-4:].tolist() == ["identifier", "contact", "source_file", "line"]


@pytest.mark.parametrize("chunksize", [1, 2, 1_000])
def test_results_have_the_line_of_each_row(write, submit, chunksize):
    """Lines count from 1 with the header, as an editor shows them; a row begins in its first line."""
    write("a.csv", '1,2024-01-31,"one\ntwo"', "", "2,2024-01-31,x", "3", "4,never,x", header="who,day,note")
    for name in ("b.csv", "d.csv"):
        write(name, "5,2024-01-31", "6,2024-01-31")
    pd.DataFrame({"who": ["7"], "day": ["2024-01-31"]}).to_parquet("c.parquet")

    parts = submit(["a.csv", "b.csv", "c.parquet", "d.csv"], chunksize=chunksize, results_path="results.parquet")

    lines = pd.concat(parts)["line"]
    assert str(lines.dtype) == "Int64"
    assert lines.astype(object).where(lines.notna(), None).tolist() == [2, 5, 6, 7, 2, 3, None, 2, 3]
    assert pd.read_parquet("results.parquet")["line"].tolist()[:3] == [2, 5, 6]


def test_results_are_written_as_they_come(write, mapping, fake_client):
    """When a chunk's results are passed on, its lines are in the partial file."""
    path = write("a.csv", "1,2024-01-31", "2,2024-01-31")
    options = RunOptions(client=fake_client(), chunksize=1)

    written = []

    def read(_):
        written.append(Path("results.csv.partial").read_text().splitlines()[1:])

    submit_files(path, mapping, options=options, results_path="results.csv", take=read)

    assert [[line.split(",")[:2] for line in lines] for lines in written] == [
        [["0", "accepted"]],
        [["0", "accepted"], ["1", "accepted"]],
    ]


def test_results_come_every_few_seconds_whatever_the_pace(write, submit, fake_client):
    """A kill loses a few seconds at most: results wait neither for the end of a chunk nor for many events."""
    rows = [f"{number},2024-01-31" for number in range(60)]
    # A duplicate and an invalid row are no events; they come with the row after them or the end of the chunk.
    path = write("a.csv", *rows[:10], rows[0], "x,never", *rows[10:], rows[1])
    # A second more: the event may have begun to wait before the first results are passed on.
    slow = fake_client({"35": [lambda: time.sleep(PASSED_ON_SECONDS + 1) or 202]})

    parts = submit(path, client=slow, concurrency=1)

    # The first ten events come at once, with the two rows after them.
    assert parts[0]["row"].tolist() == list(range(12))
    assert 41 in [part["row"].iloc[-1] for part in parts]
    results = pd.concat(parts)
    assert results["row"].tolist() == list(range(63))
    assert results.loc[results["status"] != "accepted", ["row", "status"]].to_numpy().tolist() == [
        [10, "duplicate"],
        [11, "invalid"],
        [62, "duplicate"],
    ]


@pytest.mark.parametrize("chunksize", [700, 10_000])
def test_run_that_ends_early_has_each_row_once_after_some_of_a_chunk_came(write, fake_client, mapping, chunksize):
    """The rows whose results came are not among those of the exception, except that `submit_files` returns them all."""
    path = write("a.csv", *(f"{number},2024-01-31" for number in [*range(1_200), 1_199, 0]))
    client = fake_client({"900": [401]})
    options = RunOptions(client=client, chunksize=chunksize, concurrency=1)

    with pytest.raises(AuthenticationError) as caught:
        submit_files(path, mapping, options=options, results_path="results.parquet")

    results, written = caught.value.results, pd.read_parquet("results.parquet")
    assert results["row"].tolist() == written["row"].tolist() == list(range(1_202))
    assert results["status"].tolist()[:900] == ["accepted"] * 900
    assert set(results["status"].tolist()[900:1_201]) <= {"not_submitted", "failed"}
    assert results["status"].tolist()[1_201] == "duplicate"


def test_interrupt_between_two_parts_of_a_chunk_loses_no_row(write, mapping, fake_client, ctrl_c):
    """Each row has one result, before or after the interrupt."""
    path = write("a.csv", *(f"{number},2024-01-31" for number in range(1_200)))
    presses = [ctrl_c]

    def take(_):
        while presses:
            presses.pop()()

    with pytest.raises(SubmissionInterrupted):
        submit_files(path, mapping, options=RunOptions(client=fake_client()), results_path="results.csv", take=take)

    results = pd.read_csv("results.csv")
    assert results["row"].tolist() == list(range(1_200))
    assert set(results["status"][:10]) == {"accepted"}


def test_results_path_is_tried_before_anything_is_sent(write, submit, fake_client):
    """If results cannot be written, nothing is submitted."""
    client = fake_client()

    with pytest.raises(SourceError, match=r"nowhere/results\.csv: results cannot be written there"):
        submit(write("a.csv", "1,2024-01-31"), client=client, results_path="nowhere/results.csv")

    assert (client.me_requests, client.events) == (0, [])


def test_results_do_not_replace_the_rows(write, submit):
    """A results path that is one of the files is refused."""
    with pytest.raises(SourceError, match=r"a\.csv: is one of the files that are read, and would be replaced"):
        submit(write("a.csv", "1,2024-01-31"), results_path="a.csv")


def test_guesses_are_reported_before_anything_is_read_or_written(write, mapping, fake_client):
    """The results of an earlier run stay, and invalid rows are not read yet."""
    client = fake_client()
    write("results.csv", header="of yesterday")
    proposed = replace(mapping, timezone=None, unconfirmed=("timezone",))
    options = RunOptions(client=client, on_invalid="raise")

    with pytest.raises(MappingError) as raised:
        submit_files(write("a.csv", ",never"), proposed, options=options, results_path="results.csv")

    assert [fault.partition(":")[0] for fault in raised.value.faults] == ["timezone", "unconfirmed"]
    assert Path("results.csv").read_text() == "of yesterday\n"
    assert client.events == []


def test_missing_column_is_reported_before_anything_is_sent(write, submit, fake_client):
    """The error names all columns of the file, mapped or not."""
    client = fake_client()

    with pytest.raises(UnknownColumnError) as caught:
        submit(write("a.csv", "1,2", header="who,days"), client=client)

    assert str(caught.value) == "created_at: no column 'day': did you mean 'days'?"
    assert (client.me_requests, client.events) == (0, [])


def test_mapped_column_that_stands_twice_is_refused(write, submit):
    """The mapping does not say which of the two it means."""
    with pytest.raises(MappingError) as caught:
        submit(write("a.csv", "1,2,3", header="who,day,who"))

    assert str(caught.value) == "user_id: 2 columns have the name 'who': rename or drop all but one"


@pytest.mark.parametrize("run", [check_files, None], ids=["check", "submit"])
def test_files_that_do_not_fit_are_all_reported_before_anything_is_sent(write, submit, fake_client, mapping, run):
    """The headers of all files are read first, and every faulty file is named."""
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
    """Its first line is read as the header, and looks like a row."""
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


def test_file_whose_header_stands_further_down_is_reported(write, submit):
    """The message names the lines of a report above the header."""
    with pytest.raises(MappingError, match=r"\(the header seems to be in line 3: delete the lines above it\)"):
        submit(write("a.csv", ",", "who,day", "1,2024-01-31", header="Report,"))


def test_blanks_round_names_of_columns_are_reported(write, submit):
    """A blank after a comma belongs to the name that follows."""
    with pytest.raises(UnknownColumnError) as caught:
        submit(write("a.csv", "1, 2024-01-31", header="who, day"))

    assert str(caught.value) == (
        "created_at: no column 'day': did you mean ' day'? (in the file's header line blanks surround ' day': "
        "remove them there)"
    )


def test_quote_behind_a_blank_in_the_header_is_reported(write, submit):
    """The quotes belong to the name, as they would to a cell."""
    with pytest.raises(UnknownColumnError) as caught:
        submit(write("a.csv", "1,2024-01-31", header='who, "day"'))

    assert str(caught.value).endswith("(in the file's header line blanks surround ' \"day\"': remove them there)")


@pytest.mark.parametrize("mark", [" ", ":", "\x02"])
def test_header_with_an_unknown_delimiter_is_reported(write, submit, mark):
    """One name that holds all names is a header whose delimiter is not known."""
    with pytest.raises(MappingError) as caught:
        submit(write("a.csv", mark.join("12"), header=mark.join(["who", "day"])))

    assert str(caught.value).endswith(
        "(other characters seem to separate the file's cells: set delimiter in the mapping's source)"
    )


def test_lines_that_are_quoted_as_a_whole_are_reported(write, submit):
    """A spreadsheet that does not split the lines of a file puts each of them in quotes."""
    with pytest.raises(MappingError, match=r"\(each line as a whole is in quotes: remove these quotes\)"):
        submit(write("a.csv", '"1,2024-01-31"', header='"who,day"'))


def test_header_in_another_encoding_than_the_given_one_is_reported(write):
    """The name of a column shows which encoding would be right."""
    path = write("a.csv", "1,2024-01-31,EUR", header="who,day,Währung")
    Path(path).write_bytes(Path(path).read_text(encoding="utf-8").encode("cp1252"))
    mapping = EventMapping(
        event_name="a",
        created_at="day",
        user_id="who",
        metadata={"currency": "Währung"},
        source=SourceFormat(encoding="mac_roman"),
    )

    with pytest.raises(UnknownColumnError) as caught, fitting_files(path, mapping, progress=False):
        pass

    assert str(caught.value) == (
        "metadata.currency: no column 'Währung': did you mean 'W‰hrung'? (in the file's header 'W‰hrung' is "
        "'Währung' in another encoding: set encoding in the mapping's source to 'cp1252')"
    )


def test_later_file_that_was_changed_ends_the_run_early(write, submit, fake_client):
    """Rows that were submitted before keep their results, and the changed file is named."""
    paths = [write("a.csv", "1,2024-01-31", *["2,2024-01-31"] * 9), write("b.csv", "3,2024-01-31")]
    client = fake_client({"1": [lambda: Path("b.csv").write_text("who,day\n") and 202]})

    with pytest.raises(SubmissionError) as caught:
        submit(paths, client=client, chunksize=1, results_path="results.csv")

    assert str(caught.value) == (
        "the run ended early, after earlier rows were submitted: b.csv: was changed after the run had begun: submit "
        "it again when nothing writes to it"
    )
    assert set(pd.read_csv("results.csv")["status"]) == {"accepted", "duplicate"}
    assert caught.value.__notes__ == [
        "rows without a result: 1 of 11, which could not be read any more and were not submitted"
    ]


def test_rows_without_a_result_are_counted_if_they_were_checked_first(write, submit, fake_client):
    """A check reads all rows, so that their number is known without progress, too."""
    paths = [write("a.csv", "1,2024-01-31", *["2,2024-01-31"] * 9), write("b.csv", "3,2024-01-31")]
    client = fake_client({"1": [lambda: Path("b.csv").write_text("who,day\n") and 202]})

    with pytest.raises(SubmissionError) as caught:
        submit(paths, client=client, chunksize=1, progress=False, check_first=True)

    assert caught.value.__notes__ == [
        "rows without a result: 1 of 11, which could not be read any more and were not submitted"
    ]


def test_rows_without_a_result_are_told_though_they_were_not_counted(write, submit, fake_client):
    """Rows are counted for progress and for a log."""
    paths = [write("a.csv", "1,2024-01-31", *["2,2024-01-31"] * 9), write("b.csv", "3,2024-01-31")]
    client = fake_client({"1": [lambda: Path("b.csv").write_text("who,day\n") and 202]})

    with pytest.raises(SubmissionError) as caught:
        submit(paths, client=client, chunksize=1, progress=False)

    assert caught.value.__notes__ == [
        "rows without a result: all from row 10 on, which could not be read any more and were not submitted"
    ]


@pytest.mark.parametrize("position", [0, 1_050])
def test_row_with_too_few_cells_is_invalid_and_all_others_are_sent(write, submit, fake_client, position):
    """The row is not sent, in any chunk."""
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
                "write a cell for every column, or, if the line continues the text of the row above, put this text in "
                "quotes"
            ),
        ]
    ]
    assert len(client.events) == 1_099


def test_rows_that_cannot_be_read_count_in_check_and_submit(write, submit, mapping):
    """Both report the same rows once; on_invalid="raise" stops before the first request."""
    path = write("a.csv", "1,2024-01-31", "2", "who,day", "3,2024-01-31,x", "4,2024-01-31,")

    problems = check_files(path, mapping).problems
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
    """One note of the run says how they are read."""
    part, *_ = submit(write("a.csv", '"1\\"",2024-01-31'))

    assert [note["message"] for note in part.attrs["run"]["notes"]] == [
        (
            "file a.csv: line 2 escapes quotes with backslashes, and is read that way: "
            "check a text that has a quote in it"
        )
    ]


def test_results_that_cannot_be_written_any_more_are_not_lost(write, submit, fake_client, tmp_path):
    """When the folder of the results disappears, the exception has the true status of every row."""
    (tmp_path / "results").mkdir()
    slow = {str(row): [lambda: time.sleep(0.01) or 202] for row in range(3, 60)}
    client = fake_client({"2": [lambda: shutil.rmtree(tmp_path / "results") or 202], **slow})

    with pytest.raises(SubmissionError) as caught:
        submit(
            write("a.csv", *(f"{row},2024-01-31" for row in range(1, 60))),
            client=client,
            chunksize=2,
            results_path="results/all.csv",
        )

    results = caught.value.results
    assert str(caught.value).startswith(
        "the run ended early, after earlier rows were submitted: results/all.csv: results cannot be written there: "
    )
    assert results["row"].tolist() == list(range(59))
    assert (results["status"] == "accepted").sum() == len(client.events)
    assert set(results["status"]) == {"accepted", "not_submitted"}
    assert not hasattr(caught.value, "__notes__")


def test_results_that_cannot_be_written_do_not_hide_why_the_run_ended(write, submit, fake_client, tmp_path):
    """The exception of the run has every result, and a note about the file."""
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
        submit_files(paths, mapping, options=RunOptions(client=fake_client()))

    assert caught.value.results["row"].tolist() == [0, 1, 2]
    assert caught.value.results["status"].tolist()[1:] == ["not_submitted", "not_submitted"]
    assert caught.value.results["source_file"].tolist() == ["a.csv", "b.csv", "c.csv"]


def test_invalid_rows_of_any_file_raise_before_the_first_request(write, submit, fake_client):
    """on_invalid="raise" checks all files first, and has the findings of all."""
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


def test_problems_of_invalid_rows_name_other_rows_as_counted_over_all_files(write, submit):
    """A row that repeats a row of another chunk or file names that row."""
    paths = [write("a.csv", "1,2024-01-31", "2,"), write("b.csv", "1,2024-01-31", "3,2024-01-31", "3,2024-01-31")]

    with pytest.raises(InvalidRowsError) as caught:
        submit(paths, on_invalid="raise", chunksize=2)

    problems = caught.value.problems.query("code == 'duplicate'")
    assert problems[["row", "value"]].to_numpy().tolist() == [[2, "row 0"], [4, "row 3"]]


def test_valid_files_are_submitted_when_invalid_rows_are_to_raise(write, submit):
    """on_invalid="raise" changes nothing for good rows."""
    (results,) = submit(write("a.csv", "1,2024-01-31", "1,2024-01-31"), on_invalid="raise")

    assert results["status"].tolist() == ["accepted", "duplicate"]


@pytest.mark.parametrize("chunksize", [1, 2, 100])
def test_bare_column_has_one_type_with_any_chunksize(write, fake_client, chunksize):
    """A column that begins with numbers and goes on with as many texts is text from its first row."""
    path = write("a.csv", "1,2024-01-31,5", "2,2024-01-31,five", header="who,day,size")
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"size": "size"})
    client = fake_client()

    submit_files(path, mapping, options=RunOptions(client=client, chunksize=chunksize))

    assert sorted(event["metadata"]["size"] for event in client.events) == ["5", "five"]


def test_callables_get_numbers_in_every_chunk(write, fake_client):
    """An odd cell is absent in its own row, with a note; the other rows of its chunk stay numbers."""
    path = write("a.csv", "1,2024-01-31,5", "2,2024-01-31,N/A", "3,2024-01-31,7", "4,2024-01-31,8", header="who,day,n")
    mapping = EventMapping(
        event_name="a",
        created_at="day",
        user_id="who",
        metadata={"twice": Number(lambda frame: frame["n"] * 2)},
        timezone="UTC",
    )
    client = fake_client()

    results = submit_files(path, mapping, options=RunOptions(client=client, chunksize=2, journal=None))
    report = check_files(path, mapping)

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
                "callables: 'N/A' in column 'n' is not a number like most of its column, so callables of the "
                "mapping get an empty cell instead: fix or empty the cell"
            ),
        ]
    ]


def test_progress_of_files_knows_the_number_of_rows(write, submit, capsys):
    """The rows of all files are counted beforehand."""
    paths = [write("a.csv", "1,2024-01-31", "2,"), write("b.csv", "3,2024-01-31")]

    submit(paths, progress=True)

    assert re.search(r"submitting: 3 of 3 \(100%\) after \d+ s: 2 accepted", capsys.readouterr().err)


def test_progress_shows_that_the_results_of_the_other_rows_are_made(write, submit, fake_client, capsys):
    """After an interrupt all files are read to their ends, which may take long."""
    paths = [write("a.csv", "1,2024-01-31", "2,2024-01-31"), write("b.csv", "3,2024-01-31")]

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(SubmissionInterrupted):
        submit(paths, client=fake_client({"1": [interrupted]}), concurrency=1, progress=True)

    assert re.search(r"^preparing results: 3 of 3 \(100%\) after \d+ s$", capsys.readouterr().err, re.MULTILINE)


def test_interrupt_while_results_are_written_loses_no_row(write, submit, monkeypatch):
    """An interrupt outside of the run ends it too, and every row has a result, in the file as well."""
    interrupts = [KeyboardInterrupt()]
    usual = pd.DataFrame.to_csv

    def interrupted(results, *arguments, **options):
        if interrupts:
            raise interrupts.pop()
        return usual(results, *arguments, **options)

    monkeypatch.setattr(pd.DataFrame, "to_csv", interrupted)
    with pytest.raises(SubmissionInterrupted) as caught:
        submit(write("a.csv", *(f"{row},2024-01-31" for row in range(9))), chunksize=2, results_path="results.csv")

    assert caught.value.results["row"].tolist() == list(range(9))
    assert pd.read_csv("results.csv")["row"].tolist() == list(range(9))


def test_progress_that_is_a_function_is_called_for_the_submission_only(write, submit):
    """The total is known beforehand, and the function is not called for checks."""
    seen = []

    submit([write("a.csv", "1,2024-01-31", "2,"), write("b.csv", "3,2024-01-31")], progress=seen.append)

    assert {progress.total for progress in seen} == {3}
    assert seen[-1].rows == 3


def test_progress_that_interrupts_loses_no_row_of_a_file(write, submit, fake_client):
    """Every row has a result, in the file too, and the accepted rows are the ones that were sent."""
    client = fake_client({str(row): [lambda: time.sleep(0.02) or 202] for row in range(60)})

    def stop(seen):
        if seen.rows > 9:
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


@pytest.mark.parametrize(("modes", "made"), [((0o600,), "0o600"), ((0o644, 0o600), "0o600"), ((0o644,), "0o644")])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_results_and_rejects_are_private_to_the_readers_of_the_rows(write, mapping, fake_client, modes, made, suffix):
    """Both get the narrowest mode of the files of rows."""
    before = os.umask(0o022)
    paths = [write(f"{number}.csv", f"{number},never") for number in range(len(modes))]
    for path, mode in zip(paths, modes, strict=True):
        Path(path).chmod(mode)
    options = RunOptions(client=fake_client(), journal=None)

    submit_files(paths, mapping, options=options, results_path=f"r{suffix}", rejects_path=f"x{suffix}")
    os.umask(before)

    assert [oct(stat.S_IMODE(Path(f"{name}{suffix}").stat().st_mode)) for name in "rx"] == [made, made]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_partial_files_that_are_links_are_not_followed(write, mapping, fake_client, suffix):
    """Their targets stay as they are."""
    Path("precious").write_text("precious")
    path = write("a.csv", "1,never")
    for name in "rx":
        Path(f"{name}{suffix}.partial").symlink_to("precious")
    options = RunOptions(client=fake_client(), journal=None)

    submit_files(path, mapping, options=options, results_path=f"r{suffix}", rejects_path=f"x{suffix}")

    assert Path("precious").read_text() == "precious"
    assert Path(f"r{suffix}").exists()
    assert Path(f"x{suffix}").exists()


def test_file_whose_name_is_not_utf8_loses_no_result(write, mapping, fake_client):
    """Bytes that are not UTF-8 become escapes, and the rejects of the file are found."""
    name = os.fsdecode(b"caf\xe9\n.csv")
    write(name, "1,2024-01-31", "2,never")
    journals = os.fsdecode(b"journals \xe9")
    Path(journals).mkdir()
    options = RunOptions(client=fake_client(), journal=journals)

    results = submit_files(name, mapping, options=options, results_path="r.csv", rejects_path="x.csv")

    assert results["status"].tolist() == ["accepted", "invalid"]
    assert results["source_file"].tolist() == ["caf\\xe9\n.csv"] * 2
    assert pd.read_csv("r.csv")["source_file"].tolist() == ["caf\\xe9\n.csv"] * 2
    assert pd.read_csv("x.csv")["who"].tolist() == [2]
    assert runs(journals, details=True)["source"].tolist() == ["caf\\xe9\n.csv"]


def test_results_that_cannot_be_put_in_place_leave_a_complete_run(write, mapping, fake_client):
    """The message says that the events were sent, not only that a file cannot be written."""
    write("a.csv", "1,2024-01-31")
    Path("rest").mkdir()
    options = RunOptions(client=fake_client(), journal=None)

    with pytest.raises(SubmissionError) as caught:
        submit_files("a.csv", mapping, options=options, results_path="rest/r.csv", take=lambda _: shutil.rmtree("rest"))

    assert str(caught.value) == (
        "the run is complete, but its results are missing: "
        "rest/r.csv: results cannot be written there: No such file or directory"
    )


def test_notes_of_currencies_count_the_rows_of_all_chunks(write, fake_client):
    """Each currency has one note with the number of its rows."""
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

    results = submit_files("a.csv", rules, options=options)

    (note,) = results.attrs["run"]["notes"]
    assert (note["code"], note["rows"], note["first_row"]) == ("currency_minor_unit", 10, 0)


@pytest.mark.parametrize("seconds", [-1, "60", float("nan"), True])
def test_submit_file_refuses_a_wait_that_is_no_number(write, mapping, fake_client, seconds):
    """The message says what to pass."""
    path = write("days.csv", "00001,2024-01-31")

    with pytest.raises(ValueError, match=r"^wait_seconds: expected a number of seconds, got .+: use 3600 or the like$"):
        submit_file(path, mapping, client=fake_client(), wait_seconds=seconds)
