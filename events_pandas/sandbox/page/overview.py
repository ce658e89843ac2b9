"""The overview of the page: the workspace, the outcomes and the window; and how to send a first event."""

import json
import math
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeAlias

from events_pandas.sandbox.page.filters import UNANSWERED
from events_pandas.sandbox.page.rendering import Moment
from events_pandas.sandbox.rules.window import RateWindow
from events_pandas.sandbox.workspace.workspace import SubmissionOutcome

OutcomeCount: TypeAlias = tuple[str, int, int]
"""An outcome, a status, or 0 if nothing was answered, and how many submissions had both."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkspaceFacts:
    """The workspace's identity, with the address and the token for a client."""

    name: str
    id_code: str
    region: str
    url: str
    access_token: str
    created_at: Moment


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowGauge:
    """How full the window is. `limit` is None for no limit; `reset_at` is in Unix seconds, `reset_seconds` from now."""

    limit: int | None
    used: int
    left: int
    used_percent: float
    window_seconds: float
    reset_at: int
    reset_seconds: int


def sum_outcomes(counts: Iterable[OutcomeCount]) -> dict[str, int]:
    """Sum up submissions by outcome; zeros included."""
    sums = dict.fromkeys(map(str, SubmissionOutcome), 0)
    for outcome, _, count in counts:
        sums[outcome] += count
    return sums


def status_choices(counts: Iterable[OutcomeCount]) -> list[tuple[str, str, int]]:
    """Return the statuses to filter by, in order: the value in an address, the label, and how many it would show.

    No answer comes last.
    """
    sums: dict[int, int] = {}
    for _, status, count in counts:
        sums[status] = sums.get(status, 0) + count
    order = sorted(sums, key=lambda status: status or math.inf)
    return [(str(status or UNANSWERED), status_label(status), sums[status]) for status in order]


def status_label(status: int) -> str:
    """Return the label of an HTTP status, such as ``"404 Not Found"``; 0 stands for no answer."""
    if status == 0:
        return "not answered"
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def read_gauge(window: RateWindow, now: float) -> WindowGauge:
    """Return how full a window is now. Looking does not spend a request."""
    allowance = window.state(now)
    used = allowance.limit - allowance.remaining
    return WindowGauge(
        limit=window.limit,
        used=used,
        left=allowance.remaining,
        used_percent=round(100 * used / allowance.limit, 2),
        window_seconds=window.window_seconds,
        reset_at=allowance.reset_seconds,
        reset_seconds=max(math.ceil(allowance.reset_seconds - now), 0),
    )


def python_lines(facts: WorkspaceFacts) -> str:
    """Return two lines of Python that submit a frame with this package."""
    token, url = json.dumps(facts.access_token), json.dumps(facts.url)
    return (
        f"client = ep.IntercomClient({token}, base_url={url}, allow_http=True)\n"
        "results = ep.submit_events(orders, mapping, client=client)"
    )


def shell_lines(facts: WorkspaceFacts, *, created_at: int) -> str:
    """Return two lines for a shell that submit one event of this second with curl."""
    event = {"event_name": "placed-order", "created_at": created_at, "user_id": "42"}
    address, token = shlex.quote(f"{facts.url}/events"), shlex.quote(f"Authorization: Bearer {facts.access_token}")
    return (
        f"curl {address} -H {token} \\\n"
        f"  -H 'Accept: application/json' -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(event))}"
    )
