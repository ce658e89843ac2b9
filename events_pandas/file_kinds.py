"""What stands at a path: only a file of bytes can be opened again and again, and ends."""

import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

DIRECTORY: Final = "a directory"

_KINDS: Final[Mapping[Callable[[int], bool], str]] = MappingProxyType(
    {
        stat.S_ISDIR: DIRECTORY,
        stat.S_ISFIFO: "a pipe",
        stat.S_ISSOCK: "a socket",
        stat.S_ISCHR: "a device",
        stat.S_ISBLK: "a device",
    }
)


def odd_kind(path: Path) -> str | None:
    """Say what stands at a path instead of a file.

    Parameters
    ----------
    path : pathlib.Path
        Where to look; links are followed.

    Returns
    -------
    str or None
        Such as ``"a pipe"``; None for a file, and where nothing can be found.

    Examples
    --------
    >>> odd_kind(Path("/"))
    'a directory'
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return None
    return next((kind for is_kind, kind in _KINDS.items() if is_kind(mode)), None)
