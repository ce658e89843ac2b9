"""The journal of a workspace, for one run: what earlier runs have sent, and what this run is about to send."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import partial
from hashlib import blake2b
from pathlib import Path

import numpy as np

from events_pandas.check.earlier_runs import FREE, Entries
from events_pandas.convert.keys import Seconds, Words
from events_pandas.deliver.journal.connections import OPEN_RUNS, ForkSafeConnection, opening_lock, own_runs
from events_pandas.deliver.journal.lockfile import LockFile, lock_path, take_lock_file
from events_pandas.deliver.journal.lookup import (
    DIGEST_BYTES,
    NO_RUN,
    UsedUp,
    find_entries,
    find_occupied,
    find_taken,
    holds_events,
)
from events_pandas.deliver.journal.opening import (
    LOCK_FILE_MODE,
    URI_WITH_LOCKS,
    URI_WITHOUT_LOCKS,
    WAL_MODE,
    connect,
    has_locks,
    journal_mode,
    open_or_make,
    transaction,
)
from events_pandas.deliver.journal.places import file_identity, require_plain
from events_pandas.deliver.journal.processes import (
    OtherRun,
    add_process,
    delete_processes,
    find_other_runs,
    update_seen_at,
    with_same_files,
)
from events_pandas.deliver.journal.tables import Fingerprint, RunFacts, add_run, claim_events, read_secret, update_run
from events_pandas.deliver.journal.troubles import BUSY_SECONDS, as_journal_error
from events_pandas.deliver.journal.writer import JournalWriter
from events_pandas.errors import RunUnderWayError
from events_pandas.mapping import EventMapping, Rule
from events_pandas.mapping.column_types import kept_rule, kept_word
from events_pandas.mapping.event_mapping import bare_columns
from events_pandas.wording import Setting


class Journal:
    """The journal of a workspace, for one run; its file and directories are made if they are missing.

    Raise `JournalError` if the file is not a journal, is damaged, of a later version, or cannot be made or written.
    """

    # One thread at a time uses it, and a `JournalWriter` beside it. `workspace` is the ``id_code``; `run` is the number
    # of the run, and 0 before `begin_run`. `mode` says how SQLite writes the file: "wal", with a write-ahead log;
    # "delete", with a rollback journal, where a log cannot be used; "delete, no locks", with a rollback journal and a
    # `LockFile`, where files cannot be locked.

    def __init__(self, path: Path, *, workspace: str, busy_seconds: float = BUSY_SECONDS) -> None:
        self.path = path
        self.workspace = workspace
        self.run = 0
        self._kept: set[str] = set()
        with as_journal_error(path), opening_lock(), ExitStack() as undone:
            require_plain(path)
            self._lock = _lock_instead(path)
            if self._lock is not None:
                undone.callback(self._lock.release)
            uri_options = URI_WITH_LOCKS if self._lock is None else URI_WITHOUT_LOCKS
            connection = open_or_make(path, busy_seconds, uri_options)
            undone.callback(connection.close)
            self.mode = journal_mode(connection) if self._lock is None else LOCK_FILE_MODE
            self._identity = file_identity(path)
            self._connection = ForkSafeConnection(
                path,
                partial(connect, path, busy_seconds, uri_options),
                identity=self._identity,
                # Without a log the writer waits for readers: this run's own look-ups would seem another program's.
                turn=None if self.mode == WAL_MODE else threading.RLock(),
                connection=connection,
            )
            # The NUL ends the workspace, so that another workspace with other words never makes the same digest.
            start, secret = workspace.encode() + b"\0", read_secret(connection)
            self._digest = blake2b(start, digest_size=DIGEST_BYTES, key=secret)
            undone.pop_all()

    def digests(self, words: Words) -> list[bytes]:
        """Return the digests by which the journal knows events: 16 bytes each, secret without the key in the file.

        Parameters
        ----------
        words : numpy.ndarray of uint64, shape (2, n)
            As `EventKeys.words` returns them.
        """
        digests = []
        for event in np.ascontiguousarray(words.T, "<u8").view(f"V{DIGEST_BYTES}").ravel().tolist():
            digest = self._digest.copy()
            digest.update(event)
            digests.append(digest.digest())
        return digests

    def find(self, words: Words) -> Entries:
        """Return what other runs have sent for rows.

        Parameters
        ----------
        words : numpy.ndarray of uint64, shape (2, n)
            Of the events with the rows' own seconds.
        """
        with as_journal_error(self.path), self._connection.using() as connection:
            digests = self.digests(words) if holds_events(connection) else []
            return find_entries(connection, digests, run=self.run or NO_RUN)

    def occupied(self, words: Words) -> Seconds:
        """Return for each event whether another run has sent it, for any row.

        The result is the Unix seconds of its acceptance; `CLAIMED` if it may have been sent; `FREE` if not.

        Parameters
        ----------
        words : numpy.ndarray of uint64, shape (2, n)
            Of the events with the seconds that would be sent.
        """
        with as_journal_error(self.path), self._connection.using() as connection:
            if not holds_events(connection):
                return np.full(words.shape[1], FREE, np.int64)
            return find_occupied(connection, self.digests(words), run=self.run or NO_RUN)

    def claim(self, fingerprints: Sequence[Fingerprint], used_up: UsedUp | None = None) -> list[int]:
        """Write down that events may be sent from now on; return the positions of events that must not.

        `used_up` says which entries of other runs, by position, belong to none of these events (see
        `events_pandas.check.used_up`); by default none is used up.
        """
        # An entry that exists already stays as it is.
        with as_journal_error(self.path), self._connection.using() as connection, transaction(connection):
            taken = find_taken(connection, fingerprints, run=self.run, used_up=used_up)
            free = [event for place, event in enumerate(fingerprints) if place not in taken]
            claim_events(connection, free, run=self.run)
        return sorted(taken)

    def kept_types(self, mapping: EventMapping) -> dict[str, Rule]:
        """Return, by path, the types in which earlier runs sent the bare columns of a mapping."""
        with as_journal_error(self.path), self._connection.using() as connection:
            kept = dict(connection.execute("SELECT field, type FROM types"))
        rules = {
            path: kept_rule(kept.get(self._field_digest(words), ""), source)
            for path, (source, words) in bare_columns(mapping).items()
        }
        return {path: rule for path, rule in rules.items() if rule is not None}

    def keep_types(self, mapping: EventMapping, types: Mapping[str, Rule]) -> None:
        """Write down the types of a mapping's bare columns, given by path; a type that is known already stays."""
        rows = [
            (self._field_digest(words), kept_word(types[path]))
            for path, (_, words) in bare_columns(mapping).items()
            if path in types and path not in self._kept
        ]
        if rows:
            with as_journal_error(self.path), self._connection.using() as connection, transaction(connection):
                connection.executemany("INSERT OR IGNORE INTO types VALUES (?, ?)", rows)
            self._kept.update(types)

    def _field_digest(self, words: str) -> bytes:
        """Return the digest of a metadata key of an event; events themselves have digests of fewer bytes."""
        digest = self._digest.copy()
        digest.update(b"type of ".ljust(DIGEST_BYTES + 1) + words.encode(errors="surrogatepass"))
        return digest.digest()

    def _file_digest(self, mapping: str, file: str) -> bytes:
        """Return the digest of a file that is submitted with a mapping to the workspace."""
        digest = self._digest.copy()
        digest.update(f"file {mapping}\0{file}".encode(errors="surrogatepass"))
        return digest.digest()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let all look-ups of the block see one moment, even if other runs write meanwhile."""
        with self._connection.using() as connection, connection:
            with as_journal_error(self.path):
                connection.execute("BEGIN")
            yield

    def begin_run(self, facts: RunFacts, *, is_alone: bool = False) -> list[OtherRun]:
        """Write down that a run begins: from now on it owns what is claimed and recorded.

        Return the runs under way that submit one of its files with the same mapping to the workspace. If there is one
        and the run is to be alone, raise `RunUnderWayError`: then it does not begin.
        """
        files = [self._file_digest(facts.mapping, file) for file in facts.files]
        with as_journal_error(self.path), self._connection.using() as connection, transaction(connection):
            run = add_run(connection, facts, self.workspace)
            add_process(connection, run, files)
            others = find_other_runs(connection, run=run, workspace=None, own_runs=own_runs(self._identity))
            twins = with_same_files(connection, others, run=run)
            if twins and is_alone:
                # The transaction is undone.
                raise _refusal(self.path, twins[0])
            self.run = run
            OPEN_RUNS.add((self._identity, run))
            if not others:
                delete_processes(connection, keep=run)
        return twins

    def other_runs(self) -> list[OtherRun]:
        """Return the other runs of the workspace under way now or at any time since this run began, oldest first."""
        with as_journal_error(self.path), self._connection.using() as connection:
            own = own_runs(self._identity)
            return find_other_runs(connection, run=self.run, workspace=self.workspace, own_runs=own)

    def say_under_way(self) -> None:
        """Write down that the run is still under way, for runs of other machines: they do not see its process."""
        with as_journal_error(self.path), self._connection.using() as connection:
            update_seen_at(connection, self.run)

    def tell_run(self, counts: Mapping[str, int], *, requests: int = 0) -> None:
        """Write down how far the run is: the rows of each status, and the requests so far."""
        with as_journal_error(self.path), self._connection.using() as connection:
            update_run(connection, self.run, counts, requests=requests)

    def end_run(self, outcome: str, counts: Mapping[str, int], *, ended_at: datetime, requests: int = 0) -> None:
        """Write down how the run ended: ``"complete"``, ``"incomplete"``, or why it ended early."""
        with as_journal_error(self.path), self._connection.using() as connection:
            update_run(connection, self.run, counts, requests=requests, outcome=outcome, ended_at=ended_at)

    def writer(self) -> JournalWriter:
        """Return the writer of this run's acceptances, which is to be closed before the journal."""
        return JournalWriter(self._connection.another(), run=self.run)

    def close(self) -> None:
        """Close the file."""
        OPEN_RUNS.discard((self._identity, self.run))
        with as_journal_error(self.path):
            self._connection.close()
        if self._lock is not None:
            self._lock.release()


def _lock_instead(path: Path) -> LockFile | None:
    """Take the lock file if the file system has no locks."""
    if not has_locks(path):
        return take_lock_file(path, own_runs(file_identity(path)))
    if lock_path(path).exists():
        # Another run began when there were no locks. Taking its lock fails unless that run has ended.
        LockFile.take(path, has_locks=True).release()
    return None


def _refusal(path: Path, other: OtherRun) -> RunUnderWayError:
    return RunUnderWayError(
        path,
        problem=f"a run of the same files and mapping is under way: {other.where}",
        remedy=("wait until it has ended, or ", Setting.WAIT),
        process=other.process,
        host=other.host,
        started_at=other.started_at,
    )
