"""A column's values as Arrow arrays of one kind each, whatever dtype they came in; absent values are null."""

import datetime as dt
import decimal
import numbers
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.mapping import Constant
from events_pandas.mapping.arrow_types import UUID_TYPE, decoded, is_bytes, readable_array, text_of, uuid_text
from events_pandas.mapping.rules import Values

Mask: TypeAlias = npt.NDArray[np.bool_]
Rows: TypeAlias = npt.NDArray[np.int64]

TEXT_TYPE = pa.large_string()

DOUBLE_EXACT = 2**53
"""From here on a float holds no longer every whole number."""

_EXACT_BELOW = {pa.float16(): 2**11, pa.float32(): 2**24, pa.float64(): DOUBLE_EXACT}
_EXACT_BELOW_OF: dict[type, int] = {np.float16: 2**11, np.float32: 2**24}
"""The same for cells of objects."""

_BYTES_NOTE, _UUID_NOTE = "text_in_bytes", "uuid_in_bytes"

_PLAIN_SCALES = range(7)
"""Decimals with so many places are never written with an exponent."""

WORD_BYTES = 8
"""Text is looked at so many bytes at a time."""


class Kind(StrEnum):
    """What a cell holds, and the Arrow type in which `Cells.values` has it."""

    TEXT = "text"  # large_string
    INTEGER = "integer"  # int64
    FLOAT = "float"  # double
    DECIMAL = "decimal"  # large_string, as written; integers beyond int64 too
    BOOLEAN = "boolean"  # bool
    DATE = "date"  # date32
    NAIVE_TIME = "naive_time"  # timestamp without zone
    AWARE_TIME = "aware_time"  # timestamp in UTC
    BYTES = "bytes"  # large_string, a word for the type: bytes that are not UTF-8
    SURROGATE = "surrogate"  # large_string, with the character replaced: text that UTF-8 cannot hold
    NESTED = "nested"  # large_string, a word for the type
    OTHER = "other"  # large_string, a word for the type


@dataclass(frozen=True, kw_only=True, slots=True)
class Cells:
    """Cells of one kind.

    Parameters
    ----------
    kind : Kind
        What they hold.
    values : pyarrow.Array
        Null where the cell is absent.
    rows : numpy.ndarray of int64, optional
        Where the cells stand in their column; not given where they are all of it.
    exact_below : int
        From here on floats hold no longer every whole number, in the type that they came in.
    note : str
        The code of what is to be said of the column, where something can be made of its cells; none if empty.
    """

    kind: Kind
    values: pa.Array
    rows: Rows | None = None
    exact_below: int = DOUBLE_EXACT
    note: str = ""

    def mask(self) -> Mask:
        """Return where a value is present.

        Returns
        -------
        numpy.ndarray of bool
            As long as `values`.
        """
        return valid_mask(self.values)


def valid_mask(values: pa.Array) -> Mask:
    """Return where an Arrow array has a value.

    Parameters
    ----------
    values : pyarrow.Array
        Any values.

    Returns
    -------
    numpy.ndarray of bool
        As long as the array.
    """
    return to_mask(values.is_valid()) if values.null_count else np.ones(len(values), dtype=bool)


def to_mask(booleans: Any) -> Mask:
    """Return an Arrow array of booleans as a mask, in which null is false.

    Parameters
    ----------
    booleans : pyarrow.BooleanArray
        May hold nulls.

    Returns
    -------
    numpy.ndarray of bool
        As long as the array.
    """
    filled = pc.fill_null(booleans, False) if booleans.null_count else booleans
    mask: Mask = filled.to_numpy(zero_copy_only=False)
    return mask


def without(values: pa.Array, rows: Mask) -> pa.Array:
    """Return values with some taken out.

    Parameters
    ----------
    values : pyarrow.LargeStringArray, pyarrow.Int64Array or pyarrow.DoubleArray
        The values.
    rows : numpy.ndarray of bool
        Which of them are null in the result.

    Returns
    -------
    pyarrow.Array
        Of the same type; the values themselves are not copied.
    """
    if not rows.any():
        return values
    is_valid = pa.py_buffer(np.packbits(valid_mask(values) & ~rows, bitorder="little"))
    # What the array is a slice of has its own validity: all buffers begin where the slice does.
    _, numbers, *letters = values.buffers()
    return pa.Array.from_buffers(
        values.type, len(values), [is_valid, numbers.slice(values.offset * WORD_BYTES), *letters]
    )


