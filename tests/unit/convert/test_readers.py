"""How text, numbers, identifiers, email addresses, links and event names are read."""

import datetime as dt
import decimal
import json

import numpy as np
import pandas as pd
import pytest

from events_pandas.mapping import Column, Constant, Date, Link, MonetaryAmount, Number, RichLink, Text


def test_text_is_sent_as_it_stands(becomes):
    """Text is not trimmed, folded or normalized, and white space counts as text."""
    texts = ["  two  words ", "ÄÖÜ ß 漢字 🎉", "e\u0301", " ", '"quoted" \\ /', "tab\tline\nend\r", "\x01\x1f\x7f"]

    assert becomes(Text("x"), texts) == texts


@pytest.mark.parametrize(
    "error", ["#REF!", "#N/A", "#DIV/0!", "#NAME?", "#n/a", "#BEZUG!", "#NV", "#VALEUR!", "#¡REF!"]
)
@pytest.mark.parametrize("rule", [Text("x"), Text("x", truncate=True), Number("x"), Date("x"), Link("x")])
def test_error_of_a_spreadsheet_is_a_problem_under_every_rule(becomes, rule, error):
    """A text that a spreadsheet shows instead of a value is not sent as if it were one."""
    assert becomes(rule, [error, None]) == ["!sheet_error", None]


@pytest.mark.parametrize("text", ["#1 of 3", "see #REF!", "#vip", "#", "N/A", "########"])
def test_text_that_is_not_an_error_of_a_spreadsheet_is_sent(becomes, text):
    """A number sign alone says nothing: only the words of spreadsheets are errors, as whole cells."""
    assert becomes(Text("x"), [text]) == [text]


def test_error_of_a_spreadsheet_is_a_problem_in_each_field(convert, codes):
    """The fields of the event, and both parts of a rule, are read the same; a constant is meant as it is."""
    frame = pd.DataFrame({"x": ["#REF!"], "who": ["#REF!"]})
    metadata = {
        "order": RichLink(value="x", url=Constant("https://example.org")),
        "price": MonetaryAmount(Constant(5), currency="x"),
        "why": Constant("#REF!"),
    }

    batch = convert(frame, event_name=Column("x"), created_at="x", email="who", metadata=metadata)

    assert codes(batch) == [("sheet_error", [0])] * 5
    assert batch.findings[0].messages().to_pylist() == [
        (
            "event_name: '#REF!' in column 'x' is an error that a spreadsheet shows instead of a value: "
            "correct or empty the cell there, and save or export the file again"
        )
    ]


def test_error_of_a_spreadsheet_says_nothing_about_its_column(convert, codes):
    """A bare column of numbers stays one, however many of its cells are errors."""
    batch = convert(pd.DataFrame({"x": [5, "#REF!", "#N/A"]}), metadata={"count": "x"})

    assert codes(batch) == [("sheet_error", [1, 2])]


@pytest.mark.parametrize("character", ["a", "ü", "🎉"])
def test_text_may_have_255_characters(becomes, character):
    """The limit counts characters, not bytes."""
    texts = [character * 255, character * 256]

    assert becomes(Text("x"), texts) == [character * 255, "!text_too_long"]


def test_text_with_a_nul_character_is_refused(becomes):
    """Text with NUL is refused: JSON allows it, Intercom does not."""
    assert becomes(Text("x"), ["a\0b", "\0", "a"]) == ["!nul_character", "!nul_character", "a"]


@pytest.mark.parametrize("character", ["a", "ü", "🎉", "\U0010ffff"])
def test_text_can_be_cut_to_255_characters(becomes, character):
    """Text is cut by characters, never within one."""
    texts = [character * 255, character * 256, "x" + character * 1_000, "e\u0301" * 128, None, ""]

    assert becomes(Text("x", truncate=True), texts) == [
        character * 255,
        character * 255,
        "x" + character * 254,
        "e\u0301" * 127 + "e",
        None,
        None,
    ]


