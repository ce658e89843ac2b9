"""Decimals of amounts and of currencies."""

import numpy as np
import pandas as pd
import pytest

from events_pandas.suggest.decimals import (
    MANY,
    decimals_of_currencies,
    decimals_of_floats,
    decimals_of_texts,
    is_currency,
)


@pytest.mark.parametrize(
    ("number", "decimals"), [(0.0, 0), (-19.99, 2), (0.1 + 0.2, MANY), (1e300, 0), (np.inf, 0), (0.0001, 4)]
)
def test_decimals_of_floats_are_those_of_the_shortest_decimal(number, decimals):
    """0.1 + 0.2 is not 0.3, and says so."""
    assert decimals_of_floats(np.array([number])).tolist() == [decimals]


def test_decimals_of_short_floats_are_those_that_were_meant():
    """Four bytes hold 19.99 as 19.989999771118164."""
    assert decimals_of_floats(np.array([19.99, 0.125], dtype=np.float32)).tolist() == [2, 3]


def test_decimals_of_texts_do_not_count_closing_zeros():
    """An exponent is more than any currency has."""
    texts = pd.Series(["12", "12.00", "-12.50", "1E-05"], dtype=object)

    assert decimals_of_texts(texts).tolist() == [0, 0, 1, MANY]


def test_decimals_of_currencies_are_those_of_iso_4217():
    """Euros have two, yen none, Bahraini dinars three."""
    assert decimals_of_currencies(pd.Series(["eur", "JPY", "BHD"], dtype=object)).tolist() == [2, 0, 3]


def test_is_currency_takes_what_has_a_minor_unit():
    """Gold has a code, and no minor unit."""
    assert is_currency(pd.Series(["eur", "XAU", "EURO"], dtype=object)).tolist() == [True, False, False]
