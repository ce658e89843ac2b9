"""The currencies of ISO 4217, with their decimals."""

import iso4217
import pytest

from events_pandas.currencies import DECIMALS, WITHDRAWN_IN

# Older releases of the package do not have these yet.
NEW = {"xad", "xcg"}


def todays_decimals() -> dict[str, int]:
    """List one of the installed release."""
    return {currency.code.lower(): currency.exponent for currency in iso4217.Currency if currency.exponent is not None}


def test_every_currency_of_iso_4217_is_known() -> None:
    """A currency that is added to list one is missed here; one that is withdrawn stays known."""
    decimals = todays_decimals()

    assert {currency: DECIMALS.get(currency) for currency in decimals} == decimals


def test_what_is_known_beside_it_was_withdrawn() -> None:
    """A currency that left list one belongs into the table of the withdrawn ones."""
    assert DECIMALS.keys() - todays_decimals().keys() - WITHDRAWN_IN.keys() <= NEW


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [
        ("usd", 2),
        ("jpy", 0),
        ("bhd", 3),
        ("clf", 4),
        ("isk", 0),
        ("bgn", 2),
        ("byr", 0),
        ("itl", 0),
        ("mro", 2),
        ("rol", 2),
        ("sll", 2),
        ("ydd", 3),
    ],
)
def test_decimals_are_iso_4217s(currency: str, decimals: int) -> None:
    """CLDR's decimals, which are for display, differ for some currencies."""
    assert DECIMALS[currency] == decimals


@pytest.mark.parametrize("currency", ["xau", "xxx", "xts", "xfo", "xre"])
def test_what_has_no_minor_unit_is_left_out(currency: str) -> None:
    """ISO 4217 has gold, which nobody pays with."""
    assert currency not in DECIMALS


@pytest.mark.parametrize(
    ("currency", "year"),
    [("bgn", 2026), ("ang", 2025), ("zwl", 2024), ("hrk", 2023), ("sll", 2023), ("cuc", 2021), ("vef", 2018)],
)
def test_withdrawn_currencies_have_the_year(currency: str, year: int) -> None:
    """List three has the month in which each was withdrawn."""
    assert WITHDRAWN_IN[currency] == year


def test_todays_currencies_were_not_withdrawn() -> None:
    """A code is in one of the tables."""
    assert WITHDRAWN_IN.keys().isdisjoint({"usd", "eur", "pen", "ron", "mwk", "szl", "sdg", "try"})