def test_text_that_is_cut_may_have_a_nul_character_beyond(convert, codes, payloads):
    """NUL in the part that is cut off does not matter; NUL in the rest is the only finding."""
    texts = ["a" * 255 + "\0", "a" * 254 + "\0" + "b", "\0" * 300, "a" * 254 + "\0"]

    batch = convert(pd.DataFrame({"x": texts}), metadata={"note": Text("x", truncate=True)})

    assert codes(batch) == [("text_truncated", [0]), ("nul_character", [1, 2, 3])]
    assert [payload["metadata"] for payload in payloads(batch)] == [{"note": "a" * 255}]


def test_text_that_is_cut_is_noted_row_by_row(convert):
    """Each row whose text is cut gets a note with the text's beginning."""
    frame = pd.DataFrame({"x": ["short", "a" * 256, "b" * 255, "c" * 300]})

    batch = convert(frame, metadata={"note": Text("x", truncate=True)}, on_invalid_metadata="omit")

    (finding,) = batch.findings
    assert (finding.code, finding.severity, finding.rows.tolist()) == ("text_truncated", "note", [1, 3])
    assert not finding.is_omission
    assert finding.messages().to_pylist() == [
        f"metadata.note: '{letter * 80}' in column 'x' is longer than the 255 characters that Intercom keeps and "
        "is cut: shorten it if its end matters"
        for letter in "ac"
    ]
    assert batch.valid.all()


def test_text_that_is_not_cut_says_how(convert):
    """The message of a text that is too long names the option that cuts it."""
    (finding,) = convert(pd.DataFrame({"x": ["a" * 256]}), metadata={"note": Text("x")}).findings

    assert finding.messages().to_pylist() == [
        (
            f"metadata.note: '{'a' * 80}' in column 'x' is longer than the 255 characters that Intercom keeps: "
            "shorten it, or set truncate to true in its text rule"
        )
    ]


def test_text_is_cut_of_any_kind_that_has_a_text(becomes):
    """Other kinds are written out and then cut; kinds without a text are refused."""
    digits = "1" * 300
    cells = [decimal.Decimal(digits), int(digits), 1.5, True, ["a"], "a" * 300 + "\ud800", dt.timedelta(1)]

    assert becomes(Text("x", truncate=True), pd.Series(cells, dtype=object)) == [
        *("1" * 255, "1" * 255, "1.5", "true"),
        *("!nested_value", "!lone_surrogate", "!unsupported_type"),
    ]


def test_constant_text_can_be_cut(becomes):
    """A constant is cut without a note."""
    assert becomes(Text(Constant("a" * 300), truncate=True), [1, 2]) == ["a" * 255] * 2


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (2.0**53 - 1, "9007199254740991"),
        (1e15, "1000000000000000"),
        (0.1 + 0.2, "0.30000000000000004"),
    ],
)
def test_text_writes_whole_floats_without_a_fraction(becomes, number, text):
    """Whole floats are written as whole numbers: 314159.0 as 314159."""
    assert becomes(Text("x"), [number, np.nan]) == [text, None]


def test_text_writes_decimals_as_they_are(becomes):
    """Each decimal keeps its own number of places."""
    column = [decimal.Decimal("19.90"), decimal.Decimal(5), decimal.Decimal("1E-7")]

    assert becomes(Text("x"), column) == ["19.90", "5", "0.0000001"]


@pytest.mark.parametrize(
    "text", ["0", "-1", "3.67", "0.5", "1e3", "1.5E-7", "9007199254740991", "12345678901.000000001"]
)
def test_number_text_that_is_a_json_number_is_sent_digit_by_digit(convert, text):
    """Text that is a JSON number is sent unchanged."""
    batch = convert(pd.DataFrame({"x": [text]}), metadata={"value": Number("x")})

    assert f'"value":{text}}}'.encode() in batch.payloads(batch.valid)[0].as_py()


