"""What the page asks of a workspace: submissions, contacts, and counts of everything."""

import json

import pytest

from events_pandas.sandbox.page.questions import (
    SubmissionFilter,
    count_arrivals,
    count_days,
    count_names,
    count_outcomes,
    count_recovered,
    count_submissions,
    find_contact,
    find_name,
    find_submission,
    first_submission_of,
    read_body,
    read_change,
    read_submissions,
    read_timeline,
    was_named,
)
from events_pandas.sandbox.rules.refusals import chosen_refusal
from events_pandas.sandbox.workspace.contacts import ContactFields
from events_pandas.sandbox.workspace.workspace import SubmissionOutcome

DAY = 86_400


@pytest.fixture
def _filled(workspace, submit, make_body):
    """Six submissions: kept, kept by email, duplicate, refused, failed with 503, failed without an answer."""
    submit()
    submit(user_id=..., email="ada@example.com", event_name="signed-up")
    submit()
    submit(created_at="x")
    workspace.log_unjudged(make_body(), received_at=5.0, outcome=SubmissionOutcome.FAILED, refusal=chosen_refusal(503))
    workspace.log_unjudged(b"{", received_at=6.0, outcome=SubmissionOutcome.FAILED, refusal=None)


def numbers(asking, *, limit=50, before=None, **selected):
    rows = read_submissions(asking, SubmissionFilter(**selected), before=before, limit=limit)
    return [row.number for row in rows]


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
def test_submissions_are_selected(asking, selected, expected) -> None:
    """Submissions match all conditions; the last received comes first."""
    assert numbers(asking, **selected) == expected


@pytest.mark.usefixtures("_filled")
def test_submissions_are_selected_by_name(asking) -> None:
    """A name is selected by its number, alone or with other conditions."""
    name = find_name(asking, "placed-order")

    assert numbers(asking, name=name) == [5, 4, 3, 1]
    assert numbers(asking, name=name, outcome="refused", http_status=400) == [4]


@pytest.mark.usefixtures("_filled")
def test_submissions_are_limited(asking) -> None:
    """A page has the last submissions that match."""
    assert numbers(asking, limit=2) == [6, 5]
    assert numbers(asking, limit=2, contacts=("314159", "ada@example.com")) == [5, 4]


@pytest.mark.usefixtures("_crowded")
def test_submissions_of_a_rare_kind_are_found_among_many(asking) -> None:
    """A search looks at all submissions, however few match."""
    assert numbers(asking, contacts=("42",), outcome="kept") == [1]
    assert numbers(asking, contacts=("42",), outcome="failed") == []
    assert len(numbers(asking, http_status=400)) == 50


@pytest.mark.usefixtures("_filled")
def test_contact_was_named_in_any_submission(asking) -> None:
    """A refused submission names its contact too; blanks count."""
    assert was_named(asking, "314159")
    assert not was_named(asking, " 314159")


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize(
    ("selected", "count"),
    [({}, 6), ({"outcome": "kept"}, 2), ({"http_status": 0}, 1), ({"outcome": "failed", "http_status": 503}, 1)],
)
def test_submissions_are_counted_on_all_pages(asking, selected, count) -> None:
    """The count is of all pages."""
    assert count_submissions(asking, SubmissionFilter(**selected)) == count


@pytest.mark.usefixtures("_filled")
def test_submission_is_read_with_all_that_is_known_of_it(asking) -> None:
    """A row has what was sent, and what was answered and why."""
    (row,) = find_submission(asking, 5)

    assert (row.http_status, row.outcome, row.name, row.contact) == (503, "failed", "placed-order", "314159")
    assert (row.error_code, row.error_message) == ("service_unavailable", "Sorry, the API service is unavailable")
    assert json.loads(row.body)["user_id"] == "314159"
    assert row.size == len(row.body)


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize("number", [0, 7, 999_999_999_999_999_999])
def test_submission_that_is_not_there_is_not_found(asking, number) -> None:
    """A number from an address may have no submission."""
    assert find_submission(asking, number) == []
    assert read_body(asking, number) is None


def test_large_body_is_read_in_part(asking, workspace) -> None:
    """A row has only the beginning of a large body; `read_body` returns all of it."""
    body = b"x" * 100_000
    workspace.submit(body, received_at=1.0)

    (row,) = find_submission(asking, 1)

    assert (row.size, row.body) == (100_000, b"x" * 4_096)
    assert read_body(asking, 1) == body


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize(
    ("selected", "index"),
    [
        ({"name": 1}, "COVERING INDEX submissions_by_kind (name=?)"),
        ({"outcome": "refused"}, "COVERING INDEX submissions_by_kind"),
        ({"http_status": 0}, "COVERING INDEX submissions_by_kind"),
        ({"contacts": ("314159",), "outcome": "kept", "name": 1}, "INDEX submissions_by_contact (contact=?"),
    ],
)
def test_submissions_are_found_by_an_index(asking, selected, index) -> None:
    """A search reads an index and the rows that it shows, not all bodies."""
    asked = []
    asking.set_trace_callback(asked.append)
    numbers(asking, **selected, before=6)
    asking.set_trace_callback(None)

    (query,) = asked
    plan = [row[3] for row in asking.execute(f"EXPLAIN QUERY PLAN {query}")]

    assert any(f"USING {index}" in step for step in plan), plan
    assert "SEARCH submissions USING INTEGER PRIMARY KEY (rowid=?)" in plan


