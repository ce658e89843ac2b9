"""The faults of a mapping before any frame is seen: all at once, each with its path and how to fix it."""

import zoneinfo

import numpy as np
import pandas as pd
import pytest

from events_pandas.errors import MappingError
from events_pandas.mapping import (
    Column,
    Constant,
    Date,
    EventMapping,
    MonetaryAmount,
    Number,
    RichLink,
    SourceFormat,
    Text,
)

NO_RULE = "{} cannot be used here: name a column or use Constant(...)"
NO_SOURCE = "{} is not a source: name a column or use Constant(...)"
NO_CONSTANT = "{} cannot be a constant: use a text, a number, a date or a time"
NO_ZONE = "{} is not a time zone: write 'UTC', 'Europe/Berlin' or the like"
NO_EVENT_NAME = "{} cannot be an event's name: use 'placed-order' or Column('event')"
NO_FORMAT = "{} has no code such as %Y: write '%Y-%m-%d' or the like"
NO_LIMIT = "{} is not an integer of at least 1: write 10 or the like"
NO_DATE_KEY = "Intercom shows a date only if the key ends in '_date' or '_at': name it '{}_date', or send it as text"
NO_NUMBER_KEY = (
    "Intercom takes a number for a date if the key ends in '_date' or '_at': use Date with the unit that it counts, "
    "or name it '{}_value'"
)
NO_LOWER_CASE = NO_DATE_KEY.replace("'_at':", "'_at', in lower case:").replace("'{}_date'", "'{}'")
NO_DELIMITER = "{} is not one character that can stand between cells: write ';' or the like"
NO_ENCODING = "{} is not an encoding that Python knows: write 'cp1252' or the like"
NO_SHEET = "{} is not the name of a sheet"
HALF = "half of a character (a lone surrogate): write it again"


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"event_name": ""}, "event_name: is empty: name what happened, such as 'placed-order'"),
        ({"event_name": Constant(" ")}, "event_name: is empty: name what happened, such as 'placed-order'"),
        ({"event_name": Constant(3)}, "event_name: 3 is not text"),
        ({"event_name": ("a", "b")}, f"event_name: {NO_EVENT_NAME.format(('a', 'b'))}"),
        ({"event_name": Text("event")}, f"event_name: {NO_EVENT_NAME.format('a Text')}"),
        ({"event_name": Column}, f"event_name: {NO_SOURCE.format('the class Column')}"),
        ({"event_name": Column(["event"])}, f"event_name: {NO_SOURCE.format('a list')}"),
        ({"created_at": Text("time")}, f"created_at: {NO_RULE.format('a Text')}"),
        ({"created_at": None}, f"created_at: {NO_SOURCE.format('None')}"),
        ({"created_at": pd.NaT}, f"created_at: {NO_SOURCE.format('NaT')}"),
        ({"created_at": {}}, f"created_at: {NO_SOURCE.format('a dict')}"),
        ({"created_at": Date}, f"created_at: {NO_SOURCE.format('the class Date')}"),
        ({"created_at": Constant(pd.NaT)}, f"created_at: {NO_CONSTANT.format('NaT')}"),
        ({"user_id": Text("u")}, f"user_id: {NO_RULE.format('a Text')}"),
        ({"user_id": pd.Series(["u"])}, f"user_id: {NO_SOURCE.format('a Series')}"),
        ({"user_id": np.array(["u"])}, f"user_id: {NO_SOURCE.format('an ndarray')}"),
        ({"email": Constant("")}, f"email: {NO_CONSTANT.format(repr(''))}"),
        ({"id": Constant(None)}, f"id: {NO_CONSTANT.format('None')}"),
        ({"id": Constant(pd.NA)}, f"id: {NO_CONSTANT.format('<NA>')}"),
        ({"id": Constant(["u"])}, f"id: {NO_CONSTANT.format(['u'])}"),
        ({"id": float("nan")}, f"id: {NO_SOURCE.format('nan')}"),
        ({"timezone": "Europe/Berln"}, f"timezone: {NO_ZONE.format(repr('Europe/Berln'))}"),
        ({"timezone": ""}, f"timezone: {NO_ZONE.format(repr(''))}"),
        ({"timezone": 2}, f"timezone: {NO_ZONE.format(2)}"),
        ({"timezone": ["UTC"]}, f"timezone: {NO_ZONE.format(['UTC'])}"),
        ({"timezone": ("UTC", None)}, f"timezone: {NO_ZONE.format(('UTC', None))}"),
        ({"timezone": "../UTC"}, f"timezone: {NO_ZONE.format(repr('../UTC'))}"),
        (
            {"timezone": zoneinfo.ZoneInfo("UTC")},
            f"timezone: {NO_ZONE.format(repr(zoneinfo.ZoneInfo('UTC')))}",
        ),
        ({"duplicates": "drop"}, "duplicates: expected 'skip', 'spread' or 'send', got 'drop'"),
        ({"duplicates": ["skip"]}, "duplicates: expected 'skip', 'spread' or 'send', got ['skip']"),
        ({"duplicates": np.array([1, 2])}, "duplicates: expected 'skip', 'spread' or 'send', got array([1, 2])"),
        ({"duplicates": pd.Series([1])}, "duplicates: expected 'skip', 'spread' or 'send', got 0    1 dtype: int64"),
        ({"on_invalid_metadata": ["omit"]}, "on_invalid_metadata: expected 'error' or 'omit', got ['omit']"),
        ({"on_invalid_metadata": pd.NA}, "on_invalid_metadata: expected 'error' or 'omit', got <NA>"),
        ({"metadata_limit": 0}, f"metadata_limit: {NO_LIMIT.format(0)}"),
        ({"metadata_limit": "10"}, f"metadata_limit: {NO_LIMIT.format(repr('10'))}"),
        ({"metadata_limit": 10.0}, f"metadata_limit: {NO_LIMIT.format(10.0)}"),
        ({"metadata_limit": True}, f"metadata_limit: {NO_LIMIT.format(True)}"),
        ({"metadata_limit": None}, f"metadata_limit: {NO_LIMIT.format(None)}"),
        ({"strip_identifiers": 1}, "strip_identifiers: 1 is neither true nor false"),
        ({"strip_identifiers": None}, "strip_identifiers: None is neither true nor false"),
        ({"id": Column("x", strip=1)}, "id.strip: 1 is neither true nor false"),
        ({"metadata_overflow": "omit"}, "metadata_overflow: expected 'error' or 'drop', got 'omit'"),
        ({"metadata_overflow": None}, "metadata_overflow: expected 'error' or 'drop', got None"),
        ({"metadata": ["x"]}, "metadata: expected a mapping of keys to rules, got a list"),
        (
            {"source": {"decimal": ","}},
            "source: expected a SourceFormat, got a dict: use SourceFormat(decimal=',') or the like",
        ),
    ],
)
def test_mapping_refuses_a_field(mapping, faults, fields, fault):
    """A field with an impossible value is refused when the mapping is made."""
    assert faults(mapping, **fields) == [fault]


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ({"delimiter": ";;"}, f"source.delimiter: {NO_DELIMITER.format(repr(';;'))}"),
        ({"delimiter": '"'}, f"source.delimiter: {NO_DELIMITER.format(repr(chr(34)))}"),
        ({"delimiter": "\n"}, f"source.delimiter: {NO_DELIMITER.format(repr(chr(10)))}"),
        ({"delimiter": ""}, f"source.delimiter: {NO_DELIMITER.format(repr(''))}"),
        ({"delimiter": 1}, f"source.delimiter: {NO_DELIMITER.format(1)}"),
        ({"encoding": "cp125"}, f"source.encoding: {NO_ENCODING.format(repr('cp125'))}"),
        ({"encoding": "base64"}, f"source.encoding: {NO_ENCODING.format(repr('base64'))}"),
        ({"encoding": "a\0"}, f"source.encoding: {NO_ENCODING.format(repr('a' + chr(0)))}"),
        ({"encoding": 1}, f"source.encoding: {NO_ENCODING.format(1)}"),
        ({"decimal": ";"}, "source.decimal: expected '.' or ',', got ';'"),
        ({"sheet": ""}, f"source.sheet: {NO_SHEET.format(repr(''))}"),
        ({"sheet": 1}, f"source.sheet: {NO_SHEET.format(1)}"),
    ],
)
def test_mapping_refuses_how_files_are_written(mapping, faults, parts, fault):
    """A part of the source that no file can have is refused when the mapping is made."""
    assert faults(mapping, source=SourceFormat(**parts)) == [fault]


