"""The TOML form of a mapping: read with every fault at once, and written so that it reads back as an equal mapping."""

import dataclasses
import datetime as dt
import decimal
import os

import pandas as pd
import pytest

from events_pandas.mapping import (
    Column,
    Constant,
    Date,
    EventMapping,
    Link,
    MonetaryAmount,
    Number,
    RichLink,
    SourceFormat,
    Text,
)
from events_pandas.mapping.rule_parts import EXPRESSION_TYPE
from events_pandas.mapping.rules import RULES_BY_TYPE
from events_pandas.mapping.toml import FIELDS

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
NO_TYPE = 'has no type: write { type = "text", … } or the like, or { column = "…" } or { constant = … } alone'
NO_DATE = NO_TYPE.replace("text", "date")
NO_LABEL = "{} is not a column's name, which is text, an integer or an array of these; a constant is {{ constant = … }}"
NO_FORM = 'write a column\'s name, { column = "…" } or { constant = … }'
UNITS = "'s', 'ms', 'us' or 'ns'"


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
    """Return a function that reads one entry of the metadata; the rest of the mapping is valid."""

    def read_metadata(entry, key="key_at"):
        text = f'event_name = "e"\ncreated_at = "t"\nuser_id = "u"\n[metadata]\n{key} = {entry}\n'
        return read(text).metadata[key]

    return read_metadata


def test_from_toml_reads_the_example(read):
    """A file gives the mapping that the constructor gives."""
    mapping = read(EXAMPLE)

    assert mapping == EXAMPLE_MAPPING
    assert list(mapping.metadata) == list(EXAMPLE_MAPPING.metadata)


def test_to_toml_writes_the_example():
    """A mapping is written with rules as inline tables, and without defaults."""
    assert EXAMPLE_MAPPING.to_toml() == EXAMPLE


def test_from_toml_takes_a_byte_order_mark(read):
    """A byte order mark, which Windows editors write, is skipped."""
    assert read("\ufeff" + EXAMPLE) == EXAMPLE_MAPPING


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        ('"x"', "x"),
        ("3", 3),
        ('["x", 1]', ("x", 1)),
        ('{ column = "x" }', Column("x")),
        ("{ constant = 3.5 }", Constant(3.5)),
        ('{ type = "column", constant = true }', Column(Constant(True))),
        ('{ type = "text", column = ["x", 1] }', Text(("x", 1))),
        ('{ type = "text", constant = "x" }', Text(Constant("x"))),
        ('{ type = "column", column = "x" }', Column("x")),
        ('{ type = "text", column = "x", truncate = true }', Text("x", truncate=True)),
        ('{ type = "text", column = { constant = "x" } }', Text(Constant("x"))),
        ('{ type = "number", column = 3 }', Number(3)),
        ('{ type = "number", column = "x", decimal = "," }', Number("x", decimal=",")),
        ('{ type = "link", column = "x" }', Link("x")),
        ('{ type = "date", column = "x", format = "%Y" }', Date("x", format="%Y")),
        ('{ type = "date", column = "x", unit = "ms", timezone = "UTC" }', Date("x", unit="ms", timezone="UTC")),
        ('{ type = "date", constant = 2024-01-31 }', Date(Constant(dt.date(2024, 1, 31)))),
        (
            '{ type = "date", column = "x", ambiguous = "earlier", nonexistent = "shift" }',
            Date("x", ambiguous="earlier", nonexistent="shift"),
        ),
        ('{ type = "rich_link", value = { constant = "v" }, url = "x" }', RichLink(value=Constant("v"), url="x")),
        (
            '{ type = "monetary_amount", amount = { column = "x" }, currency = { constant = "usd" }, unit = "minor" }',
            MonetaryAmount("x", currency=Constant("usd"), unit="minor"),
        ),
        (
            '{ type = "monetary_amount", amount = "x", currency = "c", zero = "omit", rounding = "half_up" }',
            MonetaryAmount("x", currency="c", zero="omit", rounding="half_up"),
        ),
    ],
)
def test_from_toml_reads_every_form_of_an_entry(read_metadata, entry, rule):
    """An entry is a label, a column, a constant, or a rule with its type."""
    assert read_metadata(entry, key="key" if isinstance(rule, Number) else "key_at") == rule


