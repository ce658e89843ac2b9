"""Invisible characters, as messages show them."""

import pyarrow as pa
import pytest

from events_pandas.convert.odd_texts import outlined, visible


def texts(*cells):
    return pa.array(cells, pa.large_string())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("42\u200b", r"42\u200b"),
        ("a\tb\r\n", r"a\tb\r\n"),
        ("\x1b[31m", r"\u001b[31m"),
        ("\U000e0001", r"\U000e0001"),
        ("a b", "a b"),
        ("ü", "ü"),
        (None, None),
    ],
)
def test_invisible_characters_are_shown_as_escapes(text, shown):
    """Invisible characters are written as Python's escapes."""
    assert visible(texts(text, "ö")).to_pylist() == [shown, "ö"]


@pytest.mark.parametrize(
    ("shown", "outline"),
    [
        (r"'42\u200b'", r"'…\u200b'"),
        (r"'\u00a042'", r"'\u00a0…'"),
        (r"'\U000e0001ada'", r"'\U000e0001…'"),
        ("' ada '", "' … '"),
        ("'ada lovelace'", "'…'"),
        (None, None),
    ],
)
def test_outline_keeps_only_escapes_and_outer_blanks(shown, outline):
    """Only the escapes and outer blanks stay: no letter of an identifier is left."""
    assert outlined(texts(shown)).to_pylist() == [outline]
