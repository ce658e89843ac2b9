"""Where a run stands, for whoever shows it: the window of the rate limit, and what the run waits for."""

from dataclasses import dataclass
from typing import Literal


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
class Standing:
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
