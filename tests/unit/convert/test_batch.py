"""A chunk of rows as events: payload bytes, the contact of each row, what is left out, and which rows are valid."""

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from events_pandas.convert import Converter
from events_pandas.convert.keys import NO_TIME
from events_pandas.errors import MappingError
from events_pandas.mapping import (
    Column,
    Constant,
    Date,
    EventMapping,
    Link,
    MonetaryAmount,
    Number,
    RichLink,
    Text,
    bind,
)

EVENT = {
    "event_name": "placed-order",
    "created_at": 1_706_702_400,
    "user_id": "314159",
    "metadata": {
        "order_date": 1_706_659_200,
        "stripe_invoice": "inv_3434343434",
        "order_number": {"url": "https://example.org/orders/3434-3434", "value": '3434-"3434"'},
        "price": {"amount": 34999, "currency": "eur"},
        "load": 3.67,
        "page": "https://example.org/ä",
        "source": "back\nfill",
    },
}


@pytest.fixture
def order():
    """Return one row with everything that an event can have."""
    return pd.DataFrame(
        {
            "time": pd.to_datetime(["2024-01-31T12:00Z"]),
            "day": [20240131],
            "customer": [314159.0],
            "invoice": ["inv_3434343434"],
            "order_no": ['3434-"3434"'],
            "url": ["https://example.org/orders/3434-3434"],
            "total": [349.99],
            "currency": ["EUR"],
            "load": [3.67],
            "page": ["https://example.org/ä"],
        }
    )


@pytest.fixture
def mapping():
    """Return the mapping of such rows."""
    return EventMapping(
        event_name="placed-order",
        created_at="time",
        user_id="customer",
        metadata={
            "order_date": Date("day", format="%Y%m%d"),
            "stripe_invoice": "invoice",
            "order_number": RichLink(value="order_no", url="url"),
            "price": MonetaryAmount("total", currency="currency"),
            "load": Number("load"),
            "page": Link("page"),
            "source": Constant("back\nfill"),
        },
        timezone="UTC",
    )


def test_payload_is_the_event_that_was_meant(order, mapping):
    """The payload's bytes equal a dict written by hand: order of keys, no white space, UTF-8."""
    batch = Converter(bind(order, mapping)).convert(0, 1)

    (payload,) = batch.payloads(batch.valid).to_pylist()

    assert payload == json.dumps(EVENT, separators=(",", ":"), ensure_ascii=False).encode()


def test_payload_without_metadata_has_none(convert):
    """An event without metadata has no `metadata` key."""
    frame = pd.DataFrame({"x": ["a", None]})

    batch = convert(frame, metadata={"note": "x"})

    start = b'{"event_name":"placed-order","created_at":1700000000,"user_id":"ada"'
    assert batch.payloads(batch.valid).to_pylist() == [start + b',"metadata":{"note":"a"}}', start + b"}"]
    assert convert(frame).payloads(np.array([True, True])).to_pylist() == [start + b"}", start + b"}"]


def test_payload_leaves_out_absent_metadata(convert, payloads):
    """Absent values are left out, and the rest keeps its order."""
    frame = pd.DataFrame({"a": [None, "x", "y"], "b": [1, None, None], "c": ["u", None, "w"]})

    batch = convert(frame, metadata={"a": "a", "b": "b", "c": "c"})

    assert [list(payload.get("metadata", {}).items()) for payload in payloads(batch)] == [
        [("b", 1), ("c", "u")],
        [("a", "x")],
        [("a", "y"), ("c", "w")],
    ]


@pytest.mark.parametrize("where", [[True, True, True], [False, True, False], [False, False, False]])
def test_payloads_are_those_of_the_rows_asked_for(convert, where):
    """A payload does not depend on the other rows asked for."""
    frame = pd.DataFrame({"e": ["a", "b", "c"], "t": [1, 2, 3], "u": ["x", "y", "z"], "m": [None, 5.5, 6.5]})
    batch = convert(frame, event_name=Column("e"), created_at="t", user_id="u", metadata={"m": "m"})
    everything = batch.payloads(np.array([True, True, True])).to_pylist()

    chosen = batch.payloads(np.array(where)).to_pylist()

    assert chosen == [payload for payload, wanted in zip(everything, where, strict=True) if wanted]


