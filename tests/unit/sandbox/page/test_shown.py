"""Submissions, events and metadata as the page shows them."""

import json

import pytest

from events_pandas.sandbox.page.questions import SubmissionRow
from events_pandas.sandbox.page.shown import read_metadata, read_value, safe_href, show_body, show_kept, show_reason

CENTS = "Intercom's documentation says “cents”, and nothing about currencies without two decimals"


@pytest.fixture
def make_row(make_body):
    """Make the row of a kept submission, with changes."""

    def make(**changes):
        body = changes.pop("body", make_body())
        fields = {
            "number": 17,
            "received_at": 1389967941.5,
            "http_status": 202,
            "outcome": "kept",
            "name": "placed-order",
            "contact": "314159",
            "error_code": None,
            "error_message": None,
            "size": len(body),
            "body": body,
        }
        return SubmissionRow(**fields | changes)

    return make


def test_body_is_spread_over_lines(make_row) -> None:
    """JSON is indented, and its letters are not escaped."""
    body = show_body(make_row(body=b'{"event_name":"\\u00e4","a":[1]}'))

    assert body.text == '{\n  "event_name": "ä",\n  "a": [\n    1\n  ]\n}'
    assert body.is_whole


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", ""),
        (b"{not json", "{not json"),
        (b"\xff\x00<b>", "\N{REPLACEMENT CHARACTER}\0<b>"),
        (b'{"a": 1, "a": 2}', '{"a": 1, "a": 2}'),
        (b'{"a": NaN}', '{"a": NaN}'),
        (b'["a"]', '["a"]'),
        (b"[" * 5_000, "[" * 4_000),
    ],
)
def test_body_that_is_not_a_json_object_is_shown_as_it_is(make_row, body, text) -> None:
    """A body that is not a JSON object is shown as it arrived."""
    assert show_body(make_row(body=body, outcome="refused", http_status=400)).text == text


def test_body_is_shown_in_part_when_it_is_long(make_row) -> None:
    """Of a long body only the beginning is shown."""
    body = show_body(make_row(body=json.dumps({"metadata": {f"key{n}": n for n in range(1_000)}}).encode()))

    assert (len(body.text), body.is_whole, body.is_read) == (4_000, False, True)


def test_body_of_brackets_is_not_spread_out_to_its_end(make_row) -> None:
    """Nested brackets are not indented to their end: the text would be a thousand times longer than the body."""
    body = show_body(make_row(body=b'{"a":' + b"[" * 900 + b"]" * 900 + b"}"))

    assert body.text.startswith('{\n  "a": [\n    [\n      [')
    assert (len(body.text), body.is_whole) == (4_000, False)


def test_body_that_is_too_long_to_be_read_says_so(make_row) -> None:
    """A sentence says that only the beginning of a large body was read."""
    row = make_row(body=b'{"event_name": "a', size=100_000)

    assert (show_body(row).is_read, show_body(row).is_whole) == (False, False)
    assert show_kept(row) == ("", "Too long to read here")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        (
            {"outcome": "duplicate"},
            "Intercom ignores it: the same contact, name and second",
        ),
        (
            {"outcome": "refused", "http_status": 404, "error_code": "not_found", "error_message": "User Not Found"},
            "not_found: User Not Found",
        ),
        ({"outcome": "failed", "http_status": None}, "no answer was sent"),
        (
            {"outcome": "duplicate", "http_status": None},
            "Intercom ignores it: the same contact, name and second; no answer was sent",
        ),
        ({"outcome": "refused", "http_status": 500, "error_message": "Oops"}, "Oops"),
        ({"outcome": "failed", "http_status": 202, "error_message": "It was lost"}, "It was lost"),
    ],
)
def test_submission_says_what_became_of_it(make_row, changes, reason) -> None:
    """Duplicates, refusals and missing answers have a reason."""
    assert show_reason(make_row(**changes)) == reason


