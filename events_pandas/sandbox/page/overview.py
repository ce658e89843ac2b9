"""What the page says of the whole workspace: who it is, what it received, how full its window is."""

import json
import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from events_pandas.sandbox.page.counts import Tally
from events_pandas.sandbox.page.filters import UNANSWERED
from events_pandas.sandbox.page.rendering import Moment
from events_pandas.sandbox.rules.window import RateWindow
from events_pandas.sandbox.workspace.workspace import Outcome

SPAN_SECONDS: Final = 2
"""How long one bar of the pace stands for."""
PACE_SPANS: Final = 30
"""How many bars it has."""
PACE_SECONDS: Final = SPAN_SECONDS * PACE_SPANS
"""For how long submissions are to be seen in it."""

# The rate is that of the last ten seconds, as long as Intercom's windows are.
_RATE_SPANS: Final = 5
_PRECISE: Final = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Who the workspace is.

    Parameters
    ----------
    name : str
        What it is called.
    id_code : str
        Intercom's word for its identifier.
    region : str
        Two letters.
    url : str
        The address to give to a client.
    access_token : str
        The token to give to a client.
    created_at : Moment
        When the workspace was made.
    """

    name: str
    id_code: str
    region: str
    url: str
    access_token: str
    created_at: Moment


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Something to filter by.

    Parameters
    ----------
    value : str
        As it stands in an address.
    label : str
        As people read it.
    count : int
        How many submissions it would show.
    """

    value: str
    label: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Gauge:
    """How full the window is.

    Parameters
    ----------
    limit : int or None
        Requests that it allows; None for no limit.
    used : int
        Requests that it has seen, at most the limit.
    left : int
        Requests that it still allows.
    used_percent : float
        Of the limit.
    window_seconds : float
        Its length.
    reset_at : int
        When the next one begins, in Unix seconds.
    reset_seconds : int
        How long that is from now.
    """

    limit: int | None
    used: int
    left: int
    used_percent: float
    window_seconds: float
    reset_at: int
    reset_seconds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How fast submissions come.

    Parameters
    ----------
    rate : str
        Submissions a second, lately.
    most : str
        Submissions a second, at the busiest; empty when there were none.
    heights : tuple of float
        The last minute, its beginning first, in per cent of the busiest.
    """

    rate: str
    most: str
    heights: tuple[float, ...]


def count_outcomes(tallies: Sequence[Tally]) -> dict[str, int]:
    """Sum up submissions by what became of them.

    Parameters
    ----------
    tallies : sequence of Tally
        Of the workspace.

    Returns
    -------
    dict of str to int
        By every outcome; zeros included.
    """
    counts = dict.fromkeys(map(str, Outcome), 0)
    for tally in tallies:
        counts[tally.outcome] += tally.count
    return counts


def status_choices(tallies: Sequence[Tally]) -> list[Choice]:
    """Return the HTTP statuses that there are to filter by.

    Parameters
    ----------
    tallies : sequence of Tally
        Of the workspace.

    Returns
    -------
    list of Choice
        In order; what was not answered last.
    """
    counts: dict[int, int] = {}
    for tally in tallies:
        counts[tally.http_status] = counts.get(tally.http_status, 0) + tally.count
    order = sorted(counts, key=lambda status: status or math.inf)
    return [
        Choice(value=str(status or UNANSWERED), label=status_label(status), count=counts[status]) for status in order
    ]


def status_label(status: int) -> str:
    """Return what an HTTP status is called.

    Parameters
    ----------
    status : int
        The status; 0 where nothing was answered.

    Returns
    -------
    str
        Such as ``"404 Not Found"``.
    """
    if status == 0:
        return "not answered"
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def read_gauge(window: RateWindow, now: float) -> Gauge:
    """Return how full a window is.

    Parameters
    ----------
    window : RateWindow
        The rate limit. Looking at it costs nothing.
    now : float
        The sandbox's time.

    Returns
    -------
    Gauge
        At this moment.
    """
    allowance = window.state(now)
    used = allowance.limit - allowance.remaining
    return Gauge(
        limit=window.limit,
        used=used,
        left=allowance.remaining,
        used_percent=round(100 * used / allowance.limit, 2),
        window_seconds=window.window_seconds,
        reset_at=allowance.reset_seconds,
        reset_seconds=max(math.ceil(allowance.reset_seconds - now), 0),
    )


def draw_pace(arrivals: Sequence[int]) -> Pace:
    """Return how fast submissions come.

    Parameters
    ----------
    arrivals : sequence of int
        Submissions in spans of `SPAN_SECONDS`, the earliest first.

    Returns
    -------
    Pace
        With the rate of the last ten seconds.
    """
    most = max(arrivals)
    return Pace(
        rate=_rate(sum(arrivals[-_RATE_SPANS:]) / (_RATE_SPANS * SPAN_SECONDS)),
        most=_rate(most / SPAN_SECONDS) if most else "",
        heights=tuple(round(100 * count / most, 1) if most else 0.0 for count in arrivals),
    )


def _rate(rate: float) -> str:
    return f"{rate:.1f}" if 0 < rate < _PRECISE else f"{rate:,.0f}"


def python_lines(facts: Facts) -> str:
    """Return how to submit a frame with this package.

    Parameters
    ----------
    facts : Facts
        Who the workspace is.

    Returns
    -------
    str
        Two lines of Python.
    """
    token, url = json.dumps(facts.access_token), json.dumps(facts.url)
    return (
        f"client = ep.IntercomClient({token}, base_url={url}, allow_http=True)\n"
        "results = ep.submit_events(orders, mapping, client=client)"
    )


def shell_lines(facts: Facts, *, created_at: int) -> str:
    """Return how to submit one event with curl.

    Parameters
    ----------
    facts : Facts
        Who the workspace is.
    created_at : int
        The event's second.

    Returns
    -------
    str
        Two lines for a shell.
    """
    event = {"event_name": "placed-order", "created_at": created_at, "user_id": "42"}
    address, token = shlex.quote(f"{facts.url}/events"), shlex.quote(f"Authorization: Bearer {facts.access_token}")
    return (
        f"curl {address} -H {token} \\\n"
        f"  -H 'Accept: application/json' -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(event))}"
    )
