"""What is at a path: which file system, whether files can be locked there, and whether there is a plain file."""

import os
import re
import sqlite3
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Final, NamedTuple

try:
    import fcntl
except ImportError:
    # Windows refuses a lock only if another program has it.
    fcntl = None  # type: ignore[assignment]

DIRECTORY: Final = "a directory"
PIPE: Final = "a pipe"

_MOUNTS: Final = Path("/proc/self/mounts")
"""Only Linux has this list: elsewhere no file system is known."""
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")
# A virtual machine shares folders with its host by 9p, virtiofs or vboxsf.
_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afs", "davfs", "ceph", "lustre", "gpfs", "beegfs"}
    | {"fuse.davfs2", "fuse.glusterfs", "fuse.rclone", "fuse.sshfs", "9p", "virtiofs", "vboxsf"}
)
_MAYBE_LOCKED: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL)
"""Another program has the lock, or the system refuses it with ENOLCK or EACCES: SQLite does not say which."""
_LOCKS_REFUSED: Final = (
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_IOERR_LOCK,
    sqlite3.SQLITE_IOERR_RDLOCK,
    sqlite3.SQLITE_IOERR_UNLOCK,
    sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK,
)
_PRIMARY: Final = 0xFF
_KINDS: Final[Mapping[Callable[[int], bool], str]] = MappingProxyType(
    {
        stat.S_ISDIR: DIRECTORY,
        stat.S_ISFIFO: PIPE,
        stat.S_ISSOCK: "a socket",
        stat.S_ISCHR: "a device",
        stat.S_ISBLK: "a device",
    }
)


class FileSystem(NamedTuple):
    """A file system, by its type (such as ``"nfs4"``) and the folder that it is mounted at."""

    kind: str
    mount: str

    def __str__(self) -> str:
        return f"{self.kind} at {self.mount}"

    @property
    def is_network(self) -> bool:
        """Whether other machines may use it too, which share no memory with this one."""
        return self.kind in _NETWORK


def file_system(path: Path, mounts: str | None = None) -> FileSystem | None:
    """Return the file system of a path, which need not exist, or None if it is unknown.

    `mounts` is a list of what is mounted, as Linux writes it. Default: the list of this machine.
    """
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text(errors="surrogateescape")
        except OSError:
            return None
    real = Path(os.path.realpath(path))
    found = None
    for line in mounts.splitlines():
        with suppress(ValueError):
            _, mount, kind, *_ = line.split(" ")
            there = FileSystem(kind, _ESCAPED.sub(lambda match: chr(int(match[1], 8)), mount))
            # A later mount at the same place hides the earlier one.
            if real.is_relative_to(there.mount) and (found is None or len(there.mount) >= len(found.mount)):
                found = there
    return found


def place_of(path: Path) -> str:
    """Return words for the file system of a path, with its type and mount if they are known."""
    found = file_system(path)
    return "its file system" if found is None else f"its file system ({found})"


@contextmanager
def scratch_file(path: Path) -> Iterator[Path]:
    """Give the path of a new file on the same file system, to try it with; raise `OSError` if there can be none.

    It has the same name, in a folder beside `path` that is deleted afterwards. The file itself is not made.
    """
    with TemporaryDirectory(prefix=".trial-", dir=path.absolute().parent, ignore_cleanup_errors=True) as folder:
        yield Path(folder, path.name)


def error_code(error: BaseException) -> int | None:
    """Return SQLite's code of an error; None for other errors, and for those of Python's own module."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code


def error_kind(error: BaseException) -> int | None:
    """Return SQLite's code of an error without the bits that tell which call failed, or None."""
    code = error_code(error)
    return None if code is None else code & _PRIMARY


def refuses_locks(path: Path, error: sqlite3.Error) -> bool | None:
    """Return whether SQLite got no lock because the file system has none, and not because another program has it.

    If the error fits both, a new file beside `path` is locked to find out; None if that is impossible.
    """
    if error_kind(error) not in _MAYBE_LOCKED:
        return error_code(error) in _LOCKS_REFUSED
    # Not the file itself: closing it would release all locks that this process has on it.
    with suppress(OSError), scratch_file(path) as scratch, scratch.open("w+b") as file:
        return not _is_lockable(file.fileno())
    return None


def odd_kind(path: Path) -> str | None:
    """Return what is at a path instead of a file, such as ``"a pipe"``; None for a file, a link to one, or nothing."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return None
    return next((kind for is_kind, kind in _KINDS.items() if is_kind(mode)), None)


def hold(descriptor: int) -> bool | None:
    """Hold an open file until it is closed, also against other files of this process.

    Return whether that worked: False if it is held already, None if files cannot be held there, or on Windows.
    """
    with suppress(OSError):
        if fcntl is not None:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True
    return None


def _is_lockable(descriptor: int) -> bool:
    if fcntl is not None:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True
