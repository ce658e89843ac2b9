"""Results written to a file as they come, and put in place whole."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from events_pandas.forking import keep_for_ever, leave_to_parent_at_fork
from events_pandas.results.table_file import PartialFile


class ResultsWriter:
    """Writes results frames to one file.

    Parameters
    ----------
    path : str or os.PathLike
        Where the results go, ``.csv`` or ``.parquet``; a file that is there is replaced at the end, in one step.
    sources : iterable of pathlib.Path, optional
        The files of rows, which the results must not replace.

    Raises
    ------
    SourceError
        If the format is not known, or if nothing can be written there: before anything is submitted.

    Notes
    -----
    Until the end the rows stand in a file beside it, named ``<name>.partial``; whatever ends the run, the rows written
    so far are put in place. Nobody may read them who may not read the files of rows.
    """

    def __init__(self, path: str | os.PathLike[str], *, sources: Iterable[Path] = ()) -> None:
        self._file = PartialFile(path, holds="results", sources=sources)
        self._parquet: pq.ParquetWriter | None = None
        self._is_begun = False
        leave_to_parent_at_fork(self)

    def leave_to_parent(self) -> None:
        """Never write the end of the parent's file in a child."""
        if self._parquet is not None:
            keep_for_ever(self._parquet)
            self._parquet = None

    def write(self, results: pd.DataFrame) -> None:
        """Add the results of some rows.

        Parameters
        ----------
        results : pandas.DataFrame
            As `iter_submit` yields them; the index is not written.

        Raises
        ------
        SourceError
            If they cannot be written.
        """
        with self._file.writing():
            if self._file.is_csv:
                text = results.to_csv(header=self._file.is_empty, index=False)
                # A name of a file may hold what is not text.
                self._file.append(text.encode(errors="backslashreplace"))
            else:
                self._write_parquet(results)
            self._is_begun = True

    def _write_parquet(self, results: pd.DataFrame) -> None:
        # Without the facts of the run, which differ from chunk to chunk: a file has one schema.
        bare = results.copy(deep=False)
        bare.attrs = {}
        table = pa.Table.from_pandas(bare, preserve_index=False)
        if self._parquet is None:
            self._parquet = pq.ParquetWriter(self._file.stream, table.schema)
        self._parquet.write_table(table)

    def finish(self) -> None:
        """Put the file in its place; nothing can be added any more.

        Raises
        ------
        SourceError
            If that cannot be done.
        """
        with self._file.writing():
            self._finish()

    def _finish(self) -> None:
        if self._parquet is not None:
            self._parquet.close()
        if self._is_begun:
            self._file.put_in_place()
        else:
            # Nothing came: what an earlier run has left stays.
            self._file.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # What ended the run is told, rather than what it has led to here.
        with self._file.writing() if error is None else suppress(OSError):
            self._finish()
