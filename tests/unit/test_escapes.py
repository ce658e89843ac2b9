"""Texts of strangers in messages: on one line, without what acts on a terminal."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas.words import escaped, escaped_lines, path_text

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
