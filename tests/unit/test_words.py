"""Counts, lists, quoted names and hints in words; texts of strangers on one line, without what acts on a terminal."""

import os
import uuid

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas.words import (
    counted,
    did_you_mean,
    escaped,
    escaped_lines,
    has_address,
    kind_of,
    listed,
    path_text,
    quoted,
    without_persons,
)

ACTING = {
    "escape": ("\x1b[2J", "\\u001b[2J"),
    "bell": ("\x07", "\\u0007"),
    "delete": ("\x7f", "\\u007f"),
    "control sequence in one character": ("\x9b2J", "\\u009b2J"),
    "next line": ("\x85", "\\u0085"),
    "line break": ("a\nb", "a\\nb"),
    "carriage return": ("a\rb", "a\\rb"),
    "tab": ("a\tb", "a\\tb"),
    "end of line": ("\u2028", "\\u2028"),
    "end of paragraph": ("\u2029", "\\u2029"),
    "right to left": ("\u202egnp.exe", "\\u202egnp.exe"),
    "isolate": ("\u2067", "\\u2067"),
    "nothing wide": ("4\u200b2", "4\\u200b2"),
    "tag": ("\U000e0041", "\\U000e0041"),
    "byte that is not UTF-8": ("caf\udce9", "caf\\xe9"),
    "half a character": ("a\ud800", "a\\ud800"),
}


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
        (
            "u\u0308",
            ["who", "\u00fc"],
            {"otherwise": ""},
            "did you mean '\u00fc' ('\\xfc', not 'u\\u0308': another Unicode form)?",
        ),
    ],
)
def test_did_you_mean_names_the_most_similar_word(word, known, options, hint):
    """A similar word is shown as it is; without one the hint is what is given, or a list of the known words."""
    assert did_you_mean(word, known, **options) == hint


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, "an int"),
        (object(), "an object"),
        (None, "a NoneType"),
        ({}, "a dict"),
        (OSError(), "an OSError"),
        (np.zeros(1), "an ndarray"),
        (np.uint8(1), "a uint8"),
        (uuid.UUID(int=0), "a UUID"),
    ],
)
def test_kind_of_has_the_right_article(value, expected):
    """The first sound decides the article, not the first letter."""
    assert kind_of(value) == expected


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


@pytest.mark.parametrize(("text", "shown"), ACTING.values(), ids=ACTING)
def test_character_that_acts_on_a_terminal_is_an_escape(text, shown):
    """A cell or a file name cannot clear a screen, move the cursor or begin a line."""
    assert escaped(text) == shown


@settings(deadline=None)
@given(st.text(st.characters(codec=None)))
def test_escaped_text_is_one_line_that_can_be_written(text):
    """This holds for any text, and an escaped text stays as it is."""
    shown = escaped(text)

    assert shown.splitlines() in ([shown], [])
    assert shown.isprintable() or not {c for c in shown if c < " " or "\x7f" <= c < "\xa0"}
    assert shown.encode().decode() == shown == escaped(shown)


def test_other_texts_stay_as_they_are():
    """Letters of all scripts and visible signs are not escaped."""
    assert escaped("Zürich, 東京 ☃ 😀 don't \\n") == "Zürich, 東京 ☃ 😀 don't \\n"


def test_lines_of_our_own_stay_lines():
    """Only quoted text is escaped."""
    assert escaped_lines("2 rows\n  1 \x1b[2J\r\n") == "2 rows\n  1 \\u001b[2J\\r\n"


def test_path_keeps_all_that_can_be_written():
    """Only bytes that are not UTF-8 become escapes; characters that a poor locale splits are whole."""
    assert path_text("a\nb\udcff.csv") == "a\nb\\xff.csv"
    assert path_text(os.fsencode("Zürich ☃.csv").decode("ascii", "surrogateescape")) == "Zürich ☃.csv"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ada@example.org", "(address)"),
        ("to ada.b+c@mail.example.co.uk: x", "to (address): x"),
        ("&#x27;ada@example.org&#x27;", "&#x27;(address)&#x27;"),
        ("<td>ada@b\u00fccher.example</td>", "<td>(address)</td>"),
        ("('ada@example.org', 2)", "('(address)', 2)"),
        ("'a.very.long.name.before.it@exam...' (1 row)", "'(address)' (1 row)"),
        ("/home/ada/in/orders.csv", "~/in/orders.csv"),
        ("/Users/Ada Lovelace/orders.csv", "~/orders.csv"),
        ("C:\\Users\\ada\\orders.csv", "~\\orders.csv"),
        ("s3://bucket/home/ada/orders.csv", "s3://bucket/home/ada/orders.csv"),
        ("data/home/ada/orders.csv", "data/home/ada/orders.csv"),
        ("/home/orders.csv", "/home/orders.csv"),
        ("@media print", "@media print"),
        ("3 @ 4.50", "3 @ 4.50"),
    ],
)
def test_without_persons_hides_addresses_and_home_folders(text, shown):
    """All around them stays, also in markup."""
    assert without_persons(text) == shown
    assert has_address(text) == ("(address)" in shown)
