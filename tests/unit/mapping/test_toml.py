"""The TOML form of a mapping: read with every fault at once, written so that it reads back as an equal mapping."""

import datetime as dt
import decimal

import pandas as pd
import pytest

from events_pandas.mapping import Column, Constant, Date, EventMapping, Link, MonetaryAmount, Number, RichLink, Text
from events_pandas.mapping.rules import EXPRESSION_TYPE
from events_pandas.mapping.toml import RULES_BY_TYPE

EXAMPLE = """\
event_name = "placed-order"
created_at = "ordered_at"
user_id = "customer_id"
timezone = "Europe/Berlin"

[metadata]
order_date = { type = "date", column = "ordered_at" }
stripe_invoice = "invoice"
order_number = { type = "rich_link", value = "order_no", url = "order_url" }
price = { type = "monetary_amount", amount = "total", currency = "currency" }
source = { constant = "backfill" }
"""
EXAMPLE_MAPPING = EventMapping(
    event_name="placed-order",
    created_at="ordered_at",
    user_id="customer_id",
    timezone="Europe/Berlin",
    metadata={
        "order_date": Date("ordered_at"),
        "stripe_invoice": "invoice",
        "order_number": RichLink(value="order_no", url="order_url"),
        "price": MonetaryAmount("total", currency="currency"),
        "source": Constant("backfill"),
    },
)


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a mapping from text."""
    path = tmp_path / "mapping.toml"

    def read(text):
        path.write_text(text, encoding="utf-8")
        return EventMapping.from_toml(path)

    return read


@pytest.fixture
def read_metadata(read):
    """Return a function that reads one entry of metadata; the rest of the mapping is right."""

    def read_metadata(entry, key="key_at"):
        text = f'event_name = "e"\ncreated_at = "t"\nuser_id = "u"\n[metadata]\n{key} = {entry}\n'
        return read(text).metadata[key]

    return read_metadata


def test_from_toml_reads_the_example(read):
    """The file says what the constructor says."""
    mapping = read(EXAMPLE)

    assert mapping == EXAMPLE_MAPPING
    assert list(mapping.metadata) == list(EXAMPLE_MAPPING.metadata)


def test_to_toml_writes_the_example():
    """What is read is written as it was: rules as inline tables, defaults left out."""
    assert EXAMPLE_MAPPING.to_toml() == EXAMPLE


def test_from_toml_takes_a_byte_order_mark(read):
    """Windows editors put one first."""
    assert read("\ufeff" + EXAMPLE) == EXAMPLE_MAPPING


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        ('"x"', "x"),
        ("3", 3),
        ('["x", 1]', ("x", 1)),
        ('{ column = "x" }', Column("x")),
        ("{ constant = 3.5 }", Constant(3.5)),
        ('{ type = "column", column = "x" }', Column("x")),
        ('{ type = "column", constant = true }', Column(Constant(True))),
        ('{ type = "text", column = ["x", 1] }', Text(("x", 1))),
        ('{ type = "text", constant = "x" }', Text(Constant("x"))),
        ('{ type = "number", column = 3 }', Number(3)),
        ('{ type = "link", column = "x" }', Link("x")),
        ('{ type = "date", column = "x", format = "%Y" }', Date("x", format="%Y")),
        ('{ type = "date", column = "x", unit = "ms", timezone = "UTC" }', Date("x", unit="ms", timezone="UTC")),
        ('{ type = "date", constant = 2024-01-31 }', Date(Constant(dt.date(2024, 1, 31)))),
        ('{ type = "rich_link", value = { constant = "v" }, url = "x" }', RichLink(value=Constant("v"), url="x")),
        (
            '{ type = "monetary_amount", amount = { column = "x" }, currency = { constant = "usd" }, unit = "minor" }',
            MonetaryAmount("x", currency=Constant("usd"), unit="minor"),
        ),
    ],
)
def test_from_toml_reads_every_form_of_an_entry(read_metadata, entry, rule):
    """An entry is a label, a column, a constant, or a rule with its type."""
    assert read_metadata(entry) == rule


def test_from_toml_reads_columns_and_rules_of_the_required_fields(read):
    """What stands in the fields is read as in metadata; only a plain event name is a literal."""
    mapping = read(
        'event_name = { column = "event" }\n'
        'created_at = { type = "date", column = "day", format = "%Y%m%d" }\n'
        'email = { column = "mail" }\n'
        'duplicates = "send"\n'
        'on_invalid_metadata = "omit"\n'
    )

    assert mapping == EventMapping(
        event_name=Column("event"),
        created_at=Date("day", format="%Y%m%d"),
        email=Column("mail"),
        duplicates="send",
        on_invalid_metadata="omit",
    )


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("true", "metadata.key_at: True is no column's name"),
        ("1.5", "metadata.key_at: 1.5 is no column's name"),
        ("2024-01-31", "metadata.key_at: datetime.date(2024, 1, 31) is no column's name"),
        ("{ column = 1.5 }", "metadata.key_at: 1.5 is no column's name"),
        ('{ type = "text", column = true }', "metadata.key_at.column: True is no column's name"),
        (
            '{ type = "monetary_amount", amount = "x", currency = { value = "usd" } }',
            'metadata.key_at.currency: write a column\'s name, { column = "…" } or { constant = … }',
        ),
        (
            '{ column = "x", format = "%Y" }',
            'metadata.key_at: has no type: write { type = "text", … } or the like',
        ),
        ('{ type = "dat", column = "x" }', "metadata.key_at.type: 'dat' is not known: did you mean 'date'?"),
        (
            '{ type = 3, column = "x" }',
            f"metadata.key_at.type: '3' is not known: there are {', '.join(RULES_BY_TYPE)}",
        ),
        (
            '{ type = "date", column = "x", formt = "%Y" }',
            "metadata.key_at: 'formt' is not known: did you mean 'format'?",
        ),
        ('{ type = "text", source = "x", column = "x" }', "metadata.key_at: 'source' is not known: there are column"),
        ('{ type = "text" }', "metadata.key_at: 'column' is missing"),
        ('{ type = "rich_link", value = "x" }', "metadata.key_at: 'url' is missing"),
        ('{ type = "monetary_amount", currency = "x" }', "metadata.key_at: 'amount' is missing"),
        (
            '{ type = "text", column = "x", constant = "y" }',
            "metadata.key_at: has both column and constant: keep one",
        ),
        ('[["x"]]', "metadata.key_at: a tuple is no source: name a column, or say Constant(...)"),
        ("{ constant = [1] }", "metadata.key_at: [1] cannot be a constant: say a text, a number, a date or a time"),
    ],
)
def test_from_toml_refuses_an_entry(read_metadata, faults, entry, fault):
    """What cannot be read is refused with its path."""
    assert faults(read_metadata, entry) == [fault]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["event_name: is missing", "created_at: is missing"]),
        ('event_name = "e"\ncreated_at = "t"\n', []),
        (
            'event_name = "e"\ncreated_at = "t"\nuserid = "u"\n',
            ["the mapping: 'userid' is not known: did you mean 'user_id'?"],
        ),
        (
            'event_name = "e"\ncreated_at = "t"\nmetadata = "x"\n',
            ["metadata: must be a table, [metadata], with a line for each key"],
        ),
    ],
)
def test_from_toml_refuses_a_table(read, faults, text, found):
    """A field that is missing, unknown or of the wrong form is named; so is the identifier that no file here has."""
    no_identifier = "user_id: no identifier: name the column of user_id, id or email"

    assert faults(read, text) == [*found, no_identifier]


def test_from_toml_tells_every_fault_at_once(read, faults):
    """Faults of the file's form and faults of the mapping that it describes come together."""
    text = (
        'created_at = { type = "dat", column = "x" }\nuser_id = "u"\ntimezone = "Mars"\n'
        '[metadata]\ntype = "x"\nprice = { type = "monetary_amount", amount = "x", unit = "cents" }\n'
        'ordered = { type = "date", column = true, unit = "m" }\n'
    )

    no_date_key = (
        "Intercom shows a date only where the key ends in '_date' or '_at': name it 'ordered_date', or send it as Text"
    )

    assert faults(read, text) == [
        "created_at.type: 'dat' is not known: did you mean 'date'?",
        "metadata.price: 'currency' is missing",
        "metadata.ordered.column: True is no column's name",
        "event_name: is missing",
        "metadata.type: Intercom reserves this key: say 'type_name' or 'type_id', whatever it holds",
        f"metadata.ordered: {no_date_key}",
        "metadata.ordered.unit: 'm' is none of 's', 'ms', 'us', 'ns'",
        "timezone: no time zone 'Mars': write 'UTC', 'Europe/Berlin' or the like",
    ]


