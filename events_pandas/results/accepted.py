"""The events that results call accepted, each once, and a random sample of them with all others of its contacts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from events_pandas.convert import EventBatch
from events_pandas.convert.cells import Rows
from events_pandas.deliver import Status
from events_pandas.results.contacts import first_other
from events_pandas.results.reading import TIME_COLUMNS, times_of

REQUIRED_COLUMNS: Final = ("row", "status", *TIME_COLUMNS)
"""The columns of results that tell which events were accepted, and when."""

# A duplicate is the event of another row. Its own second may be another one, if that row was spread.
_ACCEPTED: Final = [Status.ACCEPTED.value, Status.ALREADY_SUBMITTED.value]
_SAME: Final = ["group", "second"]
_SETTLED: Final = ["settled_events", "settled_first", "settled_last"]


class SubmittedRows(Protocol):
    """The rows that were submitted, read again."""

    @property
    def is_spread(self) -> bool:
        """Whether the mapping gives rows later seconds."""

    def positions(self, results: pd.DataFrame, places: Rows) -> Rows:
        """Return the positions of some rows of results among the rows that were submitted."""

    def batches(self, positions: Rows) -> Iterator[EventBatch]:
        """Convert rows, in ascending order."""

    def other_row(self, position: int, *, row: int) -> Exception:
        """Return the error for a row that is not the row of the results."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceptedEvents:
    """The events that were accepted, in the order of the rows.

    Parameters
    ----------
    events : pandas.DataFrame
        Each event once: the ``place`` of its first row in the results, the ``position`` of this row among those
        submitted, its ``second`` as sent, when it was ``submitted`` (Unix microseconds; the smallest int64 if that is
        not known), and digests of its ``contact`` and its ``group``, the contact with the normalized event name.
    open_groups : numpy.ndarray of uint64
        The groups of events that may have arrived, although no answer says so.
    """

    # A digest has 64 bits: among a million contacts, the odds that two share one are 1 in 40 million.
    rows: SubmittedRows
    events: pd.DataFrame
    open_groups: npt.NDArray[np.uint64]

    def draw(self, sample: int, *, seed: int, settled_by: int) -> "DrawnEvents":
        """Draw events at random, without replacement, and group all events of their contacts.

        `settled_by` is in Unix microseconds: events that were submitted before are visible.
        """
        events, size = self.events, min(sample, len(self.events))
        drawn = np.random.default_rng(seed).choice(len(events), size=size, replace=False)
        contacts = pd.unique(events["contact"].iloc[drawn])
        chosen = events[events["contact"].isin(contacts)]
        by_group = chosen.groupby("group", sort=False)
        groups = by_group[["place", "position", "contact"]].first()
        settled = _spans(chosen[chosen["submitted"] < settled_by]).add_prefix("settled_")
        groups = groups.join(_spans(chosen)).join(settled)
        groups[_SETTLED] = groups[_SETTLED].fillna(0).astype(np.int64)
        groups["is_open"] = groups.index.isin(self.open_groups)
        groups["asked"] = pd.Index(contacts).get_indexer(pd.Index(groups["contact"]))
        groups = groups.sort_values("position")
        return DrawnEvents(
            population=len(events),
            groups=self._named(groups),
            order=groups.index.get_indexer(pd.Index(events["group"].iloc[drawn])),
            positions=chosen["position"].to_numpy(np.int64),
            owners=groups.index.get_indexer(pd.Index(chosen["group"])),
        )

    def _named(self, groups: pd.DataFrame) -> pd.DataFrame:
        """Add event names and contacts, which are read again: all of them would be too many to keep."""
        columns = {name: np.full(len(groups), None, object) for name in ("identifier", "contact", "event_name")}
        first = 0
        for batch in self.rows.batches(groups["position"].to_numpy(np.int64)):
            part = slice(first, first + len(batch.rows))
            columns["identifier"][part], columns["contact"][part] = batch.contacts.named()
            columns["event_name"][part] = batch.normalized_names(np.ones(len(batch.rows), bool))
            first = part.stop
        return groups.assign(**columns).reset_index(drop=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnEvents:
    """A sample of the events, and all accepted events of its contacts.

    Parameters
    ----------
    groups : pandas.DataFrame
        A row for each contact and event name: ``place`` and ``position`` of the first row; how many ``events`` it has,
        and the ``first`` and ``last`` second, the same of those that are ``settled_``; ``is_open``; ``identifier``,
        ``contact`` and ``event_name``; and ``asked``, the position of the contact in the order drawn.
    order : numpy.ndarray of int64
        The group of each event that was drawn, as a row of `groups`, in the order drawn.
    positions : numpy.ndarray of int64
        The position of each event of the groups among the rows that were submitted.
    owners : numpy.ndarray of int64
        The group of each of these events, as a row of `groups`.
    """

    population: int
    groups: pd.DataFrame
    order: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    owners: npt.NDArray[np.int64]

    def rows_of(self, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Return the positions of all events of some groups; `chosen` is as long as `groups`."""
        return np.sort(self.positions[chosen[self.owners]])

    def first(self, unanswered: Sequence[int]) -> npt.NDArray[np.int64]:
        """Return the groups of the first events, up to the first one whose contact has no answer.

        They are a random sample too, whenever asking ended. All events with an answer would not be: contacts with many
        events are drawn, and asked for, earlier.
        """
        asked = self.groups["asked"].to_numpy(np.int64)[self.order]
        return self.order[~np.logical_or.accumulate(np.isin(asked, unanswered))]

    def contacts(self) -> Sequence[tuple[str, str]]:
        """Return identifier and text of each contact, in the order in which they were drawn."""
        firsts = self.groups.drop_duplicates("asked").sort_values("asked")
        return list(firsts[["identifier", "contact"]].itertuples(index=False, name=None))


def _spans(events: pd.DataFrame) -> pd.DataFrame:
    """Return how many events each group has, and their first and last second."""
    seconds = events.groupby("group")["second"]
    return seconds.agg(["size", "min", "max"]).set_axis(["events", "first", "last"], axis="columns")


def accepted_events(results: pd.DataFrame, rows: SubmittedRows) -> AcceptedEvents:
    """Find the events that were accepted, by any run: rows that repeat an event count once."""
    is_accepted = results["status"].isin(_ACCEPTED).to_numpy(bool)
    places = np.flatnonzero(is_accepted | results["status"].eq(Status.FAILED.value).to_numpy(bool))
    positions = rows.positions(results, places)
    order = np.argsort(positions, kind="stable")
    places, positions = places[order], positions[order]
    sent = results[["row", *TIME_COLUMNS]].iloc[places]
    table = pd.DataFrame(
        {
            "place": places,
            "position": positions,
            "second": times_of(sent, "created_at").astype("datetime64[s]").astype(np.int64),
            "submitted": times_of(sent, "submitted_at").astype(np.int64),
        }
    )
    table["contact"], table["group"] = _digests(table, results, rows)
    accepted, failed = table[is_accepted[places]], table[~is_accepted[places]]
    # Rows that were sent in spite of being repeats are one event.
    latest = accepted.groupby(_SAME, sort=False)["submitted"].max().to_numpy()
    events = accepted.drop_duplicates(_SAME, ignore_index=True).assign(submitted=latest)
    known = events.loc[events["group"].isin(failed["group"]), _SAME]
    is_known = pd.MultiIndex.from_frame(failed[_SAME]).isin(pd.MultiIndex.from_frame(known))
    return AcceptedEvents(rows=rows, events=events, open_groups=failed["group"].to_numpy(np.uint64)[~is_known])


def _digests(
    table: pd.DataFrame, results: pd.DataFrame, rows: SubmittedRows
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Return digests of contact and group of each row. Raise the error for a row that is not that of the results."""
    contacts, groups = (np.zeros(len(table), np.uint64) for _ in range(2))
    positions, seconds, first = table["position"].to_numpy(), table["second"].to_numpy(), 0
    # An earlier run may have spread the rows, whatever this one does.
    statuses = results["status"].iloc[table["place"]]
    may_be_later = rows.is_spread | statuses.eq(Status.ALREADY_SUBMITTED.value).to_numpy(bool)
    for batch in rows.batches(positions):
        part = slice(first, first + len(batch.rows))
        if (other := first_other(batch, seconds[part], may_be_later=may_be_later[part])) is not None:
            row = int(results["row"].iloc[table["place"].iloc[first + other]])
            raise rows.other_row(int(positions[first + other]), row=row)
        contacts[part], groups[part] = batch.contacts.words[0], batch.keys().streams[0]
        first = part.stop
    return contacts, groups
