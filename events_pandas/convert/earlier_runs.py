"""What earlier runs have made of the rows of a frame: a journal is asked, and content decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from events_pandas.convert.cells import Mask, Rows
from events_pandas.convert.collisions import BLOCK_ROWS, KeyIndex, numbered
from events_pandas.convert.keys import EventKeys, Seconds, Words, event_words

FREE = -1
CLAIMED = 0
"""In place of the time of an acceptance: nobody has the second, or somebody may have been sent with it."""

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
    echoes : numpy.ndarray of int64, shape (n_echoes,)
        Rows whose content is in the journal, whether they have an entry of their own or not, ascending.
    echo_entries : numpy.ndarray of int64, shape (n_echoes,)
        How many entries there are of that content.
    barred : numpy.ndarray of int64, shape (n_barred,)
        Other rows whose second Intercom would take for a repeat, ascending.
    barred_since : numpy.ndarray of int64, shape (n_barred,)
        When the event was accepted that has it.
    """

    rows: Rows
    seconds: Seconds
    accepted_at: Seconds
    echoes: Rows
    echo_entries: Rows
    barred: Rows
    barred_since: Seconds

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
        kept, still_barred = ~np.isin(self.rows, rows), ~np.isin(self.barred, rows)
        return replace(
            self,
            rows=self.rows[kept],
            seconds=self.seconds[kept],
            accepted_at=self.accepted_at[kept],
            barred=self.barred[still_barred],
            barred_since=self.barred_since[still_barred],
        )


NO_SUBMISSIONS = EarlierSubmissions(
    rows=_NONE, seconds=_NONE, accepted_at=_NONE, echoes=_NONE, echo_entries=_NONE, barred=_NONE, barred_since=_NONE
)


_CONTENT = ["event", "payload"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Inquiry:
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

    def about(self, rows: Rows) -> EarlierSubmissions:
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
        entries = self._entries(firsts)
        contents = self._contents(rows, events, entries)
        found = self._matches(contents, entries.loc[~entries["is_lost"]])
        counts = entries.groupby(_CONTENT).size().rename("entries").reset_index()
        echoes = contents.merge(counts, on=_CONTENT).sort_values("row")
        since = self._occupied_since(events, firsts=firsts, where=~np.isin(rows, found["row"]))
        is_barred = since >= (CLAIMED if self.is_spread else CLAIMED + 1)
        return EarlierSubmissions(
            rows=found["row"].to_numpy(),
            seconds=found["second"].to_numpy(),
            accepted_at=found["accepted_at"].to_numpy(),
            echoes=echoes["row"].to_numpy(),
            echo_entries=echoes["entries"].to_numpy(),
            barred=rows[is_barred],
            barred_since=since[is_barred],
        )

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

    def _entries(self, firsts: Rows) -> pd.DataFrame:
        """Return the entries of events, by their first rows, and which of them no row can have any more."""
        blocks = [firsts[start : start + BLOCK_ROWS] for start in range(0, len(firsts), BLOCK_ROWS)]
        found = Entries.joined([self.runs.find(self.keys.words(block)) for block in blocks], list(map(len, blocks)))
        sent = event_words(self.keys.streams[:, firsts[found.asked]], found.second)
        # Claims matter where rows are spread, unless another event has come in the second.
        is_lost = found.accepted_at == CLAIMED
        if self.is_spread:
            is_lost[is_lost] = self.runs.occupied(sent[:, is_lost]) > CLAIMED
        if self.index is not None and self.is_spread:
            # An earlier frame of this run has found the entry.
            is_lost |= self.index.find(sent)[0] >= 0
        columns = {"event": found.asked, "payload": found.payload, "second": found.second}
        return pd.DataFrame({**columns, "accepted_at": found.accepted_at, "is_lost": is_lost})


def _in_blocks(ask: Callable[[Rows], Seconds], rows: Rows) -> Seconds:
    return np.concatenate([_NONE, *(ask(rows[at : at + BLOCK_ROWS]) for at in range(0, len(rows), BLOCK_ROWS))])
