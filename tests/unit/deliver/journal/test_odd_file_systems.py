"""Journals on file systems without locks, without shared memory, or without a way to the disk."""

import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from events_pandas.deliver.journal.troubles import journal_error
from events_pandas.errors import JournalError
from events_pandas.filesystem import place_of
from events_pandas.run.history import runs

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there SQLite's calls are known to be replaceable")

ELSEWHERE = "use a path on a local disk with journal=..., or pass journal=None for no journal"

# SQLite lets its tests replace the calls that it makes to the system.
PROGRAM = """
import _sqlite3, ctypes, datetime, errno, fcntl, os, signal, sys
from pathlib import Path

import numpy as np
from events_pandas.deliver.journal import Journal, Fingerprint, RunFacts
from events_pandas.errors import JournalError

class System(ctypes.Structure):
    _fields_ = [("version", ctypes.c_int), ("size", ctypes.c_int), ("longest", ctypes.c_int)]
    _fields_ += [(f"pointer{number}", ctypes.c_void_p) for number in range(16)]
    _fields_ += [("replace", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p))]

library = ctypes.CDLL(_sqlite3.__file__)
library.sqlite3_initialize()
library.sqlite3_vfs_find.restype = ctypes.POINTER(System)
system = library.sqlite3_vfs_find(None)
kept = []

def refuse(name, code, returned=-1):
    @ctypes.CFUNCTYPE(ctypes.c_ssize_t, use_errno=True)
    def refused():
        ctypes.set_errno(code)
        return returned
    kept.append(refused)
    assert system.contents.replace(ctypes.addressof(system.contents), name, ctypes.cast(refused, ctypes.c_void_p)) == 0

def refuse_locks(code):
    refuse(b"fcntl", code)
    def lockf(*_):
        raise OSError(code, os.strerror(code))
    fcntl.lockf = lockf

path, words = Path(sys.argv[1]), np.zeros((2, 1), np.uint64)
facts = RunFacts(started_at=datetime.datetime.now(datetime.UTC), source="orders.csv", mapping="0f3c")

def use(journal, second=2):
    (key,) = journal.digests(words)
    fingerprint = Fingerprint(key, None, 1, second)
    journal.claim([fingerprint])
    writer, answers = journal.writer(), []
    writer.record(fingerprint, accepted_at=5, request_id=None, then=answers.append)
    writer.close(60)
    print(journal.mode, answers, journal.occupied(words))

try:
    exec(sys.argv[2])
    journal = Journal(path, workspace="ab12cd34", busy_seconds=0.2)
    exec(sys.argv[3])
    journal.close()
except JournalError as error:
    print(error)
"""


# Forks a process for each program, since loading the package takes longer than the program: what it prints is a line.
FORKING = """
import json, os, sys, traceback
import events_pandas.deliver.journal, events_pandas.run.history

for line in sys.stdin:
    program, *arguments = json.loads(line)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        sys.argv = ["-c", *arguments]
        try:
            exec(program, {"__name__": "__main__"})
        except SystemExit:
            pass
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as output:
        text = output.read()
    os.waitpid(child, 0)
    print(json.dumps(text), flush=True)
"""


# Programs write no coverage data: they are in SQLite too, which has no locks then.
TRACING = "COVERAGE_PROCESS_CONFIG"


@pytest.fixture(autouse=True)
def _untraced(monkeypatch):
    """Let the program write no coverage data: coverage uses SQLite too, which has no locks there."""
    monkeypatch.delenv(TRACING, raising=False)


