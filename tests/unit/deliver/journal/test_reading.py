"""The history of runs, read from a journal that is not changed."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import pytest

from events_pandas.deliver.journal import RunEntry, RunFacts, read_runs
from events_pandas.errors import JournalError

TEN = 1_769_853_600_000_000
"""10 o'clock of the day of `make_facts`, in microseconds."""


def files(path):
    return {file.name: file.read_bytes() for file in path.parent.iterdir()}


def test_run_tells_what_it_was_given_and_how_it_ended(journal, make_facts, path):
    """A run's entry has all that was known at its beginning and at its end."""
    journal.begin_run(make_facts(results_path="results.parquet", resubmit=True))
    journal.end_run(
        "complete",
        {"accepted": 3, "invalid": 1},
        ended_at=datetime(2026, 1, 31, 10, 2, 3, 4, tzinfo=UTC),
        requests=5,
    )

    assert journal.run == 1
    assert read_runs(path) == [
        RunEntry(
            run=1,
            started_at=TEN,
            ended_at=TEN + 123_000_004,
            workspace="ab12cd34",
            source="orders.csv",
            mapping="0f3c",
            outcome="complete",
            counts={"accepted": 3, "invalid": 1},
            requests=5,
            results_path="results.parquet",
            resubmit=True,
            is_under_way=False,
        )
    ]


def test_run_under_way_tells_how_far_it_is(journal, make_facts, path):
    """A killed run leaves the counts that it wrote last, or none."""
    journal.begin_run(make_facts())
    journal.begin_run(make_facts())
    journal.tell_run({"accepted": 3}, requests=4)

    reported = [(entry.run, entry.counts, entry.requests, entry.outcome, entry.ended_at) for entry in read_runs(path)]

    assert reported == [(1, None, None, None, None), (2, {"accepted": 3}, 4, None, None)]


def test_run_is_under_way_until_its_journal_is_closed(journal, make_facts, path):
    """A run without an end was killed if its process is gone, or goes on without it."""
    journal.begin_run(make_facts())
    before = [entry.is_under_way for entry in read_runs(path)]

    journal.close()

    assert (before, [entry.is_under_way for entry in read_runs(path)]) == ([True], [False])


def test_run_of_a_killed_process_is_not_under_way(path):
    """The process is gone, though its run wrote no end."""
    program = (
        "import datetime as dt, os, pathlib, signal\n"
        "from events_pandas.deliver.journal import Journal, RunFacts\n"
        f"journal = Journal(pathlib.Path({str(path)!r}), workspace='ab12cd34')\n"
        "journal.begin_run(RunFacts(started_at=dt.datetime.now(dt.UTC), source='a', mapping='b'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=False)

    assert [(entry.ended_at, entry.is_under_way) for entry in read_runs(path)] == [(None, False)]


def test_run_begins_at_an_instant_in_any_zone(journal, path):
    """A local time is kept as an instant."""
    started_at = datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=2)))

    journal.begin_run(RunFacts(started_at=started_at, source="a", mapping="b"))

    assert read_runs(path)[0].started_at == TEN


def test_run_keeps_a_name_that_is_not_text(journal, make_facts, path):
    """Bytes of a file name that are not characters are kept as escapes."""
    journal.begin_run(make_facts(source="orders\udc80.csv", results_path="r\udc80.csv"))

    assert [(entry.source, entry.results_path) for entry in read_runs(path)] == [("orders\\udc80.csv", "r\\udc80.csv")]


def test_runs_of_one_workspace(open_journal, make_facts, path):
    """Of a file with several workspaces, one or all can be read."""
    for workspace in ("here", "there"):
        open_journal(workspace=workspace).begin_run(make_facts(source=workspace))

    assert [entry.source for entry in read_runs(path, "there")] == ["there"]
    assert [entry.source for entry in read_runs(path)] == ["here", "there"]


def test_reading_changes_no_file(journal, make_facts, path):
    """Reading makes no file if no run is under way, and changes none if one is."""
    journal.begin_run(make_facts())
    before = files(path)
    assert len(read_runs(path)) == 1
    assert {name: held for name, held in files(path).items() if not name.endswith("-shm")} == {
        name: held for name, held in before.items() if not name.endswith("-shm")
    }
    journal.close()
    before = files(path)

    assert len(read_runs(path)) == 1
    assert files(path) == before


def test_reading_works_in_the_middle_of_a_commit(journal, locked, make_facts, path):
    """Reading does not wait for a writer."""
    journal.begin_run(make_facts())

    with locked():
        assert len(read_runs(path)) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows may refuse to make links")
def test_reading_through_a_link_finds_a_run_under_way(journal, make_facts, path):
    """The write-ahead log is beside the file that a link leads to."""
    link = path.parent / "links" / "link.sqlite"
    link.parent.mkdir()
    link.symlink_to(path)

    journal.begin_run(make_facts())

    assert [entry.run for entry in read_runs(link)] == [1]


def test_reading_finds_the_entries_of_a_killed_run(path):
    """Entries that are only in the write-ahead log are read too."""
    program = (
        "import os, sys; from datetime import UTC, datetime; from pathlib import Path;"
        "from events_pandas.deliver.journal import Journal, RunFacts;"
        "journal = Journal(Path(sys.argv[1]), workspace='ab12cd34');"
        "journal.begin_run(RunFacts(started_at=datetime.now(UTC), source='killed', mapping='m')); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(path)], check=False, timeout=120).returncode == 9
    before = path.read_bytes()

    assert [entry.source for entry in read_runs(path)] == ["killed"]
    assert path.read_bytes() == before


def test_reading_an_empty_file_finds_no_runs(path):
    """A process that is killed before it makes the tables leaves an empty file."""
    path.touch()

    assert read_runs(path) == []
    assert path.read_bytes() == b""


def test_reading_refuses_a_file_that_is_not_a_journal(path):
    """A file that is not a journal gives the same error as when a run opens it."""
    path.write_text("row,status\n" * 1000)

    with pytest.raises(
        JournalError, match=r"this file is not a journal \(file is not a database\): it was not changed"
    ):
        read_runs(path)


def test_reading_refuses_the_database_of_another_program(path):
    """The tables of another program are not read."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE runs (name TEXT)")

    with pytest.raises(JournalError, match="this database belongs to another program"):
        read_runs(path)


def test_reading_tells_of_a_file_that_is_gone(path):
    """A file that vanishes is a `JournalError`."""
    with pytest.raises(JournalError, match=os.strerror(2)):
        read_runs(path)
