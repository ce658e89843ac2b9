"""A check's report as lines."""

import datetime as dt
from dataclasses import replace

from events_pandas import Column, EventMapping, check_events
from events_pandas.convert import Cause
from events_pandas.results.report import Fact, report_lines

CAUSE = Cause(
    code="nested_value", field="metadata.a", severity="error", rows=2, first_row=7, message="metadata.a: nested"
)


def test_report_lines_put_warnings_before_causes():
    """Facts stand below each other, then comes what is to be looked at, then what was found."""
    facts = [Fact(label="contacts", text="2"), Fact(label="event name", text="'a'")]

    lines = list(report_lines("3 rows", facts=facts, warnings=["another region"], causes=[CAUSE]))

    assert lines == [
        "3 rows",
        "  contacts    2",
        "  event name  'a'",
        "warning: another region",
        "error nested_value: 2 rows, such as row 7: metadata.a: nested",
    ]


def test_report_lines_are_the_heading_when_nothing_else_is_to_be_said():
    """There are no empty lines."""
    assert list(report_lines("0 rows", facts=[])) == ["0 rows"]


def test_report_lines_tell_how_many_notes_are_left_out():
    """Forty causes have a line each; the others are counted, last."""
    note = replace(CAUSE, severity="note")

    lines = list(report_lines("3 rows", facts=[], causes=[CAUSE, *[note] * 41]))

    assert len(lines) == 42
    assert lines[-1] == "and 2 more: see report.problems"


def test_report_lines_stay_short_where_there_is_no_message(make_orders):
    """Long event names, long keys and many types are cut, and what is left out is counted."""
    names = [f"{'name-of-an-event-' * 9}{number}" for number in range(5)] * 400
    cells = ["x", 1, True, dt.date(2024, 1, 31)] * 500
    columns = {"\u2028long-key " * 9 + str(number): cells for number in range(12)}
    absent = {f"{'absent key ' * 9}{number}": None for number in range(12)}
    mapping = EventMapping(
        event_name=Column("event"),
        created_at="day",
        user_id="who",
        metadata={key: key for key in [*columns, *absent]},
        metadata_limit=2,
        metadata_overflow="drop",
    )

    report = check_events(make_orders(2_000, event=names, **columns, **absent), mapping)

    facts = [line for line in str(report).splitlines() if line.startswith("  ")]
    assert sum(line.startswith("  metadata") for line in facts) == 3
    assert max(map(len, facts)) < 200