def test_plus_sign_means_the_same_in_a_number_and_in_an_amount(convert):
    """JSON has no plus in front of a number: it is left out."""
    metadata = {"n": Number("x"), "price": MonetaryAmount("x", currency=Constant("eur"))}
    batch = convert(pd.DataFrame({"x": ["+5", "+0.5", "+1.25"]}), metadata=metadata)

    found = [json.loads(payload)["metadata"] for payload in batch.payloads(batch.valid).to_pylist()]
    assert [(each["n"], each["price"]["amount"]) for each in found] == [(5, 500), (0.5, 50), (1.25, 125)]


@pytest.mark.parametrize(
    "text", ["1,299.00", "1 299", "12 €", "+-1", "+", "++1", "007", ".5", "5.", "1e", "NaN", "0x10", " x", "true"]
)
def test_number_text_that_is_not_a_plain_number_is_refused(becomes, text):
    """Text with a thousands separator or a unit is refused."""
    assert becomes(Number("x"), [text, "1"]) == ["!number_unreadable", 1]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("9007199254740991", 9007199254740991),
        ("9007199254740991.00", 9007199254740991),
        ("9007199254740993", "!number_inexact"),
        ("9007199254740993.0", "!number_inexact"),
        ("9007199254740993e0", "!number_inexact"),
        ("900719925474099.3e1", "!number_inexact"),
        ("9.007199254740993e15", "!number_inexact"),
        ("-9007199254740993", "!number_inexact"),
        ("12345678901234567.5", "!number_inexact"),
        ("4503599627370497.5", "!number_inexact"),
        ("2251799813685249.5", 2251799813685249.5),
        ("0.1234567890123456789", 0.12345678901234568),
        ("1.2345678901234567e+20", 1.2345678901234567e20),
        ("1e22", 1e22),
        ("1e400", "!number_not_finite"),
        (" 7", "!blanks_around"),
        ("7\u00a0", "!invisible_character"),
    ],
)
def test_number_text_that_would_lose_a_digit_is_refused(becomes, text, number):
    """A whole number that readers of JSON would change is refused; a long fraction, which they round, is not."""
    assert becomes(Number("x"), [text, "1"]) == [number, 1]


def test_number_is_exact_or_refused(becomes):
    """Whole numbers from 2^53 on are refused: JavaScript and most readers of JSON would round them."""
    assert becomes(Number("x"), [2**53 - 1, 1 - 2**53, 2**53, -(2**63)]) == [
        2**53 - 1,
        1 - 2**53,
        "!number_inexact",
        "!number_inexact",
    ]
    assert becomes(Number("x"), [str(2**53 - 1), str(2**53), "12345678901234567890.5"]) == [
        2**53 - 1,
        "!number_inexact",
        "!number_inexact",
    ]


def test_number_is_finite(becomes):
    """Infinities are refused, also text that overflows to one."""
    assert becomes(Number("x"), [np.inf, -np.inf, 1.0, np.nan]) == ["!number_not_finite", "!number_not_finite", 1, None]
    assert becomes(Number("x"), ["1e999", "-1e999", "1e-999"]) == ["!number_not_finite", "!number_not_finite", 0.0]


@pytest.mark.parametrize("number", [0.1 + 0.2, 1e300, 5e-324, 1e15, 123456.789, -2.5, 1e22])
def test_number_floats_read_back_as_the_same_float(becomes, number):
    """A float is sent with the shortest digits that read back as the same float."""
    assert becomes(Number("x"), [number]) == [number]


