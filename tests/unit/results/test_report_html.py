"""A check's report in a notebook: tables that nothing in the rows can break out of."""

import re
from html.parser import HTMLParser

import pytest

from events_pandas import Column, Constant, EventMapping, Text, check_events
from events_pandas.convert import Cause
from events_pandas.results.report_facts import Fact
from events_pandas.results.report_html import report_html

HOSTILE = "<script>alert(\"x\")</script><img src=x onerror='alert(1)'>&amp;"
ELEMENTS = {"div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "code"}


class Reader(HTMLParser):
    """Reads a fragment: its elements, their attributes, and its text; every element has to be closed in its turn."""

    def __init__(self, fragment):
        super().__init__()
        self.elements, self.attributes, self.texts, self._open = set(), set(), [], []
        self.feed(fragment)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.attributes |= dict(attrs).keys()
        self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts += [data] if data.strip() else []


@pytest.fixture
def hostile_report(make_orders):
    """A report in which event name, key, value and currency try to be markup."""
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
    """The same as the text, in tables."""
    orders = make_orders(3, total=[1.5, None, 2.5])
    orders.loc[2, "day"] = None
    mapping = EventMapping(
        event_name="placed-order", created_at="day", user_id="who", metadata={"total": "total"}, timezone="UTC"
    )

    reader = Reader(check_events(orders, mapping)._repr_html_())

    assert reader.texts == [
        "3 rows: 2 valid, 1 invalid, 0 duplicates",
        *("contacts", "2"),
        *("event name", "'placed-order'"),
        *("created_at", "2024-01-31 00:00:00 UTC"),
        *("requests", "2"),
        "problems",
        *("severity", "code", "rows", "example"),
        *("error", "created_at_missing", "1"),
        "row 2: created_at: column 'day' is empty: every event needs its time",
        "metadata",
        *("event_name", "position", "key", "type", "present", "share", "ignored", "drift"),
        *("placed-order", "1", "total", "number", "1", "50.0%", "0"),
    ]


def test_html_keeps_hostile_text_as_text(hostile_report):
    """Names, keys and values of the rows are escaped wherever they stand."""
    reader = Reader(hostile_report._repr_html_())

    assert reader.elements <= ELEMENTS
    assert reader.attributes <= {"class", "style"}
    assert {HOSTILE, "<b>key</b>"} <= set(reader.texts)


def test_html_escapes_the_messages_of_causes_and_warnings(hostile_report):
    """Whatever Intercom names, too."""
    cause = Cause(code="nested_value", severity="error", rows=1, first_row=0, message=HOSTILE)
    facts = [Fact(label="workspace", text=HOSTILE)]

    fragment = report_html(HOSTILE, facts=facts, warnings=[HOSTILE], causes=[cause], budget=hostile_report.metadata)

    assert Reader(fragment).elements <= ELEMENTS
    assert fragment.count("&lt;script&gt;") >= 4


def test_html_needs_nothing_from_outside_and_no_colours(hostile_report):
    """It is read on light ground and on dark: no background, no address, and no formulas between dollar signs."""
    styles = re.findall(r'style="([^"]*)"', hostile_report._repr_html_())

    assert {name.strip() for style in styles for name, _, _ in (part.partition(":") for part in style.split(";"))} == {
        "color",
        "line-height",
        "margin-left",
        "text-align",
        "vertical-align",
        "white-space",
        "overflow-wrap",
    }
    assert "color: inherit" in styles[0]
    assert 'class="tex2jax_ignore mathjax_ignore"' in hostile_report._repr_html_()


def test_html_shows_the_first_rows_of_a_long_budget(make_orders):
    """The rest is in the frame, and counted."""
    orders = make_orders(30, event=[f"event-{number}" for number in range(30)])
    mapping = EventMapping(
        event_name=Column("event"), created_at="day", user_id="who", metadata={"a": "who"}, timezone="UTC"
    )

    texts = Reader(check_events(orders, mapping)._repr_html_()).texts

    assert "event-19" in texts
    assert "event-20" not in texts
    assert texts[-2:] == ["and 10 more rows in ", "report.metadata"]


@pytest.mark.parametrize(
    ("present", "told"), [(0, "0%"), (1, "0.1%"), (1_250, "50.0%"), (2_499, "99.9%"), (2_500, "100%")]
)
def test_html_tells_all_and_nothing_apart_from_nearly(make_orders, present, told):
    """A share is rounded, but not to all nor to nothing."""
    orders = make_orders(2_500, total=[1.5] * present + [None] * (2_500 - present))
    mapping = EventMapping(event_name="a", created_at="day", user_id="who", metadata={"total": "total"})

    assert told in Reader(check_events(orders, mapping)._repr_html_()).texts
