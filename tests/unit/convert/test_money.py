"""Amounts of money: exact, positive whole numbers of the currency's minor unit."""

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from events_pandas.convert.cells import CellKind, Cells
from events_pandas.convert.money import looked_up, read_amount
from events_pandas.errors import MappingError
from events_pandas.mapping import Constant, MonetaryAmount, Text

USD = MonetaryAmount("x", currency=Constant("usd"))


@pytest.fixture
def cents(becomes):
    """Return a function that gives the amounts that are sent, without their currency."""

    def cents(rule, values):
        return [sent["amount"] if isinstance(sent, dict) else sent for sent in becomes(rule, values)]

    return cents


@pytest.mark.parametrize("odd", [dt.date(2000, 1, 1), True])
def test_amount_is_a_whole_number_beside_a_cell_that_is_not_an_amount(convert, odd):
    """A cell that cannot be read changes no other row: large amounts keep their digits, without an exponent."""
    frame = pd.DataFrame({"x": pd.Series([10**11, odd], dtype=object)})

    batch = convert(frame, metadata={"price": USD})

    assert b'"amount":10000000000000,' in batch.payloads(batch.valid).to_pylist()[0]


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("19.99", 1999),
        ("0.01", 1),
        ("1.1", 110),
        ("1.10000", 110),
        ("349", 34900),
        ("+1.5", 150),
        ("007.50", 750),
        ("0000000000000000000000000012.34", 1234),
        ("900000000000.25", 90_000_000_000_025),
    ],
)
def test_amount_is_exact_however_it_is_written(cents, written, amount):
    """19.99 is 1999 cents as text, decimal and float, never 1998."""
    assert cents(USD, [written]) == [amount]
    assert cents(USD, [decimal.Decimal(written)]) == [amount]
    assert cents(USD, [float(written)]) == [amount]


def test_amount_of_every_cent_is_exact():
    """Every float with two decimals up to 10,000 becomes the cents that were written."""
    numbers = np.arange(1, 1_000_000)

    values, faults = read_amount(Cells(kind=CellKind.FLOAT, values=pa.array(numbers / 100)))

    assert not any(mask.any() for _, mask in faults)
    whole, millionths = (values.field(place).to_numpy() for place in range(2))
    np.testing.assert_array_equal(whole * 100, numbers - numbers % 100)
    np.testing.assert_array_equal(millionths, numbers % 100 * 10_000)


def test_amount_in_short_floats_is_what_was_written(cents):
    """19.99 in float32 is 1999 cents, although as float64 it is 19.989999771118164."""
    assert cents(USD, pd.Series([19.99, 0.07, 1234.56], dtype="float32")) == [1999, 7, 123456]


@pytest.mark.parametrize(
    "written",
    ["1,299.00", "1.299,00", "€5", "5 EUR", "1e3", ".5", "5.", "", "-", "+-5", "--5", "1_000", "0x10", "inf"],
)
def test_amount_that_is_not_a_plain_number_is_refused(cents, written):
    """Separators and symbols are refused: their meaning differs between countries."""
    assert cents(USD, [written, "5"]) == ["!amount_unreadable" if written else None, 500]


@pytest.mark.parametrize("number", [np.inf, -np.inf])
def test_infinite_amount_is_reported_as_infinite(becomes, number):
    """An infinite amount is reported as infinite, not as too large."""
    assert becomes(MonetaryAmount("x", currency=Constant("usd")), [number, None]) == ["!number_not_finite", None]


@pytest.mark.parametrize(
    ("written", "unit", "amount"),
    [
        ("90071992547409.91", "major", 9007199254740991),
        ("90071992547409.92", "major", "!amount_too_large"),
        ("90071992547409.93", "major", "!amount_too_large"),
        ("123456789012345.67", "major", "!amount_too_large"),
        ("9007199254740991", "minor", 9007199254740991),
        ("9007199254740991.000", "minor", 9007199254740991),
        ("9007199254740992", "minor", "!amount_too_large"),
        ("9" * 30, "minor", "!amount_too_large"),
    ],
)
def test_amount_is_exact_up_to_what_a_json_number_holds(cents, written, unit, amount):
    """From 2^53 cents on, amounts are refused: readers of JSON have only floats."""
    rule = MonetaryAmount("x", currency=Constant("usd"), unit=unit)

    assert cents(rule, [written]) == [amount]
    assert cents(rule, [decimal.Decimal(written)]) == [amount]


