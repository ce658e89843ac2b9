"""Columns of types for which Arrow, pandas or this machine lack something, as types that all of them can read."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.mapping.rules import Values

UUID_BYTES = 16
UUID_TYPE = pa.binary(UUID_BYTES)
"""What older versions of pyarrow have for the UUIDs of a Parquet file."""

_HEX = np.array([f"{byte:02x}".encode() for byte in range(256)], "S2").view(np.uint8).reshape(256, 2)
_UUID_LETTERS = 36
_UUID_DASHES = (8, 13, 18, 23)
_UUID_DIGITS = np.setdiff1d(np.arange(_UUID_LETTERS), _UUID_DASHES)

Booleans = npt.NDArray[np.bool_]


def uuid_text(array: pa.Array) -> pa.Array:
    """Write UUIDs as their text.

    Parameters
    ----------
    array : pyarrow.FixedSizeBinaryArray
        16 bytes each.

    Returns
    -------
    pyarrow.LargeStringArray
        In lower case, with four dashes.

    Examples
    --------
    >>> uuid_text(pa.array([bytes(range(16)), None], pa.binary(16))).to_pylist()
    ['00010203-0405-0607-0809-0a0b0c0d0e0f', None]
    """
    _, memory = array.buffers()
    n_cells = len(array)
    start = array.offset * UUID_BYTES
    octets = np.frombuffer(memory or b"", np.uint8)[start : start + n_cells * UUID_BYTES]
    letters = np.full((n_cells, _UUID_LETTERS), ord("-"), np.uint8)
    letters[:, _UUID_DIGITS] = _HEX[octets].reshape(n_cells, 2 * UUID_BYTES)
    offsets = np.arange(n_cells + 1, dtype=np.int64) * _UUID_LETTERS
    texts = pa.LargeStringArray.from_buffers(n_cells, pa.py_buffer(offsets), pa.py_buffer(letters))
    return pc.if_else(array.is_valid(), texts, pa.scalar(None, pa.large_string())) if array.null_count else texts


def is_bytes(kind: pa.DataType) -> bool:
    """Tell whether cells of a type are bytes, of which nobody says what they are.

    Parameters
    ----------
    kind : pyarrow.DataType
        Any type.

    Returns
    -------
    bool
        False for text and for UUIDs.
    """
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def decoded(array: pa.Array) -> tuple[pa.Array, Booleans]:
    """Read bytes as text in UTF-8.

    Parameters
    ----------
    array : pyarrow.Array
        Bytes of any length.

    Returns
    -------
    texts : pyarrow.LargeStringArray
        Null where nothing stands or where the bytes are not UTF-8.
    unreadable : numpy.ndarray of bool
        Where the bytes are not UTF-8.
    """
    try:
        return array.cast(pa.large_string()), np.zeros(len(array), dtype=bool)
    except pa.ArrowInvalid:
        # Arrow refuses the whole column for one cell.
        cells = array.to_pylist()
    texts = list(_texts(cells))
    lost = [text is None and cell is not None for text, cell in zip(texts, cells, strict=True)]
    return pa.array(texts, pa.large_string()), np.array(lost, dtype=bool)


def _texts(cells: Iterable[bytes | None]) -> Iterable[str | None]:
    for cell in cells:
        yield None if cell is None else text_of(cell)


def text_of(cell: bytes | bytearray | memoryview) -> str | None:
    """Read bytes as text in UTF-8.

    Parameters
    ----------
    cell : bytes, bytearray or memoryview
        Any bytes.

    Returns
    -------
    str or None
        None where they are not UTF-8.
    """
    try:
        return bytes(cell).decode()
    except UnicodeDecodeError:
        return None


_VIEWED = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}

_EXTENSIONS = {"arrow.uuid": pa.large_string(), "arrow.json": pa.large_string(), "arrow.bool8": pa.bool_()}
"""Extension types that every reader of Arrow knows, with what they hold."""

_LISTS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Field, pa.DataType], pa.DataType]], ...] = (
    (pa.types.is_list, lambda field, _: pa.list_(field)),
    (pa.types.is_large_list, lambda field, _: pa.large_list(field)),
    (pa.types.is_fixed_size_list, lambda field, kind: pa.list_(field, kind.list_size)),
)


def readable(column: Values) -> Values:
    """Return a column as one of a type that can be sliced, inferred and read.

    Parameters
    ----------
    column : pandas.Series
        Of any dtype.

    Returns
    -------
    pandas.Series
        Views of strings and bytes as what they are views of, runs as the values that they repeat, UUIDs as text, and
        times in a zone that this machine does not know in UTC; the same column for every other dtype.
    """
    if not isinstance(column.dtype, pd.ArrowDtype):
        return column
    kind = column.dtype.pyarrow_dtype
    plain = readable_type(kind)
    if plain == kind:
        return column
    array = pa.array(column)
    chunks = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
    values = pd.arrays.ArrowExtensionArray(pa.chunked_array([readable_array(chunk) for chunk in chunks], plain))
    return pd.Series(values, index=column.index, name=column.name)


def sliceable(column: Values) -> Values:
    """Return a column of which single rows can be taken, with its own type wherever Arrow can do that.

    Parameters
    ----------
    column : pandas.Series
        Of any dtype.

    Returns
    -------
    pandas.Series
        The same column if it holds neither views nor runs.
    """
    kind = getattr(column.dtype, "pyarrow_dtype", pa.null())
    return readable(column) if kind in _VIEWED or pa.types.is_run_end_encoded(kind) else column


def sliceable_table(table: pa.Table) -> pa.Table:
    """Return a table from which pandas can take rows and cells: it fails at views, and in zones that it does not know.

    Parameters
    ----------
    table : pyarrow.Table
        Of any types.

    Returns
    -------
    pyarrow.Table
        The same columns; other types, such as UUIDs, stay as they are.
    """
    columns = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = _VIEWED.get(column.type) or zoned_type(column.type)
        is_view = column.type in _VIEWED
        chunks = [readable_array(chunk) if is_view else chunk.cast(kind) for chunk in column.chunks]
        columns.append((name, column if kind == column.type else pa.chunked_array(chunks, kind)))
    return pa.Table.from_arrays([column for _, column in columns], names=[name for name, _ in columns])


def readable_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that takes the place of another.

    Parameters
    ----------
    kind : pyarrow.DataType
        Any type.

    Returns
    -------
    pyarrow.DataType
        The same for most.
    """
    if pa.types.is_run_end_encoded(kind):
        return readable_type(kind.value_type)
    if pa.types.is_dictionary(kind):
        plain = readable_type(kind.value_type)
        return kind if plain == kind.value_type else plain
    plain = _VIEWED.get(kind) or _EXTENSIONS.get(getattr(kind, "extension_name", ""))
    return plain or zoned_type(kind)