def test_submission_that_was_lost_is_not_kept(make_row) -> None:
    """An answer of 202 does not make an event kept."""
    assert show_kept(make_row(outcome="failed", http_status=202)) == ("", "Nothing")


def test_submission_that_is_kept_as_sent_says_so(make_row) -> None:
    """If all is kept as it was sent, a sentence replaces the JSON."""
    assert show_kept(make_row()) == ("", "All of it, as it was sent")


def test_submission_shows_what_is_kept_of_it(make_row, make_body) -> None:
    """The name is normalized, the eleventh key is gone, and one identifier names the contact."""
    metadata = {f"key{n}": n for n in range(11)}

    kept, note = show_kept(
        make_row(body=make_body(event_name="Placed.Order", email="ada@example.com", metadata=metadata))
    )

    assert json.loads(kept) == {
        "event_name": "placed-order",
        "created_at": 1389913941,
        "user_id": "314159",
        "metadata": {f"key{n}": n for n in range(10)},
    }
    assert note == ""


@pytest.mark.parametrize("outcome", ["duplicate", "refused", "failed"])
def test_submission_that_is_not_kept_leaves_nothing(make_row, outcome) -> None:
    """Intercom keeps nothing of a submission that is not kept."""
    assert show_kept(make_row(outcome=outcome)) == ("", "Nothing")


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (34999, "eur", "€349.99"),
        (34999, "EUR", "€349.99"),
        (5, "usd", "$0.05"),
        (123456789, "gbp", "£1,234,567.89"),
        (1200, "chf", "CHF\N{NO-BREAK SPACE}12.00"),
        (-5, "usd", "\N{MINUS SIGN}$0.05"),
        (1005, "bgn", "BGN\N{NO-BREAK SPACE}10.05"),
    ],
)
def test_value_reads_as_money(amount, currency, text) -> None:
    """An amount of cents with a currency is shown as money."""
    shown = read_value("price", {"amount": amount, "currency": currency})

    assert (shown.kind, shown.text) == ("money", text)
    assert shown.note == f"{amount} {currency.upper()} was sent"


@pytest.mark.parametrize(
    ("currency", "text", "note"),
    [
        ("jpy", "¥3,500", f"3500 JPY was sent. {CENTS}"),
        ("kwd", "KWD\N{NO-BREAK SPACE}3.500", f"3500 KWD was sent. {CENTS}"),
        ("xau", "XAU\N{NO-BREAK SPACE}35.00", "3500 XAU was sent. ISO 4217 has no decimals for XAU"),
        ("zzz", "ZZZ\N{NO-BREAK SPACE}35.00", "3500 ZZZ was sent. ISO 4217 has no decimals for ZZZ"),
    ],
)
def test_money_says_what_is_not_documented(currency, text, note) -> None:
    """A currency without two decimals is shown with its own decimals and a note."""
    shown = read_value("price", {"amount": 3500, "currency": currency})

    assert (shown.text, shown.note) == (text, note)


@pytest.mark.parametrize("key", ["order_date", "created_at", "Trial_Ends_AT"])
def test_value_reads_as_a_date_under_a_dates_key(key) -> None:
    """Whole numbers under keys that end in _date or _at are dates."""
    shown = read_value(key, 1389967941)

    assert (shown.kind, shown.text, shown.note) == ("date", "17 Jan 2014, 14:12:21", "1389967941, in UTC")


def test_date_in_milliseconds_reads_as_the_year_that_intercom_would_show() -> None:
    """A date in milliseconds shows the year that Intercom would show."""
    shown = read_value("order_date", 1389967941000)

    assert (shown.text, shown.note) == ("the year 46016", "Intercom reads seconds: were these milliseconds?")


