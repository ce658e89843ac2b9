"""Rejects written to a file that can be mended and submitted: as text for a spreadsheet, or with their dtypes."""

import codecs
import csv
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from events_pandas.errors import SourceError
from events_pandas.forking import keep_for_ever, leave_to_parent_at_fork
from events_pandas.results.cell_text import text_frame
from events_pandas.results.table_file import PartialFile

WRITTEN_ROWS = 10_000
"""Rows that are text at a time."""

# What Arrow says of cells for which it has no type, or not one type for all cells of a column.
_PARQUET_FAULTS = (pa.ArrowException, TypeError, ValueError, OverflowError, NotImplementedError)


class RejectsWriter:
    """Writes rejects to one file.

    Parameters
    ----------
    path : str or os.PathLike
        Where they go, ``.csv`` or ``.parquet``; a file that is there is replaced by `finish`, in one step.
    sources : iterable of pathlib.Path, optional
        Files that are read, and must not be replaced.

    Raises
    ------
    SourceError
        If the format is not known, or if nothing can be written there.

    Notes
    -----
    Text is UTF-8, with the mark that lets Excel know it where there are other characters than those of ASCII.
    """

    def __init__(self, path: str | os.PathLike[str], *, sources: Iterable[Path] = ()) -> None:
        self._file = PartialFile(path, holds="rejects", sources=sources)
        self._parquet: pq.ParquetWriter | None = None
        leave_to_parent_at_fork(self)
        self._is_ascii = True

    @property
    def path(self) -> Path:
        """Where the rejects go."""
        return self._file.path

    @property
    def is_csv(self) -> bool:
        """Whether they are written as text, without dtypes."""
        return self._file.is_csv

    def write(self, rejects: pd.DataFrame, *, schema: "pa.Schema | None" = None) -> None:
        """Add rows.

        Parameters
        ----------
        rejects : pandas.DataFrame
            The rows; the index is not written. Those that come later have the same columns.
        schema : pyarrow.Schema, optional
            The types in Parquet, where those of the first rows may not be those of all.

        Raises
        ------
        SourceError
            If they cannot be written.
        """
        with self._file.writing():
            if self.is_csv:
                for start in range(0, max(len(rejects), 1), WRITTEN_ROWS):
                    self._write_text(rejects.iloc[start : start + WRITTEN_ROWS])
            else:
                self._write_parquet(rejects, schema)

    def _write_text(self, rejects: pd.DataFrame) -> None:
        rows = text_frame(rejects)
        text = rows.to_csv(index=False, header=self._file.is_empty, lineterminator="\n")
        if "\r" in text:
            # Python quotes no lone carriage return, and pandas takes it for the end of a row.
            text = rows.to_csv(index=False, header=self._file.is_empty, lineterminator="\n", quoting=csv.QUOTE_ALL)
        self._file.append(text.encode(errors="replace"))
        self._is_ascii = self._is_ascii and text.isascii()

    def _write_parquet(self, rejects: pd.DataFrame, schema: "pa.Schema | None") -> None:
        bare = rejects.set_axis([str(label) for label in rejects.columns], axis="columns")
        # What a user has noted in a frame need not fit into a file.
        bare.attrs = {}
        with self._converting():
            table = pa.Table.from_pandas(bare, schema=schema, preserve_index=False)
            if self._parquet is None:
                self._parquet = pq.ParquetWriter(self._file.stream, table.schema)
            self._parquet.write_table(table)

    @contextmanager
    def _converting(self) -> Iterator[None]:
        try:
            yield
        except _PARQUET_FAULTS as error:
            reason = str(error).strip().splitlines()[0]
            raise SourceError(
                f"{self.path}: these rows cannot be written as Parquet ({reason}): choose a name that ends in .csv"
            ) from error

    def leave_to_parent(self) -> None:
        """Never write the end of the parent's file in a child."""
        if self._parquet is not None:
            keep_for_ever(self._parquet)
            self._parquet = None

    def finish(self) -> None:
        """Put the file in its place.

        Raises
        ------
        SourceError
            If that cannot be done.
        """
        with self._file.writing():
            self._close()
            if not self._is_ascii:
                # The mark by which Excel knows UTF-8.
                self._file.prepend(codecs.BOM_UTF8)
            self._file.put_in_place()

    def _close(self) -> None:
        if self._parquet is not None:
            self._parquet.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # What was not finished leaves the rejects of an earlier run as they are.
        self._close()
        self._file.discard()
