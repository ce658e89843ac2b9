"""The facts of a report, in words."""

import pandas as pd
import pytest

from events_pandas.deliver import Workspace
from events_pandas.results.report_facts import Fact, Spread, event_facts, request_fact, spread_facts, workspace_fact

SPAN = (pd.Timestamp("2024-01-31T08:30:00Z"), pd.Timestamp("2024-03-01T00:00:00Z"))


def _texts(**facts):
    return {fact.label: fact.text for fact in event_facts(**{"contacts": 2, "names": pd.Series({"a": 3}), **facts})}


def test_event_facts_tell_contacts_name_and_time():
    """One name is told as it is; contacts are a number."""
    assert _texts(contacts=1_234, span=SPAN) == {
        "contacts": "1,234",
        "event name": "'a'",
        "created_at": "2024-01-31 08:30:00 to 2024-03-01 00:00:00 UTC",
    }


def test_event_facts_tell_one_time_when_there_is_but_one():
    """A span from a second to itself is that second."""
    assert _texts(span=(SPAN[0], SPAN[0]))["created_at"] == "2024-01-31 08:30:00 UTC"


def test_event_facts_are_none_when_there_are_no_events():
    """Nothing is said of nothing."""
    assert list(event_facts(contacts=0, names=pd.Series([], dtype="int64"), span=None)) == []


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"a": 2, "b": 1}, "2: 'a' (2 rows), 'b' (1 row)"),
        ({"a": 4, "b": 3, "c": 2, "d": 1, "e": 1}, "5: 'a' (4 rows), 'b' (3 rows), 'c' (2 rows) and 2 more"),
        (
            {"a": 4, "b": 3, "c": 2, "d": 1, "(further names)": 9},
            "more than 4: 'a' (4 rows), 'b' (3 rows), 'c' (2 rows) and others",
        ),
    ],
)
def test_event_facts_tell_the_most_frequent_names(names, told):
    """Of several names three are told with their rows; how many further ones there are is said where it is known."""
    assert _texts(names=pd.Series(names), span=SPAN)["event names"] == told


@pytest.mark.parametrize(
    ("spread", "told"),
    [
        (Spread(rows=0, most_seconds=0), []),
        (Spread(rows=1, most_seconds=1), ["1 row is given a later second, by 1 second at most"]),
        (Spread(rows=1_200, most_seconds=3), ["1,200 rows are given a later second, by 3 seconds at most"]),
    ],
)
def test_spread_facts_count_rows_and_seconds(spread, told):
    """Nothing is said where no row is moved."""
    assert [fact.text for fact in spread_facts(spread)] == told


@pytest.mark.parametrize(
    ("limit", "seconds", "told"),
    [
        (None, None, "3,168"),
        (1_666, 19.1, "3,168, which take 0:00:19 at 1,666 in ten seconds"),
        (83, 100_000.0, "3,168, which take 1 day, 3:46:40 at 83 in ten seconds"),
    ],
)
def test_request_fact_tells_the_time_when_it_is_known(limit, seconds, told):
    """Without a client the number of requests is all that is known."""
    assert request_fact(3_168, limit=limit, seconds=seconds) == Fact(label="requests", text=told)


@pytest.mark.parametrize(
    ("workspace", "told"),
    [
        (Workspace(id_code="ab12", name="Acme", region="EU"), "'Acme', id ab12, region EU"),
        (Workspace(id_code="ab12"), "id ab12"),
        (Workspace(), "one that Intercom does not name"),
    ],
)
def test_workspace_fact_tells_what_is_known(workspace, told):
    """What the answer did not name is left out."""
    assert workspace_fact(workspace).text == told