@pytest.mark.parametrize("where", [[True], [False]])
def test_payloads_of_a_single_row(convert, where):
    """In a chunk of one row, columns are not mistaken for constants."""
    batch = convert(pd.DataFrame({"u": ["x"], "m": ["y"]}), user_id="u", metadata={"m": "m", "c": Constant(1)})

    assert len(batch.payloads(np.array(where))) == sum(where)


@pytest.mark.parametrize("key", ["größe", "order no", "a\tb"])
def test_metadata_keys_are_json_strings(convert, payloads, key):
    """Keys are escaped like values."""
    (payload,) = payloads(convert(pd.DataFrame({"x": ["a"]}), metadata={key: "x"}))

    assert payload["metadata"] == {key: "a"}


def test_convert_takes_a_slice_of_the_rows(order, mapping):
    """With any index, positions are the frame's; rows are counted from the frame's start."""
    frame = pd.concat([order] * 4, ignore_index=True).set_index(pd.Index(["a", "a", "b", "c"]))
    frame["total"] = [1.0, 2.0, 0.0, 4.0]

    batch = Converter(bind(frame, mapping)).convert(1, 3)

    assert batch.rows.tolist() == [1, 2]
    assert batch.valid.tolist() == [True, False]
    assert [(finding.code, finding.rows.tolist()) for finding in batch.findings] == [
        ("float_identifier", [1]),
        ("amount_not_positive", [2]),
    ]
    (payload,) = batch.payloads(batch.valid).to_pylist()
    assert json.loads(payload)["metadata"]["price"]["amount"] == 200


@pytest.mark.parametrize("arrow_type", [pa.string(), pa.large_string()])
@pytest.mark.parametrize("fault", ["", None, "a\0", "a" * 256])
def test_convert_takes_a_slice_of_arrow_strings(payloads, arrow_type, fault):
    """Texts in the middle of an Arrow buffer belong to their own rows, even beside faulty ones."""
    texts = ["before", "b" * 255, "first", fault, "ab", "last", "after"]
    frame = pd.DataFrame({"m": pd.Series(texts, dtype=pd.ArrowDtype(arrow_type))})
    fields = {"event_name": "e", "created_at": Constant(1_700_000_000), "user_id": "m", "timezone": "UTC"}
    mapping = EventMapping(**fields, metadata={"m": Text("m")})

    batch = Converter(bind(frame, mapping)).convert(2, 6)

    assert [(payload["user_id"], payload["metadata"]["m"]) for payload in payloads(batch)] == [
        ("first", "first"),
        ("ab", "ab"),
        ("last", "last"),
    ]


def test_convert_takes_no_rows(order, mapping):
    """A chunk without rows has no payloads and no findings."""
    batch = Converter(bind(order, mapping)).convert(0, 0)

    assert (len(batch.valid), len(batch.keys().seconds), len(batch.payloads(batch.valid))) == (0, 0, 0)
    assert batch.digests().shape == (2, 0)
    assert batch.findings == ()


def test_convert_does_not_change_the_frame(order, mapping):
    """The caller's frame does not change."""
    before = order.copy(deep=True)

    Converter(bind(order, mapping)).convert(0, 1)

    pd.testing.assert_frame_equal(order, before)


@pytest.mark.parametrize(
    ("row", "contact"),
    [
        (["u", "i", "a@b.c"], '"user_id":"u"'),
        ([None, "i", "a@b.c"], '"id":"i"'),
        ([None, None, "a@b.c"], '"email":"a@b.c"'),
        (["", "i", None], '"id":"i"'),
        (['"\\', None, None], '"user_id":"\\"\\\\"'),
    ],
)
def test_contact_is_the_first_identifier_that_is_present(convert, row, contact):
    """Exactly one identifier is sent, user_id before id before email, with any order in the mapping."""
    frame = pd.DataFrame([row], columns=["u", "i", "e"], dtype=object)

    batch = convert(frame, email="e", id="i", user_id="u")

    assert batch.contacts.keys(np.array([True])).to_pylist() == [contact]
    assert contact.encode() in batch.payloads(batch.valid)[0].as_py()