@pytest.mark.parametrize(
    ("number", "unit", "amount"),
    [
        (1234567.10, "major", 123456710),
        (900719925474.25, "major", 90071992547425),
        (1234567890123.45, "major", 123456789012345),
        (50000000000000.0, "major", 5000000000000000),
        (1e15, "major", "!amount_too_large"),
        (70368744177664.5, "major", "!amount_too_large"),
        (1e300, "major", "!amount_too_large"),
        (-1e300, "major", "!amount_too_large"),
        (1e15, "minor", 1000000000000000),
        (9007199254740991.0, "minor", 9007199254740991),
        (9007199254740992.0, "minor", "!amount_too_large"),
        (1999.5, "minor", "!amount_decimals"),
        (0.00001, "major", "!amount_decimals"),
    ],
)
def test_amount_in_floats_is_their_shortest_digits(cents, number, unit, amount):
    """A float is read by its shortest digits, up to the size at which floats no longer hold cents."""
    assert cents(MonetaryAmount("x", currency=Constant("usd"), unit=unit), [number, np.nan]) == [amount, None]


@pytest.mark.parametrize("number", [10**14, 2**53, 2**63 - 1, -(2**63)])
def test_whole_amount_beyond_what_can_be_counted_is_refused(cents, number):
    """A whole amount too large to count exactly is refused."""
    largest = 90071992547409

    assert cents(USD, [number, largest]) == ["!amount_too_large", largest * 100]
    assert cents(USD, [str(abs(number)), str(largest)]) == ["!amount_too_large", largest * 100]


def test_amount_in_short_whole_floats_is_the_number_that_they_hold(cents):
    """A whole float32 is read exactly: the shortest digits of 98765432 are 98765430, another amount."""
    minor = MonetaryAmount("x", currency=Constant("usd"), unit="minor")

    assert cents(minor, pd.Series([98765432, 5], dtype="float32")) == [98765432, 5]
    assert cents(minor, pd.Series([np.float32(98765432), 5], dtype=object)) == [98765432, 5]
    assert cents(minor, pd.Series([65504, 5], dtype="float16")) == [65504, 5]


@pytest.mark.parametrize(
    ("written", "currency", "amount"),
    [
        ("39.2400016784668", "usd", 3924),
        ("19.9899997711182", "usd", 1999),
        ("25", "usd", 2500),
        ("1.005", "usd", 101),
        ("1.00499999999999999999", "usd", 100),
        ("2.675", "usd", 268),
        ("0.005", "usd", 1),
        ("0.0049999999", "usd", "!amount_not_positive"),
        ("-1.005", "usd", "!amount_not_positive"),
        ("90071992547409.914", "usd", 9007199254740991),
        ("90071992547409.915", "usd", "!amount_too_large"),
        ("0.5", "jpy", 1),
        ("1.2345", "bhd", 1235),
        ("1.00005", "clf", 10001),
        ("1.0000499999", "clf", 10000),
    ],
)
def test_amount_is_rounded_half_up_on_request(cents, written, currency, amount):
    """Rounding is half up, by the digits as written, and happens once."""
    rule = MonetaryAmount("x", currency=Constant(currency), rounding="half_up", decimal=".")

    assert cents(rule, [written]) == [amount]
    assert cents(rule, [decimal.Decimal(written)]) == [amount]


def test_amount_in_floats_is_rounded_by_its_shortest_digits(cents):
    """1.005 rounds up, although the nearest float lies below it."""
    rule = MonetaryAmount("x", currency=Constant("usd"), rounding="half_up")

    assert cents(rule, [1.005, 0.1 + 0.2, 39.2400016784668, 1e-7]) == [101, 30, 3924, "!amount_not_positive"]


