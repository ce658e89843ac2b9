"""Accepted events verified: a sample is drawn, and the counts of its contacts are read back and compared."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from events_pandas.convert import Converter, EventBatch
from events_pandas.convert.cells import Rows
from events_pandas.deliver import WorkspaceIdentity
from events_pandas.deliver.pace.pacer import Pacer
from events_pandas.errors import CredentialsError
from events_pandas.mapping import EventMapping, bind, require_mapping
from events_pandas.results.accepted import REQUIRED_COLUMNS, DrawnEvents, SubmittedRows, accepted_events
from events_pandas.results.comparison import verification_of
from events_pandas.results.contacts import other_row, positions_in, require_results
from events_pandas.results.reading import row_numbers
from events_pandas.results.verification import Verification
from events_pandas.run.asking import Asking
from events_pandas.run.desk import Desk
from events_pandas.run.event_summaries import EventSummaries
from events_pandas.run.options import RunOptions, is_number
from events_pandas.wording import Setting

SETTLE_SECONDS: Final = 900.0
"""So long after it was submitted, an event is taken to be visible. Intercom does not say how long it takes."""

_ROWS_AT_A_TIME: Final = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifyOptions:
    """What is drawn and how it is judged, checked."""

    sample: int = 200
    seed: int = 0
    settle_seconds: float = SETTLE_SECONDS
    include_identifier: bool = False

    def __post_init__(self) -> None:
        for name, least, example in (("sample", 1, 200), ("seed", 0, 0)):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
                expected = f"expected a whole number of at least {least}"
                raise ValueError(f"{name}: {expected}, got {value!r}: use {example} or the like")
        seconds = self.settle_seconds
        if not is_number(seconds) or not 0 <= seconds < float("inf"):
            raise ValueError(f"settle_seconds: expected a number of seconds, got {seconds!r}: use 900 or the like")


class SubmittedFrame:
    """The rows of a frame that was submitted."""

    def __init__(self, frame: pd.DataFrame, mapping: EventMapping) -> None:
        self.is_spread = mapping.duplicates == "spread"
        self._frame = frame
        self._converter = Converter(bind(frame, replace(mapping, metadata={})))

    def positions(self, results: pd.DataFrame, places: Rows) -> Rows:
        """Return the positions of some rows of results in the frame. Raise `ValueError` if it is too short."""
        return positions_in(self._frame, results, results["row"].iloc[places])

    def batches(self, positions: Rows) -> Iterator[EventBatch]:
        """Convert rows, in ascending order."""
        for start in range(0, len(positions), _ROWS_AT_A_TIME):
            yield self._converter.convert_rows(positions[start : start + _ROWS_AT_A_TIME])

    def other_row(self, position: int, *, row: int) -> Exception:
        """Return the error for a row that is not the row of the results."""
        return other_row(position, row=row)


@dataclass(kw_only=True, slots=True)
class VerificationRun:
    """Reads back the counts of the contacts of drawn events. It can be asked for what it has whenever that ends."""

    results: pd.DataFrame
    drawn: DrawnEvents
    options: RunOptions
    include_identifier: bool = False
    _summaries: EventSummaries = field(init=False)
    _workspace: WorkspaceIdentity | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._summaries = EventSummaries(contacts=self.drawn.contacts())

    def run(self) -> Verification:
        """Ask, and compare. Raise the error of a run that ended early with the groups so far as its results."""
        desk = Desk()

        def work() -> pd.DataFrame:
            with self.options.opened_client() as client:
                asking = Asking(client=client, options=self.options, desk=desk, pacer=Pacer(self.options.rate_share))
                if self._summaries.contacts:
                    asking.find_workspace()
                    self._require_workspace(asking.workspace)
                    self._summaries.ask(asking)
            groups = self.so_far().groups
            if (stop := asking.stop) is not None:
                raise stop.advising(self._advice()).error(groups)
            return groups

        desk.run(work, first=lambda: True)
        return self.so_far()

    @property
    def has_answers(self) -> bool:
        """Whether Intercom has answered for a contact."""
        return self._summaries.known > 0

    def so_far(self) -> Verification:
        """Return what the answers say that have come."""
        return verification_of(
            self.drawn,
            self._summaries.answers,
            self.results,
            include_identifier=self.include_identifier,
            workspace=self._workspace,
        )

    def _advice(self) -> str:
        have = f"{self._summaries.known:,} of {len(self._summaries.contacts):,} contacts have an answer"
        return f"verify again: {have}"

    def _require_workspace(self, found: WorkspaceIdentity | None) -> None:
        """Raise `CredentialsError` if another workspace is asked than the one that has the events."""
        self._workspace = found
        self.options.require_workspace(found)
        known: dict[str, Any] = self.results.attrs.get("run", {}).get("workspace") or {}
        if found is not None and found.id_code and known.get("id_code") not in (None, found.id_code):
            problem = f"the access token belongs to '{found.id_code}', and the results are of '{known['id_code']}'"
            raise CredentialsError((Setting.WORKSPACE, f": {problem}"), remedy="use the token of that workspace")


def verify_frame(
    results: pd.DataFrame,
    frame: pd.DataFrame,
    mapping: EventMapping,
    *,
    verify: VerifyOptions,
    options: RunOptions,
) -> Verification:
    """Verify the events of a frame, as `verify` documents."""
    require_mapping(mapping)
    require_results(results, frame, columns=REQUIRED_COLUMNS)
    results = results.assign(row=row_numbers(results["row"]))
    run = verification_run(results, SubmittedFrame(frame, mapping), verify=verify, options=options)
    return run.run()


def verification_run(
    results: pd.DataFrame,
    rows: SubmittedRows,
    *,
    verify: VerifyOptions,
    options: RunOptions,
) -> VerificationRun:
    """Find the accepted events, and draw a sample of them."""
    settled_by = round((time.time() - verify.settle_seconds) * 1e6)
    drawn = accepted_events(results, rows).draw(verify.sample, seed=verify.seed, settled_by=settled_by)
    return VerificationRun(results=results, drawn=drawn, options=options, include_identifier=verify.include_identifier)
