"""What is read of the submissions."""

import json

import pytest

from events_pandas.sandbox.page.counts import find_name
from events_pandas.sandbox.page.queries import (
    SubmissionFilter,
    count_submissions,
    find_submission,
    read_body,
    read_submissions,
    was_named,
)
from events_pandas.sandbox.rules.refusals import chosen_refusal
from events_pandas.sandbox.workspace.workspace import SubmissionOutcome


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
    """All that is asked for has to be so; the last received comes first."""
    assert numbers(store, **selected) == expected


@pytest.mark.usefixtures("_filled")
def test_submissions_are_selected_by_name(store) -> None:
    """A name is asked for by its number, with other conditions or without."""
    name = find_name(store, "placed-order")

    assert numbers(store, name=name) == [5, 4, 3, 1]
    assert numbers(store, name=name, outcome="refused", http_status=400) == [4]


@pytest.mark.usefixtures("_filled")
def test_submissions_are_limited(store) -> None:
    """A page holds the last of what matches."""
    assert numbers(store, limit=2) == [6, 5]
    assert numbers(store, limit=2, contacts=("314159", "ada@example.com")) == [5, 4]


@pytest.mark.usefixtures("_crowded")
def test_submissions_are_looked_through_in_part(store) -> None:
    """What is rare among very many is not looked for to the end at once: the next page goes on where this one stops."""
    first = read_submissions(store, SubmissionFilter(contacts=("42",), outcome="kept"), 50)
    second = read_submissions(store, SubmissionFilter(contacts=("42",), outcome="kept", before=first.floor + 1), 50)

    assert (first.rows, first.floor) == ((), 6)
    assert ([row.number for row in second.rows], second.floor) == ([1], 0)


@pytest.mark.usefixtures("_crowded")
def test_submissions_of_a_rare_kind_are_all_looked_at(store) -> None:
    """Where one of the kinds is rare, it does not matter how many there are of the other one."""
    found = read_submissions(store, SubmissionFilter(contacts=("42",), outcome="failed"), 50)

    assert (found.rows, found.floor) == ((), 0)


@pytest.mark.usefixtures("_crowded")
@pytest.mark.parametrize("selected", [{}, {"contacts": ("42",)}, {"outcome": "refused"}, {"http_status": 400}])
def test_submissions_of_one_kind_have_no_floor(store, selected) -> None:
    """Each of them that is looked at matches."""
    found = read_submissions(store, SubmissionFilter(**selected), 50)

    assert (len(found.rows), found.floor) == (50, 0)


@pytest.mark.usefixtures("_filled")
def test_contact_was_named_in_whatever_was_received(store) -> None:
    """Also where the submission was refused; blanks count."""
    assert was_named(store, "314159")
    assert not was_named(store, " 314159")


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize(
    ("selected", "count"),
    [({}, 6), ({"outcome": "kept"}, 2), ({"http_status": 0}, 1), ({"outcome": "failed", "http_status": 503}, 1)],
)
def test_submissions_are_counted_on_all_pages(store, selected, count) -> None:
    """The counts tell how many match, whatever page is shown."""
    assert count_submissions(store, SubmissionFilter(**selected, before=3)) == count


@pytest.mark.usefixtures("_filled")
def test_submission_is_read_with_all_that_is_known_of_it(store) -> None:
    """What was answered and why stands beside what was sent."""
    (row,) = find_submission(store, 5)

    assert (row.http_status, row.outcome, row.name, row.contact) == (503, "failed", "placed-order", "314159")
    assert (row.error_code, row.error_message) == ("service_unavailable", "Sorry, the API service is unavailable")
    assert json.loads(row.body)["user_id"] == "314159"
    assert row.size == len(row.body)


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize("number", [0, 7, 999_999_999_999_999_999])
def test_submission_that_is_not_there_is_not_found(store, number) -> None:
    """Numbers come from addresses."""
    assert find_submission(store, number) == []
    assert read_body(store, number) is None


def test_large_body_is_read_in_part(store, workspace) -> None:
    """Fifty bodies of a megabyte are not read every second; who asks for one has it whole."""
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
def test_submissions_are_found_by_the_rarest_condition(store, monkeypatch, selected, index) -> None:
    """One index is walked backwards, without sorting: a million rows are not looked at."""
    plans = []
    read = store.read

    def explained(query, parameters=()):
        plans.extend(row[3] for row in read(f"EXPLAIN QUERY PLAN {query}", parameters) if "submissions" in query)
        return read(query, parameters)

    monkeypatch.setattr(store, "read", explained)

    read_submissions(store, SubmissionFilter(**selected, before=6), 50)

    assert any(f"USING INDEX {index} (" in plan for plan in plans), plans
    assert not any("TEMP B-TREE" in plan or plan.startswith("SCAN") for plan in plans), plans
