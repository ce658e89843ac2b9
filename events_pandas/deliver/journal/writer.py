"""The thread that writes acceptances down: if several come within moments, it writes them in one commit."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from events_pandas.deliver.journal.connections import ForkSafeConnection
from events_pandas.deliver.journal.lookup import find_other_acceptances
from events_pandas.deliver.journal.opening import transaction
from events_pandas.deliver.journal.tables import Acceptance, Fingerprint, OtherAcceptance, accept_events, release_events
from events_pandas.deliver.journal.troubles import death_error, journal_error, stall_error
from events_pandas.errors import JournalError

GROUP_SECONDS: Final = 0.01
"""How long a commit waits for more records: each commit is a wait for the disk."""
STALL_SECONDS: Final = 60.0
"""The time that the disk has for one commit; SQLite stops waiting for another program's lock long before."""

Written: TypeAlias = JournalError | OtherAcceptance | None
OnWritten: TypeAlias = Callable[[Written], None]


class JournalWriter:
    """Writes down which events were accepted, in a thread of its own; see `Journal.writer`.

    `connection` is the writer's own; `run` is the number of the run.
    """

    def __init__(self, connection: ForkSafeConnection, *, run: int) -> None:
        self._connection = connection
        self._run = run
        self._lock = threading.Lock()
        self._records: deque[tuple[Acceptance, OnWritten]] = deque()
        self._releases: deque[Fingerprint] = deque()
        self._is_closed = False
        self._called = threading.Event()
        self._thread: threading.Thread | None = None
        # What ended the thread, or kept it from its start.
        self._cause: BaseException | None = None
        self._progress_at = 0.0

    @property
    def waiting(self) -> int:
        """How many records have not been answered."""
        return len(self._records)

    @property
    def death(self) -> JournalError | None:
        """Why nothing is written any more, or None."""
        if self._is_closed or self._thread is None:
            return None
        if not self._thread.is_alive():
            return death_error(self._connection.path, self._cause)
        is_stalled = self._records and time.monotonic() - self._progress_at > STALL_SECONDS
        return stall_error(self._connection.path, STALL_SECONDS) if is_stalled else None

    def record(self, fingerprint: Fingerprint, *, accepted_at: float, request_id: str | None, then: OnWritten) -> None:
        """Write down that an event was accepted, at some Unix seconds.

        `then` is called once, in the writer's thread: with None when the record is on disk, with the acceptance of
        another run if that came first, or with the error.
        """
        with self._lock:
            self._progress_at = self._progress_at if self._records else time.monotonic()
            self._records.append((Acceptance(fingerprint, accepted_at, request_id), then))
        self._wake()

    def release(self, fingerprint: Fingerprint) -> None:
        """Delete this run's claim of an event that certainly did not arrive; an acceptance stays."""
        with self._lock:
            self._releases.append(fingerprint)
        self._wake()

    def write_waiting(self) -> None:
        """If the writer's thread is dead, write in the caller's thread what waits: nobody else would answer it."""
        if self._thread is None or not self._thread.is_alive():
            while self._records or self._releases:
                self._write_group()

    def close(self, wait_seconds: float) -> None:
        """Write what waits, and end the thread.

        After `wait_seconds` the rest is still written, if the process lives on.
        """
        if self._connection.is_inherited:
            # What waits belongs to the parent, which writes it.
            return
        self._is_closed = True
        self._called.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(wait_seconds)
        else:
            # The thread has died, or could not be started.
            self.write_waiting()
            self._connection.close()

    def _wake(self) -> None:
        self._called.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="events-pandas-journal", daemon=True)
            try:
                self._thread.start()
            except (RuntimeError, MemoryError) as error:
                # The system has no thread left: `death` reports it, and `write_waiting` writes what waits.
                self._cause = error

    def _work(self) -> None:
        try:
            while self._records or self._releases or not self._is_closed:
                if not (self._records or self._releases):
                    self._called.wait()
                    self._called.clear()
                    continue
                if not self._is_closed:
                    time.sleep(GROUP_SECONDS)
                self._write_group()
            self._connection.close()
        except BaseException as error:  # noqa: BLE001  # `death` reports it to the run
            self._cause = error

    def _write_group(self) -> None:
        """Write what waits, and answer it."""
        with self._lock:
            records, releases = list(self._records), list(self._releases)
        answers = self._written([acceptance for acceptance, _ in records], releases)
        for _ in releases:
            self._releases.popleft()
        for (_, then), answer in zip(records, answers, strict=True):
            then(answer)
            self._records.popleft()
        self._progress_at = time.monotonic()

    def _written(self, acceptances: list[Acceptance], releases: list[Fingerprint]) -> list[Written]:
        try:
            self._connection.require_same_file()
            with self._connection.using() as connection, transaction(connection):
                others: dict[int, OtherAcceptance] = {}
                if accept_events(connection, acceptances, run=self._run) < len(acceptances):
                    fingerprints = [acceptance.fingerprint for acceptance in acceptances]
                    others = find_other_acceptances(connection, fingerprints, run=self._run)
                release_events(connection, releases, run=self._run)
        except Exception as error:  # noqa: BLE001  # the records must have an answer, whatever the error
            failure = journal_error(self._connection.path, error)
            failure.__cause__ = None if failure is error else error
            return [failure] * len(acceptances)
        return [others.get(place) for place in range(len(acceptances))]
