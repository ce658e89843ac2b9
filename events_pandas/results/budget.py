"""What valid rows use of Intercom's limits: event names, and the metadata keys of each."""

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from events_pandas.check import RowCounts
from events_pandas.check.row_counts import Counts, KeyUse, counted_types, key_types
from events_pandas.intercom import normalized_event_name
from events_pandas.mapping import Column, Rule
from events_pandas.mapping.rule_parts import metadata_key
from events_pandas.mapping.rules import type_word
from events_pandas.words import counted, listed, quoted

FURTHER_NAMES = "(further names)"
"""The label of names that are not counted one by one."""


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
    kinds = {key: _shown_type(rule) for path, rule in rules.items() if (key := metadata_key(path))}
    keys, words = list(kinds), list(kinds.values())
    uses = [row_counts.keys.get(key, KeyUse()) for key in keys]
    drifts = [drift(use) if key in text_keys else None for key, use in zip(keys, uses, strict=True)]
    events = _by_event(row_counts, [row_counts.rows, *(use.present for use in uses), *(use.ignored for use in uses)])
    rows, present, ignored = np.split(events.to_numpy(), [1, 1 + len(keys)], axis=1)
    return pd.DataFrame(
        {
            "event_name": _strings(events.index.repeat(len(keys)).tolist()),
            "position": np.tile(np.arange(1, len(keys) + 1, dtype=np.int64), len(events)),
            "key": _strings(keys * len(events)),
            "type": _strings(words * len(events)),
            "present": present.ravel(),
            "share": (present / rows).ravel(),
            "ignored": ignored.ravel(),
            "drift": _strings(drifts * len(events)),
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


def _shown_type(rule: Rule) -> str | None:
    """Return the type that Intercom shows for a rule; None for a bare column that never had a value."""
    return None if isinstance(rule, Column) else type_word(rule).replace("_", " ")


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


def _by_event(row_counts: RowCounts, counts: Sequence[Counts]) -> pd.DataFrame:
    """Add up counts of rows over the spellings of each event; the first of them orders the events.

    Each event is named by its most frequent spelling.
    """
    spellings, places = _names(row_counts)
    table = pd.DataFrame({column: count[places] for column, count in enumerate(counts)}, dtype=np.int64)
    events, _ = pd.factorize(np.array([normalized_event_name(name) for name in spellings], dtype=object))
    totals = table.groupby(events).sum()
    # The most frequent spelling comes first, and stands for its event.
    totals.index = pd.Index(spellings, dtype=object)[~pd.Series(events).duplicated().to_numpy()]
    return totals.iloc[np.argsort(-totals[0].to_numpy(), kind="stable")]


def _strings(texts: Sequence[str | None]) -> "pd.Series[str]":
    return pd.Series(np.array(texts, dtype=object), dtype="string")
