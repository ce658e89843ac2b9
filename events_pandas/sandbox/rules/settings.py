"""Which settings of a sandbox are numbers: those of Python and numpy, but not booleans."""

import math
from numbers import Integral, Real
from typing import TypeGuard


def is_whole(value: object) -> TypeGuard[int]:
    """Return whether a value is a whole number: numpy's integers are, booleans are not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a finite number: numpy's are; booleans and integers too large for a float are not."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # An integer that is too large for a float.
        return False
