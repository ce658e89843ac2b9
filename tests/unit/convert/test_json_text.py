"""JSON text: escaped, joined row by row, absent values left out."""

import json

import pyarrow as pa
import pytest

from events_pandas.convert.json_text import escaped, joined, listed, quoted


def _texts(*values):
    return pa.array(values, pa.large_string())


@pytest.mark.parametrize(
    "text",
    [chr(code) for code in range(1, 0x20)]
    + ['"', "\\", '\\"', "\\n", "a\\\\b", "\x7f", "\u2028", "ü", "漢", "🎉", "</script>", "\\u0041", ""],
)
def test_quoted_text_reads_back_as_it_was(text):
    """Whatever a cell holds, JSON's readers get it back."""
    literal = joined(*quoted(_texts(text)), length=1)[0].as_py()

    assert json.loads(literal) == text


@pytest.mark.parametrize(
    ("text", "literal"),
    [('"', '\\"'), ("\\", "\\\\"), ("\n", "\\n"), ("\t", "\\t"), ("\x00", "\\u0000"), ("\x1f", "\\u001f"), ("ü", "ü")],
)
def test_escaped_writes_what_json_writes(text, literal):
    """Only what RFC 8259 forbids inside a string is escaped; all else stays UTF-8."""
    assert escaped(_texts(text, "plain")).to_pylist() == [literal, "plain"]


def test_escaped_gives_back_the_same_array_without_work_to_do():
    """Nearly all text has nothing to escape."""
    text = _texts("plain", None)

    assert escaped(text) is text


def test_escaped_looks_at_the_rows_that_it_was_given():
    """A slice of a longer array is escaped by its own bytes."""
    assert escaped(_texts('a"', "b", "c\n").slice(1)).to_pylist() == ["b", "c\\n"]


@pytest.mark.parametrize(
    ("pieces", "length", "texts"),
    [
        (("a", _texts("x", "y"), "b"), 2, ["axb", "ayb"]),
        (("a", _texts("x", None)), 2, ["ax", None]),
        (("a", _texts("x")), 2, ["ax", "ax"]),
        (("a", _texts("x"), _texts("y", "z")), 2, ["axy", "axz"]),
        (("a", _texts(None)), 2, [None, None]),
        (("a", "b"), 2, ["ab", "ab"]),
        (("a", _texts("x")), 1, ["ax"]),
        (("a", _texts("x")), 0, []),
        (("a", _texts()), 0, []),
    ],
)
def test_joined_gives_every_row_its_text(pieces, length, texts):
    """A literal, and a column of one value, stand for every row; null makes the row null."""
    assert joined(*pieces, length=length).to_pylist() == texts


@pytest.mark.parametrize(
    ("columns", "texts"),
    [
        ([_texts("a", "b"), _texts("x", "y")], ["a,x", "b,y"]),
        ([_texts("a", None, None), _texts("x", "y", None)], ["a,x", "y", None]),
        ([_texts(None, None), _texts("x", None)], ["x", None]),
        ([_texts("a", None, "b")], ["a", None, "b"]),
        ([_texts("a"), _texts(None)], ["a"]),
        ([_texts(None)], [None]),
        ([_texts(), _texts()], []),
    ],
)
def test_listed_leaves_out_what_is_null(columns, texts):
    """A row without any value has no list, rather than an empty one, and all rows stay."""
    assert listed(columns).to_pylist() == texts