def test_contact_with_a_bad_identifier_is_not_passed_over(convert, codes):
    """A row with a bad identifier is invalid: the next identifier does not replace it."""
    frame = pd.DataFrame({"u": [1.5, np.nan], "e": ["a@b.c", "d@e.f"]})

    batch = convert(frame, user_id="u", email="e")

    assert codes(batch) == [("identifier_unreadable", [0]), ("several_identifiers", [0])]
    assert batch.contacts.mask().tolist() == [False, True]
    assert batch.contacts.keys(batch.valid).to_pylist() == ['"email":"d@e.f"']
    assert batch.valid.tolist() == [False, True]


def test_keys_of_contacts_are_equal_for_spellings_of_an_address(convert):
    """Email addresses ignore case, and a user_id does not."""
    frame = pd.DataFrame({"who": ["A", "a", None, None], "mail": [None, None, "B@c.d", "b@C.D"], "day": "2024-01-31"})

    batch = convert(frame, user_id="who", email="mail")

    keys = ['"user_id":"A"', '"user_id":"a"', '"email":"b@c.d"', '"email":"b@c.d"']
    assert batch.contacts.keys(batch.valid).to_pylist() == keys


@pytest.mark.parametrize("value", ["no address", "a@b.c ", None, 7])
def test_email_that_is_not_sent_never_makes_its_row_invalid(convert, codes, payloads, value):
    """If an earlier identifier is present, a faulty later one does not matter."""
    frame = pd.DataFrame({"who": ["7", None, "8"], "mail": pd.Series([value, "d@e.f", "d@e.f"], dtype=object)})

    batch = convert(frame, user_id="who", email="mail")

    assert batch.valid.tolist() == [True, True, True]
    assert codes(batch) == [("several_identifiers", [2] if value is None else [0, 2])]
    assert [list(payload)[2] for payload in payloads(batch)] == ["user_id", "email", "user_id"]


def test_identifier_that_is_sent_is_judged_alone(convert, codes):
    """A bad first identifier makes its row invalid; a bad later one does not."""
    frame = pd.DataFrame({"who": [None, "#N/A", "7"], "lead": ["#N/A", "8", "nan"], "mail": ["a@b.c", "bad", "bad"]})

    batch = convert(frame, user_id="who", id="lead", email="mail")

    assert batch.valid.tolist() == [False, False, True]
    assert codes(batch) == [
        ("identifier_sheet_error", [1]),
        ("identifier_sheet_error", [0]),
        ("several_identifiers", [1, 2]),
        ("several_identifiers", [0, 1, 2]),
    ]


def test_note_of_a_column_of_identifiers_stays_if_its_first_row_sends_another(convert, codes):
    """A note about the whole column is made even if its first row sends another identifier."""
    frame = pd.DataFrame({"who": ["7", None], "lead": [1.0, 2.0]})

    assert codes(convert(frame, user_id="who", id="lead")) == [("float_identifier", [0]), ("several_identifiers", [0])]


def test_unusable_identifier_has_no_key(convert):
    """A row with an unusable identifier is not a duplicate, and no other row is a duplicate of it."""
    assert convert(pd.DataFrame({"x": ["1.23457E+11", "#N/A", "7"]}), user_id="x").has_key().tolist() == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("identifier", "what"),
    [
        ('"42"', "is wrapped in a spreadsheet's marks for text: remove the equals sign, the quotes or the apostrophe"),
        ("42\u200b", "holds an invisible character: remove it"),
    ],
)
def test_unusable_constant_identifier_refuses_the_mapping(convert, identifier, what):
    """An unusable constant identifier is a fault of the mapping."""
    with pytest.raises(MappingError) as caught:
        convert(pd.DataFrame({"x": [1]}), user_id=Constant(identifier))

    assert str(caught.value) == f"user_id: the constant {what}"


def test_contact_with_several_identifiers_is_noted(convert, codes):
    """An identifier that is present but not sent gets a note under its own field."""
    frame = pd.DataFrame({"u": ["u", None], "e": ["a@b.c", "d@e.f"]})

    batch = convert(frame, user_id="u", email="e")

    assert codes(batch) == [("several_identifiers", [0])]
    assert [finding.field for finding in batch.findings] == ["email"]
    assert batch.valid.all()


