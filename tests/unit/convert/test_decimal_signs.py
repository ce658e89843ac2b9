"""Numbers with a decimal comma or separated thousands: read exactly, or refused with what to do."""

import decimal

import pandas as pd
import pyarrow as pa
import pytest

from events_pandas import check_events
from events_pandas.convert.decimal_signs import number_cures
from events_pandas.mapping import Constant, EventMapping, MonetaryAmount, Number, SourceFormat, Text

COMMA = "set decimal to ',' in the mapping's source, or write the number with the decimal sign of its column"
POINT = COMMA.replace("','", "'.'")

WRITTEN = [
    (",", "905,00", "905.00"),
    (",", "1.234,56", "1234.56"),
    (",", "1 234,56", "1234.56"),
    (",", "1'234,56", "1234.56"),
    (",", "1\u2019234,56", "1234.56"),
    (",", "1\u00a0234\u00a0567,5", "1234567.5"),
    (",", "1\u202f234,56", "1234.56"),
    (",", "1.234", "1234"),
    (",", "1234567", "1234567"),
    (",", "1234,5", "1234.5"),
    (",", "-0,5", "-0.5"),
    (",", "1,234", "1.234"),
    (",", "1,5E+3", "1.5E+3"),
    (".", "1,234.56", "1234.56"),
    (".", "1 234.56", "1234.56"),
    (".", "1,234", "1234"),
    (".", "1.234", "1.234"),
    (".", "905.00", "905.00"),
]
REFUSED = [
    (",", "905.00"),
    (",", "1,234.56"),
    (",", "1.23,5"),
    (",", "12.34.567"),
    (",", "1234.567,5"),
    (",", "0.123,5"),
    (",", "1.234'567,5"),
    (",", ",5"),
    (",", "1,"),
    (",", "905,00 \u20ac"),
    (".", "905,00"),
    (".", "1.234,56"),
    (".", "12,34"),
]


@pytest.mark.parametrize(("sign", "text", "number"), WRITTEN)
def test_number_is_read_digit_by_digit(convert, sign, text, number):
    """A number keeps its digits; thousands come in groups of three, with one kind of separator."""
    batch = convert(pd.DataFrame({"x": [text]}), metadata={"value": Number("x", decimal=sign)})

    assert f'"value":{number}}}'.encode() in batch.payloads(batch.valid)[0].as_py()


@pytest.mark.parametrize(
    ("sign", "text", "cents"),
    [
        (",", "905,00", 90_500),
        (",", "+1.234,56", 123_456),
        (",", "90.071.992.547.409,91", 2**53 - 1),
        (",", "0,1", 10),
        (".", "1,234.5", 123_450),
        (".", "19.99", 1_999),
    ],
)
def test_amount_is_exact(becomes, sign, text, cents):
    """An amount never becomes a float on its way."""
    amount = MonetaryAmount("x", currency=Constant("eur"), decimal=sign)

    assert becomes(amount, [text, ""]) == [{"amount": cents, "currency": "eur"}, None]


@pytest.mark.parametrize(("sign", "text"), REFUSED)
def test_number_with_another_sign_is_refused(becomes, sign, text):
    """With a decimal sign, a text that is a number only with the other one is a problem of its row."""
    amount = MonetaryAmount("x", currency=Constant("eur"), decimal=sign)
    good = "1,5" if sign == "," else "1.5"

    assert becomes(Number("x", decimal=sign), [text, good]) == ["!number_unreadable", 1.5]
    assert becomes(amount, [text, good]) == ["!amount_unreadable", {"amount": 150, "currency": "eur"}]


def test_sign_of_the_source_holds_for_numbers_and_amounts_alone(payloads, convert):
    """The mapping's decimal sign is that of rules without their own; text and identifiers stay as they are written."""
    frame = pd.DataFrame({"x": ["905,00"], "y": ["9.5"]})
    metadata = {
        "n": Number("x"),
        "price": MonetaryAmount("x", currency=Constant("eur")),
        "own": Number("y", decimal="."),
        "text": Text("x"),
        "bare": "x",
        "fixed": Number(Constant("1.5")),
    }

    batch = convert(frame, user_id="x", metadata=metadata, source=SourceFormat(decimal=","))

    (payload,) = payloads(batch)
    assert payload["user_id"] == "905,00"
    assert payload["metadata"] == {
        "n": 905.0,
        "price": {"amount": 90_500, "currency": "eur"},
        "own": 9.5,
        "text": "905,00",
        "bare": "905,00",
        "fixed": 1.5,
    }


def test_sign_is_that_of_text_alone(becomes):
    """Numbers beside text in a column of objects have no decimal sign of their own."""
    column = [decimal.Decimal("1.234"), 1.5, 2, "1.234", "1,5"]

    assert becomes(Number("x", decimal=","), column) == [1.234, 1.5, 2, 1234, 1.5]


