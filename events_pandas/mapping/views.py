"""Columns of types for which Arrow, pandas or this machine lack something, as types that all of them can read."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.mapping.encodings import UUID_TYPE, uuid_text
from events_pandas.mapping.rules import Values

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
