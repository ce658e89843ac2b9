"""Columns of Python objects become cells, one object at a time; Arrow would misread or refuse such columns."""

import datetime as dt
import decimal
import numbers
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, SupportsFloat, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from events_pandas.convert.cells import BYTES_NOTE, DOUBLE_EXACT, TEXT_TYPE, CellKind, Cells, absent_cells
from events_pandas.mapping.arrow_types import text_of
from events_pandas.mapping.rules import Values

EXACT_BELOW: dict[type, int] = {np.float16: 2**11, np.float32: 2**24}
"""Where each short float type stops holding every whole number."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LAST_MICROSECOND_YEAR = 290_000
_LAST_YEAR = 10**10
"""int64 seconds reach a little further."""


def is_uniform(values: Values) -> bool:
    """Tell whether Arrow would read the objects without changing any of them.

    Arrow makes one type of what it can: beside a time, a date becomes a time; beside an aware time, a naive one becomes
    UTC; and all decimals get the same number of places.
    """
    inferred = pd.api.types.infer_dtype(values, skipna=True)
    if inferred in {"floating", "integer", "boolean"}:
        # A short float gets other digits as float64; a short NaN makes numbers of the cells beside it.
        return not any(map(EXACT_BELOW.__contains__, map(type, values)))
    return inferred in {"string", "empty"}


def mixed_cells(values: Values) -> list[Cells]:
    """Sort objects by kind, cell by cell. No other code loops over the cells of a column."""
    cells = values.astype(object).to_numpy()
    groups: dict[_Sort, list[int]] = {}
    for row, cell in enumerate(cells):
        groups.setdefault(_sort_of(cell), []).append(row)
    parts = [
        Cells(
            kind=sort.kind,
            values=sort.array(list(cells[rows])),
            rows=np.array(rows),
            exact_below=sort.exact_below,
            note=sort.note,
        )
        for sort, rows in groups.items()
    ]
    return parts or absent_cells(np.zeros(0, np.int64))


_ToArray: TypeAlias = Callable[[list[Any]], pa.Array]
"""How objects of one sort become an array."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Sort:
    """Objects that fit into one array."""

    kind: CellKind
    array: _ToArray
    exact_below: int = DOUBLE_EXACT
    note: str = ""


def _texts(write: Callable[[Any], str]) -> _ToArray:
    return lambda cells: pa.array([write(cell) for cell in cells], TEXT_TYPE)


def plain_decimal(number: decimal.Decimal) -> str:
    """Write a decimal without an exponent."""
    return format(number, "f")


def _float_array(cells: list[SupportsFloat]) -> pa.Array:
    """Do for objects what `column_cells` does for a column of short floats."""
    floats = [float(cell) for cell in cells]
    wide = [
        number if number.is_integer() and abs(number) < DOUBLE_EXACT else float(str(cell))
        for number, cell in zip(floats, cells, strict=True)
    ]
    return pa.array(wide, pa.float64())


def _naive_times(unit: str) -> _ToArray:
    # numpy cuts off finer digits, and turns a time that does not fit into another one.
    return lambda cells: pa.array(np.array([_without_zone(cell) for cell in cells], f"datetime64[{unit}]"))


def _without_zone(cell: "dt.datetime | np.datetime64") -> "dt.datetime | np.datetime64":
    return cell.replace(tzinfo=None) if isinstance(cell, dt.datetime) and cell.tzinfo is not None else cell


