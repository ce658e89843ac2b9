"""What a run writes of itself into its journal, and the table of all runs."""

import datetime as dt
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pandas as pd
import pytest
from typer.testing import CliRunner

from events_pandas.cli import app
from events_pandas.deliver.journal import Journal, RunFacts
from events_pandas.errors import JournalError
from events_pandas.run.history import HistoryWriter, runs
from events_pandas.run.log import RunLog

DTYPES = {
    "run": "int64",
    "started_at": "datetime64[us, UTC]",
    "duration": "timedelta64[us]",
    "outcome": "string",
    "workspace": "string",
    "source": "string",
    "mapping": "string",
    "rows": "Int64",
    "accepted": "Int64",
    "already_submitted": "Int64",
    "duplicate": "Int64",
    "invalid": "Int64",
    "unknown_contact": "Int64",
    "rejected": "Int64",
    "failed": "Int64",
    "not_submitted": "Int64",
    "requests": "Int64",
    "results_path": "string",
    "resubmit": "bool",
    "journal": "string",
}


SHORT_DTYPES = {
    "run": "int64",
    "started_at": "datetime64[s, UTC]",
    "took": "string",
    "outcome": "string",
    "rows": "Int64",
    "accepted": "Int64",
    "source": "string",
}


class FullDisk:
    """A journal with one step that finds the disk full."""

    def __init__(self, journal, step):
        self._journal, self._step, self.refused = journal, step, []

    def __getattr__(self, name):
        return self._refuse if name == self._step else getattr(self._journal, name)

    def _refuse(self, *_, **__):
        self.refused.append(self._step)
        raise JournalError(self._journal.path, problem="the disk is full", remedy="make room")


@pytest.fixture
def journals(tmp_path):
    """Two journals in a folder: one with a complete run and a killed run, one with a run that ended early."""
    folder = tmp_path / "journals"

    def begin(workspace, minute, source, **facts):
        journal = Journal(folder / f"{workspace}.sqlite", workspace=workspace)
        started_at = datetime(2026, 1, 31, 10, minute, tzinfo=UTC)
        journal.begin_run(RunFacts(started_at=started_at, source=source, mapping="0f3c", **facts))
        return journal

    journal = begin("ab12cd34", 0, "orders.csv", results_path="results.csv")
    counts = {"accepted": 1_200_000, "duplicate": 34}
    journal.end_run("complete", counts, ended_at=datetime(2026, 1, 31, 12, 0, 5, tzinfo=UTC), requests=1_200_001)
    journal.close()
    begin("ab12cd34", 30, "a frame").close()
    journal = begin("ef56", 20, "orders.parquet", resubmit=True)
    counts = {"accepted": 2, "not_submitted": 3}
    journal.end_run("outage", counts, ended_at=datetime(2026, 1, 31, 10, 20, 59, tzinfo=UTC), requests=7)
    journal.close()
    return folder


def test_runs_are_listed_newest_first(journals):
    """The order holds over all journals of a folder."""
    found = runs(journals, details=True)

    assert found["source"].tolist() == ["a frame", "orders.parquet", "orders.csv"]
    assert found["run"].tolist() == [2, 1, 1]
    assert found["workspace"].tolist() == ["ab12cd34", "ef56", "ab12cd34"]
    assert found["journal"].tolist() == [str(journals / f"{name}.sqlite") for name in ("ab12cd34", "ef56", "ab12cd34")]
    assert found.index.tolist() == [0, 1, 2]
    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == DTYPES