def test_from_toml_names_a_file_that_is_not_there(tmp_path, faults):
    """A path that cannot be read is a fault of the mapping, not a traceback."""
    path = tmp_path / "mapping.toml"

    assert faults(EventMapping.from_toml, path) == [f"{path}: cannot be read: No such file or directory"]


def test_from_toml_names_the_line_that_is_no_toml(tmp_path, faults):
    """The parser's words say where."""
    path = tmp_path / "mapping.toml"
    path.write_text("event_name = placed-order\n", encoding="utf-8")

    assert faults(EventMapping.from_toml, path) == [f"{path}: is not valid TOML: Invalid value (at line 1, column 14)"]


def test_from_toml_refuses_what_is_not_utf8(tmp_path, faults):
    """TOML is UTF-8 by definition."""
    path = tmp_path / "mapping.toml"
    path.write_bytes(b'event_name = "gr\xfc\xdfte"\n')

    (fault,) = faults(EventMapping.from_toml, path)

    assert fault.startswith(f"{path}: is not valid TOML: 'utf-8' codec can't decode byte 0xfc")


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ("x", 'key = "x"'),
        (("x", 1), 'key = ["x", 1]'),
        ((), "key = []"),
        (Column("x"), 'key = { column = "x" }'),
        (Column(Constant(True)), 'key = { type = "column", constant = true }'),
        (Constant('a "quoted"\nline'), 'key = { constant = "a \\"quoted\\"\\nline" }'),
        (Text(3), 'key = { type = "text", column = 3 }'),
        (Number(Constant(1.5)), 'key = { type = "number", constant = 1.5 }'),
        (
            RichLink(value=("x", "y"), url=Constant("u")),
            'key = { type = "rich_link", value = ["x", "y"], url = { constant = "u" } }',
        ),
    ],
)
def test_to_toml_writes_every_form_of_an_entry(mapping, entry, line):
    """A rule is an inline table with its type; a label stands for itself."""
    assert mapping(metadata={"key": entry}).to_toml().splitlines()[-1] == line