def test_from_toml_reads_columns_and_rules_of_the_required_fields(read):
    """Entries of the required fields are read like metadata; only a plain event name is a literal."""
    mapping = read(
        'event_name = { column = "event" }\n'
        'created_at = { type = "date", column = "day", format = "%Y%m%d" }\n'
        'email = { column = "mail" }\n'
        'duplicates = "spread"\n'
        'on_invalid_metadata = "omit"\n'
        "metadata_limit = 20\n"
        'metadata_overflow = "drop"\n'
    )

    assert mapping == EventMapping(
        event_name=Column("event"),
        created_at=Date("day", format="%Y%m%d"),
        email=Column("mail"),
        duplicates="spread",
        on_invalid_metadata="omit",
        metadata_limit=20,
        metadata_overflow="drop",
    )


WITH_SOURCE = """\
event_name = "e"
created_at = "t"
user_id = "u"

[source]
delimiter = ";"
encoding = "cp1252"
decimal = ","
sheet = "Tabelle1"

[metadata]
n = { type = "number", column = "x" }
"""


def test_toml_holds_how_files_are_written(read):
    """The table [source] is read, and written as it was; a part that is left open is not written."""
    mapping = read(WITH_SOURCE)

    assert mapping.source == SourceFormat(delimiter=";", encoding="cp1252", decimal=",", sheet="Tabelle1")
    assert mapping.to_toml() == WITH_SOURCE
    assert "[source]" not in dataclasses.replace(mapping, source=SourceFormat()).to_toml()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[source]\ndecmal = ','\n", "source: 'decmal' is not known: did you mean 'decimal'?"),
        (
            "[source]\nsep = ';'\n",
            "source: 'sep' is not known: there are delimiter, encoding, decimal, sheet",
        ),
        ("source = ','\n", "source: must be a table, [source], with delimiter, encoding, decimal, sheet"),
        ("[source]\ndecimal = 1\n", "source.decimal: expected '.' or ',', got 1"),
    ],
)
def test_from_toml_refuses_a_source(read, faults, text, fault):
    """An unknown or impossible part of [source] is refused with its path."""
    assert faults(read, f"event_name = 'e'\ncreated_at = 't'\nuser_id = 'u'\n{text}") == [fault]


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ('{ type = "text", column = true }', f"metadata.key_at.column: {NO_LABEL.format('true')}"),
        ('{ type = "text", column = { x = 1 } }', f"metadata.key_at.column: {NO_FORM}"),
        (
            '{ type = "monetary_amount", amount = "x", currency = { value = "usd" } }',
            f"metadata.key_at.currency: {NO_FORM}",
        ),
        ('{ column = "x", format = "%Y" }', f"metadata.key_at: {NO_DATE}"),
        ('{ amount = "x", currency = "y" }', f"metadata.key_at: {NO_TYPE.replace('text', 'monetary_amount')}"),
        ('{ column = "x", constant = "y" }', f"metadata.key_at: {NO_TYPE}"),
        ("{}", f"metadata.key_at: {NO_TYPE}"),
        (
            '{ type = "text", column = "x", truncate = "yes" }',
            "metadata.key_at.truncate: 'yes' is neither true nor false",
        ),
        ('{ type = "date", column = "x", unit = ["s"] }', f"metadata.key_at.unit: expected {UNITS}, got ['s']"),
        ('{ type = "date", column = "x", unit = {} }', f"metadata.key_at.unit: expected {UNITS}, got {{}}"),
        ('{ type = "dat", column = "x" }', "metadata.key_at.type: 'dat' is not known: did you mean 'date'?"),
        (
            '{ type = ["text"] }',
            "metadata.key_at.type: \"['text']\" is not known: did you mean 'text'?",
        ),
        (
            '{ type = 3, column = "x" }',
            f"metadata.key_at.type: '3' is not known: there are {', '.join(RULES_BY_TYPE)}",
        ),
        (
            '{ type = "date", column = "x", formt = "%Y" }',
            "metadata.key_at: 'formt' is not known: did you mean 'format'?",
        ),
        (
            '{ type = "text", source = "x", column = "x" }',
            "metadata.key_at: 'source' is not known: there are column, constant, truncate",
        ),
        (
            '{ type = "link", constnt = "x", column = "x" }',
            "metadata.key_at: 'constnt' is not known: did you mean 'constant'?",
        ),
        (
            '{ type = "monetary_amount", amount = "x", currency = "c", round = true }',
            "metadata.key_at: 'round' is not known: did you mean 'rounding'?",
        ),
        ('{ type = "text" }', "metadata.key_at.column: is missing"),
        ('{ type = "rich_link", value = "x" }', "metadata.key_at.url: is missing"),
        ('{ type = "monetary_amount", currency = "x" }', "metadata.key_at.amount: is missing"),
        (
            '{ type = "text", column = "x", constant = "y" }',
            "metadata.key_at: has both column and constant: keep one",
        ),
        ("{ constant = [1] }", "metadata.key_at: [1] cannot be a constant: use a text, a number, a date or a time"),
    ],
)
def test_from_toml_refuses_an_entry(read_metadata, faults, entry, fault):
    """An entry that cannot be read is refused with its path."""
    assert faults(read_metadata, entry) == [fault]


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ("true", "true"),
        ("1.5", "1.5"),
        ("2024-01-31", "2024-01-31"),
        ("[]", "[]"),
        ('["x", true]', '["x", true]'),
        ('["x", 1.5]', '["x", 1.5]'),
        ("[2024-01-31]", "[2024-01-31]"),
        ('[["x"]]', '[["x"]]'),
        ("[{a=1}]", "[{ a = 1 }]"),
        ("{ column = 1.5 }", "1.5"),
        ("{ column = {} }", "{}"),
        ('{ column = { column = "x" } }', '{ column = "x" }'),
    ],
)
def test_from_toml_refuses_a_label(read_metadata, faults, entry, shown):
    """A label that is not text, an integer or several of these is refused, since it may be meant as a constant."""
    assert faults(read_metadata, entry) == [f"metadata.key_at: {NO_LABEL.format(shown)}"]


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
        (
            'event_name = "e"\ncreated_at = "t"\nmetadata = []\n',
            ["metadata: must be a table, [metadata], with a line for each key"],
        ),
        ('event_name = "e"\ncreated_at = {}\n', [f"created_at: {NO_DATE}"]),
        ('event_name = "e"\ncreated_at = { column = "t", ambiguous = "earlier" }\n', [f"created_at: {NO_DATE}"]),
        (
            'event_name = "e"\ncreated_at = "t"\nmetadata_limt = 3\nbogus = {}\n',
            [
                "the mapping: 'metadata_limt' is not known: did you mean 'metadata_limit'?",
                f"the mapping: 'bogus' is not known: there are {', '.join(FIELDS)}",
            ],
        ),
    ],
)
def test_from_toml_refuses_a_table(read, faults, text, found):
    """A field that is missing, unknown or of the wrong form is named, together with a missing identifier."""
    no_identifier = "user_id: the mapping has no identifier: name the column of user_id, id or email"

    assert faults(read, text) == [*found, no_identifier]


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ('user_id = { column = "who", strip = true }', Column("who", strip=True)),
        ('user_id = { column = "who", strip = false }', Column("who")),
        ('user_id = { type = "column", column = "who", strip = true }', Column("who", strip=True)),
        ('user_id = { constant = " ada ", strip = true }', Column(Constant(" ada "), strip=True)),
    ],
)
def test_from_toml_reads_an_identifier_that_is_stripped(read, line, entry):
    """`strip` stands beside the column of an identifier, and needs no type."""
    read_mapping = read(f"event_name = 'e'\ncreated_at = 't'\n{line}\n")

    assert read_mapping == EventMapping(event_name="e", created_at="t", user_id=entry)


