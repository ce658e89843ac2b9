"""When the results of a run are passed on, and the facts of the run that they carry."""

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final, TypeAlias

import pandas as pd

from events_pandas.deliver import Engine, stop_for_error
from events_pandas.run.contact_gate import ContactGate
from events_pandas.run.display import RunDisplay
from events_pandas.run.frames import RunFrames
from events_pandas.run.history import HistoryWriter
from events_pandas.run.options import RunOptions
from events_pandas.words import path_text

Take: TypeAlias = Callable[[pd.DataFrame], object]

PASSED_ON_SECONDS: Final = 3.0
PASSED_ON_EVENTS: Final = 500
"""Results of files are passed on after so long or so many events: a kill loses only those of the last seconds."""


@dataclass(kw_only=True, slots=True)
class PassingOn:
    """Passes on the results of each frame that is complete, and those of files every few seconds.

    Parameters
    ----------
    take : callable
        Takes the results.
    is_early : bool
        Whether results are passed on before their frame is complete.
    """

    take: Take
    is_early: bool
    options: RunOptions
    frames: RunFrames
    engine: Engine
    history: HistoryWriter
    display: RunDisplay
    gate: ContactGate | None
    # Results without rows, once some were passed on.
    no_results: pd.DataFrame = field(default_factory=pd.DataFrame, init=False)
    # When results were passed on last, and the number of events whose results have come since.
    _passed_on_at: float = field(default=-math.inf, init=False)
    _waiting: int = field(default=0, init=False)

    def note_piece(self, events: int) -> None:
        """Pass on results if they are due, now that the next events of a frame are done: so many."""
        frame, now = self.frames.first, self.engine.clock.monotonic()
        end = frame.piece_done()
        self._waiting += events
        is_due = self._waiting >= PASSED_ON_EVENTS or now - self._passed_on_at >= PASSED_ON_SECONDS
        if end == frame.n_rows or (is_due and self.is_early):
            self._passed_on_at, self._waiting = now, 0
            self.display.show_other_runs()
            try:
                self.pass_on(end)
            except Exception as error:
                if self.engine.is_inherited:
                    raise
                # Not out of the loop: the outcomes of requests under way are still to be entered.
                self.engine.stop_by(stop_for_error(error))

    def pass_on(self, end: int) -> None:
        """Pass on the results of the first frame up to a row."""
        results = self.frames.completed(end)
        results.attrs["run"] = self.facts(results)
        self.no_results = results.iloc[:0]
        self.take(results)
        self.history.add(results, requests=self.engine.requests)
        self.frames.forget(end)

    def facts(self, results: pd.DataFrame) -> dict[str, Any]:
        """Return the facts of the run, in types that every file format of pandas can keep."""
        engine, journal = self.engine, self.frames.journal
        workspace = engine.workspace
        return {
            "workspace": None if workspace is None else {"id_code": workspace.id_code, "name": workspace.name},
            "region": None if workspace is None else workspace.region,
            "started_at": self.history.facts.started_at.isoformat(timespec="seconds"),
            "ended_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "limit": engine.pacer.limit,
            "rate_share": self.options.rate_share,
            "requests": engine.requests,
            "retries": engine.retries,
            "contact_requests": 0 if self.gate is None else self.gate.asking.requests,
            "keeps_journal": self.options.journal is not None,
            "journal": None if journal is None else path_text(journal.path),
            "journal_mode": None if journal is None else journal.mode,
            "frame": {"first_row": int(results["row"].min()) if len(results) else 0, "rows": len(results)},
            "other_runs": [other._asdict() for other in self.history.others],
            "notes": [asdict(cause) for cause in self.frames.notes.values()],
        }
