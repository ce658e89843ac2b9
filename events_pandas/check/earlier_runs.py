"""What earlier runs did with the rows of a frame: the journal is asked, and content decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from events_pandas.check.collisions import BLOCK_ROWS, KeyIndex, numbered
from events_pandas.convert.cells import Mask, Rows
from events_pandas.convert.keys import EventKeys, Seconds, Words, event_words

# They stand for the time of an acceptance: nobody has the second, or an event may have been sent with it.
FREE = -1
CLAIMED = 0

HALF_BITS = np.uint64(32)
"""Half the bits of a digest."""

_NONE = np.zeros(0, np.int64)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entries:
    """What a journal knows about some events; an event may have several entries, or none."""

    asked: Rows  # the event's position in the question
    payload: npt.NDArray[np.uint64]  # a digest of the metadata that was sent
    second: Seconds  # the second that was sent
    accepted_at: Seconds  # Unix seconds; `CLAIMED` if nobody knows whether it was accepted

    @staticmethod
    def joined(parts: "Sequence[Entries]", lengths: Sequence[int]) -> "Entries":
        """Join the answers of several look-ups; `lengths` are their numbers of events."""
        starts = np.cumsum([0, *lengths])
        asked = [part.asked + start for part, start in zip(parts, starts.tolist(), strict=False)]
        return Entries(
            asked=np.concatenate([_NONE, *asked]),
            payload=np.concatenate([_NONE.view(np.uint64), *(part.payload for part in parts)]),
            second=np.concatenate([_NONE, *(part.second for part in parts)]),
            accepted_at=np.concatenate([_NONE, *(part.accepted_at for part in parts)]),
        )


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


def used_up(entries: Entries, keys: EventKeys, *, runs: EarlierRuns, own: KeyIndex | None) -> Mask:
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
    if own is not None:
        # The second alone does not decide: this run's row may have been refused there because the other run was first.
        rows, held = own.find(sent)
        added = entries.second - keys.seconds[entries.asked]
        is_used |= (rows >= 0) & (held == content_digests(entries.payload, added))
    return is_used


_CONTENT = ["event", "payload"]


@dataclass(frozen=True, kw_only=True, slots=True)
class JournalQuery:
    """Asks a journal about the rows of a frame."""

    runs: EarlierRuns
    keys: EventKeys  # of all rows of the frame, with their own seconds
    digests_of: Callable[[Rows], npt.NDArray[np.uint64]]  # of the metadata of rows
    index: KeyIndex | None  # the events of earlier frames of this run, which belong to no other run
    # Rows of the same metadata are several events, each with an entry of its own, and a claim takes a second.
    is_spread: bool

    def ask(self, rows: Rows) -> EarlierSubmissions:
        """Return what earlier runs did with the rows, which are ascending and all valid."""
        # Ask once for each event: a contact may have thousands of rows in a second, and as many entries.
        events = numbered(self.keys.words(rows))
        firsts = rows[np.unique(events, return_index=True)[1]]
        found, seconds, accepted_at = self._found(rows, events, firsts)
        since = self._occupied_since(events, firsts=firsts, where=~np.isin(rows, found))
        is_blocked = since >= (CLAIMED if self.is_spread else CLAIMED + 1)
        return EarlierSubmissions(
            rows=found,
            seconds=seconds,
            accepted_at=accepted_at,
            blocked=rows[is_blocked],
            blocked_since=since[is_blocked],
        )

    def _found(self, rows: Rows, events: Rows, firsts: Rows) -> tuple[Rows, Seconds, Seconds]:
        """Return the rows that other runs sent, each with the second and the time of its entry."""
        known = self._known(firsts)
        if not len(known.asked):
            return _NONE, _NONE, _NONE
        entries = self._entries(known, firsts)
        contents = self._contents(rows, events, entries)
        found = self._matches(contents, entries.loc[~entries["is_lost"]])
        return found["row"].to_numpy(), found["second"].to_numpy(), found["accepted_at"].to_numpy()

    def _contents(self, rows: Rows, events: Rows, entries: pd.DataFrame) -> pd.DataFrame:
        """Return the content of the rows whose event has entries."""
        known = np.flatnonzero(np.isin(events, entries["event"]))
        return pd.DataFrame({"row": rows[known], "event": events[known], "payload": self.digests_of(rows[known])})

    def _matches(self, contents: pd.DataFrame, entries: pd.DataFrame) -> pd.DataFrame:
        """Return the rows whose content is in the journal, each with its entry."""
        # Accepted entries come first: a row with a claim is sent again.
        order = np.lexsort((entries["second"], entries["accepted_at"] == CLAIMED))
        ranked = entries.iloc[order].assign(rank=entries.iloc[order].groupby(_CONTENT).cumcount())
        # Where rows are spread, rows with the same content have an entry each; otherwise they share the first.
        ranks = contents.groupby(_CONTENT).cumcount() if self.is_spread else 0
        return contents.assign(rank=ranks).merge(ranked, on=[*_CONTENT, "rank"]).sort_values("row")

    def _occupied_since(self, events: Rows, *, firsts: Rows, where: Mask) -> Seconds:
        """Return since when the own second of some rows is taken; `FREE` where it is not, or where nobody asks."""
        asked = np.unique(events[where])
        since = np.full(len(firsts), FREE)
        since[asked] = _in_blocks(lambda block: self.runs.occupied(self.keys.words(block)), firsts[asked])
        return np.where(where, since[events], FREE)

    def _known(self, firsts: Rows) -> Entries:
        """Return the entries of events, by their first rows."""
        blocks = [firsts[start : start + BLOCK_ROWS] for start in range(0, len(firsts), BLOCK_ROWS)]
        return Entries.joined([self.runs.find(self.keys.words(block)) for block in blocks], list(map(len, blocks)))

    def _entries(self, found: Entries, firsts: Rows) -> pd.DataFrame:
        """Return entries as a table, and mark the entries that are used up."""
        # Claims matter only where rows are spread.
        is_lost = found.accepted_at == CLAIMED
        if self.is_spread:
            is_lost = used_up(found, self.keys.of(firsts), runs=self.runs, own=self.index)
        columns = {"event": found.asked, "payload": found.payload, "second": found.second}
        return pd.DataFrame({**columns, "accepted_at": found.accepted_at, "is_lost": is_lost})


def _in_blocks(ask: Callable[[Rows], Seconds], rows: Rows) -> Seconds:
    return np.concatenate([_NONE, *(ask(rows[at : at + BLOCK_ROWS]) for at in range(0, len(rows), BLOCK_ROWS))])
