"""What each dtype becomes as text, number, date, amount and identifier, or which error names it."""

import datetime as dt
import decimal
import fractions
import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from events_pandas.mapping import Constant, Date, Link, MonetaryAmount, Number, Text

NOON = 1_706_702_400  # 2024-01-31T12:00:00Z
MIDNIGHT = 1_706_659_200  # 2024-01-31T00:00:00Z
CET = dt.timezone(dt.timedelta(hours=1))
UUID = uuid.UUID("0abcdef0-0000-4000-8000-00000000000f")
UNSUPPORTED = ("!unsupported_type",) * 5
NESTED = ("!nested_value",) * 5
ABSENT = (None, None, None, None, "!identifier_missing")


def _arrow(values, arrow_type):
    return pd.Series(values, dtype=pd.ArrowDtype(arrow_type))


def _view(values, arrow_type):
    # pandas cannot make a column of views from a list.
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(values, arrow_type)])))


def _within_days(*milliseconds):
    days = pa.array(milliseconds, pa.int64()).cast(pa.date64())
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([days])))


def _objects(*values):
    return pd.Series(values, dtype=object)


def _number(text, number, cents):
    """Return what a whole number becomes under each rule; as a date it counts seconds."""
    return (text, number, int(number), cents, text)


def _time(text, seconds):
    return (text, "!number_unreadable", seconds, "!amount_unreadable", "!identifier_unreadable")


def _text(text):
    return (text, "!number_unreadable", "!time_unreadable", "!amount_unreadable", text)


FRACTION = ("19.99", 19.99, 19, 1999, "!identifier_unreadable")
DECIMAL = ("42.0", 42.0, 42, 4200, "42")
BOOLEAN = ("true", "!number_unreadable", "!time_unreadable", "!amount_unreadable", "!identifier_unreadable")
DIGITS = ("42", 42, "!time_unreadable", 4200, "42")
DAY = _time("2024-01-31", MIDNIGHT)
NAIVE = _time("2024-01-31T12:00:00", NOON)
AWARE = _time("2024-01-31T12:00:00Z", NOON)