def test_row_without_an_identifier_is_invalid(convert, codes):
    """A missing identifier is reported once, under the mapping's first identifier."""
    frame = pd.DataFrame({"i": ["x", None], "e": [None, None]})

    batch = convert(frame, id="i", email="e")

    assert codes(batch) == [("identifier_missing", [1])]
    assert batch.findings[0].field == "id"


def test_row_without_a_time_is_invalid(convert, codes):
    """A time is required; a time that cannot be read is not also reported as missing."""
    frame = pd.DataFrame({"t": ["2024-01-31", None, "soon", ""]})

    batch = convert(frame, created_at="t")

    assert codes(batch) == [("time_unreadable", [2]), ("created_at_missing", [1, 3])]
    assert batch.created_at.to_pylist() == [1_706_659_200, None, None, None]


def test_row_with_several_faults_has_them_all(convert, codes):
    """All faults of a row are reported at once."""
    frame = pd.DataFrame({"t": ["soon"], "u": [None], "x": ["a" * 256]})

    batch = convert(frame, created_at="t", user_id="u", metadata={"x": "x", "l": Link("x")})

    assert codes(batch) == [
        ("time_unreadable", [0]),
        ("identifier_missing", [0]),
        ("text_too_long", [0]),
        ("text_too_long", [0]),
    ]


@pytest.fixture
def eleven():
    """Return a mapping of metadata with eleven keys; the last one is a constant."""
    return {**{f"k{number}": Text(f"k{number}") for number in range(10)}, "source": Constant("backfill")}


def test_metadata_beyond_ten_values_is_refused(convert, codes, eleven):
    """An eleventh value is an error, because Intercom would ignore it silently; absent values do not count."""
    frame = pd.DataFrame([["v"] * 10, ["v"] * 9 + [None]], columns=[f"k{number}" for number in range(10)])

    batch = convert(frame, metadata=eleven)

    assert codes(batch) == [("metadata_overflow", [0])]
    assert batch.findings[0].severity == "error"
    assert batch.findings[0].messages().to_pylist() == [
        (
            "metadata: 11 values are present, more than Intercom keeps, and it ignores the rest silently: "
            "leave keys out of the mapping, or set metadata_overflow to 'drop' to send only the first ones"
        )
    ]


def test_metadata_of_eleven_keys_may_all_have_ten_values(convert, codes, eleven):
    """A mapping may have more than ten keys if no row has more than ten values."""
    frame = pd.DataFrame([["v"] * 9 + [None]], columns=[f"k{number}" for number in range(10)])

    assert codes(convert(frame, metadata=eleven)) == []


def test_metadata_that_is_bad_can_be_left_out(convert, codes, payloads):
    """With "omit" the event goes without the bad value, the finding says that it was left out, and the rest stays."""
    frame = pd.DataFrame({"x": [0, 5], "note": ["a", "b"]})
    price = MonetaryAmount("x", currency=Constant("usd"))

    batch = convert(frame, metadata={"price": price, "note": "note"}, on_invalid_metadata="omit")

    assert [payload["metadata"] for payload in payloads(batch)] == [
        {"note": "a"},
        {"price": {"amount": 500, "currency": "usd"}, "note": "b"},
    ]
    assert codes(batch) == [("amount_not_positive", [0])]
    (finding,) = batch.findings
    assert (finding.severity, finding.is_omission) == ("note", True)
    assert finding.messages()[0].as_py().endswith("accepts only positive amounts: the event is sent without it")


@pytest.mark.parametrize("fields", [{"user_id": "x"}, {"created_at": "x"}, {"event_name": Column("x")}, {"email": "x"}])
def test_required_fields_are_never_left_out(convert, fields):
    """The option "omit" concerns metadata only: name, time and contact stay required."""
    frame = pd.DataFrame({"x": pd.Series([["nested"]], dtype=object)})

    batch = convert(frame, on_invalid_metadata="omit", **fields)

    assert batch.valid.tolist() == [False]
    assert [finding.severity for finding in batch.findings] == ["error"]


