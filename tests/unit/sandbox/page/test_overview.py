"""The overview of the workspace, and how to send a first event."""

import json
import shlex

import pytest

from events_pandas.sandbox.page.overview import (
    WorkspaceFacts,
    python_lines,
    read_gauge,
    shell_lines,
    status_choices,
    status_label,
    sum_outcomes,
)
from events_pandas.sandbox.page.rendering import read_moment
from events_pandas.sandbox.rules.window import RateWindow

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


def test_gauge_reads_the_window_without_spending() -> None:
    """Looking at the window does not spend a request."""
    window = RateWindow(limit=83, window_seconds=10.0)
    window.spend(1_700_000_001.5)

    gauges = [read_gauge(window, 1_700_000_001.5) for _ in range(2)]

    assert [(gauge.limit, gauge.used, gauge.left, gauge.used_percent) for gauge in gauges] == [(83, 1, 82, 1.2)] * 2
    assert (gauges[0].reset_at, gauges[0].reset_seconds, gauges[0].window_seconds) == (1_700_000_010, 9, 10.0)


def test_gauge_is_empty_in_the_next_window() -> None:
    """A new window has all requests left."""
    window = RateWindow(limit=83, window_seconds=10.0)
    window.spend(1_700_000_001.5)

    gauge = read_gauge(window, 1_700_000_010.0)

    assert (gauge.used, gauge.left, gauge.used_percent) == (0, 83, 0.0)


def test_gauge_knows_no_limit() -> None:
    """Without a limit the used requests are still counted."""
    window = RateWindow(limit=None, window_seconds=10.0)
    window.spend(1_700_000_001.5)

    gauge = read_gauge(window, 1_700_000_001.5)

    assert (gauge.limit, gauge.used) == (None, 1)


def facts(**changes):
    fields = {
        "name": "Sandbox",
        "id_code": "sandbox_1",
        "region": "us",
        "url": "http://127.0.0.1:8080",
        "access_token": "sandbox-token",
        "created_at": read_moment(0),
    }
    return WorkspaceFacts(**fields | changes)


def test_python_lines_make_a_client_of_this_sandbox() -> None:
    """The lines work as they are."""
    assert python_lines(facts()) == (
        'client = ep.IntercomClient("sandbox-token", base_url="http://127.0.0.1:8080", allow_http=True)\n'
        "results = ep.submit_events(orders, mapping, client=client)"
    )


def test_shell_lines_submit_an_event() -> None:
    """The token may have any visible character, and is quoted for the shell."""
    words = shlex.split(shell_lines(facts(access_token="a'b\"$c"), created_at=17).replace("\\\n", ""))

    assert words[:4] == ["curl", "http://127.0.0.1:8080/events", "-H", "Authorization: Bearer a'b\"$c"]
    assert words[4:8] == ["-H", "Accept: application/json", "-H", "Content-Type: application/json"]
    assert json.loads(words[9]) == {"event_name": "placed-order", "created_at": 17, "user_id": "42"}
