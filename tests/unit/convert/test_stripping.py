"""Identifiers without the blanks and invisible characters at their ends, on request."""

import uuid

import numpy as np
import pandas as pd
import pytest

from events_pandas.mapping import Column, Constant

ODD = ["42 ", " 42", "\u200b42", "42\u00a0", "\ufeff42", "42\t\n", "\u3000 42\u1680", "\0 42", "42"]
"""The same contact, in cells with characters at the ends that nobody sees."""


@pytest.fixture
def stripped(convert, outcome):
    """Return a function that gives what is sent as `user_id` for each cell of a column that is stripped."""

    def stripped(values):
        batch = convert(pd.DataFrame({"x": values}), user_id=Column("x", strip=True))
        return outcome(batch, lambda payload: payload["user_id"])

    return stripped


@pytest.mark.parametrize("field", ["user_id", "id"])
def test_ends_of_an_identifier_are_stripped(convert, payloads, codes, field):
    """Blanks and invisible characters at both ends are removed, and a note counts the rows that had them."""
    frame = pd.DataFrame({"x": ODD})

    for asked in ({field: Column("x", strip=True)}, {field: "x", "strip_identifiers": True}):
        batch = convert(frame, **asked)
        assert [event[field] for event in payloads(batch)] == ["42"] * len(ODD)
        assert codes(batch) == [("identifier_stripped", list(range(len(ODD) - 1)))]


def test_ends_of_an_email_are_stripped(convert, payloads, codes):
    """An address is stripped before it is judged."""
    batch = convert(pd.DataFrame({"x": [" ada@example.org\u200b", "ada@example.org"]}), email=Column("x", strip=True))

    assert [event["email"] for event in payloads(batch)] == ["ada@example.org"] * 2
    assert codes(batch) == [("identifier_stripped", [0])]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(ODD, dtype="string"),
        pd.Series(ODD, dtype="string[pyarrow]"),
        pd.Series(ODD, dtype="category"),
        pd.Series([text.encode() for text in ODD], dtype=object),
        pd.Series([*ODD[:-1], 42], dtype=object),
    ],
    ids=["string", "pyarrow", "category", "bytes", "mixed"],
)
def test_text_of_every_dtype_is_stripped(stripped, column):
    """Whatever holds the text, the contact is the same."""
    assert stripped(column) == ["42"] * len(ODD)


@pytest.mark.parametrize(
    ("cell", "sent"),
    [
        (" ada  lovelace ", "ada  lovelace"),
        ("4\u00a02", "!invisible_character"),
        (" 4\u00a02 ", "!invisible_character"),
        (" #N/A ", "!identifier_sheet_error"),
        (' ="00042"', "!identifier_guarded"),
        (" 1.23457E+11", "!identifier_scientific"),
        ("00042 ", "00042"),
        (42.0, "42"),
        (uuid.UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        (" \ud800", "!lone_surrogate"),
        (["a "], "!nested_value"),
    ],
)
def test_stripped_identifier_is_judged_like_any_other(stripped, cell, sent):
    """Characters within an identifier stay, and what is left is judged."""
    assert stripped(pd.Series([cell], dtype=object)) == [sent]


@pytest.mark.parametrize("cell", [" ", "\u200b", " \u00a0\t", "\ufeff", "\u3000"])
def test_identifier_of_which_nothing_is_left_is_missing(convert, payloads, codes, stripped, cell):
    """Such a cell is empty: the next identifier is sent, and without one the row has none."""
    frame = pd.DataFrame({"x": [cell, None], "mail": ["a@b.c", "a@b.c"]})

    batch = convert(frame, user_id="x", email="mail", strip_identifiers=True)

    assert [event["email"] for event in payloads(batch)] == ["a@b.c", "a@b.c"]
    assert codes(batch) == []
    assert stripped([cell, "42"]) == ["!identifier_missing", "42"]


def test_only_the_identifiers_that_are_asked_for_are_stripped(convert, codes):
    """`Column(strip=True)` concerns its own column; without it an identifier is judged as it stands."""
    frame = pd.DataFrame({"x": ["42 ", None], "mail": [" a@b.c", " a@b.c"], "note": [" tea ", None]})

    batch = convert(frame, user_id=Column("x", strip=True), email="mail", metadata={"note": "note"})

    assert codes(batch) == [
        ("identifier_stripped", [0]),
        ("blanks_around", [1]),
        ("several_identifiers", [0]),
    ]
    assert batch.metadata["metadata.note"].pieces[-2].to_pylist() == [" tea ", None]


def test_stripped_contacts_are_one(convert):
    """Digests of contacts, from which duplicates and journals follow, are those of the clean identifier."""
    clean = convert(pd.DataFrame({"x": ["42"] * len(ODD)}), user_id="x")

    batch = convert(pd.DataFrame({"x": ODD}), user_id=Column("x", strip=True))

    np.testing.assert_array_equal(batch.contacts.words, clean.contacts.words)
    assert batch.contacts.named()[1].tolist() == ["42"] * len(ODD)


def test_constant_identifier_is_stripped(convert, payloads, codes):
    """A constant is stripped like a cell, without a note."""
    batch = convert(pd.DataFrame({"x": [1]}), user_id=Column(Constant(" ada "), strip=True))

    assert [event["user_id"] for event in payloads(batch)] == ["ada"]
    assert codes(batch) == []


def test_note_shows_what_was_removed_and_not_the_person(convert):
    """The note shows the characters at the ends, not the identifier."""
    (finding,) = convert(pd.DataFrame({"x": ["\u200bada "]}), user_id=Column("x", strip=True)).findings

    assert finding.messages().to_pylist() == [
        (
            r"user_id: '\u200b… ' in column 'x' "
            "has blanks or invisible characters at its ends and is sent without them: "
            "leave strip and strip_identifiers out of the mapping if they belong to it"
        )
    ]


def test_message_does_not_name_an_option_that_is_set(convert):
    """An invisible character within a stripped identifier can only be removed by hand."""
    (finding,) = convert(pd.DataFrame({"x": ["4\u200b2"]}), user_id="x", strip_identifiers=True).findings

    assert finding.messages().to_pylist() == [
        r"user_id: '…\u200b…' in column 'x' holds an invisible character: remove it"
    ]
