"""The rejects of a run over files: their lines as in the files, after any end of the run. The client is a fake."""

import bz2
import gzip
import os
import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from events_pandas import (
    AuthenticationError,
    Date,
    EventMapping,
    MappingError,
    Number,
    RetryPolicy,
    SourceError,
    SourceFormat,
    SubmissionError,
    SubmissionInterrupted,
    sources,
)
from events_pandas.mapping import Text
from events_pandas.run.files import submit_files
from events_pandas.run.options import RunOptions

REASONS = "row,status,error_code,error_message,source_file,line"


@pytest.fixture
def submit(mapping, fake_client):
    """Submit files with a fake client and write the rejects; return the remarks."""

    def submit(paths, *, client=None, rejects_path="rejects.csv", results_path=None, rules=mapping, **options):
        options = {"journal": None, **options}
        run = RunOptions(client=client or fake_client(), retry=RetryPolicy(attempts=1), **options)
        remarks = []
        submit_files(
            paths, rules, options=run, results_path=results_path, rejects_path=rejects_path, warn=remarks.append
        )
        return remarks

    return submit


def rejects(name="rejects.csv"):
    return pd.read_csv(name, dtype=str, keep_default_na=False)


def test_rejects_of_a_file_are_its_cells_untouched(write, submit):
    """All columns are written, mapped or not, and no cell becomes a number or absent."""
    rows = ('00042,never,"a, ""b""",007,NA', "1,2024-01-31,c,1,", "1e5,never,,1.50,nan")
    path = write("a.csv", *rows, header="who,day,note,n,m")

    assert submit(path) == []

    assert Path("rejects.csv").read_text().splitlines()[0] == f"who,day,note,n,m,{REASONS}"
    assert rejects().iloc[:, :7].to_numpy().tolist() == [
        ["00042", "never", 'a, "b"', "007", "NA", "0", "invalid"],
        ["1e5", "never", "", "1.50", "nan", "2", "invalid"],
    ]
    assert not Path("rejects.csv.partial").exists()


@pytest.mark.parametrize("chunksize", [1, 2, 100])
def test_rejects_of_several_files_stand_in_one(write, submit, fake_client, chunksize):
    """Rows are counted over all files."""
    paths = [write("a.csv", "1,2024-01-31", "2,never"), write("b.csv", "3,2024-01-31"), write("c.csv", "4,never")]

    submit(paths, client=fake_client({"3": [404]}), chunksize=chunksize)

    assert rejects()[["who", "row", "status"]].to_numpy().tolist() == [
        ["2", "1", "invalid"],
        ["3", "2", "unknown_contact"],
        ["4", "3", "invalid"],
    ]


def test_rejects_have_the_file_and_the_line_of_each_row(write, submit):
    """A person finds the row in its file; where a file has no lines, the cell is empty."""
    first = write("a.csv", '1,2024-01-31,"a\nb"', "2,never,c", header="who,day,note")
    pd.DataFrame({"who": ["3"], "day": ["never"], "note": ["d"]}).to_parquet("b.parquet")

    submit([first, "b.parquet"])
    submit([first, "b.parquet"], rejects_path="rejects.parquet")

    places = [["1", "a.csv", "4"], ["2", "b.parquet", ""]]
    assert rejects()[["row", "source_file", "line"]].to_numpy().tolist() == places
    typed = pd.read_parquet("rejects.parquet")
    assert typed["line"].fillna(0).tolist() == [4, 0]
    assert typed["source_file"].tolist() == ["a.csv", "b.parquet"]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_rejects_have_text_that_is_not_utf8_as_its_bytes(submit, fake_client, tmp_path, monkeypatch, kind):
    """Arrow reads such text unseen. The row is invalid, and the others are sent."""
    monkeypatch.chdir(tmp_path)
    text = pa.array([b"M\xfcller", b"Ada"]).cast(pa.string(), safe=False)
    note = text.dictionary_encode() if pa.types.is_dictionary(kind) else text.cast(kind)
    pq.write_table(pa.table({"who": ["1", "2"], "day": ["2024-01-31"] * 2, "note": note}), "a.parquet")
    mapping = EventMapping(
        event_name="visited", created_at="day", user_id="who", metadata={"note": "note"}, timezone="UTC"
    )
    client = fake_client()

    submit(["a.parquet"], client=client, rules=mapping)

    assert rejects()[["who", "note", "error_code"]].values.tolist() == [["1", r"b'M\xfcller'", "bytes_unreadable"]]
    assert [event["user_id"] for event in client.events] == ["2"]


