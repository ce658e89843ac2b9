"""What is wrong with a mapping in itself: every fault at once, each with its path and mending."""

import zoneinfo

import numpy as np
import pandas as pd
import pytest

from events_pandas.errors import MappingError
from events_pandas.mapping import Column, Constant, Date, EventMapping, MonetaryAmount, RichLink, Text

NO_RULE = "{} cannot stand here: name a column, or say Constant(...)"
NO_SOURCE = "{} is no source: name a column, or say Constant(...)"
NO_CONSTANT = "{} cannot be a constant: say a text, a number, a date or a time"
NO_ZONE = "no time zone {}: write 'UTC', 'Europe/Berlin' or the like"
NO_DATE_KEY = "Intercom shows a date only where the key ends in '_date' or '_at': name it '{}_date', or send it as Text"


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"event_name": ""}, "event_name: is empty: say what happened, such as 'placed-order'"),
        ({"event_name": Constant(" ")}, "event_name: is empty: say what happened, such as 'placed-order'"),
        ({"event_name": Constant(3)}, "event_name: 3 is not text"),
        (
            {"event_name": ("a", "b")},
            "event_name: ('a', 'b') is neither text nor a source: say 'placed-order' or Column('event')",
        ),
        (
            {"event_name": Text("event")},
            "event_name: Text(source='event') is neither text nor a source: say 'placed-order' or Column('event')",
        ),
        ({"event_name": Column(["event"])}, f"event_name: {NO_SOURCE.format('a list')}"),
        ({"created_at": Text("time")}, f"created_at: {NO_RULE.format('Text')}"),
        ({"created_at": None}, f"created_at: {NO_SOURCE.format('None')}"),
        ({"created_at": Constant(pd.NaT)}, f"created_at: {NO_CONSTANT.format('NaT')}"),
        ({"user_id": Text("u")}, f"user_id: {NO_RULE.format('Text')}"),
        ({"user_id": pd.Series(["u"])}, f"user_id: {NO_SOURCE.format('a Series')}"),
        ({"user_id": np.array(["u"])}, f"user_id: {NO_SOURCE.format('a ndarray')}"),
        ({"email": Constant("")}, f"email: {NO_CONSTANT.format(repr(''))}"),
        ({"id": Constant(None)}, f"id: {NO_CONSTANT.format('None')}"),
        ({"timezone": "Europe/Berln"}, f"timezone: {NO_ZONE.format(repr('Europe/Berln'))}"),
        ({"timezone": ""}, f"timezone: {NO_ZONE.format(repr(''))}"),
        ({"timezone": 2}, f"timezone: {NO_ZONE.format(2)}"),
        (
            {"timezone": zoneinfo.ZoneInfo("UTC")},
            f"timezone: {NO_ZONE.format(repr(zoneinfo.ZoneInfo('UTC')))}",
        ),
        ({"duplicates": "drop"}, "duplicates: 'drop' is none of 'skip', 'send'"),
        ({"on_invalid_metadata": ["omit"]}, "on_invalid_metadata: ['omit'] is none of 'error', 'omit'"),
        ({"metadata": ["x"]}, "metadata: must be a mapping of keys to rules, and is a list"),
    ],
)
def test_mapping_refuses_a_field(mapping, faults, fields, fault):
    """A field that cannot be meant is refused when the mapping is made."""
    assert faults(mapping, **fields) == [fault]


