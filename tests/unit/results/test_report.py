"""A check's report: its facts, as lines of text, and as HTML."""

import datetime as dt
import html
import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest

from events_pandas import Column, Constant, EventMapping, Text, check_events
from events_pandas.convert import Cause
from events_pandas.deliver import WorkspaceIdentity
from events_pandas.results.cause_groups import CauseGroup, grouped
from events_pandas.results.report import (
    ReportContent,
    Spread,
    duplicate_facts,
    event_facts,
    report_lines,
    request_fact,
    shown_causes,
    spread_facts,
    workspace_fact,
)
from events_pandas.results.report_html import report_html
from events_pandas.words import quoted

CAUSE = Cause(
    code="nested_value", field="metadata.a", severity="error", rows=2, first_row=7, message="metadata.a: nested"
)


def test_report_lines_put_warnings_before_causes():
    """The order is facts, aligned, then warnings, then causes."""
    facts = [("contacts", "2"), ("event name", "'a'")]

    lines = list(
        report_lines(ReportContent(heading="3 rows", facts=facts, warnings=["another region"], causes=grouped([CAUSE])))
    )

    assert lines == [
        "3 rows",
        "  contacts    2",
        "  event name  'a'",
        "warning: another region",
        "error nested_value: 2 rows, such as row 7: metadata.a: nested",
    ]


def test_report_lines_are_the_heading_when_nothing_else_is_to_be_said():
    """There are no empty lines."""
    assert list(report_lines(ReportContent(heading="0 rows"))) == ["0 rows"]


def test_report_lines_count_notes_that_are_left_out():
    """Forty causes have a line each; a last line counts the others."""
    error, note = (CauseGroup(causes=[replace(CAUSE, severity=severity)]) for severity in ("error", "note"))

    lines = list(report_lines(ReportContent(heading="3 rows", causes=[error, *[note] * 41])))

    assert len(lines) == 42
    assert lines[-1] == "and 2 more: see report.problems, or --problems of the command"


def test_report_lines_stay_short_without_a_message(make_orders):
    """Long event names, long keys and many types are cut, and the rest is counted."""
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


SPAN = (pd.Timestamp("2024-01-31T08:30:00Z"), pd.Timestamp("2024-03-01T00:00:00Z"))


def _texts(**facts):
    return dict(event_facts(**{"contacts": 2, "names": pd.Series({"a": 3}), **facts}))


def test_contacts_are_of_valid_rows_if_others_are_invalid():
    """`check_contacts` counts the contacts of all rows."""
    assert _texts(contacts=1_234, span=SPAN, invalid=1)["contacts"] == "1,234 of valid rows"


def test_event_facts_are_contacts_name_and_time():
    """A single name is shown without its rows; contacts are a number."""
    assert _texts(contacts=1_234, span=SPAN) == {
        "contacts": "1,234",
        "event name": "'a'",
        "created_at": "2024-01-31 08:30:00 to 2024-03-01 00:00:00 UTC",
    }


def test_event_facts_have_one_time_when_all_events_have_it():
    """A span from a second to the same second is shown as one time."""
    assert _texts(span=(SPAN[0], SPAN[0]))["created_at"] == "2024-01-31 08:30:00 UTC"


def test_event_facts_are_none_without_events():
    """Without events there are no facts."""
    assert list(event_facts(contacts=0, names=pd.Series([], dtype="int64"), span=None)) == []


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"a": 2, "b": 1}, "2: 'a' (2 rows), 'b' (1 row)"),
        ({"a": 4, "b": 3, "c": 2, "d": 1, "e": 1}, "5: 'a' (4 rows), 'b' (3 rows), 'c' (2 rows) and 2 more"),
        (
            {"a": 4, "b": 3, "c": 2, "d": 1, "(further names)": 9},
            "more than 4: 'a' (4 rows), 'b' (3 rows), 'c' (2 rows) and others",
        ),
        (
            {"a" * 50: 4_000_000, "b" * 50: 3, "c" * 50: 2},
            f"3: '{'a' * 40}...' (4,000,000 rows) and 2 more",
        ),
    ],
)
def test_event_facts_name_the_most_frequent_names(names, expected):
    """Up to three names are shown with their rows, and the number of others if it is known."""
    assert _texts(names=pd.Series(names), span=SPAN)["event names"] == expected


