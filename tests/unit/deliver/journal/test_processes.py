"""Runs that use one journal at the same time: which runs there are, and which of them has an event accepted."""

import dataclasses
import json
import os
import platform
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from events_pandas.deliver.journal import OtherAcceptance, OtherRun
from events_pandas.deliver.journal.lockfile import LockFile, lock_path, take_lock_file
from events_pandas.deliver.journal.processes import Process
from events_pandas.errors import JournalError
from events_pandas.filesystem import place_of

NOW = datetime.now(UTC).replace(microsecond=0)
SINCE = f"{NOW:%Y-%m-%d %H:%M:%S} UTC"


@pytest.fixture
def begin(open_journal, make_facts):
    """Return a function that begins a run in the journal, now or some seconds later."""

    def begun(seconds=0, *, resubmit=False, **facts):
        journal = open_journal(**facts)
        started_at = NOW + timedelta(seconds=seconds)
        journal.begin_run(dataclasses.replace(make_facts(), started_at=started_at, resubmit=resubmit))
        return journal

    return begun


def end(journal, seconds=0):
    journal.end_run("complete", {}, ended_at=NOW + timedelta(seconds=seconds))
    journal.close()


def own(run):
    return OtherRun(run=run, started_at=SINCE, process=os.getpid(), host=Process.own().host)


def change(path, statement, *values):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement, values)
        connection.commit()


def test_other_runs_are_found_by_each_other(begin):
    """The run that began first finds the other run too."""
    first, second = begin(), begin()

    assert first.other_runs() == [own(2)]
    assert second.other_runs() == [own(1)]


def test_other_run_is_described_in_a_sentence():
    """The text says which process it is, since when, and what that means for the results."""
    assert str(OtherRun(run=3, started_at="2026-01-31 10:24:05 UTC", process=4711, host="anna-pc")) == (
        "another run uses this journal at the same time: process 4711 on anna-pc, since 2026-01-31 10:24:05 UTC; "
        "an event that both send is accepted in one of them, and already_submitted in the other"
    )


def test_other_runs_leave_out_a_run_that_ended_before(begin):
    """A run that has ended since this one began is found, an earlier run is not."""
    end(begin(), seconds=1)
    second = begin(seconds=2)
    third = begin(seconds=2)
    end(third, seconds=3)

    assert [other.run for other in second.other_runs()] == [3]


def test_other_runs_have_a_run_that_began_later_with_any_clock(begin):
    """A later run is found even if the clock of its machine is minutes behind."""
    first = begin()
    end(begin(seconds=-300), seconds=-299)

    assert [other.run for other in first.other_runs()] == [2]


def test_other_runs_leave_out_another_workspace(begin):
    """A run of another workspace sends other events, even if it uses the same file."""
    begin(workspace="zz99zz99")

    assert begin().other_runs() == []


KILLED = """
import datetime, os, sys
from pathlib import Path
from events_pandas.deliver.journal import Journal, RunFacts

journal = Journal(Path(sys.argv[1]), workspace="ab12cd34")
journal.begin_run(RunFacts(started_at=datetime.datetime.now(datetime.UTC), source="orders.csv", mapping="0f3c"))
os._exit(0)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell whether a process is there")
def test_other_runs_leave_out_a_run_that_was_killed(begin, path):
    """A run whose process is gone is over, even if its end was not written down."""
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=True, timeout=60)

    assert begin().other_runs() == []


def test_other_runs_leave_out_a_run_whose_end_could_not_be_written(begin):
    """A run of this process is over even if its end could not be written, as on a full disk."""
    begin().close()

    assert begin().other_runs() == []


@pytest.mark.parametrize(("seconds", "found"), [(5, ["elsewhere"]), (600, [])])
def test_other_runs_have_a_run_on_another_machine_while_it_writes(begin, path, seconds, found):
    """A process on another machine cannot be seen: its run counts while it writes to the journal."""
    begin()
    second = begin()
    change(path, "UPDATE processes SET host = 'elsewhere', seen_at = ? WHERE run = 1", time.time() - seconds)

    assert [other.host for other in second.other_runs()] == found


def test_journal_of_an_earlier_version_learns_of_processes(begin, open_journal, path):
    """Opening a journal of an earlier version makes the missing table."""
    open_journal().close()
    change(path, "DROP TABLE processes")
    begin()

    assert begin().other_runs() == [own(1)]


def test_journal_forgets_processes_when_nobody_is_left(begin, path):
    """When no other run is under way, the names of machines are deleted."""
    for seconds in (0, 2, 4):
        end(begin(seconds=seconds), seconds=seconds + 1)

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT run FROM processes").fetchall() == [(3,)]


def test_event_of_two_runs_at_once_is_accepted_in_one_of_them(begin, make_fingerprint, record):
    """The run whose 202 was written down first has the event accepted."""
    first, second = begin(), begin()
    fingerprint, other = make_fingerprint(first, 1), make_fingerprint(first, 2)
    later = NOW.timestamp() + 1

    assert record(first, fingerprint, other, accepted_at=later) == [None, None]
    assert record(second, fingerprint, accepted_at=later) == [OtherAcceptance(is_same=True)]
    assert record(second, make_fingerprint(first, 3), make_fingerprint(first, 2, payload=8), accepted_at=later) == [
        None,
        OtherAcceptance(is_same=False),
    ]
    assert record(first, fingerprint, accepted_at=later) == [None]


def test_event_of_a_run_that_has_ended_is_accepted_once_more(begin, make_fingerprint, record):
    """A run that resubmits on purpose reports Intercom's answer, after any earlier acceptance."""
    first = begin()
    fingerprint = make_fingerprint(first, 1)
    record(first, fingerprint, accepted_at=NOW.timestamp())
    end(first, seconds=1)

    assert record(begin(seconds=2, resubmit=True), fingerprint, accepted_at=NOW.timestamp() + 2) == [None]


