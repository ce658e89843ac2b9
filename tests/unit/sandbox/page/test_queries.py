"""The submissions and the contacts that the page reads."""

import json

import pytest

from events_pandas.sandbox.page.counts import find_name
from events_pandas.sandbox.page.queries import (
    EventCount,
    SubmissionFilter,
    count_submissions,
    find_contact,
    find_submission,
    first_submission_of,
    read_body,
    read_counts,
    read_since,
    read_submissions,
    read_timeline,
    was_named,
)
from events_pandas.sandbox.rules.refusals import chosen_refusal
from events_pandas.sandbox.workspace.contacts import ContactFields
from events_pandas.sandbox.workspace.workspace import EventKey, SubmissionOutcome, add_summary


@pytest.fixture
def _filled(workspace, submit, make_body):
    """Six submissions: kept, kept by email, duplicate, refused, failed with 503, failed without an answer."""
    submit()
    submit(user_id=..., email="ada@example.com", event_name="signed-up")
    submit()
    submit(created_at="x")
    workspace.log_unjudged(
        make_body(), received_at=5.0, outcome=SubmissionOutcome.FAILED, http_status=503, refusal=chosen_refusal(503)
    )
    workspace.log_unjudged(b"{", received_at=6.0, outcome=SubmissionOutcome.FAILED, http_status=None)
    workspace.count()


def numbers(store, *, limit=50, **selected):
    return [row.number for row in read_submissions(store, SubmissionFilter(**selected), limit).rows]


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize(
    ("selected", "expected"),
    [
        ({}, [6, 5, 4, 3, 2, 1]),
        ({"outcome": "kept"}, [2, 1]),
        ({"outcome": "failed"}, [6, 5]),
        ({"http_status": 202}, [3, 2, 1]),
        ({"http_status": 0}, [6]),
        ({"http_status": 418}, []),
        ({"outcome": "failed", "http_status": 0}, [6]),
        ({"outcome": "kept", "http_status": 503}, []),
        ({"contacts": ("314159",)}, [5, 4, 3, 1]),
        ({"contacts": ("314159", "ada@example.com")}, [5, 4, 3, 2, 1]),
        ({"contacts": ("314159", "314159"), "outcome": "kept"}, [1]),
        ({"contacts": ("nobody",)}, []),
        ({"before": 4}, [3, 2, 1]),
        ({"before": 4, "outcome": "kept", "contacts": ("ada@example.com",)}, [2]),
        ({"before": 1}, []),
    ],
)
def test_submissions_are_selected(store, selected, expected) -> None:
    """Submissions match all conditions; the last received comes first."""
    assert numbers(store, **selected) == expected


@pytest.mark.usefixtures("_filled")
def test_submissions_are_selected_by_name(store) -> None:
    """A name is selected by its number, alone or with other conditions."""
    name = find_name(store, "placed-order")

    assert numbers(store, name=name) == [5, 4, 3, 1]
    assert numbers(store, name=name, outcome="refused", http_status=400) == [4]


@pytest.mark.usefixtures("_filled")
def test_submissions_are_limited(store) -> None:
    """A page has the last submissions that match."""
    assert numbers(store, limit=2) == [6, 5]
    assert numbers(store, limit=2, contacts=("314159", "ada@example.com")) == [5, 4]


@pytest.mark.usefixtures("_crowded")
def test_submissions_are_looked_through_in_part(store) -> None:
    """A search among very many submissions stops early, and the next page goes on there."""
    first = read_submissions(store, SubmissionFilter(contacts=("42",), outcome="kept"), 50)
    second = read_submissions(store, SubmissionFilter(contacts=("42",), outcome="kept", before=first.floor + 1), 50)

    assert (first.rows, first.floor) == ((), 6)
    assert ([row.number for row in second.rows], second.floor) == ([1], 0)


@pytest.mark.usefixtures("_crowded")
def test_submissions_of_a_rare_kind_are_all_looked_at(store) -> None:
    """If one condition is rare, all its submissions are looked at."""
    found = read_submissions(store, SubmissionFilter(contacts=("42",), outcome="failed"), 50)

    assert (found.rows, found.floor) == ((), 0)