def test_metadata_overflow_is_never_left_out(convert, eleven):
    """The option "omit" does not apply to too many values: none of them is bad by itself."""
    frame = pd.DataFrame([["v"] * 10], columns=[f"k{number}" for number in range(10)])

    assert convert(frame, metadata=eleven, on_invalid_metadata="omit").valid.tolist() == [False]


NUMBERS = MonetaryAmount("b", currency=Constant("usd"))


@pytest.mark.parametrize(
    ("cells", "kept"),
    [
        (["a", 2, "c", "d"], ["a", "source", "b"]),
        ([None, 2, "c", "d"], ["source", "b", "c"]),
        (["a", None, "c", "d"], ["a", "source", "c"]),
        (["a", 2, None, "d"], ["a", "source", "b"]),
        ([None, None, "c", "d"], ["source", "c", "d"]),
        ([None, None, None, None], ["source"]),
    ],
)
def test_metadata_beyond_the_limit_can_be_dropped(convert, payloads, cells, kept):
    """The first values present are sent, in the mapping's order; absent ones do not count, constants do."""
    frame = pd.DataFrame([cells], columns=list("abcd"), dtype=object)
    metadata = {"a": Text("a"), "source": Constant("backfill"), "b": NUMBERS, "c": Text("c"), "d": Text("d")}

    batch = convert(frame, metadata=metadata, metadata_limit=3, metadata_overflow="drop")

    (payload,) = payloads(batch)
    assert list(payload["metadata"]) == kept


def test_metadata_that_is_dropped_is_noted_row_by_row(convert, payloads):
    """Each row with too many values gets a note with their number, and is sent."""
    frame = pd.DataFrame([["u", "v", "w"], ["u", None, "w"], ["u", "v", None]], columns=list("abc"), dtype=object)
    metadata = {"a": Text("a"), "b": Text("b"), "source": Constant("x"), "c": Text("c")}

    batch = convert(frame, metadata=metadata, metadata_limit=2, metadata_overflow="drop")

    (finding,) = batch.findings
    assert (finding.code, finding.severity, finding.rows.tolist()) == ("metadata_dropped", "note", [0, 1, 2])
    assert finding.messages().to_pylist() == [
        f"metadata: {count} values are present, more than Intercom keeps, and only the first ones are sent: "
        "order the mapping's metadata by importance"
        for count in (4, 3, 3)
    ]
    assert [list(payload["metadata"]) for payload in payloads(batch)] == [["a", "b"], ["a", "source"], ["a", "b"]]


def test_metadata_that_is_left_out_does_not_count(convert, codes, payloads):
    """A bad value that is left out makes room for the next one."""
    frame = pd.DataFrame({"a": ["a\0"], "b": ["b"], "c": ["c"]})

    batch = convert(frame, metadata={"a": "a", "b": "b", "c": "c"}, metadata_limit=2, on_invalid_metadata="omit")

    assert codes(batch) == [("nul_character", [0])]
    assert [payload["metadata"] for payload in payloads(batch)] == [{"b": "b", "c": "c"}]


def test_several_identifiers_are_noted_row_by_row(convert):
    """Each row with several identifiers gets a note that does not show the person's address."""
    frame = pd.DataFrame({"u": ["u", None, "w"], "e": ["a@b.c", "d@e.f", "g@h.i"]})

    (finding,) = convert(frame, user_id="u", email="e").findings

    assert (finding.code, finding.severity, finding.rows.tolist()) == ("several_identifiers", "note", [0, 2])
    assert (
        finding.messages().to_pylist()
        == [
            (
                "email: column 'e' is not sent, because an earlier identifier is present and Intercom takes exactly "
                "one: map one identifier only, or accept that the first is used"
            )
        ]
        * 2
    )


def test_convert_rows_takes_any_rows(order, mapping):
    """Rows in any order get the same events as in their chunk."""
    frame = pd.concat([order] * 4, ignore_index=True)
    frame["total"] = [1.0, 0.0, 3.0, 4.0]
    converter = Converter(bind(frame, mapping))

    batch = converter.convert_rows(np.array([3, 1, 0]))

    whole = converter.convert(0, 4)
    assert batch.rows.tolist() == [3, 1, 0]
    assert batch.valid.tolist() == [True, False, True]
    assert ("amount_not_positive", [1]) in [(finding.code, finding.rows.tolist()) for finding in batch.findings]
    assert batch.payloads(batch.valid).to_pylist() == whole.payloads(whole.valid).take([2, 0]).to_pylist()