@pytest.mark.parametrize("seconds", [-300, 300])
def test_event_of_two_runs_at_once_is_accepted_in_one_of_them_with_any_clocks(begin, make_fingerprint, record, seconds):
    """The clock of one machine may be minutes behind or ahead of the other's."""
    first, second = begin(), begin(seconds=seconds)
    fingerprint, other = make_fingerprint(first, 1), make_fingerprint(first, 2)

    assert record(first, fingerprint, accepted_at=NOW.timestamp() + 1) == [None]
    assert record(second, other, accepted_at=NOW.timestamp() + seconds + 1) == [None]
    assert record(second, fingerprint, accepted_at=NOW.timestamp() + seconds + 1) == [OtherAcceptance(is_same=True)]
    assert record(first, other, accepted_at=NOW.timestamp() + 1) == [OtherAcceptance(is_same=True)]


TELLING = """
import json
from events_pandas.deliver.journal.processes import Process
print(json.dumps(Process.own()._asdict()), flush=True)
input()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell whether a process is there")
def test_process_knows_whether_another_one_is_there():
    """A waiting process counts as alive, an ended process does not."""
    command = [sys.executable, "-c", TELLING]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        other = Process(**json.loads(child.stdout.readline()))
        was_alive = other.is_alive
        child.communicate("\n")

    assert other.pid == child.pid
    assert (was_alive, other.is_alive) == (True, False)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a number may be another process's")
def test_process_whose_number_is_another_ones_is_gone():
    """The system uses process numbers again: the start time tells two processes apart."""
    assert Process.own()._replace(birth="1").is_alive is False


def test_process_of_another_machine_cannot_be_seen():
    """A process number of another machine or container says nothing here."""
    own = Process.own()

    assert own._replace(host="elsewhere").is_alive is None
    assert own._replace(space=f"{own.space.partition(' ')[0]} pid:[1]").is_alive is None


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say when they were started")
def test_process_of_an_earlier_start_of_the_machine_is_gone():
    """A restart ends all processes; a name that many machines have does not tell which machine it was."""
    earlier = Process.own()._replace(space="9f8e7d6c pid:[4026531836]")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platform, "node", lambda: "localhost")
        unnamed = earlier._replace(host="localhost").is_alive
        patch.setattr(platform, "node", lambda: "anna-pc")
        named = earlier._replace(host="anna-pc").is_alive

    assert (unnamed, named) == (None, False)


def lock_facts(path):
    return json.loads(lock_path(path).read_bytes())


def test_lock_file_keeps_others_away_until_it_is_released(path):
    """A lock file keeps other runs away, also runs of the same process."""
    lock = LockFile.take(path)

    with pytest.raises(JournalError, match=f"and process {os.getpid()} on .* has used it since .* UTC: wait until"):
        LockFile.take(path)
    lock.release()
    LockFile.take(path).release()

    assert list(path.parent.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows may refuse to make links")
def test_lock_file_is_the_same_for_a_link_to_the_journal(path):
    """A link to the journal has the lock file of the real file, which SQLite opens."""
    link = path.with_name("link.sqlite")
    link.symlink_to(path)
    LockFile.take(path)

    with pytest.raises(JournalError, match=r"if it was killed, delete journal\.sqlite\.lock; or"):
        LockFile.take(link)


def test_lock_file_is_its_owners_alone(path):
    """Only the owner may read or write the lock file."""
    LockFile.take(path)

    assert os.name == "nt" or lock_path(path).stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a number may be another process's")
def test_lock_file_of_a_process_that_is_gone_is_taken(path):
    """The lock file of a killed process is taken over, even if its number belongs to another process now."""
    LockFile.take(path)
    left = {**lock_facts(path), "birth": "1"}
    lock_path(path).write_text(json.dumps(left))

    LockFile.take(path)

    assert lock_facts(path)["birth"] == Process.own().birth
    assert [file.name for file in path.parent.iterdir()] == ["journal.sqlite.lock"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a number may be another process's")
def test_lock_file_is_taken_by_one_of_its_finders(path):
    """If two processes find the lock file of a killed process, one takes it and the other is refused."""
    LockFile.take(path)
    left = {**lock_facts(path), "birth": "1"}
    lock_path(path).write_text(json.dumps(left))
    lock_path(path).with_name(f"journal.sqlite.lock-{left['token']}").mkdir()

    with pytest.raises(JournalError, match="one run at a time can use the journal"):
        LockFile.take(path)

    assert lock_facts(path) == left


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": 1}', b"[" * 4096])
def test_lock_file_that_says_nothing_is_left(path, content):
    """A lock file without facts stays (a run may be about to write it), and the message says what to delete."""
    lock_path(path).write_bytes(content)

    with pytest.raises(JournalError) as caught:
        LockFile.take(path)

    assert str(caught.value) == (
        f"{path}: {place_of(path)} cannot lock files, so only one run at a time can use the journal, and "
        "journal.sqlite.lock does not say which run made it: delete journal.sqlite.lock if no run uses the journal; or "
        "use a path on a local disk with journal=..., or pass journal=None for no journal"
    )
    assert lock_path(path).read_bytes() == content


@pytest.mark.parametrize(
    "change", [{"token": "../x"}, {"pid": "x"}, {"pid": True}, {"since": "x"}, {"since": 1e300}, {"host": None}]
)
def test_lock_file_of_facts_that_make_no_sense_is_left(path, change):
    """Facts that make no sense come into no path and no message."""
    LockFile.take(path)
    content = json.dumps({**lock_facts(path), "birth": "1", **change})
    lock_path(path).write_text(content)

    with pytest.raises(JournalError, match=r"journal\.sqlite\.lock does not say which run made it: delete"):
        LockFile.take(path)

    assert [file.name for file in path.parent.iterdir()] == ["journal.sqlite.lock"]


@pytest.mark.skipif(os.name == "nt", reason="Windows may refuse to make links")
def test_lock_file_that_leads_nowhere_is_refused(path):
    """A link to a missing file can be neither made nor read, so the number of tries is limited."""
    lock_path(path).symlink_to(path.parent / "missing")

    with pytest.raises(JournalError) as caught:
        LockFile.take(path)

    assert str(caught.value) == (
        f"{path}: journal.sqlite.lock cannot be made or read: delete journal.sqlite.lock if no run uses the journal"
    )


def test_journal_on_a_disk_with_locks_says_what_a_lock_file_of_another_machine_is(open_journal, path):
    """The message names the file to delete, and does not claim that this disk cannot lock files."""
    LockFile.take(path)
    lock_path(path).write_text(json.dumps({**lock_facts(path), "host": "elsewhere", "pid": 7, "since": 0}))

    with pytest.raises(JournalError) as caught:
        open_journal()

    assert str(caught.value) == (
        f"{path}: journal.sqlite.lock keeps other runs from the journal, and process 7 on elsewhere has used it since "
        "1970-01-01 00:00:00 UTC: wait until that run has ended; if it was killed, delete journal.sqlite.lock"
    )


def test_journal_on_a_disk_with_locks_says_what_a_foreign_lock_file_is(open_journal, path):
    """The message names the file to delete, which another program may have made."""
    lock_path(path).write_text("hello")

    with pytest.raises(JournalError) as caught:
        open_journal()

    assert str(caught.value) == (
        f"{path}: journal.sqlite.lock keeps other runs from the journal, and does not say which run made it: delete "
        "journal.sqlite.lock if no run uses the journal"
    )


def test_lock_file_is_not_taken_beside_a_run_that_has_locks(begin, path):
    """A file system may refuse locks to one machine and give them to another."""
    begin().close()
    change(path, "UPDATE processes SET host = 'elsewhere', seen_at = ?", time.time())

    with pytest.raises(JournalError) as caught:
        take_lock_file(path, own_runs=set())

    assert str(caught.value) == (
        f"{path}: {place_of(path)} cannot lock files, and process {os.getpid()} on elsewhere uses the journal: run "
        "again when that run has ended, or when files can be locked; or use a path on a local disk with journal=..., "
        "or pass journal=None for no journal"
    )
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_lock_file_is_taken_after_a_run_has_ended(begin, path):
    """A run that has ended does not use the journal any more."""
    end(begin(), seconds=1)

    take_lock_file(path, own_runs=set()).release()

    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("content", [b"", b"no database at all"])
def test_lock_file_is_taken_with_any_content_of_the_journal(path, content):
    """A fault of the journal shows when it is opened, not when it is locked."""
    path.write_bytes(content)

    take_lock_file(path, own_runs=set()).release()

    assert path.read_bytes() == content
