"""The columns of CSV files that callables of a mapping may read: of one dtype in all chunks of all files."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import TEXT_TYPE
from events_pandas.convert.problems import VALUES_KEPT, Finding, shown
from events_pandas.mapping import Number
from events_pandas.mapping.column_types import CellCounts, count_texts, decide_type

_WHOLE = r"^-?(?:0|[1-9][0-9]*)$"
_BOOLEAN = r"^(?i:true|false)$"


@dataclass(frozen=True, kw_only=True, slots=True)
class ComputedColumn:
    """What the cells of a column are.

    Parameters
    ----------
    looks : CellCounts
        What they look like.
    cells, present, whole, booleans : int
        How many there are, and how many of them are present, whole numbers, and ``True`` or ``False``.
    """

    looks: CellCounts = CellCounts()  # noqa: RUF009  # Frozen.
    cells: int = 0
    present: int = 0
    whole: int = 0
    booleans: int = 0

    def with_cells(self, texts: pa.Array, label: Hashable) -> Self:
        """Return the same with further cells counted.

        Parameters
        ----------
        texts : pyarrow.LargeStringArray
            The cells.
        label : hashable
            The column's label.

        Returns
        -------
        ComputedColumn
            Of all cells so far.
        """
        return type(self)(
            looks=self.looks + count_texts(texts, label),
            cells=self.cells + len(texts),
            present=self.present + len(texts) - texts.null_count,
            whole=self.whole + _count(texts, _WHOLE),
            booleans=self.booleans + _count(texts, _BOOLEAN),
        )

    @property
    def dtype(self) -> str | None:
        """The dtype in which callables get it; None for text."""
        if self.booleans == self.cells:
            return "bool" if self.cells else None
        decision = decide_type(self.looks, "", "", is_text=True)
        if decision is None or not isinstance(decision.rule, Number):
            return None
        return "int64" if self.whole == self.cells else "float64"


def _count(texts: pa.Array, pattern: str) -> int:
    return int(pc.sum(pc.match_substring_regex(texts, pattern)).as_py() or 0)


def typed_columns(frame: pd.DataFrame, dtypes: Mapping[Hashable, Any]) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """Give columns of text the dtypes in which callables get them.

    Parameters
    ----------
    frame : pandas.DataFrame
        Some rows of a file, all of their cells text.
    dtypes : mapping of hashable to str
        By label.

    Returns
    -------
    frame : pandas.DataFrame
        The same rows; a cell that is not a number is absent in a column of numbers.
    findings : tuple of Finding
        These cells, with rows counted from the start of the frame.
    """
    typed, findings = frame.copy(deep=False), []
    for label in [label for label in dtypes if (frame.columns == label).sum() == 1]:
        texts = frame[label]
        if dtypes[label] == "bool":
            typed[label] = texts.str.lower() == "true"
            continue
        numbers = pd.to_numeric(texts, errors="coerce")
        odd = np.flatnonzero((texts.notna() & numbers.isna()).to_numpy())
        typed[label] = numbers.astype(dtypes[label])
        if len(odd):
            values = shown(pa.array(texts.iloc[odd[:VALUES_KEPT]], TEXT_TYPE, from_pandas=True))
            findings.append(
                Finding(code="computed_as_empty", rows=odd, values=values, field="callables", label=f"column {label!r}")
            )
    return typed, tuple(findings)
