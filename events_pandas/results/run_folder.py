"""The folder of a run: it collects parts beside earlier ones, and puts them in their place at its end."""

import datetime as dt
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from events_pandas.errors import SourceError
from events_pandas.filesystem import hold
from events_pandas.forking import cut_off, leave_to_parent_at_fork
from events_pandas.manifest import MANIFEST, RUN_FOLDER, Manifest, part_run, require_folder, run_folders
from events_pandas.results.new_file import as_source_error, created

LOCK: Final = "_lock"
_WAIT_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.02


class RunFolder:
    """A folder that a run holds until its end; killed runs have left theirs, which are cleared away.

    Parameters
    ----------
    clear : callable
        Called with the folder of each killed run, which it has to delete or to move.
    """

    def __init__(self, path: Path, *, holds: str, clear: Callable[[Path], object]) -> None:
        self.path, self._holds = path, holds
        require_folder(path, holds=holds)
        self._is_new = not path.exists()
        self.run = secrets.token_hex(4)
        self.place = path / f"{RUN_FOLDER}{self.run}"
        with as_source_error(path, holds):
            path.mkdir(exist_ok=True)
            with _held(path):
                self.earlier = _clear(path, holds, clear)
                """The parts that a run before this one has put in their place."""
                self.place.mkdir()
                self._lock = created(self.place / LOCK, [], place=path)
                hold(self._lock.fileno())
        leave_to_parent_at_fork(self)

    def leave_to_parent(self) -> None:
        """Do not hold the parent's run in a child."""
        if not self._lock.closed:
            cut_off(self._lock)

    def note(self, manifest: Manifest) -> None:
        """Note the parts so far. Raise `SourceError` on a fault."""
        with as_source_error(self.path, self._holds):
            manifest.write(self.place)

    def put_in_place(self, manifest: Manifest) -> None:
        """Put the parts in the place of earlier ones. Raise `SourceError` on a fault."""
        self._let_go()
        with as_source_error(self.path, self._holds), _held(self.path):
            _switch(self.path, manifest)

    def discard(self) -> None:
        """Delete the parts. Those of an earlier run stay. Ctrl-C does not end this: the run ends anyway."""
        self._let_go()
        is_deleted = False
        while not is_deleted:
            with suppress(KeyboardInterrupt):
                self._delete()
                is_deleted = True
        self.close()

    def close(self) -> None:
        """Let go of the folder, which stays as it is: the next run finds it."""
        self._lock.close()

    def _delete(self) -> None:
        with suppress(OSError):
            delete_run(self.place)
            if self._is_new:
                self.path.rmdir()

    def _let_go(self) -> None:
        if os.name == "nt":
            # Windows deletes closed files only, and holds none.
            self._lock.close()


def time_text(seconds: float) -> str:
    """Return a Unix time as ISO 8601 in UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="seconds")


def _switch(folder: Path, manifest: Manifest) -> None:
    """Put the parts of a run in the place of earlier ones.

    A kill may come between any two steps: whoever goes by the manifest has either all earlier rows or all new ones,
    and the folder itself never has rows of both runs. The next run does the steps that are left.
    """
    manifest.write(folder)
    for file in folder.iterdir():
        # A run may have been killed when it wrote a manifest.
        if part_run(file.name) not in {None, manifest.run} or file.name.startswith(f"{MANIFEST}."):
            file.unlink()
    of_run = folder / f"{RUN_FOLDER}{manifest.run}"
    for part in manifest.parts:
        if (path := of_run / part.name).exists():
            path.replace(folder / part.name)
    delete_run(of_run)


def _clear(folder: Path, holds: str, clear: Callable[[Path], object]) -> list[Path]:
    """Clear away what killed runs left in a folder; return the parts of its earlier rows."""
    manifest = Manifest.read(folder, holds=holds)
    for of_run in run_folders(folder):
        if not _is_left(of_run):
            continue
        if manifest is not None and of_run.name == f"{RUN_FOLDER}{manifest.run}":
            _switch(folder, manifest)
        else:
            clear(of_run)
    return [] if manifest is None else list(manifest.paths(folder))


def _is_left(of_run: Path) -> bool:
    """Return whether no run has this folder any more. Where files cannot be locked, nobody knows."""
    try:
        with (of_run / LOCK).open("r+b") as lock:
            return hold(lock.fileno()) is True
    except FileNotFoundError:
        # Its run was killed when it made or deleted the folder, which it does while it holds the one above.
        return True


def delete_run(of_run: Path) -> None:
    """Delete the folder of a run, with the files that a run makes in it."""
    if not of_run.exists():
        return
    for file in of_run.iterdir():
        if part_run(file.name) or file.name.startswith((MANIFEST, "part-")):
            file.unlink()
    # The last file: until then the folder is held.
    (of_run / LOCK).unlink(missing_ok=True)
    # A task that nobody waits for any more may have written another file. The next run deletes it.
    with suppress(OSError):
        of_run.rmdir()


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder of parts for a moment, so that one run at a time changes what is in it."""
    if os.name == "nt":
        # Windows opens no folders, and holds none.
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        until = time.monotonic() + _WAIT_SECONDS
        while hold(descriptor) is False:
            if time.monotonic() > until:
                raise SourceError(f"{folder}: another run is changing it: try again")
            time.sleep(_LOOK_SECONDS)
        yield
    finally:
        os.close(descriptor)
