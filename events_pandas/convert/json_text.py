"""Columns of JSON text: strings in quotes, members of objects, objects."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import TEXT_TYPE, text_bytes

_SPACE = 0x20
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


def joined(*parts: "pa.Array | str", length: int) -> pa.Array:
    """Join columns and literal text, row by row.

    Parameters
    ----------
    *parts : pyarrow.LargeStringArray or str
        A column has a value for each row, or one that stands for all of them.
    length : int
        The number of rows, in case no part is a column of rows.

    Returns
    -------
    pyarrow.LargeStringArray
        Null where a part is; one value if no part has more.
    """
    data = [_datum(part) for part in parts]
    if not any(isinstance(part, pa.Array) for part in data):
        data[0] = pa.repeat(data[0], min(length, 1))
    return pc.binary_join_element_wise(*data, pa.scalar("", TEXT_TYPE))


def _datum(part: "pa.Array | str") -> Any:
    """Return a column as it is, and what stands for every row as a scalar, which Arrow spreads over the others."""
    if isinstance(part, str):
        return pa.scalar(part, TEXT_TYPE)
    return part[0] if len(part) == 1 else part


def quoted(text: pa.Array) -> pa.Array:
    """Write text as JSON strings.

    Parameters
    ----------
    text : pyarrow.LargeStringArray
        Any text.

    Returns
    -------
    pyarrow.LargeStringArray
        With quotes, and what JSON forbids inside of them escaped; null stays null.
    """
    return joined('"', escaped(text), '"', length=len(text))


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
    present = letters[(letters < _SPACE) | (letters == ord('"')) | (letters == ord("\\"))]
    return [int(byte) for byte in np.unique(present)]


def json_object(members: list[pa.Array], length: int) -> pa.Array:
    """Put members together to objects, absent ones left out.

    Parameters
    ----------
    members : list of pyarrow.LargeStringArray
        Each ``"key":value``, null where absent; a column has a value for each row, or one for all of them.
    length : int
        The number of rows.

    Returns
    -------
    pyarrow.LargeStringArray, length `length`
        The objects; null where every member is absent.
    """
    if not members:
        return pa.nulls(length, TEXT_TYPE)
    columns = [_datum(member) if length != 1 else member for member in members]
    if not any(isinstance(column, pa.Array) for column in columns):
        columns[0] = pa.repeat(columns[0], length)
    body = pc.binary_join_element_wise(*columns, pa.scalar(",", TEXT_TYPE), null_handling="skip")
    is_empty = pc.equal(pc.binary_length(body), 0)
    objects = joined("{", body, "}", length=length)
    return pc.if_else(is_empty, pa.scalar(None, TEXT_TYPE), objects) if pc.any(is_empty).as_py() else objects