def readable_array(array: pa.Array) -> pa.Array:
    """Return an array with the type that takes the place of its own.

    Parameters
    ----------
    array : pyarrow.Array
        Of any type.

    Returns
    -------
    pyarrow.Array
        Of the type that `readable_type` gives.
    """
    kind = array.type
    plain = readable_type(kind)
    if plain == kind:
        return array
    if pa.types.is_run_end_encoded(kind):
        return readable_array(pc.run_end_decode(array))
    if pa.types.is_dictionary(kind):
        return readable_array(array.dictionary).take(array.indices)
    if kind in _VIEWED:
        # Not every Arrow can cast views.
        return pa.array(array.to_pylist(), plain)
    stored = getattr(array, "storage", array)
    return uuid_text(stored) if stored.type == UUID_TYPE else stored.cast(plain)


def zoned_type(kind: pa.DataType) -> pa.DataType:
    """Return a type in which every time zone is one that this machine knows.

    Parameters
    ----------
    kind : pyarrow.DataType
        Any type.

    Returns
    -------
    pyarrow.DataType
        With UTC in the place of zones that are not known: times in a zone are instants, and its name only says how to
        show them.
    """
    if pa.types.is_timestamp(kind):
        return kind if kind.tz is None or _is_known(kind.tz) else pa.timestamp(kind.unit, tz="UTC")
    if pa.types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, zoned_type(kind.value_type), kind.ordered)
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(zoned_type(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(zoned_type(kind.key_type), zoned_type(kind.item_type), kind.keys_sorted)
    for is_list, list_of in _LISTS:
        if is_list(kind):
            return list_of(kind.value_field.with_type(zoned_type(kind.value_type)), kind)
    return kind


@cache
def _is_known(zone: str) -> bool:
    to_zone: Any = pa.lib.string_to_tzinfo
    try:
        to_zone(zone)
    except (ValueError, LookupError, OSError):
        return False
    return True
