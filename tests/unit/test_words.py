"""Counts, lists, quoted names and hints in words."""

import pytest

from events_pandas.words import counted, did_you_mean, listed, quoted


@pytest.mark.parametrize(("count", "shown"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (12_345, "12,345 rows")])
def test_counted_has_singular_plural_and_thousands_separators(count, shown):
    """One row is singular, and every other number plural."""
    assert counted(count, "row") == shown


def test_counted_takes_a_plural():
    """A plural that does not end in s is given."""
    assert counted(1, "row is", "rows are") == "1 row is"
    assert counted(2, "row is", "rows are") == "2 rows are"


@pytest.mark.parametrize(
    ("word", "known", "options", "hint"),
    [
        ("chunk_size", ["client", "chunksize"], {}, "did you mean 'chunksize'?"),
        ("zzz", ["client", "chunksize"], {}, "there are client, chunksize"),
        ("zzz", ["client"], {"otherwise": "see the docs"}, "see the docs"),
        ("zzz", ["client"], {"otherwise": ""}, ""),
        ("10", [100, "who"], {}, "did you mean 100?"),
    ],
)
def test_did_you_mean_names_the_most_similar_word(word, known, options, hint):
    """A similar word is shown as it is; without one the hint is what is given, or a list of the known words."""
    assert did_you_mean(word, known, **options) == hint


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b", "c", "d", "e"], "a, b, c, d, e"),
        (list("abcdefg"), "a, b, c, d, e and 2 more"),
    ],
)
def test_listed_shows_the_first_five(texts, expected):
    """Texts that are left out are counted."""
    assert listed(texts) == expected


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([60, 46, 1, 1], "{0}, {1} and 2 more"),
        ([60, 47, 1], "{0} and 2 more"),
        ([500, 1], "{0} and 1 more"),
    ],
)
def test_listed_reports_fewer_when_they_are_long(lengths, expected):
    """A list takes 110 characters of its line, but one text is shown at any length."""
    texts = ["x" * length for length in lengths]

    assert listed(texts) == expected.format(*texts)


def test_listed_uses_the_given_word_for_the_rest():
    """The number of others is not always known."""
    assert listed(["a", "b", "c"], most=2, rest="others") == "a, b and others"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("placed-order", "'placed-order'"),
        ("a\nb", r"'a\nb'"),
        ("x" * 41, f"'{'x' * 40}...'"),
        ("x" * 40, f"'{'x' * 40}'"),
        ("\U000e0001" * 40, f"'{chr(92)}U000e0001{chr(92)}U000e0001{chr(92)}U000e0001{chr(92)}U000e0001...'"),
    ],
)
def test_quoted_stays_on_one_short_line(name, expected):
    """A name is cut after forty printed characters, and cannot begin a new line."""
    assert quoted(name) == expected
