"""Lines of a report: the same finding in several fields is one, and notes on all rows come last."""

import re

import pandas as pd
import pytest

from events_pandas import Column, Constant, Date, EventMapping, MonetaryAmount, check_events, check_file
from events_pandas.convert import Cause
from events_pandas.results.cause_groups import grouped


def _cause(field="metadata.a", *, code="nested_value", severity="error", rows=2, first_row=7):
    return Cause(
        code=code, field=field, severity=severity, rows=rows, first_row=first_row, message=f"{field}: x is wrong: fix"
    )


def _lines(causes, n_rows=None):
    return [str(group) for group in grouped(causes, n_rows=n_rows)]


def test_groups_join_a_finding_in_several_fields():
    """The line has the number of rows in each field, and the first row of the most frequent."""
    assert _lines([_cause("metadata.a", rows=4), _cause("metadata.b", first_row=2)]) == [
        "error nested_value: 4 rows in metadata.a, 2 in metadata.b, such as row 7: metadata.a: x is wrong: fix"
    ]


def test_groups_name_three_fields_and_count_the_others():
    """A line does not grow with the fields."""
    (line,) = _lines([_cause(f"metadata.{number}") for number in range(62)])

    assert line.startswith(
        "error nested_value: 2 rows in metadata.0, 2 in metadata.1, 2 in metadata.2 and 59 more fields, such as row 7: "
    )


def test_groups_keep_severities_apart():
    """With on_invalid_metadata="omit" a code may be an error in one field and a note in another."""
    causes = [_cause("created_at", code="time_unreadable"), _cause(code="time_unreadable", severity="note")]

    assert [line.partition(",")[0] for line in _lines(causes)] == [
        "error time_unreadable: 2 rows",
        "note time_unreadable: 2 rows",
    ]


def test_groups_say_all_rows_of_what_holds_for_all():
    """Every field has it in every row."""
    fields = ["created_at", "metadata.seen_date"]

    (line,) = _lines([_cause(field, code="before_2000", severity="note", rows=3_316) for field in fields], 3_316)

    assert line == (
        "note before_2000: all 3,316 rows in created_at, metadata.seen_date, such as row 7: created_at: x is wrong: fix"
    )


def test_groups_say_all_rows_only_if_each_field_has_it_in_all():
    """Otherwise each field has its number."""
    causes = [_cause("created_at", rows=9), _cause("metadata.a", rows=8)]

    (line,) = _lines(causes, 9)

    assert line.startswith("error nested_value: 9 rows in created_at, 8 in metadata.a, such as")


def test_groups_put_notes_on_all_rows_last():
    """They say the least about a row; errors come first in any case."""
    causes = [
        _cause(rows=5),
        _cause(code="before_2000", severity="note", rows=5),
        _cause(code="duplicate", severity="note", rows=1),
    ]

    assert [group.first.code for group in grouped(causes, n_rows=5)] == ["nested_value", "duplicate", "before_2000"]


def test_groups_do_not_speak_of_all_of_one_row():
    """One row is one row."""
    assert _lines([_cause(rows=1)], 1)[0].startswith("error nested_value: 1 row, such as")


def test_groups_name_the_columns_of_a_note_on_columns():
    """A note on a column as a whole has no number of rows."""
    causes = [_cause(field, code="type_kept", severity="note", rows=1) for field in ("metadata.a", "metadata.b")]

    assert _lines(causes, 1)[0].startswith("note type_kept: the column in metadata.a, metadata.b, such as")


def test_groups_keep_notes_on_files_apart():
    """Each says what its file is like."""
    causes = [_cause(f"file {name}.csv", code="delimiter_detected", severity="note", rows=1) for name in "ab"]

    assert _lines(causes) == [f"note delimiter_detected: file {name}.csv: x is wrong: fix" for name in "ab"]


def test_groups_escape_the_names_of_fields():
    """A metadata key may hold characters that act on a terminal."""
    (line,) = _lines([_cause("metadata.a"), _cause("metadata.\x1b[2J")])

    assert "2 in metadata.\\u001b[2J" in line


@pytest.mark.parametrize("currency", [Constant("jpy"), "currency"])
def test_report_counts_all_rows_of_a_currency(make_orders, currency):
    """Five hundred rows in yen are not one row."""
    orders = make_orders(500, total=[19] * 500, currency=["jpy"] * 500)
    mapping = EventMapping(
        event_name="a",
        created_at="day",
        user_id="who",
        metadata={"price": MonetaryAmount("total", currency=currency)},
        timezone="UTC",
    )

    (cause,) = check_events(orders, mapping).causes

    assert (cause.code, cause.rows) == ("currency_minor_unit", 500)