def test_to_toml_writes_no_table_without_metadata(mapping):
    """An event need not have metadata, and options that are not the default stand before it."""
    made = mapping(timezone="UTC", duplicates="send", on_invalid_metadata="omit")

    assert made.to_toml() == (
        'event_name = "placed-order"\ncreated_at = "time"\nuser_id = "customer"\n'
        'timezone = "UTC"\nduplicates = "send"\non_invalid_metadata = "omit"\n'
    )


@pytest.mark.parametrize("key", ["order no", "größe", "a\tb", "1"])
def test_to_toml_quotes_keys_that_need_it(mapping, read, key):
    """A metadata key may hold what a bare key of TOML may not."""
    made = mapping(metadata={key: "x"})

    assert read(made.to_toml()) == made


def test_to_toml_refuses_callables_by_path(mapping, faults):
    """A function cannot be written down; each place is named."""
    made = mapping(created_at=len, metadata={"price": MonetaryAmount("x", currency=lambda _: "usd")})

    assert faults(made.to_toml) == [
        "created_at: a callable cannot be written as TOML: compute a column and name it",
        "metadata.price.currency: a callable cannot be written as TOML: compute a column and name it",
    ]


@pytest.mark.skipif(EXPRESSION_TYPE is None, reason="pd.col came with pandas 3")
def test_to_toml_refuses_expressions_by_path(mapping, faults):
    """So it is with an expression."""
    made = mapping(metadata={"price": pd.col("total") * 2})

    assert faults(made.to_toml) == [
        "metadata.price: a callable cannot be written as TOML: compute a column and name it"
    ]


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        (1.5, "1.5"),
        (("x", 1.5, None), "('x', 1.5, None)"),
        (pd.Timestamp("2024-01-31"), "Timestamp('2024-01-31 00:00:00')"),
        (Constant(decimal.Decimal("1.10")), "Constant(value=Decimal('1.10'))"),
        (Constant(b"x"), "Constant(value=b'x')"),
    ],
)
def test_to_toml_refuses_what_would_not_read_back(mapping, faults, entry, shown):
    """A label or constant that TOML has no form for is named, rather than changed in silence."""
    made = mapping(metadata={"key_at": entry})

    assert faults(made.to_toml) == [
        f"metadata.key_at: {shown} cannot be written as TOML: use text, an integer, a float, a date or a time"
    ]