@pytest.mark.parametrize(
    "source", [SourceFormat(), SourceFormat(delimiter="\t", encoding="latin-1", decimal=".", sheet="Tabelle1")]
)
def test_mapping_takes_how_files_are_written(mapping, source):
    """Each part of the source may be given or left open."""
    assert mapping(source=source).source == source


@pytest.mark.parametrize(
    ("metadata", "fault"),
    [
        ({"": "x"}, "metadata.: a metadata key must be text that is not empty"),
        ({3: "x"}, "metadata.3: a metadata key must be text that is not empty"),
        (
            {"a.b$": "x"},
            "metadata.a.b$: Intercom forbids '$' '.' in a metadata key: use letters, digits, '_' and '-'",
        ),
        (
            {"Type": "x"},
            "metadata.Type: Intercom reserves this key: use 'Type_name' or 'Type_id'",
        ),
        (
            {"plan": "x", "Plan": "y"},
            "metadata.Plan: is the same key as 'plan', since Intercom ignores case: rename one",
        ),
        ({"ordered": Date("x")}, f"metadata.ordered: {NO_DATE_KEY.format('ordered')}"),
        ({"Ordered_At": Date("x")}, f"metadata.Ordered_At: {NO_LOWER_CASE.format('Ordered_at')}"),
        ({"OrderDATE_DATE": Date("x")}, f"metadata.OrderDATE_DATE: {NO_LOWER_CASE.format('OrderDATE_date')}"),
        ({"paid_at": Number("ms")}, f"metadata.paid_at: {NO_NUMBER_KEY.format('paid_at')}"),
        ({"x": Text}, f"metadata.x: {NO_SOURCE.format('the class Text')}"),
        ({"x": pd.NA}, f"metadata.x: {NO_SOURCE.format('<NA>')}"),
        ({"x": None}, f"metadata.x: {NO_SOURCE.format('None')}"),
        ({"x": Constant({"a": 1})}, f"metadata.x: {NO_CONSTANT.format({'a': 1})}"),
        ({"x": Text(Constant(float("nan")))}, f"metadata.x: {NO_CONSTANT.format('nan')}"),
        ({"x": Text(Text("x"))}, f"metadata.x: {NO_RULE.format('a Text')}"),
        (
            {"x": MonetaryAmount("x", currency="c", rounding="down")},
            "metadata.x.rounding: expected 'half_up', got 'down'",
        ),
        ({"x": MonetaryAmount("x", currency="c", rounding=True)}, "metadata.x.rounding: expected 'half_up', got True"),
        (
            {"x": MonetaryAmount("x", currency="c", zero="skip")},
            "metadata.x.zero: expected 'omit' or 'error', got 'skip'",
        ),
        ({"x": MonetaryAmount("x", currency="c", zero=None)}, "metadata.x.zero: expected 'omit' or 'error', got None"),
        ({"x": MonetaryAmount("x", currency="c", decimal=";")}, "metadata.x.decimal: expected '.' or ',', got ';'"),
        ({"x": Number("x", decimal="")}, "metadata.x.decimal: expected '.' or ',', got ''"),
        ({"x": Text("x", truncate="yes")}, "metadata.x.truncate: 'yes' is neither true nor false"),
        ({"x": Text("x", truncate=1)}, "metadata.x.truncate: 1 is neither true nor false"),
        ({"x": Text("x", truncate=None)}, "metadata.x.truncate: None is neither true nor false"),
        ({"x": RichLink(value=Column("x"), url="y")}, f"metadata.x.value: {NO_RULE.format('a Column')}"),
        ({"x": MonetaryAmount("x", currency=None)}, f"metadata.x.currency: {NO_SOURCE.format('None')}"),
        (
            {"x": MonetaryAmount("x", currency="y", unit="cents")},
            "metadata.x.unit: expected 'major' or 'minor', got 'cents'",
        ),
        (
            {"x": Column("x", strip=True)},
            "metadata.x.strip: only the identifiers user_id, id and email can be stripped: leave it out here",
        ),
        (
            {"x_at": Date("x", ambiguous="first")},
            "metadata.x_at.ambiguous: expected 'earlier', 'later' or 'error', got 'first'",
        ),
        (
            {"x_at": Date("x", nonexistent="shift_forward")},
            "metadata.x_at.nonexistent: expected 'shift' or 'error', got 'shift_forward'",
        ),
        ({"x_at": Date("x", nonexistent=None)}, "metadata.x_at.nonexistent: expected 'shift' or 'error', got None"),
        ({"x_at": Date("x", unit="m")}, "metadata.x_at.unit: expected 's', 'ms', 'us' or 'ns', got 'm'"),
        ({"x_at": Date("x", unit=["s"])}, "metadata.x_at.unit: expected 's', 'ms', 'us' or 'ns', got ['s']"),
        ({"x_at": Date("x", timezone="Mars")}, f"metadata.x_at.timezone: {NO_ZONE.format(repr('Mars'))}"),
        (
            {"x_at": Date("x", unit="s", format="%Y")},
            "metadata.x_at: has both format and unit: format is for written dates, unit for epoch numbers",
        ),
        ({"x_at": Date("x", format="ISO8601")}, f"metadata.x_at.format: {NO_FORMAT.format(repr('ISO8601'))}"),
        ({"x_at": Date("x", format=4)}, f"metadata.x_at.format: {NO_FORMAT.format(4)}"),
        ({"x_at": Date("x", format="%Y-%Y")}, "metadata.x_at.format: '%Y-%Y' has a code twice: write each code once"),
        ({"x_at": Date("x", format="%Y\ud800")}, f"metadata.x_at.format: '%Y\\ud800' holds {HALF}"),
        ({"x_at": Date("x", format="%Q")}, "metadata.x_at.format: 'Q' is a bad directive in format '%Q'"),
    ],
)
def test_mapping_refuses_metadata(mapping, faults, metadata, fault):
    """A key or rule that Intercom would refuse or misread is refused when the mapping is made."""
    assert faults(mapping, metadata=metadata) == [fault]


