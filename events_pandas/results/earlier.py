"""What stands in the place of a new file: if somebody has changed it since it was written, it gets another name."""

import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

_SECOND: Final = 1_000_000_000
_MARK: Final = 271_828_100
"""The fraction of a second, in nanoseconds, in the time of a file that nobody has changed. Windows counts hundreds."""


def mark_unchanged(path: Path) -> None:
    """Give a file the time by which `keep_changed` knows that nobody has changed it: any program sets another one."""
    # Where times cannot be set, or have no fractions, every file counts as changed, and none is lost.
    with suppress(OSError):
        facts = path.stat()
        os.utime(path, ns=(facts.st_atime_ns, (facts.st_mtime_ns // _SECOND - 1) * _SECOND + _MARK))


def keep_changed(path: Path) -> Path | None:
    """Move the file at a path out of the way if it was changed since it was written, and return its new name."""
    if not os.path.lexists(path) or path.lstat().st_mtime_ns % _SECOND == _MARK:
        return None
    kept = spare_name(path, "kept", path.lstat().st_mtime)
    path.rename(kept)
    return kept


def spare_name(path: Path, word: str, written: float) -> Path:
    """Return a free name beside a path that says what became of its file, and when it was written."""
    at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(written))
    spare = path.with_name(f"{path.stem}.{word}-{at}{path.suffix}")
    while os.path.lexists(spare):
        spare = path.with_name(f"{path.stem}.{word}-{at}-{secrets.token_hex(2)}{path.suffix}")
    return spare
