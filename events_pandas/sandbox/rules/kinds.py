"""What counts as a number among settings, which come from Python and from JSON."""

import math
from numbers import Integral, Real
from typing import TypeGuard


def is_whole(value: object) -> TypeGuard[int]:
    """Return whether a value is a whole number.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    bool
        True for numpy's integers as well; False for booleans.
    """
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a finite number.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    bool
        True for numpy's numbers as well; False for booleans, NaN, infinity, and integers that no float can hold.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # An integer that is too large for a float.
        return False
