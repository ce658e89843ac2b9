"""Amounts of money: exact, positive whole numbers of the currency's minor unit."""

import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from events_pandas.convert.cells import Cells, Kind
from events_pandas.convert.money import currency_decimals, decimals_of
from events_pandas.convert.readers import AMOUNT_SCALE, read_amount
from events_pandas.errors import MappingError
from events_pandas.mapping import Constant, MonetaryAmount

USD = MonetaryAmount("x", currency=Constant("usd"))


@pytest.fixture
def cents(becomes):
    """Return a function that gives the amounts sent, without their currency."""

    def cents(rule, values):
        return [sent["amount"] if isinstance(sent, dict) else sent for sent in becomes(rule, values)]

    return cents


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("19.99", 1999),
        ("0.01", 1),
        ("1.1", 110),
        ("1.10000", 110),
        ("349", 34900),
        ("5.", 500),
        ("+1.5", 150),
        ("007.50", 750),
        ("0000000000000000000000000012.34", 1234),
        ("900000000000.25", 90_000_000_000_025),
    ],
)
def test_amount_is_exact_however_it_is_written(cents, written, amount):
    """19.99 is 1999 cents, as text, as a decimal and as a float, and never 1998."""
    assert cents(USD, [written]) == [amount]
    assert cents(USD, [decimal.Decimal(written)]) == [amount]
    assert cents(USD, [float(written)]) == [amount]


def test_amount_of_every_cent_is_exact():
    """All floats of two decimals up to 10,000 are read as the cents that were written."""
    numbers = np.arange(1, 1_000_000)

    values, faults = read_amount(Cells(kind=Kind.FLOAT, values=pa.array(numbers / 100)))

    assert not any(mask.any() for _, mask in faults)
    np.testing.assert_array_equal(values, numbers * (AMOUNT_SCALE // 100))


def test_amount_in_short_floats_is_what_was_written(cents):
    """A float32 of 19.99 is 19.989999771118164 to a float64, and 19.99 to its owner."""
    assert cents(USD, pd.Series([19.99, 0.07, 1234.56], dtype="float32")) == [1999, 7, 123456]


@pytest.mark.parametrize(
    "written", ["1,299.00", "1.299,00", "€5", "5 EUR", "1e3", ".5", "", "-", "+-5", "--5", " 5", "1_000", "0x10", "inf"]
)
def test_amount_that_is_no_plain_number_is_refused(cents, written):
    """Separators and symbols mean different things in different countries."""
    assert cents(USD, [written, "5"]) == ["!amount_unreadable" if written else None, 500]


@pytest.mark.parametrize("number", [np.inf, -np.inf])
def test_infinite_amount_is_told_as_such(becomes, number):
    """It is not too large to be counted: it is no number of anything."""
    assert becomes(MonetaryAmount("x", currency=Constant("usd")), [number, None]) == ["!number_not_finite", None]


@pytest.mark.parametrize("number", [9.1e11, 1e300, -1e300])
def test_amount_too_large_to_be_exact_is_refused(cents, number):
    """Where floats no longer tell cents apart there is no amount to send."""
    assert cents(USD, [number, np.nan]) == ["!amount_too_large", None]


@pytest.mark.parametrize("number", [10**14, -(10**14), 2**63 - 1, -(2**63)])
def test_amount_beyond_what_can_be_counted_is_refused(cents, number):
    """A hundred trillion is no price."""
    assert cents(USD, [number, 10**14 - 1]) == ["!amount_too_large", (10**14 - 1) * 100]
    assert cents(USD, [str(number), str(10**14 - 1)]) == ["!amount_too_large", (10**14 - 1) * 100]


@pytest.mark.parametrize("written", ["0", "0.00", "-0", "-19.99", "-0.001"])
def test_amount_is_positive(cents, written):
    """Intercom takes amounts above zero only, and a refund is no purchase."""
    for value in (written, decimal.Decimal(written), float(written)):
        assert cents(USD, [value]) == ["!amount_not_positive"]


@pytest.mark.parametrize("written", ["19.999", "1.005", "0.001", "0.00001", "19.990000000000001"])
def test_amount_with_a_fraction_of_a_cent_is_refused(cents, written):
    """Rounding money is the owner's to do."""
    for value in (written, decimal.Decimal(written), float(written)):
        assert cents(USD, [value]) == ["!amount_decimals"]


def test_amount_that_arithmetic_has_spoilt_is_refused(cents):
    """0.1 + 0.2 is not 0.3 in floats: the sum is shown to its owner, who rounds it."""
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
    """ISO 4217 says how many decimals a currency has."""
    frame_rule = MonetaryAmount("x", currency=Constant(currency))

    assert cents(frame_rule, [written]) == [amount]
    assert cents(frame_rule, [float(written)]) == [amount]


@pytest.mark.parametrize("currency", ["usd", "jpy", "bhd"])
def test_amount_in_minor_units_is_sent_as_it_is(cents, currency):
    """Cents need no currency to be counted, but they have no fraction."""
    rule = MonetaryAmount("x", currency=Constant(currency), unit="minor")

    assert cents(rule, [1999, 0]) == [1999, "!amount_not_positive"]
    assert cents(rule, [1999.0, 19.99]) == [1999, "!amount_decimals"]
    assert cents(rule, ["1999.00", "19.99"]) == [1999, "!amount_decimals"]


def test_currency_is_read_in_any_case_for_each_row(convert, payloads):
    """Each amount has the decimals of the currency beside it."""
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
        ("5", " usd", [("currency_unknown", [0])]),
        ("5", 978, [("currency_unknown", [0])]),
        ("5", ["usd"], [("nested_value", [0])]),
        ("x", None, [("amount_unreadable", [0]), ("currency_missing", [0])]),
        ("-1", "euro", [("amount_not_positive", [0]), ("currency_unknown", [0])]),
        (None, "euro", []),
        (None, None, []),
    ],
)
def test_currency_is_judged_where_there_is_an_amount(convert, codes, amount, currency, found):
    """An amount needs its currency; nothing is sent, and nothing wrong, where there is no amount."""
    frame = pd.DataFrame({"x": [amount], "c": pd.Series([currency], dtype=object)}, dtype=object)

    assert codes(convert(frame, metadata={"price": MonetaryAmount("x", currency="c")})) == found


