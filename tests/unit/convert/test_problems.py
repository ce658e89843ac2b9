"""Findings as messages, and as a frame on the caller's index."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from events_pandas.convert.problems import (
    VALUES_KEPT,
    Finding,
    GatheredFindings,
    causes,
    first_errors,
    merged,
    problems_frame,
    shown,
)
from events_pandas.mapping import Constant, Date, Link, MonetaryAmount, Number

COLUMNS = ["row", "field", "code", "severity", "value", "message"]


def _finding(code, rows, values=None, **facts):
    texts = None if values is None else pa.array(values, pa.large_string())
    return Finding(code=code, rows=np.array(rows, np.int64), values=texts, **facts)


def test_note_that_may_concern_every_row_keeps_few_values(convert):
    """Only the first values are kept for many equal findings; later messages name the column."""
    n_rows = VALUES_KEPT + 2
    frame = pd.DataFrame({"t": np.arange(n_rows) + 1_700_000, "e": "a@b.c", "u": "a"})

    findings = convert(frame, created_at="t", user_id="u", email="e").findings

    assert [(finding.code, len(finding.rows), len(finding.values)) for finding in findings] == [
        ("before_2000", n_rows, VALUES_KEPT),
        ("several_identifiers", n_rows, VALUES_KEPT),
    ]
    closing = "is before the year 2000: if that is wrong, check the column and the unit and format of its date rule"
    messages = findings[0].messages().to_pylist()
    assert messages[VALUES_KEPT - 1] == f"created_at: {1_700_000 + VALUES_KEPT - 1} in column 't' {closing}"
    assert messages[VALUES_KEPT:] == [f"created_at: column 't' {closing}"] * 2
    assert findings[0].all_values().to_pylist()[VALUES_KEPT:] == [None, None]
    assert [(cause.code, cause.rows) for cause in causes(findings)] == [
        ("before_2000", n_rows),
        ("several_identifiers", n_rows),
    ]


def test_message_of_a_field_with_any_name_is_one_line():
    """A message escapes the field's name, so that it stays one line; the frame has the name unchanged."""
    finding = _finding("link_malformed", [0], ["'x'"], field="metadata.a\n5 rows\x1b[2J", label="column 'p'")

    (message,) = finding.messages().to_pylist()

    assert message.startswith("metadata.a\\n5 rows\\u001b[2J: 'x' in column 'p' is not an http or https address")
    assert problems_frame([finding], pd.RangeIndex(1))["field"].tolist() == ["metadata.a\n5 rows\x1b[2J"]


@pytest.mark.parametrize(
    ("code", "is_omission", "severity"),
    [("text_too_long", False, "error"), ("text_too_long", True, "note"), ("before_2000", False, "note")],
)
def test_severity_is_error_unless_the_event_is_sent(code, is_omission, severity):
    """An error makes its row invalid; a value that is left out does not."""
    assert _finding(code, [0], is_omission=is_omission).severity == severity


@pytest.mark.parametrize(
    ("finding", "message"),
    [
        (
            _finding("link_malformed", [0], ["'x'"], field="metadata.page", label="column 'p'"),
            (
                "metadata.page: 'x' in column 'p' is not an http or https address: "
                "write it as https://example.org/page, without spaces"
            ),
        ),
        (
            _finding("created_at_missing", [0], field="created_at", label="column 't'"),
            "created_at: column 't' is empty: fill in the time, which every event needs, or drop the row",
        ),
        (
            _finding("email_malformed", [0], ["'ada'"], field="email", label="column 'e'"),
            "email: column 'e' is not an email address: write it with one '@', a name before it and a domain after it",
        ),
        (
            _finding("metadata_overflow", [0], ["11"], field="metadata"),
            (
                "metadata: 11 values are present, more than Intercom keeps, and it ignores the rest silently: "
                "leave keys out of the mapping, or set metadata_overflow to 'drop' to send only the first ones"
            ),
        ),
        (
            _finding("metadata_overflow", [0], field="metadata"),
            (
                "metadata: too many values are present, more than Intercom keeps, and it ignores the rest silently: "
                "leave keys out of the mapping, or set metadata_overflow to 'drop' to send only the first ones"
            ),
        ),
        (
            _finding("link_malformed", [0], field="metadata.page"),
            (
                "metadata.page: a value is not an http or https address: "
                "write it as https://example.org/page, without spaces"
            ),
        ),
        (
            _finding("number_unreadable", [0], ["'x'"], field="metadata.n", label="column 'n'", is_omission=True),
            ("metadata.n: 'x' in column 'n' is not a plain number: the event is sent without it"),
        ),
    ],
)
def test_message_says_what_where_and_how_to_fix_it(finding, message):
    """A message has field, value, column and cure, but never a person's identifier."""
    assert finding.messages().to_pylist() == [message]


