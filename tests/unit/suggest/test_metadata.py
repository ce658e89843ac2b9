"""The proposal of metadata: rules, keys, and the columns that are left out."""

import pandas as pd
import pytest

from events_pandas.mapping import Date, Link, MonetaryAmount, Number, RichLink, Text
from events_pandas.suggest.metadata import Trial, metadata_choices
from events_pandas.suggest.survey import survey

TEXTS = ["a", "b"]
URLS = ["https://example.org/1", "https://example.org/2"]
DAYS = ["2024-03-01", "2024-03-02"]
TIMES = ["2024-03-01 10:00", "2024-03-02 11:00"]
EPOCHS = [1_700_000_000_000, 1_700_000_000_001]
AMOUNTS = [19.99, 5.5]
CURRENCIES = ["EUR", "USD"]


@pytest.fixture
def choose():
    """Return a function that proposes metadata for columns."""

    def choose(columns):
        chosen, left_out = metadata_choices(survey(pd.DataFrame(columns, dtype=object)).columns, lambda _: Trial())
        return chosen, {out.label: out.reason for out in left_out}

    return choose


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"source": TEXTS}, {"source": Text("source")}),
        ({"items": [1, 2]}, {"items": Number("items")}),
        ({"load": ["1.5", "2"]}, {"load": Number("load")}),
        ({"order_no": [1, 7]}, {"order_no": Text("order_no")}),
        ({"Card Last4": ["1234", "5678"]}, {"card_last4": Text("Card Last4")}),
        ({"is_new": [True, False]}, {"is_new": Text("is_new")}),
        ({"email_verified": [True, False]}, {"email_verified": Text("email_verified")}),
        ({"email_count": [1, 2]}, {"email_count": Number("email_count")}),
        ({"email_changed_at": TIMES}, {"email_changed_at": Date("email_changed_at")}),
        ({"page": URLS}, {"page": Link("page")}),
        ({"due_date": DAYS}, {"due_date": Date("due_date")}),
        ({"due": DAYS}, {"due_date": Date("due")}),
        ({"shippedAt": TIMES}, {"shipped_at": Date("shippedAt")}),
        ({"shipped_ms": EPOCHS}, {"shipped_at": Date("shipped_ms", unit="ms")}),
        ({"updated_ts": EPOCHS}, {"updated_at": Date("updated_ts", unit="ms")}),
        ({"expires_at": EPOCHS}, {"expires_at": Date("expires_at", unit="ms")}),
        ({"shipped": [str(epoch) for epoch in EPOCHS]}, {"shipped_at": Date("shipped", unit="ms")}),
        ({"due_at": [n * 10**6 for n in EPOCHS]}, {"due_at": Date("due_at", unit="ns")}),
        ({"day": [19970131.0, None, 19970201.0]}, {"day_date": Date("day", format="%Y%m%d")}),
        ({"email_verified": ["True", "false"]}, {"email_verified": Text("email_verified")}),
        ({"load": ["0.5", "1e-05"]}, {"load": Number("load")}),
        ({"part": ["1e5", "2"]}, {"part": Text("part")}),
        ({"delta": ["+0.5", "+1.5"]}, {"delta": Number("delta")}),
        ({"delta": ["+0.5", "-1.5", "0"]}, {"delta": Number("delta")}),
        ({"zone": ["+49", "+1"]}, {"zone": Text("zone")}),
        ({"last login": TIMES}, {"last_login_date": Date("last login")}),
        ({"order_no": TEXTS, "order_url": URLS}, {"order_no": RichLink(value="order_no", url="order_url")}),
        ({"order_url": URLS, "order": TEXTS}, {"order": RichLink(value="order", url="order_url")}),
        (
            {"order_total": AMOUNTS, "order_url": URLS},
            {"order_total": Number("order_total"), "order_url": Link("order_url")},
        ),
        ({"total": AMOUNTS, "currency": CURRENCIES}, {"total": MonetaryAmount("total", currency="currency")}),
        ({"total": AMOUNTS, "currency": ["EUR"] * 2}, {"total": MonetaryAmount("total", currency="currency")}),
        ({"total": AMOUNTS}, {"total": Number("total")}),
        ({"items": [1, 2], "currency": CURRENCIES}, {"items": Number("items"), "currency": Text("currency")}),
        (
            {"fee_cents": [1, 2], "currency": CURRENCIES},
            {"fee_cents": MonetaryAmount("fee_cents", currency="currency", unit="minor")},
        ),
        (
            {"price": AMOUNTS, "price_paid": AMOUNTS, "currency": CURRENCIES, "paid_currency": CURRENCIES},
            {
                "price": MonetaryAmount("price", currency="currency"),
                "price_paid": MonetaryAmount("price_paid", currency="paid_currency"),
            },
        ),
    ],
)
def test_metadata_is_proposed_by_content_and_name(choose, columns, expected):
    """Links, money and dates show by their values; a pair takes the place of its text or amount."""
    chosen, _ = choose(columns)

    assert {choice.path.removeprefix("metadata."): choice.entry for choice in chosen} == expected


