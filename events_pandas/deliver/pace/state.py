"""The state of a run: the window of the rate limit, what the run waits for, and how long its requests take. Pure."""

import math
from dataclasses import dataclass
from typing import Literal

from events_pandas.intercom import WINDOW_SECONDS


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """The current window of the rate limit, as far as the answers show it."""

    # Requests that a window allows this run: its share of the workspace's limit.
    limit: int
    # Requests that this run may still make in this window.
    left: int
    # Until this window ends and the next one begins, at least 0.
    ends_in_seconds: float
    # The length of a window.
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause:
    """Why nothing is sent just now."""

    # The first answer is awaited; the end of another run is awaited; everything fails, and single requests probe for
    # the end of that; an answer asked for a pause; or the run ends early and awaits the requests in flight.
    reason: Literal["preflight", "other_run", "outage", "rate_limit", "stopping"]
    # How long the run has been paused.
    since_seconds: float
    # Until the next request, at least 0.
    next_in_seconds: float
    # Until an outage or another run ends the run, or requests in flight are no longer awaited; None for a pause that
    # was asked for.
    gives_up_in_seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunState:
    """What a run reports about itself for the display."""

    # None before the first answer, and where no answer states a window.
    window: Window | None = None
    # What the run waits for; None while requests go out.
    pause: Pause | None = None
    # Requests in flight.
    in_flight: int = 0


def duration_seconds(
    requests: int,
    *,
    limit: int,
    remaining: int | None = None,
    seconds_left: float | None = None,
    window_seconds: float = WINDOW_SECONDS,
) -> float:
    """Return the time from the first of some requests to the last, without the wait for the last answer.

    Requests are spread evenly over windows. Where others have drawn on the current window, its `remaining` requests are
    spread over its `seconds_left`.
    """
    # The pacer hurries a little in a window of which much is left, such as the first, so a run may end a second
    # earlier.
    if requests < 1:
        return 0.0
    steps = requests - 1
    even = window_seconds / limit
    if remaining is None or seconds_left is None:
        return steps * even
    if remaining < 1:
        return seconds_left + steps * even
    steps_now = min(steps, remaining)
    return steps_now * max(even, seconds_left / remaining) + (steps - steps_now) * even


def count_windows(seconds: float, *, window: Window) -> int:
    """Return how many windows after the current one begin within a time."""
    beyond = seconds - window.ends_in_seconds
    # A request that leaves at a reset belongs to the window that begins then.
    return 0 if beyond < 0 else 1 + math.floor(beyond / window.seconds)