def test_amount_in_minor_units_is_rounded_to_whole_ones(cents):
    """Half a cent is rounded up to a cent."""
    rule = MonetaryAmount("x", currency=Constant("usd"), unit="minor", rounding="half_up")

    assert cents(rule, ["1999.5", "1999.49"]) == [2000, 1999]


def test_rounded_amounts_are_noted(convert, codes):
    """Each rounded amount gets a note."""
    frame = pd.DataFrame({"x": ["1.0051", "2", None, "0.001", "3.9999"]})
    rule = MonetaryAmount("x", currency=Constant("usd"), rounding="half_up")

    assert codes(convert(frame, metadata={"price": rule})) == [
        ("amount_not_positive", [3]),
        ("amount_rounded", [0, 4]),
    ]


ZERO_OMITTED = MonetaryAmount("x", currency="c", zero="omit")


@pytest.mark.parametrize("written", ["0", "0.00", "-0", "0.0000000000000000000000000", "-0.0000000000000000000000000"])
def test_amount_of_zero_is_omitted_on_request(cents, convert, codes, written):
    """With `zero="omit"` the event goes without an amount of zero, however it is written; a note counts the rows."""
    rule = MonetaryAmount("x", currency=Constant("usd"), zero="omit")

    for value in (written, decimal.Decimal(written), float(written)):
        frame = pd.DataFrame({"x": pd.Series([value, "19.99", None], dtype=object)})
        assert cents(rule, frame["x"]) == [None, 1999, None]
        assert codes(convert(frame, metadata={"price": rule})) == [("amount_omitted", [0])]


@pytest.mark.parametrize("written", ["-0.01", "-0.001", "-1", "-0.0000000000000000000000001"])
def test_amount_below_zero_is_never_omitted(cents, written):
    """Only zero is omitted: an amount below zero, such as a refund, is an error, and is not rounded to zero."""
    for rounding in (None, "half_up"):
        rule = MonetaryAmount("x", currency=Constant("usd"), zero="omit", rounding=rounding)
        assert cents(rule, [written]) == ["!amount_not_positive"]


def test_amount_that_is_rounded_to_zero_is_zero(convert, codes):
    """What is sent decides: less than half a cent is no cents. Without rounding it is a fraction of a cent."""
    frame = pd.DataFrame({"x": ["0.004", "0.005", "0.49"], "c": ["usd", "usd", "jpy"]})
    rounded = MonetaryAmount("x", currency="c", zero="omit", rounding="half_up")

    assert codes(convert(frame, metadata={"price": rounded})) == [("amount_rounded", [1]), ("amount_omitted", [0, 2])]
    assert codes(convert(frame, metadata={"price": ZERO_OMITTED})) == [("amount_decimals", [0, 1, 2])]


@pytest.mark.parametrize("currency", ["euro", None, " usd", ["usd"]])
def test_currency_of_an_omitted_amount_is_not_judged(convert, codes, currency):
    """An amount of zero is omitted with its currency, so that a bad currency does not matter."""
    frame = pd.DataFrame({"x": ["0"], "c": pd.Series([currency], dtype=object)}, dtype=object)

    assert codes(convert(frame, metadata={"price": ZERO_OMITTED})) == [("amount_omitted", [0])]


def test_amount_is_not_rounded_to_zero_without_its_currency(convert, codes):
    """0.004 is nothing in dollars, and four fils in dinars: without its currency nobody knows what it is."""
    frame = pd.DataFrame({"x": ["0.004", "0.004"], "c": ["euro", "bhd"]})
    rule = MonetaryAmount("x", currency="c", zero="omit", rounding="half_up")

    found = codes(convert(frame, metadata={"price": rule}))

    assert found == [("amount_not_positive", [0]), ("currency_unknown", [0]), ("currency_minor_unit", [1])]


def test_event_of_an_omitted_amount_has_no_metadata(convert, payloads):
    """An omitted amount is absent: the event goes without the key, and without metadata if it has no other."""
    frame = pd.DataFrame({"x": [0, 5], "c": ["usd", "usd"]})

    first, second = payloads(convert(frame, metadata={"price": ZERO_OMITTED}))

    assert "metadata" not in first
    assert second["metadata"] == {"price": {"amount": 500, "currency": "usd"}}


