"""Results as parts in a folder: collected in a folder of their run, and put in the place of earlier ones at its end."""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pandas as pd
import pyarrow.parquet as pq

from events_pandas.errors import SourceError
from events_pandas.manifest import RUN_FOLDER, Manifest, RowsPart, is_folder, part_name, part_run
from events_pandas.results.earlier import spare_name
from events_pandas.results.leftovers import cut_off_run, finish_leftover
from events_pandas.results.run_folder import LOCK, RunFolder, delete_run, time_text
from events_pandas.results.table_file import RESULTS, TableFile
from events_pandas.warned import warn_caller
from events_pandas.words import escaped

PART_ROWS: Final = 100_000
"""Rows of a part; the last one has fewer."""


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
        self._folder = RunFolder(self.path, holds=RESULTS.holds, clear=partial(_keep_rows, self.path, warn))
        self._manifest = Manifest(run=self._folder.run, started_at=time_text(time.time()))
        # Only people who may read the earlier parts may read the new ones.
        self._sources = [*sources, *self._folder.earlier]
        self._part: TableFile | None = self._new_part()
        self._rows = 0
        # Whether all rows that were given are in the parts.
        self._is_whole = True

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
        self._folder.put_in_place(replace(self._manifest, complete=self._is_whole))
        self.is_in_place = True

    def discard(self) -> None:
        """Delete what was written. The results of an earlier run stay."""
        if self.is_inherited or self.is_in_place:
            return
        if self._part is not None:
            self._part.discard()
        self._folder.discard()

    def _new_part(self) -> TableFile:
        path = self._folder.place / part_name(len(self._manifest.parts), self._manifest.run)
        return TableFile(path, RESULTS, sources=self._sources)

    def _end_part(self, part: TableFile) -> None:
        part.finish()
        if part.is_in_place:
            whole = RowsPart(part.path.name, self._rows)
            self._manifest = replace(self._manifest, parts=(*self._manifest.parts, whole))
        # A part that could not be begun is gone.
        self._part, self._rows = None, 0
        self._folder.note(self._manifest)

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
        self._folder.close()


def results_file(
    path: str | os.PathLike[str], *, sources: Iterable[Path], warn: Callable[[str], object]
) -> TableFile | ResultsParts:
    """Return what writes results to a path: parts in a folder, or one file."""
    if is_folder(path):
        return ResultsParts(path, sources=sources, warn=warn)
    return TableFile(path, RESULTS, sources=sources, warn=warn)


def _keep_rows(folder: Path, warn: Callable[[str], object], of_run: Path) -> None:
    """Move the whole rows of a killed run to a folder of their own, and say so; without rows, delete its folder."""
    written = max((file.stat().st_mtime for file in of_run.iterdir()), default=time.time())
    for partial_file in of_run.glob("part-*.partial"):
        finish_leftover(partial_file, of_run / f"{partial_file.name.partition('.')[0]}.parquet")
    paths = sorted(file for file in of_run.iterdir() if part_run(file.name))
    parts = [RowsPart(file.name, pq.read_metadata(file).num_rows) for file in paths]
    if not any(part.rows for part in parts):
        delete_run(of_run)
        return
    begun = Manifest.read(of_run)
    Manifest(
        run=of_run.name.removeprefix(RUN_FOLDER),
        started_at=time_text(written) if begun is None else begun.started_at,
        columns=tuple(pq.read_schema(paths[0]).names),
        parts=tuple(parts),
    ).write(of_run)
    (of_run / LOCK).unlink(missing_ok=True)
    place = spare_name(folder, "killed", written)
    of_run.rename(place)
    warn(f"{escaped(folder)}: {cut_off_run(RESULTS.holds, sum(part.rows for part in parts), place)}")