def test_from_toml_names_the_option_that_a_misspelled_one_beside_a_column_means(read, faults):
    """The message is about the option, not about a type that a stripped identifier does not need."""
    text = 'event_name = "e"\ncreated_at = "t"\nuser_id = { column = "who", strp = true }\n'

    assert faults(read, text) == ["user_id: 'strp' is not known: did you mean 'strip'?"]


def test_to_toml_writes_what_is_stripped(mapping):
    """Both ways to strip identifiers are written, and left out where they are not used."""
    made = mapping(user_id=Column("who", strip=True), email=Column(Constant("a@b.c"), strip=True))

    assert 'user_id = { column = "who", strip = true }\n' in made.to_toml()
    assert 'email = { type = "column", constant = "a@b.c", strip = true }\n' in made.to_toml()
    assert "strip_identifiers" not in made.to_toml()
    assert "strip_identifiers = true\n" in mapping(strip_identifiers=True).to_toml()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("event_name = { column = 'n', strip = true }", "event_name.strip: {only}"),
        ("created_at = { column = 't', strip = true }", "created_at.strip: {only}"),
        ("metadata.note = { column = 'note', strip = true }", "metadata.note.strip: {only}"),
        (
            "metadata.note = { type = 'text', column = 'note', strip = true }",
            "metadata.note: 'strip' is not known: there are column, constant, truncate",
        ),
        ("user_id = { column = 'u', strip = 'yes' }", "user_id.strip: 'yes' is neither true nor false"),
        ("user_id = { columns = 'u', strip = true }", "user_id: 'columns' is not known: did you mean 'column'?"),
        ("strip_identifiers = 'yes'", "strip_identifiers: 'yes' is neither true nor false"),
        (
            "metadata.strip_identifiers = true",
            (
                "metadata.strip_identifiers: true is not a column's name: strip_identifiers is an option of the "
                "mapping, not metadata: in a TOML file its line stands above [metadata]"
            ),
        ),
    ],
)
def test_from_toml_refuses_a_strip(read, faults, text, found):
    """Only identifiers can be stripped; a wrong place, word or value is refused with its path."""
    only = "only the identifiers user_id, id and email can be stripped: leave it out here"
    fields = {"event_name": "'e'", "created_at": "'t'", "user_id": "'u'"}
    lines = [f"{name} = {value}\n" for name, value in fields.items() if not text.startswith(name)]

    assert faults(read, f"{''.join(lines)}{text}\n")[0] == found.format(only=only)