def test_omitted_amount_does_not_count_as_metadata(convert, payloads):
    """An omitted amount takes no place among the values that Intercom keeps."""
    frame = pd.DataFrame({"x": [0], "c": ["usd"], "note": ["tea"]})

    (event,) = payloads(convert(frame, metadata={"price": ZERO_OMITTED, "note": Text("note")}, metadata_limit=1))

    assert event["metadata"] == {"note": "tea"}


def test_constant_amount_of_zero_is_omitted_in_every_row(convert, payloads, codes):
    """A constant is meant as it is: it is omitted without a note."""
    frame = pd.DataFrame({"c": ["usd", "euro"]})

    for currency in ("c", Constant("usd")):
        batch = convert(frame, metadata={"fee": MonetaryAmount(Constant(0), currency=currency, zero="omit")})
        assert ["metadata" in event for event in payloads(batch)] == [False, False]
        assert codes(batch) == []


def test_note_on_an_omitted_amount_says_what_is_sent(convert):
    """The note shows the amount, and says that the event goes without it."""
    (finding,) = convert(pd.DataFrame({"x": ["0.00"], "c": ["usd"]}), metadata={"price": ZERO_OMITTED}).findings

    assert finding.messages()[0].as_py() == (
        "metadata.price.amount: '0.00' in column 'x' is zero or rounds to zero, and the event is sent without it "
        "and its currency: correct it if something was paid"
    )


@pytest.mark.parametrize(
    ("amount", "currency", "message"),
    [
        (" 5", "usd", "metadata.price.amount: ' 5' in column 'x' has a blank at its beginning or end: remove it"),
        (
            "5\u00a0",
            "usd",
            r"metadata.price.amount: '5\u00a0' in column 'x' holds an invisible character: remove it",
        ),
        ("5", "usd ", "metadata.price.currency: 'usd ' in column 'c' has a blank at its beginning or end: remove it"),
        (
            "5",
            "\ufeffUSD",
            r"metadata.price.currency: '\ufeffUSD' in column 'c' holds an invisible character: remove it",
        ),
    ],
)
def test_amount_with_blanks_or_invisible_characters_names_them(convert, amount, currency, message):
    """If only blanks or invisible characters spoil an amount, the message names and shows them."""
    frame = pd.DataFrame({"x": [amount], "c": [currency]})

    (finding,) = convert(frame, metadata={"price": MonetaryAmount("x", currency="c")}).findings

    assert finding.messages().to_pylist() == [message]


@pytest.mark.parametrize("written", ["0", "0.00", "-0", "-19.99", "-0.001"])
def test_amount_is_positive(cents, written):
    """Only amounts above zero are sent: Intercom takes no others."""
    for value in (written, decimal.Decimal(written), float(written)):
        assert cents(USD, [value]) == ["!amount_not_positive"]


@pytest.mark.parametrize("written", ["19.9991", "1.0051", "0.001", "0.00001", "19.990000000000001"])
def test_amount_with_a_fraction_of_a_cent_is_refused(cents, written):
    """A fraction of a cent is refused: only the owner may round money."""
    for value in (written, decimal.Decimal(written), float(written)):
        assert cents(USD, [value]) == ["!amount_decimals"]


def test_amount_with_a_rounding_error_is_refused(cents):
    """0.1 + 0.2 is refused with all its digits, so that its owner can round it."""
    assert cents(USD, [0.1 + 0.2, 0.3]) == ["!amount_decimals", 30]


@pytest.mark.parametrize(
    ("currency", "written", "amount"),
    [
        ("jpy", "500", 500),
        ("jpy", "500.0", 500),
        ("jpy", "500.5", "!amount_decimals"),
        ("bhd", "1.234", 1234),
        ("bhd", "1.2345", "!amount_decimals"),
        ("clf", "0.0001", 1),
        ("eur", "1.234", "!amount_decimals"),
    ],
)
def test_amount_counts_the_minor_unit_of_its_currency(cents, currency, written, amount):
    """ISO 4217 says how many decimals each currency has."""
    frame_rule = MonetaryAmount("x", currency=Constant(currency), decimal=".")

    assert cents(frame_rule, [written]) == [amount]
    assert cents(frame_rule, [float(written)]) == [amount]


