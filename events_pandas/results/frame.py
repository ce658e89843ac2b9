"""The results frame: its columns, their dtypes, and how one is put together."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from events_pandas.deliver import Status

STATUS_DTYPE = pd.CategoricalDtype([status.value for status in Status], ordered=True)
"""The eight statuses, in the order in which they are documented."""

TEXT_DTYPE = pd.StringDtype("pyarrow")


def utc_times(times: npt.NDArray[np.datetime64]) -> Any:
    """Return times as a results column has them.

    Parameters
    ----------
    times : numpy.ndarray of datetime64
        In UTC; NaT where there is none.

    Returns
    -------
    pandas array of datetime64[us, UTC]
        The same instants.
    """
    return pd.DatetimeIndex(times.astype("datetime64[us]"), tz="UTC").array


def counts_or_na(numbers: npt.NDArray[np.int16]) -> Any:
    """Return numbers as nullable integers.

    Parameters
    ----------
    numbers : numpy.ndarray of int16
        A negative number where there is none.

    Returns
    -------
    pandas array of Int16
        With NA in its place.
    """
    return pd.arrays.IntegerArray(numbers, numbers < 0)


def text_column(texts: npt.NDArray[np.object_]) -> Any:
    """Return texts as a results column has them.

    Parameters
    ----------
    texts : numpy.ndarray of object
        Strings, and None where there is none.

    Returns
    -------
    pandas array of string[pyarrow]
        With NA in its place.
    """
    return pd.array(texts, dtype=TEXT_DTYPE)
