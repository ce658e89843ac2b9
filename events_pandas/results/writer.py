"""Results written to a file as they come, and put in place whole."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from events_pandas.errors import SourceError

FORMATS = (".csv", ".parquet")


def require_not_read(path: Path, read: Iterable[Path]) -> None:
    """Refuse to write over what is read.

    Parameters
    ----------
    path : pathlib.Path
        What is to be written.
    read : iterable of pathlib.Path
        Files that are there and are read: the rows, or the mapping.

    Raises
    ------
    SourceError
        If it is one of them, by whatever name.
    """
    if path.exists() and any(path.samefile(file) for file in read):
        raise SourceError(f"{path}: is a file that is read here, and would be replaced: choose another name")


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
    so far are put in place.
    """

    def __init__(self, path: str | os.PathLike[str], *, sources: Iterable[Path] = ()) -> None:
        self._path = Path(path)
        if self._path.suffix.lower() not in FORMATS:
            raise SourceError(f"{self._path}: results are written as {' or '.join(FORMATS)}: choose one of these names")
        require_not_read(self._path, sources)
        if self._path.is_dir():
            raise SourceError(f"{self._path}: results cannot be written there: Is a directory")
        self._partial = self._path.with_name(self._path.name + ".partial")
        self._parquet: pq.ParquetWriter | None = None
        self._is_begun = False
        with self._writing():
            self._partial.write_bytes(b"")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SourceError(f"{self._path}: results cannot be written there: {error.strerror or error}") from error

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
        with self._writing():
            if self._path.suffix.lower() == ".csv":
                results.to_csv(self._partial, mode="a", header=not self._is_begun, index=False)
            else:
                self._write_parquet(results)
            self._is_begun = True

    def _write_parquet(self, results: pd.DataFrame) -> None:
        # Without the facts of the run, which differ from chunk to chunk: a file has one schema.
        bare = results.copy(deep=False)
        bare.attrs = {}
        table = pa.Table.from_pandas(bare, preserve_index=False)
        if self._parquet is None:
            self._parquet = pq.ParquetWriter(self._partial, table.schema)
        self._parquet.write_table(table)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # What ended the run is told, rather than what it has led to here.
        with self._writing() if error is None else suppress(OSError):
            if self._parquet is not None:
                self._parquet.close()
            if self._is_begun:
                self._partial.replace(self._path)
            else:
                # Nothing came: what an earlier run has left stays.
                self._partial.unlink()
