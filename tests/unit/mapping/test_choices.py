"""Choices: what a field of a proposal reads."""

import pytest

from events_pandas.mapping import Column, Constant, Date, MonetaryAmount
from events_pandas.mapping.choices import Choice


@pytest.mark.parametrize(
    ("path", "entry", "labels"),
    [
        ("event_name", "ordered", ()),
        ("event_name", Constant("ordered"), ()),
        ("event_name", Column("event"), ("event",)),
        ("user_id", "who", ("who",)),
        ("created_at", Date("day"), ("day",)),
        ("timezone", None, ()),
        ("metadata.price", MonetaryAmount("a", currency="b"), ("a", "b")),
    ],
)
def test_choice_labels_are_the_columns_that_it_reads(path, entry, labels):
    """A literal name reads none, and neither does a field that is left open."""
    assert Choice(path=path, entry=entry, reason="why").labels == labels
