"""A file that lets one run at a time use a journal where the file system has no locks.

A lock of a process that is known to be gone is taken over; so is a lock from an earlier start of this machine. A lock
of another machine or container stays, however old it is: a machine that sleeps goes on where it was, and two runs that
write without locks destroy the journal.
"""

import json
import os
import re
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from events_pandas.deliver.journal.connections import open_connection
from events_pandas.deliver.journal.lookup import NO_RUN
from events_pandas.deliver.journal.opening import URI_WITHOUT_LOCKS, leave_wal_mode
from events_pandas.deliver.journal.places import beside
from events_pandas.deliver.journal.processes import Process, find_other_runs
from events_pandas.deliver.journal.troubles import GO_TO_LOCAL_DISK
from events_pandas.errors import JournalError, RunUnderWayError
from events_pandas.filesystem import place_of, scratch_file
from events_pandas.words import escaped

_MOST_TRIES = 100
_MOST_BYTES = 4096
_MOST_PROCESSES = 1 << 32
_LATEST = 1e11
"""A later time is not a date."""
_TOKEN = re.compile("[0-9A-Za-z]{1,64}")
"""It becomes a part of a file name."""


def lock_path(journal: Path) -> Path:
    """Return where the lock file of a journal is, or would be: in the same folder."""
    return beside(journal, ".lock")


@dataclass(frozen=True, kw_only=True, slots=True)
class LockFile:
    """A lock file that this process holds until it is released. No other lock has the same `content`."""

    path: Path
    content: bytes

    @classmethod
    def take(cls, journal: Path, *, has_locks: bool = False) -> Self:
        """Make the lock file of a journal, or raise `JournalError` if another run has it, or may have it.

        `has_locks` says whether the file system can lock files now.
        """
        path = lock_path(journal)
        facts = {**Process.own()._asdict(), "since": time.time(), "token": secrets.token_hex(8)}
        lock = cls(path=path, content=json.dumps(facts).encode())
        for _ in range(_MOST_TRIES):
            if lock._make():
                return lock
            # Its run may end at this moment, and delete the file.
            with suppress(FileNotFoundError):
                found = _content(path)
                if not lock._clears_way(found):
                    raise _refusal(journal, _facts(found), has_locks=has_locks)
        # It may be a link to a missing file.
        problem = f"{path.name} cannot be made or read"
        raise JournalError(journal, problem=problem, remedy=f"delete {path.name} if no run uses the journal")

    def release(self) -> None:
        """Let others use the journal."""
        # A fork of the process has a copy of this object.
        if _facts(self.content)["pid"] == os.getpid():
            with suppress(OSError):
                self.path.unlink()

    def _make(self) -> bool:
        try:
            descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            return False
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(self.content)
        except BaseException:
            self.path.unlink()
            raise
        return True

    def _clears_way(self, found: bytes) -> bool:
        """Delete the file if its run is gone, and return whether it is; of several processes that try, one succeeds."""
        facts = _facts(found)
        if not facts or Process._make(facts[name] for name in Process._fields).is_alive is not False:
            return False
        guard = self.path.with_name(f"{self.path.name}-{facts['token']}")
        try:
            guard.mkdir()
        except FileExistsError:
            return False
        try:
            # Another process may have been first, and may have put its own file there.
            if _content(self.path) == found:
                self.path.unlink()
        finally:
            guard.rmdir()
        return True


def _refusal(journal: Path, facts: dict[str, Any], *, has_locks: bool) -> JournalError:
    name = lock_path(journal).name
    error: Callable[..., JournalError] = JournalError
    if facts:
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(facts["since"]))
        who = f"process {facts['pid']} on {escaped(facts['host'])} has used it since {since}"
        remedy = f"wait until that run has ended; if it was killed, delete {name}"
        error = partial(RunUnderWayError, process=facts["pid"], host=facts["host"], started_at=since)
    else:
        who = "does not say which run made it" if has_locks else f"{name} does not say which run made it"
        remedy = f"delete {name} if no run uses the journal"
    if has_locks:
        return error(journal, problem=f"{name} keeps other runs from the journal, and {who}", remedy=remedy)
    problem = f"{place_of(journal)} cannot lock files, so only one run at a time can use the journal, and {who}"
    return error(journal, problem=problem, remedy=(f"{remedy}; or ", *GO_TO_LOCAL_DISK))


def take_lock_file(journal: Path, own_runs: Collection[int]) -> LockFile:
    """Keep other runs from a journal whose file system refuses to lock it.

    `own_runs` are the runs of this process that have not ended. Raise `JournalError` if another run has the journal, or
    may have it: it may have begun while the file system still gave locks.
    """
    lock = LockFile.take(journal)
    with ExitStack() as undone:
        undone.callback(lock.release)
        problem = _use_with_locks(journal, own_runs)
        if problem is not None:
            remedy = ("run again when that run has ended, or when files can be locked; or ", *GO_TO_LOCAL_DISK)
            raise JournalError(journal, problem=f"{place_of(journal)} cannot lock files, and {problem}", remedy=remedy)
        undone.pop_all()
    return lock


def _use_with_locks(journal: Path, own_runs: Collection[int]) -> str | None:
    """Return who may use a journal that was opened while files could be locked, or None."""
    log = beside(journal, "-wal")
    if not (log.exists() and log.stat().st_size):
        # Any other fault of the file, or a half transaction of a killed run, shows when the journal is opened.
        with suppress(sqlite3.Error):
            return _user(journal, own_runs)
        return None
    if own_runs:
        # Closing a copied file would release all locks that this process has on it.
        return "another run of this process uses the journal"
    # Without locks, a log is safe to read only in a copy that no other process has.
    with suppress(OSError, sqlite3.Error), scratch_file(journal) as copy:
        shutil.copyfile(journal, copy)
        shutil.copyfile(log, beside(copy, "-wal"))
        leave_wal_mode(copy, 0.0, URI_WITHOUT_LOCKS)
        return _user(copy, own_runs)
    return "it is unknown whether the run that last wrote to the journal has ended"


def _user(journal: Path, own_runs: Collection[int]) -> str | None:
    with closing(open_connection(journal, 0.0, "mode=ro&immutable=1")) as connection:
        others = find_other_runs(connection, run=NO_RUN, workspace=None, own_runs=own_runs)
    return f"process {others[0].process} on {escaped(others[0].host)} uses the journal" if others else None


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MOST_BYTES)


def _facts(content: bytes) -> dict[str, Any]:
    """Return the facts in a lock file; none if its run was killed while it made it, or another program did."""
    with suppress(ValueError, RecursionError):
        facts = json.loads(content)
        match facts:
            case {
                "host": str(),
                "pid": int(pid),
                "space": str(),
                "birth": str(),
                "since": int() | float() as since,
                "token": str(token),
            } if type(pid) is int and 0 < pid < _MOST_PROCESSES and 0 <= since < _LATEST and _TOKEN.fullmatch(token):
                return dict(facts)
    return {}
