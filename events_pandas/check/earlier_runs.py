"""What earlier runs have made of the rows of a frame: a journal is asked, and content decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from events_pandas.check.collisions import BLOCK_ROWS, KeyIndex, numbered
from events_pandas.convert.cells import Mask, Rows
from events_pandas.convert.keys import EventKeys, Seconds, Words, event_words

FREE = -1
CLAIMED = 0
"""In place of the time of an acceptance: nobody has the second, or somebody may have been sent with it."""
HALF_BITS = np.uint64(32)
"""Of a digest."""

_NONE = np.zeros(0, np.int64)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entries:
    """What a journal knows of some events; each may have several entries, or none.

    Parameters
    ----------
    asked : numpy.ndarray of int64, shape (n,)
        The position of the event among those asked for.
    payload : numpy.ndarray of uint64, shape (n,)
        A digest of the metadata that was sent.
    second : numpy.ndarray of int64, shape (n,)
        The second that was sent.
    accepted_at : numpy.ndarray of int64, shape (n,)
        When it was accepted, in Unix seconds; `CLAIMED` where nobody knows whether it was.
    """

    asked: Rows
    payload: npt.NDArray[np.uint64]
    second: Seconds
    accepted_at: Seconds

    @staticmethod
    def joined(parts: "Sequence[Entries]", lengths: Sequence[int]) -> "Entries":
        """Return the answers to several questions as the answer to one.

        Parameters
        ----------
        parts : sequence of Entries
            The answers.
        lengths : sequence of int
            How many events each question was about.

        Returns
        -------
        Entries
            All of them, positions counted over all questions.
        """
        starts = np.cumsum([0, *lengths])
        asked = [part.asked + start for part, start in zip(parts, starts.tolist(), strict=False)]
        return Entries(
            asked=np.concatenate([_NONE, *asked]),
            payload=np.concatenate([_NONE.view(np.uint64), *(part.payload for part in parts)]),
            second=np.concatenate([_NONE, *(part.second for part in parts)]),
            accepted_at=np.concatenate([_NONE, *(part.accepted_at for part in parts)]),
        )


class EarlierRuns(Protocol):
    """A journal of what earlier runs sent."""

    def find(self, words: Words, /) -> Entries:
        """Return what other runs have sent of events, by the seconds that their rows had.

        Parameters
        ----------
        words : numpy.ndarray of uint64, shape (2, n)
            Their keys.

        Returns
        -------
        Entries
            All there are.
        """
        ...

    def occupied(self, words: Words, /) -> Seconds:
        """Tell which events Intercom has from other runs, by the seconds that were sent.

        Parameters
        ----------
        words : numpy.ndarray of uint64, shape (2, n)
            Their keys.

        Returns
        -------
        numpy.ndarray of int64, shape (n,)
            When each was accepted; `CLAIMED` or `FREE` where it is not known to be.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class EarlierSubmissions:
    """The rows of a frame that earlier runs have sent, and those whose second they have given to another event.

    Parameters
    ----------
    rows : numpy.ndarray of int64, shape (n,)
        Rows whose contact, name, second and metadata are in the journal, ascending.
    seconds : numpy.ndarray of int64, shape (n,)
        The second under which each was sent.
    accepted_at : numpy.ndarray of int64, shape (n,)
        When it was accepted; `CLAIMED` where it is to be sent again, under the same second.
    blocked : numpy.ndarray of int64, shape (n_barred,)
        Other rows whose second Intercom would take for a repeat, ascending.
    blocked_since : numpy.ndarray of int64, shape (n_barred,)
        When the event was accepted that has it.
    """

    rows: Rows
    seconds: Seconds
    accepted_at: Seconds
    blocked: Rows
    blocked_since: Seconds

    def without(self, rows: Rows) -> "EarlierSubmissions":
        """Return what is left when some rows are judged by other rows of their frame.

        Parameters
        ----------
        rows : numpy.ndarray of int64
            These rows.

        Returns
        -------
        EarlierSubmissions
            The others.
        """
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
    """Return digests that tell events of other metadata apart, and those whose rows have another second of their own.

    Parameters
    ----------
    payloads : numpy.ndarray of uint64, shape (n,)
        A digest of the metadata of each.
    added : numpy.ndarray of int64, shape (n,)
        How many seconds after its row's own second each event is sent.

    Returns
    -------
    numpy.ndarray of uint64, shape (n,)
        The lower half is that of the metadata's digest.
    """
    return payloads ^ added.astype(np.uint64) << HALF_BITS