CASES = {
    # Whole numbers.
    "int64": (pd.Series([42]), _number("42", 42, 4200)),
    "int8": (pd.Series([42], dtype="int8"), _number("42", 42, 4200)),
    "uint64": (pd.Series([42], dtype="uint64"), _number("42", 42, 4200)),
    "Int64": (pd.Series([42, None], dtype="Int64"), _number("42", 42, 4200)),
    "int32[pyarrow]": (_arrow([42, None], pa.int32()), _number("42", 42, 4200)),
    "Sparse[int]": (pd.Series(pd.arrays.SparseArray([42])), _number("42", 42, 4200)),
    "object of int": (_objects(42, None), _number("42", 42, 4200)),
    "int64 beyond 2^53": (
        pd.Series([2**53]),
        ("9007199254740992", "!number_inexact", "!time_in_microseconds", "!amount_too_large", "9007199254740992"),
    ),
    "uint64 beyond int64": (
        pd.Series([2**64 - 1], dtype="uint64"),
        (
            "18446744073709551615",
            "!number_inexact",
            "!time_in_nanoseconds",
            "!amount_too_large",
            "18446744073709551615",
        ),
    ),
    "object of ints beyond int64": (
        _objects(2**70),
        (
            "1180591620717411303424",
            "!number_inexact",
            "!time_unreadable",
            "!amount_too_large",
            "1180591620717411303424",
        ),
    ),
    # Floats.
    "float64, whole": (pd.Series([42.0, np.nan]), _number("42", 42, 4200)),
    "float64": (pd.Series([19.99, np.nan]), FRACTION),
    "float32": (pd.Series([19.99, np.nan], dtype="float32"), FRACTION),
    "Float32": (pd.Series([19.99, None], dtype="Float32"), FRACTION),
    "Float64": (pd.Series([19.99, None], dtype="Float64"), FRACTION),
    "Float64 of NaN": (
        pd.Series(pd.arrays.FloatingArray(np.array([19.99, np.nan]), mask=np.array([False, False]))),
        FRACTION,
    ),
    "double[pyarrow]": (_arrow([19.99, None], pa.float64()), FRACTION),
    "Sparse[float]": (pd.Series(pd.arrays.SparseArray([19.99, np.nan])), FRACTION),
    "object of float": (_objects(19.99, None, np.nan), FRACTION),
    "float16": (pd.Series([0.5], dtype="float16"), ("0.5", 0.5, 0, 50, "!identifier_unreadable")),
    "infinite": (
        pd.Series([np.inf]),
        ("inf", "!number_not_finite", "!time_unreadable", "!number_not_finite", "!identifier_inexact"),
    ),
    # Decimals.
    "object of Decimal": (_objects(decimal.Decimal("42.0"), None, decimal.Decimal("NaN")), DECIMAL),
    "decimal128[pyarrow]": (_arrow([decimal.Decimal("42.0"), None], pa.decimal128(10, 1)), DECIMAL),
    "decimal128[pyarrow] of many places": (
        _arrow([decimal.Decimal("0.00000001"), None], pa.decimal128(20, 8)),
        ("0.00000001", 1e-08, 0, "!amount_decimals", "!identifier_unreadable"),
    ),
    "Decimal with an exponent": (
        _objects(decimal.Decimal("1E+3")),
        ("1000", 1000, 1000, 100_000, "1000"),
    ),
    "infinite Decimal": (
        _objects(decimal.Decimal("Infinity")),
        ("inf", "!number_not_finite", "!time_unreadable", "!number_not_finite", "!identifier_inexact"),
    ),
    # Booleans.
    "bool": (pd.Series([True]), BOOLEAN),
    "boolean": (pd.Series([True, None], dtype="boolean"), BOOLEAN),
    "bool[pyarrow]": (_arrow([True, None], pa.bool_()), BOOLEAN),
    "object of bool": (_objects(True, None), BOOLEAN),
    # Text.
    "str": (pd.Series(["42", None, ""]), DIGITS),
    "string": (pd.Series(["42", pd.NA, ""], dtype="string"), DIGITS),
    "object of str": (_objects("42", None, np.nan, pd.NA, ""), DIGITS),
    "string[pyarrow]": (_arrow(["42", None, ""], pa.string()), DIGITS),
    "large_string[pyarrow]": (_arrow(["42", None, ""], pa.large_string()), DIGITS),
    "string_view[pyarrow]": (_view(["42", None, ""], pa.string_view()), DIGITS),
    "binary_view[pyarrow]": (_view([b"42", None, b""], pa.binary_view()), DIGITS),
    "category of str": (pd.Series(["42", None, ""], dtype="category"), DIGITS),
    "dictionary[pyarrow]": (_arrow(["42", None, ""], pa.dictionary(pa.int8(), pa.string())), DIGITS),
    "category of int": (pd.Series([42, None], dtype="category"), _number("42", 42, 4200)),
    "text": (pd.Series(["grüße"]), _text("grüße")),
    "lone surrogate": (_objects("a\ud800"), ("!lone_surrogate",) * 5),
    # Bytes and UUIDs.
    "object of bytes": (_objects(b"42", None, b""), DIGITS),
    "object of bytearray": (_objects(bytearray(b"42"), None), DIGITS),
    "binary[pyarrow]": (_arrow([b"42", None, b""], pa.binary()), DIGITS),
    "large_binary[pyarrow]": (_arrow([b"42", None], pa.large_binary()), DIGITS),
    "fixed_size_binary[2][pyarrow]": (_arrow([b"42", None], pa.binary(2)), DIGITS),
    "category of bytes": (_objects(b"42", None).astype("category"), DIGITS),
    "dictionary of binary[pyarrow]": (_arrow([b"42", None], pa.dictionary(pa.int8(), pa.binary())), DIGITS),
    "bytes that are not UTF-8": (_objects(b"\xff", None), ("!bytes_unreadable",) * 5),
    "binary[pyarrow] that is not UTF-8": (_arrow([b"\xff", None], pa.binary()), ("!bytes_unreadable",) * 5),
    "object of UUID": (_objects(UUID, None), _text(str(UUID))),
    "category of UUID": (_objects(UUID, None).astype("category"), _text(str(UUID))),
    "fixed_size_binary[16][pyarrow]": (_arrow([UUID.bytes, None], pa.binary(16)), _text(str(UUID))),
    # Times.
    "datetime64[s]": (pd.Series(["2024-01-31T12:00", None], dtype="datetime64[s]"), NAIVE),
    "datetime64[ms]": (pd.Series(["2024-01-31T12:00", None], dtype="datetime64[ms]"), NAIVE),
    "datetime64[us]": (pd.Series(["2024-01-31T12:00", None], dtype="datetime64[us]"), NAIVE),
    "datetime64[ns]": (pd.Series(["2024-01-31T12:00", None], dtype="datetime64[ns]"), NAIVE),
    "datetime64[ns] with a fraction": (
        pd.Series(["2024-01-31T12:00:00.250", None], dtype="datetime64[ns]"),
        _time("2024-01-31T12:00:00.25", NOON),
    ),
    "datetime64[ns, Europe/Berlin]": (
        pd.Series(["2024-01-31T13:00+01:00", None], dtype="datetime64[ns, Europe/Berlin]"),
        AWARE,
    ),
    "timestamp[us][pyarrow]": (_arrow([pd.Timestamp("2024-01-31T12:00"), None], pa.timestamp("us")), NAIVE),
    "timestamp[ns, tz][pyarrow]": (
        _arrow([pd.Timestamp("2024-01-31T12:00Z"), None], pa.timestamp("ns", "Europe/Berlin")),
        AWARE,
    ),
    "category of datetime64": (
        pd.Series(["2024-01-31T12:00", None], dtype="datetime64[ns]").astype("category"),
        NAIVE,
    ),
    "object of Timestamp": (_objects(pd.Timestamp("2024-01-31T12:00"), pd.NaT, None), NAIVE),
    "object of aware Timestamps": (_objects(pd.Timestamp("2024-01-31T13:00+01:00"), pd.NaT), AWARE),
    "object of datetime": (_objects(dt.datetime(2024, 1, 31, 12), None), NAIVE),  # noqa: DTZ001  # The case is naive.
    "object of aware datetimes": (_objects(dt.datetime(2024, 1, 31, 13, tzinfo=CET), None), AWARE),
    "object of numpy datetimes": (_objects(np.datetime64("2024-01-31T12:00"), np.datetime64("NaT", "s")), NAIVE),
    "object of date": (_objects(dt.date(2024, 1, 31), None), DAY),
    "date32[pyarrow]": (_arrow([dt.date(2024, 1, 31), None], pa.date32()), DAY),
    "date64[pyarrow]": (_arrow([dt.date(2024, 1, 31), None], pa.date64()), DAY),
    # Arrow asks for whole days, but checks none.
    "date64[pyarrow] within a day": (_within_days(NOON * 1000 + 1, None), DAY),
    "date64[pyarrow] before 1970": (
        _within_days(-1),
        ("1969-12-31", "!number_unreadable", -86_400, "!amount_unreadable", "!identifier_unreadable"),
    ),
    "ISO text": (
        pd.Series(["2024-01-31T12:00:00"]),
        ("2024-01-31T12:00:00", "!number_unreadable", NOON, "!amount_unreadable", "2024-01-31T12:00:00"),
    ),
    # Nothing.
    "object of None": (_objects(None, None), ABSENT),
    "float of NaN": (pd.Series([np.nan]), ABSENT),
    "null[pyarrow]": (_arrow([None], pa.null()), ABSENT),
    # What no event can hold.
    "timedelta64": (pd.Series(pd.to_timedelta([1, None], unit="s")), UNSUPPORTED),
    "object of timedelta": (_objects(dt.timedelta(1), None), UNSUPPORTED),
    "object of numpy timedeltas": (_objects(np.timedelta64(5, "D"), None), UNSUPPORTED),
    "period": (pd.Series(pd.period_range("2024-01", periods=1, freq="M")), UNSUPPORTED),
    "interval": (pd.Series(pd.interval_range(0, 1)), UNSUPPORTED),
    "object of time": (_objects(dt.time(12), None), UNSUPPORTED),
    "time64[pyarrow]": (_arrow([dt.time(12), None], pa.time64("us")), UNSUPPORTED),
    "complex128": (pd.Series([1j]), UNSUPPORTED),
    "object of Fraction": (_objects(fractions.Fraction(1, 3), None), UNSUPPORTED),
    "object of list": (_objects(["a"], None), NESTED),
    "object of tuple": (_objects(("a",), None), NESTED),
    "object of dict": (_objects({"a": 1}, None), NESTED),
    "object of ndarray": (_objects(np.array([1]), None), NESTED),
    "list[pyarrow]": (_arrow([["a"], None], pa.list_(pa.string())), NESTED),
    "struct[pyarrow]": (_arrow([{"a": 1}, None], pa.struct([("a", pa.int64())])), NESTED),
}
RULES = (Text("x"), Number("x"), Date("x"), MonetaryAmount("x", currency=Constant("usd")))


