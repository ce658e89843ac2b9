"""The columns that come nearest to a time, and why they are not proposed, for an error without one."""

from typing import Final

import numpy as np
import pandas as pd

from events_pandas.convert.times import SERIAL_DAYS
from events_pandas.mapping.rules import Values
from events_pandas.suggest.evidence import ColumnLook, Evidence
from events_pandas.suggest.names import may_name_a_time, names_a_time
from events_pandas.suggest.survey import Survey
from events_pandas.suggest.times import commonest_form
from events_pandas.words import counted, quoted

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
    forms, odd = _forms_of(texts)
    if not forms and not names_a_time(column.words):
        return 0.0, ""
    share = (len(texts) - len(odd)) / len(texts)
    others = f"{len(odd):,} of {len(texts):,} cells are not times, such as {quoted(odd.iloc[0])}" if len(odd) else ""
    # One form that reads most cells would have been proposed.
    return share, "; ".join(filter(None, [" and ".join(forms) if len(forms) > 1 else "", others]))


def _forms_of(texts: Values) -> tuple[list[str], Values]:
    """Return the forms in which texts are times, the commonest first, with their texts; and the other texts."""
    forms: list[str] = []
    for _ in range(_MOST_SHOWN):
        distinct = pd.Series(texts.unique(), dtype=object)
        form, is_read = commonest_form(distinct) if len(distinct) else ("", distinct.astype(bool))
        if not is_read.any():
            break
        is_like = np.asarray(texts.isin(distinct[is_read.to_numpy()]))
        forms.append(f"{counted(int(is_like.sum()), 'cell')} written {form}, such as {quoted(texts[is_like].iloc[0])}")
        texts = texts[~is_like]
    return forms, texts
