"""The distinct contacts of a frame, grouped by digests of 16 bytes, so that each takes little memory."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pandas.api.extensions import ExtensionArray

from events_pandas.check import chunk_bounds
from events_pandas.convert import Converter, EventBatch
from events_pandas.convert.cells import TEXT_TYPE
from events_pandas.convert.keys import NO_TIME
from events_pandas.free_memory import give_back_memory
from events_pandas.intercom import IDENTIFIERS
from events_pandas.mapping import EventMapping, bind
from events_pandas.results.frame import text_column, utc_times

Facts: TypeAlias = npt.NDArray[np.int64]
Groups: TypeAlias = list[Facts]
"""Of each contact: two words of its digest, its first row, its rows, its first and its last second."""

_IDENTIFIER_DTYPE: Final = pd.CategoricalDtype(list(IDENTIFIERS))
_ROWS_AT_A_TIME: Final = 10_000
_SHARES: Final = 16
_SHARE_BITS: Final = 60
"""Contacts whose digests begin with the same four bits are joined on their own: joining copies them."""
_FEWEST_JOINED: Final = 1_000
_WAITING_SHARE: Final = 8
_LATEST: Final = np.iinfo(np.int64).max
_SUMS: Final = (np.add, np.minimum, np.maximum)
"""How the last three facts are joined."""
_N_FACTS: Final = 6


def distinct_contacts(frame: pd.DataFrame, mapping: EventMapping) -> pd.DataFrame:
    """Name all contacts of a frame, in the form of `unknown_contacts`; identifiers are categories, of one byte each.

    Rows count whose contact can be read, and times that can be read. Addresses ignore case: the first spelling counts.
    """
    converter = Converter(bind(frame, replace(mapping, metadata={})))
    shares = [_Share() for _ in range(_SHARES)]
    for start, stop in chunk_bounds(len(frame), _ROWS_AT_A_TIME):
        groups = _joined(_groups(converter.convert(start, stop), first_row=start))
        # Sorted by the digest, so that each share is a slice.
        bounds = np.searchsorted(groups[0].view(np.uint64) >> np.uint64(_SHARE_BITS), np.arange(1, _SHARES))
        slices = zip(*(np.split(facts, bounds) for facts in groups), strict=True)
        for share, own in zip(shares, slices, strict=True):
            share.add(own)
    give_back_memory()
    facts = _put_together(shares)
    order = np.lexsort((facts[0], -facts[1]))
    for fact in facts:
        fact[:] = fact[order]
    del order
    give_back_memory()
    # One after the other, so that only one of them is there twice.
    identifiers, contacts = _named(converter, facts.pop(0))
    give_back_memory()
    rows = facts.pop(0)
    facts[0][facts[0] == _LATEST] = NO_TIME
    first_event, last_event = (_times(facts.pop(0)) for _ in range(2))
    named = {
        "identifier": identifiers,
        "contact": contacts,
        "rows": rows,
        "first_event": first_event,
        "last_event": last_event,
    }
    return pd.DataFrame(named, copy=False)


def _put_together(shares: "list[_Share]") -> list[Facts]:
    """Return the facts of all contacts without their digests; the shares lose theirs."""
    of_shares = [share.taken() for share in shares]
    # One fact after the other, so that only one of them is there twice.
    return [np.concatenate([facts.pop(0) for facts in of_shares]) for _ in range(_N_FACTS - 2)]


class _Share:
    """Some of the contacts: those that were joined, and those of later rows that wait to be joined."""

    def __init__(self) -> None:
        self._joined = _no_groups()
        self._waiting: list[Groups] = []
        self._n_waiting = 0

    def add(self, groups: Sequence[Facts]) -> None:
        """Add the contacts of further rows."""
        self._waiting.append([facts.copy() for facts in groups])
        self._n_waiting += len(groups[0])
        # Each contact is joined a few times at most, and few wait.
        if self._n_waiting > max(len(self._joined[0]) // _WAITING_SHARE, _FEWEST_JOINED):
            self._join()

    def taken(self) -> Groups:
        """Return the facts without the digests, and forget all."""
        self._join()
        facts, self._joined = self._joined[2:], _no_groups()
        return facts

    def _join(self) -> None:
        together = zip(self._joined, *self._waiting, strict=True)
        self._joined = _joined([np.concatenate(facts) for facts in together])
        self._waiting, self._n_waiting = [], 0


def _no_groups() -> Groups:
    return [np.zeros(0, np.int64)] * _N_FACTS


def _groups(batch: EventBatch, *, first_row: int) -> Groups:
    """Return the rows that have a contact, each as a group of its own."""
    rows = np.flatnonzero(batch.contacts.mask())
    seconds = batch.seconds()[rows]
    earliest = np.where(seconds == NO_TIME, _LATEST, seconds)
    words = batch.contacts.words[:, rows].view(np.int64)
    return [*words, rows + first_row, np.ones_like(rows), earliest, seconds]


def _joined(groups: Groups) -> Groups:
    """Join the groups of each contact, sorted by digest. Of two groups the one before has the earlier rows."""
    words = [facts.view(np.uint64) for facts in groups[:2]]
    order = np.lexsort(words[::-1])
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = np.any([np.diff(word[order]) != 0 for word in words], axis=0)
    starts = np.flatnonzero(is_first)
    if not len(starts):
        return groups
    firsts = [facts[order[starts]] for facts in groups[:3]]
    return [*firsts, *(how.reduceat(facts[order], starts) for how, facts in zip(_SUMS, groups[3:], strict=True))]


def _named(converter: Converter, rows: Facts) -> tuple[pd.Categorical, ExtensionArray]:
    """Return the identifiers of some rows, and their contacts as a column of text."""
    codes, contacts = [np.zeros(0, np.int8)], [pa.array([], TEXT_TYPE)]
    for start, stop in chunk_bounds(len(rows), _ROWS_AT_A_TIME):
        names, texts = converter.convert_rows(rows[start:stop]).contacts.named()
        codes.append(pd.Categorical(names, dtype=_IDENTIFIER_DTYPE).codes)
        contacts.append(pa.array(texts, TEXT_TYPE))
    # In one piece: pandas copies all of several pieces whenever it takes some rows.
    column = text_column(pa.concat_arrays(contacts))
    contacts.clear()
    return pd.Categorical.from_codes(np.concatenate(codes), dtype=_IDENTIFIER_DTYPE), column


def _times(seconds: npt.NDArray[np.int64]) -> ExtensionArray:
    return utc_times(seconds.view("datetime64[s]"))