def test_messages_are_one_for_each_row():
    """Each row's message has its own value."""
    values = _finding("number_unreadable", [3, 5], ["'x'", "'y'"], field="metadata.n", label="column 'n'")
    no_values = _finding("created_at_missing", [3, 5], field="created_at", label="column 't'")

    assert [message[:15] for message in values.messages().to_pylist()] == ["metadata.n: 'x'", "metadata.n: 'y'"]
    assert len(no_values.messages()) == 2


def test_messages_name_the_column_where_no_value_is_known():
    """Where the value is empty or not kept, the message names the column alone."""
    finding = _finding("number_unreadable", [3, 5, 8], [None, "'y'"], field="metadata.n", label="column 'n'")

    assert [message.partition(" is ")[0] for message in finding.messages().to_pylist()] == [
        "metadata.n: column 'n'",
        "metadata.n: 'y' in column 'n'",
        "metadata.n: column 'n'",
    ]
    assert finding.all_values().to_pylist() == [None, "'y'", None]
    each = [finding.chosen(np.arange(3) == position) for position in range(3)]
    assert [one.rows.tolist() for one in each] == [[3], [5], [8]]
    assert [one.all_values().to_pylist() for one in each] == [[None], ["'y'"], [None]]


def test_first_is_the_finding_in_its_first_row():
    """The first row has the smallest position, wherever it stands in the finding, and keeps its value."""
    first = _finding("number_unreadable", [5, 3], ["'y'", "'x'"], field="metadata.n").first()

    assert first.rows.tolist() == [3]
    assert first.all_values().to_pylist() == ["'x'"]


def test_merged_findings_are_in_the_order_of_rows():
    """Findings of one field and code, from several chunks or kinds, become one finding in the order of rows."""
    findings = [
        _finding("number_unreadable", [4, 9], ["'e'", "'j'"], field="metadata.n"),
        _finding("number_unreadable", [0, 7], field="metadata.n"),
        _finding("number_unreadable", [5], ["'f'"], field="metadata.n"),
    ]

    (whole,) = merged(findings, ["metadata.n"])

    assert whole.rows.tolist() == [0, 4, 5, 7, 9]
    assert whole.all_values().to_pylist() == [None, "'e'", "'f'", None, "'j'"]


def test_merged_findings_keep_the_values_of_the_first_rows():
    """A merged finding keeps the values of its first rows only."""
    even, odd = np.arange(0, 3_000, 2), np.arange(1, 3_000, 2)
    findings = [
        _finding("number_unreadable", rows, [f"'{row}'" for row in rows[:VALUES_KEPT]], field="metadata.n")
        for rows in (odd, even)
    ]

    (whole,) = merged(findings, [])

    assert whole.rows.tolist() == list(range(3_000))
    assert whole.values.to_pylist() == [f"'{row}'" for row in range(VALUES_KEPT)]


def test_merged_findings_are_in_the_order_of_fields_and_codes():
    """Findings come in the order of fields, others last, and within a field in the order of codes."""
    findings = [
        _finding("would_be_duplicate", [0], field="event"),
        _finding("text_too_long", [0], field="metadata.b"),
        _finding("nul_character", [0], field="metadata.b"),
        _finding("text_too_long", [1], field="metadata.a"),
    ]

    found = [(finding.field, finding.code) for finding in merged(findings, ["metadata.a", "metadata.b"])]

    assert found == [
        ("metadata.a", "text_too_long"),
        ("metadata.b", "nul_character"),
        ("metadata.b", "text_too_long"),
        ("event", "would_be_duplicate"),
    ]


