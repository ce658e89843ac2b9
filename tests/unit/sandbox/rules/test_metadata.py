"""Metadata, judged by Intercom's rules."""

import pytest

from events_pandas.sandbox.rules.events import metadata_refusal

NESTED = "is an object, but neither a rich link (url, value) nor a monetary amount (amount, currency)"
AMOUNT = "has an amount that is no positive integer"
CURRENCY = "has a currency that is no code of three letters"
URL = "has a url that is no HTTP or HTTPS address"
FORBIDDEN = "has a character that a metadata key may not have"


@pytest.mark.parametrize(
    "value",
    [
        "desktop",
        "",
        "ü" * 255,
        3.67,
        -1,
        1392036272,
        "https://example.org/ab1de.html",
        {"url": "https://example.org/ab1de.html", "value": "the dude abides"},
        {"url": "HTTP://example.org/" + "a" * 255, "value": ""},
        {"amount": 34999, "currency": "eur"},
        {"currency": "USD", "amount": 1},
        {"url": "https://example.org", "value": "a", "title": "b"},
        {"amount": 34999, "currency": "eur", "type": "monetary_amount"},
        None,
        True,
    ],
)
def test_metadata_takes_documented_and_open_values(value) -> None:
    """Text, numbers, rich links and money are documented; null, booleans and a third key are open, and taken."""
    assert metadata_refusal({"key": value}) is None


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("a" * 256, "has 256 characters, at most 255 are allowed"),
        ("a\0b", "has a NUL character"),
        ([], "is an array, which metadata cannot hold"),
        (["a"], "is an array, which metadata cannot hold"),
        ({}, NESTED),
        ({"first": "a"}, NESTED),
        ({"url": "https://example.org"}, NESTED),
        ({"url": "https://example.org", "title": "b"}, NESTED),
        ({"url": "https://example.org", "value": 1, "title": "b"}, "has a value that is no string"),
        ({"amount": 0, "currency": "eur", "type": "monetary_amount"}, AMOUNT),
        ({"url": "ftp://example.org", "value": "a"}, URL),
        ({"url": None, "value": "a"}, URL),
        ({"url": "https://example.org", "value": 1}, "has a value that is no string"),
        ({"url": "https://example.org", "value": "\0"}, "has a NUL character"),
        ({"amount": 0, "currency": "eur"}, AMOUNT),
        ({"amount": -1, "currency": "eur"}, AMOUNT),
        ({"amount": 349.99, "currency": "eur"}, AMOUNT),
        ({"amount": "34999", "currency": "eur"}, AMOUNT),
        ({"amount": True, "currency": "eur"}, AMOUNT),
        ({"amount": 34999, "currency": "euro"}, CURRENCY),
        ({"amount": 34999, "currency": "€€€"}, CURRENCY),
        ({"amount": 34999, "currency": "eu1"}, CURRENCY),
        ({"amount": 34999, "currency": None}, CURRENCY),
    ],
)
def test_metadata_refuses_a_value(value, fault) -> None:
    """A value that Intercom cannot hold is a wrong parameter, named by its path."""
    refusal = metadata_refusal({"good": 1, "price": value})

    assert (refusal.status, refusal.code, refusal.field) == (400, "parameter_invalid", "metadata.price")
    assert refusal.message == f"metadata.price {fault}"


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        *[(f"a{character}b", FORBIDDEN) for character in ".$~`!@#%^&*'{}|\\\"\0"],
        ("type", "is a reserved key"),
        ("Type", "is a reserved key"),
        ("GOOD", "is there twice: keys that differ in case only are equal"),
    ],
)
def test_metadata_refuses_a_key(key, fault) -> None:
    """A key is refused for its characters, when it is reserved, and when it is there in another case."""
    refusal = metadata_refusal({"good": 1, key: 2})

    assert refusal.message == f"metadata.{key} {fault}"
