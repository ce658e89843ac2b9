"""The preview of a report: the first events as Intercom shows them, as text, as HTML and as data."""

import re

import pandas as pd
import pytest

from events_pandas import (
    Column,
    Constant,
    Date,
    EventMapping,
    Link,
    MonetaryAmount,
    Number,
    RichLink,
    Text,
    check_events,
)

ORDERS = pd.DataFrame(
    {
        "who": ["00042"],
        "day": ["2024-03-01 10:30"],
        "total": [19.99],
        "order_no": ["1042"],
        "url": ["https://example.com/1042"],
        "shipped": ["2024-03-02"],
        "count": [3],
        "note": ["gift"],
        "is_new": [True],
    }
)
METADATA = {
    "price": MonetaryAmount("total", currency=Constant("eur")),
    "order": RichLink(value="order_no", url="url"),
    "shipped_date": Date("shipped"),
    "invoice": Link("url"),
    "count": "count",
    "note": "note",
    "is_new": "is_new",
}
HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>&amp; $a$ \x1b[2J'


def report_of(frame, metadata=METADATA, **fields):
    names = {"event_name": "placed-order", "created_at": "day", "user_id": "who", "timezone": "Europe/Berlin"}
    return check_events(frame, EventMapping(**names | fields, metadata=metadata))


def shown(value, rule, *, key="key", **columns):
    """Return the kind and the text of a value under a key."""
    (event,) = report_of(ORDERS.assign(value=value, **columns), {key: rule}).preview().events
    return tuple(event["metadata"][0].values())[1:]


def addresses(preview):
    """Return the addresses to which a click leads."""
    return re.findall(r'<a href="([^"]*)"', preview._repr_html_())


def test_preview_shows_each_value_with_its_kind():
    """One block for each event: name, contact, time in UTC, and each key with its kind and its value."""
    preview = report_of(ORDERS).preview()

    assert str(preview) == repr(preview)
    assert str(preview) == (
        "placed-order\n"
        "  contact       user_id 00042\n"
        "  created_at    2024-03-01 09:30:00 UTC\n"
        "  price         monetary amount  EUR 19.99\n"
        "  order         rich link        1042 <https://example.com/1042>\n"
        "  shipped_date  date             2024-03-01 23:00:00 UTC\n"
        "  invoice       link             https://example.com/1042\n"
        "  count         number           3\n"
        "  note          text             gift\n"
        "  is_new        text             true"
    )


def test_preview_is_data():
    """`events` has what is shown, as it is, without escapes."""
    preview = report_of(ORDERS.assign(note="gift\x1b[2J"), {"note": "note"}).preview()

    assert preview.events == [
        {
            "event_name": "placed-order",
            "contact": {"user_id": "00042"},
            "created_at": "2024-03-01 09:30:00 UTC",
            "metadata": [{"key": "note", "kind": "text", "shown": "gift\x1b[2J"}],
        }
    ]


@pytest.mark.parametrize(
    ("currency", "total", "expected"),
    [("jpy", "1200", "JPY 1,200"), ("kwd", "0.234", "KWD 0.234"), ("usd", "34999.5", "USD 34,999.50")],
)
def test_preview_shows_amounts_with_the_decimals_of_their_currency(currency, total, expected):
    """Yen have no decimals, dinars three."""
    rule = MonetaryAmount("value", currency=Constant(currency))

    assert shown(total, rule) == ("monetary amount", expected)


@pytest.mark.parametrize(
    ("value", "rule", "key", "expected"),
    [
        (253_402_300_799, Number("value"), "Key_AT", ("date", "9999-12-31 23:59:59 UTC")),
        ("1969-12-31T23:59:59Z", Date("value"), "key_at", ("date", "1969-12-31 23:59:59 UTC")),
        (10**15, Number("value"), "Key_AT", ("date", "31690708-07-05 01:46:40 UTC")),
        (1.5, Number("value"), "Key_AT", ("number", "1.5")),
        (10**15, Number("value"), "key", ("number", "1000000000000000")),
    ],
    ids=["last", "before 1970", "number beyond the calendar", "fraction", "other key"],
)
def test_preview_shows_whole_numbers_as_dates_where_intercom_does(value, rule, key, expected):
    """Intercom shows whole numbers under …_at and …_date as dates, in any case, however far they are."""
    assert shown(value, rule, key=key) == expected


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("https://example.com", "link"),
        ("HTTP://example.com", "link"),
        ("https://example.com and more", "text"),
        ("https://", "text"),
        (" https://example.com", "text"),
        ("javascript:alert(1)//https://example.com", "text"),
    ],
)
def test_preview_takes_only_whole_addresses_for_links(value, kind):
    """A text is a link if a Link rule would take it."""
    assert shown(value, Text("value")) == (kind, value)


@pytest.mark.parametrize("key", ["stripe_invoice", "stripe_customer", "Stripe_Charge"])
def test_preview_shows_identifiers_of_stripe_as_the_links_that_intercom_makes_of_them(key):
    """Intercom makes a link of a Stripe identifier, which is text in the event."""
    assert shown("in_1042", "value", key=key) == ("link to Stripe", "in_1042")