def test_columns_with_the_names_of_places_stay_as_they_are(write, submit):
    """The mapping may read them: ours have a prefix, and those of an earlier run are replaced."""
    submit(write("a.csv", "1,never,L1,F1", header="who,day,line,source_file"))
    Path("fixed.csv").write_text(Path("rejects.csv").read_text().replace("never", "nowhere"))

    submit("fixed.csv")

    assert rejects().iloc[:, :4].to_numpy().tolist() == [["1", "nowhere", "L1", "F1"]]
    assert rejects().columns.tolist()[4:] == [f"reject_{name}" for name in REASONS.split(",")]
    assert rejects()[["reject_source_file", "reject_line"]].to_numpy().tolist() == [["fixed.csv", "2"]]


def test_rejects_of_files_with_other_columns_have_all_of_them(write, submit):
    """A column that the file of a row lacks is empty."""
    paths = [write("a.csv", "1,never,x", header="who,day,note"), write("b.csv", "y,never,2", header="size,day,who")]

    submit(paths)

    assert rejects().iloc[:, :5].to_numpy().tolist() == [["1", "never", "x", "", "0"], ["2", "never", "", "y", "1"]]
    assert rejects().columns.tolist()[:4] == ["who", "day", "note", "size"]


def test_rejects_of_files_with_a_column_twice_need_the_same_columns(write, submit):
    """Alone such a file is exported unchanged; beside others its columns cannot be matched."""
    twice = write("a.csv", "1,never,x,y", header="who,day,note,note")
    other = write("b.csv", "1,never", header="who,day")

    submit(twice)

    assert Path("rejects.csv").read_text().startswith(f"who,day,note,note,{REASONS}\n1,never,x,y,0,invalid,")
    with pytest.raises(SubmissionError) as caught:
        submit([twice, other])
    assert str(caught.value) == (
        "the run is complete, but its rejects are missing: "
        "a.csv: has two columns of the same name, and the other files have other columns"
    )


@pytest.mark.parametrize(("name", "compress"), [("a.csv.gz", gzip.compress), ("a.csv.bz2", bz2.compress)])
def test_rejects_of_compressed_files_are_plain(write, submit, name, compress):
    """Compressed files are read like any other."""
    write("a.csv", "00042,never")
    Path(name).write_bytes(compress(Path("a.csv").read_bytes()))

    submit(name)

    assert rejects()["who"].tolist() == ["00042"]


def test_rejects_that_were_fixed_are_submitted_with_the_same_mapping(write, submit, fake_client):
    """Rejects of rejects have the reason of the last run only."""
    submit(write("a.csv", "1,never", "2,2024-01-31", "3,nowhere"))
    fixed = Path("rejects.csv").read_text().replace("1,never", "1,2024-02-01")
    Path("fixed.csv").write_text(fixed)
    client = fake_client()

    submit("fixed.csv", client=client)

    assert client.contacts == ["1"]
    assert rejects().columns.tolist() == ["who", "day", *REASONS.split(",")]
    assert rejects()[["who", "row"]].to_numpy().tolist() == [["3", "1"]]


