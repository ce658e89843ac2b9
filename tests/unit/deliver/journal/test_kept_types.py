"""The types of bare columns that a journal keeps."""

import pytest

from events_pandas import Constant, Date, EventMapping, Number, Text
from events_pandas.errors import JournalError

TYPES = {
    "metadata.a": Text("x"),
    "metadata.b": Number("x"),
    "metadata.c_at": Date("x"),
    "metadata.d_at": Date("x", unit="s"),
}


@pytest.fixture
def make_mapping():
    """Return a function that makes a mapping of one column to some keys."""

    def make(*keys, event_name="watched", source="x"):
        return EventMapping(
            event_name=event_name, created_at="day", user_id="who", metadata=dict.fromkeys(keys, source)
        )

    return make


def test_types_are_read_back_for_the_columns_of_a_mapping(open_journal, make_mapping):
    """A type belongs to a metadata key of an event: the column may have another name by now."""
    open_journal().keep_types(make_mapping("a", "b", "c_at", "d_at"), TYPES)

    kept = open_journal().kept_types(make_mapping("d_at", "b", "e", source="y"))

    assert kept == {"metadata.d_at": Date("y", unit="s"), "metadata.b": Number("y")}


def test_first_type_stays(journal, make_mapping):
    """A type that another run has written down is not replaced."""
    mapping = make_mapping("a")
    for rule in (Number("x"), Text("x")):
        journal.keep_types(mapping, {"metadata.a": rule})

    assert journal.kept_types(mapping) == {"metadata.a": Number("x")}


@pytest.mark.parametrize(("event_name", "rule"), [("Watched", Number("x")), ("heard", None), (len, None)])
def test_types_are_those_of_an_event(journal, make_mapping, event_name, rule):
    """Types belong to an event name, in any spelling that Intercom takes for the same."""
    journal.keep_types(make_mapping("a"), {"metadata.a": Number("x")})

    assert journal.kept_types(make_mapping("a", event_name=event_name)).get("metadata.a") == rule


def test_types_are_those_of_a_workspace(open_journal, make_mapping):
    """Types belong to a workspace; one file may hold several."""
    open_journal(workspace="here").keep_types(make_mapping("a"), {"metadata.a": Number("x")})

    assert open_journal(workspace="there").kept_types(make_mapping("a")) == {}


@pytest.mark.parametrize("entry", [Text("x"), Constant(7)])
def test_nothing_is_kept_of_what_is_not_bare(journal, make_mapping, entry):
    """Only bare columns have a kept type: a rule and a constant state their own."""
    journal.keep_types(make_mapping("a", source=entry), {"metadata.a": Number("x")})

    assert journal.kept_types(make_mapping("a")) == {}


def test_keep_types_raises_when_the_journal_stays_locked(open_journal, make_mapping, locked):
    """A locked journal raises an error before the first event."""
    journal = open_journal(busy_seconds=0.01)

    with locked(), pytest.raises(JournalError):
        journal.keep_types(make_mapping("a"), {"metadata.a": Number("x")})