@pytest.mark.parametrize(
    ("spread", "expected"),
    [
        (Spread(rows=0, most_seconds=0, identical=0), []),
        (
            Spread(rows=1, most_seconds=1, identical=1),
            [
                "1 row is given a later second, by 1 second at most",
                "1 with the same metadata as the row that keeps the second",
            ],
        ),
        (
            Spread(rows=1_200, most_seconds=3, identical=150),
            [
                "1,200 rows are given a later second, by 3 seconds at most",
                "150 with the same metadata as the row that keeps the second, 1,050 with other metadata",
            ],
        ),
    ],
)
def test_spread_facts_count_rows_and_seconds(spread, expected):
    """Rows with identical metadata are counted apart; without moved rows the fact is left out."""
    assert [text for _, text in spread_facts(spread)] == expected


@pytest.mark.parametrize(
    ("identical", "others", "expected"),
    [
        (0, 0, []),
        (255, 1_813, ["255 with the same metadata as an earlier row, 1,813 with other metadata"]),
        (1_255, 0, ["1,255 with the same metadata as an earlier row"]),
        (0, 1, ["1 with other metadata than an earlier row"]),
    ],
)
def test_duplicate_facts_count_rows_with_other_metadata(identical, others, expected):
    """Duplicates with other metadata are counted apart: their metadata would be lost."""
    assert [text for _, text in duplicate_facts(identical=identical, others=others)] == expected


@pytest.mark.parametrize(
    ("limit", "seconds", "expected"),
    [
        (None, None, "3,168"),
        (1_666, 19.1, "3,168, which take 0:00:19 at 1,666 in ten seconds"),
        (83, 100_000.0, "3,168, which take 1 day, 3:46:40 at 83 in ten seconds"),
    ],
)
def test_request_fact_has_the_time_when_it_is_known(limit, seconds, expected):
    """Without a client only the number of requests is known."""
    assert request_fact(3_168, limit=limit, seconds=seconds) == ("requests", expected)


@pytest.mark.parametrize(
    ("workspace", "expected"),
    [
        (WorkspaceIdentity(id_code="ab12", name="Acme", region="EU"), "'Acme', id ab12, region EU"),
        (WorkspaceIdentity(id_code="ab12"), "id ab12"),
        (WorkspaceIdentity(), "Intercom does not name it"),
    ],
)
def test_workspace_fact_has_what_is_known(workspace, expected):
    """Facts that the answer lacks are left out."""
    assert workspace_fact(workspace) == ("workspace", expected)


@pytest.mark.parametrize(
    ("errors", "notes", "expected", "rest"),
    [
        (0, 0, 0, ""),
        (3, 37, 40, ""),
        (3, 39, 40, "and 2 more: see report.problems, or --problems of the command"),
        (45, 2, 45, "and 2 more: see report.problems, or --problems of the command"),
    ],
)
def test_shown_causes_are_all_errors_and_forty_lines(errors, notes, expected, rest):
    """All errors are shown, and notes as far as there is room."""
    error, note = (CauseGroup(causes=[replace(CAUSE, severity=severity)]) for severity in ("error", "note"))
    causes = [error] * errors + [note] * notes

    assert shown_causes(causes) == (causes[:expected], rest)


