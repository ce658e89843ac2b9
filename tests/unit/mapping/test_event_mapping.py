"""EventMapping: a value that is checked when it is made, its rules by path, and its digest."""

import copy
import dataclasses
import pickle
import re

import pandas as pd
import pytest

from events_pandas.mapping import Column, Constant, Date, EventMapping, Link, MonetaryAmount, Number, SourceFormat, Text
from events_pandas.mapping.event_mapping import mapping_digest
from events_pandas.mapping.rule_parts import EXPRESSION_TYPE


def test_event_mapping_takes_keywords_only():
    """Fields that may all be strings are given by name."""
    with pytest.raises(TypeError, match="positional argument"):
        EventMapping("placed-order", "time")


def test_event_mapping_keeps_a_copy_of_its_metadata(mapping):
    """A later change of the caller's dict does not change the mapping."""
    metadata = {"invoice": "inv"}
    checked = mapping(metadata=metadata)

    metadata["type"] = "x"

    assert dict(checked.metadata) == {"invoice": "inv"}


def test_event_mapping_cannot_be_changed(mapping):
    """The fields and the metadata of a mapping cannot be set."""
    checked = mapping(metadata={"invoice": "inv"})

    with pytest.raises(dataclasses.FrozenInstanceError):
        checked.timezone = "UTC"
    with pytest.raises(TypeError, match="does not support item assignment"):
        checked.metadata["type"] = "x"


def test_event_mapping_can_be_replaced_in_part(mapping):
    """`dataclasses.replace` returns a mapping with other options, which is checked again."""
    replaced = dataclasses.replace(mapping(metadata={"invoice": "inv"}), timezone="Europe/Berlin")

    assert replaced == mapping(metadata={"invoice": "inv"}, timezone="Europe/Berlin")


def test_event_mapping_has_safe_defaults(mapping):
    """By default duplicates are not sent, a bad value makes its row invalid, and no time zone is set."""
    made = mapping()

    assert (made.duplicates, made.on_invalid_metadata, made.timezone, dict(made.metadata)) == (
        "skip",
        "error",
        None,
        {},
    )


def test_event_mapping_allows_ten_metadata_values_by_default(mapping):
    """The default limit is that of Intercom's reference, and a row with more values is invalid."""
    made = mapping()

    assert (made.metadata_limit, made.metadata_overflow) == (10, "error")


@pytest.mark.parametrize(
    "options",
    [
        {"duplicates": "spread"},
        {"duplicates": "send"},
        {"on_invalid_metadata": "omit"},
        {"metadata_limit": 1},
        {"metadata_limit": 20, "metadata_overflow": "drop"},
    ],
)
def test_event_mapping_takes_every_option(mapping, options):
    """Every option that changes a payload or a verdict belongs to the mapping."""
    made = mapping(**options)

    assert {name: getattr(made, name) for name in options} == options


def test_event_mapping_is_shown_with_its_fields(mapping):
    """The repr of a mapping has all of its fields."""
    assert repr(mapping(metadata={"note": Text("note", truncate=True)}, duplicates="spread")) == (
        "EventMapping(event_name='placed-order', created_at='time', user_id='customer', id=None, email=None, "
        "metadata=mappingproxy({'note': Text(source='note', truncate=True)}), timezone=None, duplicates='spread', "
        "on_invalid_metadata='error', metadata_limit=10, metadata_overflow='error')"
    )


def test_event_mapping_is_shown_with_its_source_where_it_is_given(mapping):
    """How files are written is shown only if something of it is given."""
    assert repr(mapping(source=SourceFormat(decimal=","))).endswith(
        ", source=SourceFormat(delimiter=None, encoding=None, decimal=',', sheet=None))"
    )


def test_rules_are_in_the_order_sent(mapping):
    """The three required fields come first, identifiers by precedence, metadata as given."""
    made = mapping(email="mail", id="ic", user_id="u", metadata={"b": "x", "a": "y"})

    assert list(made.rules()) == ["event_name", "created_at", "user_id", "id", "email", "metadata.b", "metadata.a"]


@pytest.mark.parametrize(
    ("event_name", "rule"),
    [
        ("placed-order", Text(Constant("placed-order"))),
        (Constant("placed-order"), Text(Constant("placed-order"))),
        (Column("event"), Text("event")),
        (len, Text(len)),
    ],
)
def test_rules_take_a_plain_event_name_literally(mapping, event_name, rule):
    """A plain event name is the only literal; a column of names needs `Column`."""
    assert mapping(event_name=event_name).rules()["event_name"] == rule


@pytest.mark.parametrize(
    ("created_at", "rule"),
    [
        ("time", Date("time")),
        (Column("time"), Date("time")),
        (Date("day", format="%Y%m%d"), Date("day", format="%Y%m%d")),
        (Constant(1_700_000_000), Date(Constant(1_700_000_000))),
    ],
)
def test_rules_read_created_at_as_a_date(mapping, created_at, rule):
    """A bare source of `created_at` is a time, for any dtype."""
    assert mapping(created_at=created_at).rules()["created_at"] == rule


