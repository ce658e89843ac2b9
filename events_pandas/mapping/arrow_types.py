"""Arrow types that Arrow, pandas or this machine cannot read everywhere, and the plain types that replace them."""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.mapping.rules import Values

_UUID_BYTES: Final = 16
UUID_TYPE: Final = pa.binary(_UUID_BYTES)
"""The type that older versions of pyarrow give to the UUIDs of a Parquet file."""

_UUID_LETTERS: Final = 36
_UUID_DASHES: Final = (8, 13, 18, 23)
_UUID_DIGITS: Final = np.setdiff1d(np.arange(_UUID_LETTERS), _UUID_DASHES)

_VIEWED: Final = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}

_EXTENSIONS: Final = {"arrow.uuid": pa.large_string(), "arrow.json": pa.large_string(), "arrow.bool8": pa.bool_()}
"""The type inside each extension type that is part of Arrow's format."""

_LISTS: Final[tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Field, pa.DataType], pa.DataType]], ...]] = (
    (pa.types.is_list, lambda field, _: pa.list_(field)),
    (pa.types.is_large_list, lambda field, _: pa.large_list(field)),
    (pa.types.is_fixed_size_list, lambda field, kind: pa.list_(field, kind.list_size)),
    # Older versions of pyarrow have no such lists.
    (getattr(pa.types, "is_list_view", lambda _: False), lambda field, _: pa.list_(field)),
    (getattr(pa.types, "is_large_list_view", lambda _: False), lambda field, _: pa.large_list(field)),
)

Booleans = npt.NDArray[np.bool_]


def uuid_text(array: pa.Array) -> pa.Array:
    """Write UUIDs, of 16 bytes each, in lower case with four dashes.

    >>> uuid_text(pa.array([bytes(range(16)), None], pa.binary(16))).to_pylist()
    ['00010203-0405-0607-0809-0a0b0c0d0e0f', None]
    """
    _, memory = array.buffers()
    n_cells = len(array)
    start = array.offset * _UUID_BYTES
    octets = np.frombuffer(memory or b"", np.uint8)[start : start + n_cells * _UUID_BYTES]
    letters = np.full((n_cells, _UUID_LETTERS), ord("-"), np.uint8)
    letters[:, _UUID_DIGITS] = np.frombuffer(octets.tobytes().hex().encode(), np.uint8).reshape(
        n_cells, 2 * _UUID_BYTES
    )
    offsets = np.arange(n_cells + 1, dtype=np.int64) * _UUID_LETTERS
    texts = pa.LargeStringArray.from_buffers(n_cells, pa.py_buffer(offsets), pa.py_buffer(letters))
    return pc.if_else(array.is_valid(), texts, pa.scalar(None, pa.large_string())) if array.null_count else texts


def is_bytes(kind: pa.DataType) -> bool:
    """Tell whether the cells of a type are bytes without a known meaning: neither text nor UUIDs."""
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def is_unsendable(kind: pa.DataType) -> bool:
    """Tell whether the cells of a type are nested or intervals: no rule sends them."""
    return bool(pa.types.is_nested(kind) or pa.types.is_interval(kind))


def is_time(kind: pa.DataType) -> bool:
    """Tell whether the cells of a type are times or days, or stand for them in a dictionary."""
    value_type = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_timestamp(value_type) or pa.types.is_date(value_type))


def decoded(array: pa.Array) -> tuple[pa.Array, Booleans]:
    """Read bytes as text in UTF-8, and tell where they are not UTF-8: the text is null there."""
    try:
        return array.cast(pa.large_string()), np.zeros(len(array), dtype=bool)
    except pa.ArrowInvalid:
        # Arrow refuses the whole column for one cell.
        cells = array.to_pylist()
    texts = [None if cell is None else text_of(cell) for cell in cells]
    lost = [text is None and cell is not None for text, cell in zip(texts, cells, strict=True)]
    return pa.array(texts, pa.large_string()), np.array(lost, dtype=bool)


def text_of(cell: bytes | bytearray | memoryview) -> str | None:
    """Read bytes as text in UTF-8; None if they are not."""
    try:
        return bytes(cell).decode()
    except UnicodeDecodeError:
        return None


def readable(column: Values) -> Values:
    """Return a column with a type that can be sliced, inferred and read; most columns as they are.

    Views of strings and bytes become strings and bytes, runs the values that they repeat, UUIDs text; times in a zone
    that this machine does not know are in UTC.
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
    """Return a column whose single rows can be taken: its own type changes only if it holds views or runs."""
    return readable(column) if _is_rigid(getattr(column.dtype, "pyarrow_dtype", pa.null())) else column


def arrow_frame(table: pa.Table) -> pd.DataFrame:
    """Return the rows of a table as a frame with Arrow's own dtypes: integers with a gap stay integers."""
    columns = sliceable_table(table).columns
    # By position: `Table.to_pandas` gives all columns of one name the dtype of the last.
    arrays = {place: pd.arrays.ArrowExtensionArray(column) for place, column in enumerate(columns)}
    return pd.DataFrame(arrays, index=pd.RangeIndex(len(table))).set_axis(table.column_names, axis="columns")