def text_bytes(text: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Return where each text begins and ends, and the bytes of all, without copying them.

    Parameters
    ----------
    text : pyarrow.LargeStringArray, length n
        The texts; of what stands under a null nothing is known.

    Returns
    -------
    bounds : numpy.ndarray of int64, shape (n + 1,)
        Where each begins, and last where the last one ends.
    letters : numpy.ndarray of uint8
        UTF-8.
    """
    _, offsets, letters = text.buffers()
    if not len(text) or letters is None:
        return np.zeros(len(text) + 1, np.int64), np.zeros(0, np.uint8)
    bounds = np.frombuffer(offsets, np.int64)[text.offset : text.offset + len(text) + 1]
    return bounds - bounds[0], np.frombuffer(letters, np.uint8)[bounds[0] : bounds[-1]]


def words_at_each_byte(letters: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """Return the eight bytes that begin at each byte, as one number.

    Parameters
    ----------
    letters : numpy.ndarray of uint8, shape (n,)
        As `text_bytes` gives them.

    Returns
    -------
    numpy.ndarray of uint64, shape (n + 1,)
        The first byte is the lowest; beyond the end there are zeros.
    """
    padded = np.concatenate([letters, np.zeros(WORD_BYTES, np.uint8)])
    return np.ndarray((len(letters) + 1,), "<u8", padded, strides=(1,))


def holds_any(text: pa.Array, *patterns: bytes) -> bool:
    """Tell whether any text holds one of some bytes or words, without looking at the texts one by one.

    Parameters
    ----------
    text : pyarrow.LargeStringArray
        The texts.
    *patterns : bytes
        What is looked for; a word may be found across the border of two texts.

    Returns
    -------
    bool
        False only if none of the texts holds any of the patterns.
    """
    _, letters = text_bytes(text)
    # Python finds a pattern in bytes many times faster than numpy compares them.
    memory = letters.tobytes()
    return any(pattern in memory for pattern in patterns)


def time_text(times: pa.Array) -> pa.Array:
    """Write times as ISO 8601 has them.

    Parameters
    ----------
    times : pyarrow.TimestampArray
        Without a zone or in UTC, in any unit.

    Returns
    -------
    pyarrow.LargeStringArray
        ``2024-01-31T12:00:00``, with ``Z`` at the end for UTC; a fraction of a second without closing zeros.
    """
    text = pc.replace_substring(times.cast(TEXT_TYPE), " ", "T", max_replacements=1)
    return pc.replace_substring_regex(text, r"(?:\.0+|(\.[0-9]*[1-9])0*)(Z?)$", r"\1\2")


def read_cells(values: "Values | Constant") -> list[Cells]:
    """Return the cells of a column, by kind.

    Parameters
    ----------
    values : pandas.Series or Constant
        Of any dtype. A constant is a column of one cell, which stands for every row.

    Returns
    -------
    list of Cells
        One entry for a column of one kind, which is nearly every column; more for objects of mixed types.
    """
    column = pd.Series([values.value], dtype=object) if isinstance(values, Constant) else values
    if isinstance(column.dtype, pd.SparseDtype):
        # Of itself it would have NaN, its fill value, decide that short floats become long ones.
        column = pd.Series(np.asarray(column, dtype=column.dtype.subtype))
    if isinstance(column.dtype, pd.CategoricalDtype):
        return _categorical_parts(column)
    if column.dtype == object and not _is_uniform(column):
        return _mixed_cells(column)
    try:
        array = pa.array(column, from_pandas=True)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError, TypeError, ValueError):
        # Arrow refuses the whole column for one cell that it cannot hold.
        return _mixed_cells(column)
    return _uniform_parts(_in_one_piece(array))


def _in_one_piece(array: "pa.Array | pa.ChunkedArray") -> pa.Array:
    if not isinstance(array, pa.ChunkedArray):
        return array
    # Chunks may have dictionaries of their own.
    is_dictionary = pa.types.is_dictionary(array.type)
    return (array.unify_dictionaries() if is_dictionary else array).combine_chunks()


def _categorical_parts(column: Values) -> list[Cells]:
    """Read the categories as a column of their own, so that each is what it would be there, and take them by code."""
    codes = column.cat.codes.to_numpy()
    categories = column.cat.categories
    if len(categories) > len(codes):
        # A chunk of a long column has few of its categories.
        used, codes = np.unique(codes, return_inverse=True)
        n_absent = int((used < 0).sum())
        categories, codes = categories[used[n_absent:]], codes - n_absent
    return _taken(read_cells(pd.Series(categories, dtype=categories.dtype)), codes.astype(np.int64))


def _taken(parts: list[Cells], codes: Rows) -> list[Cells]:
    """Return the cells that stand at some places of a column; at a negative place there is none."""
    if parts[0].rows is None:
        places = pa.array(codes, mask=codes < 0)
        return [replace(part, values=part.values.take(places)) for part in parts]
    n_cells = sum(len(part.values) for part in parts)
    owners, places = np.full(n_cells + 1, -1), np.zeros(n_cells + 1, np.int64)
    for owner, part in enumerate(parts):
        owners[part.rows], places[part.rows] = owner, np.arange(len(part.values))
    # Absent cells take the last place, which no part owns.
    taken = [
        replace(part, values=part.values.take(pa.array(places[codes[rows]])), rows=rows)
        for owner, part in enumerate(parts)
        if len(rows := np.flatnonzero(owners[codes] == owner))
    ]
    absent = np.flatnonzero(codes < 0)
    return [*taken, *_absent_cells(absent)] if len(absent) or not taken else taken


def _absent_cells(rows: Rows) -> list[Cells]:
    """Return cells of no kind: a part for them lets the column have all its rows."""
    return [Cells(kind=Kind.TEXT, values=pa.nulls(len(rows), TEXT_TYPE), rows=rows)]


def _is_uniform(values: Values) -> bool:
    """Tell whether Arrow would read objects as what they are.

    It makes one type of what it can: a date of a time beside a date, UTC of a naive time beside an aware one, and the
    same number of places of all decimals.
    """
    inferred = pd.api.types.infer_dtype(values, skipna=True)
    if inferred in {"floating", "integer", "boolean"}:
        # A float of fewer bits has other digits as one of 64, and as NaN makes numbers of what stands beside it.
        return not any(map(_EXACT_BELOW_OF.__contains__, map(type, values)))
    return inferred in {"string", "empty"}


def _uniform_parts(array: pa.Array) -> list[Cells]:
    if pa.types.is_dictionary(array.type):
        codes = pc.fill_null(array.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
        return _taken(_uniform_parts(array.dictionary), codes)
    array = readable_array(array)
    kind = array.type
    if pa.types.is_uint64(kind):
        return _unsigned_parts(array)
    if kind == UUID_TYPE:
        return [replace(text_cells(uuid_text(array)), note=_UUID_NOTE)]
    if is_bytes(kind):
        return _bytes_parts(array)
    reader = next((reader for applies, reader in _READERS if applies(kind)), _wordless)
    return [reader(array)]


def _bytes_parts(array: pa.Array) -> list[Cells]:
    texts, is_lost = decoded(array)
    read = replace(text_cells(texts), note=_BYTES_NOTE)
    if not is_lost.any():
        return [read]
    kept = read.values.filter(pa.array(~is_lost))
    lost = pa.repeat(pa.scalar("bytes", TEXT_TYPE), int(is_lost.sum()))
    return [
        replace(read, values=kept, rows=np.flatnonzero(~is_lost)),
        Cells(kind=Kind.BYTES, values=lost, rows=np.flatnonzero(is_lost)),
    ]


def text_cells(array: pa.Array) -> Cells:
    """Return text as cells, the empty string as absent.

    Parameters
    ----------
    array : pyarrow.Array
        Any string type.

    Returns
    -------
    Cells
        Of kind text.
    """
    text = array.cast(TEXT_TYPE)
    text = without(text, to_mask(pc.equal(pc.binary_length(text), 0)))
    return Cells(kind=Kind.TEXT, values=text)


def _unsigned_parts(array: pa.Array) -> list[Cells]:
    is_large = to_mask(pc.greater(array, pa.scalar(2**63 - 1, pa.uint64())))
    if not is_large.any():
        return [Cells(kind=Kind.INTEGER, values=array.cast(pa.int64()))]
    # Large integers are a part of their own: what the others become does not depend on them.
    parts = ((Kind.INTEGER, ~is_large, pa.int64()), (Kind.DECIMAL, is_large, TEXT_TYPE))
    return [
        Cells(kind=kind, values=array.filter(pa.array(where)).cast(arrow_type), rows=np.flatnonzero(where))
        for kind, where, arrow_type in parts
    ]


def _float_cells(array: pa.Array) -> Cells:
    exact_below = _EXACT_BELOW[array.type]
    if array.type != pa.float64():
        array = _widened(array)
    is_nan = pc.is_nan(array)
    if pc.any(is_nan).as_py():
        array = pc.if_else(is_nan, pa.scalar(None, pa.float64()), array)
    return Cells(kind=Kind.FLOAT, values=array, exact_below=exact_below)


def _widened(floats: pa.Array) -> pa.Array:
    """Return short floats as long ones: whole numbers as they are, and others as their shortest digits.

    float32 holds 19.99 as 19.989999771118164, and what its owner sees is 19.99. The shortest digits of 98765432 are
    98765430, which is another number.
    """
    numbers = floats.to_numpy(zero_copy_only=False)
    wide = numbers.astype(np.float64)
    with np.errstate(invalid="ignore"):
        is_whole = (np.trunc(wide) == wide) & (np.abs(wide) < DOUBLE_EXACT)
    rows = np.flatnonzero(~is_whole & np.isfinite(wide))
    if len(rows):
        wide[rows] = _shortest_digits(pa.array(numbers[rows], floats.type)).cast(pa.float64()).to_numpy()
    return pa.array(wide, mask=~valid_mask(floats))


def _shortest_digits(floats: pa.Array) -> pa.Array:
    if floats.type == pa.float16():
        # Arrow writes them as if they had the digits of 32 bits.
        texts = floats.to_numpy(zero_copy_only=False).astype(np.float16).astype(str)
        return pa.array(texts.astype(object), TEXT_TYPE)
    return floats.cast(TEXT_TYPE)


def _decimal_cells(array: pa.Array) -> Cells:
    if array.type.scale in _PLAIN_SCALES:
        return Cells(kind=Kind.DECIMAL, values=array.cast(TEXT_TYPE))
    texts = [None if cell is None else _plain(cell) for cell in array.to_pylist()]
    return Cells(kind=Kind.DECIMAL, values=pa.array(texts, TEXT_TYPE))


def _plain(number: decimal.Decimal) -> str:
    """Write a number without an exponent."""
    return format(number, "f")


def _timestamp_cells(array: pa.Array) -> Cells:
    if array.type.tz is None:
        return Cells(kind=Kind.NAIVE_TIME, values=array)
    return Cells(kind=Kind.AWARE_TIME, values=array.cast(pa.timestamp(array.type.unit, tz="UTC")))


def _cells_of(kind: Kind, arrow_type: pa.DataType | None = None) -> Callable[[pa.Array], Cells]:
    def cells(array: pa.Array) -> Cells:
        return Cells(kind=kind, values=array if arrow_type is None else array.cast(arrow_type))

    return cells


def _nested_cells(array: pa.Array) -> Cells:
    return _worded(Kind.NESTED, array)


def _wordless(array: pa.Array) -> Cells:
    return _worded(Kind.OTHER, array)


def _worded(kind: Kind, array: pa.Array) -> Cells:
    """Return cells that nothing can be made of, with the name of their type as value."""
    word = pa.scalar(str(getattr(array.type, "extension_name", array.type)), TEXT_TYPE)
    absent = pa.scalar(None, TEXT_TYPE)
    return Cells(kind=kind, values=pc.if_else(array.is_valid(), word, absent))


def _is_any_string(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


_READERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], Cells]], ...] = (
    (_is_any_string, text_cells),
    (pa.types.is_integer, _cells_of(Kind.INTEGER, pa.int64())),
    (pa.types.is_floating, _float_cells),
    (pa.types.is_boolean, _cells_of(Kind.BOOLEAN)),
    (pa.types.is_decimal, _decimal_cells),
    (pa.types.is_timestamp, _timestamp_cells),
    (pa.types.is_date, _cells_of(Kind.DATE, pa.date32())),
    (pa.types.is_null, _cells_of(Kind.TEXT, TEXT_TYPE)),
    (pa.types.is_nested, _nested_cells),
)


def _mixed_cells(values: Values) -> list[Cells]:
    """Sort objects by kind, cell by cell: the one place where that cannot be done for a whole column."""
    cells = values.astype(object).to_numpy()
    kinds = np.array([_kind_of(cell) for cell in cells], dtype=object)
    parts = []
    for kind in Kind:
        rows = np.flatnonzero(kinds == kind)
        for part_rows in _alike(cells, rows, _SORTS.get(kind)):
            part = list(cells[part_rows])
            parts.append(Cells(kind=kind, values=_ARRAYS[kind](part), rows=part_rows, **_facts(kind, part[0])))
    absent = np.flatnonzero(kinds == None)  # noqa: E711  # Compared with each element, not with the array.
    return [*parts, *_absent_cells(absent)] if len(absent) or not parts else parts


def _alike(cells: npt.NDArray[np.object_], rows: Rows, sort_of: Callable[[Any], Any] | None) -> Iterator[Rows]:
    """Part cells of one kind that cannot stand in one array."""
    if not len(rows) or sort_of is None:
        yield from [rows] if len(rows) else []
        return
    sorts = np.array([sort_of(cell) for cell in cells[rows]])
    for sort in np.unique(sorts):
        yield rows[sorts == sort]


def _exact_below(cell: Any) -> int:
    return _EXACT_BELOW_OF.get(type(cell), DOUBLE_EXACT)


def _is_encoded(cell: Any) -> bool:
    return isinstance(cell, _BYTES_TYPES)


def _facts(kind: Kind, cell: Any) -> dict[str, Any]:
    """Return what cells of a sort have in common."""
    if kind is Kind.FLOAT:
        return {"exact_below": _exact_below(cell)}
    return {"note": _BYTES_NOTE} if kind is Kind.TEXT and _is_encoded(cell) else {}


def _kind_of(cell: Any) -> Kind | None:
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return None
    # mypy has object's hash for the hash of the class itself.
    kind: Kind | None = _kind_reader(type(cell))(cell)  # type: ignore[arg-type]
    return kind


@cache
def _kind_reader(cell_type: type) -> Callable[[Any], Kind | None]:
    return next((kind for types, kind in _KINDS if issubclass(cell_type, types)), lambda _: Kind.OTHER)


def _text_kind(cell: str) -> Kind | None:
    if not cell:
        return None
    try:
        cell.encode()
    except UnicodeEncodeError:
        return Kind.SURROGATE
    return Kind.TEXT


def _bytes_kind(cell: bytes) -> Kind | None:
    text = text_of(cell)
    return Kind.BYTES if text is None else (Kind.TEXT if text else None)


def _integer_kind(cell: int) -> Kind:
    return Kind.INTEGER if -(2**63) <= cell < 2**63 else Kind.DECIMAL


def _float_kind(cell: float) -> Kind | None:
    # NaN is the one value that differs from itself.
    return Kind.FLOAT if cell == cell else None  # noqa: PLR0124


def _decimal_kind(cell: decimal.Decimal) -> Kind | None:
    if cell.is_nan():
        return None
    return Kind.DECIMAL if cell.is_finite() else Kind.FLOAT


def _time_kind(cell: dt.datetime) -> Kind:
    # A zone that does not know its offset leaves a time without one.
    return Kind.NAIVE_TIME if cell.utcoffset() is None else Kind.AWARE_TIME


def _numpy_time_kind(cell: np.datetime64) -> Kind | None:
    if np.isnat(cell):
        return None
    return Kind.NAIVE_TIME if abs(_year(cell)) < _LAST_YEAR else Kind.OTHER


def _year(cell: "np.datetime64 | dt.datetime") -> int:
    return int(cell.astype("M8[Y]").astype(np.int64)) + _EPOCH.year if isinstance(cell, np.datetime64) else cell.year


def _is_far(cell: "np.datetime64 | dt.datetime") -> bool:
    """Tell whether a time is so far away that microseconds do not reach it."""
    return abs(_year(cell)) > _LAST_MICROSECOND_YEAR


_BYTES_TYPES = (bytes, bytearray, memoryview)

# The order matters: bool is an int, numpy's timedelta64 passes for one, and datetime is a date.
_KINDS: tuple[tuple[Any, Callable[[Any], Kind | None]], ...] = (
    (str, _text_kind),
    (_BYTES_TYPES, _bytes_kind),
    (uuid.UUID, lambda _: Kind.TEXT),
    ((bool, np.bool_), lambda _: Kind.BOOLEAN),
    (np.timedelta64, lambda _: Kind.OTHER),
    (numbers.Integral, _integer_kind),
    (decimal.Decimal, _decimal_kind),
    ((float, np.floating), _float_kind),
    (dt.datetime, _time_kind),
    (np.datetime64, _numpy_time_kind),
    (dt.date, lambda _: Kind.DATE),
    ((list, tuple, dict, set, np.ndarray), lambda _: Kind.NESTED),
)


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LAST_MICROSECOND_YEAR = 290_000
_LAST_YEAR = 10**10
"""Seconds reach somewhat further."""


def _time_array(cells: list[Any]) -> pa.Array:
    # In microseconds, which hold every Python datetime. numpy cuts a finer time off, and lets one that does not fit
    # pass for another.
    unit = "s" if _is_far(cells[0]) else "us"
    plain = [cell.replace(tzinfo=None) if getattr(cell, "tzinfo", None) is not None else cell for cell in cells]
    return pa.array(np.array(plain, dtype=f"datetime64[{unit}]"))


def _aware_time_array(cells: list[Any]) -> pa.Array:
    if _is_far(cells[0]):
        seconds = np.array([cell.tz_convert(None).to_datetime64() for cell in cells], "datetime64[s]")
        return pa.array(seconds).cast(pa.timestamp("s", tz="UTC"))
    # Subtracting takes care of the zone, and cannot leave the calendar as converting can in the years 1 and 9999.
    microseconds = [(cell - _EPOCH) // dt.timedelta(microseconds=1) for cell in cells]
    return pa.array(microseconds, pa.int64()).cast(pa.timestamp("us", tz="UTC"))


def _plain_text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    return bytes(cell).decode() if _is_encoded(cell) else str(cell)


def _decimal_text(cell: "decimal.Decimal | numbers.Integral") -> str:
    return _plain(cell) if isinstance(cell, decimal.Decimal) else str(int(cell))


def _widened_cell(cell: Any) -> float:
    """Do to one object what `_widened` does to a column."""
    number = float(cell)
    return number if number.is_integer() and abs(number) < DOUBLE_EXACT else float(str(cell))


def _type_words(cells: list[Any]) -> pa.Array:
    return pa.array([type(cell).__name__ for cell in cells], TEXT_TYPE)


_ARRAYS: dict[Kind, Callable[[list[Any]], pa.Array]] = {
    Kind.TEXT: lambda cells: pa.array([_plain_text(cell) for cell in cells], TEXT_TYPE),
    Kind.INTEGER: lambda cells: pa.array([int(cell) for cell in cells], pa.int64()),
    Kind.FLOAT: lambda cells: pa.array([_widened_cell(cell) for cell in cells], pa.float64()),
    Kind.DECIMAL: lambda cells: pa.array([_decimal_text(cell) for cell in cells], TEXT_TYPE),
    Kind.BOOLEAN: lambda cells: pa.array([bool(cell) for cell in cells], pa.bool_()),
    Kind.DATE: lambda cells: pa.array(cells, pa.date32()),
    Kind.NAIVE_TIME: _time_array,
    Kind.AWARE_TIME: _aware_time_array,
    Kind.SURROGATE: lambda cells: pa.array([cell.encode(errors="replace").decode() for cell in cells], TEXT_TYPE),
    Kind.BYTES: _type_words,
    Kind.NESTED: _type_words,
    Kind.OTHER: _type_words,
}

_SORTS: dict[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: _is_encoded,
    Kind.FLOAT: _exact_below,
    Kind.NAIVE_TIME: _is_far,
    Kind.AWARE_TIME: _is_far,
}
"""What tells cells of one kind apart that need arrays of their own."""
