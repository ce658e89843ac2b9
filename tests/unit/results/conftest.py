"""Rows that have been checked, without a frame that they would come from."""

import numpy as np
import pandas as pd
import pytest

from events_pandas.check import CheckedRows, Repeats, RowCounts
from events_pandas.check.earlier_runs import NO_SUBMISSIONS
from events_pandas.convert import Finding
from events_pandas.results import RowOutcomes


@pytest.fixture
def make_checked():
    """Make the judgement of some rows: which of them are invalid, which repeat which, and whether those are sent."""

    def make(
        n_rows=3, *, invalid=(), repeats=None, are_identical=True, are_sent=False, offset=0, submitted=NO_SUBMISSIONS
    ):
        valid = np.ones(n_rows, dtype=bool)
        valid[list(invalid)] = False
        rows, firsts = (np.array(list(column or ()), np.int64) for column in (repeats, repeats and repeats.values()))
        is_sent = valid.copy()
        is_sent[rows] = are_sent
        none = np.zeros(0, np.int64)
        findings = [Finding(code="created_at_missing", rows=np.array(invalid, np.int64), field="created_at")]
        return CheckedRows(
            valid=valid,
            is_sent=is_sent,
            repeats=Repeats(rows=rows, firsts=firsts, are_identical=np.full(len(rows), are_identical)),
            moved=Repeats(rows=none, firsts=none, are_identical=np.zeros(0, dtype=bool)),
            added=none,
            created_at=np.full(n_rows, np.datetime64("2024-01-31T00:00:00", "s")),
            findings=tuple(findings if invalid else ()),
            row_counts=RowCounts(),
            contacts=np.zeros(n_rows, np.uint64),
            offset=offset,
            submitted=submitted,
        )

    return make


@pytest.fixture
def make_row_outcomes(make_checked):
    """Make the outcomes of some rows."""

    def make(n_rows=3, **checked):
        return RowOutcomes(make_checked(n_rows, **checked), pd.RangeIndex(n_rows))

    return make
