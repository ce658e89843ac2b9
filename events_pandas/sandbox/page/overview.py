"""The overview of the page: the workspace, the outcomes, the window and the pace; and how to send a first event."""

import json
import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from events_pandas.sandbox.page.counts import OutcomeCount
from events_pandas.sandbox.page.filters import UNANSWERED
from events_pandas.sandbox.page.rendering import Moment
from events_pandas.sandbox.rules.window import RateWindow
from events_pandas.sandbox.workspace.workspace import SubmissionOutcome

SPAN_SECONDS: Final = 2
"""Seconds of one bar of the pace."""

PACE_SPANS: Final = 30
"""Bars of the pace."""

PACE_SECONDS: Final = SPAN_SECONDS * PACE_SPANS
"""How long submissions are visible in the pace."""

# The rate is of the last ten seconds: Intercom's windows are as long.
_RATE_SPANS: Final = 5
_PRECISE: Final = 10


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
class StatusChoice:
    """A status to filter by: its value in an address, its label, and how many submissions it would show."""

    value: str
    label: str
    count: int


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How fast submissions come, a second: lately, and at the busiest; `most` is empty if there were none.

    `heights` show the last minute from its beginning, in per cent of the busiest.
    """

    rate: str
    most: str
    heights: tuple[float, ...]


def count_outcomes(outcome_counts: Sequence[OutcomeCount]) -> dict[str, int]:
    """Sum up submissions by outcome; zeros included."""
    counts = dict.fromkeys(map(str, SubmissionOutcome), 0)
    for one in outcome_counts:
        counts[one.outcome] += one.count
    return counts


def status_choices(outcome_counts: Sequence[OutcomeCount]) -> list[StatusChoice]:
    """Return the HTTP statuses to filter by, in order; no answer comes last."""
    counts: dict[int, int] = {}
    for one in outcome_counts:
        counts[one.http_status] = counts.get(one.http_status, 0) + one.count
    order = sorted(counts, key=lambda status: status or math.inf)
    return [
        StatusChoice(value=str(status or UNANSWERED), label=status_label(status), count=counts[status])
        for status in order
    ]


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


def draw_pace(arrivals: Sequence[int]) -> Pace:
    """Return the pace from the counts in spans of `SPAN_SECONDS`, the earliest first.

    The rate is of the last ten seconds.
    """
    most = max(arrivals)
    return Pace(
        rate=_rate(sum(arrivals[-_RATE_SPANS:]) / (_RATE_SPANS * SPAN_SECONDS)),
        most=_rate(most / SPAN_SECONDS) if most else "",
        heights=tuple(round(100 * count / most, 1) if most else 0.0 for count in arrivals),
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


def _rate(rate: float) -> str:
    return f"{rate:.1f}" if 0 < rate < _PRECISE else f"{rate:,.0f}"
