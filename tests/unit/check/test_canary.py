"""The rows that are submitted first: which they are, and that few are enough to have everything once."""

import numpy as np
import pandas as pd
import pytest

from events_pandas.check import canary_rows, check_rows
from events_pandas.convert import Converter
from events_pandas.mapping import Column, Constant, EventMapping, MonetaryAmount, bind

INSTANT = 1_700_000_000


@pytest.fixture
def choose():
    """Choose the canary of a frame."""

    def choose(frame, most, **fields):
        if not fields.keys() & {"user_id", "id", "email"}:
            fields["user_id"] = Constant("ada")
        rules = {"event_name": "placed-order", "created_at": "at", "duplicates": "send", "timezone": "UTC"} | fields
        frame = frame if "at" in frame else frame.assign(at=INSTANT + np.arange(len(frame)))
        converter = Converter(bind(frame, EventMapping(**rules)))
        return canary_rows(converter, check_rows(converter, len(frame), now=INSTANT), most).tolist()

    return choose


def test_canary_is_spread_evenly_over_rows_that_are_alike(choose):
    """The first row has everything; the other rows come from the middle of stretches of equal length."""
    frame = pd.DataFrame({"x": np.arange(1000)})

    assert choose(frame, 5, metadata={"x": "x"}) == [0, 125, 375, 625, 875]


@pytest.mark.parametrize("most", [7, 8])
def test_canary_is_all_rows_of_a_small_frame(choose, most):
    """If a frame has no more rows than are wanted, all of them are chosen."""
    assert choose(pd.DataFrame({"x": range(7)}), most, metadata={"x": "x"}) == list(range(7))


def test_canary_has_every_event_name(choose):
    """A name that only one row has is chosen too."""
    names = np.repeat("opened", 5000).astype(object)
    names[[1234, 4321]] = ["closed", "won"]

    rows = choose(pd.DataFrame({"name": names}), 3, event_name=Column("name"))

    assert rows == [0, 1234, 4321]


def test_canary_takes_spellings_of_a_name_for_one(choose):
    """One of several spellings of a name is enough, since Intercom ignores case."""
    rows = choose(pd.DataFrame({"name": ["a", "A", "b", "B", "b"]}), 2, event_name=Column("name"))

    assert rows == [0, 2]


def test_canary_has_the_most_frequent_names_when_there_are_too_many(choose):
    """If there are too many names, the most frequent ones come first."""
    names = ["rare", *["often"] * 5, "seldom", *["most"] * 9, "seldom"]

    rows = choose(pd.DataFrame({"name": names}), 3, event_name=Column("name"))

    assert rows == [1, 6, 7]


def test_canary_has_every_metadata_key(choose):
    """A key that has a value in only one row is chosen in that row."""
    frame = pd.DataFrame({"x": np.arange(500.0), "y": [None] * 499 + ["late"]})
    frame.loc[0, "x"] = np.nan

    assert choose(frame, 1, metadata={"x": "x", "y": "y"}) == [499]


def test_canary_has_every_identifier(choose):
    """Each field that names a contact in some row is chosen."""
    frame = pd.DataFrame({"who": ["7"] * 400, "address": ["ada@example.org"] * 400})
    frame.loc[[250, 251], "who"] = None

    assert choose(frame, 2, user_id="who", email="address") == [0, 250]


def test_canary_has_every_currency(choose):
    """Each currency of an amount is chosen."""
    frame = pd.DataFrame({"total": np.arange(1, 301), "currency": ["eur"] * 298 + ["usd", "EUR"]})

    assert choose(frame, 2, metadata={"price": MonetaryAmount("total", currency="currency")}) == [0, 298]


def test_canary_chooses_only_rows_that_are_sent(choose):
    """Invalid rows and duplicates are not chosen, even if they alone have some name or key."""
    frame = pd.DataFrame({"at": [INSTANT, None, INSTANT, INSTANT + 1, INSTANT + 2], "x": [None, 1, 2, None, None]})

    assert choose(frame, 2, metadata={"x": "x"}, duplicates="skip") == [0, 4]


def test_canary_has_what_is_in_any_part_of_a_long_frame(choose):
    """A long frame is read in parts, and what one part has is remembered in the next."""
    n_rows = 150_000
    keys = {f"k{place}": pd.Series([None] * n_rows, dtype=object) for place in range(3)}
    for place, row in enumerate([10, 70_000, 149_999]):
        keys[f"k{place}"][row] = "x"

    rows = choose(pd.DataFrame(keys), 3, metadata={key: key for key in keys})

    assert rows == [10, 70_000, 149_999]