@pytest.mark.parametrize("name", ["rejects.csv", "rejects.parquet"])
def test_rejects_have_the_columns_of_rows_that_have_reasons_of_their_own(write, fake_client, name):
    """The mapping reads the columns: the rejects are the same events when they are submitted again."""
    own = ["line", "source_file", "row", "status", "error_code", "error_message"]
    path = write("a.csv", "1,2024-01-31,l,f,r,failed,x,y", header=",".join(["who", "day", *own]))
    metadata = {column: Text(column) for column in own}
    mapping = EventMapping(event_name="e", created_at="day", user_id="who", timezone="UTC", metadata=metadata)

    for client in (fake_client({"1": [400]}), fake_client()):
        options = RunOptions(client=client, journal=None)
        submit_files(path, mapping, options=options, rejects_path=name)
        path, name = name, f"again-{name}"

    assert client.events[0]["metadata"] == dict(zip(own, ["l", "f", "r", "failed", "x", "y"], strict=True))


def test_rejects_without_a_row_replace_those_of_an_earlier_run(write, submit):
    """The next command would submit the earlier ones; the new file has a header only."""
    Path(write("rejects.csv")).write_text("earlier")

    submit(write("a.csv", "1,2024-01-31"))

    assert Path("rejects.csv").read_text() == f"who,day,{REASONS}\n"


@pytest.mark.parametrize("name", ["rejects.csv", "rejects.parquet"])
def test_rejects_that_somebody_has_edited_are_kept(write, submit, name):
    """The job may start again before the edited file is submitted: it gets another name."""
    path, place = write("a.csv", "1,never", "2,nowhere"), Path(name)
    submit(path, rejects_path=name)
    content = place.read_bytes().replace(b"nowhere", b"2024-01")
    place.write_bytes(content)
    os.utime(place, (1_700_000_000.5, 1_700_000_000.5))

    remarks = submit(path, rejects_path=name)

    kept = f"rejects.kept-20231114T221320Z{place.suffix}"
    assert remarks == [f"{name}: was changed since it was written, and is kept as {kept}"]
    assert Path(kept).read_bytes() == content
    assert place.read_bytes() != content


def test_rejects_that_nobody_has_edited_are_replaced(write, submit):
    """Otherwise each night would leave a file, and the rejects would be in several."""
    submit(write("a.csv", "1,never"))
    submit(write("a.csv", "1,2024-01-31", "2,never"))

    assert submit(write("a.csv", "1,2024-01-31")) == []

    assert (len(rejects()), list(Path().glob("rejects.kept-*"))) == (0, [])


def test_rejects_of_a_run_that_did_not_begin_stay(write, submit):
    """Before the first result no file is replaced or left over."""
    Path(write("rejects.csv")).write_text("earlier")

    with pytest.raises(MappingError):
        submit(write("a.csv", "1,2024-01-31", header="who,days"))

    assert Path("rejects.csv").read_text() == "earlier"
    assert not Path("rejects.csv.partial").exists()


@pytest.mark.parametrize(
    ("script", "error"), [([401], AuthenticationError), ([KeyboardInterrupt()], SubmissionInterrupted)]
)
def test_rejects_of_a_run_that_ends_early_have_the_rest(write, submit, fake_client, script, error):
    """Rows that were not submitted are in the file, however the run ended."""
    paths = [write("a.csv", "1,2024-01-31", "2,2024-01-31"), write("b.csv", "3,2024-01-31", "4,never")]

    with pytest.raises(error) as caught:
        submit(paths, client=fake_client({"2": script}), concurrency=1, chunksize=1)

    statuses = dict(zip(rejects()["who"], rejects()["status"], strict=True))
    assert statuses["3"] == "not_submitted"
    assert statuses["4"] == "invalid"
    assert "1" not in statuses
    assert not hasattr(caught.value, "__notes__")


