"""What valid rows use of Intercom's limits: event names, and the metadata keys of each."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from events_pandas.check import RowCounts
from events_pandas.check.row_counts import Counts, KeyUse, counted_types, key_types
from events_pandas.intercom import normalized_event_name
from events_pandas.mapping import Date, Link, MonetaryAmount, Number, RichLink, Rule, Text
from events_pandas.words import counted, listed, quoted

FURTHER_NAMES = "(further names)"
"""The label of names that are not counted one by one."""

TYPE_WORDS: dict[type, str] = {
    Text: "text",
    Number: "number",
    Date: "date",
    Link: "link",
    RichLink: "rich link",
    MonetaryAmount: "monetary amount",
}
"""What Intercom shows for each rule."""


def name_counts(row_counts: RowCounts) -> "pd.Series[int]":
    """Count the valid rows of each event name as it is spelled, the most frequent first.

    Rows with names beyond the first thousand are summed up, last, under ``"(further names)"``.
    """
    names, places = _names(row_counts)
    counts = row_counts.rows[places]
    further = int(row_counts.rows[-1])
    if further:
        names, counts = [*names, FURTHER_NAMES], np.append(counts, further)
    return pd.Series(counts, index=pd.Index(names, dtype="string", name="event_name"), name="rows", dtype="int64")


def metadata_budget(row_counts: RowCounts, rules: Mapping[str, Rule], *, text_keys: Collection[str]) -> pd.DataFrame:
    """Return what `CheckReport.metadata` documents.

    Parameters
    ----------
    rules : mapping of str to Rule
        The rule of each field, by its path, in the order sent.
    text_keys : collection of str
        The metadata keys that are sent as text, whatever their cells are.
    """
    keys = [path.partition(".")[2] for path in rules if path.startswith("metadata.")]
    words = [TYPE_WORDS.get(type(rules[f"metadata.{key}"])) for key in keys]
    uses = [row_counts.keys.get(key, KeyUse()) for key in keys]
    drifts = [drift(use) if key in text_keys else None for key, use in zip(keys, uses, strict=True)]
    events = _events(row_counts)
    rows = np.repeat(events.total(row_counts.rows), len(keys))
    present = _by_name([events.total(use.present) for use in uses])
    return pd.DataFrame(
        {
            "event_name": _strings(np.repeat(np.array(events.names, dtype=object), len(keys)).tolist()),
            "position": np.tile(np.arange(1, len(keys) + 1, dtype=np.int64), len(events.names)),
            "key": _strings(keys * len(events.names)),
            "type": _strings(words * len(events.names)),
            "present": present,
            "share": present / rows,
            "ignored": _by_name([events.total(use.ignored) for use in uses]),
            "drift": _strings(drifts * len(events.names)),
        }
    )


def metadata_remarks(
    row_counts: RowCounts, keys: Collection[str], *, text_keys: Collection[str], limit: int
) -> Iterator[str]:
    """Yield remarks on metadata keys over all event names: no value, too late to be kept, mixed types.

    `text_keys` are sent as text, whatever their cells are. Intercom keeps `limit` values of one event.
    """
    uses = {key: row_counts.keys.get(key, KeyUse()) for key in keys}
    absent = [quoted(key) for key, use in uses.items() if not use.present.any()]
    if absent:
        yield f"in no valid row: {listed(absent)}"
    ignored = {key: int(use.ignored.sum()) for key, use in uses.items() if use.ignored.any()}
    if ignored:
        keys_with_rows = listed([f"{quoted(key)} ({counted(count, 'row')})" for key, count in ignored.items()])
        yield f"left out, since Intercom keeps the first {limit} only: {keys_with_rows}"
    drifts = {key: drift(use) for key, use in uses.items() if key in text_keys}
    mixed = [f"{quoted(key)} ({types})" for key, types in drifts.items() if types]
    if mixed:
        yield f"of mixed types: {listed(mixed)}"


def drift(use: KeyUse) -> str | None:
    """Return the types of the cells of a key that is sent as text; None if there is one type."""
    types = key_types(use.kinds)
    return counted_types(types) if len(types) > 1 else None


def _names(row_counts: RowCounts) -> tuple[list[str], Counts]:
    """Return the names of valid rows and their places in the counts, the most frequent first."""
    names = list(row_counts.names)
    rows = row_counts.rows[: len(names)]
    places = np.argsort(-rows, kind="stable")[: np.count_nonzero(rows)]
    return [names[place] for place in places], places


@dataclass(frozen=True, kw_only=True, slots=True)
class _Events:
    """The events of valid rows, each with all spellings of its name.

    `names` are the most frequent spellings. `places` are the places of all spellings in `RowCounts`, and `numbers` are
    the events of the spellings.
    """

    names: list[str]
    places: Counts
    numbers: npt.NDArray[np.intp]

    def total(self, counts: Counts) -> Counts:
        """Return for each event the sum of its spellings' counts."""
        sums = np.zeros(len(self.names), np.int64)
        np.add.at(sums, self.numbers, counts[self.places])
        return sums


def _events(row_counts: RowCounts) -> _Events:
    """Return the events of valid rows, the most frequent first."""
    spellings, places = _names(row_counts)
    found: dict[str, int] = {}
    numbers = np.array([found.setdefault(normalized_event_name(name), len(found)) for name in spellings], np.intp)
    # The most frequent spelling comes first, and stands for its event.
    names = [spellings[first] for first in np.unique(numbers, return_index=True)[1]]
    events = _Events(names=names, places=places, numbers=numbers)
    order = np.argsort(-events.total(row_counts.rows), kind="stable")
    return _Events(names=[names[event] for event in order], places=places, numbers=np.argsort(order)[numbers])


def _by_name(counts: list[Counts]) -> Counts:
    """Turn the counts by name of each key into one array, ordered by name and then by key."""
    return np.stack(counts, axis=1).ravel() if counts else np.zeros(0, np.int64)


def _strings(texts: list[Any]) -> Any:
    return pd.array(texts, dtype="string")
