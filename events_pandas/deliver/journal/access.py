"""Connections to a journal, none of which is open while the process forks: a child must not even close such a one.

SQLite keeps what it has locked in the memory of the process. A child that inherits it would read without a lock, and
write into a file that its parent has replaced: https://www.sqlite.org/howtocorrupt.html, section 2.6.
"""

import contextlib
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from events_pandas.errors import JournalError, Setting
from events_pandas.filesystem import odd_kind
from events_pandas.forking import keep_for_ever

Identity: TypeAlias = tuple[int, int]
_BESIDE: Final = ("", "-journal", "-wal", "-shm", ".lock")
"""How the names of the files of a journal end."""


def file_identity(path: Path) -> Identity:
    """Return what tells a file from another one of its name.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    tuple of int
        Its device, and its number there.
    """
    facts = path.stat()
    return facts.st_dev, facts.st_ino


def beside(path: Path, ending: str) -> Path:
    """Return a file of a journal: where a link leads to the journal, SQLite makes the others beside the real file.

    Parameters
    ----------
    path : pathlib.Path
        The file of the journal.
    ending : str
        Of the other file, such as ``"-wal"``.

    Returns
    -------
    pathlib.Path
        The same for all links to one journal.
    """
    return Path(os.path.realpath(path) + ending)


def require_plain(path: Path) -> None:
    """Refuse a journal that is not a file, or has something else beside it in place of one of its files.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Raises
    ------
    JournalError
        If there is a pipe, which would be waited for without end, a socket, a device or a directory.
    """
    for ending in _BESIDE:
        file = beside(path, ending)
        if kind := odd_kind(file):
            remedy = f"move {file.name} away, or name another path {Setting.JOURNAL}"
            raise JournalError(path, problem=f"{file.name} is {kind}, and must be a file", remedy=remedy)


def require_same(path: Path, identity: Identity) -> None:
    """Refuse to go on with a journal that was moved away, or replaced.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    identity : tuple of int
        What it was when it was opened.

    Raises
    ------
    JournalError
        If there is another one, or none.
    """
    try:
        is_same = file_identity(path) == identity
    except FileNotFoundError:
        is_same = False
    if not is_same:
        problem = "the journal was moved away or replaced while the run went on"
        raise JournalError(path, problem=problem, remedy="put it back, then run again")


_PAUSE_SECONDS: Final = 10.0
"""How long a fork waits for what is being read or written."""


class Connection(sqlite3.Connection):
    """A connection that is known until it is closed.

    Parameters
    ----------
    *arguments : object
        Those of `sqlite3.Connection`.
    **options : object
        Likewise.

    Attributes
    ----------
    identity : tuple of int
        What tells its file from others.
    """

    identity: Identity = (0, 0)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _CONNECTIONS.add(self)

    def close(self) -> None:
        """Close it."""
        super().close()
        _CONNECTIONS.discard(self)


