"""The file of a journal: how it is made, who may read it, and which files are refused and left as they are."""

import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from events_pandas.deliver.journal import Journal
from events_pandas.deliver.journal.opening import connect
from events_pandas.errors import JournalError
from events_pandas.filesystem import place_of
from events_pandas.run.history import runs

BEGIN_ANEW = (
    "it was not changed; to begin a new journal, move it away or use another path, or pass journal=None. "
    "Then earlier runs are not known, and every row is sent again: Intercom ignores an event that it has, "
    "but not one that now has another second"
)
GO_ELSEWHERE = "use a path that can be written with journal=..., or pass journal=None for no journal"


def permissions(path):
    return stat.S_IMODE(path.stat().st_mode)


def refusal(path):
    """Open a file that is refused, and check that it did not change; return the message."""
    before = path.read_bytes()
    with pytest.raises(JournalError) as caught:
        Journal(path, workspace="ab12cd34")
    assert path.read_bytes() == before
    assert caught.value.path == str(path)
    return str(caught.value)


def database(path, *statements):
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_journal_is_written_ahead(journal):
    """The usual mode is a write-ahead log: readers and the writer work at once."""
    assert journal.mode == "wal"


@pytest.mark.usefixtures("journal")
def test_journal_commits_to_the_disk(path):
    """A power cut loses nothing that was recorded: 2 is FULL."""
    with closing(connect(path, 0.0)) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_journal_can_be_read_by_its_owner_only(tmp_path, open_journal, make_fingerprint):
    """Its files and new folders are private with any umask, and existing folders stay as they are."""
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    folder = shared / "state" / "journals"
    before = os.umask(0)
    try:
        journal = open_journal(folder / "journal.sqlite")
        journal.claim([make_fingerprint(journal, 1)])
    finally:
        os.umask(before)

    assert {file.name: permissions(file) for file in folder.iterdir()} == {
        "journal.sqlite": 0o600,
        "journal.sqlite-wal": 0o600,
        "journal.sqlite-shm": 0o600,
    }
    assert [permissions(path) for path in (folder, folder.parent, shared)] == [0o700, 0o700, 0o755]


def test_journal_leaves_one_file_when_it_is_closed(journal, path, make_fingerprint):
    """Closing writes the log back into the file."""
    journal.claim([make_fingerprint(journal, 1)])

    journal.close()

    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_journal_is_opened_again(open_journal, make_fingerprint, make_words):
    """The next run finds what this run claimed."""
    journal = open_journal()
    journal.claim([make_fingerprint(journal, 1)])
    journal.close()

    assert open_journal().occupied(make_words(1)).tolist() == [0]


@pytest.mark.parametrize("name", ["wie geht's?.sqlite", "a#b%20c.sqlite", "journal"])
def test_journal_may_have_any_name(tmp_path, open_journal, name):
    """Characters with a meaning in an URL have none in the path of a journal."""
    open_journal(tmp_path / name)

    assert (tmp_path / name).exists()


def test_journal_begins_in_an_empty_file(path, open_journal):
    """A process that is killed before it makes the tables leaves an empty file, which is a new journal."""
    path.touch()

    assert open_journal().mode == "wal"


def make_one(path, barrier, made):
    """Wait for the other process, make the journal, and hand over a digest."""
    barrier.wait(60)
    journal = Journal(path, workspace="ab12cd34")
    made.put(journal.digests(np.zeros((2, 1), np.uint64)))
    journal.close()


def test_journal_is_made_once_by_processes_that_race_for_it(path):
    """If two processes make the journal at once, both have the same secret."""
    context = multiprocessing.get_context("spawn")
    barrier, made = context.Barrier(2), context.SimpleQueue()
    processes = [context.Process(target=make_one, args=(path, barrier, made)) for _ in range(2)]
    for process in processes:
        process.start()

    for process in processes:
        process.join(120)

    assert [process.exitcode for process in processes] == [0] * 2
    assert made.get() == made.get()


@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_journal_gives_up_when_another_program_keeps_the_new_file_locked(open_journal, locked, lock):
    """The wait for a lock has a limit when a journal is made, too."""
    with (
        locked(lock),
        pytest.raises(JournalError, match=r"another program keeps the journal locked \(database is locked\): wait"),
    ):
        open_journal(busy_seconds=0.05)

    assert open_journal().mode == "wal"