@pytest.mark.parametrize("user_id", ["customer", Column("customer")])
def test_rules_read_identifiers_as_text(mapping, user_id):
    """Identifiers are text, for any dtype."""
    assert mapping(user_id=user_id).rules()["user_id"] == Text("customer")


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        ("x", Column("x")),
        (("x", 1), Column(("x", 1))),
        (Constant(3), Column(Constant(3))),
        (Column("x"), Column("x")),
        (Link("x"), Link("x")),
    ],
)
def test_rules_leave_the_type_of_a_bare_column_open(mapping, entry, rule):
    """The type of a bare column of the metadata is decided with a frame."""
    assert mapping(metadata={"key": entry}).rules()["metadata.key"] == rule


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda mapping: pickle.loads(pickle.dumps(mapping))])
def test_mapping_can_be_copied_and_pickled(copied):
    """A copy and a pickle of a mapping equal it, so that worker processes can get it."""
    mapping = EventMapping(event_name="a", created_at=Date("day", unit="ms"), id="who", metadata={"n": Number("n")})

    assert copied(mapping) == mapping


@pytest.fixture
def orders():
    """A mapping with metadata of several kinds."""
    return EventMapping(
        event_name="placed-order",
        created_at="day",
        user_id="who",
        metadata={"price": MonetaryAmount("total", currency=Constant("eur")), "shop": "shop"},
    )


def test_digest_is_the_same_in_every_process(orders):
    """A digest is kept in a journal, and compared with that of another day."""
    assert mapping_digest(orders) == mapping_digest(dataclasses.replace(orders)) == "3e9c9f65ed08"


@pytest.mark.parametrize(
    "change",
    [{"strip_identifiers": True}, {"user_id": Column("who", strip=True)}, {"email": Column("address", strip=True)}],
)
def test_digest_is_that_of_before_identifiers_could_be_stripped(change):
    """A digest differs only if an identifier is stripped."""
    metadata = {"note": Column("note"), "fee": Column(Constant(3))}
    mapping = EventMapping(
        event_name=Column("kind"), created_at="day", user_id="who", email=Column("address"), metadata=metadata
    )

    assert mapping_digest(mapping) == "bc66662eaf05"
    assert mapping_digest(dataclasses.replace(mapping, **change)) != "bc66662eaf05"


@pytest.mark.parametrize("option", [{"ambiguous": "earlier"}, {"nonexistent": "shift"}])
def test_digest_is_that_of_before_dates_had_an_option(option):
    """The time of an event is read by a rule, whose later options do not change digests where they are not set."""
    mapping = EventMapping(event_name="paid", created_at="day", email="address", metadata={"paid_at": Date("day")})

    assert mapping_digest(mapping) == "2dd68086835e"
    for changed in ({"created_at": Date("day", **option)}, {"metadata": {"paid_at": Date("day", **option)}}):
        assert mapping_digest(dataclasses.replace(mapping, **changed)) != "2dd68086835e"


@pytest.mark.parametrize("option", [{"rounding": "half_up"}, {"zero": "omit"}, {"decimal": ","}])
def test_digest_is_that_of_before_amounts_had_an_option(option):
    """An option that is added to a rule later does not change digests where it is not set."""
    cents = MonetaryAmount("cents", currency=Constant("usd"), unit="minor")
    metadata = {"price": MonetaryAmount("total", currency="currency"), "fee": cents}
    mapping = EventMapping(event_name="paid", created_at="day", email="address", metadata=metadata)

    assert mapping_digest(mapping) == "a3f7e0a1eae6"
    changed = dataclasses.replace(mapping, metadata={**metadata, "fee": dataclasses.replace(cents, **option)})
    assert mapping_digest(changed) != "a3f7e0a1eae6"


@pytest.mark.parametrize(
    "change",
    [
        {"event_name": "sold"},
        {"event_name": Column("sold")},
        {"user_id": None, "email": "who"},
        {"timezone": "Europe/Berlin"},
        {"duplicates": "spread"},
        {"metadata_limit": 11},
        {"source": SourceFormat(decimal=",")},
        {"metadata": {"price": MonetaryAmount("total", currency=Constant("usd")), "shop": "shop"}},
        {"metadata": {"price": MonetaryAmount("total", currency=Constant("eur"))}},
    ],
)
def test_digest_differs_when_the_mapping_does(orders, change):
    """A digest covers every rule and every option that changes a payload or a verdict."""
    assert mapping_digest(dataclasses.replace(orders, **change)) != mapping_digest(orders)


def test_digest_does_not_depend_on_the_form_of_files(orders):
    """Delimiter, encoding and sheet change no event: a mapping keeps its digest when a file is exported otherwise."""
    source = SourceFormat(delimiter=";", encoding="cp1252", sheet="Tabelle1")

    assert mapping_digest(dataclasses.replace(orders, source=source)) == mapping_digest(orders)


def test_digest_does_not_depend_on_what_is_confirmed(orders):
    """Confirming a guess does not change the digest, since it changes no event."""
    assert mapping_digest(dataclasses.replace(orders, unconfirmed=("timezone",))) == mapping_digest(orders)


def test_digest_names_the_fields_that_callables_compute(orders):
    """A digest names the fields of callables, whose code it does not cover."""
    computed = [
        dataclasses.replace(
            orders, created_at=function, metadata={"price": MonetaryAmount(function, currency="currency")}
        )
        for function in (lambda frame: frame["day"], lambda frame: frame["date"])
    ]

    digests = {mapping_digest(mapping) for mapping in computed}

    (digest,) = digests
    assert re.fullmatch(r"[0-9a-f]{12} \(callables: created_at, metadata\.price\.amount\)", digest)


@pytest.mark.skipif(EXPRESSION_TYPE is None, reason="pd.col came with pandas 3")
def test_digest_takes_an_expression_for_a_callable(orders):
    """An expression counts as a callable, since its text may change with pandas."""
    digest = mapping_digest(dataclasses.replace(orders, user_id=pd.col("who")))

    assert digest.endswith(" (callables: user_id)")