@pytest.mark.usefixtures("_crowded")
@pytest.mark.parametrize("selected", [{}, {"contacts": ("42",)}, {"outcome": "refused"}, {"http_status": 400}])
def test_submissions_of_one_kind_have_no_floor(store, selected) -> None:
    """With one condition every submission that is looked at matches."""
    found = read_submissions(store, SubmissionFilter(**selected), 50)

    assert (len(found.rows), found.floor) == (50, 0)


@pytest.mark.usefixtures("_filled")
def test_contact_was_named_in_any_submission(store) -> None:
    """A refused submission names its contact too; blanks count."""
    assert was_named(store, "314159")
    assert not was_named(store, " 314159")


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize(
    ("selected", "count"),
    [({}, 6), ({"outcome": "kept"}, 2), ({"http_status": 0}, 1), ({"outcome": "failed", "http_status": 503}, 1)],
)
def test_submissions_are_counted_on_all_pages(store, selected, count) -> None:
    """The count is of all pages, on any page."""
    assert count_submissions(store, SubmissionFilter(**selected, before=3)) == count


@pytest.mark.usefixtures("_filled")
def test_submission_is_read_with_all_that_is_known_of_it(store) -> None:
    """A row has what was sent, and what was answered and why."""
    (row,) = find_submission(store, 5)

    assert (row.http_status, row.outcome, row.name, row.contact) == (503, "failed", "placed-order", "314159")
    assert (row.error_code, row.error_message) == ("service_unavailable", "Sorry, the API service is unavailable")
    assert json.loads(row.body)["user_id"] == "314159"
    assert row.size == len(row.body)


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize("number", [0, 7, 999_999_999_999_999_999])
def test_submission_that_is_not_there_is_not_found(store, number) -> None:
    """A number from an address may have no submission."""
    assert find_submission(store, number) == []
    assert read_body(store, number) is None


def test_large_body_is_read_in_part(store, workspace) -> None:
    """A row has only the beginning of a large body; `read_body` returns all of it."""
    body = b"x" * 100_000
    workspace.submit(body, received_at=1.0)

    (row,) = find_submission(store, 1)

    assert (row.size, row.body) == (100_000, b"x" * 4_096)
    assert read_body(store, 1) == body


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize(
    ("selected", "index"),
    [
        ({"name": 1}, "submissions_by_name"),
        ({"outcome": "refused"}, "submissions_by_outcome"),
        ({"http_status": 503}, "submissions_by_status"),
        ({"http_status": 0}, "submissions_by_status"),
        ({"contacts": ("314159",), "outcome": "kept", "name": 1}, "submissions_by_contact"),
        ({"outcome": "kept", "http_status": 503}, "submissions_by_status"),
        ({"outcome": "refused", "http_status": 202}, "submissions_by_outcome"),
    ],
)
def test_submissions_are_found_by_the_rarest_condition(store, selected, index) -> None:
    """The query walks one index backwards, without sorting or scanning."""
    plans = []

    class Explaining:
        def read(self, query, parameters=()):
            if "submissions" in query:
                plans.extend(row[3] for row in store.read(f"EXPLAIN QUERY PLAN {query}", parameters))
            return store.read(query, parameters)

    read_submissions(Explaining(), SubmissionFilter(**selected, before=6), 50)

    assert any(f"USING INDEX {index} (" in plan for plan in plans), plans
    assert not any("TEMP B-TREE" in plan or plan.startswith("SCAN") for plan in plans), plans


@pytest.fixture
def _contacts(workspace):
    """Make a contact that has all identifiers, and one whose `id` is the external identifier of the first."""
    workspace.contacts.create(ContactFields(external_id="42", id="c42", email="ada@example.com", name="Ada"), now=1.0)
    workspace.contacts.create(ContactFields(external_id="43", id="42", email="bob@example.com"), now=1.0)


@pytest.mark.usefixtures("_contacts")
@pytest.mark.parametrize("identifier", ["42", "c42", "ada@example.com", "ADA@example.com"])
def test_contact_is_found_by_any_identifier(store, identifier) -> None:
    """The external identifier comes before Intercom's, and that before the address."""
    contact = find_contact(store, identifier)

    assert (contact.fields.external_id, contact.fields.name, contact.fields.role) == ("42", "Ada", "user")
    assert contact.identifiers == ("42", "c42", "ada@example.com")


@pytest.mark.usefixtures("_contacts")
@pytest.mark.parametrize("identifier", ["nobody", "", "\0", "' OR 1=1 --"])
def test_unknown_contact_is_not_found(store, identifier) -> None:
    """Any text may be asked for as an identifier."""
    assert find_contact(store, identifier) is None


