"""Columns of JSON text, put together from columns of values and literal pieces."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from typing import Any, Final, TypeAlias

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
"""What JSON does not allow inside a string, and how it is written instead (RFC 8259, section 7)."""

_FRACTION: Final = r"^(-?[0-9]+)(?:\.0*|(\.[0-9]*[1-9])0*)$"
"""A number with a fraction, and the zeros at its end that say nothing."""
_PLAIN_NUMBER: Final = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$"
"""A text that is a number and nothing else: 007 is the number of something, and 1e5 may be a name."""
_LONGEST_EXPONENT: Final = 400
"""Beyond what a float can be."""

Pieces: TypeAlias = tuple["pa.Array | str", ...]
"""What a text is put together from: literals, and columns that have a value for each row, or one for all of them.

Columns of whole numbers are written out only when the text is: most texts never are.
"""


def joined(*pieces: "pa.Array | str", length: int) -> pa.Array:
    """Join columns and literals, row by row.

    Parameters
    ----------
    *pieces : pyarrow.LargeStringArray, pyarrow.Int64Array or str
        A column has a value for each row, or one that stands for all of them.
    length : int
        The number of rows.

    Returns
    -------
    pyarrow.LargeStringArray, length `length`
        Null where a piece is.
    """
    data = [_datum(piece) for piece in _merged(pieces)]
    if not any(isinstance(datum, pa.Array) for datum in data):
        data[0] = pa.repeat(data[0], length)
    return pc.binary_join_element_wise(*data, pa.scalar("", TEXT_TYPE))


def _merged(pieces: Pieces) -> Iterator["pa.Array | str"]:
    """Put literals together that stand side by side: each piece takes its time in every row."""
    for is_literal, group in groupby(pieces, key=lambda piece: isinstance(piece, str)):
        if is_literal:
            yield "".join(group)
        else:
            yield from group


def _datum(piece: "pa.Array | str") -> Any:
    """Return a column as text, and what stands for every row as a scalar, which Arrow spreads over the others."""
    if isinstance(piece, str):
        return pa.scalar(piece, TEXT_TYPE)
    text = piece if piece.type == TEXT_TYPE else piece.cast(TEXT_TYPE)
    return text[0] if len(text) == 1 else text


def listed(columns: list[pa.Array]) -> pa.Array:
    """Join columns with commas, row by row, null values left out.

    Parameters
    ----------
    columns : list of pyarrow.LargeStringArray
        At least one; each has a value for each row.

    Returns
    -------
    pyarrow.LargeStringArray
        Null where all values are.
    """
    has_value = np.logical_or.reduce([valid_mask(column) for column in columns])
    if has_value.all():
        return _skipping_null(columns)
    # Arrow drops a row that is null in all columns, instead of leaving it empty: one of its values is made empty.
    first, *others = columns
    lists = _skipping_null([pc.if_else(pa.array(has_value), first, ""), *others])
    return pc.if_else(pa.array(has_value), lists, pa.scalar(None, TEXT_TYPE))


def _skipping_null(columns: list[pa.Array]) -> pa.Array:
    return pc.binary_join_element_wise(*columns, pa.scalar(",", TEXT_TYPE), null_handling="skip")


def filtered(piece: "pa.Array | str", where: Mask) -> "pa.Array | str":
    if isinstance(piece, str) or len(piece) != len(where) or where.all():
        return piece
    return piece.filter(pa.array(where))


def quoted(text: pa.Array) -> Pieces:
    """Write text as JSON strings.

    Parameters
    ----------
    text : pyarrow.LargeStringArray
        Any text.

    Returns
    -------
    tuple of pyarrow.LargeStringArray or str
        The quotes, and between them the text with what JSON forbids escaped.
    """
    return (_QUOTE, escaped(text), _QUOTE)


def escaped(text: pa.Array) -> pa.Array:
    """Escape what may not stand in a JSON string.

    Parameters
    ----------
    text : pyarrow.LargeStringArray
        Any text.

    Returns
    -------
    pyarrow.LargeStringArray
        The same array if there is nothing to escape, which one look at its bytes tells.
    """
    present = _bytes_to_escape(text)
    # The backslash first, or it would be doubled in the escapes of the others.
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
    """Write JSON numbers so that equal ones are the same text.

    Parameters
    ----------
    numbers : pyarrow.LargeStringArray or pyarrow.Int64Array
        As they are sent; ``12.50`` in one row, and ``1.25e1`` in another.

    Returns
    -------
    pyarrow.LargeStringArray or pyarrow.Int64Array
        ``12.5`` in both.

    Examples
    --------
    >>> canonical_numbers(pa.array(["12.50", "464.0", "1E+02", "-0.0", "7", None], pa.large_string())).to_pylist()
    ['12.5', '464', '100', '0', '7', None]
    """
    if not pa.types.is_large_string(numbers.type):
        return numbers
    plain = pc.replace_substring_regex(numbers, _FRACTION, r"\1\2")
    plain = pc.replace_substring_regex(plain, "^-0$", "0")
    # Rare, and of any size: written out, a number could be longer than a payload.
    has_exponent = pc.fill_null(pc.match_substring_regex(plain, "[eE]"), False)
    if not pc.any(has_exponent).as_py():
        return plain
    written = [_without_exponent(Decimal(number)) for number in plain.filter(has_exponent).to_pylist()]
    return pc.replace_with_mask(plain, has_exponent, pa.array(written, plain.type))


def unquoted_numbers(pieces: Pieces) -> Pieces:
    """Write JSON strings that are plain numbers as those numbers, so that 7, 7.0 and "7" are the same text.

    Parameters
    ----------
    pieces : tuple of pyarrow.LargeStringArray, pyarrow.Int64Array or str
        Strings stand between two quotes, as `quoted` puts them.

    Returns
    -------
    tuple of pyarrow.LargeStringArray, pyarrow.Int64Array or str
        Other strings have their quotes.

    Examples
    --------
    >>> texts = pa.array(["7.0", "007", "seven"], pa.large_string())
    >>> joined(*unquoted_numbers(('"size":', *quoted(texts))), length=3).to_pylist()
    ['"size":7', '"size":"007"', '"size":"seven"']
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
