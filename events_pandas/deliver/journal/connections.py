"""Connections to the file of a journal that are safe at a fork: each is closed before it, and made again afterwards.

SQLite keeps its locks in the memory of the process. A child that inherits an open connection would read without a lock
and write into a file that its parent has replaced; it must not even close the connection:
https://www.sqlite.org/howtocorrupt.html, section 2.6.
"""

import contextlib
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from events_pandas.deliver.journal.places import FileIdentity, file_identity
from events_pandas.errors import JournalError
from events_pandas.forking import PAUSE_SECONDS, keep_for_ever


class TrackedConnection(sqlite3.Connection):
    """A connection to a journal that this module knows until it is closed."""

    identity: FileIdentity = (0, 0)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _CONNECTIONS.add(self)

    def close(self) -> None:
        """Close the connection."""
        super().close()
        _CONNECTIONS.discard(self)


class ForkSafeConnection:
    """A connection that is closed before a fork, and made again by `connect` when it is needed.

    A thread holds `lock` while it uses the connection: users that share a lock take turns. Default: a lock of its own.
    """

    def __init__(
        self,
        path: Path,
        connect: Callable[[], sqlite3.Connection],
        *,
        connection: sqlite3.Connection | None = None,
        lock: "threading.RLock | None" = None,
    ) -> None:
        self._connection = connection
        self._path = path
        self._connect = connect
        self._process = os.getpid()
        self._lock = lock or threading.RLock()
        self._users = 0
        self._is_closed = False
        _FORK_SAFE.add(self)

    @contextmanager
    def using(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to a block, during which no fork begins.

        Raise `JournalError` in a child of the process that has opened the journal.
        """
        if self._is_inherited:
            problem = f"process {self._process} opened the journal, and this process is a fork of it"
            raise JournalError(self._path, problem=problem, remedy="begin a new run here")
        with self._lock:
            if self._is_closed:
                raise sqlite3.ProgrammingError("Cannot operate on a closed database.")
            if self._connection is None:
                self._connection = self._connect()
            self._users += 1
            try:
                yield self._connection
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
        """Close the connection of a dead thread, which may hold the lock: nobody waits for that lock again."""
        _FORK_SAFE.discard(self)
        with contextlib.suppress(sqlite3.Error):
            self._disconnect()

    @property
    def _is_inherited(self) -> bool:
        return os.getpid() != self._process

    def hold(self) -> bool:
        """Keep other threads from the connection, and close it; return False if it stayed in use for too long."""
        is_held = self._lock.acquire(timeout=PAUSE_SECONDS)
        # The forking thread itself may be using it, if a signal handler forks.
        if is_held and not self._users:
            with contextlib.suppress(sqlite3.Error):
                self._disconnect()
        return is_held

    def release(self) -> None:
        """Let other threads use the connection again."""
        self._lock.release()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


_FORK_SAFE: Final[weakref.WeakSet[ForkSafeConnection]] = weakref.WeakSet()
_CONNECTIONS: Final[weakref.WeakSet[TrackedConnection]] = weakref.WeakSet()
_INHERITED: Final[set[FileIdentity]] = set()
"""Files that the parent had open when it forked this process: the parent's locks stay in this process's memory."""


class _ForkHandlers:
    """What happens to connections before and after a fork."""

    def __init__(self) -> None:
        self.opening = threading.RLock()
        self._lock = threading.Lock()
        self._held: list[ForkSafeConnection | threading.RLock] = []

    def before(self) -> None:
        self._lock.acquire()
        self._held = [self.opening] if self.opening.acquire(timeout=PAUSE_SECONDS) else []
        for connection in list(_FORK_SAFE):
            if connection.hold():
                self._held.append(connection)

    def after_in_parent(self) -> None:
        held, self._held = self._held, []
        self._lock.release()
        for holder in held:
            holder.release()

    def after_in_child(self) -> None:
        self.opening = threading.RLock()
        self._lock = threading.Lock()
        self._held = []
        _FORK_SAFE.clear()
        for connection in list(_CONNECTIONS):
            # It stayed in use for longer than the fork waits.
            keep_for_ever(connection)
            _INHERITED.add(connection.identity)
        _CONNECTIONS.clear()


_FORK: Final = _ForkHandlers()
# Windows has no forks.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_FORK.before, after_in_parent=_FORK.after_in_parent, after_in_child=_FORK.after_in_child)


@contextmanager
def opening_lock() -> Iterator[None]:
    """Let one thread at a time open journals, and none while the process forks.

    SQLite's own locks are shared by all connections of a process.
    """
    with _FORK.opening:
        yield


def open_connection(path: Path, uri_options: str, **options: Any) -> TrackedConnection:
    """Open a journal's file with SQLite's URI options, such as ``"mode=rw"``, and those of `sqlite3.connect`.

    Raise `JournalError` if the parent of this process had the file open when it forked: no connection is safe then.
    """
    with contextlib.suppress(FileNotFoundError):
        if _INHERITED and file_identity(path) in _INHERITED:
            problem = "the journal was in use when this process was forked, and cannot be used safely here"
            remedy = "start processes with 'spawn', or use another journal in this one"
            raise JournalError(path, problem=problem, remedy=remedy)
    address = f"{path.absolute().as_uri()}?{uri_options}"
    connection = sqlite3.connect(address, uri=True, factory=TrackedConnection, **options)
    with contextlib.suppress(OSError):
        connection.identity = file_identity(path)
    return connection
