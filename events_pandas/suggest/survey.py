"""The survey of a frame: the rows that are looked at, and the columns that a mapping can name."""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype

from events_pandas.convert.cells import Rows
from events_pandas.convert.column_cells import legible
from events_pandas.mapping import frame_labels, named_values
from events_pandas.mapping.arrow_types import readable
from events_pandas.mapping.faults import has_lone_surrogate
from events_pandas.mapping.rules import Values
from events_pandas.mapping.source_format import DecimalSign
from events_pandas.suggest.choices import LeftOut
from events_pandas.suggest.evidence import TIMES, Evidence, evidence_of
from events_pandas.suggest.signs import CommonSign, common_sign

_FIRST_ROWS: Final = 5_000
_SPREAD_ROWS: Final = 5_000
"""The most rows that are looked at: the first ones, and others spread over the rest of the frame."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What a frame looks like."""

    columns: tuple[Evidence, ...]  # in the frame's order, and then the levels of its index
    cells: Mapping[Hashable, Values]  # of these, in the rows looked at
    unusable: tuple[LeftOut, ...]  # what a mapping cannot name
    labels: frozenset[Hashable]  # all labels and names of levels
    sign: CommonSign | None  # of its texts, if it was not given
    n_rows: int
    n_looked_at: int


def survey(frame: pd.DataFrame, decimal: DecimalSign | None = None) -> Survey:
    """Look at a sample of the rows of a frame, which is not changed. The decimal sign of texts may be given."""
    rows = sampled_rows(len(frame))
    labels = Counter(frame_labels(frame))
    named: Counter[Hashable] = Counter(frame.columns)
    cells = [
        (plain, legible(readable(named_values(frame, label)).iloc[rows]))
        for label, count in labels.items()
        # A mapping reads a column, and not a level of the same name.
        if (plain := _plain(label)) is not None and 1 in (count, named[label])
    ]
    shown = None if decimal is not None else common_sign(column for _, column in cells)
    sign = decimal if shown is None else shown.sign
    return Survey(
        columns=tuple(
            evidence_of(label, column, rows, sign=sign, is_given=decimal is not None) for label, column in cells
        ),
        cells=dict(cells),
        unusable=tuple(_unusable(frame, labels)),
        labels=frozenset(labels),
        sign=shown,
        n_rows=len(frame),
        n_looked_at=len(rows),
    )


def sampled_rows(n_rows: int) -> Rows:
    """Return which rows are looked at, ascending: the first, and some spread over the rest, the last one included."""
    if n_rows <= _FIRST_ROWS + _SPREAD_ROWS:
        return np.arange(n_rows, dtype=np.int64)
    spread = np.linspace(_FIRST_ROWS, n_rows - 1, _SPREAD_ROWS).astype(np.int64)
    return np.concatenate([np.arange(_FIRST_ROWS, dtype=np.int64), spread])


def _plain(label: Hashable) -> Hashable:
    """Return a label as Python and TOML can both write it; None if they cannot."""
    if isinstance(label, tuple):
        parts = tuple(_plain(part) for part in label)
        return None if any(part is None or isinstance(part, tuple) for part in parts) else parts
    if isinstance(label, str):
        return None if has_lone_surrogate(label) else str(label)
    if isinstance(label, int | np.integer) and not isinstance(label, bool):
        return int(label)
    return None


def _unusable(frame: pd.DataFrame, labels: Counter[Hashable]) -> Iterator[LeftOut]:
    for label, count in labels.items():
        if _plain(label) is None:
            yield LeftOut(label=label, words="TOML cannot hold this label: rename it to a text")
        elif count > 1:
            reason = f"{count} columns or index levels have this name: rename all but one"
            yield LeftOut(label=label, words=reason)
    is_counter = isinstance(frame.index, pd.RangeIndex)
    if None in frame.index.names and not is_counter and infer_dtype(readable(frame.index[:1].to_series())) in TIMES:
        yield LeftOut(label=None, words='the index has no name: give it one with frame.rename_axis("...")')
