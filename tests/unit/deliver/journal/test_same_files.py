"""Two runs of the same files and mapping: one job that was started twice."""

import dataclasses
import os
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from events_pandas.deliver.journal.processes import Process
from events_pandas.errors import RunUnderWayError

NOW = datetime.now(UTC).replace(microsecond=0)
SINCE = f"{NOW:%Y-%m-%d %H:%M:%S} UTC"
FILES = ("/data/a.csv", "/data/b.csv")


@pytest.fixture
def begin(open_journal, make_facts):
    """Return a function that begins a run in the journal; it returns the runs of the same files."""

    def begun(*, files=FILES, mapping="0f3c", is_alone=False, **options):
        facts = dataclasses.replace(make_facts(), started_at=NOW, files=files, mapping=mapping)
        return open_journal(**options).begin_run(facts, is_alone=is_alone)

    return begun


def change(path, statement, *values):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement, values)
        connection.commit()


def count(path, table):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_run_of_the_same_files_is_found(begin):
    """A second start of a job finds the first, also in one process."""
    first, second = begin(), begin()

    assert first == []
    assert [(other.run, other.process) for other in second] == [(1, os.getpid())]


def test_run_that_shares_one_file_is_found(begin):
    """A pattern may match a file that another run reads."""
    begin()

    assert [other.run for other in begin(files=("/data/b.csv", "/data/c.csv"))] == [1]


@pytest.mark.parametrize(
    "other",
    [{"files": ("/data/c.csv",)}, {"mapping": "99ff"}, {"workspace": "ef56"}, {"files": ()}],
    ids=["other files", "other mapping", "other workspace", "a frame"],
)
def test_run_of_something_else_is_not_found(begin, other):
    """Only the same files, submitted with the same mapping to the same workspace, are the same job."""
    begin()

    assert begin(**other) == []


def test_run_that_is_to_be_alone_does_not_begin(begin, path):
    """The refusal names the process and the time, and the journal keeps no trace of the refused run."""
    begin()

    with pytest.raises(RunUnderWayError) as caught:
        begin(is_alone=True)

    error = caught.value
    host = Process.own().host
    assert str(error) == (
        f"{path}: a run of the same files and mapping is under way: process {os.getpid()} on {host}, since {SINCE}: "
        "wait until it has ended, or pass wait_seconds=3600"
    )
    assert error.in_commands().endswith("wait until it has ended, or add --wait")
    assert (error.process, error.host, error.started_at) == (os.getpid(), host, SINCE)
    assert [count(path, table) for table in ("runs", "processes", "files")] == [1, 1, 2]


def test_run_that_is_to_be_alone_begins_after_the_other(open_journal, make_facts):
    """The end of a run frees its files, even if it ended at this moment."""
    facts = dataclasses.replace(make_facts(), started_at=NOW, files=FILES)
    first = open_journal()
    first.begin_run(facts, is_alone=True)
    first.end_run("complete", {}, ended_at=NOW + timedelta(seconds=1))

    assert open_journal().begin_run(facts, is_alone=True) == []


def test_run_that_is_to_be_alone_takes_over_from_a_killed_one(begin, path):
    """A process that is gone holds nothing: neither its number nor its place is taken for another's."""
    begin()
    change(path, "UPDATE processes SET birth = '1' WHERE run = 1")

    assert begin(is_alone=True) == []


@pytest.mark.parametrize(("seconds", "found"), [(5, [1]), (61, [])])
def test_run_of_another_machine_is_found_while_it_writes(begin, path, seconds, found):
    """A process on another machine cannot be seen: its run counts as killed after a minute without a sign."""
    begin()
    change(path, "UPDATE processes SET host = 'elsewhere', seen_at = ?", time.time() - seconds)

    assert [other.run for other in begin()] == found


def test_run_that_records_nothing_says_that_it_is_under_way(open_journal, make_facts, path):
    """In an outage there is nothing to record, and other machines must not take the run for killed."""
    journal = open_journal()
    journal.begin_run(dataclasses.replace(make_facts(), files=FILES))
    change(path, "UPDATE processes SET seen_at = 0")

    journal.say_under_way()

    with closing(sqlite3.connect(path)) as connection:
        (seen_at,) = connection.execute("SELECT seen_at FROM processes").fetchone()
    assert time.time() - seen_at < 60


def test_files_are_kept_as_digests_while_runs_are_under_way(open_journal, make_facts, path):
    """The journal forgets the files of runs that have ended, and never holds their names in this table."""
    facts = dataclasses.replace(make_facts(), started_at=NOW, files=FILES)
    for _ in range(2):
        journal = open_journal()
        journal.begin_run(facts)
        journal.end_run("complete", {}, ended_at=NOW - timedelta(seconds=1))
        journal.close()

    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT run, length(file) FROM files").fetchall()
    assert rows == [(2, 16), (2, 16)]
