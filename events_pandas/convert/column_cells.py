"""Columns of any dtype become cells, sorted by kind; absent values are null."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import (
    BYTES_NOTE,
    DOUBLE_EXACT,
    TEXT_TYPE,
    CellKind,
    Cells,
    Mask,
    Rows,
    absent_cells,
    is_utf8,
    to_mask,
    valid_mask,
    without,
)
from events_pandas.convert.object_cells import EXACT_BELOW, is_uniform, mixed_cells, plain_decimal
from events_pandas.mapping import Constant
from events_pandas.mapping.arrow_types import (
    UUID_TYPE,
    decoded,
    in_chunks,
    is_bytes,
    readable_array,
    text_of,
    type_words,
    uuid_text,
    without_dictionaries,
)
from events_pandas.mapping.rules import Values

_WRITTEN_DAYS = (-12_687_428, 11_248_738)
"""The first day of the year -32767, and the day after the year 32767: Arrow cannot write the times beyond."""
_SHORT_UNITS = frozenset({"ns"})
"""Times in such units end earlier."""
_DAY_MILLISECONDS = 86_400_000
_ENDS_OF_DAYS = np.iinfo(np.int32).min, np.iinfo(np.int32).max
_FAR_WORDS = "a time outside of the years -32767 to 32767"

_PLAIN_SCALES = range(7)
"""Arrow writes decimals with so few places without an exponent."""


def read_cells(values: "Values | Constant") -> list[Cells]:
    """Return the cells of a column, by kind: one entry for a column of one kind, more for a column of mixed objects.

    A constant is a column of one cell, which stands for every row.
    """
    column = pd.Series([values.value], dtype=object) if isinstance(values, Constant) else values
    if isinstance(column.dtype, pd.SparseDtype):
        # Otherwise NaN, its fill value, would turn short floats into long ones.
        column = pd.Series(np.asarray(column, dtype=column.dtype.subtype))
    if isinstance(column.dtype, pd.CategoricalDtype):
        return _categorical_parts(column)
    if column.dtype == object and not is_uniform(column):
        return mixed_cells(column)
    try:
        array = pa.array(column, from_pandas=True)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError, TypeError, ValueError):
        # One cell that Arrow cannot hold makes it refuse the whole column.
        return mixed_cells(column)
    return _uniform_parts(_in_one_piece(array))


def legible(column: Values) -> Values:
    """Return a column that pandas can show. If some of its text is not UTF-8, that becomes ``b'...'``."""
    if not isinstance(column.dtype, pd.ArrowDtype | pd.StringDtype):
        return column
    cells = without_dictionaries(in_chunks(column))
    is_text = pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type)
    if not is_text or all(is_utf8(chunk.cast(TEXT_TYPE)) for chunk in cells.chunks):
        return column
    texts = list(map(_shown, cells.cast(pa.large_binary()).to_pylist()))
    return pd.Series(texts, index=column.index, name=column.name, dtype="string[pyarrow]")


def _shown(cell: bytes | None) -> str | None:
    if cell is None:
        return None
    text = text_of(cell)
    return str(cell) if text is None else text


def _in_one_piece(array: "pa.Array | pa.ChunkedArray") -> pa.Array:
    if not isinstance(array, pa.ChunkedArray):
        return array
    if pa.types.is_dictionary(array.type):
        # Each chunk may have its own dictionary. Arrow joins those of most types only, and none with a null.
        try:
            array = array.unify_dictionaries()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            array = without_dictionaries(array)
    return array.combine_chunks()


def _categorical_parts(column: Values) -> list[Cells]:
    """Read the categories as a column, so that each becomes what it would be there, and take them by code."""
    codes = column.cat.codes.to_numpy()
    categories = column.cat.categories
    if len(categories) > len(codes):
        # A chunk of a long column uses few of its categories.
        used, codes = np.unique(codes, return_inverse=True)
        n_absent = int((used < 0).sum())
        categories, codes = categories[used[n_absent:]], codes - n_absent
    return _taken(read_cells(pd.Series(categories, dtype=categories.dtype)), codes.astype(np.int64))


def _taken(parts: list[Cells], codes: Rows) -> list[Cells]:
    """Return the cells at some places of a column, given as codes; a negative code is an absent cell."""
    if parts[0].rows is None:
        places = pa.array(codes, mask=codes < 0)
        return [replace(part, values=part.values.take(places)) for part in parts]
    n_cells = sum(len(part.values) for part in parts)
    owners, places = np.full(n_cells + 1, -1), np.zeros(n_cells + 1, np.int64)
    for owner, part in enumerate(parts):
        owners[part.rows], places[part.rows] = owner, np.arange(len(part.values))
    # A code of -1 looks up the last entry, which belongs to no part.
    taken = [
        replace(part, values=part.values.take(pa.array(places[codes[rows]])), rows=rows)
        for owner, part in enumerate(parts)
        if len(rows := np.flatnonzero(owners[codes] == owner))
    ]
    absent = np.flatnonzero(codes < 0)
    return [*taken, *absent_cells(absent)] if len(absent) or not taken else taken


def _uniform_parts(array: pa.Array) -> list[Cells]:
    if pa.types.is_dictionary(array.type):
        codes = pc.fill_null(array.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
        return _taken(_uniform_parts(array.dictionary), codes)
    array = readable_array(array)
    reader = next((reader for applies, reader in _READERS if applies(array.type)), _worded(CellKind.OTHER))
    cells = reader(array)
    return cells if isinstance(cells, list) else [cells]


def _part(cells: Cells, where: Mask) -> Cells:
    """Return the cells in some rows as a part of their column."""
    return replace(cells, values=cells.values.filter(pa.array(where)), rows=np.flatnonzero(where))


def _string_cells(array: pa.Array) -> list[Cells]:
    """Read text. Some programs write text in another encoding than UTF-8, which Arrow does not notice."""
    text = array.cast(TEXT_TYPE)
    return [_text_cells(text)] if is_utf8(text) else _bytes_cells(text.cast(pa.large_binary()), note="")


def _bytes_cells(array: pa.Array, note: str = BYTES_NOTE) -> list[Cells]:
    texts, is_lost = decoded(array)
    read = _text_cells(texts, note=note)
    if not is_lost.any():
        return [read]
    lost = Cells(kind=CellKind.BYTES, values=pa.repeat(pa.scalar("bytes", TEXT_TYPE), len(array)))
    return [_part(read, ~is_lost), _part(lost, is_lost)]


def _text_cells(array: pa.Array, note: str = "") -> Cells:
    """Return an array of any string type as cells; an empty string is absent."""
    text = array.cast(TEXT_TYPE)
    text = without(text, to_mask(pc.equal(pc.binary_length(text), 0)))
    return Cells(kind=CellKind.TEXT, values=text, note=note)


def _unsigned_cells(array: pa.Array) -> list[Cells]:
    is_large = to_mask(pc.greater(array, pa.scalar(2**63 - 1, pa.uint64())))
    integers = Cells(kind=CellKind.INTEGER, values=array.cast(pa.int64(), safe=False))
    if not is_large.any():
        return [integers]
    # Large integers are a part of their own, so that they do not change what the others become.
    large = Cells(kind=CellKind.DECIMAL, values=array.cast(TEXT_TYPE))
    return [_part(integers, ~is_large), _part(large, is_large)]


def _float_cells(array: pa.Array) -> Cells:
    exact_below = EXACT_BELOW.get(array.type.to_pandas_dtype(), DOUBLE_EXACT)
    if array.type != pa.float64():
        array = _widened(array)
    is_nan = pc.is_nan(array)
    if pc.any(is_nan).as_py():
        array = pc.if_else(is_nan, pa.scalar(None, pa.float64()), array)
    return Cells(kind=CellKind.FLOAT, values=array, exact_below=exact_below)


def _widened(floats: pa.Array) -> pa.Array:
    """Return short floats as long ones: whole numbers as they are, others by their shortest digits.

    float32 holds 19.99 as 19.989999771118164, and its owner sees 19.99. The shortest digits of 98765432 are 98765430,
    which is another number.
    """
    numbers = floats.to_numpy(zero_copy_only=False)
    wide = numbers.astype(np.float64)
    with np.errstate(invalid="ignore"):
        is_whole = (np.trunc(wide) == wide) & (np.abs(wide) < DOUBLE_EXACT)
    rows = np.flatnonzero(~is_whole & np.isfinite(wide))
    if len(rows):
        # Arrow would write a float16 with the digits of a float32.
        short = numbers[rows].astype(str).astype(object) if numbers.dtype == np.float16 else numbers[rows]
        wide[rows] = pa.array(short).cast(TEXT_TYPE).cast(pa.float64()).to_numpy()
    return pa.array(wide, mask=~valid_mask(floats))


def _decimal_cells(array: pa.Array) -> Cells:
    if array.type.scale in _PLAIN_SCALES:
        return Cells(kind=CellKind.DECIMAL, values=array.cast(TEXT_TYPE))
    texts = [None if cell is None else plain_decimal(cell) for cell in array.to_pylist()]
    return Cells(kind=CellKind.DECIMAL, values=pa.array(texts, TEXT_TYPE))


def _timestamp_cells(array: pa.Array) -> list[Cells]:
    if array.type.tz is None:
        return _without_far(Cells(kind=CellKind.NAIVE_TIME, values=array))
    utc = pa.timestamp(array.type.unit, tz="UTC")
    return _without_far(Cells(kind=CellKind.AWARE_TIME, values=array.cast(utc)))


def _date_cells(array: pa.Array) -> list[Cells]:
    return _without_far(Cells(kind=CellKind.DATE, values=_days(array) if pa.types.is_date64(array.type) else array))


def _days(dates: pa.Array) -> pa.Array:
    """Return dates in milliseconds as days: some lie within a day, and others beyond the last that Arrow can hold."""
    milliseconds = pc.fill_null(dates.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    days = np.clip(milliseconds // _DAY_MILLISECONDS, *_ENDS_OF_DAYS)
    return pa.array(days.astype(np.int32), pa.date32(), mask=~valid_mask(dates))


def _without_far(cells: Cells) -> list[Cells]:
    """Make times that Arrow cannot write a part of their own."""
    kind = cells.values.type
    days = pa.array(_WRITTEN_DAYS, pa.date32())
    if getattr(kind, "unit", "s") in _SHORT_UNITS:
        return [cells]
    first, end = days if kind == days.type else days.cast(pa.timestamp(kind.unit)).cast(kind)
    is_far = to_mask(pc.or_(pc.less(cells.values, first), pc.greater_equal(cells.values, end)))
    if not is_far.any():
        return [cells]
    far = Cells(kind=CellKind.FAR_TIME, values=pa.repeat(pa.scalar(_FAR_WORDS, TEXT_TYPE), len(is_far)))
    return [_part(cells, ~is_far), _part(far, is_far)]


def _cells_of(kind: CellKind, arrow_type: pa.DataType | None = None) -> Callable[[pa.Array], Cells]:
    def cells(array: pa.Array) -> Cells:
        return Cells(kind=kind, values=array if arrow_type is None else array.cast(arrow_type))

    return cells


def _worded(kind: CellKind) -> Callable[[pa.Array], Cells]:
    """Return cells that cannot be sent, with the name of their type as value."""

    def cells(array: pa.Array) -> Cells:
        word = pa.scalar(type_words(array.type), TEXT_TYPE)
        return Cells(kind=kind, values=pc.if_else(array.is_valid(), word, pa.scalar(None, TEXT_TYPE)))

    return cells


_READERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], "Cells | list[Cells]"]], ...] = (
    (pa.types.is_string, _string_cells),
    (pa.types.is_large_string, _string_cells),
    (pa.types.is_uint64, _unsigned_cells),
    (pa.types.is_integer, _cells_of(CellKind.INTEGER, pa.int64())),
    (pa.types.is_floating, _float_cells),
    (pa.types.is_boolean, _cells_of(CellKind.BOOLEAN)),
    (pa.types.is_decimal, _decimal_cells),
    (pa.types.is_timestamp, _timestamp_cells),
    (pa.types.is_date, _date_cells),
    (pa.types.is_null, _cells_of(CellKind.TEXT, TEXT_TYPE)),
    (UUID_TYPE.__eq__, lambda array: _text_cells(uuid_text(array), note="uuid_in_bytes")),
    (is_bytes, _bytes_cells),
    (pa.types.is_nested, _worded(CellKind.NESTED)),
)
