"""Columns of string and bytes views, as what they are views of."""

import pandas as pd
import pyarrow as pa

from events_pandas.mapping.rules import Values

_VIEWED = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}


def without_views(column: Values) -> Values:
    """Return a column with views of strings and bytes, for which Arrow lacks functions, as what they are views of.

    Parameters
    ----------
    column : pandas.Series
        Of any dtype.

    Returns
    -------
    pandas.Series
        The same column if it holds no views.
    """
    if not isinstance(column.dtype, pd.ArrowDtype):
        return column
    viewed = _VIEWED.get(column.dtype.pyarrow_dtype)
    if viewed is None:
        return column
    # Not every Arrow can cast views.
    array = pa.array(pa.array(column).to_pylist(), viewed)
    return pd.Series(array, index=column.index, dtype=pd.ArrowDtype(viewed))