def sliceable_table(table: pa.Table) -> pa.Table:
    """Return a table whose rows and cells pandas can take: it fails at views, runs, and zones that it does not know.

    Other types, such as UUIDs, stay as they are.
    """
    return pa.Table.from_arrays([_sliceable_column(column) for column in table.columns], names=table.column_names)


def _sliceable_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if _is_rigid(kind):
        return pa.chunked_array([readable_array(chunk) for chunk in column.chunks], readable_type(kind))
    zoned = zoned_type(kind)
    return column if zoned == kind else column.cast(zoned)


def _is_rigid(kind: pa.DataType) -> bool:
    """Tell whether a type holds views or runs: Arrow cannot take single rows of such a column."""
    return bool(kind in _VIEWED or pa.types.is_run_end_encoded(kind) or _without_views(kind) != kind)


def readable_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that replaces another; for most types the same."""
    if pa.types.is_run_end_encoded(kind):
        return readable_type(kind.value_type)
    if pa.types.is_dictionary(kind):
        plain = readable_type(kind.value_type)
        # Arrow joins no dictionaries of values that are themselves in a dictionary or nested.
        is_kept = plain == kind.value_type and not (pa.types.is_dictionary(plain) or pa.types.is_nested(plain))
        return kind if is_kept else plain
    plain = _VIEWED.get(kind) or _EXTENSIONS.get(getattr(kind, "extension_name", ""))
    return plain or zoned_type(_without_views(kind))


def readable_array(array: pa.Array) -> pa.Array:
    """Return an array with the type that `readable_type` gives."""
    kind = array.type
    plain = readable_type(kind)
    if plain == kind:
        return array
    if pa.types.is_run_end_encoded(kind):
        return _without_runs(array)
    if pa.types.is_dictionary(kind):
        return readable_array(array.dictionary).take(array.indices)
    if kind in _VIEWED:
        # Older versions of pyarrow cannot cast views.
        with suppress(pa.ArrowNotImplementedError):
            return array.cast(plain)
    if kind in _VIEWED or _without_views(kind) != kind:
        # A cast of views of lists may be wrong.
        return pa.array(array.to_pylist(), plain)
    stored = getattr(array, "storage", array)
    return uuid_text(stored) if stored.type == UUID_TYPE else stored.cast(plain)


def in_chunks(column: Values) -> pa.ChunkedArray:
    """Return the cells of a column as Arrow has them, in chunks even if there is only one."""
    return pa.Table.from_arrays([pa.array(column.array)], names=[""]).column(0)


def without_dictionaries(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column with values in the place of dictionaries, which may stand for values of any type."""
    while pa.types.is_dictionary(column.type):
        chunks = [readable_array(chunk.dictionary).take(chunk.indices) for chunk in column.chunks]
        column = pa.chunked_array(chunks, readable_type(column.type.value_type))
    return column


def _without_runs(array: pa.Array) -> pa.Array:
    """Return the values that runs repeat; Arrow itself cannot repeat values of every type."""
    ends, rows = array.run_ends.to_numpy(), np.arange(array.offset, array.offset + len(array))
    return readable_array(array.values).take(pa.array(np.searchsorted(ends, rows, side="right")))


def type_words(kind: pa.DataType) -> str:
    """Return what messages call a type; an extension type has a name of its own.

    >>> type_words(pa.duration("s"))
    'duration[s]'
    """
    if hasattr(kind, "vendor_name"):
        # Arrow has no such type itself, as those of databases.
        return f"{kind.type_name} of {kind.vendor_name}"
    return str(getattr(kind, "extension_name", kind))


def _without_views(kind: pa.DataType) -> pa.DataType:
    """Return a nested type with strings, bytes and lists in the place of their views; another type as it is."""
    if not pa.types.is_nested(kind):
        return kind

    def inner(kind: pa.DataType) -> pa.DataType:
        return _VIEWED.get(kind) or _without_views(kind)

    return _with_inner(kind, inner)


def zoned_type(kind: pa.DataType) -> pa.DataType:
    """Return a type with UTC in the place of time zones that this machine does not know.

    Times in a zone are instants: the name of the zone only says how to show them.
    """
    if pa.types.is_timestamp(kind):
        return kind if kind.tz is None or _is_known(kind.tz) else pa.timestamp(kind.unit, tz="UTC")
    if pa.types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, zoned_type(kind.value_type), kind.ordered)
    return _with_inner(kind, zoned_type)


def _with_inner(kind: pa.DataType, inner: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """Return a nested type with other types inside; another type, and a union, as it is."""
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(inner(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(inner(kind.key_type), inner(kind.item_type), kind.keys_sorted)
    for is_list, list_of in _LISTS:
        if is_list(kind):
            return list_of(kind.value_field.with_type(inner(kind.value_type)), kind)
    return kind


@cache
def _is_known(zone: str) -> bool:
    to_zone = pa.lib.string_to_tzinfo
    try:
        to_zone(zone)
    except (ValueError, LookupError, OSError):
        return False
    return True