@pytest.mark.parametrize("key", ["ordered_at", "order_date"])
def test_mapping_takes_a_date_under_intercoms_suffixes(mapping, key):
    """A key that ends in `_at` or `_date` may hold a date."""
    assert list(mapping(metadata={key: Date("x")}).metadata) == [key]


def test_mapping_needs_an_identifier(faults):
    """An event without a contact cannot be sent."""
    found = faults(EventMapping, event_name="placed-order", created_at="time")

    assert found == ["user_id: the mapping has no identifier: name the column of user_id, id or email"]


def test_mapping_tells_every_fault_at_once():
    """The error lists the faults of all fields."""
    with pytest.raises(MappingError) as caught:
        EventMapping(event_name="", created_at="time", metadata={"type": Date("x")}, timezone="Mars")

    assert str(caught.value) == (
        "the mapping has 5 faults:\n"
        "  event_name: is empty: name what happened, such as 'placed-order'\n"
        "  user_id: the mapping has no identifier: name the column of user_id, id or email\n"
        "  metadata.type: Intercom reserves this key: use 'type_name' or 'type_id'\n"
        f"  metadata.type: {NO_DATE_KEY.format('type')}\n"
        f"  timezone: {NO_ZONE.format(repr('Mars'))}"
    )


def test_mapping_tells_every_fault_of_a_rule_at_once(mapping, faults):
    """The error lists the faults of the key, the source and each option of a rule."""
    rule = Date(["x"], format="%Q", unit="m", timezone="Mars")

    assert faults(mapping, metadata={"day": rule}, duplicates="spred", metadata_limit=-1) == [
        f"metadata.day: {NO_DATE_KEY.format('day')}",
        f"metadata.day: {NO_SOURCE.format('a list')}",
        f"metadata.day.timezone: {NO_ZONE.format(repr('Mars'))}",
        "metadata.day.unit: expected 's', 'ms', 'us' or 'ns', got 'm'",
        "metadata.day: has both format and unit: format is for written dates, unit for epoch numbers",
        "metadata.day.format: 'Q' is a bad directive in format '%Q'",
        "duplicates: expected 'skip', 'spread' or 'send', got 'spred'",
        f"metadata_limit: {NO_LIMIT.format(-1)}",
    ]


def test_mapping_shows_a_long_value_in_short(mapping, faults):
    """The error cuts a long value."""
    (fault,) = faults(mapping, timezone="x" * 5000)

    assert fault == f"timezone: {NO_ZONE.format(repr('x' * 37 + '...' + 'x' * 38))}"


def test_mapping_shows_a_value_that_cannot_be_written(mapping, faults):
    """A value whose repr fails is refused like any other."""

    class Speechless:
        def __repr__(self):
            raise ValueError

    (fault,) = faults(mapping, duplicates=Speechless())

    assert fault.startswith("duplicates: expected 'skip', 'spread' or 'send', got <Speechless instance at 0x")


def test_mapping_refuses_a_key_that_no_request_can_carry(mapping, faults):
    """A key with a lone surrogate, which UTF-8 cannot hold, is refused."""
    assert faults(mapping, metadata={"a\ud800": "x", "b\ud800": Date("x")}) == [
        f"metadata.'a\\ud800': a metadata key cannot hold {HALF}",
        f"metadata.'b\\ud800': a metadata key cannot hold {HALF}",
        f"metadata.'b\\ud800': {NO_DATE_KEY}".format(r"b\ud800"),
    ]