def test_merged_findings_reported_once_are_of_the_first_row():
    """A finding about a whole column is reported for its first row, with that row's value."""
    findings = [_finding("naive_time", [row], [f"'{row}'"], field="created_at") for row in (7, 3, 5)]

    (once,) = merged(findings, ["created_at"])

    assert (once.rows.tolist(), once.values.to_pylist()) == ([3], ["'3'"])


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array(["a", "b" * 100, None], pa.large_string()), ["'a'", f"'{'b' * 80}'", None]),
        (pa.array([1.5, 1e300]), ["1.5", "1e+300"]),
        (pa.array([True]), ["true"]),
        (pa.array([0, 1_500_000], pa.timestamp("us")), ["1970-01-01T00:00:00", "1970-01-01T00:00:01.5"]),
        (pa.array([0], pa.timestamp("ns", tz="UTC")), ["1970-01-01T00:00:00Z"]),
    ],
)
def test_shown_values_are_short(values, texts):
    """Values are shortened for messages; text is in quotes."""
    assert shown(values).to_pylist() == texts


@pytest.mark.parametrize(
    ("rule", "cell", "value"),
    [
        (Number("x"), "1,299.00", "'1,299.00'"),
        (Number("x"), "x" * 100, f"'{'x' * 80}'"),
        (Number("x"), float("inf"), "inf"),
        (Number("x"), ["a"], "'list'"),
        (Number("x"), b"\xff", "'bytes'"),
        (Number("x"), True, "true"),
        (Number("x"), "a\ud800", "'a?'"),
        (Link("x"), "ftp://x", "'ftp://x'"),
        (Date("x"), "2024-02-30", "'2024-02-30'"),
        (Date("x"), pd.Timestamp("2024-03-31T02:30"), "2024-03-31T02:30:00"),
        (MonetaryAmount("x", currency=Constant("usd")), 0.0, "0"),
        (MonetaryAmount("x", currency=Constant("usd")), 19.999, "19.999"),
    ],
)
def test_finding_shows_the_value_of_its_cell(convert, rule, cell, value):
    """The finding shows the cell's value as the analyst knows it."""
    frame = pd.DataFrame({"x": pd.Series([None, cell], dtype=object)})

    key = "x_at" if isinstance(rule, Date) else "x"
    (finding,) = convert(frame, metadata={key: rule}, timezone="Europe/Berlin").findings

    assert (finding.rows.tolist(), finding.values.to_pylist()) == ([1], [value])


def test_problems_frame_has_a_row_for_each_finding():
    """Rows come in the caller's order, and a row's findings in the order of codes."""
    findings = [
        _finding("link_malformed", [0, 2], ["'x'", "'y'"], field="metadata.page", label="column 'p'"),
        _finding("created_at_missing", [2], field="created_at", label="column 't'"),
        _finding("before_2000", [1], ["1970"], field="created_at", label="column 't'"),
    ]

    frame = problems_frame(findings, pd.Index(["a", "b", "c"]))

    assert frame.index.tolist() == ["a", "b", "c", "c"]
    assert frame["row"].tolist() == [0, 1, 2, 2]
    assert frame["field"].tolist() == ["metadata.page", "created_at", "created_at", "metadata.page"]
    assert frame["code"].tolist() == ["link_malformed", "before_2000", "created_at_missing", "link_malformed"]
    assert frame["severity"].tolist() == ["error", "note", "error", "error"]
    assert frame["value"].tolist() == ["'x'", "1970", pd.NA, "'y'"]
    assert (
        frame["message"].iloc[2]
        == "created_at: column 't' is empty: fill in the time, which every event needs, or drop the row"
    )


def test_problems_frame_keeps_the_order_of_fields_within_a_code():
    """If two fields of a row have the same code, the field that is sent first comes first."""
    findings = [_finding("text_too_long", [0], ["'x'"], field=field) for field in ("metadata.b", "metadata.a")]

    assert problems_frame(findings, pd.RangeIndex(1))["field"].tolist() == ["metadata.b", "metadata.a"]


@pytest.mark.parametrize(
    "index",
    [
        pd.Index(["x", "x", "y"], name="label"),
        pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["one", "two"]),
        pd.date_range("2024-01-31", periods=3),
        pd.RangeIndex(10, 13),
    ],
    ids=["duplicates", "levels", "dates", "range"],
)
def test_problems_frame_is_on_the_callers_index(index):
    """A problem has its row's label, with names and levels, for any index."""
    frame = problems_frame([_finding("before_2000", [2, 0])], index)

    pd.testing.assert_index_equal(frame.index, index[[0, 2]])
    assert frame["row"].tolist() == [0, 2]