def test_from_toml_tells_every_fault_at_once(read, faults):
    """The error lists the faults of the file's form and the faults of the mapping."""
    text = (
        'created_at = { type = "dat", column = "x" }\nuser_id = "u"\ntimezone = "Mars"\n'
        '[metadata]\ntype = "x"\nprice = { type = "monetary_amount", amount = "x", unit = "cents" }\n'
        'ordered = { type = "date", column = true, unit = "m" }\n'
        'note = { type = "text", truncate = 1, cut = 1 }\nNote = { type = "link", column = "x", constant = "" }\n'
    )

    no_date_key = (
        "Intercom shows a date only if the key ends in '_date' or '_at': name it 'ordered_date', or send it as text"
    )

    assert faults(read, text) == [
        "created_at.type: 'dat' is not known: did you mean 'date'?",
        "metadata.price.currency: is missing",
        f"metadata.ordered.column: {NO_LABEL.format('true')}",
        "metadata.note: 'cut' is not known: there are column, constant, truncate",
        "metadata.note.column: is missing",
        "metadata.Note: has both column and constant: keep one",
        "event_name: is missing",
        "metadata.type: Intercom reserves this key: use 'type_name' or 'type_id'",
        "metadata.price.unit: expected 'major' or 'minor', got 'cents'",
        f"metadata.ordered: {no_date_key}",
        f"metadata.ordered.unit: expected {UNITS}, got 'm'",
        "metadata.note.truncate: 1 is neither true nor false",
        "metadata.Note: is the same key as 'note', since Intercom ignores case: rename one",
        "metadata.Note: '' cannot be a constant: use a text, a number, a date or a time",
        "timezone: 'Mars' is not a time zone: write 'UTC', 'Europe/Berlin' or the like",
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("timezone = 3", "timezone: 3 is not a time zone: write 'UTC', 'Europe/Berlin' or the like"),
        ('timezone = ["UTC"]', "timezone: ['UTC'] is not a time zone: write 'UTC', 'Europe/Berlin' or the like"),
        ('duplicates = ["skip"]', "duplicates: expected 'skip', 'spread' or 'send', got ['skip']"),
        ("on_invalid_metadata = {}", "on_invalid_metadata: expected 'error' or 'omit', got {}"),
        ('metadata_limit = "10"', "metadata_limit: '10' is not an integer of at least 1: write 10 or the like"),
        ("metadata_limit = true", "metadata_limit: True is not an integer of at least 1: write 10 or the like"),
        (
            "metadata_overflow = 2024-01-31",
            "metadata_overflow: expected 'error' or 'drop', got datetime.date(2024, 1, 31)",
        ),
    ],
)
def test_from_toml_refuses_an_option(read, faults, line, fault):
    """An option of the wrong type is refused."""
    assert faults(read, f'event_name = "e"\ncreated_at = "t"\nuser_id = "u"\n{line}\n') == [fault]


def test_from_toml_takes_a_path_and_not_text(faults):
    """The text of a mapping is not shown as a path that does not exist."""
    text = 'event_name = "placed-order"\ncreated_at = "day"\n'

    assert faults(EventMapping.from_toml, text) == [
        (
            """'event_name = "placed-order"\\ncreated_at ...': is not a path: """
            "a mapping is read from a file, so write the text to one and give its path"
        )
    ]


