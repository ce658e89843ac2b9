"""Names and lists in words."""

import pytest

from events_pandas.results.phrases import listed, quoted


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b", "c", "d", "e"], "a, b, c, d, e"),
        (list("abcdefg"), "a, b, c, d, e and 2 more"),
    ],
)
def test_listed_tells_the_first_five(texts, told):
    """What is left out is counted."""
    assert listed(texts) == told


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("placed-order", "'placed-order'"),
        ("a\nb", r"'a\nb'"),
        ("x" * 41, f"'{'x' * 40}...'"),
        ("x" * 40, f"'{'x' * 40}'"),
    ],
)
def test_quoted_stays_on_one_short_line(name, told):
    """A name is cut after forty characters, and cannot begin a line of its own."""
    assert quoted(name) == told
