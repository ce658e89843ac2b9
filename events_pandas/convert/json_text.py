"""Columns of JSON text, joined from columns of values and literal pieces."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import TEXT_TYPE, Mask, holds_any, text_bytes, valid_mask

_SPACE = 0x20
_QUOTE: Final = '"'
_ESCAPES = {
    **{byte: f"\\u{byte:04x}" for byte in range(_SPACE)},
    0x08: "\\b",
    0x09: "\\t",
    0x0A: "\\n",
    0x0C: "\\f",
    0x0D: "\\r",
    0x22: '\\"',
    0x5C: "\\\\",
}
"""How JSON writes what it does not allow inside a string (RFC 8259, section 7)."""

_FRACTION: Final = r"^(-?[0-9]+)(?:\.0*|(\.[0-9]*[1-9])0*)$"
"""A number with a fraction; zeros at its end mean nothing."""
_PLAIN_NUMBER: Final = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$"
"""A text that is only a number: 007 may be a code, and 1e5 a name."""
_LONGEST_EXPONENT: Final = 400
"""No float is so large."""

Pieces: TypeAlias = tuple["pa.Array | str", ...]
"""What a text is joined from: literals, and columns with a value for each row or one for all rows.

Columns of whole numbers become text only when they are joined: most never are.
"""


def joined(*pieces: "pa.Array | str", length: int) -> pa.Array:
    """Join literals and columns of text or int64, row by row, into `length` texts; null where a piece is null.

    A column has a value for each row, or one that stands for all rows.
    """
    data = [_datum(piece) for piece in _merged(pieces)]
    if not any(isinstance(datum, pa.Array) for datum in data):
        data[0] = pa.repeat(data[0], length)
    return pc.binary_join_element_wise(*data, pa.scalar("", TEXT_TYPE))


def present(pieces: Pieces) -> Mask:
    """Return where no piece is null: for each row, or one for all."""
    masks = [valid_mask(piece) for piece in pieces if isinstance(piece, pa.Array)]
    mask: Mask = np.logical_and.reduce(np.broadcast_arrays(*masks))
    return mask


def _merged(pieces: Pieces) -> Iterator["pa.Array | str"]:
    """Join literals that stand side by side: each piece costs time in every row."""
    for is_literal, group in groupby(pieces, key=lambda piece: isinstance(piece, str)):
        if is_literal:
            yield "".join(group)
        else:
            yield from group


def _datum(piece: "pa.Array | str") -> "pa.Array | pa.Scalar":
    """Return a column as text; a literal, or a value for all rows, as a scalar, which Arrow repeats."""
    if isinstance(piece, str):
        return pa.scalar(piece, TEXT_TYPE)
    text = piece if piece.type == TEXT_TYPE else piece.cast(TEXT_TYPE)
    return text[0] if len(text) == 1 else text


def comma_joined(columns: list[pa.Array]) -> pa.Array:
    """Join columns with commas, row by row, leaving null values out; null where all values are null.

    Each of the columns (large_string, at least one) has a value for each row.
    """
    has_value = np.logical_or.reduce([valid_mask(column) for column in columns])
    if has_value.all():
        return _skipping_null(columns)
    # Arrow drops a row that is null in all columns: an empty value keeps it.
    first, *others = columns
    lists = _skipping_null([pc.if_else(pa.array(has_value), first, ""), *others])
    return pc.if_else(pa.array(has_value), lists, pa.scalar(None, TEXT_TYPE))


def _skipping_null(columns: list[pa.Array]) -> pa.Array:
    return pc.binary_join_element_wise(*columns, pa.scalar(",", TEXT_TYPE), null_handling="skip")


def filtered(piece: "pa.Array | str", where: Mask) -> "pa.Array | str":
    """Return a column's values in the chosen rows; literals, and values for all rows, stay as they are."""
    if isinstance(piece, str) or len(piece) != len(where) or where.all():
        return piece
    return piece.filter(pa.array(where))


def json_strings(text: pa.Array) -> Pieces:
    """Write text as JSON strings: the quotes, and between them the escaped text."""
    return (_QUOTE, json_escaped(text), _QUOTE)


def json_escaped(text: pa.Array) -> pa.Array:
    """Escape what JSON does not allow in a string; the same array if its bytes show nothing to escape."""
    present = _bytes_to_escape(text)
    # The backslash comes first: later, it would double the backslashes of the other escapes.
    for byte in sorted(present, key=lambda byte: byte != ord("\\")):
        text = pc.replace_substring(text, chr(byte), _ESCAPES[byte])
    return text


def _bytes_to_escape(text: pa.Array) -> list[int]:
    _, letters = text_bytes(text)
    if letters.min(initial=_SPACE) >= _SPACE and not holds_any(text, b'"', b"\\"):
        return []
    present = letters[(letters < _SPACE) | (letters == ord('"')) | (letters == ord("\\"))]
    return [int(byte) for byte in np.unique(present)]


def canonical_numbers(numbers: pa.Array) -> pa.Array:
    """Write JSON numbers so that equal ones are the same text: ``12.50`` and ``1.25e1`` become ``12.5``.

    Whole numbers (int64) stay as they are.
    """
    if not pa.types.is_large_string(numbers.type):
        return numbers
    plain = pc.replace_substring_regex(numbers, _FRACTION, r"\1\2")
    plain = pc.replace_substring_regex(plain, "^-0$", "0")
    # Numbers with an exponent are rare, and of any size: written out, one could be longer than a payload.
    has_exponent = pc.fill_null(pc.match_substring_regex(plain, "[eE]"), False)
    if not pc.any(has_exponent).as_py():
        return plain
    written = [_without_exponent(Decimal(number)) for number in plain.filter(has_exponent).to_pylist()]
    return pc.replace_with_mask(plain, has_exponent, pa.array(written, plain.type))


def unquoted_numbers(pieces: Pieces) -> Pieces:
    """Write JSON strings that are plain numbers as those numbers, so that 7, 7.0 and ``"7"`` are the same text.

    Strings stand between two quotes, as `json_strings` writes them. Others, such as ``"007"``, keep their quotes.
    """
    canonical = list(pieces)
    for place, piece in enumerate(pieces[1:-1], start=1):
        if isinstance(piece, pa.Array) and pieces[place - 1] == pieces[place + 1] == _QUOTE:
            is_number = pc.fill_null(pc.match_substring_regex(piece, _PLAIN_NUMBER), False)
            if pc.any(is_number).as_py():
                texts = joined(_QUOTE, piece, _QUOTE, length=len(piece))
                numbers = canonical_numbers(piece.filter(is_number))
                canonical[place - 1 : place + 2] = "", pc.replace_with_mask(texts, is_number, numbers), ""
    return tuple(canonical)


def _without_exponent(number: Decimal) -> str:
    return f"{number.normalize():{'f' if abs(number.adjusted()) < _LONGEST_EXPONENT else ''}}"
