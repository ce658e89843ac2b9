"""What is read of one contact."""

import pytest

from events_pandas.sandbox.page.counts import find_name
from events_pandas.sandbox.page.queries import (
    EventCount,
    find_contact,
    first_submission_of,
    read_counts,
    read_since,
    read_timeline,
)
from events_pandas.sandbox.workspace.contacts import InitialContacts
from events_pandas.sandbox.workspace.workspace import EventKey, Workspace, add_summary


@pytest.fixture
def workspace():
    """A workspace with one contact that has all identifiers, and one whose identifier is another's address."""
    contacts = [
        {"external_id": "42", "id": "c42", "email": "ada@example.com", "name": "Ada", "role": "user"},
        {"external_id": "43", "id": "42", "email": "bob@example.com", "role": "user"},
    ]
    return Workspace(contacts=InitialContacts(existing=contacts))


@pytest.mark.parametrize("identifier", ["42", "c42", "ada@example.com", "ADA@example.com"])
def test_contact_is_found_by_any_identifier(store, identifier) -> None:
    """The external identifier goes before Intercom's, and this before the address."""
    contact = find_contact(store, identifier)

    assert (contact.fields.external_id, contact.fields.name, contact.fields.role) == ("42", "Ada", "user")
    assert contact.identifiers == ("42", "c42", "ada@example.com")


@pytest.mark.parametrize("identifier", ["nobody", "", "\0", "' OR 1=1 --"])
def test_contact_that_nobody_is_is_not_found(store, identifier) -> None:
    """Identifiers come from addresses."""
    assert find_contact(store, identifier) is None


def test_timeline_goes_back_from_the_latest_event(store, submit) -> None:
    """Events stand by the time they say, whenever they were received, and page by page."""
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


def test_counts_are_by_name(store, submit) -> None:
    """The name that was seen last comes first; those of other contacts are theirs."""
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


def test_counts_include_what_was_sent_as_a_summary(store, submit) -> None:
    """A summary has no single events, and is never too long ago."""
    submit(user_id="42", created_at=50, event_name="a")
    contact = find_contact(store, "42").number
    with store.writing() as connection:
        add_summary(connection, EventKey(contact=contact, created_at=5, name=1), count=7, last=20)

    assert read_counts(store, contact, 30) == [EventCount(name="a", count=8, first=5, last=50)]


@pytest.mark.parametrize(("limit", "since"), [(1, 51), (2, 41), (3, 31), (4, None), (5, None)])
def test_events_are_counted_since_the_latest_so_many(store, submit, limit, since) -> None:
    """Of events within one second all are counted or none, so that there is a second to name."""
    for created_at, event_name in [(30, "a"), (40, "a"), (50, "a"), (60, "a")]:
        submit(user_id="42", created_at=created_at, event_name=event_name)

    assert read_since(store, find_contact(store, "42").number, limit) == since


def test_timeline_counts_the_repeats(store, submit) -> None:
    """An event that was sent three times stands there once."""
    for n_repeats in range(3):
        submit(user_id="42", metadata={"n": n_repeats})

    (row,) = read_timeline(store, find_contact(store, "42").number, name=None, until=None, limit=50)

    assert (row.number, row.times_received, row.size) == (1, 3, len(row.body))
    assert b'"n": 0' in row.body


@pytest.mark.parametrize(("identifier", "contact"), [("user_id", "42"), ("id", "c42"), ("email", "ada@example.com")])
def test_first_submission_is_found_whatever_names_the_contact(store, submit, identifier, contact) -> None:
    """A duplicate may name its contact in another way than the first submission did."""
    submit(user_id="43")
    submit(user_id="42")

    first = first_submission_of(
        store, identifier=identifier, contact=contact, created_at=1389913941, name="placed-order"
    )

    assert first == 2


def test_first_submission_of_an_event_that_is_not_held_is_none(store, submit) -> None:
    """Another second is another event."""
    submit(user_id="42")

    assert first_submission_of(store, identifier="user_id", contact="42", created_at=1, name="placed-order") is None
