"""The digest of a mapping: a name for its rules in the history of runs."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from events_pandas import Column, Constant, EventMapping, MonetaryAmount
from events_pandas.mapping.event_mapping import mapping_digest


@pytest.fixture
def orders():
    """A mapping with metadata of several kinds."""
    return EventMapping(
        event_name="placed-order",
        created_at="day",
        user_id="who",
        metadata={"price": MonetaryAmount("total", currency=Constant("eur")), "shop": "shop"},
    )


def test_digest_is_the_same_in_every_process(orders):
    """It is kept, and compared with that of another day."""
    assert mapping_digest(orders) == mapping_digest(replace(orders)) == "3e9c9f65ed08"


def test_digest_is_that_of_before_amounts_could_be_rounded():
    """The history of a nightly file goes on when the library is updated."""
    cents = MonetaryAmount("cents", currency=Constant("usd"), unit="minor")
    metadata = {"price": MonetaryAmount("total", currency="currency"), "fee": cents}
    mapping = EventMapping(event_name="paid", created_at="day", email="address", metadata=metadata)

    assert mapping_digest(mapping) == "a3f7e0a1eae6"
    rounded = replace(mapping, metadata={**metadata, "fee": replace(cents, round=True)})
    assert mapping_digest(rounded) != "a3f7e0a1eae6"


@pytest.mark.parametrize(
    "change",
    [
        {"event_name": "sold"},
        {"event_name": Column("sold")},
        {"user_id": None, "email": "who"},
        {"timezone": "Europe/Berlin"},
        {"duplicates": "spread"},
        {"metadata_limit": 11},
        {"metadata": {"price": MonetaryAmount("total", currency=Constant("usd")), "shop": "shop"}},
        {"metadata": {"price": MonetaryAmount("total", currency=Constant("eur"))}},
    ],
)
def test_digest_differs_when_the_mapping_does(orders, change):
    """Every rule and every option that changes a payload or a verdict is in it."""
    assert mapping_digest(replace(orders, **change)) != mapping_digest(orders)


def test_digest_does_not_depend_on_what_is_confirmed(orders):
    """Confirming a guess changes no event."""
    assert mapping_digest(replace(orders, unconfirmed=("timezone",))) == mapping_digest(orders)


def test_digest_names_the_fields_that_callables_compute(orders):
    """Nobody knows from a digest what a function does; that there is one is said."""
    computed = [
        replace(orders, created_at=function, metadata={"price": MonetaryAmount(function, currency="currency")})
        for function in (lambda frame: frame["day"], lambda frame: frame["date"])
    ]

    digests = {mapping_digest(mapping) for mapping in computed}

    (digest,) = digests
    assert re.fullmatch(r"[0-9a-f]{12} \(callables: created_at, metadata\.price\.amount\)", digest)


@pytest.mark.skipif(not hasattr(pd, "col"), reason="pandas 3 has expressions")
def test_digest_takes_an_expression_for_a_callable(orders):
    """It is one, and its text may change with pandas."""
    digest = mapping_digest(replace(orders, user_id=pd.col("who")))

    assert digest.endswith(" (callables: user_id)")
