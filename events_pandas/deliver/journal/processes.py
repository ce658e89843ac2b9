"""Which runs are under way in a journal: whose process is there, or was seen of late."""

import os
import platform
import sqlite3
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple, Self

from events_pandas.words import escaped

_PROC: Final = Path("/proc")
_COMMON_NAME: Final = "localhost"
"""A name that tells no machine from another one."""
_STARTED_AT: Final = 19
"""The place of the time at which a process was started, among what Linux tells after its name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """A process on some machine.

    Parameters
    ----------
    host : str
        The name of the machine.
    pid : int
        Its number there; another process may have it later.
    space : str
        What tells where numbers of processes mean the same, on Linux: this start of the machine, or of a container.
    birth : str
        When it was started, on Linux.
    """

    host: str
    pid: int
    space: str
    birth: str

    @classmethod
    def own(cls) -> Self:
        """Return this process."""
        return cls(host=platform.node(), pid=os.getpid(), space=_space(), birth=_birth(os.getpid()))

    def __str__(self) -> str:
        return f"process {self.pid} on {escaped(self.host)}"

    @property
    def is_alive(self) -> bool | None:
        """Whether it is still there; None where that cannot be seen from here, such as in another container."""
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
        """Tell whether this machine was started again since, which ends all processes."""
        is_told = bool(space and self.space) and not self.host.startswith(_COMMON_NAME)
        return is_told and _boot(self.space) != _boot(space)


def _space() -> str:
    with suppress(OSError):
        return f"{(_PROC / 'sys/kernel/random/boot_id').read_text().strip()} {(_PROC / 'self/ns/pid').readlink()}"
    return ""


def _boot(space: str) -> str:
    return space.partition(" ")[0]


def _birth(pid: int) -> str:
    with suppress(OSError):
        # The name stands in brackets, and may hold any character.
        facts = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        # A zombie has ended, though nobody has taken note of it.
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


SEEN_SECONDS: Final = 10
"""How often a run that records events says that it is there: the machines of others do not see its process."""
STALE_SECONDS: Final = 60
"""A run of another machine counts as killed when it has not been seen for so long."""

_UNDER_WAY = """
SELECT runs.run, runs.started_at, runs.ended_at, host, pid, space, birth, seen_at FROM processes JOIN runs USING (run)
WHERE runs.run <> :run AND (:workspace IS NULL OR workspace = :workspace)
AND (ended_at IS NULL OR runs.run > :run AND :run > 0 OR ended_at >= (SELECT started_at FROM runs WHERE run = :run))
ORDER BY runs.run
"""


class OtherRun(NamedTuple):
    """A run that is under way in the journal of another one, or was for a part of its time.

    Parameters
    ----------
    run : int
        Its number in the journal.
    started_at : str
        When it began, such as ``"2026-01-31 10:24:05 UTC"``.
    process : int
        The number of its process.
    host : str
        The machine of the process.
    """

    run: int
    started_at: str
    process: int
    host: str

    def __str__(self) -> str:
        return (
            f"another run uses this journal at the same time: process {self.process} on {escaped(self.host)}, since "
            f"{self.started_at}; an event that both send is accepted in one of them, and already_submitted in the other"
        )


def enter_process(connection: sqlite3.Connection, run: int) -> None:
    """Write down that a run of this process begins.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a journal.
    run : int
        The number of the run.
    """
    own = Process.own()
    values = run, own.host, own.pid, own.space, own.birth, time.time()
    connection.execute("INSERT INTO processes VALUES (?, ?, ?, ?, ?, ?)", values)


def forget_processes(connection: sqlite3.Connection, *, but: int) -> None:
    """Delete the processes of other runs when none of them is under way.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a journal.
    but : int
        The number of the run whose process stays.
    """
    connection.execute("DELETE FROM processes WHERE run <> ?", (but,))


def be_seen(connection: sqlite3.Connection, run: int) -> None:
    """Write down that a run is still there.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a journal.
    run : int
        The number of the run.
    """
    connection.execute("UPDATE processes SET seen_at = ? WHERE run = ?", (time.time(), run))


def find_other_runs(
    connection: sqlite3.Connection, *, run: int, workspace: str | None, own_runs: Collection[int]
) -> list[OtherRun]:
    """Look up which other runs are under way, or were since a run began.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a journal.
    run : int
        The number of the run that asks.
    workspace : str or None
        Whose runs are of interest; None for all.
    own_runs : collection of int
        The numbers of the runs of this process that have not ended.

    Returns
    -------
    list of OtherRun
        In the order in which they began; those that were killed are left out.
    """
    found = []
    for number, started_at, ended_at, host, pid, space, birth, seen_at in connection.execute(
        _UNDER_WAY, {"run": run, "workspace": workspace}
    ):
        process = Process(host=host, pid=pid, space=space, birth=birth)
        # A run of this process is over even if its end could not be written.
        is_over = process == Process.own() and number not in own_runs
        if ended_at is not None or (not is_over and _is_there(process, seen_at)):
            began = datetime.fromtimestamp(started_at // 1_000_000, UTC)
            found.append(OtherRun(number, f"{began:%Y-%m-%d %H:%M:%S} UTC", pid, host))
    return found


def _is_there(process: Process, seen_at: float) -> bool:
    is_alive = process.is_alive
    return time.time() - seen_at < STALE_SECONDS if is_alive is None else is_alive