@pytest.mark.parametrize(
    ("columns", "reasons"),
    [
        ({"x": ["a", "a", "b"]}, ["text, 2 different"]),
        ({"x": TEXTS}, ["text"]),
        ({"x": CURRENCIES}, ["currency codes"]),
        (
            {"x": ["1", "2.5", "n/a"]},
            ["numbers as text"],
        ),
        (
            {"x": ["X7", None, None, ""]},
            ["text; the same in every row that has it, and empty in 75 % of the rows looked at"],
        ),
        (
            {"x": [True, True, None, None]},
            ["true or false, as text; the same in every row that has it, and empty in 50 % of the rows looked at"],
        ),
        ({"total": [1999, 500], "currency": ["JPY", "jpy"]}, ["an amount with its currency"]),
        (
            {"total": AMOUNTS, "currency": CURRENCIES, "old_currency": CURRENCIES},
            ["an amount with its currency; its currency may be in 'old_currency'", "currency codes"],
        ),
        ({"x": [1.5, 2]}, ["numbers"]),
        ({"x": ["1.5", "2"]}, ["numbers as text"]),
        ({"x": ["1", "3"]}, ["whole numbers as text"]),
        ({"x": ["1.0", "3.0"]}, ["whole numbers as text"]),
        ({"x": [True, False]}, ["true or false, as text"]),
        ({"x": [*URLS, *URLS, "n/a"]}, ["web addresses; 20 % of those looked at are not"]),
        ({"x_no": [1, 7]}, ["whole numbers that name something: text, since nobody adds them up"]),
        (
            {"total": AMOUNTS},
            ["numbers; if it is money, use ep.MonetaryAmount(..., currency=...): no column has its currency"],
        ),
        (
            {"total": ["5", "7.25", "n/a"]},
            ["numbers as text; if it is money, use ep.MonetaryAmount(..., currency=...): no column has its currency"],
        ),
        (
            {"total": ["12.50 €", "7.25 €"]},
            [
                (
                    "text; most look like numbers, such as '12.50 €': remove '€' from its column, as by search and "
                    "replace: a number stands alone in its cell; then "
                    'use ep.MonetaryAmount(..., currency=ep.Constant("eur")) if it is money'
                )
            ],
        ),
        (
            {"total": ["CHF 12.50", "7.25 €"]},
            [
                (
                    "text; most look like numbers, such as 'CHF 12.50': remove 'CHF' from its column, as by search and "
                    "replace: a number stands alone in its cell; then "
                    "use ep.MonetaryAmount(..., currency=...) if it is money"
                )
            ],
        ),
        (
            {"total": [5, 7], "currency": CURRENCIES},
            ['an amount with its currency; whole numbers: if they count cents, set unit to "minor"'],
        ),
        (
            {"total_cents": [5, 7], "currency": CURRENCIES},
            ["an amount with its currency; its name says that it counts cents"],
        ),
    ],
)
def test_metadata_has_reasons(choose, columns, reasons):
    """Each choice has a reason in one line, with the decision that is left to the user."""
    chosen, _ = choose(columns)

    assert [choice.reason for choice in chosen] == reasons


@pytest.mark.parametrize(
    ("label", "values", "reason"),
    [
        ("x", [None, ""], "empty in every row looked at"),
        ("x", ["a", "a"], "the same in every row looked at: use ep.Constant(...) if you need it"),
        ("x", [{"a": 1}, None], "nested values, which Intercom refuses: make columns of their parts"),
        ("x", [b"\xff", b"\xfe"], "values of mixed or unusual types: make them text or numbers"),
        (
            "x",
            ["a" * 256, "b"],
            'text of up to 256 characters, and Intercom takes 255: ep.Text("x", truncate=True) would cut it',
        ),
        ("x", ["a@b.co", "c@d.co"], "email addresses: personal data belongs to the contact, not to each event"),
        (
            "x",
            ["+49 30 123456", "+1 555 1234567"],
            "telephone numbers: personal data belongs to the contact, not to each event",
        ),
        ("Name", TEXTS, "its name suggests personal data, which belongs to the contact, not to each event"),
        ("birth_date", DAYS, "its name suggests personal data, which belongs to the contact, not to each event"),
        (
            "phone",
            [4930123456, 4930123457],
            "its name suggests personal data, which belongs to the contact, not to each event",
        ),
        ("customer_id", TEXTS, "another identifier of the contact"),
        ("Unnamed: 0", [0, 1], "it numbers the rows"),
        (0, [0, 1], "it numbers the rows"),
        ("", ["0", "1"], "it numbers the rows"),
    ],
)
def test_metadata_leaves_columns_out_and_says_why(choose, label, values, reason):
    """Columns that Intercom refuses, that say nothing or that are personal are not proposed."""
    assert choose({label: values}) == ([], {label: reason})


