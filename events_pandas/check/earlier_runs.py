"""What earlier runs did with the rows of a frame: the journal is asked, and content decides."""

from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from events_pandas.check.collisions import KeyedRows, KeyIndex, blocks, numbered
from events_pandas.convert.cells import Mask, Rows
from events_pandas.convert.keys import EventKeys, Seconds, Words, event_words

# They stand for the time of an acceptance: nobody has the second, or an event may have been sent with it.
FREE = -1
CLAIMED = 0

HALF_BITS = np.uint64(32)
"""Half the bits of a digest."""

_NONE = np.zeros(0, np.int64)


class Entries(NamedTuple):
    """What a journal knows about some events; an event may have several entries, or none."""

    asked: Rows  # the event's position in the question
    payload: npt.NDArray[np.uint64]  # a digest of the metadata that was sent
    second: Seconds  # the second that was sent
    accepted_at: Seconds  # Unix seconds; `CLAIMED` if nobody knows whether it was accepted

    def take(self, places: Rows | Mask) -> "Entries":
        """Return some of the entries."""
        return Entries._make(values[places] for values in self)


class EarlierRuns(Protocol):
    """A journal of what earlier runs sent. Events are given by their keys, shape (2, n)."""

    def find(self, words: Words, /) -> Entries:
        """Return what other runs sent for events, by the seconds that their rows had."""
        ...

    def occupied(self, words: Words, /) -> Seconds:
        """Return when other runs' events were accepted, by the seconds that were sent; else `CLAIMED` or `FREE`."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class EarlierSubmissions:
    """The rows of a frame that earlier runs sent, and the rows whose second they gave to another event."""

    rows: Rows  # rows whose contact, name, second and metadata are in the journal, ascending
    seconds: Seconds  # the second under which each was sent
    accepted_at: Seconds  # when it was accepted; `CLAIMED`: it is to be sent again, under the same second
    blocked: Rows  # other rows that Intercom would take for a repeat, ascending
    blocked_since: Seconds  # when the event was accepted that has their second

    def without(self, rows: Rows) -> "EarlierSubmissions":
        """Return the submissions without the rows that are judged by other rows of their frame."""
        kept, still_blocked = ~np.isin(self.rows, rows), ~np.isin(self.blocked, rows)
        return replace(
            self,
            rows=self.rows[kept],
            seconds=self.seconds[kept],
            accepted_at=self.accepted_at[kept],
            blocked=self.blocked[still_blocked],
            blocked_since=self.blocked_since[still_blocked],
        )


NO_SUBMISSIONS = EarlierSubmissions(rows=_NONE, seconds=_NONE, accepted_at=_NONE, blocked=_NONE, blocked_since=_NONE)


def content_digests(payloads: npt.NDArray[np.uint64], added: Seconds) -> npt.NDArray[np.uint64]:
    """Return digests of the metadata and of the distance to the row's own second.

    `added` is how many seconds after its row's own second each event is sent. The lower half is the metadata's alone.
    """
    return payloads ^ added.astype(np.uint64) << HALF_BITS


def used_up(entries: Entries, keys: EventKeys, *, runs: EarlierRuns, own: KeyIndex) -> Mask:
    """Return the entries of other runs that are used up for this run, where each row is an event of its own.

    `keys` are those of the entries' events with the rows' own seconds; `own` has this run's events by the seconds that
    they were given, with their `content_digests`.
    """
    # An entry is used up if a row of this run with the same content has the same second, sent or not; a claim also if
    # another event was accepted in its second. A row gets a new second only if all entries of its content are used
    # up: when its frame is judged, and again when the second is claimed, since other runs write in between. So each
    # second of a content belongs to one row of this run, a content takes only as many seconds as the run with the
    # most rows of it, and a row whose content another run has sent finds that entry.
    sent = event_words(keys.streams[:, entries.asked], entries.second)
    is_used: Mask = entries.accepted_at == CLAIMED
    is_used[is_used] = runs.occupied(sent[:, is_used]) > CLAIMED
    # The second alone does not decide: this run's row may have been refused there because the other run was first.
    rows, held = own.find(sent)
    added = entries.second - keys.seconds[entries.asked]
    is_own: Mask = (rows >= 0) & (held == content_digests(entries.payload, added))
    return is_used | is_own


def find_submissions(frame: KeyedRows, rows: Rows, runs: EarlierRuns) -> EarlierSubmissions:
    """Return what earlier runs did with some rows of a frame, which are ascending and all valid."""
    # Ask once for each event: a contact may have thousands of rows in a second, and as many entries.
    events = numbered(frame.keys.words(rows))
    firsts = rows[np.unique(events, return_index=True)[1]]
    found, seconds, accepted_at = _found(frame, rows, events=events, entries=_entries(frame, firsts, runs))
    since = np.full(len(firsts), FREE)
    is_new = ~np.isin(rows, found)
    for asked in blocks(np.unique(events[is_new])):
        since[asked] = runs.occupied(frame.keys.words(firsts[asked]))
    # Where rows are spread, a claim takes a second too.
    is_blocked = is_new & (since[events] >= (CLAIMED if frame.is_spread else CLAIMED + 1))
    return EarlierSubmissions(
        rows=found,
        seconds=seconds,
        accepted_at=accepted_at,
        blocked=rows[is_blocked],
        blocked_since=since[events][is_blocked],
    )


def _entries(frame: KeyedRows, firsts: Rows, runs: EarlierRuns) -> Entries | None:
    """Return the entries of events, given by their first rows, that are not used up."""
    parts: list[Entries] = []
    for events in blocks(np.arange(len(firsts))):
        keys = frame.keys.of(firsts[events])
        found = runs.find(keys.words(slice(None)))
        if len(found.asked):
            # Claims matter only where rows are spread.
            is_lost = (
                used_up(found, keys, runs=runs, own=frame.index) if frame.is_spread else found.accepted_at == CLAIMED
            )
            parts.append(found._replace(asked=events[found.asked]).take(~is_lost))
    return Entries._make(map(np.concatenate, zip(*parts, strict=True))) if parts else None


def _found(frame: KeyedRows, rows: Rows, *, events: Rows, entries: Entries | None) -> tuple[Rows, Seconds, Seconds]:
    """Return the rows whose content has an entry, each with the second and the time of its entry."""
    if entries is None:
        return _NONE, _NONE, _NONE
    known = np.isin(events, entries.asked)
    chosen = rows[known]
    # A number for each event and payload, of rows and of entries.
    own_events, own_payloads = events[known].astype(np.uint64), frame.digests(chosen)[0]
    both_events = np.concatenate([own_events, entries.asked.astype(np.uint64)])
    contents = numbered(np.stack([both_events, np.concatenate([own_payloads, entries.payload])]))
    own, theirs = np.split(contents, [len(chosen)])
    # Accepted entries come first: a row with a claim is sent again.
    order = np.lexsort((entries.second, entries.accepted_at == CLAIMED, theirs))
    firsts, ends = (np.searchsorted(theirs[order], own, side=side) for side in ("left", "right"))
    # Where rows are spread, rows with the same content have an entry each; otherwise they share the first.
    places = firsts + pd.Series(own).groupby(own).cumcount().to_numpy() if frame.is_spread else firsts
    is_found = places < ends
    found = entries.take(order[places[is_found]])
    return chosen[is_found], found.second, found.accepted_at
