"""The rule that a bare column of a frame becomes: most of its cells decide."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from events_pandas.mapping import Date, Number, Text
from events_pandas.mapping.column_types import (
    CellCounts,
    ColumnType,
    Remark,
    count_cells,
    decide_type,
    decide_type_by_values,
    kept_rule,
    kept_word,
)

NOON = dt.datetime(2024, 1, 31, 12)  # noqa: DTZ001  # A cell without a zone.


def _decided(cells, *, key="x", dtype=object):
    return decide_type_by_values(pd.Series(cells, dtype=dtype), key, "x")


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        ([Decimal("2.50"), 0], Number),
        ([Decimal("2.50"), 1.5], Number),
        ([1, 1.5, np.float32(2), np.int8(3), Decimal(4)], Number),
        ([1, 2, 3, "oops"], Number),
        ([1, 2, 3, ["oops"]], Number),
        ([1, 2, "oops"], Text),
        ([1, "N/A", "-", None], Number),
        ([1, "", "x"], Number),
        (["1", "2", "3", 4], Text),
        ([True, 1, 2, 3], Number),
        ([True, False, 1], Text),
        ([dt.timedelta(1), 1], Text),
        ([NOON, NOON, NOON, "soon"], Date),
        ([NOON, np.datetime64("2024-01-31"), pd.Timestamp(NOON, tz="UTC"), NOON.date()], Date),
    ],
)
def test_most_of_the_cells_of_a_mixed_column_decide(cells, rule):
    """Three quarters of the cells decide; words for absent values, and the column's own name, do not count."""
    assert _decided(cells) == ColumnType(rule=rule("x"), remark=_decided(cells).remark)


@pytest.mark.parametrize("cells", [[1_700_000_000, NOON], [1_700_000_000, NOON, 1.7e9, NOON.date(), "soon"]])
def test_numbers_and_times_are_dates_under_a_dates_key(cells):
    """Intercom takes numbers and times under a date's key for dates."""
    assert _decided(cells, key="x_at") == ColumnType(rule=Date("x"))


def test_categories_that_no_row_has_decide_nothing():
    """Unused categories, which a filter leaves behind, do not count."""
    column = pd.Series(["n/a", "x", 5, 6], dtype=object).astype("category")

    assert decide_type_by_values(column[2:], "x", "x") == ColumnType(rule=Number("x"))


def test_categories_count_as_often_as_they_stand_in_rows():
    """Each category counts once for each row: two numbers in six rows outweigh two words in two."""
    column = pd.Series([5, 6, 5, 6, 5, 6, "a", "b"], dtype=object).astype("category")

    assert decide_type_by_values(column, "x", "x") == ColumnType(rule=Number("x"))


@pytest.mark.parametrize(
    "dtype", [object, "string", "str", pd.ArrowDtype(pa.string()), pd.ArrowDtype(pa.large_string())]
)
@pytest.mark.parametrize(
    ("cells", "key", "remark"),
    [
        (["1", "2", "3", "oops"], "x", "3 numbers among 4 values"),
        (["1.234,50 €", "99,90\xa0€", "EUR 7"], "x", "3 numbers among 3 values"),
        (["A4711", "7 Tage", "B 12"], "x", None),
        (["1", "oops"], "x", None),
        (["1", "2", "N/A"], "x", None),
        (["a", "b", "c"], "x", None),
        (["2024-01-31"], "x", None),
        (["2024-01-31", "1706702400"], "x_at", "2 dates among 2 values"),
    ],
)
def test_text_column_is_text_with_a_note_if_it_looks_otherwise(dtype, cells, key, remark):
    """A text column is sent as text, with a note if most cells, but not all, look like numbers or dates."""
    decision = _decided(cells, key=key, dtype=dtype)

    noted = None if remark is None else Remark(code="sent_as_text", value=remark)
    assert decision == ColumnType(rule=Text("x"), remark=noted)


def test_long_text_column_is_counted_whole_where_a_sample_looks_otherwise():
    """The counts in a note are of all cells, not of a sample."""
    decision = _decided(["1"] * 9_000 + ["no"] * 1_000, dtype="string")

    assert decision.remark == Remark(code="sent_as_text", value="9,000 numbers among 10,000 values")


@pytest.mark.parametrize("cells", [["N/A"], ["", "none"], ["x", None]])
def test_words_for_absent_values_decide_no_type_for_later_frames(cells):
    """A frame with only words for absent values decides no type for later frames."""
    assert _decided(cells) == ColumnType(rule=Text("x"), is_final=False)


def test_half_a_character_is_text():
    """A lone surrogate, which Arrow cannot hold, is text."""
    assert _decided(["\ud800", "1"]) == ColumnType(rule=Text("x"))


@pytest.mark.parametrize("cells", [[], [None, np.nan, pd.NaT]])
def test_column_without_a_value_stays_open(cells):
    """A column without a value has no type."""
    assert _decided(cells) is None


@pytest.mark.parametrize(
    ("rule", "word"),
    [(Text("x"), "text"), (Number("x"), "number"), (Date("x"), "date"), (Date("x", unit="s"), "date s")],
)
def test_kept_types_are_read_back(rule, word):
    """A journal keeps the type of a column as a word, which gives the same rule again."""
    assert kept_word(rule) == word
    assert kept_rule(word, "x") == rule


def test_kept_word_of_a_later_version_says_nothing():
    """An unknown word, which a later version may have written, gives no rule."""
    assert kept_rule("link", "x") is None


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        ([1, 2.5, Decimal("3.50"), "n/a", None], Number("x")),
        ([1, 2, 3, "905,00"], Number("x")),
        (["1", "2", None], Text("x")),
        ([True, False], Text("x")),
        ([NOON, dt.date(2024, 1, 31)], Date("x")),
        ([None, float("nan"), ""], None),
        ([dt.time(12), {}, []], Text("x")),
    ],
)
def test_cells_of_chunks_decide_together(cells, rule):
    """The sum of what the cells of chunks are decides like the cells of one column, wherever the chunks are cut."""
    key = "x_at" if isinstance(rule, Date) else "x"
    for cut in range(len(cells) + 1):
        chunks = [pd.Series(part, dtype=object) for part in (cells[:cut], cells[cut:])]
        counts = sum((count_cells(chunk, "x") for chunk in chunks), start=CellCounts())

        column_type = decide_type(counts, key, "x", is_text=False)

        assert (column_type and column_type.rule) == rule