def test_rejects_leave_out_what_the_next_run_sends(write, mapping, fake_client):
    """With a journal the same run goes on where it was: the rejects hold what needs work, a note counts the rest."""
    rows = ["1,never", "2,2024-01-31", "2,2024-01-31", "3,2024-01-31", "4,2024-01-31", "4,2024-01-31"]
    path = write("a.csv", *rows)
    remarks = []

    def submit(client):
        options = RunOptions(client=client, concurrency=1, journal="journal.sqlite")
        submit_files(path, mapping, options=options, rejects_path="rejects.csv", warn=remarks.append)

    with pytest.raises(AuthenticationError):
        submit(fake_client({"2": [404], "3": [401]}))
    found, said = rejects(), remarks.pop()
    client = fake_client()
    submit(client)

    # The third row repeats one that was refused, the last row one that waits.
    assert found[["row", "status", "error_code"]].to_numpy().tolist() == [
        ["0", "invalid", "time_unreadable"],
        ["1", "unknown_contact", "not_found"],
        ["2", "not_submitted", "duplicate_of_unsent"],
    ]
    assert said == (
        "rejects.csv: 3 rows that were not submitted are left out: start the same run again, which sends the rest"
    )
    assert (client.contacts, rejects()["row"].tolist(), remarks) == (["2", "3", "4"], ["0"], [])


def test_sentence_about_rejects_does_not_replace_the_error_of_the_run(write, mapping, fake_client):
    """A caller may turn warnings into errors, and still learns why the run ended."""
    path = write("a.csv", "1,2024-01-31")

    with pytest.raises(AuthenticationError) as caught:
        submit_files(path, mapping, options=RunOptions(client=fake_client({"1": [401]})), rejects_path="rejects.csv")

    assert len(caught.value.results) == 1


def test_rejects_are_written_when_a_later_file_cannot_be_read(write, submit, fake_client):
    """The rejects of earlier files are written."""
    paths = [write("a.csv", "1,2024-01-31", "2,never", "3,2024-01-31"), write("b.csv", *["4,2024-01-31"] * 9)]
    client = fake_client({"3": [lambda: Path("b.csv").write_text("who,day\n") and 202]})

    with pytest.raises(
        SubmissionError, match=r"b\.csv: (was changed (after the run had begun|while it was read)|is empty)"
    ):
        submit(paths, client=client, chunksize=1)

    assert rejects()["who"].tolist() == ["2"]


def test_rejects_are_written_without_rows_when_the_file_was_cut_off(write, mapping, fake_client):
    """The fault of the file is told once, with the number of rows that have no result."""
    path = write("a.csv", *[f"{row},2024-01-31" for row in range(3_000)])
    options = RunOptions(client=fake_client({"1": [lambda: os.truncate(path, 900) or 202]}), chunksize=500)

    with pytest.raises(SubmissionError) as caught:
        submit_files(path, mapping, options=options, rejects_path="rejects.csv")

    n_rows = len(caught.value.results)
    assert caught.value.__notes__ == [
        f"rows without a result: {3_000 - n_rows:,} of 3,000, which could not be read any more and were not submitted"
    ]
    assert (n_rows % 500, Path("rejects.csv").read_text()) == (
        0,
        "who,day,row,status,error_code,error_message,source_file,line\n",
    )


def test_rejects_that_cannot_be_written_do_not_hide_why_the_run_ended(write, submit, fake_client):
    """The exception of the run has a note about the rejects."""
    path = write("a.csv", "1,2024-01-31")
    Path("rest").mkdir()
    client = fake_client({"1": [lambda: shutil.rmtree("rest") or 401]})

    with pytest.raises(AuthenticationError) as caught:
        submit(path, client=client, rejects_path="rest/rejects.csv")

    assert caught.value.__notes__ == ["rest/rejects.csv: rejects cannot be written there: No such file or directory"]


def test_rejects_that_cannot_be_written_lose_no_result(write, mapping, fake_client):
    """The error says that the run is complete and its rejects are missing, and has the results."""
    write("a.csv", "1,never")
    Path("rest").mkdir()
    options = RunOptions(client=fake_client(), journal=None)

    with pytest.raises(SubmissionError) as caught:
        submit_files(
            "a.csv", mapping, options=options, rejects_path="rest/rejects.csv", take=lambda _: shutil.rmtree("rest")
        )

    assert caught.value.results["status"].tolist() == ["invalid"]
    assert str(caught.value) == (
        "the run is complete, but its rejects are missing: "
        "rest/rejects.csv: rejects cannot be written there: No such file or directory"
    )