def test_runs_report_how_each_ended(journals):
    """A run that was killed has no duration and no counts."""
    found = runs(journals, details=True)

    assert found["outcome"].fillna("-").tolist() == ["killed", "outage", "complete"]
    assert found["started_at"][2] == pd.Timestamp("2026-01-31 10:00", tz="UTC")
    assert found["duration"].tolist() == [pd.NaT, pd.Timedelta("59s"), pd.Timedelta("2h 5s")]
    assert found[["rows", "accepted", "duplicate", "not_submitted", "rejected", "requests"]].fillna(
        -1
    ).values.tolist() == [
        [-1] * 6,
        [5, 2, 0, 3, 0, 7],
        [1_200_034, 1_200_000, 34, 0, 0, 1_200_001],
    ]
    assert found["results_path"].fillna("-").tolist() == ["-", "-", "results.csv"]
    assert found["resubmit"].tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("counts", "outcome"),
    [
        ({"failed": 1}, "1 row to submit again"),
        ({"accepted": 2, "failed": 5, "not_submitted": 1}, "6 rows to submit again"),
        ({"rejected": 1, "failed": 5, "not_submitted": 1}, "1 row to fix"),
    ],
)
def test_runs_say_whether_rows_are_to_be_fixed(journals, counts, outcome):
    """A row without a final answer has nothing to fix: submitting again is enough, as the summary of its run says."""
    journal = Journal(journals / "ab12cd34.sqlite", workspace="ab12cd34")
    started_at = datetime(2026, 1, 31, 11, 0, tzinfo=UTC)
    journal.begin_run(RunFacts(started_at=started_at, source="a frame", mapping="0f3c"))
    journal.end_run("incomplete", counts, ended_at=started_at, requests=1)
    journal.close()

    assert runs(journals)["outcome"][0] == outcome


def test_runs_are_a_table_to_look_at(journals):
    """Times are in words, a run that left rows says how many, and a path is cut in its middle."""
    journal = Journal(journals / "ab12cd34.sqlite", workspace="ab12cd34")
    started_at = datetime(2026, 1, 31, 11, 0, tzinfo=UTC)
    journal.begin_run(RunFacts(started_at=started_at, source="/data/nightly/orders-2026-01-31.parquet", mapping="0f3c"))
    counts = {"accepted": 1_187_997, "already_submitted": 12_000, "duplicate": 3, "invalid": 2, "unknown_contact": 1}
    journal.end_run("incomplete", counts, ended_at=datetime(2026, 1, 31, 11, 1, 29, tzinfo=UTC), requests=1)
    journal.close()

    found = runs(journals)

    facts = found.drop(columns="started_at").astype(object)
    assert facts.where(facts.notna(), "-").to_numpy().tolist() == [
        [3, "ab12cd34", "1 min 29 s", "3 rows to fix", 1_200_003, 1_187_997, "/data/nig...1-31.parquet"],
        [2, "ab12cd34", "-", "killed", "-", "-", "a frame"],
        [1, "ef56", "59 s", "outage (resubmit)", 5, 2, "orders.parquet"],
        [1, "ab12cd34", "2 h 0 min", "complete", 1_200_034, 1_200_000, "orders.csv"],
    ]
    assert list(found) == ["run", "workspace", *list(SHORT_DTYPES)[1:]]
    assert found["started_at"][0] == pd.Timestamp("2026-01-31 11:00", tz="UTC")
    assert max(map(len, found.to_string().splitlines())) <= 120


def test_runs_of_one_workspace_do_not_name_it(journals):
    """Its runs have different numbers."""
    assert list(runs(journals, workspace="ab12cd34")) == list(SHORT_DTYPES)


def test_runs_are_under_way_until_they_end(journals):
    """A run of this process that has not ended goes on."""
    journal = Journal(journals / "ab12cd34.sqlite", workspace="ab12cd34")
    journal.begin_run(RunFacts(started_at=datetime(2026, 1, 31, 11, 0, tzinfo=UTC), source="a frame", mapping="0f3c"))

    found = runs(journals, workspace="ab12cd34")
    journal.close()

    assert found["outcome"].tolist() == ["under way", "killed", "complete"]


def test_runs_of_one_workspace_are_those_of_its_journal(journals):
    """Journals of other workspaces are not read."""
    (journals / "broken.sqlite").write_text("no database" * 100)

    assert runs(journals, workspace="ef56")["source"].tolist() == ["orders.parquet"]


