"""Evidence: what a column looks like in a sample of its rows."""

import datetime as dt
import decimal
import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from events_pandas.suggest.choices import LeftOut
from events_pandas.suggest.evidence import ColumnLook, evidence_of
from events_pandas.suggest.survey import sampled_rows, survey


@pytest.fixture
def evidence():
    """Return a function that looks at one column."""

    def evidence(values, label="x"):
        column = values if isinstance(values, pd.Series) else pd.Series(values, dtype=object)
        return evidence_of(label, column, np.arange(len(column)))

    return evidence


@pytest.mark.parametrize(
    ("values", "look"),
    [
        ([None, "", np.nan, pd.NA, pd.NaT], ColumnLook.EMPTY),
        (["ada@example.org", "ben@example.org"], ColumnLook.EMAIL),
        (["https://example.org/1", "HTTP://example.org"], ColumnLook.URL),
        (["https://ada@example.org"], ColumnLook.URL),
        (["+49 30 1234567", "(030) 123 45 67"], ColumnLook.PHONE),
        (["507f1f77bcf86cd799439011"], ColumnLook.INTERCOM_ID),
        (["EUR", "usd"], ColumnLook.CURRENCY),
        (["EUR", "XYZ"], ColumnLook.TEXT),
        (["EUR", "XAU"], ColumnLook.TEXT),  # Gold has a code, and no minor unit.
        ([1, 2], ColumnLook.WHOLE),
        ([1.0, 2.0, np.inf], ColumnLook.WHOLE),
        ([2**53, 1], ColumnLook.TEXT),
        ([2.0**53, 1.0], ColumnLook.WHOLE),
        (["1", "20"], ColumnLook.WHOLE),
        (["1234.0", "20"], ColumnLook.WHOLE),
        (["12.00", "20"], ColumnLook.NUMBER),
        (["True", "false"], ColumnLook.BOOLEAN),
        ([pd.Timestamp("2024-01-31", tz="UTC"), dt.date(2024, 1, 31), "2024-01-31"], ColumnLook.TIME),
        ([pd.Timestamp("2024-01-31"), "a", "b"], ColumnLook.OTHER),
        ([decimal.Decimal("1.5")], ColumnLook.NUMBER),
        (["1.5", "2"], ColumnLook.NUMBER),
        (["00042", "00043"], ColumnLook.TEXT),
        (["12", "n/a"], ColumnLook.TEXT),
        (["a", 1], ColumnLook.TEXT),
        (["\ud800", "x"], ColumnLook.TEXT),
        ([True, False], ColumnLook.BOOLEAN),
        ([dt.date(2024, 1, 31)], ColumnLook.TIME),
        (["2024-01-31"], ColumnLook.TIME),
        ([{"a": 1}, None], ColumnLook.NESTED),
        ([np.array([1]), np.array([2])], ColumnLook.NESTED),
        ([b"a"], ColumnLook.TEXT),
        ([1j], ColumnLook.OTHER),
        ([np.inf], ColumnLook.OTHER),
        ([10**400], ColumnLook.OTHER),
        ([uuid.UUID(int=1)], ColumnLook.TEXT),
        ([pd.Timedelta("1s")], ColumnLook.OTHER),
        ([decimal.Decimal("sNaN")], ColumnLook.OTHER),
    ],
)
def test_evidence_tells_what_values_look_like(evidence, values, look):
    """Most of the present values decide; numbers must be numbers without exceptions."""
    assert evidence(values).look is look


@pytest.mark.parametrize(
    ("column", "look"),
    [
        (pd.Series(["a@example.org", None], dtype="category"), ColumnLook.EMAIL),
        (pd.Series([1, None], dtype="category"), ColumnLook.WHOLE),
        (pd.Series([1, None], dtype="Int64"), ColumnLook.WHOLE),
        (pd.Series([True, None], dtype="boolean"), ColumnLook.BOOLEAN),
        (pd.Series(["EUR", None], dtype="string"), ColumnLook.CURRENCY),
        (pd.Series([0, 1], dtype="Sparse[int64]"), ColumnLook.WHOLE),
        (pd.Series([1, None], dtype=pd.ArrowDtype(pa.decimal128(5, 2))), ColumnLook.WHOLE),
        (pd.Series([[1], None], dtype=pd.ArrowDtype(pa.list_(pa.int64()))), ColumnLook.NESTED),
        (pd.Series([dt.datetime(9999, 1, 1)], dtype=pd.ArrowDtype(pa.timestamp("s"))), ColumnLook.TIME),  # noqa: DTZ001  # Naive.
        (pd.Series(pd.date_range("2024", periods=2, tz="Europe/Berlin")), ColumnLook.TIME),
        (pd.Series(pd.period_range("2024", periods=2, freq="D")), ColumnLook.OTHER),
    ],
)
def test_evidence_takes_every_dtype(evidence, column, look):
    """The values decide, for any dtype."""
    assert evidence(column).look is look


