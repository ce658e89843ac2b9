"""The numbers of rejects, written so that the same mapping reads the same numbers from the file of rejects."""

import numbers
from collections.abc import Hashable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.types import is_numeric_dtype, is_object_dtype

from events_pandas.convert.cells import TEXT_TYPE, Mask
from events_pandas.mapping import Column, EventMapping, MonetaryAmount, Number
from events_pandas.mapping.rule_parts import is_computed, rule_sources
from events_pandas.mapping.rules import Values
from events_pandas.mapping.source_format import DecimalSign
from events_pandas.mapping.written_numbers import clear_numbers, plain_numbers, without_thousands
from events_pandas.results.rejects import text_frame


def number_signs(mapping: EventMapping) -> dict[Hashable, DecimalSign | None]:
    """Return the decimal signs of the columns of a mapping's numbers; None where it gives none."""
    signs: dict[Hashable, DecimalSign | None] = {}
    for rule in mapping.rules().values():
        source = next(iter(rule_sources(rule).values()))
        if isinstance(rule, Number | MonetaryAmount | Column) and not is_computed(source):
            sign = None if isinstance(rule, Column) else rule.decimal
            signs[source] = sign or mapping.source.decimal or signs.get(source)
    return signs


def given_signs(mapping: EventMapping) -> dict[Hashable, DecimalSign]:
    """Return the decimal signs that a mapping gives for the columns of its numbers."""
    return {label: sign for label, sign in number_signs(mapping).items() if sign is not None}


def found_signs(mapping: EventMapping, typed: EventMapping) -> dict[Hashable, DecimalSign]:
    """Return the decimal signs that only the cells of columns showed: the mapping with types has them."""
    given = given_signs(mapping)
    return {label: sign for label, sign in given_signs(typed).items() if label not in given}


def with_known_signs(rows: pd.DataFrame, signs: Mapping[Hashable, DecimalSign | None]) -> pd.DataFrame:
    """Return rows for a CSV file, in which numbers are written so that the mapping reads the same ones there.

    They have the decimal sign that it gives. Without one, 1.234 is written as 1.2340, which is one number.
    """
    written = rows.copy(deep=False)
    for place, label in enumerate(rows.columns):
        sign = signs.get(label, ".")
        column = rows.iloc[:, place]
        is_number = _numbers(column)
        if sign == "." or not is_number.any():
            continue
        texts = pa.array(text_frame(column.to_frame()).iloc[:, 0], TEXT_TYPE, from_pandas=True)
        cells = pc.replace_substring(texts, ".", ",") if sign == "," else clear_numbers(texts)
        written.isetitem(place, pd.Series(np.where(is_number, _objects(cells), column.astype(object))).array)
    return written


def _numbers(column: Values) -> Mask:
    """Return where a column has numbers, rather than texts of numbers."""
    if is_numeric_dtype(column.dtype):
        return column.notna().to_numpy(bool)
    if not (is_object_dtype(column.dtype) or isinstance(column.dtype, pd.CategoricalDtype)):
        return np.zeros(len(column), dtype=bool)
    return np.array([isinstance(cell, numbers.Number) for cell in column.tolist()], dtype=bool)


def _objects(texts: pa.Array) -> "npt.NDArray[np.object_]":
    cells: npt.NDArray[np.object_] = texts.to_numpy(zero_copy_only=False)
    return cells


def with_found_signs(rows: pd.DataFrame, signs: Mapping[Hashable, DecimalSign], *, is_csv: bool) -> pd.DataFrame:
    """Return rows of text in which no number has two readings, as 1.234 has: fewer rows may not show the sign.

    Such a number loses the separators of its thousands, or has a further zero. In Parquet, where no sign is looked for,
    every number has a point.
    """
    written = rows.copy(deep=False)
    for place, label in enumerate(rows.columns):
        if (sign := signs.get(label)) is not None:
            texts = pa.array(rows.iloc[:, place], TEXT_TYPE, from_pandas=True)
            plain = clear_numbers(plain_numbers(texts, sign))
            cells = without_thousands(texts, sign) if is_csv else pc.coalesce(plain, texts)
            written.isetitem(place, pd.Series(_objects(cells), dtype=object).array)
    return written