@pytest.mark.parametrize(
    ("values", "identifiers"),
    [
        (["00042", "7 8", "a-b", "ü"], ["00042", "7 8", "a-b", "ü"]),
        ([314159.0, np.nan, 0.0, -1.0], ["314159", "!identifier_missing", "0", "-1"]),
        ([2.0**53 - 1, 2.0**53, 1e300], ["9007199254740991", "!identifier_inexact", "!identifier_inexact"]),
        ([1.5, 2.0], ["!identifier_unreadable", "2"]),
        ([2**53 + 1, -(2**63)], ["9007199254740993", "-9223372036854775808"]),
        ([decimal.Decimal("42.0"), decimal.Decimal("42.5")], ["42", "!identifier_unreadable"]),
        ([decimal.Decimal(12345678901234567890)], ["12345678901234567890"]),
        ([True, False], ["!identifier_unreadable", "!identifier_unreadable"]),
        (["a\0", "a"], ["!nul_character", "a"]),
        (["  ", "\n", "\u00a0", "a"], [*["!identifier_missing"] * 3, "a"]),
    ],
)
def test_identifiers_are_text(identifies, values, identifiers):
    """Text stays as it is, whole numbers lose their fraction, and numbers with lost digits are refused."""
    assert identifies(values) == identifiers


def test_identifiers_in_short_floats_are_refused_earlier(identifies):
    """A float32 is refused from 2^24 on, since it could stand for several identifiers."""
    values = pd.Series([2**24 - 1, 2**24, np.nan], dtype="float32")

    assert identifies(values) == ["16777215", "!identifier_inexact", "!identifier_missing"]


def test_identifier_repaired_from_floats_is_noted_once(convert, codes):
    """Identifiers from a float column get one note."""
    batch = convert(pd.DataFrame({"x": [np.nan, 1.0, 2.0]}), user_id="x", email=Constant("a@b.c"))

    assert codes(batch)[0] == ("float_identifier", [1])


def test_identifier_written_from_floats_is_noted_once(convert, codes, payloads):
    """Text such as "314159.0" is sent unchanged, with one note for the column."""
    batch = convert(pd.DataFrame({"x": ["v1.0", "1.05", "314159.0", "7.0"]}), user_id="x")

    assert codes(batch) == [("float_text_identifier", [2])]
    assert payloads(batch)[2]["user_id"] == "314159.0"