def test_rejects_whose_file_was_written_to_are_reported(write, submit, fake_client):
    """A file that was changed during the run may have other rows in the place of the rejects."""
    path = write("a.csv", "1,2024-01-31", "2,2024-01-31")
    client = fake_client({"2": [lambda: Path(path).write_text("who,day\n") and 404]})

    with pytest.raises(SubmissionError) as caught:
        submit(path, client=client)

    assert str(caught.value) == (
        "the run is complete, but its rejects are missing: a.csv: was changed during the run, so that its rejects "
        "cannot be read again: the results have them as row 1"
    )


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.parquet"])
def test_rejects_of_a_file_that_was_replaced_are_its_own(write, submit, fake_client, name):
    """The rejects are rows of the file that was submitted, not of the one that replaced it."""
    frames = [pd.DataFrame({"who": who, "day": "2024-01-31", "note": who}) for who in (["1", "2"], ["8", "9"])]
    for path, frame in zip((write(name), f"new-{name}"), frames, strict=True):
        frame.to_parquet(path) if name.endswith(".parquet") else frame.to_csv(path, index=False)
    client = fake_client({"2": [lambda: Path(f"new-{name}").replace(name) and 404]})

    submit(name, client=client)

    assert rejects()[["who", "note", "status"]].to_numpy().tolist() == [["2", "2", "unknown_contact"]]


def test_rejects_of_rows_that_cannot_be_read_stand_as_far_as_they_can(write, submit):
    """Missing cells are empty; cells beyond the last column are written into it, with their commas."""
    assert submit(write("a.csv", "1,2024-01-31", "2", "3,2024-01-31,x", "who,day", '4,"a" b')) == []

    assert rejects()[["who", "day", "error_code"]].to_numpy().tolist() == [
        ["2", "", "row_too_short"],
        ["3", "2024-01-31,x", "row_too_long"],
        ["who", "day", "repeated_header"],
        ["4", '"a" b', "quote_not_doubled"],
    ]


@pytest.mark.parametrize("rejects_path", ["rejects.csv", "rejects.parquet"])
def test_rejects_with_a_nul_character_are_invalid_again(write, submit, fake_client, rejects_path):
    """The character is kept: with another one in its place the row might be valid."""
    client = fake_client()
    rows = ("1,2024-01-31,x", "\ufffd0\0\ufffd1\ufffd,2024-01-31,", '"5\0""",2024-01-31,"a, b"')

    submit(write("a.csv", *rows, header="who,day,note"), client=client, rejects_path=rejects_path)
    submit(rejects_path, client=client, rejects_path="again.csv")

    text = Path("again.csv").read_bytes().decode("utf-8-sig")
    assert [line.split(",0,")[0].split(",1,")[0] for line in text.splitlines()[1:]] == [
        "\ufffd0\0\ufffd1\ufffd,2024-01-31,",
        '"5\0""",2024-01-31,"a, b"',
    ]
    assert text.count(",invalid,nul_character,") == 2
    assert client.contacts == ["1"]


def test_rejects_say_that_a_row_which_cannot_be_read_would_be_sent(write, submit):
    """The file has a cell for every column, which hides that the row had too few."""
    assert submit(write("a.csv", "1,2024-01-31", header="who,day,note")) == [
        (
            "rejects.csv: line 2 (row 0 of the run) was invalid, "
            "but would be sent if this file is submitted as it is: correct it first"
        )
    ]