@pytest.fixture(scope="module")
def forking():
    """A process that runs programs, each in a fork of its own."""
    variables = {name: value for name, value in os.environ.items() if name != TRACING}
    variables["OPENBLAS_NUM_THREADS"] = "1"
    command = [sys.executable, "-c", FORKING]
    with subprocess.Popen(command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def run_program(forking):
    """Return a function that opens a journal in a process of its own, and returns what it printed."""

    def run_program(path, before, then="use(journal)"):
        forking.stdin.write(json.dumps([PROGRAM, str(path), before, then]) + "\n")
        forking.stdin.flush()
        output = json.loads(forking.stdout.readline())
        if "undefined symbol" in output:
            pytest.skip("this SQLite cannot be reached from outside")
        return output

    return run_program


def names(path):
    return sorted(file.name for file in path.parent.iterdir())


@pytest.mark.parametrize("code", ["ENOLCK", "EOPNOTSUPP", "EPERM"])
def test_journal_does_without_locks(run_program, open_journal, path, code):
    """A lock file keeps other runs away until the journal is closed; a later run may use locks again."""
    printed = run_program(path, f"refuse_locks(errno.{code})", "print(*sorted(os.listdir(path.parent))); use(journal)")

    assert printed == "journal.sqlite journal.sqlite.lock\ndelete, no locks [None] [5]\n"
    assert names(path) == ["journal.sqlite"]
    assert open_journal().mode == "wal"


def test_journal_that_was_made_with_locks_does_without_them(run_program, open_journal, path):
    """A write-ahead journal, which needs locks, can still be opened without them."""
    open_journal().close()

    assert run_program(path, "refuse_locks(errno.ENOLCK)") == "delete, no locks [None] [5]\n"


def test_journal_without_locks_is_not_taken_from_another_run(run_program, path):
    """One run at a time: the message says which process has the journal, on which machine, and what to do."""
    printed = run_program(path, "refuse_locks(errno.ENOLCK)", "Journal(path, workspace='ab12cd34', busy_seconds=0.2)")

    assert printed.startswith(
        f"{path}: {place_of(path)} cannot lock files, so only one run at a time can use the journal, and process "
    )
    assert printed.endswith(
        " UTC: wait until that run has ended; if it was killed, delete journal.sqlite.lock; or " + ELSEWHERE + "\n"
    )
    assert " has used it since 20" in printed


@pytest.mark.slow
def test_journal_without_locks_goes_on_after_a_run_was_killed(run_program, path):
    """A later run on the same machine sees that the other process is gone."""
    killing = "use(journal); journal.begin_run(facts); os.kill(os.getpid(), signal.SIGKILL); print('it goes on')"
    killed = run_program(path, "refuse_locks(errno.ENOLCK)", killing)

    left = names(path)
    printed = run_program(path, "refuse_locks(errno.ENOLCK)", "print(journal.occupied(words))")

    assert "it goes on" not in killed
    assert left == ["journal.sqlite", "journal.sqlite.lock"]
    assert printed == "[5]\n"
    assert names(path) == ["journal.sqlite"]


def test_journal_is_not_used_without_locks_beside_a_run_that_has_them(run_program, open_journal, make_facts, path):
    """A file system may refuse locks that it gave before; the write-ahead log tells which run is under way."""
    open_journal().begin_run(make_facts())

    printed = run_program(path, "refuse_locks(errno.ENOLCK)")

    assert printed == (
        f"{path}: {place_of(path)} cannot lock files, and process {os.getpid()} on {platform.node()} uses the journal: "
        f"run again when that run has ended, or when files can be locked; or {ELSEWHERE}\n"
    )
    assert names(path) == ["journal.sqlite", "journal.sqlite-shm", "journal.sqlite-wal"]


def test_journal_goes_on_without_locks_after_a_run_that_lost_them(run_program, path):
    """A run that lost its locks leaves its log; the next run keeps what it wrote."""
    losing = "journal.begin_run(facts); use(journal); refuse_locks(errno.ENOLCK)"
    lost = run_program(path, "pass", losing)
    log = Path(f"{path}-wal").stat().st_size

    printed = run_program(path, "refuse_locks(errno.ENOLCK)", "print(journal.mode, journal.occupied(words))")

    assert lost == "wal [None] [-1]\n"
    assert log > 0
    assert printed == "delete, no locks [5]\n"
    assert not Path(f"{path}-wal").exists()
    assert not Path(f"{path}.lock").exists()


def test_journal_with_a_log_that_cannot_be_read_is_not_used_without_locks(run_program, path):
    """An unreadable log does not tell which run wrote it."""
    for file in (path, Path(f"{path}-wal")):
        file.write_bytes(b"no database at all")

    assert run_program(path, "refuse_locks(errno.ENOLCK)") == (
        f"{path}: {place_of(path)} cannot lock files, and it is unknown whether the run that last wrote to the "
        f"journal has ended: run again when that run has ended, or when files can be locked; or {ELSEWHERE}\n"
    )


def test_journal_is_not_used_with_locks_beside_a_run_that_has_none(open_journal, path):
    """The lock file keeps runs with locks away too."""
    command = [sys.executable, "-c", PROGRAM, str(path), "refuse_locks(errno.ENOLCK)"]
    waiting = "print('ready', flush=True); sys.stdin.readline()"
    with subprocess.Popen([*command, waiting], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "ready\n"
        with pytest.raises(JournalError, match=f"and process {other.pid} on "):
            open_journal()
        other.communicate("\n", timeout=60)


@pytest.mark.parametrize("is_made", [True, False])
def test_journal_does_without_shared_memory_that_cannot_be_mapped(run_program, open_journal, path, is_made):
    """The file is not left in write-ahead mode, in which it could not be opened again."""
    if is_made:
        open_journal().close()

    assert run_program(path, "refuse(b'mmap', errno.ENODEV)") == "delete [None] [5]\n"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert open_journal().mode == "wal"


@pytest.mark.slow
def test_journal_of_a_killed_run_is_read_without_shared_memory(run_program, path):
    """The history of runs and the next run both write back a log from another file system."""
    run_program(path, "pass", "use(journal); journal.begin_run(facts); os.kill(os.getpid(), signal.SIGKILL)")
    copy = path.with_name("copy.sqlite")
    for kind in ("", "-wal", "-shm"):
        shutil.copy(f"{path}{kind}", f"{copy}{kind}")

    listing = "from events_pandas.run.history import runs; print(len(runs(path)), os.path.exists(f'{path}-wal'))"
    printed = run_program(path, "refuse(b'mmap', errno.ENODEV)", "print(journal.mode, journal.occupied(words))")
    listed = run_program(copy, f"refuse(b'mmap', errno.ENODEV); {listing}; sys.exit()")

    assert printed == "delete [5]\n"
    assert listed == "1 False\n"
    assert len(runs(path)) == 1


def test_journal_names_the_file_system_that_cannot_be_written(run_program, open_journal, path):
    """The error names the file system, and a later run finds no half journal."""
    printed = run_program(path, "[refuse(name, errno.EIO) for name in (b'write', b'pwrite', b'pwrite64')]")

    assert printed == (
        f"{path}: the journal cannot be read or written on {place_of(path)} (disk I/O error): check the disk, then "
        f"run again: recorded events are kept; if this happens again, {ELSEWHERE}\n"
    )
    assert open_journal().mode == "wal"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            sqlite3.SQLITE_IOERR_LOCK,
            "{place} cannot lock files, and without locks runs could damage the journal (oh): {local}",
        ),
        (
            sqlite3.SQLITE_READONLY_DIRECTORY,
            (
                "no file can be made beside the journal on {place} (oh): use a path that can be written with "
                "journal=..., or pass journal=None for no journal"
            ),
        ),
        (
            sqlite3.SQLITE_CANTOPEN,
            (
                "no file can be made beside the journal on {place} (oh): use a path that can be written with "
                "journal=..., or pass journal=None for no journal"
            ),
        ),
        (
            sqlite3.SQLITE_IOERR_FSYNC,
            (
                "the journal cannot be read or written on {place} (oh): check the disk, then run again: "
                "recorded events are kept; if this happens again, {local}"
            ),
        ),
        (
            sqlite3.SQLITE_PROTOCOL,
            (
                "another program keeps the journal locked (oh): wait until the other run, or the program that copies "
                "the file, has ended, then run again"
            ),
        ),
    ],
)
def test_journal_error_names_the_file_system(path, code, text):
    """The error names the file system, for the administrator of the machine."""
    path.touch()
    error = sqlite3.OperationalError("oh")
    error.sqlite_errorcode = code

    printed = journal_error(path, error)

    assert str(printed) == f"{path}: {text.format(place=place_of(path), local=ELSEWHERE)}"


