"""Settings of a sandbox: which are numbers."""

import decimal

import numpy as np
import pytest

from events_pandas.sandbox.rules.settings import is_number, is_whole


@pytest.mark.parametrize(
    ("value", "whole", "number"),
    [
        (0, True, True),
        (-7, True, True),
        (np.int64(7), True, True),
        (10**400, True, False),
        (0.5, False, True),
        (np.float32(0.5), False, True),
        (float("nan"), False, False),
        (float("inf"), False, False),
        (True, False, False),
        (np.True_, False, False),
        ("7", False, False),
        (None, False, False),
        (decimal.Decimal(7), False, False),
    ],
)
def test_number_is_finite_and_no_boolean(value, whole, number) -> None:
    """Numbers of Python and numpy count; booleans and integers too large for a float do not."""
    assert (is_whole(value), is_number(value)) == (whole, number)