@pytest.mark.parametrize(
    ("labels", "keys"),
    [
        (["Type"], ["type_name"]),
        (["A", "a", "a "], ["a", "a_2", "a_3"]),
        (["a.b", "%"], ["a_b", "column"]),
        (["late_at"], ["late_at_value"]),
        ([7, 8], ["column_7", "column_8"]),
    ],
)
def test_keys_are_valid_and_different(choose, labels, keys):
    """Keys have no forbidden characters, are not reserved, differ without case, and end as their type needs."""
    chosen, _ = choose(dict.fromkeys(labels, TEXTS))

    assert [choice.path for choice in chosen] == [f"metadata.{key}" for key in keys]


def test_keys_of_dates_keep_their_ending_when_two_are_equal(choose):
    """The number of a second key stands before the ending that Intercom looks for."""
    chosen, _ = choose({"due date": DAYS, "due_date": DAYS})

    assert [choice.path for choice in chosen] == ["metadata.due_date", "metadata.due_2_date"]


def test_metadata_has_as_many_keys_as_intercom_keeps(choose):
    """The first ten keys stay in the order of the columns; a currency that one of them needs is not left out."""
    columns = {f"c{number}": TEXTS for number in range(9)}

    chosen, left_out = choose({**columns, "total": AMOUNTS, "price": AMOUNTS, "currency": CURRENCIES})

    assert [choice.path for choice in chosen] == [*(f"metadata.c{number}" for number in range(9)), "metadata.total"]
    assert left_out == {
        "price": "an amount with its currency; Intercom keeps 10 metadata keys, and other columns have them"
    }


@pytest.mark.parametrize(
    ("columns", "guesses"),
    [
        ({"total": [1999, 500], "currency": CURRENCIES}, ["metadata.total.unit"]),
        ({"total": ["1999", "500"], "currency": CURRENCIES}, ["metadata.total.unit"]),
        ({"total": ["1999", "500", "n/a"], "currency": [*CURRENCIES, "EUR"]}, ["metadata.total.unit"]),
        ({"total": [19.99, 500], "currency": CURRENCIES}, []),
        ({"total_cents": [1999, 500], "currency": CURRENCIES}, []),
        ({"total": [1999, 500], "currency": ["JPY", "JPY"]}, []),
        ({"total": AMOUNTS, "currency": CURRENCIES, "old_currency": CURRENCIES}, ["metadata.total.currency"]),
        ({"total": AMOUNTS, "total_currency": CURRENCIES, "old_currency": CURRENCIES}, []),
        ({"due": ["05/06/2024", "07/08/2024"]}, ["metadata.due_date.format"]),
        ({"due": ["05.06.2024", "31.12.2024"]}, []),
        ({"due": DAYS}, []),
        ({"shipped": EPOCHS}, []),
        ({"page": URLS, "items": [1, 2], "source": TEXTS}, []),
    ],
)
def test_metadata_names_what_is_a_guess(choose, columns, guesses):
    """Guesses are whether amounts count cents, which currency belongs to an amount, and the order of day and month."""
    chosen, _ = choose(columns)

    assert [guess for choice in chosen for guess in choice.guesses] == guesses


