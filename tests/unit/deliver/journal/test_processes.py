"""Runs that are under way in one journal at the same time: who they are, and in which of them an event is accepted."""

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
from events_pandas.deliver.journal.lockfile import LockFile, take_lock_file
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


def test_runs_know_of_one_another(begin):
    """The one that began first finds the other one too."""
    first, second = begin(), begin()

    assert first.other_runs() == [own(2)]
    assert second.other_runs() == [own(1)]


def test_run_is_told_in_a_sentence():
    """Who it is, since when, and what that means for the results."""
    assert str(OtherRun(run=3, started_at="2026-01-31 10:24:05 UTC", process=4711, host="anna-pc")) == (
        "another run uses this journal at the same time: process 4711 on anna-pc, since 2026-01-31 10:24:05 UTC; "
        "an event that both send is accepted in one of them, and already_submitted in the other"
    )


def test_run_that_ended_before_is_not_told(begin):
    """One that has ended since is."""
    end(begin(), seconds=1)
    second = begin(seconds=2)
    third = begin(seconds=2)
    end(third, seconds=3)

    assert [other.run for other in second.other_runs()] == [3]


def test_run_that_began_later_is_told_whatever_its_clock_says(begin):
    """The clock of its machine may be minutes behind."""
    first = begin()
    end(begin(seconds=-300), seconds=-299)

    assert [other.run for other in first.other_runs()] == [2]


def test_run_of_another_workspace_is_not_told(begin):
    """It sends other events, whatever file it writes them to."""
    begin(workspace="zz99zz99")

    assert begin().other_runs() == []


KILLED = """
import datetime, os, sys
from pathlib import Path
from events_pandas.deliver.journal import Journal, RunFacts

journal = Journal.opened(Path(sys.argv[1]), workspace="ab12cd34")
journal.begin_run(RunFacts(started_at=datetime.datetime.now(datetime.UTC), source="orders.csv", mapping="0f3c"))
os._exit(0)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell whether a process is there")
def test_run_that_was_killed_is_not_told(begin, path):
    """Its process is gone, though nobody has written down that it ended."""
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=True, timeout=60)

    assert begin().other_runs() == []


def test_run_whose_end_could_not_be_written_is_not_told(begin):
    """On a full disk a notebook's run ends like any other, and its process goes on."""
    begin().close()

    assert begin().other_runs() == []


@pytest.mark.parametrize(("seconds", "found"), [(5, ["elsewhere"]), (600, [])])
def test_run_on_another_machine_is_told_while_it_writes(begin, path, seconds, found):
    """Its process cannot be seen from here."""
    begin()
    second = begin()
    change(path, "UPDATE processes SET host = 'elsewhere', seen_at = ? WHERE run = 1", time.time() - seconds)

    assert [other.host for other in second.other_runs()] == found


def test_journal_of_an_earlier_version_learns_of_processes(begin, open_journal, path):
    """The table is made when it is opened."""
    open_journal().close()
    change(path, "DROP TABLE processes")
    begin()

    assert begin().other_runs() == [own(1)]


def test_journal_forgets_processes_when_nobody_is_left(begin, path):
    """The names of machines are kept no longer than they are of use."""
    for seconds in (0, 2, 4):
        end(begin(seconds=seconds), seconds=seconds + 1)

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT run FROM processes").fetchall() == [(3,)]


def test_event_of_two_runs_at_once_is_accepted_in_one_of_them(begin, make_fingerprint, record):
    """The journal knows which of two answers of 202 it wrote down first."""
    first, second = begin(), begin()
    fingerprint, other = make_fingerprint(first, 1), make_fingerprint(first, 2)
    later = NOW.timestamp() + 1

    assert record(first, fingerprint, other, accepted_at=later) == [None, None]
    assert record(second, fingerprint, accepted_at=later) == [OtherAcceptance(is_same=True)]
    assert record(second, make_fingerprint(first, 3), other._replace(payload=8), accepted_at=later) == [
        None,
        OtherAcceptance(is_same=False),
    ]
    assert record(first, fingerprint, accepted_at=later) == [None]


def test_event_of_a_run_that_has_ended_is_accepted_once_more(begin, make_fingerprint, record):
    """A run that resubmits on purpose reports what Intercom answered."""
    first = begin()
    fingerprint = make_fingerprint(first, 1)
    record(first, fingerprint, accepted_at=NOW.timestamp())
    end(first, seconds=1)

    assert record(begin(seconds=2, resubmit=True), fingerprint, accepted_at=NOW.timestamp() + 2) == [None]


