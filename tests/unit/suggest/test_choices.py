"""Choices: what a field of a proposal reads, and how a share is told."""

import pytest

from events_pandas.mapping import Column, Constant, Date, MonetaryAmount
from events_pandas.suggest.choices import Choice, share_text


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


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (1, 5, "20 %"),
        (2, 3, "67 %"),
        (5, 5, "100 %"),
        (1, 200, "less than 1 %"),
        (199, 200, "more than 99 %"),
    ],
)
def test_share_is_neither_all_nor_nothing_unless_it_is(part, whole, text):
    """Rounding does not make all of most."""
    assert share_text(part, whole) == text