@pytest.mark.parametrize(
    ("key", "value", "kind", "text"),
    [
        ("items", 1389967941, "number", "1389967941"),
        ("order_date", 1.5, "number", "1.5"),
        ("order_date", 2**63, "number", "9223372036854775808"),
        ("order_date", "2014-01-17", "text", "2014-01-17"),
        ("source", "backfill", "text", "backfill"),
        ("gift", True, "other", "true"),
        ("order_date", False, "other", "false"),
        ("coupon", None, "other", "null"),
        ("tags", ["a", 1], "other", '["a", 1]'),
        ("nested", {"ä": {}}, "other", '{"ä": {}}'),
        ("price", {"amount": "5", "currency": "eur"}, "other", '{"amount": "5", "currency": "eur"}'),
        ("price", {"amount": True, "currency": "eur"}, "other", '{"amount": true, "currency": "eur"}'),
        (
            "price",
            {"amount": 5, "currency": "eur", "n": 1},
            "other",
            '{"amount": 5, "currency": "eur", "n": 1}',
        ),
    ],
)
def test_value_reads_as_what_it_is(key, value, kind, text) -> None:
    """Every other value is shown as it was sent."""
    shown = read_value(key, value)

    assert (shown.kind, shown.text, shown.href) == (kind, text, "")


@pytest.mark.parametrize("value", [None, True])
def test_value_says_what_intercom_leaves_open(value) -> None:
    """Null and booleans have a note: Intercom does not document them."""
    assert read_value("gift", value).note == "Intercom's documentation does not say what happens to it"


def test_value_reads_as_a_link() -> None:
    """An HTTP or HTTPS address is a link."""
    shown = read_value("page", "https://example.com/pricing?a=1#b")

    assert (shown.kind, shown.text, shown.href) == (
        "link",
        "https://example.com/pricing?a=1#b",
        "https://example.com/pricing?a=1#b",
    )


def test_rich_link_reads_as_its_value() -> None:
    """A rich link shows its value, and its address as a note."""
    shown = read_value("order", {"url": "https://example.com/17", "value": "17"})

    assert (shown.kind, shown.text, shown.href, shown.note) == (
        "link",
        "17",
        "https://example.com/17",
        "https://example.com/17",
    )


def test_stripe_key_says_that_intercom_links_it() -> None:
    """A Stripe identifier is text, with a note that Intercom makes it a link."""
    shown = read_value("stripe_invoice", "inv_1")

    assert (shown.kind, shown.note) == ("text", "Intercom shows it as a link to Stripe")


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JavaScript://example.com/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "ftp://example.com",
        "//example.com",
        "http://",
        "https:///path",
        "http://[::1",
        "https://example.com/a b",
        "https://example.com/\nx",
        "https://example.com/\u202e",
        " https://example.com",
        "example.com",
        "",
    ],
)
def test_address_outside_the_web_is_not_a_link(address) -> None:
    """Only an HTTP or HTTPS address with a host, in one word of visible characters, is a link."""
    assert safe_href(address) == ""
    assert read_value("page", address).kind == "text"


def test_rich_link_to_elsewhere_is_not_a_link() -> None:
    """A rich link with another address is shown, but is not a link."""
    shown = read_value("order", {"url": "javascript:alert(1)", "value": "17"})

    assert (shown.kind, shown.text, shown.href) == ("other", "17", "")


def test_value_is_cut_when_it_is_longer_than_intercom_takes() -> None:
    """A long value is cut."""
    assert read_value("note", "x" * 255).text == "x" * 255
    assert read_value("note", "x" * 10_000).text == "x" * 300 + "…"
    assert len(read_value("tags", ["x" * 10_000]).text) == 301
    assert len(read_value("price", {"amount": 10**4000, "currency": "eur"}).text) == 301


def test_metadata_shows_thirty_keys() -> None:
    """At most thirty keys are shown."""
    entries = read_metadata({f"key{place}": place for place in range(5_000)})

    assert len(entries) == 30


def test_value_that_is_nested_too_deeply_is_said_to_be() -> None:
    """A value that is nested too deeply is replaced by words."""
    value = []
    for _ in range(100_000):
        value = [value]

    assert read_value("deep", value).text == "nested too deeply to show"