def test_from_toml_names_a_file_that_is_not_there(tmp_path, faults):
    """A missing file is a MappingError."""
    path = tmp_path / "mapping.toml"

    assert faults(EventMapping.from_toml, path) == [f"{path}: cannot be read: No such file or directory"]


def test_from_toml_refuses_a_path_that_no_file_can_have(faults):
    """A path with a NUL is a MappingError."""
    assert faults(EventMapping.from_toml, "a\0b") == ["'a\\x00b': cannot be read: embedded null byte"]


def test_from_toml_refuses_what_is_nested_too_deeply(tmp_path, faults):
    """Brackets that are nested too deeply for the parser are a MappingError."""
    path = tmp_path / "mapping.toml"
    path.write_text(f"x = {'[' * 5000}{']' * 5000}\n", encoding="utf-8")

    (fault,) = faults(EventMapping.from_toml, path)

    assert fault.startswith(f"{str(path)!r}: cannot be read: ")


def test_from_toml_names_the_line_that_is_not_toml(tmp_path, faults):
    """The error for invalid TOML has the parser's words with the line."""
    path = tmp_path / "mapping.toml"
    path.write_text("event_name = placed-order\n", encoding="utf-8")

    assert faults(EventMapping.from_toml, path) == [f"{path}: is not valid TOML: Invalid value (at line 1, column 14)"]


def test_from_toml_says_of_a_file_with_rows_that_a_mapping_is_a_toml_file(tmp_path, faults):
    """Somebody gave the CSV file twice."""
    path = tmp_path / "webinar.csv"
    path.write_text("who,day\n1,2\n")

    why = "Expected '=' after a key in a key/value pair (at line 1, column 4)"
    assert faults(EventMapping.from_toml, path) == [f"{path}: is not valid TOML, and a mapping is a TOML file: {why}"]


def test_from_toml_refuses_what_is_not_utf8(tmp_path, faults):
    """A file in another encoding without a mark is refused."""
    path = tmp_path / "mapping.toml"
    path.write_bytes(b'event_name = "gr\xfc\xdfte"\n')

    cure = "give such a file, or save this one as UTF-8 and try again"
    assert faults(EventMapping.from_toml, path) == [
        f"{path}: is not UTF-8, and a mapping is a TOML file in UTF-8: {cure}"
    ]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-8"])
def test_from_toml_reads_a_file_by_the_mark_of_its_encoding(tmp_path, encoding):
    """A byte order mark names the encoding, as in PowerShell's UTF-16."""
    path = tmp_path / "mapping.toml"
    path.write_bytes('\ufeffevent_name = "grüßte ☃"\r\ncreated_at = "day"\r\nuser_id = "who"\r\n'.encode(encoding))

    assert EventMapping.from_toml(path) == EventMapping(event_name="grüßte ☃", created_at="day", user_id="who")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_from_toml_refuses_utf16_without_its_mark(tmp_path, faults, encoding):
    """UTF-16 without a mark is refused with how to fix it, not with the parser's words."""
    path = tmp_path / "mapping.toml"
    path.write_bytes('event_name = "a"\n'.encode(encoding))

    cure = "give such a file, or save this one as UTF-8 and try again"
    assert faults(EventMapping.from_toml, path) == [
        f"{path}: is not UTF-8, and a mapping is a TOML file in UTF-8: {cure}"
    ]


def test_from_toml_does_not_wait_for_a_pipe(tmp_path, faults):
    """A pipe with a name is refused, since nobody may ever write to it."""
    path = tmp_path / "mapping.toml"
    os.mkfifo(path)

    assert faults(EventMapping.from_toml, path) == [f"{path}: is a pipe: write the mapping to a file and give its name"]