@pytest.mark.usefixtures("_contacts")
def test_timeline_goes_back_from_the_latest_event(store, submit) -> None:
    """Events are sorted by created_at, not by arrival, and come page by page."""
    for created_at, event_name in [(30, "a"), (50, "a"), (10, "b"), (50, "b"), (40, "a")]:
        submit(user_id="42", created_at=created_at, event_name=event_name)
    submit(user_id="43", created_at=60)
    contact = find_contact(store, "42").number

    def timeline(**asked):
        rows = read_timeline(store, contact, **{"name": None, "until": None, "limit": 50} | asked)
        return [(row.number, row.created_at, row.name) for row in rows]

    assert timeline() == [(4, 50, "b"), (2, 50, "a"), (5, 40, "a"), (1, 30, "a"), (3, 10, "b")]
    assert timeline(limit=2, until=4) == [(2, 50, "a"), (5, 40, "a")]
    assert timeline(name=find_name(store, "b")) == [(4, 50, "b"), (3, 10, "b")]
    assert timeline(until=999) == []


@pytest.mark.usefixtures("_contacts")
def test_counts_are_by_name(store, submit) -> None:
    """Counts are of one contact; the name seen last comes first."""
    for created_at, event_name in [(30, "a"), (50, "a"), (10, "b"), (60, "b"), (40, "c")]:
        submit(user_id="42", created_at=created_at, event_name=event_name)
    submit(user_id="43", created_at=70)
    contact = find_contact(store, "42").number

    assert read_counts(store, contact, None) == [
        EventCount(name="b", count=2, first=10, last=60),
        EventCount(name="a", count=2, first=30, last=50),
        EventCount(name="c", count=1, first=40, last=40),
    ]
    assert read_counts(store, contact, 41) == [
        EventCount(name="b", count=1, first=60, last=60),
        EventCount(name="a", count=1, first=50, last=50),
    ]


@pytest.mark.usefixtures("_contacts")
def test_counts_include_what_was_sent_as_a_summary(store, submit) -> None:
    """Counts include summaries, for events of any age."""
    submit(user_id="42", created_at=50, event_name="a")
    contact = find_contact(store, "42").number
    with store.writing() as connection:
        add_summary(connection, EventKey(contact=contact, created_at=5, name=1), count=7, last=20)

    assert read_counts(store, contact, 30) == [EventCount(name="a", count=8, first=5, last=50)]


@pytest.mark.usefixtures("_contacts")
@pytest.mark.parametrize(("limit", "since"), [(1, 51), (2, 41), (3, 31), (4, None), (5, None)])
def test_events_are_counted_since_the_latest_so_many(store, submit, limit, since) -> None:
    """The count begins at a second: all events within one second are counted, or none."""
    for created_at, event_name in [(30, "a"), (40, "a"), (50, "a"), (60, "a")]:
        submit(user_id="42", created_at=created_at, event_name=event_name)

    assert read_since(store, find_contact(store, "42").number, limit) == since


@pytest.mark.usefixtures("_contacts")
def test_timeline_counts_the_repeats(store, submit) -> None:
    """An event that was sent three times is one row."""
    for n_repeats in range(3):
        submit(user_id="42", metadata={"n": n_repeats})

    (row,) = read_timeline(store, find_contact(store, "42").number, name=None, until=None, limit=50)

    assert (row.number, row.times_received, row.size) == (1, 3, len(row.body))
    assert b'"n": 0' in row.body


@pytest.mark.usefixtures("_contacts")
@pytest.mark.parametrize(("identifier", "contact"), [("user_id", "42"), ("id", "c42"), ("email", "ada@example.com")])
def test_first_submission_is_found_by_any_name_of_the_contact(store, submit, identifier, contact) -> None:
    """A duplicate may name its contact in another way than the first submission did."""
    submit(user_id="43")
    submit(user_id="42")

    first = first_submission_of(
        store, identifier=identifier, contact=contact, created_at=1389913941, name="placed-order"
    )

    assert first == 2


@pytest.mark.usefixtures("_contacts")
def test_first_submission_is_none_when_the_event_is_not_held(store, submit) -> None:
    """An event at another second has another submission, or none."""
    submit(user_id="42")

    assert first_submission_of(store, identifier="user_id", contact="42", created_at=1, name="placed-order") is None