def test_bare_column_of_numbers_has_the_sign_of_the_source(payloads, convert):
    """In a column of objects most of which are numbers, texts are read with the mapping's decimal sign."""
    batch = convert(pd.DataFrame({"x": [1, 2, 3, "1,5"]}), metadata={"n": "x"}, source=SourceFormat(decimal=","))

    assert [payload["metadata"]["n"] for payload in payloads(batch)] == [1, 2, 3, 1.5]


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("905,00", COMMA),
        ("1.234,56", COMMA),
        ("905.00", POINT),
        ("1,234.56", POINT),
        ("1,234", "set decimal to ',' in the mapping's source if it is 1.234, or to '.' if it is 1234"),
        ("1.234", "set decimal to ',' in the mapping's source if it is 1234, or to '.' if it is 1.234"),
        ("1.234.567", COMMA),
        ("007,50", None),
        ("\u22125.00", "write its minus sign as '-'"),
        ("1 234", "set decimal in the mapping's source, with which thousands may be separated"),
        (
            "905,00 \u20ac",
            "remove '\u20ac' from its column, as by search and replace: a number stands alone in its cell",
        ),
        (
            "\u20ac905.00",
            "remove '\u20ac' from its column, as by search and replace: a number stands alone in its cell",
        ),
        ("US$5", "remove 'US$' from its column, as by search and replace: a number stands alone in its cell"),
        ("EUR 5", "remove 'EUR' from its column, as by search and replace: a number stands alone in its cell"),
        ("5 kg", None),
        ("\u20ac5\u20ac", None),
        ("007", None),
        ("five", None),
        ("", None),
        (None, None),
    ],
)
def test_cure_names_the_sign_or_the_currency(text, cure):
    """A text that is a number with a decimal sign, or beside a currency, says how to read it; others say nothing."""
    assert number_cures(pa.array([text], pa.large_string())).to_pylist() == [cure]


def test_check_says_how_to_read_a_decimal_comma():
    """Without a decimal sign a comma is an error that names the way out."""
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"n": Number("x")}, timezone="UTC")

    report = check_events(pd.DataFrame({"day": ["2024-01-31"], "who": ["1"], "x": ["905,00"]}), mapping)

    assert report.problems["message"].tolist() == [f"metadata.n: '905,00' in column 'x' is not a plain number: {COMMA}"]


@pytest.mark.parametrize(
    ("sign", "number", "amount"),
    [
        (
            None,
            "write it as 3.67, without units or thousands separators",
            "write it as 349.99, without symbols or thousands separators",
        ),
        (",", "write it as 3,67, without units", "write it as 349,99, without symbols"),
        (".", "write it as 3.67, without units", "write it as 349.99, without symbols"),
    ],
)
@pytest.mark.parametrize("is_of_source", [True, False])
def test_cure_has_the_sign_in_force(convert, sign, number, amount, is_of_source):
    """Whoever follows the advice writes a number that the column reads."""
    own = None if is_of_source else sign
    metadata = {"n": Number("x", decimal=own), "price": MonetaryAmount("x", currency=Constant("eur"), decimal=own)}
    source = SourceFormat(decimal=sign) if is_of_source else SourceFormat()

    batch = convert(pd.DataFrame({"x": ["five"]}), metadata=metadata, source=source)

    assert [finding.cure() for finding in batch.findings if finding.severity == "error"] == [number, amount]


def test_cure_of_a_text_with_another_sign_stays_its_own(convert):
    """The sign in force fills in where nothing better is known."""
    frame = pd.DataFrame({"x": ["five", "905.00"]})

    batch = convert(frame, metadata={"n": Number("x", decimal=",")})

    (finding,) = [finding for finding in batch.findings if finding.code == "number_unreadable"]
    assert finding.cures.to_pylist() == ["write it as 3,67, without units", POINT]


@pytest.mark.parametrize("text", ["1.234", "12,345", "-123.456"])
def test_number_with_two_readings_is_refused_without_a_sign(becomes, text):
    """In frames too, 1.234 and 1,234 as text are numbers only with a given sign, whatever other cells show."""
    amount = MonetaryAmount("x", currency=Constant("eur"))

    assert becomes(Number("x"), [text, "905.00", "100"]) == ["!number_ambiguous", 905.0, 100]
    assert becomes(amount, [text, "905.00"]) == ["!number_ambiguous", {"amount": 90_500, "currency": "eur"}]


@pytest.mark.parametrize("text", ["0.234", "1234.567", "1.2345", "11.77", "1.234e-05", "123"])
def test_number_with_one_reading_needs_no_sign(becomes, text):
    """Text that is one number, with a point, is read without a given sign."""
    assert becomes(Number("x"), [text]) == [float(text)]


def test_numbers_with_a_type_have_one_reading(becomes):
    """A float, a decimal and a constant are the numbers that they are."""
    assert becomes(Number("x"), [1.234]) == [1.234]
    assert becomes(Number("x"), [decimal.Decimal("1.234"), "x"]) == [1.234, "!number_unreadable"]
    assert becomes(Number(Constant("1.234")), ["x"]) == [1.234]


def test_number_with_two_readings_is_found_among_absent_cells(becomes):
    """Absent and short cells around it do not hide it."""
    assert becomes(Number("x"), [None, "1", "1.234", None]) == [None, 1, "!number_ambiguous", None]


@pytest.mark.parametrize("sign", [None, ".", ","])
@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("1.5E3", "write all of its digits, without an exponent"),
        ("\u22125.00", "write its minus sign as '-'"),
    ],
)
def test_cure_of_an_amount_helps(sign, text, cure):
    """The cure is not a decimal sign with which the text would still be no amount."""
    amount = MonetaryAmount("x", currency=Constant("eur"), decimal=sign)
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"p": amount}, timezone="UTC")

    report = check_events(pd.DataFrame({"day": ["2024-01-31"], "who": ["1"], "x": [text]}), mapping)

    assert report.problems["message"].tolist() == [
        f"metadata.p.amount: '{text}' in column 'x' is not a plain amount: {cure}"
    ]
