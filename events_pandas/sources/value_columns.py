"""Columns of Python values: the type that all of a file's values have, the array of some of them, and their text."""

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from events_pandas.convert.object_cells import plain_decimal

_UNIFORM: Final[dict[type, pa.DataType]] = {
    str: pa.string(),
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    dt.datetime: pa.timestamp("us"),
}


class ObjectTypes:
    """The types of the values of each column, collected over a file."""

    def __init__(self) -> None:
        self._types: dict[str, set[type]] = {}

    def add(self, name: str, values: Iterable[object]) -> None:
        """Take note of some values of a column; None is an absent one."""
        types = self._types.setdefault(name, set())
        types |= set(map(type, values))

    def add_column(self, name: str) -> None:
        """Take note of a column, which may have no value."""
        self._types.setdefault(name, set())

    @property
    def names(self) -> list[str]:
        """The names of the columns, in the order in which they came."""
        return list(self._types)

    def arrow_type(self, name: str) -> pa.DataType | None:
        """Return the type that an array of the column has; None if its values are different Python objects."""
        types = self._types[name] - {type(None)}
        return _UNIFORM.get(next(iter(types))) if len(types) == 1 else None


def value_column(values: Sequence[object], kind: pa.DataType | None) -> Any:
    """Return values as an array for a frame: with an Arrow type, or Python objects where they do not have it."""
    if kind is not None:
        try:
            return pd.array(pa.array(values, kind), dtype=pd.ArrowDtype(kind))
        except (OverflowError, UnicodeEncodeError):
            # A whole number beyond 64 bits, or half of a character: convert takes them one by one.
            pass
    return np.fromiter(values, dtype=object, count=len(values))


def text_column(values: Sequence[object]) -> Any:
    """Return values as texts for a file without types."""
    return np.fromiter(map(value_text, values), dtype=object, count=len(values))


def value_text(value: object) -> str | None:
    """Return the text of one value, as JSON writes it; a text stays as it is."""
    match value:
        case None | str():
            return value
        case Decimal():
            return plain_decimal(value)
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case dt.timedelta():
            return str(value)
        case _:
            return json.dumps(value, default=value_text, ensure_ascii=False)
