"""The numbers of rejects, written so that the same mapping reads the same numbers from the file of rejects."""

from collections.abc import Hashable, Mapping

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.types import is_numeric_dtype

from events_pandas.mapping import Column, EventMapping, MonetaryAmount, Number
from events_pandas.mapping.rules import is_computed, rule_sources
from events_pandas.mapping.source_format import DecimalSign
from events_pandas.mapping.written_numbers import ambiguous_numbers, plain_numbers
from events_pandas.results.rejects import text_frame


def given_signs(mapping: EventMapping) -> dict[Hashable, DecimalSign]:
    """Return the decimal signs that a mapping gives for the columns of its numbers."""
    signs: dict[Hashable, DecimalSign] = {}
    for rule in mapping.rules().values():
        source = next(iter(rule_sources(rule).values()))
        if not isinstance(rule, Number | MonetaryAmount | Column) or is_computed(source):
            continue
        sign = None if isinstance(rule, Column) else rule.decimal
        if (known := sign or mapping.source.decimal) is not None:
            signs[source] = known
    return signs


def found_signs(mapping: EventMapping, typed: EventMapping) -> dict[Hashable, DecimalSign]:
    """Return the decimal signs that only the cells of columns showed: the mapping with types has them."""
    given = given_signs(mapping)
    return {label: sign for label, sign in given_signs(typed).items() if label not in given}


def with_given_signs(rows: pd.DataFrame, signs: Mapping[Hashable, DecimalSign]) -> pd.DataFrame:
    """Return rows for a CSV file, in which columns of numbers have the decimal sign that the mapping reads there."""
    written = rows.copy(deep=False)
    for place, label in enumerate(rows.columns):
        if signs.get(label) == "," and is_numeric_dtype(rows.dtypes.iloc[place]):
            texts = text_frame(rows.iloc[:, [place]]).iloc[:, 0].set_axis(rows.index)
            written.isetitem(place, texts.str.replace(".", ",", regex=False).array)
    return written


def with_found_signs(rows: pd.DataFrame, signs: Mapping[Hashable, DecimalSign], *, is_csv: bool) -> pd.DataFrame:
    """Return rows of text in which no number has two readings, as 1.234 has: fewer rows may not show the sign.

    Such a number loses the separators of its thousands. In Parquet, where no sign is looked for, every number does.
    """
    written = rows.copy(deep=False)
    for place, label in enumerate(rows.columns):
        if (sign := signs.get(label)) is not None:
            texts = pa.array(rows.iloc[:, place], pa.large_string(), from_pandas=True)
            plain = plain_numbers(texts, sign)
            is_plain = ambiguous_numbers(texts) if is_csv else plain.is_valid()
            cells = pc.if_else(is_plain, plain, texts).to_numpy(zero_copy_only=False)
            written.isetitem(place, pd.Series(cells, dtype=object).array)
    return written
