"""The sections of the page: the overview, a page of the log, and how to send a first event."""

import json
import shlex

import pytest

from events_pandas.sandbox.page.filters import Filters, ResolvedFilters
from events_pandas.sandbox.page.sections import (
    python_lines,
    read_log,
    repeated_submission,
    shell_lines,
    status_choices,
    status_label,
    sum_outcomes,
)


@pytest.fixture
def log(asking):
    """Read the first two submissions that match."""

    def log(**filters):
        page = read_log(asking, ResolvedFilters.find(Filters(**filters), asking), limit=2)
        return [row.number for row in page.rows], page.matching, page.older

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

    assert [(row.number, row.outcome, repeated_submission(asking, row)) for row in page.rows] == [
        (3, "duplicate", 1),
        (2, "kept", None),
        (1, "kept", None),
    ]


def test_duplicate_that_is_too_long_to_be_read_names_none(asking, submit) -> None:
    """A long body is read only in part, so that a duplicate cannot name its first submission."""
    for _ in range(2):
        submit(metadata={f"key{n}": "x" * 250 for n in range(300)})

    page = read_log(asking, ResolvedFilters.find(Filters(), asking), limit=10)

    assert [(row.outcome, repeated_submission(asking, row)) for row in page.rows] == [
        ("duplicate", None),
        ("kept", None),
    ]


COUNTS = [
    ("kept", 202, 5),
    ("duplicate", 202, 2),
    ("failed", 0, 1),
    ("refused", 404, 3),
    ("kept", 0, 4),
]


def test_outcomes_are_summed_up() -> None:
    """Each outcome is counted over all statuses; a missing outcome has 0."""
    assert sum_outcomes(COUNTS[:4]) == {"kept": 5, "duplicate": 2, "refused": 3, "failed": 1}
    assert sum_outcomes([]) == {"kept": 0, "duplicate": 0, "refused": 0, "failed": 0}


def test_status_choices_are_those_that_are_there() -> None:
    """Statuses are in order; no answer comes last."""
    assert status_choices(COUNTS) == [
        ("202", "202 Accepted", 7),
        ("404", "404 Not Found", 3),
        ("unanswered", "not answered", 5),
    ]


@pytest.mark.parametrize(("status", "label"), [(0, "not answered"), (503, "503 Service Unavailable"), (599, "599")])
def test_status_label_has_the_phrase_where_there_is_one(status, label) -> None:
    """A status has its phrase, if HTTP knows one."""
    assert status_label(status) == label


def test_python_lines_make_a_client_of_this_sandbox() -> None:
    """The lines work as they are."""
    assert python_lines("http://127.0.0.1:8080", "sandbox-token") == (
        'client = ep.IntercomClient("sandbox-token", base_url="http://127.0.0.1:8080", allow_http=True)\n'
        "results = ep.submit_events(orders, mapping, client=client)"
    )


def test_shell_lines_submit_an_event() -> None:
    """The token may have any visible character, and is quoted for the shell."""
    lines = shell_lines("http://127.0.0.1:8080", "a'b\"$c", created_at=17)

    words = shlex.split(lines.replace("\\\n", ""))

    assert words[:4] == ["curl", "http://127.0.0.1:8080/events", "-H", "Authorization: Bearer a'b\"$c"]
    assert words[4:8] == ["-H", "Accept: application/json", "-H", "Content-Type: application/json"]
    assert json.loads(words[9]) == {"event_name": "placed-order", "created_at": 17, "user_id": "42"}