@pytest.mark.parametrize("n_files", [1, 2])
def test_rejects_count_the_invalid_rows_that_would_be_sent(write, submit, n_files):
    """A user who corrects only the row that is named would send the others, also those of other files."""
    rows = ["1,2024-01-31", "2,never,x", "3,2024-01-31"]
    parts = [rows] if n_files == 1 else [rows[:2], rows[2:]]

    assert submit([write(f"{n}.csv", *part, header="who,day,note") for n, part in enumerate(parts)]) == [
        (
            "rejects.csv: 2 rows, such as line 2 (row 0 of the run), were invalid, "
            "but would be sent if this file is submitted as it is: correct them first"
        )
    ]


def test_rejects_in_parquet_have_no_lines_to_name(write, submit):
    """A row of a Parquet file is named by its number in the run."""
    assert submit(
        write("a.csv", "1,2024-01-31,a", "2,2024-01-31", header="who,day,note"), rejects_path="r.parquet"
    ) == [
        (
            "r.parquet: row 1 of the run was invalid, but would be sent if this file is submitted as it is: "
            "correct it first"
        )
    ]


def test_rejects_of_a_row_with_a_nul_character_that_nobody_maps_need_no_remark(write, submit):
    """The row is invalid in both files."""
    assert submit(write("a.csv", "1,2024-01-31,\0", header="who,day,note")) == []

    assert b"\n1,2024-01-31,\0,0,invalid," in Path("rejects.csv").read_bytes()


@pytest.fixture
def ctrl_c_at_each_table(monkeypatch, ctrl_c):
    """Press Ctrl-C whenever a table is written as CSV."""
    usual = pd.DataFrame.to_csv

    def interrupted(*arguments, **options):
        ctrl_c()
        return usual(*arguments, **options)

    monkeypatch.setattr(pd.DataFrame, "to_csv", interrupted)


@pytest.mark.usefixtures("ctrl_c_at_each_table")
def test_interrupt_while_rejects_are_written_does_not_hide_why_the_run_ended(write, submit, fake_client):
    """A second Ctrl-C leaves out the rejects, and a note on the exception says that they are missing."""
    with pytest.raises(SubmissionInterrupted) as caught:
        submit(write("a.csv", "1,2024-01-31", "2,2024-01-31"), client=fake_client({"1": [KeyboardInterrupt()]}))

    assert caught.value.__notes__ == ["rejects.csv: the rejects are missing, since writing them was interrupted"]
    assert not Path("rejects.csv").exists()


@pytest.mark.usefixtures("ctrl_c_at_each_table")
def test_interrupt_while_the_rejects_of_a_complete_run_are_written_has_all_results(write, submit, fake_client):
    """The run ends as by any interrupt, and a note says that the rejects are missing."""
    with pytest.raises(SubmissionInterrupted) as caught:
        submit(write("a.csv", "1,2024-01-31", "2,never"), client=fake_client())

    assert caught.value.results["status"].tolist() == ["accepted", "invalid"]
    assert caught.value.__notes__ == ["rejects.csv: the rejects are missing, since writing them was interrupted"]


@pytest.mark.parametrize(
    ("rejects_path", "message"),
    [
        ("a.csv", "a.csv: is one of the files that are read, and would be replaced: choose another name"),
        ("./results.csv", "results.csv: is where the results go: choose another name for the rejects"),
        ("rejects.txt", "rejects.txt: rejects are written as .csv or .parquet: choose one of these endings"),
        ("no/rejects.csv", "no/rejects.csv: rejects cannot be written there: there is no folder 'no': make it first"),
    ],
)
def test_rejects_path_is_tried_before_anything_is_sent(write, submit, fake_client, rejects_path, message):
    """If rejects cannot be written, nothing is submitted."""
    client = fake_client()

    with pytest.raises(SourceError) as caught:
        submit(write("a.csv", "1,2024-01-31"), client=client, rejects_path=rejects_path, results_path="results.csv")

    assert str(caught.value) == message
    assert (client.me_requests, client.events) == (0, [])
    assert [path.name for path in Path().iterdir()] == ["a.csv"]