def test_convert_rows_takes_rows_of_string_views(payloads):
    """Single rows of Arrow's string views can be converted: they become strings first."""
    values = pa.array(["x", None, "z"], pa.string_view())
    frame = pd.DataFrame({"m": pd.Series(pd.arrays.ArrowExtensionArray(values))})
    fields = {"event_name": "e", "created_at": Constant(1_700_000_000), "user_id": Constant("ada"), "timezone": "UTC"}
    mapping = EventMapping(**fields, metadata={"m": Text("m")})

    batch = Converter(bind(frame, mapping)).convert_rows(np.array([2, 1]))

    assert [payload.get("metadata") for payload in payloads(batch)] == [{"m": "z"}, None]


def test_payload_has_another_second_where_it_is_given(convert, payloads):
    """A given second replaces the event's own; nothing else changes."""
    batch = convert(pd.DataFrame({"t": [1, 2], "m": ["x", None]}), created_at="t", metadata={"m": "m"})
    own = payloads(batch)

    moved = [json.loads(payload) for payload in batch.payloads(batch.valid, np.array([1, 7])).to_pylist()]

    assert moved == [own[0], own[1] | {"created_at": 7}]


def test_digests_tell_events_apart_by_what_they_hold(convert):
    """Digests depend on metadata and the spelling of the name, not on contact and second."""
    frame = pd.DataFrame(
        {"e": ["a-b", "a-b", "a.b", "a-b", "a-b"], "m": ["x", "x", "x", None, "y"], "u": list("uvwxy"), "t": range(5)}
    )

    metadata, names = convert(frame, event_name=Column("e"), created_at="t", user_id="u", metadata={"m": "m"}).digests()

    assert [metadata[0] == digest for digest in metadata] == [True, True, True, False, False]
    assert [names[0] == digest for digest in names] == [True, True, False, True, True]


def test_digests_are_the_same_in_any_order_of_the_metadata(convert):
    """The order of the mapping's keys does not change the digests."""
    frame = pd.DataFrame({"a": ["x", None], "b": [1.5, 2.0]})

    one, other = (convert(frame, metadata={key: key for key in keys}) for keys in ("ab", "ba"))

    assert one.digests()[0].tolist() == other.digests()[0].tolist()


def test_digests_are_the_same_however_a_number_is_written(convert):
    """12.50 and 12.5 have the same digest, and so have 464.0 and 464, and -0.0 and 0."""
    ways = [
        [464.0, 12.5, 100.0, -0.0],
        ["464", "12.50", "1E+02", "0"],
        ["464.00", "1.25e1", "100", "-0.0"],
        [464, Decimal("12.50"), 100, 0],
    ]

    digests = [convert(pd.DataFrame({"n": way}), metadata={"n": Number("n")}).digests()[0].tolist() for way in ways]

    assert digests == [digests[0]] * 4
    assert len(set(digests[0])) == 4


def test_addresses_are_one_contact_in_any_case(convert):
    """Email addresses are compared without case, user ids with case."""
    frame = pd.DataFrame({"who": ["Ada@example.org", "ada@example.org"]})

    addresses, names = (convert(frame, **{field: "who"}).contacts.words for field in ("email", "user_id"))

    assert addresses[:, 0].tolist() == addresses[:, 1].tolist()
    assert names[:, 0].tolist() != names[:, 1].tolist()


@pytest.mark.parametrize("rule", [Text("n"), "n", RichLink(value="n", url=Constant("https://example.org"))])
def test_digests_are_the_same_however_a_number_is_typed(convert, rule):
    """7, 7.0 and "7" have the same digest, so a column whose type changes between runs sends nothing again."""
    ways = [["7", "-12.50", "x"], ["7.0", "-12.5", "x"], [7, Decimal("-12.50"), "x"], [7.0, -12.5, "x"]]
    frames = [pd.DataFrame({"n": pd.Series(way, dtype=object)}) for way in ways]

    digests = [convert(frame, metadata={"n": rule}).digests()[0].tolist() for frame in frames]

    assert digests == [digests[0]] * 4
    assert len(set(digests[0])) == 3