def test_currency_without_cents_is_noted_once(convert, codes):
    """Intercom says "cents" and no more: the analyst is told of the first such amount of each currency that is sent."""
    frame = pd.DataFrame({"x": [None, "1", "0", "500", "1.5", "7"], "c": ["jpy", "usd", "jpy", "jpy", "bhd", "jpy"]})

    batch = convert(frame, metadata={"price": MonetaryAmount("x", currency="c")})

    assert codes(batch) == [("amount_not_positive", [2]), ("currency_minor_unit", [3, 4])]


def test_constant_amount_is_judged_with_the_currency_of_each_row(convert, codes):
    """One amount may fit the currency of one row, and not that of another."""
    frame = pd.DataFrame({"c": ["usd", "jpy", None]})

    batch = convert(frame, metadata={"fee": MonetaryAmount(Constant("1.5"), currency="c")})

    assert codes(batch) == [("amount_decimals", [1]), ("currency_missing", [2])]


def test_constant_amount_that_is_not_positive_concerns_every_row(convert, codes):
    """What is wrong with a constant is wrong wherever it would be sent."""
    frame = pd.DataFrame({"c": ["usd", "jpy"]})

    assert codes(convert(frame, metadata={"fee": MonetaryAmount(Constant(0), currency="c")})) == [
        ("amount_not_positive", [0, 1])
    ]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            MonetaryAmount("x", currency=Constant("euro")),
            "metadata.fee.currency: the constant 'euro' is no currency of ISO 4217: write three letters such as 'usd'",
        ),
        (
            MonetaryAmount(Constant("1.5"), currency=Constant("jpy")),
            (
                "metadata.fee.amount: the constant '1.5' has more decimals than its currency: "
                "round it to what was paid (yen have none, euros two, Bahraini dinars three)"
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
    """What no row can mend is a fault of the mapping."""
    with pytest.raises(MappingError) as caught:
        convert(pd.DataFrame({"x": ["usd"]}), metadata={"fee": rule})

    assert str(caught.value) == message


@pytest.mark.parametrize(("currency", "decimals"), [("usd", 2), ("jpy", 0), ("bhd", 3), ("clf", 4), ("isk", 0)])
def test_currency_decimals_are_iso_4217s(currency, decimals):
    """CLDR's differ for some currencies: what counts is what is booked, not what is shown."""
    assert currency_decimals()[currency] == decimals


@pytest.mark.parametrize("currency", ["xau", "xxx", "xts"])
def test_currency_decimals_leave_out_what_has_no_minor_unit(currency):
    """Gold is in ISO 4217 and no currency to pay with."""
    assert currency not in currency_decimals()


@pytest.mark.parametrize(
    ("currencies", "decimals"), [(["jpy", None, "zzz", "jpy"], [0, 2, 2, 0]), ([None], [2]), ([], [])]
)
def test_decimals_of_counts_two_where_there_is_no_currency(currencies, decimals):
    """What is absent or unknown is told elsewhere, and must not stop the counting."""
    assert decimals_of(pa.array(currencies, pa.large_string())).tolist() == decimals