def test_rejects_of_parquet_keep_their_types_in_parquet(write, submit):
    """Integers with gaps, times and decimals keep their types."""
    write("a.csv")
    frame = pd.DataFrame({"who": ["1", None], "day": pd.to_datetime(["2024-01-31", "2024-02-01"])})
    frame.assign(size=pd.array([7, None], dtype="Int64")).to_parquet("a.parquet")

    submit("a.parquet", rejects_path="rejects.parquet")

    schema = sources.source_schema(*sources.source_files("rejects.parquet"))
    before = sources.source_schema(*sources.source_files("a.parquet"))
    assert [schema.field(name).type for name in before.names] == [field.type for field in before]
    assert pd.read_parquet("rejects.parquet")[["row", "status"]].to_numpy().tolist() == [[1, "invalid"]]


def test_rejects_of_parquet_are_text_in_csv(write, submit):
    """They can be fixed in a spreadsheet, and the mapping gives them their types."""
    write("a.csv")
    pd.DataFrame({"who": [None], "day": pd.to_datetime(["2024-01-31"]), "size": [7.0]}).to_parquet("a.parquet")

    submit("a.parquet")

    assert rejects().iloc[:, :3].to_numpy().tolist() == [["", "2024-01-31T00:00:00", "7"]]


def test_rejects_of_types_that_do_not_fit_together_are_refused_in_parquet(write, submit):
    """A column of a Parquet file has one type."""
    write("a.csv")
    pd.DataFrame({"who": [None], "day": ["2024-01-31"], "size": [7.0]}).to_parquet("a.parquet")
    pd.DataFrame({"who": [None], "day": ["2024-01-31"], "size": ["x"]}).to_parquet("b.parquet")

    with pytest.raises(SubmissionError) as caught:
        submit(["a.parquet", "b.parquet"], rejects_path="rejects.parquet")

    assert "rejects.parquet: the columns of the files do not fit into one Parquet file (" in str(caught.value)


def test_rejects_may_have_another_type_than_the_files(write, submit, fake_client):
    """A bare column of text whose rejects hold only numbers would become a number."""
    rules = EventMapping(
        event_name="a", created_at=Date("day"), user_id="who", metadata={"size": "size"}, timezone="UTC"
    )
    path = write("a.csv", "1,2024-01-31,five", "2,2024-01-31,5", header="who,day,size")

    (remarks,) = submit(path, client=fake_client({"2": [404]}), rules=rules)

    assert remarks == (
        "rejects.csv: metadata.size of line 2 (row 1 of the run) would be 5 when this file is submitted, and "
        "not '5': a CSV file has "
        "no types, so give the column a rule in the mapping (text, number with its decimal, "
        "date with its unit), or export to .parquet"
    )


@pytest.mark.parametrize("journal", [None, "journal.sqlite"])
@pytest.mark.parametrize("metadata", [{"size": "size"}, {"size": Number("size")}])
@pytest.mark.parametrize(
    ("shown", "number", "rejected"),
    [
        ("905,00", "1.234", "1234"),
        ("905,00", "1,234", '"1,2340"'),
        ("905.00", "1.234", "1.2340"),
        ("905.00", "1,234", "1234"),
    ],
)
def test_rejects_have_numbers_that_do_not_need_the_decimal_sign_of_the_files(
    write, submit, fake_client, metadata, journal, shown, number, rejected
):
    """A number whose sign only another row showed is written so that it is the same again."""
    rules = EventMapping(event_name="a", created_at=Date("day"), user_id="who", metadata=metadata, timezone="UTC")
    path = write("a.csv", f'1,2024-01-31,"{shown}"', f'2,2024-01-31,"{number}"', header="who,day,size")

    remarks = submit(path, client=fake_client({"2": [404]}), rules=rules, journal=journal)

    assert remarks == []
    assert Path("rejects.csv").read_text().splitlines()[1].startswith(f"2,2024-01-31,{rejected},1,unknown_contact,")