@pytest.mark.parametrize(
    ("code", "identifiers"),
    [
        (
            "identifier_scientific",
            ["1.23457E+11", "1,23457E+11", "1.23457e11", "1.E+05", "4.9E+12", "1E+11", "-1.2E+5"],
        ),
        ("identifier_sheet_error", ["#N/A", "#n/a", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#DIV/0!", "#NULL!"]),
        ("identifier_sheet_error", ["#SPILL!", "#WERT!", "#ÜBERLAUF!", "#¡VALOR!", "#NV", "#N/D", "##", "########"]),
        ("identifier_guarded", ['="00042"', "=00042", "'00042", "'A-42", "'+49123", "'42'", '"42"']),
        ("identifier_object", ["[object Object]", "<NA>", "<User: 5>", "User object (5)", "ObjectId('507f')", "b'42'"]),
        ("identifier_object", ["{'id': 5}", '{"id": 5}', "{}", "[]", "[5, 6]", "['a']", "('a', 1)"]),
        ("invisible_character", ["42\u200b", "\u00a042", "\ufeff42", "4\u00ad2", "\u202a42\u202c", "4\u00a02"]),
        ("invisible_character", ["42\t", "4\n2", "\u200b", "42\u2060", "42\u200e", "\x1f42", "42\U000e0001"]),
        ("blanks_around", ["42 ", " 42", " ada lovelace ", "42\u3000", " #N/A"]),
    ],
)
def test_unusable_identifier_is_refused(identifies, code, identifiers):
    """Texts that cannot be identifiers are refused, each with its own code."""
    assert identifies([*identifiers, "42"]) == [*[f"!{code}"] * len(identifiers), "42"]


@pytest.mark.parametrize(
    "identifier",
    [
        "{3F2504E0-4F89-11D3-9A0C-0305E82C3301}",
        "#42",
        "4 2",
        "山田\u3000太郎",
        "'bob",
        "o'hara",
        "3e4f-a9",
        "1.5",
        "a=b",
        "noah",
        "[x",
        "x]",
        "name (5)",
        "👍",
    ],
)
def test_identifier_that_may_be_somebodys_is_sent_without_a_note(convert, codes, payloads, identifier):
    """Braces around a GUID and blanks within a name belong to the identifier."""
    batch = convert(pd.DataFrame({"x": [identifier]}), user_id="x")

    assert codes(batch) == []
    assert payloads(batch)[0]["user_id"] == identifier


@pytest.mark.parametrize(
    "identifier",
    ["nan", "NaN", "NaT", "None", "null", "NULL", "N/A", "n/a", "NA", "-", "--", "undefined", "(blank)", "?", "\\N"],
)
def test_identifier_that_is_a_word_for_nothing_is_noted(convert, codes, payloads, identifier):
    """A word such as "null" is sent, with a note in every row, since it may be somebody's name."""
    batch = convert(pd.DataFrame({"x": ["ada", identifier, identifier]}), user_id="x")

    assert codes(batch) == [("identifier_nothing", [1, 2])]
    assert payloads(batch)[1]["user_id"] == identifier


@pytest.mark.parametrize("identifier", ["1E5", "12E3", "12e3", "12E-3"])
def test_identifier_that_may_be_in_scientific_notation_is_noted_once(convert, codes, payloads, identifier):
    """Text such as "1E5" is sent with one note for the column: it may be a real identifier."""
    batch = convert(pd.DataFrame({"x": ["42", identifier, identifier]}), user_id="x")

    assert codes(batch) == [("identifier_exponent", [1])]
    assert payloads(batch)[1]["user_id"] == identifier


@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        ("ada\u200b", r"user_id: '…\u200b' in column 'x' holds an invisible character: remove it"),
        ("\u00a042", r"user_id: '\u00a0…' in column 'x' holds an invisible character: remove it"),
        ("4\t2\n", r"user_id: '…\t…\n' in column 'x' holds an invisible character: remove it"),
        ("42 ", "user_id: '… ' in column 'x' has a blank at its beginning or end: remove it"),
        ("42\u3000", r"user_id: '…\u3000' in column 'x' has a blank at its beginning or end: remove it"),
    ],
)
def test_message_shows_the_character_and_not_the_person(convert, identifier, message):
    """The message shows the character to remove, not the identifier, and names the option that removes it."""
    (finding,) = convert(pd.DataFrame({"x": [identifier]}), user_id="x").findings
    where = " if it stands at an end" if finding.code == "invisible_character" else ""

    assert finding.messages().to_pylist() == [f"{message}, or set strip_identifiers to true in the mapping{where}"]


def test_value_of_a_problem_shows_the_character(convert):
    """The problem's value shows the whole identifier, with the character as an escape."""
    (finding,) = convert(pd.DataFrame({"x": ["42\u200b"]}), user_id="x").findings

    assert finding.all_values().to_pylist() == [r"'42\u200b'"]


@pytest.mark.parametrize(
    ("code", "emails"),
    [
        ("invisible_character", ["a@b.c\u200b", "a@b.c\u00a0", "\u2003a@b.c", "\ufeffa@b.c", "a@\u00adb.c", "a@b.c\0"]),
        ("blanks_around", ["a@b.c ", " a@b.c"]),
        ("identifier_guarded", ["'a@b.c", "'a@b.c'", '="a@b.c"', '"a@b.c"']),
    ],
)
def test_email_says_what_keeps_it_from_being_one(convert, codes, code, emails):
    """If only characters around or in an address spoil it, the code names them."""
    batch = convert(pd.DataFrame({"x": [*emails, "a@b.c", "o'hara@b.c"]}), email="x")

    assert codes(batch) == [(code, list(range(len(emails))))]


@pytest.mark.parametrize("email", ["a@b.c", "a@localhost", "first.last+tag@sub.example.org", "ü@exämple.org", "A@B.C"])
def test_email_is_sent_as_it_stands(convert, payloads, email):
    """Every text with the form of an address is sent unchanged."""
    (payload,) = payloads(convert(pd.DataFrame({"x": [email]}), email="x"))

    assert payload["email"] == email


