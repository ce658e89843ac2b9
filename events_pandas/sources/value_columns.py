"""Columns of Python values: the type that all of a file's values have, the array of some of them, and their text."""

import datetime as dt
import json
from collections.abc import Collection, Hashable, Sequence
from decimal import Decimal
from typing import Any, Final, Self

import numpy as np
import pandas as pd
import pyarrow as pa

from events_pandas.convert.object_cells import plain_decimal
from events_pandas.mapping.rules import Values
from events_pandas.mapping.source_format import DecimalSign


class WrittenDecimal(Decimal):
    """A number that is written with an exponent: as text it stays as it is written, since digits may be lost."""

    text: str

    @classmethod
    def read(cls, text: str) -> Self:
        """Read the text of a number."""
        number = cls(text)
        number.text = text
        return number

    def __format__(self, specifier: str, context: object = None, /) -> str:
        return self.text

    def __str__(self) -> str:
        return self.text


class _LargeInteger(int):
    """Stands for whole numbers beyond 64 bits."""


_INT64: Final = range(-(2**63), 2**63)
_NUMBERS: Final = {int, float, Decimal, WrittenDecimal}
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

    def add(self, name: str, values: Sequence[object]) -> None:
        """Take note of some values of a column; None is an absent one."""
        types = self._types.setdefault(name, set())
        types |= set(map(type, values))
        if int in types:
            whole = [value for value in values if type(value) is int]
            if whole and not (min(whole) in _INT64 and max(whole) in _INT64):
                types.add(_LargeInteger)

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


def column_of(
    values: Sequence[object], kind: pa.DataType | None, *, is_written: bool, decimal: DecimalSign | None = None
) -> Any:
    """Return values as an array for a frame, with an Arrow type if they have one.

    Others are Python objects, or if `is_written` texts for a file without types, whose numbers have a decimal sign.
    """
    if kind is not None:
        try:
            return pd.array(pa.array(values, kind), dtype=pd.ArrowDtype(kind))
        except UnicodeEncodeError:
            # Half of a character: convert takes the cells one by one.
            pass
    cells = (_written(value, decimal) for value in values) if is_written else values
    # pandas 3 would make text of the objects, and fail at half of a character.
    return pd.Series(np.fromiter(cells, dtype=object, count=len(values)), dtype=object)


def with_floats(frame: pd.DataFrame, named: Collection[Hashable]) -> pd.DataFrame:
    """Return a frame for callables: its columns of Python's numbers are floats, but those that a mapping names."""
    typed = frame.copy(deep=False)
    for place, (label, column) in enumerate(frame.items()):
        if column.dtype == object and label not in named and set(map(type, column.dropna())) <= _NUMBERS:
            typed.isetitem(place, column.astype("float64").to_numpy())
    return typed


def _written(value: object, decimal: DecimalSign | None) -> str | None:
    text = value_text(value)
    is_other = decimal == "," and text is not None and isinstance(value, float | Decimal)
    return text.replace(".", ",") if is_other and text is not None else text


def texts_among(column: Values) -> pa.Array:
    """Return the texts among the values of a column as an array; other values are null."""
    texts = (value_text(value) if isinstance(value, str) else None for value in column.tolist())
    return pa.array(texts, pa.large_string())


def value_text(value: object) -> str | None:
    """Return the text of one value, as JSON writes it; a text stays as it is."""
    match value:
        case None:
            return None
        case str():
            # Half of a character cannot be written; files of text get a question mark, too.
            return value if value.isascii() else value.encode(errors="replace").decode()
        case Decimal():
            return plain_decimal(value)
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case dt.timedelta():
            return str(value)
        case _:
            return json.dumps(value, default=value_text, ensure_ascii=False)
