"""The facts of a report, in words."""

import pandas as pd
import pytest

from events_pandas.convert import Cause
from events_pandas.deliver import WorkspaceIdentity
from events_pandas.results.report import (
    Fact,
    Spread,
    duplicate_facts,
    event_facts,
    request_fact,
    spread_facts,
    told_causes,
    workspace_fact,
)

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
        (
            {"a" * 50: 4_000_000, "b" * 50: 3, "c" * 50: 2},
            f"3: '{'a' * 40}...' (4,000,000 rows) and 2 more",
        ),
    ],
)
def test_event_facts_tell_the_most_frequent_names(names, told):
    """Of several names up to three are told with their rows, and how many further ones there are if that is known."""
    assert _texts(names=pd.Series(names), span=SPAN)["event names"] == told


@pytest.mark.parametrize(
    ("spread", "told"),
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
def test_spread_facts_count_rows_and_seconds(spread, told):
    """Rows that may be one event with another are told apart; nothing is said where no row is moved."""
    assert [fact.text for fact in spread_facts(spread)] == told


@pytest.mark.parametrize(
    ("identical", "others", "told"),
    [
        (0, 0, []),
        (255, 1_813, ["255 with the same metadata as an earlier row, 1,813 with other metadata"]),
        (1_255, 0, ["1,255 with the same metadata as an earlier row"]),
        (0, 1, ["1 with other metadata than an earlier row"]),
    ],
)
def test_duplicate_facts_tell_which_rows_hold_something_of_their_own(identical, others, told):
    """What is the same twice may go; other metadata would be lost."""
    assert [fact.text for fact in duplicate_facts(identical=identical, others=others)] == told


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
        (WorkspaceIdentity(id_code="ab12", name="Acme", region="EU"), "'Acme', id ab12, region EU"),
        (WorkspaceIdentity(id_code="ab12"), "id ab12"),
        (WorkspaceIdentity(), "one that Intercom does not name"),
    ],
)
def test_workspace_fact_tells_what_is_known(workspace, told):
    """What the answer did not name is left out."""
    assert workspace_fact(workspace).text == told


@pytest.mark.parametrize(
    ("errors", "notes", "told", "rest"),
    [
        (0, 0, 0, ""),
        (3, 37, 40, ""),
        (3, 39, 40, "and 2 more: see report.problems"),
        (45, 2, 45, "and 2 more: see report.problems"),
    ],
)
def test_told_causes_are_all_errors_and_forty_lines(errors, notes, told, rest):
    """What makes rows invalid is told in any case, notes where there is room."""
    error, note = (
        Cause(code="nested_value", field="metadata.a", severity=severity, rows=1, first_row=0, message="nested")
        for severity in ("error", "note")
    )
    causes = [error] * errors + [note] * notes

    assert told_causes(causes) == (causes[:told], rest)
