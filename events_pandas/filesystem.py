"""File systems: which one a path is on, and whether files can be locked there; both are asked when something fails."""

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
    # Windows refuses a lock only where another program has it.
    fcntl = None  # type: ignore[assignment]

_MOUNTS: Final = Path("/proc/self/mounts")
"""Of Linux; elsewhere file systems have no names here."""
_OF_SERVERS: Final = frozenset({"nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afs", "davfs"})
_OF_CLUSTERS: Final = frozenset({"ceph", "lustre", "gpfs", "beegfs"})
_OF_PROGRAMS: Final = frozenset({"fuse.davfs2", "fuse.glusterfs", "fuse.rclone", "fuse.sshfs"})
_OF_HOSTS: Final = frozenset({"9p", "virtiofs", "vboxsf"})
"""Folders that a virtual machine shares with its host."""
_NETWORK: Final = _OF_SERVERS | _OF_CLUSTERS | _OF_PROGRAMS | _OF_HOSTS
_MAYBE_LOCKED: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL)
"""What SQLite says of a lock that another program has, and of one that the system refuses with ENOLCK or EACCES."""
_LOCKS_REFUSED: Final = (
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_IOERR_LOCK,
    sqlite3.SQLITE_IOERR_RDLOCK,
    sqlite3.SQLITE_IOERR_UNLOCK,
    sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK,
)
_PRIMARY: Final = 0xFF
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


class FileSystem(NamedTuple):
    """Where a file is kept.

    Parameters
    ----------
    kind : str
        The type, such as ``"nfs4"``.
    mount : str
        The folder that it is mounted at.
    """

    kind: str
    mount: str

    def __str__(self) -> str:
        return f"{self.kind} at {self.mount}"

    @property
    def is_network(self) -> bool:
        """Whether other machines may use it too, with which this one shares no memory."""
        return self.kind in _NETWORK


def file_system(path: Path, mounts: str | None = None) -> FileSystem | None:
    """Look up the file system of a path.

    Parameters
    ----------
    path : pathlib.Path
        Of a file that need not be there.
    mounts : str or None, default None
        What is mounted, as Linux lists it; by default what is.

    Returns
    -------
    FileSystem or None
        None if it is not known.
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
            # What was mounted later at the same place hides what was there.
            if real.is_relative_to(there.mount) and (found is None or len(there.mount) >= len(found.mount)):
                found = there
    return found


def place_of(path: Path) -> str:
    """Return words for the file system of a path.

    Parameters
    ----------
    path : pathlib.Path
        Of a file that need not be there.

    Returns
    -------
    str
        With its type and where it is mounted, if they are known.
    """
    found = file_system(path)
    return "its file system" if found is None else f"its file system ({found})"


@contextmanager
def scratch_file(path: Path) -> Iterator[Path]:
    """Give a file to try a file system with, which nobody else has.

    Parameters
    ----------
    path : pathlib.Path
        A file of the file system.

    Yields
    ------
    pathlib.Path
        Of the same name, in a folder beside it that is gone afterwards; the file is not made.

    Raises
    ------
    OSError
        If there can be no such folder.
    """
    with TemporaryDirectory(prefix=".trial-", dir=path.absolute().parent, ignore_cleanup_errors=True) as folder:
        yield Path(folder, path.name)


def error_code(error: BaseException) -> int | None:
    """Return SQLite's code of an error.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    int or None
        None for what Python's own module finds wrong, and for other errors.
    """
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code


def error_kind(error: BaseException) -> int | None:
    """Return the kind of an error of SQLite.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    int or None
        Its code without the bits that tell in which call it came; None if it has no code.
    """
    code = error_code(error)
    return None if code is None else code & _PRIMARY


def refuses_locks(path: Path, error: sqlite3.Error) -> bool | None:
    """Tell whether SQLite got no lock because the file system has none, and not because another program has it.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    error : sqlite3.Error
        What was raised.

    Returns
    -------
    bool or None
        Where the error fits both, the lock of a new file is tried; None where that cannot be tried.
    """
    if error_kind(error) not in _MAYBE_LOCKED:
        return error_code(error) in _LOCKS_REFUSED
    # Not the lock of the file itself: closing it would let go of all that this process has on it.
    with suppress(OSError), scratch_file(path) as scratch, scratch.open("w+b") as file:
        return not _is_lockable(file.fileno())
    return None


def _is_lockable(descriptor: int) -> bool:
    if fcntl is not None:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


DIRECTORY: Final = "a directory"

_KINDS: Final[Mapping[Callable[[int], bool], str]] = MappingProxyType(
    {
        stat.S_ISDIR: DIRECTORY,
        stat.S_ISFIFO: "a pipe",
        stat.S_ISSOCK: "a socket",
        stat.S_ISCHR: "a device",
        stat.S_ISBLK: "a device",
    }
)


def odd_kind(path: Path) -> str | None:
    """Say what stands at a path instead of a file.

    Parameters
    ----------
    path : pathlib.Path
        Where to look; links are followed.

    Returns
    -------
    str or None
        Such as ``"a pipe"``; None for a file, and where nothing can be found.

    Examples
    --------
    >>> odd_kind(Path("/"))
    'a directory'
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return None
    return next((kind for is_kind, kind in _KINDS.items() if is_kind(mode)), None)
