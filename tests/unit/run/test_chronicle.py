"""What a run tells the journal about itself, however it ends."""

import datetime as dt

import pandas as pd
import pytest

from events_pandas.deliver.journal import Journal, RunFacts
from events_pandas.errors import JournalError
from events_pandas.run.history import Chronicle, runs

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
def chronicle(path):
    """A run that has begun."""
    chronicle = Chronicle(FACTS)
    chronicle.begin(Journal.opened(path, workspace="ab12cd34"))
    return chronicle


def _results(*statuses):
    return pd.DataFrame({"status": pd.Categorical(statuses)})


def _entry(path):
    (entry,) = runs(path).to_dict("records")
    return entry


def test_run_is_told_with_its_facts_and_counts(chronicle, path):
    """Rows of all frames count, and the last number of requests."""
    with chronicle:
        chronicle.add(_results("accepted", "duplicate"), requests=1)
        chronicle.add(_results("accepted", "already_submitted"), requests=2)
        chronicle.end(None, outcome=None, requests=3)

    entry = _entry(path)
    assert entry["started_at"] == pd.Timestamp("2024-01-31T12:00Z")
    assert (entry["source"], entry["mapping"], entry["results_path"]) == ("orders.csv", "0123456789ab", "results.csv")
    assert (entry["outcome"], entry["rows"], entry["requests"]) == ("complete", 4, 3)
    assert (entry["accepted"], entry["duplicate"], entry["already_submitted"], entry["failed"]) == (2, 1, 1, 0)


def test_run_is_incomplete_when_a_row_needs_something_more(chronicle, path):
    """Rows that were not accepted are to be seen without looking at counts."""
    with chronicle:
        chronicle.add(_results("accepted", "invalid"), requests=1)
        chronicle.end(None, outcome=None, requests=1)

    assert _entry(path)["outcome"] == "incomplete"


def test_run_that_ended_early_is_told_with_its_reason_and_the_rows_it_left(chronicle, path):
    """The rows of the exception count like the others."""
    with chronicle:
        chronicle.add(_results("accepted"), requests=1)
        chronicle.end(_results("failed", "not_submitted"), outcome="outage", requests=9)

    entry = _entry(path)
    assert (entry["outcome"], entry["rows"], entry["requests"]) == ("outage", 3, 9)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(ValueError(), "error"), (KeyboardInterrupt(), "interrupted"), (GeneratorExit(), "closed")],
)
def test_run_that_was_left_is_told_as_such(error, outcome, chronicle, path):
    """A fault of a stream, an interrupt beside the run, a reader that had enough."""
    with pytest.raises(type(error)), chronicle:
        raise error

    assert _entry(path)["outcome"] == outcome


def test_run_under_way_is_told_with_what_is_done(chronicle, path):
    """After a kill this is what is left: no end, and the rows so far."""
    chronicle.add(_results("accepted"), requests=1)

    entry = _entry(path)
    assert pd.isna(entry["outcome"])
    assert pd.isna(entry["duration"])
    assert entry["accepted"] == 1

    with chronicle:
        pass


@pytest.mark.parametrize("step", ["tell_run", "end_run"])
def test_results_outlive_a_history_that_cannot_be_told(step, chronicle, path, monkeypatch):
    """The events are safe: an entry is worth no results, and what must be written finds a full disk by itself."""
    asked = []

    def full(journal, *_, **__):
        asked.append(journal.path)
        raise JournalError(journal.path, problem="the disk is full", remedy="make room")

    monkeypatch.setattr(Journal, step, full)
    with chronicle:
        chronicle.add(_results("accepted"), requests=1)
        chronicle.end(None, outcome=None, requests=1)

    assert asked == [path]
    assert _entry(path)["outcome"] == "complete" if step == "tell_run" else pd.isna(_entry(path)["outcome"])


def test_run_without_a_journal_tells_nothing(monkeypatch, tmp_path):
    """Nothing is opened, and nothing is missed."""
    monkeypatch.chdir(tmp_path)

    with Chronicle(FACTS) as chronicle:
        chronicle.add(_results("accepted"), requests=1)
        chronicle.end(None, outcome=None, requests=1)

    assert list(tmp_path.iterdir()) == []
    assert runs().empty


def test_run_that_goes_on_is_told_of_once_a_second(path):
    """A stream may have hundreds of frames in a second, and each entry is a wait for the disk; the end tells all."""
    now = [100.0]
    chronicle = Chronicle(FACTS, clock=lambda: now[0])
    chronicle.begin(Journal.opened(path, workspace="ab12cd34"))
    told = []

    with chronicle:
        for seconds in (0.0, 0.5, 0.5, 0.5):
            now[0] += seconds
            chronicle.add(_results("accepted"), requests=1)
            told.append(_entry(path)["rows"])
        chronicle.end(None, outcome=None, requests=4)

    assert told == [1, 1, 3, 3]
    assert _entry(path)["rows"] == 4
