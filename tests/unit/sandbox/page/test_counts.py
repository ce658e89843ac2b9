"""The counts of the page."""

import pytest

from events_pandas.sandbox.page.counts import (
    EventFilter,
    NameCount,
    OutcomeCount,
    find_name,
    read_arrivals,
    read_bins,
    read_change,
    read_last_arrival,
    read_name,
    read_names,
    read_outcome_counts,
    read_outside,
    read_span,
)
from events_pandas.sandbox.page.queries import find_contact

DAY = 86_400


def test_change_follows_submissions_and_contacts(store, submit, workspace) -> None:
    """Each submission, and each new contact, changes one of the numbers."""
    changes = [read_change(store)]
    submit()
    changes.append(read_change(store))
    submit()
    changes.append(read_change(store))
    workspace.submit(b"{", received_at=1.0)
    changes.append(read_change(store))

    assert changes == [(0, 0), (1, 1), (2, 1), (3, 1)]


def test_tallies_count_by_outcome_and_status(store, submit, workspace) -> None:
    """Submissions of all names are counted together."""
    submit()
    submit(event_name="signed-up")
    submit()
    submit(is_answered=False, event_name="left")
    workspace.submit(b"{", received_at=1.0)
    workspace.count()

    assert sorted(read_outcome_counts(store), key=repr) == [
        OutcomeCount(outcome="duplicate", http_status=202, count=1),
        OutcomeCount(outcome="kept", http_status=0, count=1),
        OutcomeCount(outcome="kept", http_status=202, count=2),
        OutcomeCount(outcome="refused", http_status=400, count=1),
    ]


def test_names_are_counted_from_the_most_frequent(store, submit, workspace) -> None:
    """Refused submissions count too; submissions without a name do not."""
    submit()
    submit(event_name="signed-up")
    submit(event_name="Signed.Up", created_at="x")
    workspace.submit(b"{", received_at=1.0)
    workspace.count()

    names = read_names(store, 10)

    assert names == [
        NameCount(number=2, name="signed-up", count=2),
        NameCount(number=1, name="placed-order", count=1),
    ]
    assert read_names(store, 1) == names[:1]


def test_name_is_found_by_its_number_and_back(store, submit) -> None:
    """A name that nobody submitted has no number."""
    submit(event_name="signed-up")

    number = find_name(store, "signed-up")

    assert read_name(store, number) == "signed-up"
    assert find_name(store, "Signed-Up") is None


def test_arrivals_are_counted_by_spans(store, submit) -> None:
    """The present second and submissions before the first span are not counted."""
    for received_at in (89.9, 94.0, 95.9, 96.0, 97.5, 98.0, 99.9, 100.0, 100.4):
        submit(received_at=received_at)

    assert read_arrivals(store, 100.5, spans=3, span_seconds=2) == [2, 2, 2]
    assert read_arrivals(store, 100.5, spans=5, span_seconds=1) == [1, 1, 1, 1, 1]


def test_arrivals_of_a_quiet_workspace_are_zero(store, submit) -> None:
    """Without recent submissions all counts are 0."""
    assert read_arrivals(store, 100.5, spans=3, span_seconds=2) == [0, 0, 0]

    submit(received_at=10.0)

    assert read_arrivals(store, 100.5, spans=3, span_seconds=2) == [0, 0, 0]


def test_last_arrival_is_the_last_submissions(store, submit) -> None:
    """The last arrival is 0 before the first submission."""
    arrivals = [read_last_arrival(store)]
    submit(received_at=17.5)
    arrivals.append(read_last_arrival(store))

    assert arrivals == [0.0, 17.5]


@pytest.fixture
def _dated(workspace, submit):
    """Events of two contacts and two names; one is far outside the calendar."""
    submit(created_at=0)
    submit(created_at=DAY - 1)
    submit(created_at=DAY, event_name="signed-up")
    submit(created_at=40 * DAY, user_id="2")
    submit(created_at=-1)
    submit(created_at=1389967941000, event_name="signed-up")
    workspace.count()


@pytest.mark.usefixtures("_dated")
@pytest.mark.parametrize(
    ("contact", "name", "span", "outside"),
    [
        (None, None, (0, 40), 2),
        (None, "signed-up", (1, 1), 1),
        ("314159", None, (0, 1), 2),
        ("314159", "placed-order", (0, 0), 1),
        ("2", None, (40, 40), 0),
        ("2", "signed-up", None, 0),
    ],
)
def test_span_is_from_the_first_to_the_last_day(store, contact, name, span, outside) -> None:
    """Events before 1970 and after 2099 are counted separately."""
    events = EventFilter(
        contact=contact and find_contact(store, contact).number, name=None if name is None else find_name(store, name)
    )

    assert read_span(store, events) == span
    assert read_outside(store, events) == outside


@pytest.mark.usefixtures("_dated")
def test_bins_count_events_between_days(store) -> None:
    """A bin holds its first day and not the day after its last one; empty bins are left out."""
    contact = find_contact(store, "314159").number

    assert read_bins(store, EventFilter(), [0, 1, 2, 30, 60]) == {(0, 1): 2, (1, 2): 1, (3, 1): 1}
    assert read_bins(store, EventFilter(contact=contact), [0, 1, 2, 30, 60]) == {(0, 1): 2, (1, 2): 1}
    assert read_bins(store, EventFilter(contact=contact, name=2), [0, 2]) == {(0, 2): 1}


@pytest.mark.usefixtures("_dated")
@pytest.mark.parametrize(
    ("since", "span", "outside", "bins"),
    [
        (-1, (0, 1), 2, {(0, 1): 2, (1, 2): 1}),
        (0, (0, 1), 1, {(0, 1): 2, (1, 2): 1}),
        (1, (0, 1), 1, {(0, 1): 1, (1, 2): 1}),
        (DAY, (1, 1), 1, {(1, 2): 1}),
        (DAY + 1, None, 1, {}),
    ],
)
def test_events_of_a_contact_are_counted_since_a_second(store, since, span, outside, bins) -> None:
    """Events before the second are in no count, even on the same day."""
    events = EventFilter(contact=find_contact(store, "314159").number, since=since)

    assert read_span(store, events) == span
    assert read_outside(store, events) == outside
    assert read_bins(store, events, [0, 1, 2]) == bins


def test_bins_are_ranges_of_an_index(store) -> None:
    """A bin reads a range of an index, not all events or days."""
    plans = []

    class Explaining:
        def read(self, query, parameters=()):
            plans.append([row[3] for row in store.read(f"EXPLAIN QUERY PLAN {query}", parameters)])
            return []

    read_bins(Explaining(), EventFilter(), [0, 1, 2])
    read_bins(Explaining(), EventFilter(contact=1), [0, 1, 2])

    assert "SEARCH event_days USING PRIMARY KEY (day>? AND day<?)" in plans[0]
    assert (
        "SEARCH events USING COVERING INDEX events_by_contact (contact=? AND created_at>? AND created_at<?)" in plans[1]
    )
