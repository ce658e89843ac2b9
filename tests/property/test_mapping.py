"""A mapping is data: `from_toml` reads the text that `to_toml` writes."""

import contextlib
import datetime as dt

import pandas as pd
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from events_pandas.errors import MappingError
from events_pandas.intercom import FORBIDDEN_KEY_CHARACTERS, RESERVED_KEYS
from events_pandas.mapping import Column, Constant, Date, EventMapping, Link, MonetaryAmount, Number, RichLink, Text
from events_pandas.mapping.rules import RULES_BY_TYPE
from events_pandas.mapping.toml import FIELDS

EXAMPLES = settings(deadline=None)
# TOML is UTF-8, which has no lone surrogates.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
FILLED_TEXTS = TEXTS.filter(str.strip)
LABELS = TEXTS | st.integers() | st.tuples(TEXTS, st.integers())
CONSTANTS = st.builds(
    Constant,
    TEXTS.filter(bool)
    | st.integers()
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.dates(dt.date(1970, 1, 1))
    | st.datetimes(dt.datetime(1970, 1, 1), timezones=st.none() | st.just(dt.UTC)),  # noqa: DTZ001  # Naive bound.
)
SOURCES = LABELS | CONSTANTS
FORMATS = st.sampled_from([None, "%Y%m%d", '%d "%B" %Y'])
ZONES = st.sampled_from([None, "UTC", "Europe/Berlin"])
DATES = st.builds(
    Date,
    SOURCES,
    format=FORMATS,
    timezone=ZONES,
    ambiguous=st.sampled_from(["earlier", "later", "error"]),
    nonexistent=st.sampled_from(["shift", "error"]),
) | st.builds(Date, SOURCES, unit=st.sampled_from(["s", "ms", "us", "ns"]), timezone=ZONES)
ENTRIES = (
    SOURCES
    | DATES
    | st.one_of([st.builds(rule, SOURCES) for rule in (Column, Number, Link)])
    | st.builds(Text, SOURCES, truncate=st.booleans())
    | st.builds(RichLink, value=SOURCES, url=SOURCES)
    | st.builds(
        MonetaryAmount,
        SOURCES,
        currency=SOURCES,
        unit=st.sampled_from(["major", "minor"]),
        zero=st.sampled_from(["omit", "error"]),
        rounding=st.sampled_from([None, "half_up"]),
    )
)
KEYS = FILLED_TEXTS.filter(lambda key: not set(key) & FORBIDDEN_KEY_CHARACTERS and key.casefold() not in RESERVED_KEYS)

WORDS = st.sampled_from(
    [
        *FIELDS,
        *RULES_BY_TYPE,
        "type",
        "constant",
        "amount",
        "currency",
        "value",
        "url",
        "unit",
        "rounding",
        "strip",
        "x_at",
    ]
)
ANYTHING = st.recursive(
    WORDS | TEXTS | st.integers() | st.floats() | st.booleans() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | TEXTS, inner, max_size=4),
    max_leaves=8,
)
ODDITIES = st.sampled_from(
    [
        None,
        pd.NA,
        pd.NaT,
        len,
        Text,
        Text("x"),
        Column(["x"]),
        Constant(pd.NA),
        Date({}, unit=[]),
        pd.Series([1, 2]),
        "\ud800",
    ]
)

RIGHT = {"event_name": "placed-order", "created_at": "time", "user_id": "customer"}


@st.composite
def mappings(draw):
    """Draw a valid mapping."""
    keys = draw(st.lists(KEYS, max_size=4, unique_by=str.casefold))
    entries = [(f"{key}_x", draw(ENTRIES)) for key in keys]
    identifiers = draw(st.sets(st.sampled_from(["user_id", "id", "email"]), min_size=1))
    return EventMapping(
        event_name=draw(FILLED_TEXTS | st.builds(Column, LABELS) | st.builds(Constant, FILLED_TEXTS)),
        created_at=draw(SOURCES | DATES | st.builds(Column, LABELS)),
        **{name: draw(SOURCES | st.builds(Column, SOURCES, strip=st.booleans())) for name in sorted(identifiers)},
        # A date needs a key that ends in _at, and a number may not have one.
        metadata={key if isinstance(entry, Number) else f"{key}_at": entry for key, entry in entries},
        timezone=draw(ZONES),
        duplicates=draw(st.sampled_from(["skip", "spread", "send"])),
        on_invalid_metadata=draw(st.sampled_from(["error", "omit"])),
        metadata_limit=draw(st.integers(min_value=1)),
        metadata_overflow=draw(st.sampled_from(["error", "drop"])),
        strip_identifiers=draw(st.booleans()),
    )


@EXAMPLES
@given(mapping=mappings())
def test_from_toml_reads_the_text_of_to_toml(tmp_path_factory, mapping):
    """*Text that `from_toml` reads back as an equal mapping*, the order of the metadata included."""
    path = tmp_path_factory.mktemp("mapping") / "mapping.toml"
    path.write_bytes(mapping.to_toml().encode())

    read = EventMapping.from_toml(path)

    assert read == mapping
    assert list(read.metadata) == list(mapping.metadata)


@EXAMPLES
@given(table=st.dictionaries(st.sampled_from(FIELDS) | TEXTS, ANYTHING, max_size=6))
def test_from_toml_reads_or_refuses_any_table(tmp_path_factory, table):
    """*A wrong TOML file reports every fault*: a bad one raises no other error, and a good one can be written."""
    path = tmp_path_factory.mktemp("mapping") / "mapping.toml"
    path.write_bytes(tomli_w.dumps(RIGHT | table).encode())

    with contextlib.suppress(MappingError):
        mapping = EventMapping.from_toml(path)
        path.write_bytes(mapping.to_toml().encode())

        assert EventMapping.from_toml(path) == mapping


@EXAMPLES
@given(
    fields=st.dictionaries(st.sampled_from(FIELDS), ANYTHING | ODDITIES, max_size=6),
    metadata=st.dictionaries(TEXTS | st.integers(), ANYTHING | ODDITIES, max_size=3),
)
def test_event_mapping_takes_or_refuses_any_value(fields, metadata):
    """*A wrong mapping reports every fault*: a bad value of a field raises no other error."""
    with contextlib.suppress(MappingError):
        mapping = EventMapping(**{**RIGHT, "metadata": metadata, **fields})

        assert list(mapping.rules())[:2] == ["event_name", "created_at"]
