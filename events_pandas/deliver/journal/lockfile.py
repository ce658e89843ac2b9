"""A file that keeps other runs from a journal where the file system has no locks: one run at a time may use it."""

import json
import os
import secrets
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from events_pandas.deliver.journal.process import Process
from events_pandas.deliver.journal.troubles import GO_TO_LOCAL_DISK
from events_pandas.errors import JournalError
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
        path = journal.with_name(f"{journal.name}.lock")
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
            who = f"process {facts['pid']} on {facts['host']} has had it since {since} UTC"
        problem = f"{place_of(journal)} cannot lock files, so that one run at a time uses the journal, and {who}"
        remedy = f"wait until that run has ended; if it was killed, delete {self.path.name}; or {GO_TO_LOCAL_DISK}"
        return JournalError(journal, problem=problem, remedy=remedy)


_OF_PROCESS = ("host", "pid", "space", "birth")


def _facts(content: bytes) -> dict[str, Any]:
    """Return what a lock says; nothing if its run was killed while it was made."""
    try:
        facts: dict[str, Any] = json.loads(content)
    except ValueError:
        return {}
    return facts
