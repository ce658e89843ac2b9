"""Connections to the file of a journal that are safe at a fork: each is closed before it, and made again afterwards.

SQLite keeps its locks in the memory of the process. A child that inherits an open connection would read without a lock
and write into a file that its parent has replaced; it must not even close the connection:
https://www.sqlite.org/howtocorrupt.html, section 2.6.
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from events_pandas.deliver.journal.places import FileIdentity, file_identity
from events_pandas.errors import JournalError
from events_pandas.forking import keep_for_ever, leave_to_parent_at_fork, pause_at_fork

OPEN_RUNS: Final[set[tuple[FileIdentity, int]]] = set()
"""Runs of this process that have not ended, each with its journal."""


def own_runs(identity: FileIdentity) -> set[int]:
    """Return the runs of this process in a journal that have not ended."""
    return {run for journal, run in OPEN_RUNS if journal == identity}


class JournalConnection(sqlite3.Connection):
    """A connection to a journal's file, which must be closed before this process forks."""

    # Of the file; None if there was no file, and after the end.
    identity: FileIdentity | None = None

    def close(self) -> None:
        """Close the connection."""
        super().close()
        self.identity = None

    def leave_to_parent(self) -> None:
        """Refuse the file to a child: the connection stayed in use for longer than the fork waited."""
        if self.identity is not None:
            keep_for_ever(self)
            _INHERITED.add(self.identity)


class ForkSafeConnection:
    """A connection that is closed before a fork, and made again by `connect` when it is needed.

    A thread holds `turn` while it uses the connection: users that share one take turns. Default: they do not.
    """

    def __init__(
        self,
        path: Path,
        connect: Callable[[], sqlite3.Connection],
        *,
        identity: FileIdentity,
        turn: "threading.RLock | None" = None,
        connection: sqlite3.Connection | None = None,
    ) -> None:
        self.path = path
        self._connect = connect
        self._identity = identity
        self._turn = turn
        self._connection = connection
        self._process = os.getpid()
        self._lock = turn or threading.RLock()
        self._users = 0
        self._is_closed = False
        pause_at_fork(self)

    def another(self) -> Self:
        """Return another connection to the same file."""
        return type(self)(self.path, self._connect, identity=self._identity, turn=self._turn)

    @property
    def is_inherited(self) -> bool:
        """Whether this process is a fork of the process that has opened the journal."""
        return os.getpid() != self._process

    @contextmanager
    def using(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to a block, during which no fork begins.

        Raise `JournalError` in a child of the process that has opened the journal.
        """
        if self.is_inherited:
            problem = f"process {self._process} opened the journal, and this process is a fork of it"
            raise JournalError(self.path, problem=problem, remedy="begin a new run here")
        with self._lock:
            if self._is_closed:
                raise sqlite3.ProgrammingError("Cannot operate on a closed database.")
            if self._connection is None:
                self.require_same_file()
                self._connection = self._connect()
            self._users += 1
            try:
                yield self._connection
            finally:
                self._users -= 1

    def require_same_file(self) -> None:
        """Raise `JournalError` if the file that was opened was moved away or replaced."""
        with contextlib.suppress(FileNotFoundError):
            if file_identity(self.path) == self._identity:
                return
        problem = "the journal was moved away or replaced during the run"
        raise JournalError(self.path, problem=problem, remedy="put it back, then run again")

    def close(self) -> None:
        """Close the connection, unless it is another process's."""
        if not self.is_inherited:
            with self._lock:
                self._is_closed = True
                self._disconnect()

    def acquire(self, *, timeout: float) -> bool:
        """Keep other threads from the connection, and close it; return False if it stayed in use for too long."""
        is_held = self._lock.acquire(timeout=timeout)
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


_INHERITED: Final[set[FileIdentity | None]] = set()
"""Files that the parent had open when it forked this process: the parent's locks stay in this process's memory."""


class _Opening:
    """Lets one thread at a time open journals, and none while the process forks."""

    def __init__(self) -> None:
        self.leave_to_parent()
        leave_to_parent_at_fork(self)

    def leave_to_parent(self) -> None:
        """Make a new lock in a child."""
        self.lock = threading.RLock()
        pause_at_fork(self.lock)


_OPENING: Final = _Opening()


def opening_lock() -> "threading.RLock":
    """Return the lock under which journals are opened, by one thread at a time, and not while the process forks.

    SQLite's own locks are shared by all connections of a process.
    """
    return _OPENING.lock


def open_connection(path: Path, busy_seconds: float, uri_options: str) -> JournalConnection:
    """Open a journal's file for any thread, in autocommit mode, with SQLite's URI options, such as ``"mode=rw"``.

    `busy_seconds` is the wait for another program's lock. Raise `JournalError` if the parent of this process had the
    file open when it forked: no connection is safe then.
    """
    identity = None
    with contextlib.suppress(OSError):
        identity = file_identity(path)
    if identity in _INHERITED:
        problem = "the journal was in use when this process was forked, and cannot be used safely here"
        remedy = "start processes with 'spawn', or use another journal in this one"
        raise JournalError(path, problem=problem, remedy=remedy)
    address = f"{path.absolute().as_uri()}?{uri_options}"
    connection = sqlite3.connect(
        address,
        uri=True,
        factory=JournalConnection,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.identity = identity
    leave_to_parent_at_fork(connection)
    return connection