def test_runs_are_an_empty_table_before_the_first_run(tmp_path, monkeypatch):
    """The table has the same columns, and no file is made."""
    monkeypatch.setenv("EVENTS_PANDAS_JOURNALS", str(tmp_path / "journals"))

    found = runs(details=True)

    assert found.empty
    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == DTYPES
    assert {name: str(dtype) for name, dtype in runs().dtypes.items()} == SHORT_DTYPES
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["nope", "nope.sqlite", "nope/"])
def test_runs_refuse_a_path_with_nothing_there(tmp_path, monkeypatch, name):
    """A typing error in a path is an error, in Python as in the command."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(JournalError) as caught:
        runs(name)

    assert str(caught.value) == f"{name.rstrip('/')}: there is no journal: check the path"


def test_runs_of_the_user_are_in_the_state_directory(journals, monkeypatch):
    """`runs()` reads the journals of runs with journal="auto"."""
    monkeypatch.delenv("EVENTS_PANDAS_JOURNALS", raising=False)
    monkeypatch.setattr("platformdirs.user_state_path", lambda *_, **__: journals.parent)

    assert len(runs()) == 3


def test_runs_command_prints_a_table(journals):
    """One line for each run, the newest first, in the words of `runs`."""
    result = CliRunner().invoke(app, ["runs", "--journal", str(journals)])

    assert result.stdout == (
        "run  workspace  started (UTC)        took       outcome            rows       accepted   source          "
        "results\n"
        "2    ab12cd34   2026-01-31 10:30:00             killed                                   a frame\n"
        "1    ef56       2026-01-31 10:20:00  59 s       outage (resubmit)  5          2          orders.parquet\n"
        "1    ab12cd34   2026-01-31 10:00:00  2 h 0 min  complete           1,200,034  1,200,000  orders.csv      "
        "results.csv\n"
    )
    assert (result.stderr, result.exit_code) == ("", 0)


def test_runs_command_marks_the_counts_of_a_killed_run(tmp_path):
    """The run wrote 1,500 rows last, and had more when it was killed."""
    journal = Journal(tmp_path / "journal.sqlite", workspace="ab12cd34")
    started_at = datetime(2026, 1, 31, 10, 0, tzinfo=UTC)
    journal.begin_run(RunFacts(started_at=started_at, source="orders.csv", mapping="0f3c"))
    journal.tell_run({"accepted": 1_500})
    journal.close()

    result = CliRunner().invoke(app, ["runs", "--journal", str(tmp_path / "journal.sqlite")])

    (line,) = result.stdout.splitlines()[1:]
    assert line.split() == ["1", "2026-01-31", "10:00:00", "killed", "1,500+", "1,500+", "orders.csv"]


def test_runs_command_lists_one_workspace(journals):
    """--workspace filters as the function does."""
    result = CliRunner().invoke(app, ["runs", "--journal", str(journals), "--workspace", "ef56"])

    assert [line.split()[-1] for line in result.stdout.splitlines()] == ["results", "orders.parquet"]


def test_runs_command_says_that_no_run_is_recorded(tmp_path):
    """Without runs the command prints a line, and succeeds."""
    result = CliRunner().invoke(app, ["runs", "--journal", str(tmp_path)])

    assert (result.stdout, result.stderr, result.exit_code) == ("no runs yet\n", "", 0)


def test_runs_command_says_that_the_journal_is_missing(tmp_path):
    """A misspelled path is an error, not an empty history."""
    result = CliRunner().invoke(app, ["runs", "--journal", str(tmp_path / "typo.sqlite")])

    assert result.stderr == f"error: {tmp_path / 'typo.sqlite'}: there is no journal: check the path\n"
    assert result.exit_code == 2


@pytest.mark.parametrize(
    "damage", ["UPDATE runs SET counts = '{'", "ALTER TABLE runs DROP COLUMN counts", "UPDATE runs SET counts = x'ff'"]
)
def test_runs_report_that_a_journal_is_damaged(damage, journals):
    """The message is ours, not SQLite's."""
    path = min(journals.glob("*.sqlite"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(damage)
        connection.commit()

    with pytest.raises(JournalError, match=r"the journal is damaged"):
        runs(path)


def test_runs_command_reports_a_broken_journal_in_one_line(tmp_path):
    """The line says what is wrong, which file, and how to fix it."""
    path = tmp_path / "journal.sqlite"
    path.write_text("no database" * 100)

    result = CliRunner().invoke(app, ["runs", "--journal", str(path)])

    assert result.stderr.startswith(
        f"error: {path}: this file is not a journal (file is not a database): it was not changed"
    )
    assert result.exit_code == 2


FACTS = RunFacts(
    started_at=dt.datetime(2024, 1, 31, 12, tzinfo=dt.UTC),
    source="orders.csv",
    mapping="0123456789ab",
    results_path="results.csv",
)


@pytest.fixture
def path(tmp_path):
    """The file of a journal."""
    return tmp_path / "journal.sqlite"


@pytest.fixture
def history(path):
    """The writer of a run that has begun."""
    history = HistoryWriter(FACTS, RunLog(None))
    history.begin(Journal(path, workspace="ab12cd34"))
    return history


def _results(*statuses):
    return pd.DataFrame({"status": pd.Categorical(statuses)})


def _entry(path):
    (entry,) = runs(path, details=True).to_dict("records")
    return entry


def test_entry_of_a_run_has_its_facts_and_counts(history, path):
    """The entry counts rows of all frames, and has the last number of requests."""
    with history:
        history.add(_results("accepted", "duplicate"), requests=1)
        history.add(_results("accepted", "already_submitted"), requests=2)
        history.end(None, outcome=None, requests=3)

    entry = _entry(path)
    assert entry["started_at"] == pd.Timestamp("2024-01-31T12:00Z")
    assert (entry["source"], entry["mapping"], entry["results_path"]) == ("orders.csv", "0123456789ab", "results.csv")
    assert (entry["outcome"], entry["rows"], entry["requests"]) == ("complete", 4, 3)
    assert (entry["accepted"], entry["duplicate"], entry["already_submitted"], entry["failed"]) == (2, 1, 1, 0)


def test_run_is_incomplete_when_a_row_needs_something_more(history, path):
    """The outcome shows that rows were not accepted."""
    with history:
        history.add(_results("accepted", "invalid"), requests=1)
        history.end(None, outcome=None, requests=1)

    assert _entry(path)["outcome"] == "incomplete"


def test_entry_of_a_run_that_ended_early_has_its_reason_and_all_rows(history, path):
    """The rows of the exception count like the others."""
    with history:
        history.add(_results("accepted"), requests=1)
        history.end(_results("failed", "not_submitted"), outcome="outage", requests=9)

    entry = _entry(path)
    assert (entry["outcome"], entry["rows"], entry["requests"]) == ("outage", 3, 9)


def test_entry_of_a_run_that_an_error_ended_says_so(history, path):
    """A fault of a stream has an outcome of its own."""
    with pytest.raises(ValueError, match="a fault"), history:
        raise ValueError("a fault")

    assert _entry(path)["outcome"] == "error"


def test_entry_of_a_closed_stream_says_so(history, path):
    """A run without an end was closed by its reader."""
    with history:
        history.add(_results("accepted"), requests=1)

    assert _entry(path)["outcome"] == "closed"


def test_entry_of_a_run_under_way_has_the_rows_so_far(history, path):
    """An entry has no outcome while its run goes on, and the rows so far."""
    history.add(_results("accepted"), requests=1)

    entry = _entry(path)
    assert pd.isna(entry["outcome"])
    assert pd.isna(entry["duration"])
    assert entry["accepted"] == 1

    with history:
        pass


@pytest.mark.parametrize("step", ["tell_run", "end_run"])
def test_run_goes_on_when_its_history_cannot_be_written(step, path):
    """The events are safe: an entry is not worth the results, and the next event finds the full disk."""
    journal = FullDisk(Journal(path, workspace="ab12cd34"), step)

    with HistoryWriter(FACTS, RunLog(None)) as history:
        history.begin(journal)
        history.add(_results("accepted"), requests=1)
        history.end(None, outcome=None, requests=1)

    assert journal.refused == [step]
    assert _entry(path)["outcome"] == "complete" if step == "tell_run" else "killed"


def test_run_without_a_journal_writes_no_history(monkeypatch, tmp_path):
    """No file is opened."""
    monkeypatch.chdir(tmp_path)

    with HistoryWriter(FACTS, RunLog(None)) as history:
        history.add(_results("accepted"), requests=1)
        history.end(None, outcome=None, requests=1)

    assert list(tmp_path.iterdir()) == []
    assert runs().empty


def test_history_of_a_run_is_written_once_a_second(path):
    """Each entry waits for the disk, and a stream may have hundreds of frames in a second; the end has all counts."""
    now = [100.0]
    history = HistoryWriter(FACTS, RunLog(None), clock=lambda: now[0])
    history.begin(Journal(path, workspace="ab12cd34"))
    seen = []

    with history:
        for seconds in (0.0, 0.5, 0.5, 0.5):
            now[0] += seconds
            history.add(_results("accepted"), requests=1)
            seen.append(_entry(path)["rows"])
        history.end(None, outcome=None, requests=4)

    assert seen == [1, 1, 3, 3]
    assert _entry(path)["rows"] == 4
