"""The decimal sign that the texts of a frame show: the same in all of its columns, or none."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.types import is_string_dtype

from events_pandas.mapping.column_types import holds_numbers
from events_pandas.mapping.rules import Values
from events_pandas.mapping.source_format import DecimalSign
from events_pandas.mapping.written_numbers import (
    COMMA,
    POINT,
    UNCLEAR,
    decided_sign,
    plain_numbers,
    shows_sign,
    sign_masks,
)

_TEXT_TYPE: Final = pa.large_string()


@dataclass(frozen=True, kw_only=True, slots=True)
class CommonSign:
    """The decimal sign of a frame's texts, and the first text that shows it."""

    sign: DecimalSign
    text: str


def common_sign(columns: Iterable[Values]) -> CommonSign | None:
    """Return the decimal sign without which numbers among the texts of columns cannot be read.

    None stands for plain numbers, and for columns that do not agree.
    """
    found: dict[DecimalSign, str] = {}
    has_points = False
    for column in columns:
        texts = _texts(column)
        counts = _counts(texts)
        sign = decided_sign(counts)
        if sign is not None and holds_numbers(pd.Series(plainly(texts.to_pylist(), sign), dtype=object)):
            found.setdefault(sign, texts.filter(sign_masks(texts)[COMMA if sign == "," else POINT])[0].as_py())
        has_points = has_points or (sign is None and bool(counts[POINT]) and holds_numbers(texts.to_pandas()))
    if len(found) != 1 or (has_points and "," in found):
        return None
    ((sign, text),) = found.items()
    return CommonSign(sign=sign, text=text)


def unclear_number(texts: list[str], sign: DecimalSign) -> str | None:
    """Return the first text such as 1.234 or 1,234 that may be two numbers; None if the texts show well which it is."""
    written = pa.array(texts, _TEXT_TYPE)
    masks = sign_masks(written)
    if shows_sign(_counts(written), UNCLEAR, sign):
        return None
    text: str = written.filter(pc.or_(*(masks[word] for word in UNCLEAR)))[0].as_py()
    return text


def plainly(texts: list[str], sign: DecimalSign) -> list[str]:
    """Write the numbers among texts as 1234.56; others stay as they are."""
    written = pa.array(texts, _TEXT_TYPE)
    plain: list[str] = pc.coalesce(plain_numbers(written, sign), written).to_pylist()
    return plain


def _counts(texts: pa.Array) -> Counter[str]:
    return Counter({word: pc.sum(where).as_py() or 0 for word, where in sign_masks(texts).items()})


def _texts(column: Values) -> pa.Array:
    """Return the texts of a column that has no other values; none if it has, or if Arrow cannot hold one of them."""
    kind = getattr(column.dtype, "pyarrow_dtype", None)
    may_be_text = (
        is_string_dtype(column) if kind is None else pa.types.is_string(kind) or pa.types.is_large_string(kind)
    )
    cells = column[column.notna()].tolist() if may_be_text else []
    try:
        return pa.array(cells if all(isinstance(cell, str) for cell in cells) else [], _TEXT_TYPE)
    except UnicodeEncodeError:
        return pa.array([], _TEXT_TYPE)