@pytest.mark.parametrize(("column", "expected"), CASES.values(), ids=CASES)
def test_cell_becomes_what_its_dtype_and_rule_say(becomes, identifies, column, expected):
    """A cell is sent as its dtype and rule say, or its row is invalid; nothing is guessed and no null is sent."""
    *metadata, user_id = expected
    metadata[3] = {"amount": metadata[3], "currency": "usd"} if isinstance(metadata[3], int) else metadata[3]

    assert [becomes(rule, column)[0] for rule in RULES] == metadata
    assert identifies(column)[0] == user_id


@pytest.mark.parametrize(("column", "_"), CASES.values(), ids=CASES)
def test_absent_cell_is_left_out(becomes, column, _):
    """NaN, NaT, None, `pd.NA` and the empty string are absent: nothing is sent and nothing is wrong."""
    assert becomes(Text("x"), column)[1:] == [None] * (len(column) - 1)


@pytest.mark.parametrize("column", [column for column, _ in CASES.values() if not isinstance(column.iloc[0], str)])
def test_link_is_text(becomes, column):
    """Only text can be an address."""
    assert becomes(Link("x"), column)[0] in {
        *("!link_malformed", "!bytes_unreadable", "!nested_value", "!unsupported_type"),
        None,
    }


def test_cells_of_mixed_types_are_read_one_by_one(becomes):
    """In a column of mixed objects, each cell is read by its own type, in the order of rows."""
    column = _objects("a", 1, None, 2.5, True, decimal.Decimal("1.50"), dt.date(2024, 1, 31), ["x"], b"b", "\ud800", "")

    assert becomes(Text("x"), column) == [
        "a",
        "1",
        None,
        "2.5",
        "true",
        "1.50",
        "2024-01-31",
        "!nested_value",
        "b",
        "!lone_surrogate",
        None,
    ]