@pytest.mark.parametrize(
    ("metadata", "fault"),
    [
        ({"": "x"}, "metadata.: a metadata key is text, and not empty"),
        ({3: "x"}, "metadata.3: a metadata key is text, and not empty"),
        (
            {"a.b$": "x"},
            "metadata.a.b$: Intercom forbids '$' '.' in a metadata key: use letters, digits, '_' and '-'",
        ),
        (
            {"Type": "x"},
            "metadata.Type: Intercom reserves this key: say 'Type_name' or 'Type_id', whatever it holds",
        ),
        (
            {"plan": "x", "Plan": "y"},
            "metadata.Plan: is the same key as 'plan', since Intercom ignores case: rename one",
        ),
        ({"ordered": Date("x")}, f"metadata.ordered: {NO_DATE_KEY.format('ordered')}"),
        ({"x": None}, f"metadata.x: {NO_SOURCE.format('None')}"),
        ({"x": Constant({"a": 1})}, f"metadata.x: {NO_CONSTANT.format({'a': 1})}"),
        ({"x": Text(Constant(float("nan")))}, f"metadata.x: {NO_CONSTANT.format('nan')}"),
        ({"x": Text(Text("x"))}, f"metadata.x: {NO_RULE.format('Text')}"),
        ({"x": RichLink(value=Column("x"), url="y")}, f"metadata.x.value: {NO_RULE.format('Column')}"),
        ({"x": MonetaryAmount("x", currency=None)}, f"metadata.x.currency: {NO_SOURCE.format('None')}"),
        (
            {"x": MonetaryAmount("x", currency="y", unit="cents")},
            "metadata.x.unit: 'cents' is none of 'major', 'minor'",
        ),
        ({"x_at": Date("x", unit="m")}, "metadata.x_at.unit: 'm' is none of 's', 'ms', 'us', 'ns'"),
        ({"x_at": Date("x", timezone="Mars")}, f"metadata.x_at.timezone: {NO_ZONE.format(repr('Mars'))}"),
        (
            {"x_at": Date("x", unit="s", format="%Y")},
            "metadata.x_at: has both format and unit: format is for written dates, unit for epoch numbers",
        ),
        (
            {"x_at": Date("x", format="ISO8601")},
            "metadata.x_at.format: 'ISO8601' has no code such as %Y: write '%Y-%m-%d' or the like",
        ),
        (
            {"x_at": Date("x", format=4)},
            "metadata.x_at.format: 4 has no code such as %Y: write '%Y-%m-%d' or the like",
        ),
        ({"x_at": Date("x", format="%Q")}, "metadata.x_at.format: 'Q' is a bad directive in format '%Q'"),
    ],
)
def test_mapping_refuses_metadata(mapping, faults, metadata, fault):
    """A key or rule that Intercom would refuse or misread is refused when the mapping is made."""
    assert faults(mapping, metadata=metadata) == [fault]


@pytest.mark.parametrize("key", ["ordered_at", "order_date"])
def test_mapping_takes_a_date_under_intercoms_suffixes(mapping, key):
    """Intercom shows a date where the key ends in `_at` or `_date`."""
    assert list(mapping(metadata={key: Date("x")}).metadata) == [key]


def test_mapping_needs_an_identifier(faults):
    """An event without a contact cannot be sent."""
    found = faults(EventMapping, event_name="placed-order", created_at="time")

    assert found == ["user_id: no identifier: name the column of user_id, id or email"]


def test_mapping_tells_every_fault_at_once():
    """One look at the message is enough to mend the mapping."""
    with pytest.raises(MappingError) as caught:
        EventMapping(event_name="", created_at="time", metadata={"type": Date("x")}, timezone="Mars")

    assert str(caught.value) == (
        "the mapping has 5 faults:\n"
        "  event_name: is empty: say what happened, such as 'placed-order'\n"
        "  user_id: no identifier: name the column of user_id, id or email\n"
        "  metadata.type: Intercom reserves this key: say 'type_name' or 'type_id', whatever it holds\n"
        f"  metadata.type: {NO_DATE_KEY.format('type')}\n"
        f"  timezone: {NO_ZONE.format(repr('Mars'))}"
    )


def test_mapping_refuses_a_key_that_no_request_can_carry(mapping, faults):
    """Half of a character has no bytes in UTF-8."""
    assert faults(mapping, metadata={"a\ud800": "x"}) == [
        "metadata.'a\\ud800': a metadata key cannot hold half of a character (a lone surrogate): write it anew"
    ]
