"""File systems: which one a path is on, what SQLite's errors say of locks there, and what is at a path."""

import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from events_pandas.filesystem import FileSystem, file_system, odd_kind, place_of, refuses_locks

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw,vers=4.2 0 0
none /home/ada/big\\040disk fuse.sshfs rw 0 0
none /srv tmpfs rw 0 0
//box/share /srv cifs rw 0 0
a line that is none
"""


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/orders.sqlite", FileSystem("ext4", "/")),
        ("/home/ada/journal.sqlite", FileSystem("nfs4", "/home")),
        ("/homes/journal.sqlite", FileSystem("ext4", "/")),
        ("/home/ada/big disk/a/journal.sqlite", FileSystem("fuse.sshfs", "/home/ada/big disk")),
        ("/srv/journal.sqlite", FileSystem("cifs", "/srv")),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="Windows has other paths")
def test_file_system_is_what_was_mounted_last_and_nearest(path, found):
    """The nearest mount counts, of two at one place the later one; Linux's escapes are read."""
    assert file_system(Path(path), MOUNTS) == found


def test_file_system_is_unknown_where_nothing_is_listed():
    """Systems other than Linux have no such list."""
    assert file_system(Path("journal.sqlite"), "") is None


def test_file_system_in_words():
    """The text has its type and its mount, for the administrator of the machine."""
    assert str(FileSystem("nfs4", "/home")) == "nfs4 at /home"


@pytest.mark.skipif(not Path("/proc/self/mounts").exists(), reason="only Linux lists what is mounted")
def test_place_of_names_a_file_system_that_is_there():
    """The default list is that of this machine."""
    assert place_of(Path("/proc/version")) == "its file system (proc at /proc)"


@pytest.mark.parametrize(
    ("kind", "is_network"),
    [("nfs4", True), ("cifs", True), ("fuse.rclone", True), ("9p", True), ("ext4", False), ("fuseblk", False)],
)
def test_file_system_knows_whether_other_machines_have_it(kind, is_network):
    """Machines of a network share no memory, which a write-ahead log needs."""
    assert FileSystem(kind, "/home").is_network is is_network


def sqlite_error(code):
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR_LOCK, sqlite3.SQLITE_IOERR_RDLOCK, sqlite3.SQLITE_IOERR_UNLOCK]
)
def test_locks_are_refused_where_sqlite_says_so(tmp_path, code):
    """These errors have no other cause."""
    assert refuses_locks(tmp_path / "journal.sqlite", sqlite_error(code))


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_IOERR_READ])
def test_locks_are_not_refused_where_a_file_can_be_locked(tmp_path, code):
    """Then another program has the lock; the trial leaves nothing behind."""
    assert not refuses_locks(tmp_path / "journal.sqlite", sqlite_error(code))
    assert list(tmp_path.iterdir()) == []


def test_locks_may_be_refused_where_that_cannot_be_tried(tmp_path):
    """A folder that takes no files does not tell whether there are locks."""
    assert refuses_locks(tmp_path / "nowhere" / "journal.sqlite", sqlite_error(sqlite3.SQLITE_BUSY)) is None


REFUSING = """
import errno, fcntl, sqlite3, sys
from pathlib import Path

def refuse(*_):
    raise OSError(errno.ENOLCK, "No locks available")

fcntl.lockf = refuse
from events_pandas.filesystem import refuses_locks

error = sqlite3.OperationalError("database is locked")
error.sqlite_errorcode = sqlite3.SQLITE_BUSY
print(refuses_locks(Path(sys.argv[1]), error))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has another way to lock files")
def test_locks_are_refused_where_no_file_can_be_locked(tmp_path):
    """SQLite has one error for ENOLCK and for the lock of another program."""
    command = [sys.executable, "-c", REFUSING, str(tmp_path / "journal.sqlite")]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    assert output == "True\n"


@pytest.fixture
def place(tmp_path):
    """A folder with one thing of each kind."""
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "lost").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "socket"))
        yield tmp_path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("file", None),
        ("link", None),
        ("lost", None),
        ("nowhere", None),
        ("nul\0", None),
        (".", "a directory"),
        ("pipe", "a pipe"),
        ("zero", "a device"),
        ("socket", "a socket"),
    ],
)
def test_odd_kind_names_what_is_not_a_file(place, name, kind):
    """A link counts as its target; a missing file is left to its readers."""
    assert odd_kind(Path(f"{place}/{name}")) == kind
