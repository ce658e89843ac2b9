"""The history of runs: what a run writes of itself into its journal, and the table of all runs."""

import datetime as dt
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from events_pandas.deliver import Status
from events_pandas.deliver.journal import AUTO, Journal, OtherRun, RunEntry, RunFacts, journals_there, read_runs
from events_pandas.deliver.journal.processes import SEEN_SECONDS
from events_pandas.errors import JournalError
from events_pandas.results.frame import text_column, utc_times
from events_pandas.results.summary import ARRIVED
from events_pandas.run.log import RunLog
from events_pandas.words import counted, duration_words, path_text

CLOSED: Final = "closed"
"""The outcome of a stream that its reader closed."""
KILLED: Final = "killed"
"""The outcome of a run that wrote no end, and whose process is gone."""
INCOMPLETE: Final = "incomplete"
"""The outcome of a run that came to its end, and left rows that need work."""
_TO_FIX: Final = (Status.INVALID, Status.UNKNOWN_CONTACT, Status.REJECTED)
"""Statuses of rows that must be fixed first; others that did not arrive only have to be submitted again."""
UNDER_WAY: Final = "under way"
LONGEST_SOURCE: Final = 24
"""How much of a source is shown: with it a line of the table fits a screen."""
ENTRY_SECONDS: Final = 1.0
"""The least time between two entries of a run: the counts of a killed run are at most this much too old."""


def runs(
    journal: str | os.PathLike[str] = AUTO, *, workspace: str | None = None, details: bool = False
) -> pd.DataFrame:
    """List the runs in a journal, the newest first.

    Parameters
    ----------
    journal : str or path-like, default "auto"
        As it was given to the runs: ``"auto"`` for the user's state directory, a directory, or a file.
    workspace : str or None, default None
        The ``id_code`` of one workspace; None for all.
    details : bool, default False
        True for all that the journal has, for a program to read. By default the table is one to look at.

    Returns
    -------
    pandas.DataFrame
        One row for each run: ``run`` (its number in the journal, int64), ``started_at`` (datetime64[s], UTC), ``took``
        (string, such as ``"1 min 29 s"``; NA without an end), ``outcome`` (string: ``"complete"``, ``"3 rows to fix"``,
        ``"6 rows to submit again"`` if nothing is to be fixed, ``"under way"``, or why the run ended early, such as
        ``"interrupted"`` or ``"killed"``), ``rows`` and ``accepted`` (Int64: rows so far; NA if the run ended before it
        wrote any) and ``source`` (string; a long one is cut). The counts of a killed run are those that it wrote last:
        Intercom has at least so many events. A run with ``resubmit=True`` is marked in its outcome, as ``"complete
        (resubmit)"``: its accepted rows may have been accepted before. The runs of several workspaces have
        ``workspace`` (string) after ``run``, as each journal counts its own.

        With `details`: ``run``, ``started_at`` (datetime64[us], UTC), ``duration`` (timedelta64; NA without an end),
        ``outcome`` (as it is stored: ``"incomplete"`` if rows are to be fixed, NA while the run is under way),
        ``workspace``, ``source``, ``mapping`` (a digest), ``rows`` and a column for each status, ``requests`` (Int64),
        ``results_path``, ``resubmit`` (bool) and ``journal`` (the file).

    Raises
    ------
    JournalError
        If nothing is at the path, or a file is not a journal, is damaged, was made by a later version, or cannot be
        read.

    Notes
    -----
    The files are only read, even while a run is under way. The journal does not hold the results: ``results_path`` is
    where a run wrote them. A run counts as ``"killed"`` if it wrote no end and its process is gone. Its counts are
    those that it wrote last. A run of another machine counts as killed when it has been silent for 60 s. Before the
    first run, ``"auto"`` gives a table without rows.

    Examples
    --------
    >>> import pandas as pd
    >>> import events_pandas as ep
    >>> orders = pd.DataFrame({"day": ["2024-01-31", "2024-02-30"], "who": ["00042", "00043"]})
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> with ep.Sandbox() as sandbox:
    ...     results = ep.submit_events(orders, mapping, client=sandbox.client(), journal="orders.sqlite")
    >>> ep.runs("orders.sqlite").drop(columns=["started_at", "took"])
       run       outcome  rows  accepted       source
    0    1  1 row to fix     2         1  a DataFrame
    """
    _require_there(journal)
    entries = [(entry, path) for path in journals_there(journal, workspace) for entry in read_runs(path, workspace)]
    found = _frame([entry for entry, _ in entries], [path for _, path in entries])
    found = found.sort_values(["started_at", "run"], ascending=False, kind="stable", ignore_index=True)
    return found if details else _short(found)


