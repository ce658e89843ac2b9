"""A rule tried on rows: what a check would refuse, and how that is fixed."""

import numpy as np
import pandas as pd
import pytest

from events_pandas.mapping import Date, Link, MonetaryAmount, Number, RichLink, Text
from events_pandas.suggest.choices import Refusal
from events_pandas.suggest.trial import tried

URL = "https://example.org/"


@pytest.mark.parametrize(
    ("columns", "rule", "refusal"),
    [
        ({"x": [URL, None, ""]}, Link("x"), Refusal()),
        ({"x": [URL, f"{URL}a|b", "n/a"]}, Link("x"), Refusal(n_rows=2, example="link_malformed: write '|' as %7C")),
        (
            {"x": [URL, "n/a", f"{URL}a|b"]},
            Link("x"),
            Refusal(n_rows=2, example="link_malformed: write it as https://example.org/page, without spaces"),
        ),
        ({"x": ["a\0", "b"]}, Text("x"), Refusal(n_rows=1, example="nul_character: remove it")),
        (
            {"x": ["1", "2,5"]},
            Number("x"),
            Refusal(n_rows=1, example="number_unreadable: write it as 3.67, without units or thousands separators"),
        ),
        ({"x": ["2024-01-31 10:00"]}, Date("x"), Refusal()),
        (
            {"x": ["a", "b"], "y": [URL, f"{URL}^"]},
            RichLink(value="x", url="y"),
            Refusal(n_rows=1, example="link_malformed: write '^' as %5E"),
        ),
        (
            {"x": ["a", None], "y": [URL, URL]},
            RichLink(value="x", url="y"),
            Refusal(n_rows=1, example="rich_link_incomplete: a rich link needs both its value and its url, or neither"),
        ),
        (
            {"x": [0, 1.5, 2.5], "y": ["EUR", "EURO", "EUR"]},
            MonetaryAmount("x", currency="y"),
            Refusal(
                n_rows=2,
                example=("amount_not_positive: leave the amount empty to send the event without it, or drop the row"),
            ),
        ),
        ({"x": [None, 1.5], "y": ["EURO", "EUR"]}, MonetaryAmount("x", currency="y"), Refusal()),
    ],
)
def test_tried_counts_the_rows_that_a_check_would_refuse(columns, rule, refusal):
    """Rows, not findings; the first row says what is wrong and how it is fixed."""
    frame = pd.DataFrame(columns)

    assert tried(frame, np.arange(len(frame)), rule) == refusal


def test_tried_reads_levels_of_the_index_and_labels_of_any_kind():
    """As a mapping names them."""
    index = pd.MultiIndex.from_tuples([("a", URL), ("b", "n/a")], names=["tried", ("url", 1)])
    frame = pd.DataFrame({0: ["x", "y"]}, index=index)

    assert tried(frame, np.arange(2), Text("tried")) == Refusal()
    assert tried(frame, np.arange(2), Text(0)) == Refusal()
    assert tried(frame, np.arange(2), Link(("url", 1))).n_rows == 1


def test_tried_reads_the_rows_that_it_is_given_only():
    """A sample, wherever its rows stand."""
    frame = pd.DataFrame({"x": ["n/a", URL, "n/a", URL]})

    assert tried(frame, np.array([1, 3]), Link("x")) == Refusal()
    assert tried(frame, np.array([0, 3]), Link("x")).n_rows == 1
