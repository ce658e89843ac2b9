"""JSON text: escaped, and joined row by row without absent values."""

import json

import pyarrow as pa
import pytest

from events_pandas.convert.json_text import canonical_numbers, comma_joined, joined, json_escaped, json_strings


def _texts(*values):
    return pa.array(values, pa.large_string())


@pytest.mark.parametrize(
    "text",
    [chr(code) for code in range(1, 0x20)]
    + ['"', "\\", '\\"', "\\n", "a\\\\b", "\x7f", "\u2028", "ü", "漢", "🎉", "</script>", "\\u0041", ""],
)
def test_quoted_text_reads_back_as_it_was(text):
    """Any quoted text reads back unchanged as JSON."""
    literal = joined(*json_strings(_texts(text)), length=1)[0].as_py()

    assert json.loads(literal) == text


@pytest.mark.parametrize(
    ("text", "literal"),
    [('"', '\\"'), ("\\", "\\\\"), ("\n", "\\n"), ("\t", "\\t"), ("\x00", "\\u0000"), ("\x1f", "\\u001f"), ("ü", "ü")],
)
def test_escaped_writes_what_json_writes(text, literal):
    """Only what RFC 8259 forbids inside a string is escaped; everything else stays UTF-8."""
    assert json_escaped(_texts(text, "plain")).to_pylist() == [literal, "plain"]


def test_escaped_returns_the_same_array_without_work_to_do():
    """Text without anything to escape comes back as the same array."""
    text = _texts("plain", None)

    assert json_escaped(text) is text


def test_escaped_looks_at_the_rows_that_it_was_given():
    """A slice of a longer array is escaped by its own bytes."""
    assert json_escaped(_texts('a"', "b", "c\n").slice(1)).to_pylist() == ["b", "c\\n"]


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
    """Literals and columns of one value are repeated for every row; a null makes its row null."""
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
def test_comma_joined_leaves_out_what_is_null(columns, texts):
    """Nulls are left out; a row without any value is null, not an empty list."""
    assert comma_joined(columns).to_pylist() == texts


def test_canonical_number_is_not_longer_than_it_was():
    """Written out, a number with a long exponent could exceed a payload; equal ones are still the same text."""
    numbers = _texts("1e-5000", "10.0E-5001", "12.5e-1", None)

    assert canonical_numbers(numbers).to_pylist() == ["1E-5000", "1E-5000", "1.25", None]