@pytest.mark.parametrize("currency", ["usd", "jpy", "bhd"])
def test_amount_in_minor_units_is_sent_as_it_is(cents, currency):
    """Amounts in minor units need no currency to be counted, but must be whole."""
    rule = MonetaryAmount("x", currency=Constant(currency), unit="minor")

    assert cents(rule, [1999, 0]) == [1999, "!amount_not_positive"]
    assert cents(rule, [1999.0, 19.99]) == [1999, "!amount_decimals"]
    assert cents(rule, ["1999.00", "19.99"]) == [1999, "!amount_decimals"]


def test_currency_is_read_in_any_case_for_each_row(convert, payloads):
    """Each amount has the decimals of the currency in its row, in any case."""
    frame = pd.DataFrame({"x": ["5", "5", "5", "0.5"], "c": ["USD", "jpy", "Bhd", "eur"]})

    batch = convert(frame, metadata={"price": MonetaryAmount("x", currency="c")})

    assert [payload["metadata"]["price"] for payload in payloads(batch)] == [
        {"amount": 500, "currency": "usd"},
        {"amount": 5, "currency": "jpy"},
        {"amount": 5000, "currency": "bhd"},
        {"amount": 50, "currency": "eur"},
    ]


@pytest.mark.parametrize(
    ("amount", "currency", "found"),
    [
        ("5", None, [("currency_missing", [0])]),
        ("5", "", [("currency_missing", [0])]),
        ("5", "euro", [("currency_unknown", [0])]),
        ("5", "xau", [("currency_unknown", [0])]),
        ("5", " usd", [("blanks_around", [0])]),
        ("5", " euro", [("currency_unknown", [0])]),
        ("5", 978, [("currency_unknown", [0])]),
        ("5", ["usd"], [("nested_value", [0])]),
        ("x", None, [("amount_unreadable", [0]), ("currency_missing", [0])]),
        ("-1", "euro", [("amount_not_positive", [0]), ("currency_unknown", [0])]),
        (None, "euro", []),
        (None, None, []),
    ],
)
def test_currency_is_judged_where_there_is_an_amount(convert, codes, amount, currency, found):
    """An amount needs a currency; without an amount, nothing is sent and nothing is wrong."""
    frame = pd.DataFrame({"x": [amount], "c": pd.Series([currency], dtype=object)}, dtype=object)

    assert codes(convert(frame, metadata={"price": MonetaryAmount("x", currency="c")})) == found


def test_currency_without_cents_is_noted_once(convert, codes):
    """The first amount sent in each currency without cents gets a note, since Intercom only says "cents"."""
    frame = pd.DataFrame({"x": [None, "1", "0", "500", "1.5", "7"], "c": ["jpy", "usd", "jpy", "jpy", "bhd", "jpy"]})

    batch = convert(frame, metadata={"price": MonetaryAmount("x", currency="c")})

    assert codes(batch) == [("amount_not_positive", [2]), ("currency_minor_unit", [3, 4])]


def test_constant_amount_is_judged_with_the_currency_of_each_row(convert, codes):
    """A constant amount may fit the currency of one row and not that of another."""
    frame = pd.DataFrame({"c": ["usd", "jpy", None]})

    batch = convert(frame, metadata={"fee": MonetaryAmount(Constant("1.5"), currency="c")})

    assert codes(batch) == [("amount_decimals", [1]), ("currency_missing", [2])]


