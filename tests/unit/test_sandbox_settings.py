"""The settings of a sandbox: what each may be."""

import dataclasses
import decimal
import re

import numpy as np
import pytest

from events_pandas.sandbox import Faults
from events_pandas.sandbox_settings import FAULT_SETTINGS, checked


def takes(name, value) -> bool:
    try:
        checked(name, value)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("value", "whole", "number"),
    [
        (7, True, True),
        (np.int64(7), True, True),
        (10**400, True, False),
        (1.5, False, True),
        (np.float32(1.5), False, True),
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
    assert (takes("times", value), takes("latency_seconds", value)) == (whole, number)


@pytest.mark.parametrize(
    ("name", "value", "kept"), [("seed", np.int64(7), int), ("jitter", np.float32(0.5), float), ("garbage", 1, float)]
)
def test_number_of_numpy_becomes_one_of_python(name, value, kept) -> None:
    """A setting is kept as Python's own number, which JSON and `random` take."""
    assert checked(name, value) == value
    assert type(checked(name, value)) is kept


@pytest.mark.parametrize("port", [0, 65535, np.int64(8080)])
def test_port_is_a_whole_number_of_16_bits(port) -> None:
    """A port is a whole number of 16 bits, 0 for any that is free."""
    assert checked("port", port) == port


@pytest.mark.parametrize("port", [-1, 65536, True, 80.0, "8080", None])
def test_port_is_refused_when_it_is_not_a_port(port) -> None:
    """A wrong port is refused before a socket is opened."""
    message = f"port must be a whole number from 0 to 65535, not {port!r}; 0 stands for any free port"

    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        checked("port", port)


def test_settings_of_faults_are_all_in_the_table() -> None:
    """The command line offers each setting of `Faults`, in the order of its documentation."""
    assert list(FAULT_SETTINGS) == [field.name for field in dataclasses.fields(Faults)]