def test_digests_of_texts_are_those_of_the_numbers_that_they_are(convert):
    """A value sent once as a number and once as text has the same digest."""
    frame = pd.DataFrame({"n": ["7", "12.50", "-0", "1e5"]})

    text, number = (convert(frame, metadata={"n": rule("n")}).digests()[0].tolist() for rule in (Text, Number))

    assert [one == other for one, other in zip(text, number, strict=True)] == [True, True, True, False]


def test_digests_tell_texts_apart_that_only_look_like_numbers(convert):
    """Leading zeros, signs, exponents and blanks make texts differ from numbers."""
    frame = pd.DataFrame({"n": ["7", "007", "+7", "7 ", "7e0", "7.", ".7", "7,0"]})

    assert len(set(convert(frame, metadata={"n": Text("n")}).digests()[0].tolist())) == 8


def test_keys_and_digests_are_what_they_were_in_the_first_version(convert):
    """Keys and digests never change: journals keep them, and with others every event would be sent again."""
    frame = pd.DataFrame(
        {
            "e": ["placed-order", "Placed.Order"],
            "u": ["00042", "ada@example.org" * 80],
            "t": [1_700_000_000, 0],
            "a": ["x", None],
            "b": [1.5, 2.0],
        }
    )

    batch = convert(frame, event_name=Column("e"), created_at="t", user_id="u", metadata={"b": "b", "a": "a"})

    assert batch.keys().words(slice(None)).T.tolist() == [
        [12_067_402_792_801_038_474, 14_465_653_503_184_874_573],
        [9_371_793_661_637_204_629, 6_448_354_877_192_163_636],
    ]
    assert batch.digests()[0].tolist() == [7_715_789_183_475_581_438, 4_382_362_064_941_007_847]


def test_first_words_are_those_of_the_keys(convert):
    """A check finds with them the rows whose keys it then compares, whichever field names the contact of each."""
    frame = pd.DataFrame(
        {
            "e": ["placed-order", "Placed.Order", "b"],
            "u": ["00042", None, "x" * 2000],
            "m": ["ada@example.org", "Ada@example.org", None],
            "t": [1, 2, 2**31],
        }
    )

    batch = convert(frame, event_name=Column("e"), created_at="t", user_id="u", email="m")

    assert batch.first_words().tolist() == batch.keys().words(slice(None))[0].tolist()
    assert batch.contacts.first_words.tolist() == batch.contacts.words[:1].tolist()


def test_event_has_a_key_with_any_other_fault(convert):
    """The key needs only contact, name and time; metadata does not matter."""
    frame = pd.DataFrame(
        {"u": ["a", None, "c", "d"], "t": [1, 2, None, 4], "e": ["x", "x", "x", " "], "m": ["a\0", "", "", ""]}
    )

    batch = convert(frame, event_name=Column("e"), created_at="t", user_id="u", metadata={"m": "m"})

    assert batch.has_key().tolist() == [True, False, False, False]
    assert batch.valid.tolist() == [False, False, False, False]
    assert batch.seconds().tolist() == [1, 2, NO_TIME, 4]


@pytest.mark.parametrize(
    ("column", "digits"),
    [
        ([42, 7, 100], (1, 3, 1)),
        ([42, 17], (2, 2, 0)),
        (pd.array([None, 7], dtype="Int64"), (1, 1, 1)),
        (pd.Series([None, 42, 7], dtype=object), (1, 2, 2)),
    ],
)
def test_contacts_tell_how_long_their_numbers_are(convert, column, digits):
    """For a column of whole numbers, contacts have the fewest and most digits, and the first row with the fewest."""
    found = convert(pd.DataFrame({"u": column}), user_id="u").contacts.digits["user_id"]

    assert (found.fewest, found.most, found.row) == digits


@pytest.mark.parametrize("column", [["42", "7"], [42.0, 7.0], pd.Series([42, "7"], dtype=object)])
def test_contacts_tell_nothing_of_numbers_where_some_are_none(convert, column):
    """Columns of text or floats have no digit counts."""
    assert convert(pd.DataFrame({"u": column}), user_id="u").contacts.digits == {"user_id": None}


