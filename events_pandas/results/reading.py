"""Rows and times of results read, whatever their types: results may come from a file."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import Rows
from events_pandas.convert.keys import NO_TIME
from events_pandas.words import quoted

TIME_COLUMNS: Final = ("created_at", "submitted_at")

_MICROSECONDS: Final = pa.timestamp("us", tz="UTC")
# Arrow reads texts with a zone and at most six decimals. A time without a zone is in UTC, as all times of results.
_REWRITES: Final = (
    (r"(\.\d{6})\d+", r"\1"),
    (r"^(\d{4}-\d\d-\d\d)$", r"\1T00:00Z"),
    (r"^(\d{4}-\d\d-\d\d[T ][\d:.]+)$", r"\1Z"),
)


def times_of(results: pd.DataFrame, column: str) -> npt.NDArray[np.datetime64]:
    """Return a column of times as datetime64[us] in UTC, NaT if absent. Raise `ValueError` for the first other cell.

    A CSV file has times as text, and an absent one as an empty text.
    """
    cells = results[column]
    if pd.api.types.is_datetime64_any_dtype(cells.dtype):
        return _in_microseconds(pa.array(cells, from_pandas=True))
    cells = cells.astype(object)
    is_given = cells.notna().to_numpy(bool) & cells.ne("").to_numpy(bool)
    texts = [str(cell) for cell in cells[is_given].tolist()]
    times = np.full(len(cells), "NaT", "datetime64[us]")
    try:
        times[is_given] = _read(texts)
    except pa.ArrowInvalid as error:
        text = next(text for text in texts if not _is_time(text))
        position = int(np.flatnonzero(is_given)[texts.index(text)])
        row = results["row"].iloc[position] if "row" in results else position
        said = f"results: row {row} has the {column} {quoted(text)}, which is not a time"
        raise ValueError(f"{said}: write it as 2024-01-31T12:00:00Z") from error
    return times


def _read(texts: list[str]) -> npt.NDArray[np.datetime64]:
    column = pa.array(texts, pa.string())
    for pattern, replacement in _REWRITES:
        column = pc.replace_substring_regex(column, pattern, replacement)
    # Not pandas' reader, whose nanoseconds end in 2262.
    return _in_microseconds(column.cast(_MICROSECONDS))


def _in_microseconds(times: pa.Array) -> npt.NDArray[np.datetime64]:
    numbers = times.cast(_MICROSECONDS, safe=False).cast(pa.int64()).fill_null(NO_TIME)
    return np.asarray(numbers).view("datetime64[us]")


def _is_time(text: str) -> bool:
    try:
        _read([text])
    except pa.ArrowInvalid:
        return False
    return True


def row_numbers(rows: "pd.Series[Any]") -> Rows:
    """Return a column ``row`` of results as numbers. Raise `ValueError` if one of them is not a position."""
    numbers = pd.to_numeric(rows.astype(object), errors="coerce").to_numpy(float, na_value=np.nan)
    is_position = (numbers >= 0) & np.isfinite(numbers) & (numbers == np.floor(numbers))
    if not is_position.all():
        place = int(is_position.argmin())
        said = f"results: position {place} has the row {quoted(str(rows.iloc[place]))}"
        raise ValueError(f"{said}: expected a whole number, as submitting writes it")
    return numbers.astype(np.int64)


def require_one_run(rows: Rows) -> None:
    """Raise `ValueError` if a row comes twice: the second one may be of another run, and so of another frame."""
    is_repeated = pd.Series(rows).duplicated().to_numpy(bool)
    if is_repeated.any():
        raise ValueError(f"results: row {rows[is_repeated.argmax()]} comes twice: give the results of one run")
