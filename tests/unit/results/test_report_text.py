"""A check's report as lines."""

from events_pandas.convert import Cause
from events_pandas.results.report_facts import Fact
from events_pandas.results.report_text import report_lines

CAUSE = Cause(code="nested_value", severity="error", rows=2, first_row=7, message="metadata.a: nested")


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
