"""When a run ends: by the rate limit where that decides the pace, by the present speed where it does not. Pure."""

from dataclasses import dataclass
from typing import Final

from events_pandas.deliver.pace.duration import duration_seconds, windows_to_come
from events_pandas.deliver.pace.state import Window

LEAST_PACE_SHARE: Final = 0.8
"""From this part of the limit's pace on, the limit is what decides; a run that it decides has all but all of it."""
SPENT_SHARE: Final = 0.2
"""With no more than this left at its end, a window has been used up: by this run, or by others too."""
REACHABLE_PER_SECOND: Final = 2_000.0
"""More requests a second than a run can make: a limit beyond that does not decide."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """When a run ends, and what decides that.

    Parameters
    ----------
    seconds : float or None
        Until the last request leaves; None if that is not known.
    is_paced : bool
        Whether the rate limit decides the pace.
    windows_to_come : int or None
        Windows after the current one; None where the limit does not decide, or the end is not known.
    """

    seconds: float | None = None
    is_paced: bool = False
    windows_to_come: int | None = None


def forecast(
    requests: int | None, *, window: Window | None, per_second: float | None, least_left_share: float = 1.0
) -> Forecast:
    """Say when a run ends.

    Parameters
    ----------
    requests : int or None
        How many are still to be made; None if that is not known.
    window : Window or None
        The current window of the rate limit, if it is known.
    per_second : float or None
        The present speed; None if that is not known yet.
    least_left_share : float, default 1.0
        The smallest part of a window that was left at any time of late.

    Returns
    -------
    Forecast
        The later of two times, where the run is slower than the limit allows.

    Examples
    --------
    >>> window = Window(limit=100, left=20, ends_in_seconds=2.0, seconds=10.0)
    >>> forecast(521, window=window, per_second=10.0)
    Forecast(seconds=52.0, is_paced=True, windows_to_come=6)
    >>> forecast(500, window=window, per_second=5.0)
    Forecast(seconds=100.0, is_paced=False, windows_to_come=None)
    """
    by_speed = requests / per_second if requests is not None and per_second else None
    if window is None:
        return Forecast(seconds=by_speed)
    is_at_pace = _is_at_pace(window, per_second)
    is_paced = is_at_pace or (per_second is not None and least_left_share <= SPENT_SHARE)
    if requests is None:
        return Forecast(is_paced=is_paced)
    by_limit = duration_seconds(
        requests,
        limit=window.limit,
        remaining=window.left,
        seconds_left=window.ends_in_seconds,
        window_seconds=window.seconds,
    )
    if is_at_pace:
        seconds: float | None = by_limit
    else:
        seconds = None if by_speed is None else max(by_limit, by_speed)
    further = windows_to_come(seconds, window=window) if is_paced and seconds is not None else None
    return Forecast(seconds=seconds, is_paced=is_paced, windows_to_come=further)


def _is_at_pace(window: Window, per_second: float | None) -> bool:
    """Say whether a run is about as fast as the limit allows; where its speed is not known, whether it can be."""
    pace = window.limit / window.seconds
    return pace <= REACHABLE_PER_SECOND if per_second is None else per_second >= LEAST_PACE_SHARE * pace
