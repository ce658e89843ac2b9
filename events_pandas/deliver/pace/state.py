"""Where a run stands, for whoever shows it: the window of the rate limit, and what the run waits for."""

import math
from dataclasses import dataclass
from typing import Literal

from events_pandas.intercom import WINDOW_SECONDS


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """The current window of the rate limit, as far as the answers show it.

    Parameters
    ----------
    limit : int
        Requests that a window allows this run: its share of the workspace's limit.
    left : int
        Requests that this run may still make in the current window.
    ends_in_seconds : float
        Until the current window ends and the next one begins, at least 0.
    seconds : float
        The length of a window.
    """

    limit: int
    left: int
    ends_in_seconds: float
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause:
    """Why nothing is sent just now.

    Parameters
    ----------
    reason : {"preflight", "outage", "rate_limit", "stopping"}
        The first answer is awaited; everything fails, and single requests probe for the end of that; an answer asked
        for a pause; or the run ends early, and awaits the requests that are under way.
    since_seconds : float
        How long the run has been paused.
    next_in_seconds : float
        Until the next request, at least 0.
    gives_up_in_seconds : float or None
        Until an outage ends the run, or requests under way are awaited no longer; None for a pause that was asked for.
    """

    reason: Literal["preflight", "outage", "rate_limit", "stopping"]
    since_seconds: float
    next_in_seconds: float
    gives_up_in_seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunState:
    """Where a run stands.

    Parameters
    ----------
    window : Window or None
        The rate limit's; None before the first answer, and where no answer states it.
    pause : Pause or None
        What the run waits for; None while requests go out.
    in_flight : int
        Requests that are under way.
    """

    window: Window | None = None
    pause: Pause | None = None
    in_flight: int = 0


def duration_seconds(
    requests: int,
    *,
    limit: int,
    remaining: int | None = None,
    seconds_left: float | None = None,
    window_seconds: float = WINDOW_SECONDS,
) -> float:
    """Return the time from the first of some requests to the last.

    Parameters
    ----------
    requests : int
        How many there are.
    limit : int
        Requests that a window allows.
    remaining : int, optional
        Requests that the current window still allows; a whole window's when not given.
    seconds_left : float, optional
        Seconds until the current window ends; where it is not known, the current window counts as any other.
    window_seconds : float, default 10.0
        The length of a window.

    Returns
    -------
    float
        Seconds. The time that the last answer takes to come is not in it.

    Notes
    -----
    Requests are spread evenly over windows. Where others have drawn on the current window, what remains of it is spread
    over what is left of its time. The pacer hastens a little in a window of which much is left for its time, such as
    the one in which a run begins: so a run may end a second earlier.

    Examples
    --------
    >>> duration_seconds(501, limit=100)
    50.0
    >>> duration_seconds(502, limit=100, remaining=1, seconds_left=8.0)
    58.0
    """
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
    """Return how many windows begin within a time.

    Parameters
    ----------
    seconds : float
        Such as the time until the last request.
    window : Window
        The current one, which is not counted.

    Returns
    -------
    int
        At least 0.

    Examples
    --------
    >>> count_windows(58.0, window=Window(limit=100, left=1, ends_in_seconds=8.0, seconds=10.0))
    6
    """
    beyond = seconds - window.ends_in_seconds
    # A request that leaves at a reset is one of the window that begins then.
    return 0 if beyond < 0 else 1 + math.floor(beyond / window.seconds)
