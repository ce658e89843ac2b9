"""A page of the log."""

import pytest

from events_pandas.sandbox.page.filters import Filters, ResolvedFilters
from events_pandas.sandbox.page.sections import read_log


@pytest.fixture
def log(store, workspace):
    """Read the first two submissions that match."""

    def log(**filters):
        workspace.count()
        page = read_log(store, ResolvedFilters.find(Filters(**filters), store), limit=2)
        return [row.number for row in page.rows], page.matching, page.older

    return log


def test_log_tells_whether_there_is_more(log, submit) -> None:
    """Pages are turned by the number of the last row."""
    for created_at in range(3):
        submit(created_at=created_at)

    assert log() == ([3, 2], 3, 2)
    assert log(before=2) == ([1], 3, None)


def test_log_finds_a_contact_by_all_its_identifiers(log, submit, store) -> None:
    """Who asks for one identifier sees what was submitted under the others."""
    submit(user_id="42")
    (contact_id,) = (row[0] for row in store.read("SELECT id FROM contacts"))
    submit(user_id=..., id=contact_id, created_at=5)

    assert log(contact="42") == ([2, 1], None, None)
    assert log(contact=contact_id) == ([2, 1], None, None)


def test_log_finds_what_was_refused_for_a_contact_that_is_none(log, submit) -> None:
    """Identifiers are matched as they were sent."""
    submit(user_id="42", created_at="x")

    assert log(contact="42") == ([1], None, None)


def test_log_of_a_name_that_nobody_submitted_is_empty(log, submit) -> None:
    """Rather than all names, none."""
    submit()

    assert log(name="signed-up") == ([], 0, None)


@pytest.mark.parametrize(("number", "expected"), [(1, ([1], 1, None)), (2, ([], 0, None))])
def test_log_shows_one_submission(log, submit, number, expected) -> None:
    """A number asks for that submission alone."""
    submit()

    assert log(submission=number) == expected


def test_duplicate_names_the_submission_that_it_repeats(store, submit, workspace) -> None:
    """Also when it names the contact and the event in another way."""
    submit(user_id="42")
    submit()
    (contact_id,) = (row[0] for row in store.read("SELECT id FROM contacts WHERE external_id = '42'"))
    submit(user_id=..., id=contact_id, event_name="Placed.Order")
    workspace.count()

    page = read_log(store, ResolvedFilters.find(Filters(), store), limit=10)

    assert [(row.number, row.outcome, row.repeated) for row in page.rows] == [
        (3, "duplicate", 1),
        (2, "kept", None),
        (1, "kept", None),
    ]


def test_duplicate_that_is_too_long_to_be_read_names_none(store, submit, workspace) -> None:
    """Only the beginning of a long body is read, and it does not tell."""
    for _ in range(2):
        submit(metadata={f"key{n}": "x" * 250 for n in range(300)})
    workspace.count()

    page = read_log(store, ResolvedFilters.find(Filters(), store), limit=10)

    assert [(row.outcome, row.repeated, row.body.is_read) for row in page.rows] == [
        ("duplicate", None, False),
        ("kept", None, False),
    ]