HOSTILE = "<script>alert(\"x\")</script><img src=x onerror='alert(1)'>&amp;"
ELEMENTS = {
    *("div", "p", "strong", "code", "span", "br", "details", "summary"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td"),
}


class Reader(HTMLParser):
    """Reads a fragment of HTML: its elements, their attributes, and its text; every element must be closed in order."""

    def __init__(self, fragment):
        super().__init__()
        self.elements, self.attributes, self.texts, self._open = set(), set(), [], []
        # A line may break there.
        self.feed(fragment.replace("<wbr>", ""))
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.attributes |= dict(attrs).keys()
        if tag != "br":
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts += [data] if data.strip() else []


@pytest.fixture
def hostile_report(make_orders):
    """A report whose event name, key, value and currency contain markup."""
    orders = make_orders(2, event=[HOSTILE, "b"], link=[HOSTILE, "https://example.org"])
    mapping = EventMapping(
        event_name=Column("event"),
        created_at="day",
        user_id="who",
        metadata={"<b>key</b>": Text("link"), "<i>": Constant("<u>"), "amount": "link"},
        metadata_limit=2,
        metadata_overflow="drop",
    )
    return check_events(orders, mapping)


def test_html_shows_heading_facts_problems_and_budget(make_orders):
    """The HTML has the facts of the text, in tables."""
    orders = make_orders(3, total=[1.5, None, 2.5])
    orders.loc[2, "day"] = None
    mapping = EventMapping(
        event_name="placed-order", created_at="day", user_id="who", metadata={"total": "total"}, timezone="UTC"
    )

    reader = Reader(check_events(orders, mapping)._repr_html_())

    assert reader.texts == [
        "3 rows: 2 valid, 1 invalid, 0 duplicates",
        *("contacts", "2 of valid rows"),
        *("event name", "'placed-order'"),
        *("created_at", "2024-01-31 00:00:00 UTC"),
        *("requests", "2"),
        "problems",
        *("severity", "code", "field", "rows", "first row", "finding"),
        *("error", "created_at_missing", "created_at", "1 row", "row 2"),
        "column 'day' is empty: fill in the time, which every event needs, or drop the row",
        "metadata of 'placed-order'",
        *("position", "key", "type", "present", "share"),
        *("1", "total", "number", "1", "50.0%"),
    ]


def test_html_keeps_hostile_text_as_text(hostile_report):
    """Names, keys and values are escaped everywhere."""
    reader = Reader(hostile_report._repr_html_())

    assert reader.elements <= ELEMENTS
    assert reader.attributes <= {"class", "scope", "style", "title"}
    assert {f"metadata of {quoted(HOSTILE)}", "<b>key</b>"} <= set(reader.texts)


def test_html_escapes_the_messages_of_causes_and_warnings(hostile_report):
    """Names that Intercom gives are escaped too."""
    cause = Cause(code="nested_value", field="metadata.a", severity="error", rows=1, first_row=0, message=HOSTILE)
    content = ReportContent(
        heading=HOSTILE, facts=[("workspace", HOSTILE)], warnings=[HOSTILE], causes=grouped([cause])
    )

    fragment = report_html(content, hostile_report.metadata)

    assert Reader(fragment).elements <= ELEMENTS
    assert fragment.count("&lt;script&gt;") >= 4


def _parted(declaration):
    return declaration.partition(":")


def test_html_needs_nothing_from_outside_and_leaves_the_colour_of_text(hostile_report):
    """It loads nothing, shows no formulas between dollar signs, and has colours only in borders: any page shows it."""
    styles = re.findall(r'style="([^"]*)"', hostile_report._repr_html_())

    properties = {name.strip(): value.strip() for style in styles for name, _, value in map(_parted, style.split(";"))}
    assert {name for name, value in properties.items() if "#" in value} == {"border-left", "border-bottom"}
    assert properties["color"] == "inherit"
    assert "background-color" not in properties
    assert "color: inherit" in styles[0]
    assert 'class="tex2jax_ignore mathjax_ignore"' in hostile_report._repr_html_()


def test_html_shows_the_keys_of_the_most_frequent_name(make_orders):
    """One line says that the keys of other names are in the frame."""
    orders = make_orders(30, event=["signed-up", *(f"event-{number}" for number in range(28)), "Signed.Up"])
    mapping = EventMapping(
        event_name=Column("event"), created_at="day", user_id="who", metadata={"a": "who"}, timezone="UTC"
    )

    texts = Reader(check_events(orders, mapping)._repr_html_()).texts

    assert texts[texts.index("metadata of 'signed-up'") + 1 :] == [
        *("position", "key", "type", "present", "share"),
        *("1", "a", "text", "2", "100%"),
        *("28 more event names: see ", "report.metadata"),
    ]


def test_html_shows_the_first_keys_of_many(make_orders):
    """A mapping with very many keys does not fill the screen."""
    metadata = {f"key-{number}": Constant("x") for number in range(23)}
    mapping = EventMapping(
        event_name="a", created_at="day", user_id="who", metadata=metadata, metadata_limit=30, timezone="UTC"
    )

    texts = Reader(check_events(make_orders(1), mapping)._repr_html_()).texts

    assert ("key-19" in texts, "key-20" in texts) == (True, False)
    assert texts[-2:] == ["3 more keys: see ", "report.metadata"]


def test_html_counts_further_keys_and_names_in_one_line(make_orders):
    """One of each is singular."""
    metadata = {f"key-{number}": Constant("x") for number in range(21)}
    mapping = EventMapping(
        event_name=Column("event"),
        created_at="day",
        user_id="who",
        metadata=metadata,
        metadata_limit=30,
        timezone="UTC",
    )

    texts = Reader(check_events(make_orders(2, event=["a", "b"]), mapping)._repr_html_()).texts

    assert texts[-2:] == ["1 more key and 1 more event name: see ", "report.metadata"]


def test_html_explains_what_is_ignored_and_what_drifts_where_there_is_something(hostile_report, make_orders):
    """An empty column is left out; `ignored` and `drift` are explained in a line."""
    expected = {
        "ignored": ": rows that are sent without the value, since it comes after as many others as Intercom keeps",
        "drift": ": types of the column's cells, in all rows: Intercom shows a key of mixed types as text",
    }
    orders = make_orders(3, mixed=["x", 1, "y"])
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"mixed": "mixed"})

    ignored, drifting = (
        Reader(report._repr_html_()).texts for report in (hostile_report, check_events(orders, mapping))
    )

    assert (ignored.count("ignored"), expected["ignored"] in ignored, "drift" in ignored) == (2, True, False)
    assert (drifting.count("drift"), expected["drift"] in drifting, "ignored" in drifting) == (2, True, False)
    assert "2 text, 1 number" in drifting


