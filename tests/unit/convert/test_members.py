"""Rules with two columns, and rules of constants."""

import datetime as dt
import decimal

import pandas as pd
import pytest

from events_pandas.errors import MappingError
from events_pandas.mapping import Constant, Date, Link, Number, RichLink, Text

URL = "https://example.org/1"


@pytest.mark.parametrize(
    ("value", "url", "link", "found"),
    [
        ("3434", URL, {"url": URL, "value": "3434"}, []),
        (3434, URL, {"url": URL, "value": "3434"}, []),
        (None, None, None, []),
        ("", "", None, []),
        ("3434", None, None, [("rich_link_incomplete", [0])]),
        (None, URL, None, [("rich_link_incomplete", [0])]),
        ("", URL, None, [("rich_link_incomplete", [0])]),
        ("3434", "ftp://x", None, [("link_malformed", [0])]),
        (None, "ftp://x", None, [("link_malformed", [0]), ("rich_link_incomplete", [0])]),
        ("a\0", URL, None, [("nul_character", [0])]),
        ("a" * 256, URL, None, [("text_too_long", [0])]),
        (["a"], URL, None, [("nested_value", [0])]),
        ("3434", 3434, None, [("link_malformed", [0])]),
    ],
)
def test_rich_link_has_both_parts_or_neither(convert, codes, payloads, value, url, link, found):
    """A rich link needs both its text and its address; one alone is an error."""
    frame = pd.DataFrame({"v": pd.Series([value], dtype=object), "u": pd.Series([url], dtype=object)})

    batch = convert(frame, metadata={"order": RichLink(value="v", url="u")})

    assert codes(batch) == found
    assert [payload.get("metadata") for payload in payloads(batch)] == ([] if found else [link and {"order": link}])


@pytest.mark.parametrize("rule", [RichLink(value=Constant("Invoice"), url="x"), RichLink(value="x", url=Constant(URL))])
def test_rich_link_with_a_constant_part_is_absent_with_the_other(becomes, rule):
    """If one part is a constant, the other part's column decides whether a row has the link."""
    sent, absent = becomes(rule, [URL, None])

    assert sent == {"url": URL, "value": URL if rule.value == "x" else "Invoice"}
    assert absent is None


@pytest.mark.parametrize(
    ("constant", "sent"),
    [
        ("back\nfill", "back\nfill"),
        (True, "true"),
        (3, 3),
        (dt.date(2024, 1, 31), 1_706_659_200),
        (pd.Timestamp("2024-01-31T12:00Z"), 1_706_702_400),
    ],
)
def test_constant_is_sent_in_every_row(becomes, constant, sent):
    """A bare constant is sent in every row, by its own type."""
    assert becomes(Constant(constant), [1, 2]) == [sent, sent]


@pytest.mark.parametrize(
    ("rule", "sent"),
    [
        (Text(Constant(3)), "3"),
        (Number(Constant("3.50")), 3.5),
        (Number(Constant(1.5)), 1.5),
        (Number(Constant(decimal.Decimal("1.50"))), 1.5),
        (Date(Constant("31.01.2024"), format="%d.%m.%Y"), 1_706_659_200),
        (Link(Constant(URL)), URL),
        (RichLink(value=Constant("v"), url=Constant(URL)), {"url": URL, "value": "v"}),
    ],
)
def test_rule_of_a_constant_is_sent_in_every_row(becomes, rule, sent):
    """A rule converts a constant as it converts a cell."""
    assert becomes(rule, [1, 2, 3]) == [sent, sent, sent]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"metadata": {"note": Constant("\ud800")}},
            (
                "metadata.note: the constant '\\ud800' holds half of a character (a lone surrogate), "
                "which cannot be sent: fix the text's encoding"
            ),
        ),
        (
            {"event_name": Constant("a\0")},
            "event_name: the constant 'a\\x00' holds a NUL character, which Intercom does not accept: remove it",
        ),
        (
            {"created_at": Constant("soon")},
            (
                "created_at: the constant 'soon' cannot be read as a time: "
                "write it as 2024-01-31T12:00:00, or give its format (of epoch numbers the unit) in a date rule"
            ),
        ),
        (
            {"user_id": Constant(1.5)},
            "user_id: the constant is not an identifier: write it as text or as a whole number",
        ),
        (
            {"email": Constant("ada")},
            (
                "email: the constant is not an email address: "
                "write it with one '@', a name before it and a domain after it"
            ),
        ),
        (
            {"metadata": {"link": RichLink(value=Constant("v"), url=Constant("x.org"))}},
            (
                "metadata.link.url: the constant 'x.org' is not an http or https address: "
                "write it as https://example.org/page, without spaces"
            ),
        ),
        (
            {"metadata": {"note": Constant(dt.timedelta(1))}},
            (
                "metadata.note: the constant datetime.timedelta(days=1) has a type that cannot be sent here: "
                "convert the column to text, numbers or times first"
            ),
        ),
    ],
)
def test_constant_that_cannot_be_sent_refuses_the_mapping(convert, fields, message):
    """A constant that cannot be sent is a fault of the mapping, raised before any row is read."""
    with pytest.raises(MappingError) as caught:
        convert(pd.DataFrame({"x": [1]}), **fields)

    assert str(caught.value) == message


def test_constants_are_judged_all_at_once(convert):
    """The error names every constant that cannot be sent."""
    with pytest.raises(MappingError) as caught:
        convert(
            pd.DataFrame({"x": [1]}),
            created_at=Constant("soon"),
            metadata={"a": Link(Constant("x")), "b": Constant("fine")},
        )

    assert [fault.partition(":")[0] for fault in caught.value.faults] == ["created_at", "metadata.a"]