@pytest.mark.parametrize(
    ("columns", "mapping", "expected"),
    [
        ({"day": ["2024-01-31", None, "2024-01-31"]}, {"timezone": None}, ("naive_time", 2)),
        ({"who": [7.0, 42.0, 43.0]}, {}, ("float_identifier", 3)),
        ({"who": ["7.0", "42", "43.0"]}, {}, ("float_text_identifier", 2)),
        ({"who": ["1e3", "42", "43"]}, {}, ("identifier_exponent", 1)),
        ({"who": [b"7", b"42", b"43"]}, {}, ("text_in_bytes", 3)),
        ({"total": [1, "x", "y"] + [2] * 300}, {"metadata": {"total": "total"}}, ("sent_as_numbers", 2)),
        ({}, {"created_at": Constant("2024-01-31"), "timezone": None}, ("naive_time", 3)),
        (
            {"day": "2024-01-31T00:00Z"},
            {"metadata": {"first_date": Date(Constant("2024-01-31"))}, "timezone": None},
            ("naive_time", 3),
        ),
    ],
)
def test_report_counts_the_rows_of_a_note_on_cells(make_orders, columns, mapping, expected):
    """A note lists one row of its column, and counts all that it is about."""
    orders = make_orders(len(columns.get("total", [1, 2, 3]))).assign(**columns)
    mapping = EventMapping(**{"event_name": "a", "created_at": "day", "user_id": "who", "timezone": "UTC", **mapping})

    report = check_events(orders, mapping)

    assert [(note.code, note.rows) for note in report.notes] == [expected]
    assert report.problems["code"].tolist().count(expected[0]) == 1


def test_report_counts_notes_of_files_as_of_a_frame(tmp_path, make_orders):
    """Rows are counted over all chunks and files."""
    for name in "ab":
        make_orders(15_000).to_csv(tmp_path / f"{name}.csv", index=False)
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"seen_date": "day"})

    report = check_file(tmp_path / "*.csv", mapping)

    assert [(cause.code, cause.rows) for cause in report.causes if cause.code == "naive_time"] == [
        ("naive_time", 30_000),
        ("naive_time", 30_000),
    ]
    assert "note naive_time: all 30,000 rows in created_at, metadata.seen_date, such as row 0 (" in str(report)


def test_html_shows_the_label_of_a_row(make_orders):
    """The first row has its label in the caller's index."""
    orders = make_orders(2, day=["2024-01-31", None]).set_axis(["a", "order-7"])
    report = check_events(orders, EventMapping(event_name="a", created_at="day", user_id="who", timezone="UTC"))

    assert "row 1 (&#x27;order-7&#x27;)" in report._repr_html_()


@pytest.mark.parametrize(("user_id", "is_shown"), [("who", True), ("mail", False), (Column("mail"), False)])
def test_html_hides_labels_that_name_contacts(make_orders, user_id, is_shown):
    """An index that the mapping reads identifiers from is not shown."""
    index = pd.Index(["ada", "grace"], name="mail")
    orders = make_orders(2, day=["2024-01-31", None]).set_axis(index)
    report = check_events(orders, EventMapping(event_name="a", created_at="day", user_id=user_id, timezone="UTC"))

    assert ("grace" in report._repr_html_()) == is_shown


def test_html_folds_the_lines_after_ten(make_orders):
    """A long table opens without a script."""
    metadata = {f"key{number}": Constant("x") for number in range(14)}
    mapping = EventMapping(
        event_name="a", created_at="day", user_id="who", metadata=metadata, metadata_limit=20, timezone="UTC"
    )

    shown = check_events(make_orders(1), mapping)._repr_html_()

    before, _, folded = shown.partition("<details><summary>4 more</summary>")
    assert ("key9" in before, "key10" in before, "key10" in folded) == (True, False, True)


@pytest.mark.parametrize(
    ("second", "shown"),
    [
        (["a\0", "a\0"], "<td><span>metadata.key_a<br>metadata.key_b</span></td><td>all 2 rows</td>"),
        (["a\0", "a"], "<td><span>metadata.key_a<br>metadata.key_b</span></td><td>2 rows<br>1 row</td>"),
    ],
)
def test_html_shows_the_rows_beside_their_fields(make_orders, second, shown):
    """No line of a field breaks, so that its number is beside it; fields with the same number share it."""
    orders = make_orders(2, key_a=["a\0", "a\0"], key_b=second)
    mapping = EventMapping(
        event_name="a", created_at="day", user_id="who", metadata={"key_a": "key_a", "key_b": "key_b"}, timezone="UTC"
    )

    html = check_events(orders, mapping)._repr_html_()

    assert shown in re.sub(' style="[^"]*"|<wbr>', "", html)


def test_html_folds_the_fields_after_three(make_orders):
    """One trouble over many fields is one line; the numbers of the other fields are folded."""
    columns = {f"key{number}": ["a\0"] for number in range(5)}
    mapping = EventMapping(
        event_name="a", created_at="day", user_id="who", metadata={key: key for key in columns}, timezone="UTC"
    )

    shown = check_events(make_orders(1, **columns), mapping)._repr_html_().replace("<wbr>", "")

    assert shown.count(">error</span>") == 1
    assert "metadata.key0<br>metadata.key1<br>metadata.key2</span><details><summary>2 more fields</summary>" in shown
    assert "metadata.key3: 1 row<br>metadata.key4: 1 row</details>" in shown


def test_html_lists_the_rows_of_ten_further_fields(make_orders):
    """A finding in very many fields does not fill pages."""
    columns = {f"key{number}": ["a\0"] for number in range(62)}
    mapping = EventMapping(
        event_name="a",
        created_at="day",
        user_id="who",
        metadata={key: key for key in columns},
        metadata_limit=70,
        timezone="UTC",
    )

    shown = check_events(make_orders(1, **columns), mapping)._repr_html_()

    assert "<summary>59 more fields</summary>metadata.key3: 1 row<br>" in shown
    assert "metadata.key12: 1 row<br>and 49 more: see report.problems</details>" in shown