@pytest.mark.parametrize(
    "email",
    [
        "a",
        "a@",
        "@b.c",
        "a@b@c",
        "a b@c.d",
        " a",
        "a@b..c",
        "a@.c",
        "a@b.",
        "a\u200b",
        7,
    ],
)
def test_email_that_is_not_an_address_is_refused(convert, codes, email):
    """An address has one @, a name before it and a domain after it."""
    batch = convert(pd.DataFrame({"x": [email]}), email="x")

    assert codes(batch) == [("email_malformed", [0])]


LINKS = [
    "https://example.org",
    "http://example.org/a?b=c&d=%20#e",
    "HTTPS://EXAMPLE.ORG:8080/ä",
    "https://127.0.0.1?x",
    "https://[::1]/x",
    "http://localhost/[a]",
]
NO_LINKS = [
    "http://:80",
    "https://.",
    "https://a\u00a0b",
    "https://example.org/\u2003",
    "example.org",
    "ftp://example.org",
    "https://",
    "https:///a",
    "https:/example.org",
    "https://exa mple.org",
    "https://example.org/a b",
    "https://example.org/\n",
    "https://user:secret@example.org",
    'https://example.org/"',
    "javascript:alert(1)",
    " https://example.org",
    "https://example.org/<a>",
    "https://example.org/\x07",
]


@pytest.mark.parametrize("link", LINKS)
def test_link_is_an_http_or_https_address(becomes, link):
    """Any host, port, path and query is allowed."""
    assert becomes(Link("x"), [link]) == [link]
    assert becomes(Link("x"), [link, "https://example.org/ä"]) == [link, "https://example.org/ä"]


@pytest.mark.parametrize("link", NO_LINKS)
def test_link_of_another_form_is_refused(becomes, link):
    """Other schemes, addresses without a host, secrets and white space are refused."""
    assert becomes(Link("x"), [link, None]) == ["!link_malformed", None]
    # Beside a letter beyond ASCII all are read in another way.
    assert becomes(Link("x"), [link, "https://example.org/ä"]) == ["!link_malformed", "https://example.org/ä"]
    assert becomes(RichLink(value=Constant("v"), url="x"), [link, None]) == ["!link_malformed", None]


def test_link_is_no_longer_than_text(becomes):
    """A link is at most as long as metadata text; the address of a rich link may be longer."""
    link = "https://example.org/" + "a" * 236

    assert becomes(Link("x"), [link, link[:-1]]) == ["!text_too_long", link[:-1]]
    assert becomes(RichLink(value=Constant("v"), url="x"), [link]) == [{"url": link, "value": "v"}]


def test_link_with_a_nul_character_is_refused_once(convert, codes):
    """A cell with NUL gets one finding, not two."""
    batch = convert(pd.DataFrame({"x": ["https://example.org/\0"]}), metadata={"link": Link("x")})

    assert codes(batch) == [("nul_character", [0])]


def test_event_names_are_sent_as_they_stand(convert, payloads):
    """Event names are sent unchanged: Intercom normalizes them itself."""
    batch = convert(pd.DataFrame({"x": ["Placed.Order", "placed-order", ' "a" ']}), event_name=Column("x"))

    assert [payload["event_name"] for payload in payloads(batch)] == ["Placed.Order", "placed-order", ' "a" ']


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (None, "event_name_missing"),
        ("", "event_name_missing"),
        (" \t", "event_name_missing"),
        ("a\0", "nul_character"),
        ("\ud800", "lone_surrogate"),
        (7, "event_name_unreadable"),
        (["a"], "nested_value"),
    ],
)
def test_event_name_that_is_not_text_is_refused(convert, codes, name, code):
    """A name is required, and must be text."""
    batch = convert(pd.DataFrame({"x": pd.Series(["a", name], dtype=object)}), event_name=Column("x"))

    assert codes(batch) == [(code, [1])]
