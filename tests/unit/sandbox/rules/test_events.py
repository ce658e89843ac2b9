"""The body of a submission, judged by Intercom's rules."""

import pytest

from events_pandas.sandbox.rules.events import SandboxEvent, judge
from events_pandas.sandbox.rules.refusals import Refusal

SEED = b"""{
    "event_name": "placed-order", "created_at": 1389913941, "user_id": "314159",
    "metadata": {
        "order_date": 1392036272, "stripe_invoice": "inv_3434343434",
        "order_number": {"value": "3434-3434", "url": "https://example.org/orders/3434-3434"},
        "price": {"currency": "usd", "amount": 2999}
    }
}"""
NESTED = "is an object, but neither a rich link (url, value) nor a monetary amount (amount, currency)"
AMOUNT = "has an amount that is not a positive integer"
CURRENCY = "has a currency that is not a code of three letters"
URL = "has a url that is not an HTTP or HTTPS address"
FORBIDDEN = "has a character that a metadata key may not have"


def test_judge_keeps_intercoms_own_example() -> None:
    """The example of Intercom's documentation is kept as it is."""
    assert judge(SEED) == SandboxEvent(
        identifier="user_id",
        contact="314159",
        event_name="placed-order",
        created_at=1389913941,
        metadata={
            "order_date": 1392036272,
            "stripe_invoice": "inv_3434343434",
            "order_number": {"value": "3434-3434", "url": "https://example.org/orders/3434-3434"},
            "price": {"currency": "usd", "amount": 2999},
        },
        times_received=1,
    )


def test_judge_normalizes_the_event_name(make_body) -> None:
    """A name is kept in lower case, with hyphens for dots and dollar signs."""
    assert judge(make_body(event_name="Placed.Big$Order")).event_name == "placed-big-order"


@pytest.mark.parametrize("created_at", [1389913941000, 0, -1, 2**63 - 1])
def test_judge_keeps_times_far_from_today(make_body, created_at) -> None:
    """Intercom has been seen to keep milliseconds, and documents no bounds."""
    assert judge(make_body(created_at=created_at)).created_at == created_at


@pytest.mark.parametrize(
    ("identifiers", "contact"),
    [
        ({"user_id": "u", "id": "i", "email": "e"}, ("user_id", "u")),
        ({"user_id": ..., "id": "i", "email": "e"}, ("id", "i")),
        ({"user_id": None, "email": "e"}, ("email", "e")),
    ],
)
def test_judge_takes_the_first_identifier(make_body, identifiers, contact) -> None:
    """The first of user_id, id and email that has a value names the contact."""
    event = judge(make_body(**identifiers))

    assert (event.identifier, event.contact) == contact


@pytest.mark.parametrize("metadata", [..., None, {}])
def test_judge_needs_no_metadata(make_body, metadata) -> None:
    """Metadata is optional."""
    assert judge(make_body(metadata=metadata)).metadata == {}


def test_judge_keeps_the_first_ten_metadata_keys(make_body) -> None:
    """Ten keys are kept, in the order sent, and the others are ignored without an error."""
    event = judge(make_body(metadata=dict.fromkeys("lkjihgfedcba", 1)))

    assert list(event.metadata) == list("lkjihgfedc")


@pytest.mark.parametrize(
    ("changes", "code", "field", "message"),
    [
        ({"event_name": ...}, "parameter_not_found", "event_name", "event_name is required"),
        ({"event_name": None}, "parameter_not_found", "event_name", "event_name is required"),
        ({"event_name": " "}, "parameter_not_found", "event_name", "event_name is blank"),
        ({"event_name": 7}, "parameter_invalid", "event_name", "event_name is not a string"),
        ({"event_name": "a\0"}, "parameter_invalid", "event_name", "event_name has a NUL character"),
        ({"created_at": ...}, "parameter_not_found", "created_at", "created_at is required"),
        (
            {"created_at": "1389913941"},
            "parameter_invalid",
            "created_at",
            "created_at is not an integer of Unix seconds",
        ),
        (
            {"created_at": 1389913941.0},
            "parameter_invalid",
            "created_at",
            "created_at is not an integer of Unix seconds",
        ),
        ({"created_at": True}, "parameter_invalid", "created_at", "created_at is not an integer of Unix seconds"),
        ({"created_at": 2**63}, "parameter_invalid", "created_at", "created_at is not an integer of Unix seconds"),
        ({"user_id": ...}, "parameter_not_found", "user_id", "one of user_id, id and email is required"),
        ({"user_id": ""}, "parameter_not_found", "user_id", "user_id is blank"),
        ({"user_id": 314159}, "parameter_invalid", "user_id", "user_id is not a string"),
        ({"email": "a\0"}, "parameter_invalid", "email", "email has a NUL character"),
        ({"metadata": []}, "parameter_invalid", "metadata", "metadata is not an object"),
        (
            {"metadata": {"a": []}},
            "parameter_invalid",
            "metadata.a",
            "metadata.a is an array, which metadata cannot hold",
        ),
        ({"Email": "e", "x": 1}, "parameter_invalid", "Email", "found unpermitted parameters: Email, x"),
    ],
)
def test_judge_refuses_a_field(make_body, changes, code, field, message) -> None:
    """A missing field is `parameter_not_found`, a wrong one `parameter_invalid`; both are answered 400."""
    assert judge(make_body(**changes)) == Refusal(status=400, code=code, message=message, field=field)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The body is not valid JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"[]", "The body is not a JSON object"),
        (b'{"a": -1e999}', "The body is not valid JSON: -1e999 is too large for a number"),
        (b'{"created_at": NaN}', "The body is not valid JSON: NaN is not a JSON number"),
        (b'{"id": "a", "id": "b"}', "The body is not valid JSON: a key occurs twice in one object"),
    ],
)
def test_judge_refuses_a_body_that_is_not_a_json_object(body, message) -> None:
    """A body is one JSON object, strictly by the standard."""
    assert judge(body) == Refusal(status=400, code="bad_request", message=message)