def test_html_leaves_out_the_type_when_no_column_has_a_value(make_orders):
    """Without a known type the column for it is left out."""
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"none": "none"}, timezone="UTC")

    texts = Reader(check_events(make_orders(1, none=[None]), mapping)._repr_html_()).texts

    assert texts[-9:] == ["metadata of 'a'", "position", "key", "present", "share", "1", "none", "0", "0%"]


def test_html_explains_each_column_where_one_points_at_it(hostile_report):
    """The head of a table has a title, which the browser shows without a script."""
    heads = re.findall(r"<th scope=\"col\" style=[^>]* title=\"([^\"]*)\">(\w+)</th>", hostile_report._repr_html_())

    assert [(name, html.unescape(meaning)) for meaning, name in heads][-4:] == [
        ("type", "how Intercom shows the value"),
        ("present", "valid rows of this event name that have a value"),
        ("share", "of all valid rows of this event name"),
        ("ignored", "rows that are sent without the value, since it comes after as many others as Intercom keeps"),
    ]


def test_html_shows_a_note_on_a_column_once(make_orders):
    """A note about a column as a whole is shown with its first row."""
    orders = make_orders(3).assign(who=[7, 42, 43])
    report = check_events(orders, EventMapping(event_name="a", created_at="day", user_id="who", timezone="UTC"))

    texts = Reader(report._repr_html_()).texts

    assert texts[texts.index("leading_zeros") + 1 :][:3] == ["user_id", "the column", "row 0"]


def test_html_counts_notes_that_are_left_out(hostile_report):
    """The number stands below the table, as in the text."""
    note = Cause(code="excel_serial", field="created_at", severity="note", rows=2, first_row=0, message="a day")

    causes = [CauseGroup(causes=[note])] * 42

    fragment = report_html(ReportContent(heading="3 rows", causes=causes), hostile_report.metadata.head(0))

    assert Reader(fragment).texts[-1] == "and 2 more: see report.problems, or --problems of the command"


@pytest.mark.parametrize(
    ("present", "expected"), [(0, "0%"), (1, "0.1%"), (1_250, "50.0%"), (2_499, "99.9%"), (2_500, "100%")]
)
def test_html_rounds_no_share_to_all_or_nothing(make_orders, present, expected):
    """A rounded share is 100 % only for all rows, and 0 % only for none."""
    orders = make_orders(2_500, total=[1.5] * present + [None] * (2_500 - present))
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"total": "total"})

    assert expected in Reader(check_events(orders, mapping)._repr_html_()).texts
