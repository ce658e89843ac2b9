"""The history of runs as a table, from the journals that they kept."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from events_pandas.deliver import Status
from events_pandas.deliver.journal import AUTO, RunEntry, journals_there, read_runs
from events_pandas.escapes import path_text
from events_pandas.results.frame import TEXT_DTYPE


def runs(journal: str | os.PathLike[str] = AUTO, *, workspace: str | None = None) -> pd.DataFrame:
    """List the runs that a journal tells of, the newest first.

    Parameters
    ----------
    journal : str or path-like, default "auto"
        As it was given to the runs: ``"auto"`` for the user's state directory, a directory, or a file.
    workspace : str or None, default None
        The ``id_code`` of the one workspace that is of interest; None for all.

    Returns
    -------
    pandas.DataFrame
        One row for each run: ``run`` (its number in the journal, int64), ``started_at`` (datetime64, UTC),
        ``duration`` (timedelta64) and ``outcome`` (NA for a run that is under way, or was killed), ``workspace``,
        ``source``, ``mapping`` (a digest), ``rows`` and a column for each status (Int64: rows so far; NA where the run
        ended before it told any), ``requests`` (Int64), ``results_path``, ``resubmit`` (bool) and ``journal`` (the
        file). Without a journal the table is empty.

    Raises
    ------
    JournalError
        If a file is no journal, is damaged, of a later version, or cannot be read.

    Notes
    -----
    The files are only read, also beside a run that is under way. Results themselves are not in the journal:
    ``results_path`` tells where a run wrote them.

    Examples
    --------
    >>> from events_pandas.run.history import runs
    >>> len(runs("no-such-journal.sqlite"))
    0
    """
    entries = [(entry, path) for path in journals_there(journal, workspace) for entry in read_runs(path, workspace)]
    frame = _frame([entry for entry, _ in entries], [path for _, path in entries])
    return frame.sort_values(["started_at", "run"], ascending=False, kind="stable", ignore_index=True)


def _frame(entries: Sequence[RunEntry], paths: Sequence[Path]) -> pd.DataFrame:
    started_at = np.array([entry.started_at for entry in entries], "datetime64[us]")
    ended_at = np.array([_or_missing(entry.ended_at) for entry in entries], "datetime64[us]")
    return pd.DataFrame(
        {
            "run": np.array([entry.run for entry in entries], np.int64),
            "started_at": pd.Series(started_at).dt.tz_localize("UTC"),
            "duration": ended_at - started_at,
            "outcome": _texts([entry.outcome for entry in entries]),
            "workspace": _texts([entry.workspace for entry in entries]),
            "source": _texts([entry.source for entry in entries]),
            "mapping": _texts([entry.mapping for entry in entries]),
            "rows": _counts([None if entry.counts is None else sum(entry.counts.values()) for entry in entries]),
            **{status.value: _counts([_count(entry, status) for entry in entries]) for status in Status},
            "requests": _counts([entry.requests for entry in entries]),
            "results_path": _texts([entry.results_path for entry in entries]),
            "resubmit": np.array([entry.resubmit for entry in entries], bool),
            "journal": _texts([path_text(path) for path in paths]),
        }
    )


def _or_missing(moment: int | None) -> np.datetime64:
    return np.datetime64("NaT", "us") if moment is None else np.datetime64(moment, "us")


def _count(entry: RunEntry, status: Status) -> int | None:
    return None if entry.counts is None else entry.counts.get(status.value, 0)


def _counts(numbers: Sequence[int | None]) -> Any:
    return pd.array(numbers, dtype="Int64")


def _texts(texts: Sequence[Any]) -> Any:
    return pd.Series(texts, dtype=TEXT_DTYPE).array
