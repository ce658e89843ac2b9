"""The columns of the results frame."""

import numpy as np
import pandas as pd
import pytest

from events_pandas.results import STATUS_DTYPE
from events_pandas.results.frame import counts_or_na, text_column, utc_times


def test_status_dtype_has_the_eight_statuses_in_their_documented_order():
    """Results sort and count in the order in which the statuses are documented."""
    assert STATUS_DTYPE.ordered
    assert STATUS_DTYPE.categories.tolist() == [
        "accepted",
        "already_submitted",
        "duplicate",
        "invalid",
        "unknown_contact",
        "rejected",
        "failed",
        "not_submitted",
    ]


@pytest.mark.parametrize("n_rows", [0, 2])
def test_ledger_frame_has_the_documented_dtypes_whatever_the_rows(make_ledger, n_rows):
    """Columns and dtypes are the same for no rows as for many."""
    frame = make_ledger(n_rows).frame()

    assert {column: str(dtype) for column, dtype in frame.dtypes.items()} == {
        "row": "int64",
        "status": "category",
        "http_status": "Int16",
        "attempts": "Int16",
        "error_code": "string",
        "error_message": "string",
        "request_id": "string",
        "created_at": "datetime64[us, UTC]",
        "submitted_at": "datetime64[us, UTC]",
    }
    assert frame["status"].dtype == STATUS_DTYPE


def test_utc_times_keeps_missing_times():
    """NaT stays NaT, and a second stays the same instant."""
    times = utc_times(np.array(["2024-01-31T10:00:00", "NaT"], dtype="datetime64[s]"))

    assert list(times) == [pd.Timestamp("2024-01-31 10:00", tz="UTC"), pd.NaT]


def test_counts_or_na_has_na_for_negative_numbers():
    """A row that was never answered has no status, rather than a strange one."""
    assert list(counts_or_na(np.array([202, -1], np.int16))) == [202, pd.NA]


def test_text_column_has_na_for_none():
    """A row without an error has no message, rather than an empty one."""
    assert list(text_column(np.array(["mend it", None], object))) == ["mend it", pd.NA]
