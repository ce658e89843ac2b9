"""A file that keeps other runs from a journal where the file system has no locks: one run at a time may use it."""

import json
import os
import secrets
import sqlite3
import time
from collections.abc import Collection
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from events_pandas.deliver.journal.access import opened
from events_pandas.deliver.journal.process import Process
from events_pandas.deliver.journal.processes import find_other_runs
from events_pandas.deliver.journal.troubles import GO_TO_LOCAL_DISK
from events_pandas.errors import JournalError
from events_pandas.escapes import escaped
from events_pandas.filesystem import place_of


@dataclass(frozen=True, kw_only=True, slots=True)
class LockFile:
    """A lock that this process holds, until it is released.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    content : bytes
        What it holds, which no other lock does.
    """

    path: Path
    content: bytes

    @staticmethod
    def beside(journal: Path) -> Path:
        """Return where the file of a journal is, or would be.

        Parameters
        ----------
        journal : pathlib.Path
            The journal's file.

        Returns
        -------
        pathlib.Path
            In the same folder.
        """
        return journal.with_name(f"{journal.name}.lock")

    @classmethod
    def taken(cls, journal: Path) -> Self:
        """Keep others from a journal.

        Parameters
        ----------
        journal : pathlib.Path
            Its file.

        Returns
        -------
        LockFile
            To be released when it is not used any more; another process on this machine takes it from one that is gone.

        Raises
        ------
        JournalError
            If another run has it, or may have it.
        """
        path = cls.beside(journal)
        facts = {**asdict(Process.own()), "since": time.time(), "token": secrets.token_hex(8)}
        lock = cls(path=path, content=json.dumps(facts).encode())
        while not lock._is_made():
            with suppress(FileNotFoundError):
                lock._clear_way(journal, path.read_bytes())
        return lock

    def release(self) -> None:
        """Let others use the journal."""
        # A fork of the process has a copy of this.
        if _facts(self.content)["pid"] == os.getpid():
            with suppress(OSError):
                self.path.unlink()

    def _is_made(self) -> bool:
        try:
            descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            return False
        try:
            os.write(descriptor, self.content)
        finally:
            os.close(descriptor)
        return True

    def _clear_way(self, journal: Path, found: bytes) -> None:
        """Take the file of a run away that is gone; of those who try that at once one does."""
        facts = _facts(found)
        if not facts or Process(**{name: facts[name] for name in _OF_PROCESS}).is_alive is not False:
            raise self._refusal(journal, facts)
        guard = self.path.with_name(f"{self.path.name}-{facts['token']}")
        try:
            guard.mkdir()
        except FileExistsError:
            raise self._refusal(journal, facts) from None
        try:
            # Whoever was first has put another file in its place.
            if self.path.read_bytes() == found:
                self.path.unlink()
        finally:
            guard.rmdir()

    def _refusal(self, journal: Path, facts: dict[str, Any]) -> JournalError:
        who = "another run has it"
        if facts:
            since = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(facts["since"]))
            who = f"process {escaped(facts['pid'])} on {escaped(facts['host'])} has had it since {since} UTC"
        problem = f"{place_of(journal)} cannot lock files, so that one run at a time uses the journal, and {who}"
        remedy = f"wait until that run has ended; if it was killed, delete {self.path.name}; or {GO_TO_LOCAL_DISK}"
        return JournalError(journal, problem=problem, remedy=remedy)


def locked_instead(journal: Path, own_runs: Collection[int]) -> LockFile:
    """Keep other runs from a journal whose file system refuses to lock it.

    Parameters
    ----------
    journal : pathlib.Path
        Its file.
    own_runs : collection of int
        The numbers of the runs of this process that have not ended.

    Returns
    -------
    LockFile
        To be released when the journal is not used any more.

    Raises
    ------
    JournalError
        If another run has the journal, or may have it: it may have begun while the file system did not refuse.
    """
    lock = LockFile.taken(journal)
    with ExitStack() as undone:
        undone.callback(lock.release)
        problem = _use_with_locks(journal, own_runs)
        if problem is not None:
            remedy = f"run again when that run has ended, or when files can be locked; or {GO_TO_LOCAL_DISK}"
            raise JournalError(journal, problem=f"{place_of(journal)} cannot lock files, and {problem}", remedy=remedy)
        undone.pop_all()
    return lock


def _use_with_locks(journal: Path, own_runs: Collection[int]) -> str | None:
    """Say who may use a journal that was opened while files could be locked."""
    with suppress(FileNotFoundError):
        if journal.with_name(f"{journal.name}-wal").stat().st_size:
            return "another run has written to the journal that is still under way, or was killed"
    # What else is wrong with the file, or was left half written by a run that was killed, shows when it is opened.
    with suppress(sqlite3.Error), closing(opened(journal, "mode=ro&immutable=1")) as connection:
        others = find_other_runs(connection, run=_NO_RUN, workspace=None, own_runs=own_runs)
        return f"process {others[0].process} on {escaped(others[0].host)} uses the journal" if others else None
    return None


_NO_RUN = -1
_OF_PROCESS = ("host", "pid", "space", "birth")


def _facts(content: bytes) -> dict[str, Any]:
    """Return what a lock says; nothing if its run was killed while it was made."""
    with suppress(ValueError):
        facts = json.loads(content)
        if isinstance(facts, dict) and facts.keys() >= {*_OF_PROCESS, "since", "token"}:
            return facts
    return {}