@pytest.mark.parametrize(
    ("columns", "refused", "expected", "reasons"),
    [
        (
            {"page": URLS},
            {Link("page"): 1},
            {"page": Text("page")},
            ["text; a link rule refuses 50 % of those looked at (code: cure)"],
        ),
        (
            {"due_date": DAYS * 2},
            {Date("due_date"): 1},
            {"due_date": Date("due_date")},
            ["days as text (ISO 8601); a date rule refuses 25 % of those looked at (code: cure)"],
        ),
        (
            {"due_date": DAYS * 2},
            {Date("due_date"): 2},
            {"due_date_value": Text("due_date")},
            ["text, 2 different; a date rule refuses 50 % of those looked at (code: cure)"],
        ),
        (
            {"load": AMOUNTS},
            {Number("load"): 2},
            {"load": Text("load")},
            ["text; a number rule refuses 100 % of those looked at (code: cure)"],
        ),
        (
            {"total": AMOUNTS * 2, "currency": CURRENCIES * 2},
            {MonetaryAmount("total", currency="currency"): 1},
            {"total": MonetaryAmount("total", currency="currency")},
            ["an amount with its currency; a monetary amount rule refuses 25 % of those looked at (code: cure)"],
        ),
        (
            {"total": AMOUNTS, "currency": CURRENCIES},
            {MonetaryAmount("total", currency="currency"): 2},
            {"total": Number("total"), "currency": Text("currency")},
            [
                "numbers; a monetary amount rule refuses 100 % of those looked at (code: cure)",
                "currency codes",
            ],
        ),
        (
            {"order_no": TEXTS, "order_url": URLS},
            {RichLink(value="order_no", url="order_url"): 1},
            {"order_no": Text("order_no"), "order_url": Link("order_url")},
            ["text; a rich link rule refuses 50 % of those looked at (code: cure)", "web addresses"],
        ),
        ({"x": TEXTS}, {Text("x"): 2}, {}, []),
    ],
)
def test_metadata_takes_the_first_rule_that_reads_the_column(columns, refused, expected, reasons):
    """A link must read every cell, since text sends the same; another rule most of them. The reason says why."""
    seen = survey(pd.DataFrame(columns, dtype=object))

    chosen, left_out = metadata_choices(
        seen.columns, lambda rule: Trial(n_refused=refused.get(rule, 0), example="code: cure")
    )

    assert {choice.path.removeprefix("metadata."): choice.entry for choice in chosen} == expected
    assert [choice.reason for choice in chosen] == reasons
    assert [out.reason for out in left_out] == [
        "a text rule refuses 100 % of those looked at (code: cure)" for label in columns if not expected
    ]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (
            {"total": [9.99, 9.99], "currency": CURRENCIES},
            {"total": MonetaryAmount("total", currency="currency")},
        ),
        ({"total": [9.99, 9.99], "currency": ["EUR", "EUR"]}, {}),
        ({"order": ["here", "here"], "order_url": URLS}, {"order": RichLink(value="order", url="order_url")}),
        ({"order": TEXTS, "order_url": URLS[:1] * 2}, {"order": Text("order")}),
    ],
)
def test_metadata_sends_a_constant_beside_a_column_that_varies(choose, columns, expected):
    """A constant amount or text is sent if its currency or address varies."""
    chosen, _ = choose(columns)

    assert {choice.path.removeprefix("metadata."): choice.entry for choice in chosen} == expected


def test_metadata_has_the_identifiers_of_accounts_and_companies(choose):
    """Identifiers of accounts and companies are metadata; a second one of the contact is not."""
    chosen, left_out = choose({"account_id": TEXTS, "company_id": TEXTS, "client_id": TEXTS})

    assert [choice.entry for choice in chosen] == [Text("account_id"), Text("company_id")]
    assert left_out == {"client_id": "another identifier of the contact"}


def test_metadata_of_one_row_is_not_constant(choose):
    """A single row does not make a column constant."""
    chosen, left_out = choose({"source": ["a"]})

    assert [choice.entry for choice in chosen] == [Text("source")]
    assert left_out == {}


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (
            ["1,234", "2,345", "7"],
            (
                "text; most look like numbers, such as '1,234': set decimal to ',' in the mapping's source if it is "
                "1.234, or to '.' if it is 1234"
            ),
        ),
        (
            ["$1,234.50", "$3.00"],
            (
                "text; most look like numbers, such as '$1,234.50': remove '$' from its column, as by search and "
                "replace: a number stands alone in its cell"
            ),
        ),
        (
            ["EUR 5", "EUR 7"],
            (
                "text; most look like numbers, such as 'EUR 5': remove 'EUR' from its column, as by search and "
                "replace: a number stands alone in its cell"
            ),
        ),
        (["X7", "X8"], "text"),
        (
            ["+0.5", "+1.5", "+2.5", "n/a"],
            "text; 75 % of those looked at are numbers: a number rule would send these, and refuse the others",
        ),
        (["1,234", "a", "b"], "text"),
        (["a", "b", "\ud800"], "text"),
    ],
)
def test_text_that_is_nearly_a_number_says_how_to_read_it(choose, cells, reason):
    """Nobody has to find out why a column of amounts is sent as text."""
    (choice,) = choose({"size": cells})[0]

    assert (choice.entry, choice.reason) == (Text("size"), reason)


def test_code_that_is_nearly_a_number_is_text_without_a_remark(choose):
    """Nobody adds up postal codes."""
    (choice,) = choose({"size_code": ["1 234", "2 345"]})[0]

    assert choice.reason == "text"
