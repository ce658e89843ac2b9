"""Rows that have been checked, without a frame that they would come from."""

import numpy as np
import pandas as pd
import pytest

from events_pandas.convert import CheckedRows, Finding
from events_pandas.results import Ledger


@pytest.fixture
def make_checked():
    """Make the judgement of some rows: which of them are invalid, and which repeat which."""

    def make(n_rows=3, *, invalid=(), repeats=None, offset=0):
        valid = np.ones(n_rows, dtype=bool)
        valid[list(invalid)] = False
        first_rows = np.arange(offset, offset + n_rows)
        for row, first in (repeats or {}).items():
            first_rows[row] = first
        findings = [Finding(code="created_at_missing", rows=np.array(invalid, np.int64), field="created_at")]
        return CheckedRows(
            valid=valid,
            first_rows=first_rows,
            created_at=np.full(n_rows, np.datetime64("2024-01-31T00:00:00", "s")),
            findings=tuple(findings if invalid else ()),
            offset=offset,
        )

    return make


@pytest.fixture
def make_ledger(make_checked):
    """Make a ledger of some rows."""

    def make(n_rows=3, **checked):
        return Ledger(make_checked(n_rows, **checked), pd.RangeIndex(n_rows))

    return make