@pytest.mark.parametrize(
    ("label", "value", "look"),
    [
        ("customer_id", 19_970_131, ColumnLook.WHOLE),
        ("user_id", "2024-01-31", ColumnLook.TEXT),
        ("day", 19_970_131, ColumnLook.TIME),
        ("invoice_no", 20_240_131, ColumnLook.WHOLE),
        ("date_key", 20_240_131, ColumnLook.TIME),
    ],
)
def test_evidence_lets_the_name_of_a_code_decide(evidence, label, value, look):
    """A number under the name of a contact or an invoice is not a day; a key of dates is one."""
    assert evidence([value], label).look is look


def test_evidence_counts_values(evidence):
    """Missing and different values, and the longest text are counted."""
    numbers = evidence([0, 1, 1, -2, None])
    text = evidence(["a b", "c", "c", ""])

    assert (numbers.n_present, numbers.n_missing, numbers.n_distinct) == (4, 1, 3)
    assert (text.n_present, text.n_missing, text.n_distinct, text.longest, text.has_spaces) == (3, 1, 2, 3, True)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5, 6, 7], True),
        ([5, 7, 6], False),
        ([5, 6, None], True),
        ([5], False),
        (["5", "6", "7"], True),
        (["5", "7", "6"], False),
        ([1.0, np.inf], False),
    ],
)
def test_evidence_finds_a_column_that_numbers_the_rows(evidence, values, expected):
    """A column numbers the rows if it counts up by one from row to row."""
    assert evidence(values).numbers_rows is expected


def test_evidence_tells_nanoseconds_apart(evidence):
    """Different nanoseconds that are equal as floats count as different."""
    assert evidence([1_700_000_000_000_000_000, 1_700_000_000_000_000_001]).n_distinct == 2


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2], (False, False)),
        ([1.0, 2.0], (False, True)),
        ([1.5, 2.0], (False, False)),
        (["1", "2"], (True, False)),
        (["1.0", "2"], (True, True)),
        (["a", "2"], (False, False)),
    ],
)
def test_evidence_tells_how_numbers_came(evidence, values, expected):
    """Whole numbers may come as text, as floats, or as texts of floats."""
    seen = evidence(values)

    assert (seen.is_written, seen.came_as_floats) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [(["EUR", "jpy"], True), (["JPY", "jpy", None], False), (["a", "b"], False), ([1, 2], False)],
)
def test_evidence_tells_currencies_with_minor_units(evidence, values, expected):
    """Euros have cents, yen have nothing smaller."""
    assert evidence(values).has_minor_units is expected


def test_evidence_counts_what_does_not_look_alike(evidence):
    """The share of unlike values is one of rows, not of different values."""
    addresses = [f"https://example.org/{number}" for number in range(2)]

    seen = evidence([*addresses, "none", "none"])

    assert seen.n_unlike == 2
    assert seen.kind == "web addresses; 50 % of those looked at are not"


@pytest.mark.parametrize("n_rows", [0, 1, 10_000])
def test_sampled_rows_are_all_of_a_small_frame(n_rows):
    """All rows are looked at if there are at most 10,000."""
    assert sampled_rows(n_rows).tolist() == list(range(n_rows))


def test_sampled_rows_are_the_first_and_some_of_the_rest():
    """10,000 different rows of a large frame are looked at, the last one among them."""
    rows = sampled_rows(10_000_000)

    assert len(rows) == 10_000
    assert rows[:5_000].tolist() == list(range(5_000))
    assert rows[-1] == 9_999_999
    assert (np.diff(rows) > 0).all()


def test_survey_has_columns_and_then_levels():
    """The levels of the index follow the columns."""
    index = pd.MultiIndex.from_tuples([("a@example.org", 1)], names=["email", "n"])

    seen = survey(pd.DataFrame({"x": [1]}, index=index))

    assert [column.label for column in seen.columns] == ["x", "email", "n"]


def test_survey_makes_plain_labels_of_numpys():
    """Labels of numpy's types become Python's, as Python code and TOML write them."""
    columns = pd.Index([np.int64(1), np.str_("a"), ("b", np.int64(2))], dtype=object, tupleize_cols=False)

    seen = survey(pd.DataFrame([[1, 2, 3]], columns=columns))

    assert [repr(column.label) for column in seen.columns] == ["1", "'a'", "('b', 2)"]


def test_survey_names_what_no_mapping_can_name():
    """Labels that TOML cannot hold or that several columns have, and an unnamed index of times, are unusable."""
    columns = pd.Index(["x", "x", 1.5, "\ud800", True, (1, None)], dtype=object, tupleize_cols=False)

    seen = survey(pd.DataFrame([[1] * 6], columns=columns, index=pd.DatetimeIndex(["2024-01-31"])))

    reason = "TOML cannot hold this label: rename it to a text"
    assert seen.columns == ()
    assert list(seen.unusable) == [
        LeftOut(label="x", words="2 columns or index levels have this name: rename all but one"),
        LeftOut(label=1.5, words=reason),
        LeftOut(label="\ud800", words=reason),
        LeftOut(label=True, words=reason),
        LeftOut(label=(1, None), words=reason),
        LeftOut(label=None, words='the index has no name: give it one with frame.rename_axis("...")'),
    ]