@pytest.mark.parametrize("dtype", ["UInt64", "uint64", pd.ArrowDtype(pa.uint64()), "category"])
def test_integers_beyond_int64_leave_the_others_alone(becomes, identifies, dtype):
    """A huge value in an unsigned column does not change the other rows."""
    column = pd.Series(pd.Series([MIDNIGHT, 2**64 - 1, 42], dtype="uint64"), dtype=dtype)

    assert becomes(Date("x"), column) == [MIDNIGHT, "!time_in_nanoseconds", 42]
    assert identifies(column) == [str(MIDNIGHT), "18446744073709551615", "42"]


@pytest.mark.parametrize(
    ("values", "arrow_type", "sent"),
    [([None, "a"], pa.string_view(), [None, "a"]), ([b"a"], pa.binary_view(), ["a"])],
)
def test_column_of_views_needs_no_rule(becomes, values, arrow_type, sent):
    """A bare column of views gets the rule of the viewed type."""
    assert becomes("x", _view(values, arrow_type)) == sent


def test_cells_of_numpys_own_types_are_read_one_by_one(becomes):
    """In a column of mixed objects, numpy scalars are read as in a column of their own."""
    column = _objects(np.int16(42), np.float32(19.99), np.True_, np.uint64(2**63), np.float64("nan"), np.str_("x"))

    assert becomes(Text("x"), column) == ["42", "19.99", "true", "9223372036854775808", None, "x"]


