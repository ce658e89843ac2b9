"""The few rows that a run submits first, chosen to show as much as possible about all the others."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from events_pandas.check.checking import CheckedRows, chunk_bounds
from events_pandas.check.collisions import BLOCK_ROWS
from events_pandas.check.in_order import in_order
from events_pandas.check.row_counts import RowCounts
from events_pandas.convert.batch import Converter, EventBatch
from events_pandas.convert.cells import Mask, Rows
from events_pandas.convert.keys import normalized_names
from events_pandas.convert.members import Member
from events_pandas.intercom import normalized_event_name

Codes = npt.NDArray[np.int64]

_ABSENT = -1
_NAME = "event_name"


def canary_rows(converter: Converter, checked: CheckedRows, most: int) -> Rows:
    """Choose the `most` rows of a frame that are submitted first, ascending; the same frame gives the same rows.

    Together they have every event name, identifier field, metadata key and currency of each amount, if so many rows are
    enough. Only rows that are to be sent are chosen.
    """
    # If so many rows are not enough, each further row is the one with most of what is still missing; among several,
    # the one with the most frequent event name. The rest is spread evenly over the frame.
    sent = np.flatnonzero(checked.is_sent)
    if len(sent) <= most:
        return sent
    chosen = _covering_rows(_kinds_of_rows(converter, checked, most), most)
    others = np.setdiff1d(sent, chosen, assume_unique=True)
    n_others = most - len(chosen)
    # The rows are cut into stretches of the same length: take the middle of each.
    places = (2 * np.arange(n_others) + 1) * len(others) // (2 * max(n_others, 1))
    return np.sort(np.concatenate([chosen, others[places]]))


def _kinds_of_rows(converter: Converter, checked: CheckedRows, most: int) -> pd.DataFrame:
    """Return the first row of each kind that is sent, with its variants; the index is the row's position."""
    ranks = _name_ranks(checked.row_counts, most)

    def kinds(bounds: tuple[int, int]) -> pd.DataFrame:
        return _kinds_of_chunk(converter.convert(*bounds), checked.is_sent[slice(*bounds)], ranks)

    found = pd.DataFrame()
    for chunk in in_order(kinds, chunk_bounds(len(checked.is_sent), BLOCK_ROWS)):
        found = pd.concat([found, chunk]).drop_duplicates()
    return found


def _name_ranks(row_counts: RowCounts, most: int) -> dict[str | None, int]:
    """Return the rank of each of the most frequent event names."""
    counts: Counter[str] = Counter()
    for name, place in row_counts.names.items():
        counts[normalized_event_name(name)] += int(row_counts.rows[place])
    return {name: rank for rank, (name, _) in enumerate(counts.most_common(most))}


def _kinds_of_chunk(batch: EventBatch, where: Mask, ranks: Mapping[str | None, int]) -> pd.DataFrame:
    names, codes = normalized_names(batch.names)
    columns = {
        _NAME: np.array([*(ranks.get(name, _ABSENT) for name in names), _ABSENT])[codes],
        **{identifier.name: identifier.where for identifier in batch.contacts.identifiers},
        **{path: _variants(member) for path, member in batch.metadata.items()},
    }
    spread = {column: np.broadcast_to(values, where.shape)[where] for column, values in columns.items()}
    return pd.DataFrame(spread, index=batch.rows[where]).drop_duplicates()


def _variants(member: Member) -> npt.NDArray[np.generic]:
    """Return where a metadata key has a value, or in which currency."""
    if member.variants is None:
        return member.mask()
    currencies: npt.NDArray[np.object_] = member.variants.to_numpy(zero_copy_only=False)
    return np.where(member.mask(), currencies, np.array(None))


def _covering_rows(kinds: pd.DataFrame, most: int) -> Rows:
    """Choose rows until further ones would add nothing."""
    ranks = kinds[_NAME].to_numpy()
    kinds = kinds.iloc[np.lexsort((kinds.index, np.where(ranks == _ABSENT, most, ranks)))]
    codes = [_codes(kinds[column]) for column in kinds]
    # The last place belongs to `_ABSENT`: it is never missing.
    missing = [np.arange(column.max() + 2) <= column.max() for column in codes]
    chosen: list[int] = []
    while len(chosen) < most:
        gains = np.sum([left[column] for left, column in zip(missing, codes, strict=True)], axis=0)
        best = int(gains.argmax())
        if not gains[best]:
            break
        chosen.append(best)
        for left, column in zip(missing, codes, strict=True):
            left[column[best]] = False
    rows: Rows = kinds.index.to_numpy()[chosen]
    return rows


def _codes(values: "pd.Series[Any]") -> Codes:
    """Return a number for each value of a column; `_ABSENT` where there is none."""
    if values.dtype == bool:
        return np.where(values, 0, _ABSENT)
    return values.to_numpy() if values.name == _NAME else pd.factorize(values)[0]
