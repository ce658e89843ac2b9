"""The columns that come nearest to a time, and why they are not proposed, for an error without one."""

from typing import Final

import numpy as np
import pandas as pd

from events_pandas.convert.times import SERIAL_DAYS
from events_pandas.mapping.rules import Values
from events_pandas.suggest.evidence import ColumnLook, Evidence
from events_pandas.suggest.names import may_name_a_time, names_a_time
from events_pandas.suggest.survey import Survey
from events_pandas.suggest.times import are_times
from events_pandas.words import quoted

_MOST_SHOWN: Final = 3
_NUMBERS: Final = {ColumnLook.WHOLE, ColumnLook.NUMBER}
_NO_EPOCH: Final = "which do not count seconds, milliseconds or the like since 1970"
_EXCEL: Final = "which look like day numbers from Excel: format them as dates and export them again"


def near_misses(seen: Survey) -> list[str]:
    """Return the labels of the columns that come nearest to a time, each with what speaks against it, nearest first."""
    found = [(column, *_refusal(column, seen.cells[column.label])) for column in seen.columns]
    refused = sorted((near for near in found if near[2]), key=lambda near: near[1], reverse=True)
    return [f"{column.label!r} ({reason})" for column, _, reason in refused[:_MOST_SHOWN]]


def _refusal(column: Evidence, cells: Values) -> tuple[float, str]:
    """Return which share of the cells are times, and why the column is none; an empty text if it is far from it."""
    if column.look is ColumnLook.TIME:
        return 0.0, "its name suggests a date of birth"
    if column.look in _NUMBERS and names_a_time(column.words):
        return 0.0, _refusal_of_numbers(cells)
    if column.look is ColumnLook.TEXT and may_name_a_time(column.words):
        return _refusal_of_texts(column, cells)
    return 0.0, ""


def _refusal_of_numbers(cells: Values) -> str:
    first = _texts(cells).iloc[0]
    low, high = SERIAL_DAYS
    # Not float: a number may have a decimal comma.
    is_serial = low <= pd.to_numeric(pd.Series([first]), errors="coerce")[0] <= high
    return f"numbers such as {first}, {_EXCEL if is_serial else _NO_EPOCH}"


def _texts(cells: Values) -> Values:
    return pd.Series([str(cell) for cell in cells[cells.notna()] if str(cell)], dtype=object)


def _refusal_of_texts(column: Evidence, cells: Values) -> tuple[float, str]:
    texts = _texts(cells)
    is_known = are_times(pd.Series(texts.unique(), dtype=object))
    is_time = np.asarray(texts.isin(texts.unique()[is_known.to_numpy()]))
    if not is_time.any() and not names_a_time(column.words):
        return 0.0, ""
    odd = texts[~is_time]
    return float(is_time.mean()), f"{len(odd):,} of {len(texts):,} cells are not times, such as {quoted(odd.iloc[0])}"
