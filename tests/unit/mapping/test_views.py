"""Columns of views, which Arrow cannot do much with."""

import pandas as pd
import pyarrow as pa
import pytest

from events_pandas import suggest_mapping
from events_pandas.mapping.views import readable


def _view(values, view_type):
    # pandas cannot make a column of views from a list.
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(values, view_type)])))


@pytest.mark.parametrize(
    ("values", "view_type", "plain"),
    [(["a", None], pa.string_view(), pa.large_string()), ([b"a", None], pa.binary_view(), pa.large_binary())],
)
def test_views_become_what_they_are_views_of(values, view_type, plain):
    """The values and the index stay."""
    column = readable(_view(values, view_type))

    assert column.dtype == pd.ArrowDtype(plain)
    assert pa.array(column).to_pylist() == values


def test_other_columns_stay_as_they_are():
    """Nothing is made anew for nothing."""
    column = pd.Series(["a"])

    assert readable(column) is column


def test_suggestion_reads_views():
    """A proposal looks at what a check can read."""
    frame = pd.DataFrame(
        {"customer_id": _view(["a", "b"], pa.string_view()), "created_at": [1_706_702_400, 1_706_702_401]}
    )

    assert suggest_mapping(frame).user_id == "customer_id"