class Access:
    """A way to a journal's file, with a connection when it is needed.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    connect : callable
        Returns a connection to it.
    connection : sqlite3.Connection, optional
        One that there is.
    lock : threading.RLock, optional
        Held while the connection is used; accesses that share it take turns. By default each has its own.

    Attributes
    ----------
    connection : sqlite3.Connection or None
        The one that there is.
    """

    def __init__(
        self,
        path: Path,
        connect: Callable[[], sqlite3.Connection],
        *,
        connection: sqlite3.Connection | None = None,
        lock: "threading.RLock | None" = None,
    ) -> None:
        self.connection = connection
        self._path = path
        self._connect = connect
        self._process = os.getpid()
        self._lock = lock or threading.RLock()
        self._users = 0
        self._is_closed = False
        _ACCESSES.add(self)

    @contextmanager
    def using(self) -> Iterator[sqlite3.Connection]:
        """Keep a connection for a block, which may not be forked in the middle of.

        Yields
        ------
        sqlite3.Connection
            Made anew after a fork.

        Raises
        ------
        JournalError
            In a child of the process that has opened the journal.
        """
        if self._is_inherited:
            problem = f"process {self._process} has opened the journal, and this one is a fork of it"
            raise JournalError(self._path, problem=problem, remedy="begin a run of its own here")
        with self._lock:
            if self._is_closed:
                raise sqlite3.ProgrammingError("Cannot operate on a closed database.")
            if self.connection is None:
                self.connection = self._connect()
            self._users += 1
            try:
                yield self.connection
            finally:
                self._users -= 1

    def close(self) -> None:
        """Close the connection, unless it is another process's."""
        if self._is_inherited:
            return
        with self._lock:
            self._is_closed = True
            self._disconnect()

    def abandon(self) -> None:
        """Close the connection of a thread that has died, perhaps with the lock, so that nobody waits for either."""
        _ACCESSES.discard(self)
        with contextlib.suppress(sqlite3.Error):
            self._disconnect()

    @property
    def _is_inherited(self) -> bool:
        return os.getpid() != self._process

    def hold(self) -> bool:
        """Keep others from using it, and close the connection, which is made again when it is needed.

        Returns
        -------
        bool
            False if it was in use for longer than anybody waits.
        """
        is_held = self._lock.acquire(timeout=_PAUSE_SECONDS)
        # The forking thread itself may be in the middle of something, in a handler of a signal.
        if is_held and not self._users:
            with contextlib.suppress(sqlite3.Error):
                self._disconnect()
        return is_held

    def release(self) -> None:
        """Let others use it again."""
        self._lock.release()

    def _disconnect(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()


_ACCESSES: Final[weakref.WeakSet[Access]] = weakref.WeakSet()
_CONNECTIONS: Final[weakref.WeakSet[Connection]] = weakref.WeakSet()
_INHERITED: Final[set[Identity]] = set()
"""Files that this process's parent had open when it forked: its locks are in this process's memory for ever."""


class _Fork:
    """What happens to connections round a fork."""

    def __init__(self) -> None:
        self.opening = threading.RLock()
        self._lock = threading.Lock()
        self._held: list[Access | threading.RLock] = []

    def before(self) -> None:
        self._lock.acquire()
        self._held = [self.opening] if self.opening.acquire(timeout=_PAUSE_SECONDS) else []
        for access in list(_ACCESSES):
            if access.hold():
                self._held.append(access)

    def after_in_parent(self) -> None:
        held, self._held = self._held, []
        self._lock.release()
        for access in held:
            access.release()

    def after_in_child(self) -> None:
        self.opening = threading.RLock()
        self._lock = threading.Lock()
        self._held = []
        _ACCESSES.clear()
        for connection in list(_CONNECTIONS):
            # It was in use for longer than anybody waits.
            keep_for_ever(connection)
            _INHERITED.add(connection.identity)
        _CONNECTIONS.clear()


_FORK: Final = _Fork()
# Windows has no forks.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_FORK.before, after_in_parent=_FORK.after_in_parent, after_in_child=_FORK.after_in_child)


@contextmanager
def opening() -> Iterator[None]:
    """Open files one after another, and not while the process forks: SQLite's own locks are shared by all of them.

    Yields
    ------
    None
        Once, for the block that opens, or opens and closes.
    """
    with _FORK.opening:
        yield


def opened(path: Path, how: str, **options: Any) -> Connection:
    """Open a journal's file.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    how : str
        SQLite's parameters, such as ``"mode=rw"``.
    **options
        Those of `sqlite3.connect`.

    Returns
    -------
    Connection
        To the file.

    Raises
    ------
    JournalError
        If the parent of this process had it open when it forked, which makes any other connection unsafe here.
    """
    with contextlib.suppress(FileNotFoundError):
        if _INHERITED and file_identity(path) in _INHERITED:
            problem = "the journal was in use when this process was forked, and cannot be used safely here"
            remedy = "start processes with 'spawn', or give this one another journal"
            raise JournalError(path, problem=problem, remedy=remedy)
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, factory=Connection, **options)
    with contextlib.suppress(OSError):
        connection.identity = file_identity(path)
    return connection
