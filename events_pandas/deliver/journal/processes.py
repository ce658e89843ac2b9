"""Which runs are under way in a journal: their process is alive, or has written to the journal lately."""

import os
import platform
import sqlite3
import sys
import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple, Self

from events_pandas.words import escaped

SEEN_SECONDS: Final = 10
"""How often a run that records events says that it is under way: other machines do not see its process."""
STALE_SECONDS: Final = 60
"""A run of another machine counts as killed if it has written nothing for this long."""
_PROC: Final = Path("/proc")
_COMMON_NAME: Final = "localhost"
"""A name that many machines have."""
_STARTED_AT: Final = 19
"""The position of a process's start time in Linux's `stat`, counted after its name."""

_UNDER_WAY = """
SELECT runs.run, runs.started_at, runs.ended_at, seen_at, host, pid, space, birth FROM processes JOIN runs USING (run)
WHERE runs.run <> :run AND (:workspace IS NULL OR workspace = :workspace)
AND (ended_at IS NULL OR runs.run > :run AND :run > 0 OR ended_at >= (SELECT started_at FROM runs WHERE run = :run))
ORDER BY runs.run
"""
_SAME_FILES = """
SELECT DISTINCT theirs.run FROM files AS own JOIN files AS theirs USING (file) JOIN runs ON runs.run = theirs.run
WHERE own.run = :run AND theirs.run <> :run AND ended_at IS NULL
"""


class Process(NamedTuple):
    """A process on some machine. `space` and `birth` are known on Linux, and empty elsewhere.

    `space` tells where a process number means the same (one start of the machine, or one container), and `birth` when
    the process was started.
    """

    host: str
    pid: int
    space: str
    birth: str

    @classmethod
    def own(cls) -> Self:
        """Return this process."""
        return cls(host=platform.node(), pid=os.getpid(), space=_space(), birth=_birth(os.getpid()))

    @property
    def is_alive(self) -> bool | None:
        """Whether the process exists; None if that cannot be seen from here, as in another container."""
        if self.host != platform.node():
            return None
        if self.space != (space := _space()):
            return False if self._is_of_earlier_boot(space) else None
        if self.space:
            birth = _birth(self.pid)
            return bool(birth) and birth == self.birth
        # On Windows a signal would end it.
        return None if sys.platform == "win32" else _has_number(self.pid)

    def _is_of_earlier_boot(self, space: str) -> bool:
        """Return whether this machine was started again since, which ends all processes."""
        is_known = bool(space and self.space) and not self.host.startswith(_COMMON_NAME)
        return is_known and _boot(self.space) != _boot(space)


class OtherRun(NamedTuple):
    """A run that is under way in the journal of another run, or was for a part of its time."""

    run: int
    started_at: str  # such as "2026-01-31 10:24:05 UTC"
    process: int  # the number of its process
    host: str

    @property
    def where(self) -> str:
        """Words for its process, and when it began."""
        return f"process {self.process} on {escaped(self.host)}, since {self.started_at}"

    def __str__(self) -> str:
        return (
            f"another run uses this journal at the same time: {self.where}; an event that both send is accepted in one "
            "of them, and already_submitted in the other"
        )


def add_process(connection: sqlite3.Connection, run: int, files: Iterable[bytes]) -> None:
    """Write down that a run of this process begins, with digests of its files."""
    connection.execute("INSERT INTO processes VALUES (?, ?, ?, ?, ?, ?)", (run, *Process.own(), time.time()))
    connection.executemany("INSERT OR IGNORE INTO files VALUES (?, ?)", ((file, run) for file in files))


def delete_processes(connection: sqlite3.Connection, *, keep: int) -> None:
    """Delete the processes and files of all runs but one: no other run is under way."""
    connection.execute("DELETE FROM processes WHERE run <> ?", (keep,))
    connection.execute("DELETE FROM files WHERE run <> ?", (keep,))


def update_seen_at(connection: sqlite3.Connection, run: int) -> None:
    """Write down that a run is still under way."""
    connection.execute("UPDATE processes SET seen_at = ? WHERE run = ?", (time.time(), run))


def find_other_runs(
    connection: sqlite3.Connection, *, run: int, workspace: str | None, own_runs: Collection[int]
) -> list[OtherRun]:
    """Return the runs that are under way, or were since `run` began, in the order in which they began.

    Only runs of `workspace` are returned, or of all if it is None; killed runs are left out. `own_runs` are the runs of
    this process that have not ended.
    """
    found = []
    rows = connection.execute(_UNDER_WAY, {"run": run, "workspace": workspace})
    for number, started_at, ended_at, seen_at, *facts in rows:
        process = Process._make(facts)
        # A run of this process that is not among its own runs is over, even if its end could not be written.
        is_over = process == Process.own() and number not in own_runs
        if ended_at is not None or (not is_over and _is_there(process, seen_at)):
            began = datetime.fromtimestamp(started_at // 1_000_000, UTC)
            found.append(OtherRun(number, f"{began:%Y-%m-%d %H:%M:%S} UTC", process.pid, process.host))
    return found


def with_same_files(connection: sqlite3.Connection, others: Sequence[OtherRun], *, run: int) -> list[OtherRun]:
    """Return the other runs that have not ended and that read a file of a run."""
    runs = {number for (number,) in connection.execute(_SAME_FILES, {"run": run})}
    return [other for other in others if other.run in runs]


def _is_there(process: Process, seen_at: float) -> bool:
    is_alive = process.is_alive
    return time.time() - seen_at < STALE_SECONDS if is_alive is None else is_alive


def _space() -> str:
    with suppress(OSError):
        return f"{(_PROC / 'sys/kernel/random/boot_id').read_text().strip()} {(_PROC / 'self/ns/pid').readlink()}"
    return ""


def _boot(space: str) -> str:
    return space.partition(" ")[0]


def _birth(pid: int) -> str:
    with suppress(OSError):
        # The name stands in brackets, and may hold any character, brackets too.
        facts = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        # A zombie has ended, but its parent has not yet asked for its exit code.
        return "" if facts[0] == "Z" else facts[_STARTED_AT]
    return ""


def _has_number(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