def used_up(entries: Entries, keys: EventKeys, *, runs: EarlierRuns, own: KeyIndex | None) -> Mask:
    """Tell which entries of other runs no further row of this run can have, where each row is an event of its own.

    Parameters
    ----------
    entries : Entries
        What a journal has of some events.
    keys : EventKeys
        Of these events, with the rows' own seconds.
    runs : EarlierRuns
        The journal.
    own : KeyIndex or None
        The events of this run's rows, by the seconds that they were given, with their `content_digests`.

    Returns
    -------
    numpy.ndarray of bool, shape (n_entries,)
        Where a row of this run with the same content has the same second, whether it is sent or not; and where another
        event was accepted in the second of a claim.

    Notes
    -----
    A row is given a new second only where all entries of its content are used up: when its frame is judged, and once
    more when the second is claimed, since other runs write in between. Then each second of a content belongs to a row
    of this run, and no two to the same one. So of each content there are at most as many seconds as the run has rows
    of it that has most, and a row whose content another run has sent finds that entry.
    """
    sent = event_words(keys.streams[:, entries.asked], entries.second)
    is_used: Mask = entries.accepted_at == CLAIMED
    is_used[is_used] = runs.occupied(sent[:, is_used]) > CLAIMED
    if own is not None:
        # A second alone does not tell: this run's row may have been refused there, as the other run came first.
        rows, held = own.find(sent)
        added = entries.second - keys.seconds[entries.asked]
        is_used |= (rows >= 0) & (held == content_digests(entries.payload, added))
    return is_used


_CONTENT = ["event", "payload"]


@dataclass(frozen=True, kw_only=True, slots=True)
class JournalQuery:
    """What a journal is asked about.

    Parameters
    ----------
    runs : EarlierRuns
        The journal.
    keys : EventKeys
        Of all rows of the frame, with their own seconds.
    digests_of : callable
        Returns for rows a digest of the metadata of each.
    index : KeyIndex, optional
        The events of earlier frames of this run, which are nobody else's.
    is_spread : bool
        Whether rows of the same metadata are several events, so that each has an entry of its own, and whether a second
        is taken that was claimed only.
    """

    runs: EarlierRuns
    keys: EventKeys
    digests_of: Callable[[Rows], npt.NDArray[np.uint64]]
    index: KeyIndex | None
    is_spread: bool

    def ask(self, rows: Rows) -> EarlierSubmissions:
        """Ask about rows.

        Parameters
        ----------
        rows : numpy.ndarray of int64
            Ascending; all of them valid.

        Returns
        -------
        EarlierSubmissions
            What earlier runs have made of them.
        """
        # Each event is asked for once: a contact may have thousands of rows in a second, and as many entries.
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
        """Return the rows that other runs have sent, each with the second and the time of its entry."""
        known = self._known(firsts)
        if not len(known.asked):
            return _NONE, _NONE, _NONE
        entries = self._entries(known, firsts)
        contents = self._contents(rows, events, entries)
        found = self._matches(contents, entries.loc[~entries["is_lost"]])
        return found["row"].to_numpy(), found["second"].to_numpy(), found["accepted_at"].to_numpy()

    def _contents(self, rows: Rows, events: Rows, entries: pd.DataFrame) -> pd.DataFrame:
        """Return what the rows hold whose event has entries."""
        known = np.flatnonzero(np.isin(events, entries["event"]))
        return pd.DataFrame({"row": rows[known], "event": events[known], "payload": self.digests_of(rows[known])})

    def _matches(self, contents: pd.DataFrame, entries: pd.DataFrame) -> pd.DataFrame:
        """Return the rows whose content is in the journal, each with its entry."""
        # Of several the accepted ones come first: what was only claimed is sent again.
        order = np.lexsort((entries["second"], entries["accepted_at"] == CLAIMED))
        ranked = entries.iloc[order].assign(rank=entries.iloc[order].groupby(_CONTENT).cumcount())
        # Rows that hold the same have an entry each, where each is an event; else they share the first.
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
        """Return entries as a table, and which of them no row can have any more."""
        # Claims matter where rows are spread.
        is_lost = found.accepted_at == CLAIMED
        if self.is_spread:
            is_lost = used_up(found, self.keys.of(firsts), runs=self.runs, own=self.index)
        columns = {"event": found.asked, "payload": found.payload, "second": found.second}
        return pd.DataFrame({**columns, "accepted_at": found.accepted_at, "is_lost": is_lost})


def _in_blocks(ask: Callable[[Rows], Seconds], rows: Rows) -> Seconds:
    return np.concatenate([_NONE, *(ask(rows[at : at + BLOCK_ROWS]) for at in range(0, len(rows), BLOCK_ROWS))])