def test_rejects_that_show_another_decimal_sign_than_all_rows_are_noted(write, submit):
    """An invalid row is not compared, but its numbers would have another size once its time is corrected."""
    rules = EventMapping(
        event_name="a", created_at=Date("day"), user_id="who", metadata={"size": Number("size")}, timezone="UTC"
    )
    good = [f"{number},2024-01-31,905.00" for number in range(4)]
    path = write("a.csv", *good, '8,never,"0,5"', header="who,day,size")

    (remarks,) = submit(path, rules=rules)

    assert remarks == (
        "rejects.csv: metadata.size: the cells of column 'size' show a decimal comma, and those of all rows did not: "
        "set decimal in the mapping's source"
    )


@pytest.mark.parametrize(
    ("names", "given", "written"),
    [
        (["bar.csv", "semicolon.csv"], None, "|"),
        (["lines.jsonl", "semicolon.csv"], None, ";"),
        (["tab.tsv"], None, ","),
        (["tab.tsv"], "\t", "\t"),
        (["lines.jsonl"], ";", ";"),
        (["year=2024/semicolon.csv"], None, ";"),
    ],
)
def test_rejects_have_the_delimiter_that_is_given_or_else_of_the_first_csv_file(
    tmp_path, monkeypatch, submit, names, given, written
):
    """The mapping must read it again; a tab is taken only if it is given, since the name ends in .csv."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "year=2024").mkdir()
    for name, mark in [("bar.csv", "|"), ("semicolon.csv", ";"), ("tab.tsv", "\t"), ("year=2024/semicolon.csv", ";")]:
        Path(name).write_text("who,day\n1,2024-01-31\n2,never\n".replace(",", mark))
    Path("lines.jsonl").write_text('{"who": "2", "day": "never"}\n')
    rules = EventMapping(
        event_name="a",
        created_at=Date("day"),
        user_id="who",
        timezone="UTC",
        source=SourceFormat(delimiter=given),
    )

    submit(names, rules=rules)

    header, *rows = Path("rejects.csv").read_text().splitlines()
    assert header == f"who,day,{REASONS}".replace(",", written)
    assert [row.split(written)[:2] for row in rows] == [["2", "never"]] * len(names)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_rejects_of_parquet_keep_types_that_this_machine_does_not_know(tmp_path, monkeypatch, submit, suffix):
    """An unnamed zone and a UUID of 16 bytes keep their types in Parquet; in CSV they are text."""
    monkeypatch.chdir(tmp_path)
    zone, uuid_type = pa.timestamp("ms", "GMT+01:00"), pa.binary(16)
    columns = {
        "who": pa.array([bytes(16), None], uuid_type),
        "day": pa.array([1_706_702_400_000] * 2, zone),
        "nested": pa.array([{"a": 0}] * 2, pa.struct([("a", zone)])),
    }
    pq.write_table(pa.table(columns), "a.parquet")

    assert submit("a.parquet", rejects_path=f"rejects.{suffix}") == []

    if suffix == "parquet":
        schema = pq.read_schema("rejects.parquet")
        assert schema.types[:3] == [uuid_type, zone, pa.struct([("a", zone)])]
        assert pq.read_table("rejects.parquet")["day"].cast(pa.int64()).to_pylist() == [1_706_702_400_000]
    else:
        assert rejects()["day"].tolist() == ["2024-01-31T12:00:00Z"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_fault_of_a_callable_before_the_first_event_leaves_no_file(submit, write, error):
    """What was begun beside the place of the results and the rejects is deleted."""
    path = write("a.csv", "1,2024-01-31")

    def fail(_):
        raise error

    rules = EventMapping(event_name="a", created_at="day", user_id=fail, timezone="UTC")
    with pytest.raises((MappingError, KeyboardInterrupt)):
        submit(path, rules=rules, results_path="results.csv")

    assert [file.name for file in Path().iterdir()] == ["a.csv"]
