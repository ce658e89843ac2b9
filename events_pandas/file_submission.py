"""A run over files: chunks in, results out with the file of each row, written as they come."""

import os
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from events_pandas.errors import SubmissionError, SubmissionInterrupted
from events_pandas.mapping import EventMapping
from events_pandas.options import RunOptions
from events_pandas.results import ResultsWriter
from events_pandas.sources import FileChunk, PathOrPaths, read_chunks, source_paths, typed_mapping
from events_pandas.submission import Submission


def file_results(
    paths: PathOrPaths,
    mapping: EventMapping,
    *,
    options: RunOptions,
    results_path: str | os.PathLike[str] | None = None,
) -> Generator[pd.DataFrame, None, None]:
    """Submit the rows of files, chunk by chunk.

    Parameters
    ----------
    paths : str, os.PathLike or sequence of them
        Files, or patterns.
    mapping : EventMapping
        The mapping of every file.
    options : RunOptions
        How the run is made.
    results_path : str or os.PathLike, optional
        Where results are written as they come.

    Yields
    ------
    pandas.DataFrame
        The results of each chunk, with the column ``source_file``.

    Raises
    ------
    SourceError
        If a file cannot be read, or if the results cannot be written.
    SubmissionError, SubmissionInterrupted
        If the run ends early: its results, which are written too, are those not yet yielded.
    """
    chunks, mapping = opened_chunks(paths, mapping, chunksize=options.chunksize)
    origin = _FileRows()
    with ResultsWriter(results_path) if results_path is not None else nullcontext() as writer:

        def placed(results: pd.DataFrame) -> pd.DataFrame:
            results["source_file"] = origin.files(results["row"].to_numpy())
            if writer is not None:
                writer.write(results)
            return results

        run = Submission(mapping=mapping, options=options)
        try:
            for results in run.results(origin.frames(chunks), source="files"):
                yield placed(results)
        except (SubmissionError, SubmissionInterrupted) as error:
            error.results = placed(error.results)
            raise


def opened_chunks(
    paths: PathOrPaths, mapping: EventMapping, *, chunksize: int
) -> tuple[Iterator[FileChunk], EventMapping]:
    """Open files.

    Parameters
    ----------
    paths : str, os.PathLike or sequence of them
        Files, or patterns.
    mapping : EventMapping
        The mapping of every file.
    chunksize : int
        Rows at a time.

    Returns
    -------
    chunks : iterator of FileChunk
        The rows of all files in order; at least one chunk.
    mapping : EventMapping
        With a type for each bare column of a CSV file.
    """
    files = source_paths(paths)
    chunks = chain.from_iterable(read_chunks(file, mapping, chunksize=chunksize) for file in files)
    first = next(chunks)
    return chain([first], chunks), typed_mapping(mapping, first)


@dataclass(slots=True)
class _FileRows:
    """Remembers in which file each row of a stream stands."""

    _starts: list[int] = field(default_factory=lambda: [0])
    _files: list[Path] = field(default_factory=list)

    def frames(self, chunks: Iterator[FileChunk]) -> Iterator[pd.DataFrame]:
        for chunk in chunks:
            self._files.append(chunk.path)
            self._starts.append(self._starts[-1] + len(chunk.frame))
            yield chunk.frame

    def files(self, rows: Any) -> Any:
        # A start that stands twice belongs to an empty chunk: the last of them is the row's.
        places = np.searchsorted(self._starts, rows, side="right") - 1
        return pd.array([str(self._files[place]) for place in places], dtype="string[pyarrow]")