@pytest.mark.parametrize("findings", [[], [_finding("before_2000", [0])]])
def test_problems_frame_has_the_same_dtypes_with_and_without_findings(findings):
    """An empty frame of problems has the same dtypes as a full one."""
    frame = problems_frame(findings, pd.Index(["a"]))

    assert frame.dtypes.astype(str).to_dict() == {"row": "int64", **dict.fromkeys(COLUMNS[1:], "string")}
    assert list(frame.index) == ["a"][: len(findings)]


def test_first_errors_takes_the_documented_first():
    """A row's first error is the first in the order of codes; for two fields, that of the field sent first."""
    findings = [
        _finding("link_malformed", [4, 2], ["'4'", "'2'"], field="metadata.b"),
        _finding("time_unreadable", [2], ["'2'"], field="created_at"),
        _finding("before_2000", [0, 2], ["'0'", "'2'"], field="created_at"),
        _finding("link_malformed", [2, 4], ["'2'", "'4'"], field="metadata.a"),
        _finding("text_too_long", [1], ["'1'"], field="metadata.c", is_omission=True),
    ]

    rows, codes, messages = first_errors(findings)

    assert rows.tolist() == [2, 4]
    assert codes.tolist() == ["time_unreadable", "link_malformed"]
    assert [message.partition(" ")[0] for message in messages] == ["created_at:", "metadata.b:"]


@pytest.mark.parametrize("findings", [[], [_finding("before_2000", [0])]])
def test_first_errors_of_valid_rows_are_none(findings):
    """Notes are not errors."""
    assert [len(column) for column in first_errors(findings)] == [0, 0, 0]


def test_gathered_findings_are_those_that_are_merged_at_the_end():
    """As long as no list is full, it does not matter whether findings are joined as they come."""
    parts = [
        _finding("created_at_missing", [3, 1], field="created_at"),
        _finding("amount_decimals", [1, 2], ["1.234", "5.678"], field="metadata.price.amount"),
        _finding("created_at_missing", [0], field="created_at"),
        _finding("amount_decimals", [0], ["9.999"], field="metadata.price.amount"),
    ]
    gathered = GatheredFindings(most=4)

    gathered.add(parts)

    fields = ["metadata.price.amount", "created_at"]
    assert _shown_rows(gathered.joined(fields)) == _shown_rows(merged(parts, fields))


def _shown_rows(findings):
    return problems_frame(findings, pd.RangeIndex(10)).to_dict("list")


@pytest.mark.parametrize(
    "parts", [[[0, 1, 2, 3, 4]], [[0, 1], [2], [3, 4]], [[3, 4], [0, 1, 2]], [[4], [3], [0, 1, 2]]]
)
def test_gathered_findings_list_the_first_rows_and_count_the_others(parts):
    """The first rows are listed with their values, however the rows came."""
    gathered = GatheredFindings(most=2)

    for rows in parts:
        gathered.add([_finding("time_unreadable", rows, [f"'{row}'" for row in rows], field="created_at")])

    (finding,) = gathered.joined(["created_at"])
    assert (finding.rows.tolist(), finding.unlisted) == ([0, 1], 3)
    assert finding.values.to_pylist() == ["'0'", "'1'"]
    assert causes([finding])[0].rows == 5


def test_gathered_findings_count_from_the_offset():
    """Rows of a chunk are counted from its start."""
    gathered = GatheredFindings(most=2)

    gathered.add([_finding("created_at_missing", [0], field="created_at")], offset=10)

    (finding,) = gathered.joined(["created_at"])
    assert finding.rows.tolist() == [10]


def test_gathered_findings_list_every_value_of_a_code_that_is_reported_by_value():
    """Only the first row with a value is listed, and the others with it are counted."""
    gathered = GatheredFindings(most=2)

    for start, value in enumerate(["'jpy'", "'kwd'", "'jpy'"]):
        note = _finding("currency_minor_unit", [0], [value], field="metadata.price.currency")
        gathered.add([note], offset=start)

    (finding,) = gathered.joined([])
    assert (finding.rows.tolist(), finding.like_rows, finding.unlisted) == ([0, 1], 1, 0)
