"""Columns of Python objects become cells, one object at a time; Arrow would misread or refuse such columns."""

import datetime as dt
import decimal
import numbers
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from events_pandas.convert.cells import BYTES_NOTE, DOUBLE_EXACT, TEXT_TYPE, CellKind, Cells, Rows, absent_cells
from events_pandas.mapping.arrow_types import text_of
from events_pandas.mapping.rules import Values

_EXACT_BELOW_OF: dict[type, int] = {np.float16: 2**11, np.float32: 2**24}
"""Where each short float type stops holding every whole number."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LAST_MICROSECOND_YEAR = 290_000
_LAST_YEAR = 10**10
"""int64 seconds reach a little further."""

_BYTES_TYPES = (bytes, bytearray, memoryview)


def is_uniform(values: Values) -> bool:
    """Tell whether Arrow would read the objects without changing any of them.

    Arrow makes one type of what it can: beside a time, a date becomes a time; beside an aware time, a naive one becomes
    UTC; and all decimals get the same number of places.
    """
    inferred = pd.api.types.infer_dtype(values, skipna=True)
    if inferred in {"floating", "integer", "boolean"}:
        # A short float gets other digits as float64; a short NaN makes numbers of the cells beside it.
        return not any(map(_EXACT_BELOW_OF.__contains__, map(type, values)))
    return inferred in {"string", "empty"}


def mixed_cells(values: Values) -> list[Cells]:
    """Sort objects by kind, cell by cell. No other code loops over the cells of a column."""
    cells = values.astype(object).to_numpy()
    kinds = np.array([_kind_of(cell) for cell in cells], dtype=object)
    parts = []
    for kind in CellKind:
        rows = np.flatnonzero(kinds == kind)
        for part_rows in _alike(cells, rows, _SORTS.get(kind)):
            part = list(cells[part_rows])
            parts.append(Cells(kind=kind, values=_ARRAYS[kind](part), rows=part_rows, **_facts(kind, part[0])))
    absent = np.flatnonzero(kinds == None)  # noqa: E711  # Compared with each element, not with the array.
    return [*parts, *absent_cells(absent)] if len(absent) or not parts else parts


def _alike(cells: npt.NDArray[np.object_], rows: Rows, sort_of: Callable[[Any], Any] | None) -> Iterator[Rows]:
    """Split the rows of one kind into groups whose cells fit into one array."""
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


def _facts(kind: CellKind, cell: Any) -> dict[str, Any]:
    """Return the fields of `Cells` that all cells of a group share."""
    if kind is CellKind.FLOAT:
        return {"exact_below": _exact_below(cell)}
    return {"note": BYTES_NOTE} if kind is CellKind.TEXT and _is_encoded(cell) else {}


def _kind_of(cell: Any) -> CellKind | None:
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return None
    # mypy takes object's hash for the hash of the class itself.
    kind: CellKind | None = _kind_reader(type(cell))(cell)  # type: ignore[arg-type]
    return kind


@cache
def _kind_reader(cell_type: type) -> Callable[[Any], CellKind | None]:
    return next((kind for types, kind in _KINDS if issubclass(cell_type, types)), lambda _: CellKind.OTHER)


def _text_kind(cell: str) -> CellKind | None:
    if not cell:
        return None
    try:
        cell.encode()
    except UnicodeEncodeError:
        return CellKind.SURROGATE
    return CellKind.TEXT


def _bytes_kind(cell: bytes) -> CellKind | None:
    text = text_of(cell)
    return CellKind.BYTES if text is None else (CellKind.TEXT if text else None)


def _integer_kind(cell: int) -> CellKind:
    return CellKind.INTEGER if -(2**63) <= cell < 2**63 else CellKind.DECIMAL


def _float_kind(cell: float) -> CellKind | None:
    # Only NaN differs from itself.
    return CellKind.FLOAT if cell == cell else None  # noqa: PLR0124


def _decimal_kind(cell: decimal.Decimal) -> CellKind | None:
    if cell.is_nan():
        return None
    return CellKind.DECIMAL if cell.is_finite() else CellKind.FLOAT


def _time_kind(cell: dt.datetime) -> CellKind:
    # A tzinfo may return no offset: then the time has none.
    return CellKind.NAIVE_TIME if cell.utcoffset() is None else CellKind.AWARE_TIME


def _numpy_time_kind(cell: np.datetime64) -> CellKind | None:
    if np.isnat(cell):
        return None
    return CellKind.NAIVE_TIME if abs(_year(cell)) < _LAST_YEAR else CellKind.OTHER


def _year(cell: "np.datetime64 | dt.datetime") -> int:
    return int(cell.astype("M8[Y]").astype(np.int64)) + _EPOCH.year if isinstance(cell, np.datetime64) else cell.year


def _is_far(cell: "np.datetime64 | dt.datetime") -> bool:
    """Tell whether a time is beyond the reach of microseconds."""
    return abs(_year(cell)) > _LAST_MICROSECOND_YEAR


# The order matters: bool is an int, numpy's timedelta64 passes for one, and datetime is a date.
_KINDS: tuple[tuple[Any, Callable[[Any], CellKind | None]], ...] = (
    (str, _text_kind),
    (_BYTES_TYPES, _bytes_kind),
    (uuid.UUID, lambda _: CellKind.TEXT),
    ((bool, np.bool_), lambda _: CellKind.BOOLEAN),
    (np.timedelta64, lambda _: CellKind.OTHER),
    (numbers.Integral, _integer_kind),
    (decimal.Decimal, _decimal_kind),
    ((float, np.floating), _float_kind),
    (dt.datetime, _time_kind),
    (np.datetime64, _numpy_time_kind),
    (dt.date, lambda _: CellKind.DATE),
    ((list, tuple, dict, set, np.ndarray), lambda _: CellKind.NESTED),
)


def _time_array(cells: list[Any]) -> pa.Array:
    # Microseconds hold every Python datetime. numpy cuts off finer digits, and turns a time that does not fit into
    # another one.
    unit = "s" if _is_far(cells[0]) else "us"
    plain = [cell.replace(tzinfo=None) if getattr(cell, "tzinfo", None) is not None else cell for cell in cells]
    return pa.array(np.array(plain, dtype=f"datetime64[{unit}]"))


def _aware_time_array(cells: list[Any]) -> pa.Array:
    if _is_far(cells[0]):
        seconds = np.array([cell.tz_convert(None).to_datetime64() for cell in cells], "datetime64[s]")
        return pa.array(seconds).cast(pa.timestamp("s", tz="UTC"))
    # Subtracting handles the zone. Converting could leave the calendar in the years 1 and 9999.
    microseconds = [(cell - _EPOCH) // dt.timedelta(microseconds=1) for cell in cells]
    return pa.array(microseconds, pa.int64()).cast(pa.timestamp("us", tz="UTC"))


def _plain_text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    return bytes(cell).decode() if _is_encoded(cell) else str(cell)


def _decimal_text(cell: "decimal.Decimal | numbers.Integral") -> str:
    return plain_decimal(cell) if isinstance(cell, decimal.Decimal) else str(int(cell))


def plain_decimal(number: decimal.Decimal) -> str:
    """Write a decimal without an exponent."""
    return format(number, "f")


def _widened_cell(cell: Any) -> float:
    """Do for one object what `column_cells` does for a column of short floats."""
    number = float(cell)
    return number if number.is_integer() and abs(number) < DOUBLE_EXACT else float(str(cell))


def _type_words(cells: list[Any]) -> pa.Array:
    return pa.array([type(cell).__name__ for cell in cells], TEXT_TYPE)


_ARRAYS: dict[CellKind, Callable[[list[Any]], pa.Array]] = {
    CellKind.TEXT: lambda cells: pa.array([_plain_text(cell) for cell in cells], TEXT_TYPE),
    CellKind.INTEGER: lambda cells: pa.array([int(cell) for cell in cells], pa.int64()),
    CellKind.FLOAT: lambda cells: pa.array([_widened_cell(cell) for cell in cells], pa.float64()),
    CellKind.DECIMAL: lambda cells: pa.array([_decimal_text(cell) for cell in cells], TEXT_TYPE),
    CellKind.BOOLEAN: lambda cells: pa.array([bool(cell) for cell in cells], pa.bool_()),
    CellKind.DATE: lambda cells: pa.array(cells, pa.date32()),
    CellKind.NAIVE_TIME: _time_array,
    CellKind.AWARE_TIME: _aware_time_array,
    CellKind.SURROGATE: lambda cells: pa.array([cell.encode(errors="replace").decode() for cell in cells], TEXT_TYPE),
    CellKind.BYTES: _type_words,
    CellKind.NESTED: _type_words,
    CellKind.OTHER: _type_words,
}

_SORTS: dict[CellKind, Callable[[Any], Any]] = {
    CellKind.TEXT: _is_encoded,
    CellKind.FLOAT: _exact_below,
    CellKind.NAIVE_TIME: _is_far,
    CellKind.AWARE_TIME: _is_far,
}
"""For kinds whose cells may need several arrays: what tells the groups apart."""