def test_constant_amount_that_is_not_positive_concerns_every_row(convert, codes):
    """A bad constant amount makes every row invalid in which it would be sent."""
    frame = pd.DataFrame({"c": ["usd", "jpy"]})

    assert codes(convert(frame, metadata={"fee": MonetaryAmount(Constant(0), currency="c")})) == [
        ("amount_not_positive", [0, 1])
    ]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            MonetaryAmount("x", currency=Constant("euro")),
            (
                "metadata.fee.currency: the constant 'euro' is not a currency of ISO 4217: "
                "write three letters such as 'usd'"
            ),
        ),
        (
            MonetaryAmount(Constant("1.5"), currency=Constant("jpy")),
            (
                "metadata.fee.amount: the constant '1.5' has more decimals than its currency: "
                "round it to what was paid (yen have none, euros two), "
                "or set rounding to 'half_up' in the rule of the amount"
            ),
        ),
        (
            MonetaryAmount(Constant("5 EUR"), currency="x"),
            (
                "metadata.fee.amount: the constant '5 EUR' is not a plain amount: "
                "write it as 349.99, without symbols or thousands separators"
            ),
        ),
    ],
)
def test_constant_that_is_wrong_in_itself_refuses_the_mapping(convert, rule, message):
    """A constant that no row can make right is a fault of the mapping."""
    with pytest.raises(MappingError) as caught:
        convert(pd.DataFrame({"x": ["usd"]}), metadata={"fee": rule})

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("currency", "written", "amount"),
    [("bgn", "10.05", 1005), ("hrk", "10.05", 1005), ("byr", "10", 10), ("itl", "10.5", "!amount_decimals")],
)
def test_withdrawn_currency_is_sent_in_the_minor_unit_that_it_had(cents, currency, written, amount):
    """Withdrawn currencies are sent in the minor unit that they had."""
    assert cents(MonetaryAmount("x", currency=Constant(currency)), [written]) == [amount]


def test_withdrawn_currency_is_noted_once_with_its_year(convert):
    """The first amount sent in each withdrawn currency gets a note with the year, in any spelling."""
    frame = pd.DataFrame({"x": ["1", "0", "1", "1", "1"], "c": ["eur", "hrk", "HRK", "hrk", "dem"]})

    batch = convert(frame, metadata={"price": MonetaryAmount("x", currency="c")})

    (note,) = [finding for finding in batch.findings if finding.code == "currency_withdrawn"]
    assert note.rows.tolist() == [2, 4]
    assert note.messages().to_pylist() == [
        f"metadata.price.currency: {currency} in column 'c' is a withdrawn currency, and the amount is sent "
        "in its former minor unit: check that Intercom shows the right amount"
        for currency in ("'hrk' (until 2023)", "'dem' (until 2002)")
    ]


def test_withdrawn_currency_of_all_rows_is_noted_once(convert):
    """A constant withdrawn currency gets one note with its year."""
    rule = MonetaryAmount("x", currency=Constant("BGN"))

    (note,) = convert(pd.DataFrame({"x": ["1", "2"]}), metadata={"price": rule}).findings

    assert note.rows.tolist() == [0]
    (message,) = note.messages().to_pylist()
    assert message == (
        "metadata.price.currency: the constant 'BGN' (until 2026) is a withdrawn currency, and the amount is "
        "sent in its former minor unit: check that Intercom shows the right amount"
    )


@pytest.mark.parametrize(
    ("currencies", "decimals"), [(["jpy", None, "zzz", "jpy"], [0, 2, 2, 0]), ([None], [2]), ([], [])]
)
def test_looked_up_has_an_entry_without_a_currency(currencies, decimals):
    """Absent and unknown currencies get the default entry."""
    assert looked_up(pa.array(currencies, pa.large_string()), {"jpy": 0}, otherwise=2).tolist() == decimals


@pytest.mark.parametrize(
    ("zero", "cure"),
    [
        (
            "error",
            (
                "leave the amount empty to send the event without it (for zeros, set zero to 'omit' in the rule of the "
                "amount), or drop the row"
            ),
        ),
        ("omit", "leave the amount empty to send the event without it, or drop the row"),
    ],
)
def test_cure_of_an_amount_below_zero_names_no_option_that_is_set(convert, zero, cure):
    """An option that the mapping has does not help."""
    rule = MonetaryAmount("x", currency=Constant("eur"), zero=zero)

    batch = convert(pd.DataFrame({"x": [-49]}), metadata={"fee": rule})

    (finding,) = [finding for finding in batch.findings if finding.code == "amount_not_positive"]
    assert finding.messages().to_pylist() == [
        f"metadata.fee.amount: -49 in column 'x' is not above zero, and Intercom accepts only positive amounts: {cure}"
    ]