def test_journal_error_names_both_causes_of_a_lock_that_cannot_be_tried(tmp_path):
    """If no file can be made beside the journal, the error names both possible causes."""
    path = tmp_path / "missing" / "journal.sqlite"
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY

    assert str(journal_error(path, error)) == (
        f"{path}: {place_of(path)} refuses to lock the journal, or another program keeps it locked (database is "
        "locked): wait until the other run, or the program that copies the file, has ended, then run again; if there "
        f"is none, {ELSEWHERE}"
    )


def test_journal_error_names_the_file_system_that_is_read_only(path):
    """An error of the file system is shown with its name; an error of the path is not."""
    printed = journal_error(path, OSError(30, "Read-only file system"))

    assert str(printed) == (
        f"{path}: the journal cannot be opened on {place_of(path)}: Read-only file system: use a path that can be "
        "written with journal=..., or pass journal=None for no journal"
    )


WAITING = """
import queue
answers = queue.SimpleQueue()
journal.begin_run(facts)
writer = journal.writer()
with journal.reading():
    print(journal.occupied(words))
    (key,) = journal.digests(words)
    writer.record(Fingerprint(key, None, 1, 2), accepted_at=5, request_id=None, then=answers.put)
    try:
        print("answered", answers.get(timeout=1.0))
    except queue.Empty:
        print("waits")
print(answers.get(timeout=60))
writer.close(60)
"""


def test_journal_without_write_ahead_log_waits_for_a_look_of_its_own_run(run_program, path):
    """The writer waits for look-ups of its own run, and does not take them for another program's lock."""
    assert run_program(path, "refuse(b'mmap', errno.ENODEV)", WAITING) == "[-1]\nwaits\nNone\n"


@pytest.fixture
def network(tmp_path, monkeypatch):
    """Let Linux list the folder of the test as a network disk."""
    read_text = Path.read_text

    def read_mounts(path, **options):
        is_list = path == Path("/proc/self/mounts")
        return f"server:/home {tmp_path} nfs4 rw 0 0\n" if is_list else read_text(path, **options)

    monkeypatch.setattr(Path, "read_text", read_mounts)


@pytest.mark.parametrize("is_made", [True, False])
def test_journal_on_a_network_disk_has_no_write_ahead_log(open_journal, request, make_fingerprint, record, is_made):
    """Another machine may use the journal too, and shares no memory with this one."""
    if is_made:
        open_journal().close()
    request.getfixturevalue("network")

    journal = open_journal()

    assert journal.mode == "delete"
    assert record(journal, make_fingerprint(journal, 1)) == [None]


@pytest.mark.usefixtures("network")
def test_journal_error_names_a_network_disk(path):
    """The error names the type of a network disk and its mount, for its administrator."""
    printed = journal_error(path, OSError(116, "Stale file handle"))

    assert str(printed) == (
        f"{path}: the journal cannot be opened on its file system (nfs4 at {path.parent}): Stale file handle: use a "
        "path that can be written with journal=..., or pass journal=None for no journal"
    )