def test_preview_shows_the_first_events_that_would_be_sent():
    """Invalid rows and duplicates are not shown; a line counts them, and `n` says how many events are shown."""
    days = ["never", "2024-01-01", "2024-01-01", "2024-01-02", "2024-01-03"]
    orders = pd.DataFrame({"who": "00042", "day": days})

    preview = report_of(orders, {}).preview(2)

    assert str(preview) == (
        "placed-order\n"
        "  contact     user_id 00042\n"
        "  created_at  2023-12-31 23:00:00 UTC\n"
        "\n"
        "placed-order\n"
        "  contact     user_id 00042\n"
        "  created_at  2024-01-01 23:00:00 UTC\n"
        "\n"
        "left out of 5 rows: 1 invalid row, 1 duplicate (a check says why)"
    )


@pytest.mark.parametrize("duplicates", ["send", "spread"])
def test_preview_shows_duplicates_that_are_sent(duplicates):
    """A duplicate that becomes an event is an event like others."""
    orders = pd.DataFrame({"who": ["00042"] * 2, "day": ["2024-01-01"] * 2})

    preview = report_of(orders, {}, duplicates=duplicates).preview()

    assert len(preview.events) == 2
    assert "left out" not in str(preview)


def test_preview_says_why_there_are_no_events():
    """If every row is invalid, the report's causes follow; as HTML too."""
    preview = report_of(ORDERS.assign(day=None), {}).preview()

    remarks = [
        "no events: 1 row is invalid",
        (
            "error created_at_missing: 1 row, such as row 0: created_at: column 'day' is empty: "
            "fill in the time, which every event needs, or drop the row"
        ),
    ]
    assert (preview.events, str(preview).split("\n")) == ([], remarks)
    assert re.findall(r"<p>(.*)</p>", preview._repr_html_()) == [line.replace("'", "&#x27;") for line in remarks]


def test_preview_says_that_there_are_no_rows():
    """An empty frame is not a mistake."""
    assert str(report_of(ORDERS.head(0)).preview()) == "no events: there are no rows"


@pytest.mark.parametrize("n", [0, -1, True, 2.5, "5", None])
def test_preview_refuses_what_is_not_a_number_of_events(n):
    """At least one event is asked for."""
    message = f"^n: expected a number of events, got {n!r}: use 5 or the like$"
    with pytest.raises(ValueError, match=message):
        report_of(ORDERS).preview(n)


def test_html_shows_what_the_text_shows():
    """One table for each event, with a row for each key."""
    fragment = report_of(ORDERS).preview()._repr_html_()

    assert re.findall(r"<p>(.*)</p>", fragment) == ["<strong>placed-order</strong>"]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*)</tr>", fragment)]
    assert [[re.sub(r"<[^>]*>", "", cell) for cell in row] for row in rows] == [
        ["contact", "", "user_id 00042"],
        ["created_at", "", "2024-03-01 09:30:00 UTC"],
        ["price", "monetary amount", "EUR 19.99"],
        ["order", "rich link", "1042 &lt;https://example.com/1042&gt;"],
        ["shipped_date", "date", "2024-03-01 23:00:00 UTC"],
        ["invoice", "link", "https://example.com/1042"],
        ["count", "number", "3"],
        ["note", "text", "gift"],
        ["is_new", "text", "true"],
    ]


def test_html_links_only_to_addresses():
    """Links and rich links can be clicked; they hand no address of the notebook on. Other schemes stay text."""
    orders = ORDERS.assign(note="javascript:alert(1)", url="https://example.com/?a='1'&b=2")
    preview = report_of(orders).preview()

    address = "https://example.com/?a=&#x27;1&#x27;&amp;b=2"
    assert addresses(preview) == [address, address]
    assert preview._repr_html_().count(' target="_blank" rel="noopener noreferrer">') == 2


def test_html_keeps_hostile_text_as_text():
    """Names, keys and values are escaped, also characters that act on a terminal; nothing is loaded or run."""
    orders = ORDERS.assign(who=HOSTILE.replace("\x1b", ""), note=HOSTILE, event=HOSTILE)
    preview = report_of(orders, {"<b>key</b>": "note"}, event_name=Column("event"), metadata_overflow="drop").preview()

    fragment = preview._repr_html_()

    assert len(preview.events) == 1
    assert set(re.findall(r"<(\w+)", fragment)) == {"div", "p", "strong", "table", "tbody", "tr", "th", "td"}
    assert fragment.count("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;") == 3
    assert "\x1b" not in fragment + str(preview)
    assert str(preview).count("\\u001b[2J") == 2
    assert 'class="tex2jax_ignore mathjax_ignore"' in fragment


def test_html_has_the_colours_of_the_page_around_it():
    """It is readable on light and dark backgrounds: the only colour is that of the text around it."""
    fragment = report_of(ORDERS).preview()._repr_html_()

    assert set(re.findall(r"[\w-]*color[^;\"]*", fragment)) == {"color: inherit"}
    assert not re.search(r"background|<style|<script|<link|src=|url\(", fragment)
