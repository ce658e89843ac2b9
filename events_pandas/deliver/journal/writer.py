"""The thread that writes acceptances down: those that come within moments of one another are one commit."""

import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from events_pandas.deliver.journal.connections import Access, Identity, require_same
from events_pandas.deliver.journal.lookup import find_elsewhere
from events_pandas.deliver.journal.opening import transaction
from events_pandas.deliver.journal.processes import SEEN_SECONDS, be_seen
from events_pandas.deliver.journal.tables import Acceptance, Elsewhere, Mark, accept_events, release_events
from events_pandas.deliver.journal.troubles import death_error, journal_error, stall_error
from events_pandas.errors import JournalError

GROUP_SECONDS: Final = 0.01
"""How long a commit waits for others to come with it: each is a wait for the disk."""
STALL_SECONDS: Final = 60.0
"""How long the disk may take for one commit: SQLite gives up on another program's lock long before."""
_IDLE_SECONDS = 0.5
"""How long the thread sleeps at most: an interrupt may come between what it has to do and the call that wakes it."""

Written: TypeAlias = JournalError | Elsewhere | None
Then: TypeAlias = Callable[[Written], None]


class JournalWriter:
    """Writes down which events were accepted, in a thread of its own; see `Journal.writer`.

    Parameters
    ----------
    connect : callable
        Returns a connection to the journal.
    path : pathlib.Path
        Its file.
    run : callable
        Returns the number of the run.
    identity : tuple of int
        What tells the file from another one of its name.
    lock : threading.RLock, optional
        Held while the thread writes.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        *,
        path: Path,
        run: Callable[[], int],
        identity: Identity,
        lock: "threading.RLock | None" = None,
    ) -> None:
        self._identity = identity
        self._path = path
        self._run = run
        self._records: deque[tuple[Acceptance, Then]] = deque()
        self._releases: deque[Mark] = deque()
        self._called = threading.Event()
        self._lock = threading.Lock()
        self._is_closed = False
        self._thread: threading.Thread | None = None
        self._connect = connect
        self._access = Access(path, connect, lock=lock)
        self._process = os.getpid()
        self._bug: BaseException | None = None
        self._seen_next = time.monotonic() + SEEN_SECONDS
        self._cause: BaseException | None = None
        self._is_orphaned = False
        self._moved_at = 0.0

    @property
    def waiting(self) -> int:
        """Records that have not been answered."""
        return len(self._records)

    @property
    def death(self) -> JournalError | None:
        """Why nothing is written any more; None while all is well."""
        if self._is_closed or self._thread is None:
            return None
        if self._bug is not None or not self._thread.is_alive():
            return death_error(self._path, self._bug or self._cause)
        is_stalled = self._records and time.monotonic() - self._moved_at > STALL_SECONDS
        return stall_error(self._path, STALL_SECONDS) if is_stalled else None

    def record(self, mark: Mark, *, accepted_at: float, request_id: str | None, then: Then) -> None:
        """Write down that an event was accepted.

        Parameters
        ----------
        mark : Mark
            The event.
        accepted_at : float
            Unix seconds of the answer.
        request_id : str or None
            Intercom's name for the request.
        then : callable
            Called once, in the writer's thread: with None when the record is on disk, with what another run has
            recorded of the event in the meantime, or with the error.
        """
        with self._lock:
            is_closed = self._is_closed
            if not is_closed:
                self._moved_at = self._moved_at if self._records else time.monotonic()
                self._records.append((Acceptance(mark, accepted_at, request_id), then))
                self._wake()
        if is_closed:
            remedy = "run again: rows that are not recorded are sent again, and Intercom ignores those that it has"
            then(JournalError(self._path, problem="the answer came after the journal was closed", remedy=remedy))

    def release(self, mark: Mark) -> None:
        """Drop this run's claim of an event that did not arrive for certain; an acceptance stays.

        Parameters
        ----------
        mark : Mark
            The event.
        """
        with self._lock:
            if not self._is_closed:
                self._releases.append(mark)
                self._wake()

    def write_waiting(self) -> None:
        """Write what waits in the caller's thread, if the writer's own has died: nobody else would answer it."""
        if self._thread is not None and self._thread.is_alive():
            return
        if not self._is_orphaned:
            self._is_orphaned = True
            # Another way to the file: the thread may have died with the lock of the old one.
            self._access.abandon()
            self._access = Access(self._path, self._connect)
        while self._records or self._releases:
            self._write_group()

    def close(self, wait_seconds: float) -> None:
        """Write what waits, and end the thread.

        Parameters
        ----------
        wait_seconds : float
            How long that may take; what waits longer is still written, if the process lives on.
        """
        if os.getpid() != self._process:
            # What waits is the parent's, and is written there.
            return
        with self._lock:
            self._is_closed = True
        self._called.set()
        thread = self._thread
        if thread is not None and thread.is_alive():
            thread.join(wait_seconds)
        else:
            # The thread has died, or an interrupt came before it was started.
            self.write_waiting()
            self._access.close()
        bug, self._bug = self._bug, None
        if isinstance(bug, Exception):
            raise bug
        if bug is not None:
            # Whatever ends a thread does not end the program.
            raise RuntimeError(f"a {type(bug).__name__} in the thread that writes the journal") from bug

    def _wake(self) -> None:
        self._called.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._live, name="events-pandas-journal", daemon=True)
            try:
                self._thread.start()
            except (RuntimeError, MemoryError) as error:
                # The system has no thread left: `death` tells it, and `write_waiting` writes what waits.
                self._cause = error

    def _live(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001  # whatever ends the thread, `death` tells it to the run
            self._cause = error

    def _work(self) -> None:
        while self._records or self._releases or not self._is_closed:
            if not (self._records or self._releases):
                self._called.wait(_IDLE_SECONDS)
                self._called.clear()
                continue
            if not self._is_closed:
                time.sleep(GROUP_SECONDS)
            self._write_group()
        self._access.close()

    def _write_group(self) -> None:
        """Write what waits, and answer it."""
        with self._lock:
            records, releases = list(self._records), list(self._releases)
        answers = self._written([acceptance for acceptance, _ in records], releases)
        for _ in releases:
            self._releases.popleft()
        for (_, then), answer in zip(records, answers, strict=True):
            try:
                then(answer)
            except BaseException as bug:  # noqa: BLE001  # the other records must have their answers; close raises it
                self._bug = self._bug or bug
            self._records.popleft()
        self._moved_at = time.monotonic()

    def _written(self, acceptances: list[Acceptance], releases: list[Mark]) -> list[Written]:
        try:
            require_same(self._path, self._identity)
            with self._access.using() as connection, transaction(connection):
                elsewhere: dict[int, Elsewhere] = {}
                if accept_events(connection, acceptances, run=self._run()) < len(acceptances):
                    marks = [acceptance.mark for acceptance in acceptances]
                    elsewhere = find_elsewhere(connection, marks, run=self._run())
                release_events(connection, releases, run=self._run())
                self._be_seen(connection)
        except Exception as error:  # noqa: BLE001  # whatever it is, the records must have an answer
            told = journal_error(self._path, error)
            told.__cause__ = error
            return [told] * len(acceptances)
        return [elsewhere.get(place) for place in range(len(acceptances))]

    def _be_seen(self, connection: sqlite3.Connection) -> None:
        if time.monotonic() >= self._seen_next:
            be_seen(connection, self._run())
            self._seen_next = time.monotonic() + SEEN_SECONDS