@pytest.mark.parametrize("seconds", [-300, 300])
def test_event_of_two_runs_at_once_is_accepted_in_one_of_them_whatever_their_clocks_say(
    begin, make_fingerprint, record, seconds
):
    """The clock of one machine may be minutes behind or ahead of the clock of the other one."""
    first, second = begin(), begin(seconds=seconds)
    fingerprint, other = make_fingerprint(first, 1), make_fingerprint(first, 2)

    assert record(first, fingerprint, accepted_at=NOW.timestamp() + 1) == [None]
    assert record(second, other, accepted_at=NOW.timestamp() + seconds + 1) == [None]
    assert record(second, fingerprint, accepted_at=NOW.timestamp() + seconds + 1) == [OtherAcceptance(is_same=True)]
    assert record(first, other, accepted_at=NOW.timestamp() + 1) == [OtherAcceptance(is_same=True)]


TELLING = """
import dataclasses, json
from events_pandas.deliver.journal.processes import Process
print(json.dumps(dataclasses.asdict(Process.own())), flush=True)
input()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell whether a process is there")
def test_process_knows_whether_another_one_is_there():
    """It does not ask whether the other one runs, or waits."""
    command = [sys.executable, "-c", TELLING]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        other = Process(**json.loads(child.stdout.readline()))
        was_alive = other.is_alive
        child.communicate("\n")

    assert other.pid == child.pid
    assert (was_alive, other.is_alive) == (True, False)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a number may be another process's")
def test_process_whose_number_is_another_ones_is_gone():
    """The system gives numbers again."""
    assert dataclasses.replace(Process.own(), birth="1").is_alive is False


def test_process_of_another_machine_cannot_be_seen():
    """Its number says nothing here, nor does the number of a process of another container."""
    own = Process.own()

    assert dataclasses.replace(own, host="elsewhere").is_alive is None
    assert dataclasses.replace(own, space=f"{own.space.partition(' ')[0]} pid:[1]").is_alive is None


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say when they were started")
def test_process_of_an_earlier_start_of_the_machine_is_gone():
    """A restart ends all processes; a name that many machines have does not say which machine it was."""
    earlier = dataclasses.replace(Process.own(), space="9f8e7d6c pid:[4026531836]")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platform, "node", lambda: "localhost")
        unnamed = dataclasses.replace(earlier, host="localhost").is_alive
        patch.setattr(platform, "node", lambda: "anna-pc")
        named = dataclasses.replace(earlier, host="anna-pc").is_alive

    assert (unnamed, named) == (None, False)


def lock_facts(path):
    return json.loads(LockFile.path_beside(path).read_bytes())


def test_lock_file_keeps_others_away_until_it_is_released(path):
    """Also those of the same process."""
    lock = LockFile.take(path)

    with pytest.raises(JournalError, match=f"and process {os.getpid()} on .* has had it since .* UTC: wait until"):
        LockFile.take(path)
    lock.release()
    LockFile.take(path).release()

    assert list(path.parent.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows may refuse to make links")
def test_lock_file_is_the_same_for_a_link_to_the_journal(path):
    """SQLite opens the file that a link leads to."""
    link = path.with_name("link.sqlite")
    link.symlink_to(path)
    LockFile.take(path)

    with pytest.raises(JournalError, match=r"if it was killed, delete journal\.sqlite\.lock; or"):
        LockFile.take(link)


def test_lock_file_is_its_owners_alone(path):
    """Nobody else reads or writes what is beside the journal."""
    LockFile.take(path)

    assert os.name == "nt" or LockFile.path_beside(path).stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a number may be another process's")
def test_lock_file_of_a_process_that_is_gone_is_taken(path):
    """The other process was killed, and its number is another one's."""
    LockFile.take(path)
    left = {**lock_facts(path), "birth": "1"}
    LockFile.path_beside(path).write_text(json.dumps(left))

    LockFile.take(path)

    assert lock_facts(path)["birth"] == Process.own().birth
    assert [file.name for file in path.parent.iterdir()] == ["journal.sqlite.lock"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a number may be another process's")
def test_lock_file_is_taken_by_one_of_those_who_find_it(path):
    """Of two that find the file of a process that is gone, one is at it, and the other one is refused."""
    LockFile.take(path)
    left = {**lock_facts(path), "birth": "1"}
    LockFile.path_beside(path).write_text(json.dumps(left))
    LockFile.path_beside(path).with_name(f"journal.sqlite.lock-{left['token']}").mkdir()

    with pytest.raises(JournalError, match="one run at a time uses the journal"):
        LockFile.take(path)

    assert lock_facts(path) == left


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": 1}', b"[" * 4096])
def test_lock_file_that_says_nothing_is_left(path, content):
    """A run may be about to write it, or another program made it: the message says what to delete."""
    LockFile.path_beside(path).write_bytes(content)

    with pytest.raises(JournalError) as caught:
        LockFile.take(path)

    assert str(caught.value) == (
        f"{path}: {place_of(path)} cannot lock files, so that one run at a time uses the journal, and "
        "journal.sqlite.lock does not say which run made it: delete journal.sqlite.lock if no run uses the journal; or "
        "name a path on a local disk with journal=..., or pass journal=None to go without"
    )
    assert LockFile.path_beside(path).read_bytes() == content


@pytest.mark.parametrize(
    "change", [{"token": "../x"}, {"pid": "x"}, {"pid": True}, {"since": "x"}, {"since": 1e300}, {"host": None}]
)
def test_lock_file_of_facts_that_make_no_sense_is_left(path, change):
    """Nothing of them comes into a path or a message."""
    LockFile.take(path)
    content = json.dumps({**lock_facts(path), "birth": "1", **change})
    LockFile.path_beside(path).write_text(content)

    with pytest.raises(JournalError, match=r"journal\.sqlite\.lock does not say which run made it: delete"):
        LockFile.take(path)

    assert [file.name for file in path.parent.iterdir()] == ["journal.sqlite.lock"]


@pytest.mark.skipif(os.name == "nt", reason="Windows may refuse to make links")
def test_lock_file_that_leads_nowhere_is_refused(path):
    """A link whose file is missing can neither be made nor read: that is tried a limited number of times."""
    LockFile.path_beside(path).symlink_to(path.parent / "missing")

    with pytest.raises(JournalError) as caught:
        LockFile.take(path)

    assert str(caught.value) == (
        f"{path}: journal.sqlite.lock can neither be made nor read: delete journal.sqlite.lock if no run uses the "
        "journal"
    )


def test_journal_on_a_disk_with_locks_says_what_a_lock_file_of_another_machine_is(open_journal, path):
    """Its run may go on: the message does not claim that this disk cannot lock files, and names what to delete."""
    LockFile.take(path)
    LockFile.path_beside(path).write_text(json.dumps({**lock_facts(path), "host": "elsewhere", "pid": 7, "since": 0}))

    with pytest.raises(JournalError) as caught:
        open_journal()

    assert str(caught.value) == (
        f"{path}: journal.sqlite.lock keeps other runs from the journal, and process 7 on elsewhere has had it since "
        "1970-01-01 00:00:00 UTC: wait until that run has ended; if it was killed, delete journal.sqlite.lock"
    )


def test_journal_on_a_disk_with_locks_says_what_a_foreign_lock_file_is(open_journal, path):
    """Another program may have made it: the message names what to delete."""
    LockFile.path_beside(path).write_text("hello")

    with pytest.raises(JournalError) as caught:
        open_journal()

    assert str(caught.value) == (
        f"{path}: journal.sqlite.lock keeps other runs from the journal, and does not say which run made it: delete "
        "journal.sqlite.lock if no run uses the journal"
    )


def test_lock_file_is_not_taken_beside_a_run_that_has_locks(begin, path):
    """A machine may be refused what another one was given."""
    begin().close()
    change(path, "UPDATE processes SET host = 'elsewhere', seen_at = ?", time.time())

    with pytest.raises(JournalError) as caught:
        take_lock_file(path, own_runs=set())

    assert str(caught.value) == (
        f"{path}: {place_of(path)} cannot lock files, and process {os.getpid()} on elsewhere uses the journal: run "
        "again when that run has ended, or when files can be locked; or name a path on a local disk with journal=..., "
        "or pass journal=None to go without"
    )
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_lock_file_is_taken_after_a_run_has_ended(begin, path):
    """It uses the journal no more."""
    end(begin(), seconds=1)

    take_lock_file(path, own_runs=set()).release()

    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("content", [b"", b"no database at all"])
def test_lock_file_is_taken_whatever_the_journal_holds(path, content):
    """What is wrong with it shows when it is opened."""
    path.write_bytes(content)

    take_lock_file(path, own_runs=set()).release()

    assert path.read_bytes() == content
