"""A journal that a run asks and writes to: what was sent in earlier runs, and what this one is about to send."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Final, Self

import numpy as np

from events_pandas.check.earlier_runs import FREE, Entries
from events_pandas.convert.cells import Mask
from events_pandas.convert.keys import Seconds, Words
from events_pandas.deliver.journal.connections import Access, Identity, file_identity, opening, require_plain, require_same
from events_pandas.deliver.journal.lockfile import LockFile, locked_instead
from events_pandas.deliver.journal.lookup import (
    DIGEST_BYTES,
    find_entries,
    find_occupied,
    find_sent,
    find_taken,
    holds_events,
)
from events_pandas.deliver.journal.opening import (
    NO_LOCKS,
    NO_LOCKS_QUERY,
    WAL,
    WITH_LOCKS,
    connected,
    has_locks,
    journal_mode,
    open_or_make,
    transaction,
)
from events_pandas.deliver.journal.processes import OtherRun, enter_process, find_other_runs, forget_processes
from events_pandas.deliver.journal.tables import Mark, RunFacts, claim_events, insert_run, read_secret, update_run
from events_pandas.deliver.journal.troubles import BUSY_SECONDS, told_as_journal_error
from events_pandas.deliver.journal.writer import JournalWriter
from events_pandas.mapping import EventMapping, Rule
from events_pandas.mapping.column_types import kept_rule, kept_word
from events_pandas.mapping.digest import bare_columns

_OPEN_RUNS: Final[set[tuple[Identity, int]]] = set()
"""Runs of this process that have not ended, each with its journal."""
_NO_RUN = -1
"""A journal that is asked before a run begins has nothing of its own."""


class Journal:
    """The journal of a workspace, for one run; see `Journal.opened`.

    Parameters
    ----------
    connection : sqlite3.Connection
        To the file.
    path : pathlib.Path
        The file.
    workspace : str
        The ``id_code`` of the workspace.
    busy_seconds : float
        How long another program's lock is waited for.
    lock : LockFile, optional
        What keeps other runs away where the file system has no locks.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    workspace : str
        The ``id_code`` of the workspace.
    mode : str
        How SQLite writes the file: ``"wal"``, with a write-ahead log; ``"delete"``, with a rollback journal, where a
        log cannot be used; ``"delete, no locks"``, with a rollback journal and a `LockFile`, where files cannot be
        locked.
    run : int
        The number of the run; 0 before `begin_run`.

    Notes
    -----
    One thread at a time asks and claims; the acceptances are written by a `JournalWriter` beside it.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        path: Path,
        workspace: str,
        busy_seconds: float,
        lock: LockFile | None = None,
    ) -> None:
        self.path = path
        self.workspace = workspace
        self.mode = journal_mode(connection) if lock is None else NO_LOCKS
        self.run = 0
        self._busy_seconds = busy_seconds
        self._lock = lock
        # Without a write-ahead log a writer waits for readers, and would take this run's own for another program's.
        self._turn = None if self.mode == WAL else threading.RLock()
        self._identity = file_identity(path)
        self._kept: set[str] = set()
        self._access = Access(path, self._connect, connection=connection, lock=self._turn)
        # The workspace ends with a NUL: no two make the same digest with other words.
        self._digest = blake2b(workspace.encode() + b"\0", digest_size=DIGEST_BYTES, key=read_secret(connection))

    @classmethod
    def opened(cls, path: Path, *, workspace: str, busy_seconds: float = BUSY_SECONDS) -> Self:
        """Open a journal, which is made if there is none.

        Parameters
        ----------
        path : pathlib.Path
            Its file; directories that there are not are made.
        workspace : str
            The ``id_code`` of the workspace.
        busy_seconds : float, default 10
            How long another program's lock is waited for.

        Returns
        -------
        Journal
            To be closed after the run.

        Raises
        ------
        JournalError
            If the file is no journal, damaged, of a later version, or cannot be made or written.
        """
        with told_as_journal_error(path), opening(), ExitStack() as undone:
            require_plain(path)
            lock = _lock_instead(path)
            if lock is not None:
                undone.callback(lock.release)
            connection = open_or_make(path, busy_seconds, _how(lock))
            undone.callback(connection.close)
            journal = cls(connection, path=path, workspace=workspace, busy_seconds=busy_seconds, lock=lock)
            undone.pop_all()
        return journal

    def digests(self, words: Words) -> list[bytes]:
        """Return what the journal knows events by.

        Parameters
        ----------
        words : numpy.ndarray of uint64, shape (2, n)
            As `EventKeys.words` returns them.

        Returns
        -------
        list of bytes
            For each event 16 bytes, which tell nothing without the secret in the file.
        """
        together = np.ascontiguousarray(words.T, "<u8").tobytes()
        digests = []
        for start in range(0, len(together), DIGEST_BYTES):
            digest = self._digest.copy()
            digest.update(together[start : start + DIGEST_BYTES])
            digests.append(digest.digest())
        return digests

    def find(self, words: Words) -> Entries:
        """Look up what other runs have sent for rows.

        Parameters
        ----------
        words : numpy.ndarray of uint64, shape (2, n)
            Of the events with the rows' own seconds.

        Returns
        -------
        Entries
            What the journal knows of them.

        Raises
        ------
        JournalError
            If the file cannot be read.
        """
        with told_as_journal_error(self.path), self._access.using() as connection:
            digests = self.digests(words) if holds_events(connection) else []
            return find_entries(connection, digests, run=self.run or _NO_RUN)

    def occupied(self, words: Words) -> Seconds:
        """Look up whether other runs have sent events, for whichever row.

        Parameters
        ----------
        words : numpy.ndarray of uint64, shape (2, n)
            Of the events with the seconds that would be sent.

        Returns
        -------
        numpy.ndarray of int64, shape (n,)
            When each was accepted, in Unix seconds; `CLAIMED` if it may have been sent, `FREE` if not.

        Raises
        ------
        JournalError
            If the file cannot be read.
        """
        with told_as_journal_error(self.path), self._access.using() as connection:
            if not holds_events(connection):
                return np.full(words.shape[1], FREE, np.int64)
            return find_occupied(connection, self.digests(words), run=self.run or _NO_RUN)

    def claim(self, marks: Sequence[Mark], used_up: Callable[[Entries], Mask] | None = None) -> list[int]:
        """Write down that events may be sent from now on, where their seconds are free.

        Parameters
        ----------
        marks : sequence of Mark
            The events; what is known of one already stays.
        used_up : callable, optional
            Tells which entries of other runs, by the positions of marks, none of these events is: see
            `events_pandas.convert.used_up`. By default no entry is used up.

        Returns
        -------
        list of int
            The positions of those that are not claimed: another event has the second, or may have it, or another run
            has sent the same content under another second.

        Raises
        ------
        JournalError
            If the file cannot be written, or another program keeps it locked.
        """
        with told_as_journal_error(self.path), self._access.using() as connection, transaction(connection):
            sent = find_sent(connection, marks, run=self.run, used_up=used_up or _none_used_up)
            taken = {*find_taken(connection, marks), *sent}
            free = [mark for place, mark in enumerate(marks) if place not in taken]
            claim_events(connection, free, run=self.run)
        return sorted(taken)

    def kept_types(self, mapping: EventMapping) -> dict[str, Rule]:
        """Look up in which types earlier runs sent the bare columns of a mapping.

        Parameters
        ----------
        mapping : EventMapping
            The mapping.

        Returns
        -------
        dict of str to Rule
            By path; columns that were never sent are left out.

        Raises
        ------
        JournalError
            If the file cannot be read.
        """
        with told_as_journal_error(self.path), self._access.using() as connection:
            kept = dict(connection.execute("SELECT field, type FROM types"))
        rules = {
            path: kept_rule(kept.get(self._field_digest(words), ""), source)
            for path, (source, words) in bare_columns(mapping).items()
        }
        return {path: rule for path, rule in rules.items() if rule is not None}

    def keep_types(self, mapping: EventMapping, types: Mapping[str, Rule]) -> None:
        """Write down in which types the bare columns of a mapping are sent; what is known of one already stays.

        Parameters
        ----------
        mapping : EventMapping
            The mapping.
        types : mapping of str to Rule
            What its bare columns became, by path.

        Raises
        ------
        JournalError
            If the file cannot be written.
        """
        rows = [
            (self._field_digest(words), kept_word(types[path]))
            for path, (_, words) in bare_columns(mapping).items()
            if path in types and path not in self._kept
        ]
        if rows:
            with told_as_journal_error(self.path), self._access.using() as connection, transaction(connection):
                connection.executemany("INSERT OR IGNORE INTO types VALUES (?, ?)", rows)
            self._kept.update(types)

    def _field_digest(self, words: str) -> bytes:
        """Return the digest of an event's metadata key; digests of events themselves are made of fewer bytes."""
        digest = self._digest.copy()
        digest.update(b"type of ".ljust(DIGEST_BYTES + 1) + words.encode(errors="surrogatepass"))
        return digest.digest()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Look up as at one moment, whatever other runs write meanwhile.

        Yields
        ------
        None
            Once, for the block that looks up.

        Raises
        ------
        JournalError
            If the file cannot be read.
        """
        with self._access.using() as connection:
            with told_as_journal_error(self.path):
                connection.execute("BEGIN")
            try:
                yield
            finally:
                # After some errors SQLite has ended it by itself.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def begin_run(self, facts: RunFacts) -> None:
        """Write down that a run begins: what is claimed and recorded from now on is its own.

        Parameters
        ----------
        facts : RunFacts
            What is known of it.

        Raises
        ------
        JournalError
            If the file cannot be written.
        """
        with told_as_journal_error(self.path), self._access.using() as connection, transaction(connection):
            self.run = insert_run(connection, facts, self.workspace)
            enter_process(connection, self.run)
            _OPEN_RUNS.add((self._identity, self.run))
            if not self._find_other_runs(connection, None):
                forget_processes(connection, but=self.run)

    def other_runs(self) -> list[OtherRun]:
        """Look up which other runs of the workspace are under way in the journal, or were since this one began.

        Returns
        -------
        list of OtherRun
            In the order in which they began.

        Raises
        ------
        JournalError
            If the file cannot be read.
        """
        with told_as_journal_error(self.path), self._access.using() as connection:
            return self._find_other_runs(connection, self.workspace)

    def _find_other_runs(self, connection: sqlite3.Connection, workspace: str | None) -> list[OtherRun]:
        own_runs = _own_runs(self._identity)
        return find_other_runs(connection, run=self.run, workspace=workspace, own_runs=own_runs)

    def tell_run(self, counts: Mapping[str, int], *, requests: int = 0) -> None:
        """Write down how far the run is.

        Parameters
        ----------
        counts : mapping of str to int
            Rows of each status so far.
        requests : int, default 0
            Requests so far.

        Raises
        ------
        JournalError
            If the file cannot be written.
        """
        with told_as_journal_error(self.path), self._access.using() as connection:
            update_run(connection, self.run, counts, requests=requests)

    def end_run(self, outcome: str, counts: Mapping[str, int], *, ended_at: datetime, requests: int = 0) -> None:
        """Write down how the run ended.

        Parameters
        ----------
        outcome : str
            ``"complete"``, ``"incomplete"``, or why it ended early.
        counts : mapping of str to int
            Rows of each status.
        ended_at : datetime.datetime
            When, with its time zone.
        requests : int, default 0
            Requests made.

        Raises
        ------
        JournalError
            If the file cannot be written.
        """
        with told_as_journal_error(self.path), self._access.using() as connection:
            update_run(connection, self.run, counts, requests=requests, outcome=outcome, ended_at=ended_at)

    def writer(self) -> JournalWriter:
        """Return what writes acceptances down, in a thread of its own.

        Returns
        -------
        JournalWriter
            To be closed before the journal.
        """
        return JournalWriter(
            lambda: connected(self.path, self._busy_seconds, _how(self._lock)),
            path=self.path,
            run=lambda: self.run,
            identity=self._identity,
            lock=self._turn,
        )

    def close(self) -> None:
        """Close the file."""
        _OPEN_RUNS.discard((self._identity, self.run))
        with told_as_journal_error(self.path):
            self._access.close()
        if self._lock is not None:
            self._lock.release()

    def _connect(self) -> sqlite3.Connection:
        require_same(self.path, self._identity)
        return connected(self.path, self._busy_seconds, _how(self._lock))


def _lock_instead(path: Path) -> LockFile | None:
    """Take what keeps other runs away where the file system has no locks."""
    if not has_locks(path):
        return locked_instead(path, _own_runs(file_identity(path)))
    if LockFile.beside(path).exists():
        # Another run began when there were no locks: it has ended, or the journal is its own.
        LockFile.taken(path, has_locks=True).release()
    return None


def _own_runs(identity: Identity) -> set[int]:
    return {run for journal, run in _OPEN_RUNS if journal == identity}


def _how(lock: LockFile | None) -> str:
    return WITH_LOCKS if lock is None else NO_LOCKS_QUERY


def _none_used_up(entries: Entries) -> Mask:
    return np.zeros(len(entries.asked), dtype=bool)