def test_journal_refuses_a_file_that_is_not_a_database(path):
    """A text file at that path is not overwritten."""
    path.write_text("row,status\n" * 1000)

    assert refusal(path) == f"{path}: this file is not a journal (file is not a database): {BEGIN_ANEW}"


def test_journal_refuses_a_file_that_was_cut_off(open_journal, path, make_fingerprint):
    """A journal that lost its end is refused as damaged."""
    journal = open_journal()
    journal.claim([make_fingerprint(journal, number) for number in range(1000)])
    journal.close()
    os.truncate(path, path.stat().st_size // 2)

    assert refusal(path) == f"{path}: the journal is damaged (database disk image is malformed): {BEGIN_ANEW}"


def test_journal_tells_of_a_damaged_page_when_it_meets_it(open_journal, path, make_fingerprint, make_words):
    """A damaged page in the middle of the file gives the same error in a look-up or a claim."""
    journal = open_journal()
    journal.claim([make_fingerprint(journal, number) for number in range(5000)])
    journal.close()
    with path.open("r+b") as file:
        file.seek(7 * 4096)
        file.write(b"\xff" * (path.stat().st_size - 7 * 4096))
    damaged = open_journal()

    for use in (
        lambda: damaged.find(make_words(*range(5000))),
        lambda: damaged.occupied(make_words(*range(5000))),
        lambda: damaged.claim([make_fingerprint(damaged, number, second=5) for number in range(5000)]),
    ):
        with pytest.raises(JournalError) as caught:
            use()
        assert str(caught.value) == f"{path}: the journal is damaged (database disk image is malformed): {BEGIN_ANEW}"


def test_journal_refuses_the_database_of_another_program(path):
    """A database with other tables is not changed, and its journal mode stays."""
    database(path, "CREATE TABLE events (name TEXT)")

    assert refusal(path) == f"{path}: this database belongs to another program: {BEGIN_ANEW}"


def test_journal_refuses_a_later_format(open_journal, path):
    """An older version of this package does not guess what a newer version wrote."""
    open_journal().close()
    database(path, "PRAGMA user_version = 2")

    assert refusal(path) == (
        f"{path}: a later version of events_pandas made this journal (its format is 2, this version reads 1): "
        f"install that version; {BEGIN_ANEW}"
    )


def test_journal_refuses_a_folder_that_cannot_be_made(tmp_path):
    """A journal that cannot be made is refused before the first event."""
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "journals" / "journal.sqlite"

    with pytest.raises(JournalError) as caught:
        Journal(path, workspace="ab12cd34")

    assert str(caught.value) == f"{path}: the journal cannot be opened: Not a directory: {GO_ELSEWHERE}"


def test_journal_refuses_a_folder_in_place_of_a_file(path):
    """A folder at that path is refused."""
    path.mkdir()

    with pytest.raises(JournalError) as caught:
        Journal(path, workspace="ab12cd34")

    assert str(caught.value) == (
        f"{path}: journal.sqlite is a directory, not a file: move journal.sqlite away, or use another path "
        "with journal=..."
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes with a path")
@pytest.mark.parametrize("ending", ["", "-journal", "-wal", "-shm", ".lock"])
def test_journal_refuses_a_pipe_in_place_of_a_file(path, ending):
    """A run and the history of runs refuse a pipe: opening it would wait for another program."""
    if ending:
        Journal(path, workspace="ab12cd34").close()
    os.mkfifo(f"{path}{ending}")

    for use in (lambda: Journal(path, workspace="ab12cd34"), lambda: runs(path.parent)):
        with pytest.raises(JournalError) as caught:
            use()
        assert str(caught.value) == (
            f"{path}: journal.sqlite{ending} is a pipe, not a file: move journal.sqlite{ending} away, or use "
            "another path with journal=..."
        )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes with a path")
def test_journal_error_does_not_change_the_name_of_a_file(tmp_path):
    """The name of a journal may look like a placeholder."""
    path = tmp_path / "{no_journal}.sqlite"
    os.mkfifo(f"{path}-wal")

    with pytest.raises(JournalError) as caught:
        Journal(path, workspace="ab12cd34")

    assert str(caught.value) == (
        f"{path}: {{no_journal}}.sqlite-wal is a pipe, not a file: move {{no_journal}}.sqlite-wal away, or use "
        "another path with journal=..."
    )
    assert caught.value.remedy == "move {no_journal}.sqlite-wal away, or use another path with journal=..."


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder in which nobody can make a file")
def test_journal_refuses_a_folder_that_takes_no_files():
    """The message says how to name another path."""
    path = Path("/proc/events_pandas.sqlite")

    with pytest.raises(JournalError) as caught:
        Journal(path, workspace="ab12cd34")

    assert str(caught.value).startswith(f"{path}: the journal cannot be opened: ")
    assert str(caught.value).endswith(f": {GO_ELSEWHERE}")


def test_journal_refuses_what_cannot_be_written(open_journal, path, monkeypatch):
    """A read-only journal is refused when it is opened, not after the first accepted event."""
    open_journal().close()
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda address, **how: connect(address.replace("mode=rw", "mode=ro"), **how)
    )

    with pytest.raises(JournalError) as caught:
        Journal(path, workspace="ab12cd34")

    assert str(caught.value) == (
        f"{path}: the journal cannot be written on {place_of(path)} (attempt to write a readonly database): "
        f"{GO_ELSEWHERE}"
    )


def run_program(program, *arguments):
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


FULL = """
import queue, resource, sys
from pathlib import Path
from events_pandas.deliver.journal import Journal, Fingerprint

journal = Journal(Path(sys.argv[1]), workspace="ab12cd34")
writer, answers = journal.writer(), queue.SimpleQueue()
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

def recorded(first):
    for number in range(first, first + 5000):
        key = number.to_bytes(16, "big")
        writer.record(Fingerprint(key, None, 1, number), accepted_at=5, request_id=None, then=answers.put)
    return {str(answers.get(timeout=60)) for _ in range(5000)}

print(recorded(0))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
print(*sorted(recorded(5000)), sep="\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
print(recorded(5000))
writer.close(60)
journal.close()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limits")
def test_journal_is_whole_after_the_system_refused_to_let_it_grow(path):
    """Records without room get an error; earlier records stay, and later ones are written when there is room again."""
    first, *refused, last = run_program(FULL, path).splitlines()

    assert (first, last) == ("{'None'}", "{'None'}")
    assert refused
    assert all(line.startswith(f"{path}: ") for line in refused)
    assert any("run again: recorded events are kept" in line for line in refused)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (10_000,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# SQLite's own way to lock files where the system has no locks; it has no shared memory either.
WITHOUT_SHARED_MEMORY = """
import _sqlite3, ctypes, sys
from pathlib import Path

import numpy as np
from events_pandas.deliver.journal import Journal, Fingerprint

path, words = Path(sys.argv[1]), np.zeros((2, 1), np.uint64)
if "made before" in sys.argv:
    Journal(path, workspace="ab12cd34").close()

library = ctypes.CDLL(_sqlite3.__file__)
library.sqlite3_initialize()
library.sqlite3_vfs_find.restype = ctypes.c_void_p
library.sqlite3_vfs_register(ctypes.c_void_p(library.sqlite3_vfs_find(b"unix-dotfile")), 1)

journal = Journal(path, workspace="ab12cd34")
(key,) = journal.digests(words)
journal.claim([Fingerprint(key, None, 1, 2)])
writer, answers = journal.writer(), []
writer.record(Fingerprint(key, None, 1, 2), accepted_at=5, request_id=None, then=answers.append)
writer.close(60)
print(journal.mode, answers, journal.occupied(words))
journal.close()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has another way to lock files")
@pytest.mark.parametrize("how", ["made here", "made before"])
def test_journal_does_without_shared_memory(path, how):
    """Where SQLite cannot write ahead it uses a rollback journal, in a new file and in a file that was moved there."""
    try:
        printed = run_program(WITHOUT_SHARED_MEMORY, path, how)
    except subprocess.CalledProcessError as error:
        if "undefined symbol" not in error.stderr:
            raise
        pytest.skip("this SQLite cannot be reached from outside")

    assert printed == "delete [None] [5]\n"
    assert not Path(f"{path}-wal").exists()
