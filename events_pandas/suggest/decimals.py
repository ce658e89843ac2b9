"""How many decimals amounts have, and how many their currencies have."""

from typing import Any

import numpy as np
import numpy.typing as npt

from events_pandas.currencies import DECIMALS
from events_pandas.mapping.rules import Values

MANY = 5
"""Stands for every larger number of decimals: no currency has more than four."""

_FRACTION = r"\.([0-9]*?)0*$"

Decimals = npt.NDArray[np.int64]


def decimals_of_floats(numbers: npt.NDArray[np.floating[Any]]) -> Decimals:
    """Return how many decimals floats have.

    Parameters
    ----------
    numbers : numpy.ndarray of float32 or float64
        Without NaN.

    Returns
    -------
    numpy.ndarray of int64
        Of the shortest decimal that gives the float, at most `MANY`.

    Examples
    --------
    >>> decimals_of_floats(np.array([12.0, 19.99, 1 / 3])).tolist()
    [0, 2, 5]
    """
    decimals = np.full(len(numbers), MANY, dtype=np.int64)
    with np.errstate(over="ignore", invalid="ignore"):
        for count in reversed(range(MANY)):
            rounded = np.rint(numbers.astype(np.float64) * 10**count) / 10**count
            decimals[rounded.astype(numbers.dtype) == numbers] = count
    return decimals


def decimals_of_texts(texts: Values) -> Decimals:
    """Return how many decimals written numbers have.

    Parameters
    ----------
    texts : pandas.Series of object
        Numbers as text.

    Returns
    -------
    numpy.ndarray of int64
        Closing zeros not counted; `MANY` where there is an exponent, which no amount may have.

    Examples
    --------
    >>> import pandas as pd
    >>> decimals_of_texts(pd.Series(["12", "12.50", "0.125", "1e-05"], dtype=object)).tolist()
    [0, 1, 3, 5]
    """
    fractions = texts.str.extract(_FRACTION, expand=False).fillna("")
    return np.where(texts.str.contains("e", case=False), MANY, fractions.str.len()).astype(np.int64)


def decimals_of_currencies(codes: Values) -> Decimals:
    """Return how many decimals currencies have.

    Parameters
    ----------
    codes : pandas.Series of object
        Codes.

    Returns
    -------
    numpy.ndarray of int64
        ISO 4217's; -1 where `is_currency` is not true.

    Examples
    --------
    >>> import pandas as pd
    >>> decimals_of_currencies(pd.Series(["EUR", "jpy", "?"], dtype=object)).tolist()
    [2, 0, -1]
    """
    return np.asarray(codes.str.lower().map(dict(DECIMALS)).fillna(-1), dtype=np.int64)


def is_currency(texts: Values) -> Values:
    """Tell which texts are the codes of currencies.

    Parameters
    ----------
    texts : pandas.Series of object
        Any texts.

    Returns
    -------
    pandas.Series of bool
        True for ISO 4217's codes, today's and withdrawn ones, letters of either case; false for codes without a minor
        unit, such as gold.

    Examples
    --------
    >>> import pandas as pd
    >>> is_currency(pd.Series(["EUR", "jpy", "XAU"], dtype=object)).tolist()
    [True, True, False]
    """
    return texts.str.lower().isin(list(DECIMALS))