def _short(found: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that a person looks at, in a line of a screen."""
    took = [None if np.isnan(seconds) else duration_words(seconds) for seconds in found["duration"].dt.total_seconds()]
    return pd.DataFrame(
        {
            "run": found["run"],
            **({"workspace": found["workspace"]} if are_of_several(found) else {}),
            "started_at": found["started_at"].dt.as_unit("s"),
            "took": text_column(took),
            "outcome": text_column(outcome_words(found)),
            "rows": found["rows"],
            "accepted": found["accepted"],
            "source": text_column([_shortened(source) for source in found["source"]]),
        }
    )


def are_of_several(found: pd.DataFrame) -> bool:
    """Return whether runs are of several workspaces: numbers alone do not tell them apart."""
    return len(found["workspace"].unique()) > 1


def outcome_words(found: pd.DataFrame) -> list[str]:
    """Return how each run ended in words; `found` has the stored outcomes."""
    to_fix, arrived = (found[[status.value for status in statuses]].sum(axis=1) for statuses in (_TO_FIX, ARRIVED))
    words = map(_outcome_words, found["outcome"], to_fix, found["rows"] - arrived)
    # Its accepted rows may be events that were there before.
    return [f"{text} (resubmit)" if again else text for text, again in zip(words, found["resubmit"], strict=True)]


def _outcome_words(outcome: Any, to_fix: Any, left: Any) -> str:
    if pd.isna(outcome):
        return UNDER_WAY
    if outcome != INCOMPLETE:
        return str(outcome).replace("_", " ")
    return f"{counted(to_fix, 'row')} to fix" if to_fix else f"{counted(left, 'row')} to submit again"


def _shortened(text: str) -> str:
    """Cut a long text in its middle: the ends of a path say most."""
    end = LONGEST_SOURCE // 2
    return text if len(text) <= LONGEST_SOURCE else f"{text[: LONGEST_SOURCE - end - 3]}...{text[-end:]}"


def _require_there(journal: str | os.PathLike[str]) -> None:
    """Raise `JournalError` if a path was given, and nothing is there: it has a typing error."""
    # An empty path is another error.
    if journal == AUTO or not os.fspath(journal):
        return
    # The system may refuse to look: this is another error, too.
    with suppress(OSError, RuntimeError, ValueError):
        if not Path(journal).expanduser().exists():
            raise JournalError(Path(journal), problem="there is no journal", remedy="check the path")


def _frame(entries: Sequence[RunEntry], paths: Sequence[Path]) -> pd.DataFrame:
    started_at = np.array([entry.started_at for entry in entries], "datetime64[us]")
    # None becomes NaT.
    ended_at = np.array([entry.ended_at for entry in entries], "datetime64[us]")
    return pd.DataFrame(
        {
            "run": np.array([entry.run for entry in entries], np.int64),
            "started_at": utc_times(started_at),
            "duration": ended_at - started_at,
            "outcome": text_column([_outcome(entry) for entry in entries]),
            "workspace": text_column([entry.workspace for entry in entries]),
            "source": text_column([entry.source for entry in entries]),
            "mapping": text_column([entry.mapping for entry in entries]),
            "rows": _counts([None if entry.counts is None else sum(entry.counts.values()) for entry in entries]),
            **{status.value: _counts([_count(entry, status) for entry in entries]) for status in Status},
            "requests": _counts([entry.requests for entry in entries]),
            "results_path": text_column([entry.results_path for entry in entries]),
            "resubmit": np.array([entry.resubmit for entry in entries], bool),
            "journal": text_column([path_text(path) for path in paths]),
        }
    )


def _outcome(entry: RunEntry) -> str | None:
    return entry.outcome if entry.ended_at is not None or entry.is_under_way else KILLED


def _count(entry: RunEntry, status: Status) -> int | None:
    return None if entry.counts is None else entry.counts.get(status.value, 0)


def _counts(numbers: Sequence[int | None]) -> ExtensionArray:
    return pd.array(numbers, dtype="Int64")


class HistoryWriter:
    """Writes the entry of one run in the history of a journal, if there is one, and its end in its log.

    Parameters
    ----------
    facts : RunFacts
        What is known of the run when it begins.
    log : RunLog
        Where the run logs itself.
    clock : callable
        Returns seconds of a clock that never goes back.
    """

    def __init__(self, facts: RunFacts, log: RunLog, clock: Callable[[], float] = time.monotonic) -> None:
        self.facts = facts
        self._log = log
        self.others: list[OtherRun] = []
        self._journal: Journal | None = None
        self._counts: Counter[str] = Counter()
        self._requests = 0
        self._outcome = CLOSED
        self._clock = clock
        self._due_at = -math.inf
        self._seen_next = clock() + SEEN_SECONDS
        self._began_at = clock()

    def restart(self) -> None:
        """Let the run begin now, after it has waited for another one."""
        self.facts = replace(self.facts, started_at=dt.datetime.now(dt.UTC))

    def keep(self, journal: Journal) -> None:
        """Close a journal at the end of the block."""
        self._journal = journal

    def begin(self, journal: Journal, *, is_alone: bool = False) -> list[OtherRun]:
        """Write that the run begins; return the runs under way of the same files and mapping.

        Raise `RunUnderWayError` if there is one, and the run is to be alone.
        """
        self.keep(journal)
        twins = journal.begin_run(self.facts, is_alone=is_alone)
        self._log.run = journal.run
        return twins

    def say_under_way(self) -> None:
        """Write now and then that the run goes on, even while it records nothing, as in an outage."""
        now = self._clock()
        if self._journal is not None and now >= self._seen_next:
            self._seen_next = now + SEEN_SECONDS
            with suppress(JournalError):
                self._journal.say_under_way()

    def new_others(self) -> list[OtherRun]:
        """Return the other runs that are under way and were not returned before."""
        found: list[OtherRun] = []
        if self._journal is not None:
            # A run goes on if it cannot read about other runs.
            with suppress(JournalError):
                found = [other for other in self._journal.other_runs() if other not in self.others]
        self.others += found
        return found

    def add(self, results: pd.DataFrame, *, requests: int) -> None:
        """Count the results of a frame. `requests` are those of the run so far."""
        self._count(results)
        self._requests = requests
        now = self._clock()
        if self._journal is not None and now >= self._due_at:
            # Each entry waits for the disk, and a stream may have hundreds of frames in a second.
            self._due_at = now + ENTRY_SECONDS
            # The events are safe: the results must not be lost because an entry cannot be written.
            with suppress(JournalError):
                self._journal.tell_run(self._counts, requests=requests)

    def end(self, results: pd.DataFrame | None, *, outcome: str | None, requests: int) -> None:
        """Count the rest of the results, and keep how the run ended.

        `outcome` is the reason of an early end, None if the run came to its end.
        """
        if results is not None:
            self._count(results)
        self._requests = requests
        self._outcome = outcome or (INCOMPLETE if self._counts.keys() - set(ARRIVED) else "complete")

    def _count(self, results: pd.DataFrame) -> None:
        statuses = results["status"].array
        counts = np.bincount(statuses.codes, minlength=len(statuses.categories)).tolist()
        self._counts.update({str(status): n for status, n in zip(statuses.categories, counts, strict=True) if n})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        outcome = "error" if error is not None and self._outcome == CLOSED else self._outcome
        self._log.notice_stop()
        self._log.end(outcome, self._counts, seconds=self._clock() - self._began_at)
        if self._journal is None:
            return
        with suppress(JournalError):
            self._journal.end_run(outcome, self._counts, ended_at=dt.datetime.now(dt.UTC), requests=self._requests)
        with suppress(JournalError):
            self._journal.close()
