"""The codes of what can be wrong with a row: their documented order, and messages that an analyst can act on."""

import re

import numpy as np
import pytest

from events_pandas.convert import CODES, Finding
from events_pandas.convert.codes import RANKS

ONCE = [
    "float_identifier",
    "float_text_identifier",
    "text_in_bytes",
    "uuid_in_bytes",
    "identifier_exponent",
    "leading_zeros",
    "naive_time",
    "event_name_spellings",
    "many_event_names",
    "sent_as_numbers",
    "sent_as_dates",
    "sent_as_text",
    "decimal_comma",
    "decimal_point",
    "type_kept",
    "type_drift",
]
ROW_NOTES = [
    "identifier_stripped",
    "computed_as_empty",
    "identifier_nothing",
    "several_identifiers",
    "amount_omitted",
    "amount_rounded",
    "local_time_earlier",
    "local_time_later",
    "local_time_shifted",
    "before_2000",
    "in_the_future",
    "text_truncated",
    "metadata_dropped",
    "duplicate",
    "duplicate_with_other_metadata",
    "duplicate_sent",
    "second_moved",
    "second_moved_of_identical",
    "mend_before_spread",
    "would_be_duplicate",
]


@pytest.mark.parametrize(("name", "code"), CODES.items(), ids=CODES)
def test_code_says_what_is_wrong_and_how_to_fix_it(name, code):
    """Cause and cure begin in lower case and end without a full stop, since they go on from a subject."""
    assert re.fullmatch("[a-z0-9_]+", name)
    for text in (code.cause, code.cure):
        assert text[0].islower() or text.startswith("Intercom")
        assert not text.endswith((".", ":", " "))
        assert ": " not in text
    assert str(code) == f"{code.cause}: {code.cure}"


def test_codes_of_errors_come_before_notes():
    """Errors come first, in the documented order, because a row's first code is its `error_code`."""
    severities = [code.severity for code in CODES.values()]

    assert severities == sorted(severities)
    assert list(CODES)[:3] == ["row_too_short", "row_too_long", "row_torn"]
    assert list(CODES).index("event_name_missing") < list(CODES).index("created_at_missing")
    assert list(RANKS) == list(CODES)
    assert list(RANKS.values()) == list(range(len(CODES)))


def test_codes_of_notes_say_how_often_they_are_reported():
    """Notes about a column are reported once, notes about a row for each row, and errors for each row."""
    notes = {name: code for name, code in CODES.items() if code.severity == "note"}

    assert [name for name, code in notes.items() if code.is_reported_once] == ONCE
    assert [name for name, code in notes.items() if code.is_reported_by_value] == [
        "backslash_quotes",
        "delimiter_detected",
        "encoding_detected",
        "source_unused",
        "key_absent",
        "sheet_chosen",
        "blank_rows",
        "excel_digits",
        "excel_format",
        "merged_cells",
        "currency_minor_unit",
        "currency_withdrawn",
    ]
    assert [
        name for name, code in notes.items() if not (code.is_reported_once or code.is_reported_by_value)
    ] == ROW_NOTES
    assert not any(code.is_reported_once for code in CODES.values() if code.severity == "error")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("duplicate", "event: another row is the same event to Intercom (contact, event name and second)"),
        ("metadata_dropped", "event: too many values are present, more than Intercom keeps"),
        ("text_too_long", "event: a value is longer than the 255 characters that Intercom keeps"),
    ],
)
def test_code_has_a_subject_where_neither_column_nor_value_is_known(code, message):
    """A message is a full sentence even without column and value."""
    (reported,) = Finding(code=code, rows=np.array([0]), field="event").messages().to_pylist()

    assert reported.startswith(message)


VERBS = {
    *("check", "convert", "correct", "delete", "drop", "empty", "export", "fill", "fix"),
    *("format", "give", "leave", "map", "move", "open", "order", "put", "read"),
    *("remove", "round", "save", "send", "set", "shorten", "unmerge", "use", "write"),
}


@pytest.mark.parametrize("code", CODES)
def test_cure_begins_with_an_action(code):
    """A cure says what to do; a reason or a rule is not yet something to do."""
    action = re.sub(r"^if (that is wrong|they are|it is one), ", "", CODES[code].cure)

    assert action.split()[0] in VERBS
