"""Names and lists in words."""

import pytest

from events_pandas.words import listed, quoted


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
    ("lengths", "told"),
    [
        ([60, 46, 1, 1], "{0}, {1} and 2 more"),
        ([60, 47, 1], "{0} and 2 more"),
        ([500, 1], "{0} and 1 more"),
    ],
)
def test_listed_tells_fewer_when_they_are_long(lengths, told):
    """A list takes 110 characters of its line, but one text is told whatever its length."""
    texts = ["x" * length for length in lengths]

    assert listed(texts) == told.format(*texts)


def test_listed_says_of_the_rest_what_it_is_given():
    """How many others there are is not always known."""
    assert listed(["a", "b", "c"], most=2, rest="others") == "a, b and others"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("placed-order", "'placed-order'"),
        ("a\nb", r"'a\nb'"),
        ("x" * 41, f"'{'x' * 40}...'"),
        ("x" * 40, f"'{'x' * 40}'"),
        ("\U000e0001" * 40, f"'{chr(92)}U000e0001{chr(92)}U000e0001{chr(92)}U000e0001{chr(92)}U000e0001...'"),
    ],
)
def test_quoted_stays_on_one_short_line(name, told):
    """A name is cut after forty characters as they are told, and cannot begin a line of its own."""
    assert quoted(name) == told