@pytest.fixture
def _contacts(workspace):
    """Make a contact that has all identifiers, and one whose `id` is the external identifier of the first."""
    workspace.contacts.create(ContactFields(external_id="42", id="c42", email="ada@example.com", name="Ada"), now=1.0)
    workspace.contacts.create(ContactFields(external_id="43", id="42", email="bob@example.com"), now=1.0)


@pytest.mark.usefixtures("_contacts")
@pytest.mark.parametrize("identifier", ["42", "c42", "ada@example.com", "ADA@example.com"])
def test_contact_is_found_by_any_identifier(asking, identifier) -> None:
    """The external identifier comes before Intercom's, and that before the address."""
    contact = find_contact(asking, identifier)

    assert (contact.fields.external_id, contact.fields.name, contact.fields.role) == ("42", "Ada", "user")
    assert contact.identifiers == ("42", "c42", "ada@example.com")


@pytest.mark.usefixtures("_contacts")
@pytest.mark.parametrize("identifier", ["nobody", "", "\0", "' OR 1=1 --"])
def test_unknown_contact_is_not_found(asking, identifier) -> None:
    """Any text may be asked for as an identifier."""
    assert find_contact(asking, identifier) is None


@pytest.mark.usefixtures("_contacts")
def test_timeline_goes_back_from_the_latest_event(asking, submit) -> None:
    """Events are sorted by created_at, not by arrival, and come page by page."""
    for created_at, event_name in [(30, "a"), (50, "a"), (10, "b"), (50, "b"), (40, "a")]:
        submit(user_id="42", created_at=created_at, event_name=event_name)
    submit(user_id="43", created_at=60)
    contact = find_contact(asking, "42").number

    def timeline(**asked):
        rows = read_timeline(asking, contact, **{"name": None, "until": None, "limit": 50} | asked)
        return [(row.number, row.created_at, row.name) for row in rows]

    assert timeline() == [(4, 50, "b"), (2, 50, "a"), (5, 40, "a"), (1, 30, "a"), (3, 10, "b")]
    assert timeline(limit=2, until=4) == [(2, 50, "a"), (5, 40, "a")]
    assert timeline(name=find_name(asking, "b")) == [(4, 50, "b"), (3, 10, "b")]
    assert timeline(until=999) == []


@pytest.mark.usefixtures("_contacts")
def test_timeline_counts_the_repeats(asking, submit) -> None:
    """An event that was sent three times is one row."""
    for n_repeats in range(3):
        submit(user_id="42", metadata={"n": n_repeats})

    (row,) = read_timeline(asking, find_contact(asking, "42").number, name=None, until=None, limit=50)

    assert (row.number, row.times_received, row.size) == (1, 3, len(row.body))
    assert b'"n": 0' in row.body


@pytest.mark.usefixtures("_contacts")
@pytest.mark.parametrize(("identifier", "contact"), [("user_id", "42"), ("id", "c42"), ("email", "ada@example.com")])
def test_first_submission_is_found_by_any_name_of_the_contact(asking, submit, identifier, contact) -> None:
    """A duplicate may name its contact in another way than the first submission did."""
    submit(user_id="43")
    submit(user_id="42")

    first = first_submission_of(
        asking, identifier=identifier, contact=contact, created_at=1389913941, name="placed-order"
    )

    assert first == 2


@pytest.mark.usefixtures("_contacts")
def test_first_submission_is_none_when_the_event_is_not_held(asking, submit) -> None:
    """An event at another second has another submission, or none."""
    submit(user_id="42")

    assert first_submission_of(asking, identifier="user_id", contact="42", created_at=1, name="placed-order") is None


# Counts


def test_change_follows_submissions_and_contacts(asking, submit, workspace) -> None:
    """Each submission, and each new contact, changes one of the numbers; the last arrival is 0 before the first."""
    changes = [read_change(asking)]
    submit(received_at=17.5)
    changes.append(read_change(asking))
    submit(received_at=18.0)
    changes.append(read_change(asking))
    workspace.submit(b"{", received_at=19.0)
    changes.append(read_change(asking))

    assert changes == [(0, 0, 0.0), (1, 1, 17.5), (2, 1, 18.0), (3, 1, 19.0)]