def test_cells_of_one_bad_type_do_not_spoil_the_others(becomes):
    """A lone surrogate makes only its own row invalid, although Arrow refuses the whole column."""
    assert becomes(Text("x"), _objects("a", "\ud800", "b")) == ["a", "!lone_surrogate", "b"]


def test_times_with_and_without_a_zone_may_stand_in_one_column(becomes):
    """A naive time stays naive beside an aware one, and a date stays a date beside a time."""
    column = _objects(
        pd.Timestamp("2024-01-31T12:00Z"), pd.Timestamp("2024-01-31T12:00"), dt.date(2024, 1, 31), "2024-01-31T12:00"
    )

    assert becomes(Date("x"), column, timezone="Europe/Berlin") == [NOON, NOON - 3600, MIDNIGHT - 3600, NOON - 3600]


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        (dt.datetime(1, 1, 1, tzinfo=CET), -62_135_600_400),
        (dt.datetime(9999, 12, 31, 23, tzinfo=dt.timezone(dt.timedelta(hours=-5))), 253_402_315_200),
    ],
)
def test_aware_times_may_lie_at_the_ends_of_the_calendar(becomes, time, seconds):
    """A time at the end of the calendar, such as the last day of 9999, is read."""
    assert becomes(Date("x"), _objects(time, None)) == [seconds, None]


@pytest.mark.parametrize("rule", [Text("x"), Number("x"), MonetaryAmount("x", currency=Constant("usd"))])
def test_float_of_fewer_bits_is_read_alike_beside_any_cell(becomes, rule):
    """19.99 in float32 is 19.99 alone, beside float64 and beside text."""
    alone, *_ = becomes(rule, pd.Series([19.99], dtype="float32"))
    columns = ([np.float32(19.99), 1.5], [np.float32(19.99), "a"], [np.float32(19.99), None])

    assert [becomes(rule, _objects(*column))[0] for column in columns] == [alone] * 3


@pytest.mark.parametrize("other", [1.0, "a", None])
def test_float_of_fewer_bits_loses_digits_earlier(identifies, other):
    """From 2^24 on, float32 is inexact for whole numbers, with any other cells in the column."""
    assert identifies(_objects(np.float32(2**24), np.float32(2**24 - 1), other))[:2] == [
        "!identifier_inexact",
        "16777215",
    ]


def test_float_of_16_bits_has_few_digits(becomes):
    """A float16 is sent with its shortest digits: 0.1."""
    assert becomes(Number("x"), pd.Series([0.1, 2.5], dtype="float16")) == [0.1, 2.5]
    assert becomes(MonetaryAmount("x", currency=Constant("usd")), _objects(np.float16(0.1), "2"))[0] == {
        "amount": 10,
        "currency": "usd",
    }


@pytest.mark.parametrize("cell", [True, 3])
def test_missing_float_of_fewer_bits_changes_nothing_beside_it(becomes, cell):
    """A NaN in float32 is absent, and does not turn booleans into numbers or integers into floats."""
    assert becomes(Text("x"), _objects(cell, np.float32("nan"))) == [str(cell).lower(), None]