@pytest.mark.parametrize("body", [b'{"id": "\\ud800"}', b'{"id": "\xff"}', b"[" * 100_000])
def test_judge_refuses_a_body_that_cannot_be_read(body) -> None:
    """Half of a surrogate pair, bytes that are not UTF-8 and endless depth are refused."""
    assert judge(body).code == "bad_request"


def test_judge_keeps_escaped_text(make_body) -> None:
    """An escape in JSON becomes its character."""
    assert judge(make_body(user_id="zoë 🦉")).contact == "zoë 🦉"


@pytest.mark.parametrize(
    "value",
    [
        "desktop",
        "",
        "ü" * 255,
        3.67,
        -1,
        1392036272,
        "https://example.org/ab1de.html",
        {"url": "https://example.org/ab1de.html", "value": "the dude abides"},
        {"url": "HTTP://example.org/" + "a" * 255, "value": ""},
        {"amount": 34999, "currency": "eur"},
        {"currency": "USD", "amount": 1},
        {"url": "https://example.org", "value": "a", "title": "b"},
        {"amount": 34999, "currency": "eur", "type": "monetary_amount"},
        None,
        True,
    ],
)
def test_metadata_takes_documented_and_open_values(make_body, value) -> None:
    """Text, numbers, rich links and money are kept; so are null, booleans and a third key, which are open."""
    assert judge(make_body(metadata={"key": value})).metadata == {"key": value}


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("a" * 256, "has 256 characters, at most 255 are allowed"),
        ("a\0b", "has a NUL character"),
        ([], "is an array, which metadata cannot hold"),
        (["a"], "is an array, which metadata cannot hold"),
        ({}, NESTED),
        ({"first": "a"}, NESTED),
        ({"url": "https://example.org"}, NESTED),
        ({"url": "https://example.org", "title": "b"}, NESTED),
        ({"url": "https://example.org", "value": 1, "title": "b"}, "has a value that is not a string"),
        ({"amount": 0, "currency": "eur", "type": "monetary_amount"}, AMOUNT),
        ({"url": "ftp://example.org", "value": "a"}, URL),
        ({"url": None, "value": "a"}, URL),
        ({"url": "https://example.org", "value": 1}, "has a value that is not a string"),
        ({"url": "https://example.org", "value": "\0"}, "has a NUL character"),
        ({"amount": 0, "currency": "eur"}, AMOUNT),
        ({"amount": -1, "currency": "eur"}, AMOUNT),
        ({"amount": 349.99, "currency": "eur"}, AMOUNT),
        ({"amount": "34999", "currency": "eur"}, AMOUNT),
        ({"amount": True, "currency": "eur"}, AMOUNT),
        ({"amount": 34999, "currency": "euro"}, CURRENCY),
        ({"amount": 34999, "currency": "€€€"}, CURRENCY),
        ({"amount": 34999, "currency": "eu1"}, CURRENCY),
        ({"amount": 34999, "currency": None}, CURRENCY),
    ],
)
def test_metadata_refuses_a_value(make_body, value, fault) -> None:
    """A wrong value is `parameter_invalid`, and named by its path."""
    refusal = judge(make_body(metadata={"good": 1, "price": value}))

    assert (refusal.status, refusal.code, refusal.field) == (400, "parameter_invalid", "metadata.price")
    assert refusal.message == f"metadata.price {fault}"


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        *[(f"a{character}b", FORBIDDEN) for character in ".$~`!@#%^&*'{}|\\\"\0"],
        ("type", "is a reserved key"),
        ("Type", "is a reserved key"),
        ("GOOD", "occurs twice: keys that differ only in case are equal"),
    ],
)
def test_metadata_refuses_a_key(make_body, key, fault) -> None:
    """A key is refused for its characters, if it is reserved, and if it repeats another in another case."""
    refusal = judge(make_body(metadata={"good": 1, key: 2}))

    assert refusal.message == f"metadata.{key} {fault}"