def _aware_times(cells: list[dt.datetime]) -> pa.Array:
    # Subtracting handles the zone. Converting could leave the calendar in the years 1 and 9999.
    microseconds = [(cell - _EPOCH) // dt.timedelta(microseconds=1) for cell in cells]
    return pa.array(microseconds, pa.int64()).cast(pa.timestamp("us", tz="UTC"))


def _far_aware_times(cells: list[pd.Timestamp]) -> pa.Array:
    seconds = np.array([cell.tz_convert(None).to_datetime64() for cell in cells], "datetime64[s]")
    return pa.array(seconds).cast(pa.timestamp("s", tz="UTC"))


_type_words = _texts(lambda cell: type(cell).__name__)

_ABSENT = _Sort(kind=CellKind.TEXT, array=lambda cells: pa.nulls(len(cells), TEXT_TYPE))
_TEXT = _Sort(kind=CellKind.TEXT, array=_texts(lambda cell: cell))
_ENCODED = _Sort(kind=CellKind.TEXT, array=_texts(lambda cell: bytes(cell).decode()), note=BYTES_NOTE)
_UUID = _Sort(kind=CellKind.TEXT, array=_texts(str))
_INTEGER = _Sort(kind=CellKind.INTEGER, array=lambda cells: pa.array([int(cell) for cell in cells], pa.int64()))
_LARGE_INTEGER = _Sort(kind=CellKind.DECIMAL, array=_texts(lambda cell: str(int(cell))))
_DECIMAL = _Sort(kind=CellKind.DECIMAL, array=_texts(plain_decimal))
_FLOAT = _Sort(kind=CellKind.FLOAT, array=_float_array)
_SHORT_FLOATS = {
    short: _Sort(kind=CellKind.FLOAT, array=_float_array, exact_below=below) for short, below in EXACT_BELOW.items()
}
_BOOLEAN = _Sort(kind=CellKind.BOOLEAN, array=lambda cells: pa.array([bool(cell) for cell in cells], pa.bool_()))
_DATE = _Sort(kind=CellKind.DATE, array=lambda cells: pa.array(cells, pa.date32()))
# Microseconds hold every Python datetime.
_NAIVE_TIME = _Sort(kind=CellKind.NAIVE_TIME, array=_naive_times("us"))
_FAR_NAIVE_TIME = _Sort(kind=CellKind.NAIVE_TIME, array=_naive_times("s"))
_AWARE_TIME = _Sort(kind=CellKind.AWARE_TIME, array=_aware_times)
_FAR_AWARE_TIME = _Sort(kind=CellKind.AWARE_TIME, array=_far_aware_times)
_SURROGATE = _Sort(kind=CellKind.SURROGATE, array=_texts(lambda cell: cell.encode(errors="replace").decode()))
_BYTES = _Sort(kind=CellKind.BYTES, array=_type_words)
_NESTED = _Sort(kind=CellKind.NESTED, array=_type_words)
_OTHER = _Sort(kind=CellKind.OTHER, array=_type_words)


_Sorter: TypeAlias = Callable[[Any], _Sort]


def _sort_of(cell: object) -> _Sort:
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return _ABSENT
    # mypy takes object's hash for the hash of the class itself.
    sort: _Sort = _sorter(type(cell))(cell)  # type: ignore[arg-type]
    return sort


@cache
def _sorter(cell_type: type) -> _Sorter:
    return next((sort for types, sort in _SORTERS if issubclass(cell_type, types)), lambda _: _OTHER)


def _text_sort(cell: str) -> _Sort:
    if not cell:
        return _ABSENT
    try:
        cell.encode()
    except UnicodeEncodeError:
        return _SURROGATE
    return _TEXT


def _bytes_sort(cell: bytes) -> _Sort:
    text = text_of(cell)
    return _BYTES if text is None else (_ENCODED if text else _ABSENT)


def _float_sort(cell: float) -> _Sort:
    # Only NaN differs from itself.
    return _SHORT_FLOATS.get(type(cell), _FLOAT) if cell == cell else _ABSENT  # noqa: PLR0124


def _decimal_sort(cell: decimal.Decimal) -> _Sort:
    if cell.is_nan():
        return _ABSENT
    return _DECIMAL if cell.is_finite() else _FLOAT


def _time_sort(cell: dt.datetime) -> _Sort:
    is_far = abs(cell.year) > _LAST_MICROSECOND_YEAR
    # A tzinfo may return no offset: then the time has none.
    if cell.utcoffset() is None:
        return _FAR_NAIVE_TIME if is_far else _NAIVE_TIME
    return _FAR_AWARE_TIME if is_far else _AWARE_TIME


def _numpy_time_sort(cell: np.datetime64) -> _Sort:
    if np.isnat(cell):
        return _ABSENT
    year = abs(int(cell.astype("M8[Y]").astype(np.int64)) + _EPOCH.year)
    if year >= _LAST_YEAR:
        return _OTHER
    return _FAR_NAIVE_TIME if year > _LAST_MICROSECOND_YEAR else _NAIVE_TIME


# The order matters: bool is an int, numpy's timedelta64 passes for one, and datetime is a date.
_SORTERS: tuple[tuple[type | tuple[type, ...], _Sorter], ...] = (
    (str, _text_sort),
    ((bytes, bytearray, memoryview), _bytes_sort),
    (uuid.UUID, lambda _: _UUID),
    ((bool, np.bool_), lambda _: _BOOLEAN),
    (np.timedelta64, lambda _: _OTHER),
    (numbers.Integral, lambda cell: _INTEGER if -(2**63) <= cell < 2**63 else _LARGE_INTEGER),
    (decimal.Decimal, _decimal_sort),
    ((float, np.floating), _float_sort),
    (dt.datetime, _time_sort),
    (np.datetime64, _numpy_time_sort),
    (dt.date, lambda _: _DATE),
    ((list, tuple, dict, set, np.ndarray), lambda _: _NESTED),
)