@pytest.mark.parametrize("folder", ["/dev/fd", "/proc/self/fd"])
def test_from_toml_reads_what_a_shell_pipes(folder):
    """A pipe of the shell, such as `<(...)`, is read."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as file:
        file.write('event_name = "a"\ncreated_at = "day"\nuser_id = "who"\n')

    mapping = EventMapping.from_toml(f"{folder}/{reader}")
    os.close(reader)

    assert mapping == EventMapping(event_name="a", created_at="day", user_id="who")


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ("x", 'key = "x"'),
        (("x", 1), 'key = ["x", 1]'),
        (Column("x"), 'key = { column = "x" }'),
        (Column(Constant(True)), 'key = { type = "column", constant = true }'),
        (Constant('a "quoted"\nline'), 'key = { constant = "a \\"quoted\\"\\nline" }'),
        (Text(3), 'key = { type = "text", column = 3 }'),
        (Text("x", truncate=True), 'key = { type = "text", column = "x", truncate = true }'),
        (Text(Constant("x"), truncate=True), 'key = { type = "text", constant = "x", truncate = true }'),
        (Number(Constant(1.5)), 'key = { type = "number", constant = 1.5 }'),
        (
            RichLink(value=("x", "y"), url=Constant("u")),
            'key = { type = "rich_link", value = ["x", "y"], url = { constant = "u" } }',
        ),
        (
            MonetaryAmount("x", currency="c", zero="omit", rounding="half_up"),
            'key = { type = "monetary_amount", amount = "x", currency = "c", zero = "omit", rounding = "half_up" }',
        ),
    ],
)
def test_to_toml_writes_every_form_of_an_entry(mapping, entry, line):
    """A rule is an inline table with its type; a label is written as it is."""
    assert mapping(metadata={"key": entry}).to_toml().splitlines()[-1] == line


def test_to_toml_writes_no_table_without_metadata(mapping):
    """Without metadata there is no table, and options come before it."""
    made = mapping(
        timezone="UTC",
        duplicates="spread",
        on_invalid_metadata="omit",
        metadata_limit=20,
        metadata_overflow="drop",
    )

    assert made.to_toml() == (
        'event_name = "placed-order"\ncreated_at = "time"\nuser_id = "customer"\n'
        'timezone = "UTC"\nduplicates = "spread"\non_invalid_metadata = "omit"\n'
        'metadata_limit = 20\nmetadata_overflow = "drop"\n'
    )


@pytest.mark.parametrize("key", ["order no", "größe", "a\tb", "1"])
def test_to_toml_quotes_keys_that_need_it(mapping, read, key):
    """A key that TOML does not allow bare is quoted."""
    made = mapping(metadata={key: "x"})

    assert read(made.to_toml()) == made


def test_to_toml_writes_what_acts_on_a_terminal_as_escapes(mapping, read):
    """Unseen characters are escaped, and read back as they were."""
    made = mapping(metadata={"a\u202eb": "x\x1b[2J\n\u202e", "c": Constant("\x9b31m\u00a0\U000e0041é")})

    text = made.to_toml()

    assert text.splitlines()[-2:] == [
        r'"a\u202eb" = "x\u001b[2J\n\u202e"',
        r'c = { constant = "\u009b31m\u00a0\U000e0041é" }',
    ]
    assert read(text) == made


def test_to_toml_refuses_callables_by_path(mapping, faults):
    """A callable cannot be written: the error names each path."""
    made = mapping(created_at=len, metadata={"price": MonetaryAmount("x", currency=lambda _: "usd")})

    assert faults(made.to_toml) == [
        "created_at: a callable cannot be written as TOML: compute a column and name it",
        "metadata.price.currency: a callable cannot be written as TOML: compute a column and name it",
    ]


@pytest.mark.skipif(EXPRESSION_TYPE is None, reason="pd.col came with pandas 3")
def test_to_toml_refuses_expressions_by_path(mapping, faults):
    """An expression cannot be written: the error names its path."""
    made = mapping(metadata={"price": pd.col("total") * 2})

    assert faults(made.to_toml) == [
        "metadata.price: a callable cannot be written as TOML: compute a column and name it"
    ]


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        (1.5, "1.5"),
        ((), "()"),
        (("x", 1.5), "('x', 1.5)"),
        (("x", None), "('x', None)"),
        (("x", pd.NaT), "('x', NaT)"),
        ("x\ud800", "'x\\ud800'"),
        (Constant(dt.time(7, tzinfo=dt.UTC)), "Constant(value=datetime.time(7, 0, tzinfo=datetime.timezone.utc))"),
        (pd.Timestamp("2024-01-31"), "Timestamp('2024-01-31 00:00:00')"),
        (Constant(decimal.Decimal("1.10")), "Constant(value=Decimal('1.10'))"),
        (Constant(b"x"), "Constant(value=b'x')"),
    ],
)
def test_to_toml_refuses_what_would_not_read_back(mapping, faults, entry, shown):
    """A label or constant that TOML cannot hold is refused, not changed."""
    made = mapping(metadata={"key_at": entry})

    assert faults(made.to_toml) == [
        f"metadata.key_at: {shown} cannot be written as TOML: use text, an integer, a float, a date or a time"
    ]