def test_metadata_that_cannot_be_sent_yet_counts_against_the_limit(convert, codes):
    """A bad value counts against the limit, so that fixing it does not cause a new finding."""
    frame = pd.DataFrame({"a": ["x"], "b": ["soon"], "c": ["https://"]})
    metadata = {"a": "a", "b_at": Date("b"), "c": Link("c")}

    batch = convert(frame, metadata=metadata, metadata_limit=2)

    assert sorted(codes(batch)) == [("link_malformed", [0]), ("metadata_overflow", [0]), ("time_unreadable", [0])]


def test_batch_gives_each_row_the_name_under_which_intercom_counts_it(convert):
    """Spellings of one name give the same name, for the chosen rows only."""
    batch = convert(pd.DataFrame({"name": ["A.b", "a-B", None, "c"]}), event_name=Column("name"))

    assert batch.normalized_names(np.array([True, True, False, False])) == ["a-b", "a-b"]
    assert batch.normalized_names(np.zeros(4, dtype=bool)) == []


def test_batch_gives_rows_of_one_name_one_object(convert):
    """Equal names are one object in memory, however many rows have them."""
    names = convert(pd.DataFrame({"x": [1, 2, 3]}), event_name="Placed.Order").normalized_names(np.ones(3, dtype=bool))

    assert names == ["placed-order"] * 3
    assert len({id(name) for name in names}) == 1


def test_batch_says_which_identifier_names_each_contact(convert):
    """The first identifier present names the contact, in the documented order."""
    frame = pd.DataFrame({"who": ["7", None, None], "address": ["a@example.org", "b@example.org", None]})

    batch = convert(frame, user_id="who", email="address")

    assert {identifier.name: identifier.where.tolist() for identifier in batch.contacts.identifiers} == {
        "user_id": [True, False, False],
        "email": [False, True, False],
    }
    assert batch.contacts.identifiers[0].values.to_pylist() == ["7", None, None]


NOT_A_LINK = "is not an http or https address: write it as https://example.org/page, without spaces"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Link("email"), f"metadata.k: a value in column 'email' {NOT_A_LINK}"),
        (RichLink(value="order", url="email"), f"metadata.k.url: a value in column 'email' {NOT_A_LINK}"),
        (
            MonetaryAmount("order", currency="email"),
            (
                "metadata.k.currency: a value in column 'email' is not a currency of ISO 4217: "
                "write three letters such as 'usd'"
            ),
        ),
        (Link("order"), f"metadata.k: '7' in column 'order' {NOT_A_LINK}"),
    ],
)
def test_message_does_not_show_an_identifier_in_any_field(convert, rule, message):
    """If metadata read the column of an identifier, too, messages name the column, but not the person."""
    frame = pd.DataFrame({"email": ["ada@example.org"], "order": ["7"]})

    batch = convert(frame, email="email", metadata={"k": rule})

    assert [text for finding in batch.findings for text in finding.messages().to_pylist()] == [message]


def test_cure_does_not_show_a_part_of_an_identifier(convert):
    """How to fix a number may depend on what it is: for identifiers it is said in general."""
    batch = convert(pd.DataFrame({"who": ["4.711"]}), user_id="who", metadata={"n": Number("who")})

    assert [text for finding in batch.findings for text in finding.messages().to_pylist()] == [
        (
            "metadata.n: a value in column 'who' can be read in two ways, since no decimal sign is known for its "
            "column: set decimal to ',' or '.' in the mapping's source"
        )
    ]


def test_note_on_the_column_of_an_identifier_keeps_its_counts(convert):
    """A note that shows no cell says as much as for any other column."""
    batch = convert(pd.DataFrame({"who": ["a", *"7777"]}), user_id="who", metadata={"who": "who"})

    assert [text for finding in batch.findings for text in finding.messages().to_pylist()] == [
        (
            "metadata.who: 4 numbers among 5 values in column 'who' are sent as text, because the column has no rule "
            "in the mapping and its values do not show a type: give the column a number, money or date rule in the "
            "mapping, or a text rule if it is text"
        )
    ]