def test_submissions_are_counted_by_outcome_and_status(asking, submit, workspace) -> None:
    """Submissions of all names are counted together; status 0 stands for no answer."""
    submit()
    submit(event_name="signed-up")
    submit()
    submit(is_answered=False, event_name="left")
    workspace.submit(b"{", received_at=1.0)

    assert sorted(count_outcomes(asking)) == [
        ("duplicate", 202, 1),
        ("kept", 0, 1),
        ("kept", 202, 2),
        ("refused", 400, 1),
    ]


def test_names_are_counted_from_the_most_frequent(asking, submit, workspace) -> None:
    """Refused submissions count too; submissions without a name do not."""
    submit()
    submit(event_name="signed-up")
    submit(event_name="Signed.Up", created_at="x")
    workspace.submit(b"{", received_at=1.0)

    assert list(count_names(asking, 10).items()) == [("signed-up", 2), ("placed-order", 1)]
    assert count_names(asking, 1) == {"signed-up": 2}


def test_name_is_found_by_its_normalized_text(asking, submit) -> None:
    """A name that nobody submitted has no number."""
    submit(event_name="Signed.Up")

    assert find_name(asking, "signed-up") == 1
    assert find_name(asking, "Signed-Up") is None


def test_arrivals_are_counted_by_spans(asking, submit) -> None:
    """The present second and submissions before the first span are not counted."""
    for received_at in (89.9, 94.0, 95.9, 96.0, 97.5, 98.0, 99.9, 100.0, 100.4):
        submit(received_at=received_at)

    assert count_arrivals(asking, 100.5, spans=3, span_seconds=2) == [2, 2, 2]
    assert count_arrivals(asking, 100.5, spans=5, span_seconds=1) == [1, 1, 1, 1, 1]


def test_arrivals_of_a_quiet_workspace_are_zero(asking, submit) -> None:
    """Without recent submissions all counts are 0."""
    assert count_arrivals(asking, 100.5, spans=3, span_seconds=2) == [0, 0, 0]

    submit(received_at=10.0)

    assert count_arrivals(asking, 100.5, spans=3, span_seconds=2) == [0, 0, 0]


@pytest.mark.parametrize(
    ("contact", "name", "days"),
    [
        (
            None,
            None,
            {
                (0, "placed-order", 2),
                (1, "signed-up", 1),
                (40, "placed-order", 1),
                (47_481, "signed-up", 1),
                (None, "placed-order", 2),
                (None, "signed-up", 1),
            },
        ),
        (None, "signed-up", {(1, "signed-up", 1), (47_481, "signed-up", 1), (None, "signed-up", 1)}),
        ("314159", "placed-order", {(0, "placed-order", 2), (None, "placed-order", 1)}),
        ("2", None, {(40, "placed-order", 1), (None, "placed-order", 1), (47_481, "signed-up", 1)}),
        ("2", "paid-invoice", set()),
    ],
)
def test_events_are_counted_by_day_and_name(asking, submit, contact, name, days) -> None:
    """A day ends before the next one begins; events before 1970 and after 2099 have none."""
    submit(created_at=0)
    submit(created_at=DAY - 1)
    submit(created_at=DAY, event_name="signed-up")
    submit(created_at=40 * DAY, user_id="2")
    submit(created_at=-1)
    submit(created_at=47_482 * DAY - 1, event_name="signed-up", user_id="2")
    submit(created_at=47_482 * DAY, user_id="2")
    submit(created_at=1389967941000, event_name="signed-up")
    submit(event_name="paid-invoice", created_at="x")

    found = count_days(
        asking,
        contact=contact and find_contact(asking, contact).number,
        selection=SubmissionFilter(name=name and find_name(asking, name)),
    )

    assert (set(found), len(found)) == (days, len(days))


@pytest.mark.parametrize(
    ("status", "days"),
    [
        ({"outcome": "kept"}, [(0, "placed-order", 1), (1, "placed-order", 1)]),
        ({"http_status": 202}, [(0, "placed-order", 1)]),
        ({"http_status": 0}, [(1, "placed-order", 1)]),
        ({"outcome": "duplicate"}, []),
        ({"outcome": "refused"}, []),
    ],
)
def test_events_by_day_are_those_of_a_status(asking, submit, status, days) -> None:
    """An event has the outcome and the status of its first submission."""
    submit(created_at=0)
    submit(created_at=0)
    submit(created_at=DAY, is_answered=False)
    submit(created_at="x")

    assert count_days(asking, contact=None, selection=SubmissionFilter(**status)) == days


def test_failed_submissions_recover_when_the_same_body_is_accepted(asking, make_body, workspace) -> None:
    """A retry has the bytes of the failed attempt; another event of the contact is not one."""
    first, second, third = (make_body(created_at=number) for number in range(3))
    for body in (first, first, second):
        workspace.log_unjudged(body, received_at=1.0, outcome=SubmissionOutcome.FAILED, refusal=None)
    for body in (first, third):
        workspace.submit(body, received_at=2.0)

    assert count_recovered(asking) == 2
