"""Results as parts in a folder: collected in a folder of their run, and put in the place of earlier ones at its end."""

import datetime as dt
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pandas as pd
import pyarrow.parquet as pq

from events_pandas.errors import SourceError
from events_pandas.filesystem import hold
from events_pandas.forking import cut_off, leave_to_parent_at_fork
from events_pandas.results.earlier import spare_name
from events_pandas.results.leftovers import cut_off_run, finish_leftover
from events_pandas.results.manifest import (
    MANIFEST,
    RUN_FOLDER,
    Manifest,
    ResultsPart,
    is_folder,
    part_name,
    part_run,
    require_folder,
    run_folders,
)
from events_pandas.results.new_file import as_source_error, created
from events_pandas.results.table_file import RESULTS, TableFile
from events_pandas.warned import warn_caller
from events_pandas.words import escaped

PART_ROWS: Final = 100_000
"""Rows of a part; the last one has fewer."""
_LOCK: Final = "_lock"
_WAIT_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.02


class ResultsParts:
    """Results that are written as Parquet files to a folder, which has those of an earlier run until this run ends.

    A run that was killed is found by the next one, which moves its rows to a folder of their own.

    Parameters
    ----------
    sources : iterable of pathlib.Path, optional
        The files of rows: only people who may read all of them may read the parts.
    warn : callable
        Called with a sentence for the rows of each killed run.
    """

    is_csv = False

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        sources: Iterable[Path] = (),
        warn: Callable[[str], object] = warn_caller,
        part_rows: int = PART_ROWS,
    ) -> None:
        self.path = Path(path)
        self.is_in_place = False
        self._process, self._part_rows = os.getpid(), part_rows
        require_folder(self.path)
        self._is_new = not self.path.exists()
        self._manifest = Manifest(run=secrets.token_hex(4), started_at=_time(time.time()))
        self._folder = self.path / f"{RUN_FOLDER}{self._manifest.run}"
        with as_source_error(self.path, RESULTS.holds):
            self.path.mkdir(exist_ok=True)
            with _held(self.path):
                earlier = _clear(self.path, warn)
                self._folder.mkdir()
                self._lock = created(self._folder / _LOCK, [], place=self.path)
                hold(self._lock.fileno())
        leave_to_parent_at_fork(self)
        # Only people who may read the earlier parts may read the new ones.
        self._sources = [*sources, *earlier]
        self._part: TableFile | None = self._new_part()
        self._rows = 0
        # Whether all rows that were given are in the parts.
        self._is_whole = True

    def leave_to_parent(self) -> None:
        """Do not hold the parent's run in a child."""
        if not self._lock.closed:
            cut_off(self._lock)

    @property
    def is_inherited(self) -> bool:
        """Whether this process is a fork of the one that writes the parts."""
        return os.getpid() != self._process

    def write(self, frame: pd.DataFrame) -> None:
        """Add rows, without their index; they stay if this process is killed. Raise `SourceError` on a fault."""
        start, self._is_whole = 0, False
        while start < len(frame) or not self._manifest.columns:
            part = self._part = self._part or self._new_part()
            rows = frame.iloc[start : start + self._part_rows - self._rows]
            part.write(rows)
            self._manifest = replace(self._manifest, columns=tuple(map(str, frame.columns)))
            self._rows, start = self._rows + len(rows), start + len(rows)
            if self._rows == self._part_rows:
                self._end_part(part)
        self._is_whole = True

    def finish(self) -> None:
        """Put the parts in the place of earlier ones, if anything was written. Raise `SourceError` on a fault."""
        if self.is_inherited or self.is_in_place:
            return
        if not self._manifest.columns:
            self.discard()
            return
        if self._part is not None:
            self._end_part(self._part)
        self._let_go()
        with as_source_error(self.path, RESULTS.holds), _held(self.path):
            _switch(self.path, replace(self._manifest, complete=self._is_whole))
        self.is_in_place = True

    def discard(self) -> None:
        """Delete what was written. The results of an earlier run stay."""
        if self.is_inherited or self.is_in_place:
            return
        if self._part is not None:
            self._part.discard()
        self._let_go()
        with suppress(OSError):
            _delete(self._folder)
            if self._is_new:
                self.path.rmdir()
        self._lock.close()

    def _let_go(self) -> None:
        if os.name == "nt":
            # Windows deletes closed files only, and holds none.
            self._lock.close()

    def _new_part(self) -> TableFile:
        path = self._folder / part_name(len(self._manifest.parts), self._manifest.run)
        return TableFile(path, RESULTS, sources=self._sources)

    def _end_part(self, part: TableFile) -> None:
        part.finish()
        if part.is_in_place:
            whole = ResultsPart(part.path.name, self._rows)
            self._manifest = replace(self._manifest, parts=(*self._manifest.parts, whole))
        # A part that could not be begun is gone.
        self._part, self._rows = None, 0
        with as_source_error(self.path, RESULTS.holds):
            self._manifest.write(self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with ExitStack() as closing:
            # If the parts could not be put in place, they stay: the next run finds them.
            closing.callback(self._close)
            if error is not None:
                # The error that ended the run comes first, not the fault of these files.
                closing.enter_context(suppress(SourceError))
            self.finish()

    def _close(self) -> None:
        if self._part is not None:
            self._part.close()
        self._lock.close()


def results_file(
    path: str | os.PathLike[str], *, sources: Iterable[Path], warn: Callable[[str], object]
) -> TableFile | ResultsParts:
    """Return what writes results to a path: parts in a folder, or one file."""
    if is_folder(path):
        return ResultsParts(path, sources=sources, warn=warn)
    return TableFile(path, RESULTS, sources=sources, warn=warn)


def _switch(folder: Path, manifest: Manifest) -> None:
    """Put the parts of a run in the place of earlier ones.

    A kill may come between any two steps: whoever goes by the manifest has either all earlier results or all new ones,
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
    _delete(of_run)


def _clear(folder: Path, warn: Callable[[str], object]) -> list[Path]:
    """Clear away what killed runs left in a folder of results; return the parts of its earlier results."""
    manifest = Manifest.read(folder)
    for of_run in run_folders(folder):
        if not _is_left(of_run):
            continue
        if manifest is not None and of_run.name == f"{RUN_FOLDER}{manifest.run}":
            _switch(folder, manifest)
        elif (kept := _kept(of_run, folder)) is not None:
            warn(f"{escaped(folder)}: {cut_off_run(RESULTS.holds, *kept)}")
    return [] if manifest is None else list(manifest.paths(folder))


def _is_left(of_run: Path) -> bool:
    """Return whether no run has this folder any more. Where files cannot be locked, nobody knows."""
    try:
        with (of_run / _LOCK).open("r+b") as lock:
            return hold(lock.fileno()) is True
    except FileNotFoundError:
        # Its run was killed when it made or deleted the folder, which it does while it holds the one above.
        return True


def _kept(of_run: Path, folder: Path) -> tuple[int, Path] | None:
    """Move the whole rows of a killed run to a folder of their own; return their number and it. None without rows."""
    written = max((file.stat().st_mtime for file in of_run.iterdir()), default=time.time())
    for partial in of_run.glob("part-*.partial"):
        finish_leftover(partial, of_run / f"{partial.name.partition('.')[0]}.parquet")
    parts = [ResultsPart(file.name, pq.read_metadata(file).num_rows) for file in _parts(of_run)]
    if not any(part.rows for part in parts):
        _delete(of_run)
        return None
    begun = Manifest.read(of_run)
    Manifest(
        run=of_run.name.removeprefix(RUN_FOLDER),
        started_at=_time(written) if begun is None else begun.started_at,
        columns=tuple(pq.read_schema(of_run / parts[0].name).names),
        parts=tuple(parts),
    ).write(of_run)
    (of_run / _LOCK).unlink(missing_ok=True)
    place = spare_name(folder, "killed", written)
    of_run.rename(place)
    return sum(part.rows for part in parts), place


def _time(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="seconds")


def _parts(of_run: Path) -> list[Path]:
    return sorted(file for file in of_run.iterdir() if part_run(file.name))


def _delete(of_run: Path) -> None:
    """Delete the folder of a run, with the files that a run makes in it."""
    if not of_run.exists():
        return
    for file in of_run.iterdir():
        if part_run(file.name) or file.name.startswith((MANIFEST, "part-")):
            file.unlink()
    # The last file: until then the folder is held.
    (of_run / _LOCK).unlink(missing_ok=True)
    of_run.rmdir()


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder of results for a moment, so that one run at a time changes what is in it."""
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