MIXED = {
    "a date before a time": [dt.date(2024, 1, 31), pd.Timestamp("2024-01-31T12:00")],
    "an aware time before a naive one": [pd.Timestamp("2024-01-31T12:00Z"), pd.Timestamp("2024-01-31T12:00")],
    "aware times of two zones": [pd.Timestamp("2024-01-31T12:00Z"), pd.Timestamp("2024-01-31T12:00-05:00")],
    "units of numpy": [
        np.datetime64("2024", "Y"),
        np.datetime64("2024-01-31T12", "h"),
        np.datetime64("1969-01-01", "D"),
    ],
    "decimals of two scales": [decimal.Decimal("1.5"), decimal.Decimal("2.25")],
    "an integer and floats": [3, 2.5, 2**53 + 1],
    "a boolean and a number": [True, 2],
    "a short float and a long one": [np.float32(19.99), 1.5],
    "bytes and text": [b"a", "b", UUID],
    "what nothing can be made of": ["a", b"\xff", dt.timedelta(1), ("a",)],
}


@pytest.mark.parametrize("cells", MIXED.values(), ids=MIXED)
@pytest.mark.parametrize("rule", [Text("x"), Number("x"), Date("x")], ids=["Text", "Number", "Date"])
def test_categories_of_mixed_types_are_read_one_by_one(becomes, rule, cells):
    """Categories of mixed types are each read by their own type, in any order."""
    column = _objects(*cells, None, cells[0])
    last = len(cells) - 1
    codes = [*range(last, -1, -1), -1, last]
    category = pd.Categorical.from_codes(codes, pd.Index(cells[::-1], dtype=object))

    expected = becomes(rule, column, timezone="America/New_York")

    assert becomes(rule, category, timezone="America/New_York") == expected


def test_categories_of_another_dtype_are_read_as_that(becomes):
    """Categories keep their dtype: zones, large numbers and categories within categories."""
    times = pd.Series(pd.to_datetime(["2024-01-31T13:00+01:00", None, "1969-12-31T23:59Z"], utc=True))
    numbers = pd.Series([2**63, None, 3], dtype="UInt64")

    assert becomes(Date("x"), times.dt.tz_convert("Europe/Berlin").astype("category")) == [NOON, None, -60]
    assert becomes(Text("x"), numbers.astype("category")) == ["9223372036854775808", None, "3"]


def test_column_with_more_categories_than_rows_reads_those_it_has(becomes):
    """A chunk reads only the categories that it uses."""
    column = pd.Categorical.from_codes([2, -1, 2], categories=[f"c{number}" for number in range(100)])

    assert becomes(Text("x"), column) == ["c2", None, "c2"]
    assert becomes(Text("x"), column[[0]]) == ["c2"]


def test_dictionaries_of_chunks_may_differ(becomes):
    """Each chunk of an Arrow column may have its own dictionary, even a dictionary of dictionaries."""
    chunks = [pa.array(cells, pa.string()).dictionary_encode() for cells in (["a", "b"], ["b", None], ["c"])]
    nested = pa.DictionaryArray.from_arrays(pa.array([1, None, 0], pa.int8()), chunks[0])

    assert becomes(Text("x"), pd.arrays.ArrowExtensionArray(pa.chunked_array(chunks))) == ["a", "b", "b", None, "c"]
    assert becomes(Text("x"), pd.arrays.ArrowExtensionArray(pa.chunked_array([nested]))) == ["b", None, "a"]


def test_runs_are_read_as_the_values_that_they_repeat(becomes):
    """A run-end encoded column is read like a plain one."""
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["a", "b"]))

    assert becomes("x", pd.arrays.ArrowExtensionArray(pa.chunked_array([runs]))) == ["a", "a", "b"]


