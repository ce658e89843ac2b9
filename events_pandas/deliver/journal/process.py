"""The process of a run: what tells it from others, and whether it is still there."""

import os
import platform
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from events_pandas.escapes import escaped

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
