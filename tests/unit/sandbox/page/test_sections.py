"""A page of the log."""

import pytest

from events_pandas.sandbox.page.filters import Filters, ResolvedFilters
from events_pandas.sandbox.page.sections import read_log


@pytest.fixture
def log(asking):
    """Read the first two submissions that match."""

    def log(**filters):
        page = read_log(asking, ResolvedFilters.find(Filters(**filters), asking), limit=2)
        return [shown.row.number for shown in page.rows], page.matching, page.older

    return log


def test_log_tells_whether_there_is_more(log, submit) -> None:
    """A page says how many submissions match, and the number of its last row if there are older ones."""
    for created_at in range(3):
        submit(created_at=created_at)

    assert log() == ([3, 2], 3, 2)
    assert log(before=2) == ([1], 3, None)


def test_log_finds_a_contact_by_all_its_identifiers(log, submit, store) -> None:
    """A filter by one identifier finds submissions under the contact's other identifiers too."""
    submit(user_id="42")
    (contact_id,) = (row[0] for row in store.read("SELECT id FROM contacts"))
    submit(user_id=..., id=contact_id, created_at=5)

    assert log(contact="42") == ([2, 1], None, None)
    assert log(contact=contact_id) == ([2, 1], None, None)


def test_log_finds_refused_submissions_of_an_unknown_contact(log, submit) -> None:
    """Refused submissions are found by the identifier as it was sent."""
    submit(user_id="42", created_at="x")

    assert log(contact="42") == ([1], None, None)


def test_log_of_an_unknown_name_is_empty(log, submit) -> None:
    """A filter by an unknown name finds nothing."""
    submit()

    assert log(name="signed-up") == ([], 0, None)


@pytest.mark.parametrize(("number", "expected"), [(1, ([1], 1, None)), (2, ([], 0, None))])
def test_log_shows_one_submission(log, submit, number, expected) -> None:
    """A filter by number finds that submission alone."""
    submit()

    assert log(submission=number) == expected


def test_duplicate_names_the_submission_that_it_repeats(store, asking, submit) -> None:
    """A duplicate names its first submission, even if it spells contact and event differently."""
    submit(user_id="42")
    submit()
    (contact_id,) = (row[0] for row in store.read("SELECT id FROM contacts WHERE external_id = '42'"))
    submit(user_id=..., id=contact_id, event_name="Placed.Order")

    page = read_log(asking, ResolvedFilters.find(Filters(), asking), limit=10)

    assert [(shown.row.number, shown.row.outcome, shown.repeated) for shown in page.rows] == [
        (3, "duplicate", 1),
        (2, "kept", None),
        (1, "kept", None),
    ]


def test_duplicate_that_is_too_long_to_be_read_names_none(asking, submit) -> None:
    """A long body is read only in part, so that a duplicate cannot name its first submission."""
    for _ in range(2):
        submit(metadata={f"key{n}": "x" * 250 for n in range(300)})

    page = read_log(asking, ResolvedFilters.find(Filters(), asking), limit=10)

    assert [(shown.row.outcome, shown.repeated, shown.body.is_read) for shown in page.rows] == [
        ("duplicate", None, False),
        ("kept", None, False),
    ]
