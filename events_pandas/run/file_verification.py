"""Files whose rows were submitted, read again beside the results file of their run, to verify its events."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Final

import numpy as np
import pandas as pd

from events_pandas.convert import Converter, EventBatch
from events_pandas.convert.cells import Rows
from events_pandas.errors import SourceError
from events_pandas.mapping import EventMapping, bind
from events_pandas.results import read_results
from events_pandas.results.accepted import REQUIRED_COLUMNS
from events_pandas.results.comparison import FILE_COLUMNS
from events_pandas.results.reading import require_one_run
from events_pandas.results.results_files import of_file, without_column
from events_pandas.results.summary import place_of
from events_pandas.run.file_frames import FileFrames, read_frames
from events_pandas.run.fitting import FittingFiles
from events_pandas.run.options import RunOptions
from events_pandas.run.verification import VerificationRun, VerifyOptions, verification_run
from events_pandas.words import counted, escaped, file_words

_CHANGED: Final = "the files were changed since, or are not those of the run in the same order"


def columns_of_results(
    path: Path, *, wanted: Sequence[str] = (*REQUIRED_COLUMNS, *FILE_COLUMNS), others: Sequence[str] = ()
) -> pd.DataFrame:
    """Read columns of results, and others if they are there. Raise `SourceError` if a column is missing."""
    results = read_results(path)
    if lacking := [name for name in wanted if name not in results]:
        raise without_column(path, lacking[0])
    return results[[*wanted, *(name for name in others if name in results)]]


def results_of_run(path: Path) -> pd.DataFrame:
    """Read the results file of one run. Raise `SourceError` if it has a row twice."""
    results = columns_of_results(path)
    try:
        require_one_run(results["row"].to_numpy(np.int64))
    except ValueError as error:
        raise of_file(path, error) from error
    return results


@dataclass(slots=True, kw_only=True)
class SubmittedFiles:
    """The rows of files that were submitted. The first reading compares them with the results."""

    frames: FileFrames
    results: pd.DataFrame
    _is_compared: bool = field(default=False, init=False)

    @property
    def is_spread(self) -> bool:
        """Whether the mapping gives rows later seconds."""
        return self.frames.mapping.duplicates == "spread"

    def positions(self, results: pd.DataFrame, places: Rows) -> Rows:
        """Return the rows of results: they are counted over all files."""
        rows: Rows = results["row"].iloc[places].to_numpy(np.int64)
        return rows

    def batches(self, positions: Rows) -> Iterator[EventBatch]:
        """Convert rows, in ascending order. Raise `SourceError` if the files are not those of the results."""
        done = n_rows = 0
        for frame in self.frames:
            stop = done + int(np.searchsorted(positions[done:], n_rows + len(frame)))
            if done < stop:
                yield Converter(bind(frame, self.frames.mapping)).convert_rows(positions[done:stop] - n_rows)
            done, n_rows = stop, n_rows + len(frame)
            if self._is_compared and done == len(positions):
                return
        self._compare(n_rows)

    def other_row(self, position: int, *, row: int) -> Exception:  # noqa: ARG002  # The two are the same.
        """Return the error for a row that is not the row of the results."""
        place = place_of(next(self.frames.in_files(pd.DataFrame({"row": [position]})).itertuples()))
        return SourceError(f"{place} has another time than in the results, or no contact: {_CHANGED}")

    def _compare(self, n_rows: int) -> None:
        """Raise `SourceError` if the results have other rows than the files, or rows of other files."""
        rows = self.results["row"].to_numpy(np.int64)
        of_results = int(rows.max()) + 1 if len(rows) else 0
        if n_rows != of_results:
            have = f"the files have {counted(n_rows, 'row')}, and the results {of_results:,}"
            raise SourceError(f"{have}: {_CHANGED} (if the run had --limit, give it here too)")
        files = pd.DataFrame({"theirs": self.results["source_file"], "ours": self.frames.source_files(rows)})
        pairs = files.astype(str).set_axis(rows).drop_duplicates()
        for row, theirs, ours in zip(pairs.index, pairs["theirs"].tolist(), pairs["ours"].tolist(), strict=True):
            # Another folder may be the current one.
            if PurePath(theirs).name != PurePath(ours).name:
                names = f"of {escaped(file_words(theirs))}, and here of {escaped(file_words(ours))}"
                raise SourceError(f"row {row} of the results is {names}: give the files of the run, in its order")
        self._is_compared = True


def file_verification(
    fit: FittingFiles,
    mapping: EventMapping,
    *,
    results: pd.DataFrame,
    verify: VerifyOptions,
    options: RunOptions,
    limit: int | None,
) -> VerificationRun:
    """Find the accepted events of files, and draw a sample of them."""
    frames = read_frames(fit, replace(mapping, metadata={}), options=options, limit=limit)
    rows = SubmittedFiles(frames=frames, results=results)
    return verification_run(results, rows, verify=verify, options=options)