@pytest.mark.parametrize(
    ("column", "code", "reported"),
    [
        (_objects("a", b"b", b"c"), "text_in_bytes", "'b' in column 'x' came as bytes and is read as text in UTF-8"),
        (_arrow([None, b"b"], pa.binary()), "text_in_bytes", "'b' in column 'x' came as bytes and is read as text"),
        (_arrow([None, UUID.bytes], pa.binary(16)), "uuid_in_bytes", f"'{UUID}' in column 'x' came as 16 bytes"),
    ],
)
def test_what_is_read_from_bytes_is_noted_once(convert, column, code, reported):
    """Text that is read from bytes gets one note, at the first cell."""
    (finding,) = convert(pd.DataFrame({"x": column}), metadata={"value": "x"}).findings

    assert (finding.code, finding.severity, finding.rows.tolist()) == (code, "note", [1])
    assert finding.messages()[0].as_py().startswith(f"metadata.value: {reported}")


def test_bytes_that_are_not_utf8_are_refused_with_a_hint(convert):
    """Bytes that are not UTF-8 are an error whose message names UUIDs, which are often meant."""
    (finding,) = convert(pd.DataFrame({"x": [uuid.UUID(int=2**128 - 1).bytes]}), user_id="x").findings

    assert finding.messages().to_pylist() == [
        (
            "user_id: column 'x' holds bytes that are not text in UTF-8: "
            "write the column as text in UTF-8, and a UUID as 123e4567-e89b-12d3-a456-426614174000"
        )
    ]


@pytest.mark.skipif(not hasattr(pa, "uuid"), reason="these extension types came with pyarrow 18")
def test_extension_types_of_arrow_are_read_as_what_they_hold(becomes):
    """Arrow's UUID and JSON types are read as text, bool8 as booleans; opaque types are an error."""
    storage = pa.array([UUID.bytes, None], pa.binary(16))
    cases = {
        str(UUID): pa.ExtensionArray.from_storage(pa.uuid(), storage),
        "{}": pa.array(["{}", None], pa.json_()),
        "true": pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, None], pa.int8())),
        "!unsupported_type": pa.ExtensionArray.from_storage(pa.opaque(storage.type, "a", "b"), storage),
    }

    for expected, array in cases.items():
        assert becomes("x", pd.arrays.ArrowExtensionArray(pa.chunked_array([array]))) == [expected, None]


SHORT_FLOATS = [98765432.0, 0.1, 16777216.0, 3e20, -33554436.0, np.nan]
SENT = [98765432, 0.1, 16777216, 3e20, -33554436, None]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(SHORT_FLOATS, dtype="float32"),
        pd.Series(SHORT_FLOATS, dtype="float32").astype("category"),
        pd.Series(SHORT_FLOATS, dtype="float32").astype(pd.SparseDtype("float32")),
        pd.Series(SHORT_FLOATS, dtype="Float32"),
        pd.Series(SHORT_FLOATS, dtype="float32").astype(pd.ArrowDtype(pa.float32())),
        pd.Series([np.float32(number) for number in SHORT_FLOATS], dtype=object),
    ],
    ids=["float32", "category", "sparse", "Float32", "Arrow", "object"],
)
def test_short_floats_are_sent_as_they_stand(becomes, column):
    """Short floats are sent exactly if whole, and otherwise with their shortest digits, in every column."""
    assert becomes(Number("x"), column) == SENT
    texts = ["98765432", "0.1", "16777216", "3e+20", "-33554436", None]
    assert becomes(Text("x"), column) == texts
    price = MonetaryAmount("x", currency=Constant("jpy"))
    assert becomes(price, column)[0] == {"amount": 98765432, "currency": "jpy"}


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([65504, 0.1, 2050], dtype="float16"),
        pd.Series([np.float16(65504), np.float16(0.1), np.float16(2050)], dtype=object),
        pd.Series([65504, 0.1, 2050], dtype="float16").astype(pd.ArrowDtype(pa.float16())),
    ],
    ids=["float16", "object", "Arrow"],
)
def test_half_floats_are_sent_as_they_stand(becomes, column):
    """The largest float16 is sent as 65504, not as the 65500 of its shortest digits."""
    assert becomes(Number("x"), column) == [65504, 0.1, 2050]
    assert becomes(Text("x"), column) == ["65504", "0.1", "2050"]
