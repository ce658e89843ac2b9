"""Accepted events compared with what Intercom counts for their contacts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray

from events_pandas.convert.keys import NO_TIME
from events_pandas.deliver import WorkspaceIdentity
from events_pandas.results.accepted import DrawnEvents
from events_pandas.results.arrival import ARRIVAL_STATUS_DTYPE, NO_EVENTS, ArrivalStatus, EventCount, judge_arrival
from events_pandas.results.frame import text_column, utc_times
from events_pandas.results.summary import place_of
from events_pandas.results.verification import Verification

FILE_COLUMNS: Final = ("source_file", "line")
"""The columns of results that say where in files a row is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactSummary:
    """What Intercom counts for a contact.

    Parameters
    ----------
    counts : mapping of str to EventCount
        By normalized event name; None for a count that cannot be read.
    is_whole : bool
        Whether a name that is missing has no events.
    is_gone : bool
        Whether the identifier no longer names one contact.
    """

    counts: Mapping[str, EventCount | None] = field(default_factory=dict)
    is_whole: bool = True
    is_gone: bool = False

    def count_of(self, event_name: str) -> EventCount | None:
        """Return the count of a name; None if it is not known."""
        return self.counts.get(event_name, NO_EVENTS if self.is_whole else None)


def verification_of(
    drawn: DrawnEvents,
    summaries: Sequence[ContactSummary | None],
    results: pd.DataFrame,
    *,
    include_identifier: bool,
    workspace: WorkspaceIdentity | None,
) -> Verification:
    """Compare the accepted events with the summaries of their contacts, in the order in which contacts were drawn.

    A summary is None if the questions ended before its answer.
    """
    groups = drawn.groups
    unanswered = [number for number, summary in enumerate(summaries) if summary is None]
    order = drawn.first(unanswered)
    asked = zip(groups.itertuples(), groups["asked"].tolist(), strict=True)
    judged = [_judged(group, summaries[number]) for group, number in asked]
    firsts = results.iloc[groups["place"].to_numpy()]
    columns = {
        "row": firsts["row"].to_numpy(np.int64),
        **_counted(groups, judged),
        "drawn": np.bincount(order, minlength=len(groups)),
        "status": pd.Categorical([one.status.value for one in judged], dtype=ARRIVAL_STATUS_DTYPE),
        **{name: firsts[name].array for name in FILE_COLUMNS if name in firsts},
    }
    if include_identifier:
        columns |= {name: text_column(groups[name].to_numpy(object)) for name in ("identifier", "contact")}
    # Labels may name contacts, whatever the index is called.
    result = pd.DataFrame(columns, index=firsts.index if include_identifier else pd.RangeIndex(len(firsts)))
    return Verification(
        groups=result,
        differing_rows=drawn.rows_of(result["status"].eq(ArrivalStatus.DIFFERING.value).to_numpy(bool)),
        places=[place_of(first) for first in result.itertuples()],
        accepted=drawn.population,
        contacts=groups["asked"].iloc[order].nunique(),
        unanswered=len(unanswered),
        workspace=workspace,
    )


class _Judged(NamedTuple):
    """What is known of a contact and an event name."""

    status: ArrivalStatus
    missing: int | None = None
    found: EventCount | None = None


def _judged(group: Any, summary: ContactSummary | None) -> _Judged:
    """Judge a group of `DrawnEvents`."""
    if summary is None:
        return _Judged(ArrivalStatus.UNANSWERED)
    if summary.is_gone:
        return _Judged(ArrivalStatus.GONE)
    if (found := summary.count_of(group.event_name)) is None:
        return _Judged(ArrivalStatus.UNANSWERED)
    accepted = EventCount(group.events, group.first, group.last)
    settled = EventCount(group.settled_events, group.settled_first, group.settled_last)
    return _Judged(*judge_arrival(accepted, settled, found, is_open=group.is_open), found)


def _counted(groups: pd.DataFrame, judged: "Sequence[_Judged]") -> dict[str, Any]:
    """Return the columns of what was accepted and found."""
    found = [one.found if one.found is not None and one.found.count else None for one in judged]
    return {
        "event_name": text_column(groups["event_name"].to_numpy(object)),
        "accepted": groups["events"].to_numpy(np.int64),
        "found": pd.array([None if one.found is None else one.found.count for one in judged], dtype="Int64"),
        "missing": pd.array([one.missing for one in judged], dtype="Int64"),
        "first_accepted": _times(groups["first"].tolist()),
        "last_accepted": _times(groups["last"].tolist()),
        "first_found": _times([None if one is None else one.first for one in found]),
        "last_found": _times([None if one is None else one.last for one in found]),
    }


def _times(seconds: Sequence[int | None]) -> ExtensionArray:
    """Return Unix seconds as a column of times; None becomes NaT."""
    numbers = np.array([NO_TIME if second is None else second for second in seconds], np.int64)
    return utc_times(numbers.view("datetime64[s]"))
