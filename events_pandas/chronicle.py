"""What a run tells the journal about itself: when it began, how far it is, and how it ended."""

import datetime as dt
import math
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import numpy as np
import pandas as pd

from events_pandas.deliver.journal import Journal, OtherRun, RunFacts
from events_pandas.errors import JournalError
from events_pandas.results.summary import ARRIVED

CLOSED: Final = "closed"
"""The outcome of a stream that its reader left."""
TOLD_SECONDS: Final = 1.0
"""How old the counts of a run may be that goes on, or that was killed."""


class Chronicle:
    """The entry of one run in the history of a journal; without a journal nothing is told.

    Parameters
    ----------
    facts : RunFacts
        What is known of the run when it begins.
    clock : callable, optional
        The local clock, in seconds.

    Attributes
    ----------
    facts : RunFacts
        The same.
    others : list of OtherRun
        Other runs that were under way in the journal at the same time, as far as they were met.
    """

    def __init__(self, facts: RunFacts, clock: Callable[[], float] = time.monotonic) -> None:
        self.facts = facts
        self.others: list[OtherRun] = []
        self._journal: Journal | None = None
        self._counts: Counter[str] = Counter()
        self._requests = 0
        self._outcome = CLOSED
        self._clock = clock
        self._due_at = -math.inf

    def begin(self, journal: Journal) -> None:
        """Tell that the run begins.

        Parameters
        ----------
        journal : Journal
            It is closed with the chronicle.
        """
        self._journal = journal
        journal.begin_run(self.facts)

    def meet(self) -> list[OtherRun]:
        """Look which other runs are under way.

        Returns
        -------
        list of OtherRun
            The runs that were not met before.
        """
        met: list[OtherRun] = []
        if self._journal is not None:
            # A run goes on where it cannot learn of the others.
            with suppress(JournalError):
                met = [other for other in self._journal.other_runs() if other not in self.others]
        self.others += met
        return met

    def add(self, results: pd.DataFrame, *, requests: int) -> None:
        """Tell of rows that are done.

        Parameters
        ----------
        results : pandas.DataFrame
            Of a frame.
        requests : int
            Requests of the run so far.
        """
        self._count(results)
        self._requests = requests
        now = self._clock()
        if self._journal is not None and now >= self._due_at:
            # Each entry is a wait for the disk, and a stream may have hundreds of frames in a second.
            self._due_at = now + TOLD_SECONDS
            # The events are safe: an entry that cannot be written must not cost the results.
            with suppress(JournalError):
                self._journal.tell_run(self._counts, requests=requests)

    def end(self, results: pd.DataFrame | None, *, outcome: str | None, requests: int) -> None:
        """Tell how the run ended.

        Parameters
        ----------
        results : pandas.DataFrame or None
            Of the rows that were not told of before.
        outcome : str or None
            Why it ended early; None if it did not.
        requests : int
            Requests of the run.
        """
        if results is not None:
            self._count(results)
        self._requests = requests
        self._outcome = outcome or ("incomplete" if self._counts.keys() - set(ARRIVED) else "complete")

    def _count(self, results: pd.DataFrame) -> None:
        statuses = results["status"].array
        counts = np.bincount(statuses.codes, minlength=len(statuses.categories)).tolist()
        self._counts.update({str(status): n for status, n in zip(statuses.categories, counts, strict=True) if n})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._journal is None:
            return
        outcome = self._outcome
        if error is not None and outcome == CLOSED and not isinstance(error, GeneratorExit):
            outcome = "interrupted" if isinstance(error, KeyboardInterrupt) else "error"
        with suppress(JournalError):
            self._journal.end_run(outcome, self._counts, ended_at=dt.datetime.now(dt.UTC), requests=self._requests)
        with suppress(JournalError):
            self._journal.close()
