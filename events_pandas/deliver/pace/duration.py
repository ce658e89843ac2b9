"""How long requests take at a rate limit: what the pacer does, summed up. Pure."""

import math

from events_pandas.deliver.pace.state import Window
from events_pandas.intercom import WINDOW_SECONDS


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


def windows_to_come(seconds: float, *, window: Window) -> int:
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
    >>> windows_to_come(58.0, window=Window(limit=100, left=1, ends_in_seconds=8.0, seconds=10.0))
    6
    """
    beyond = seconds - window.ends_in_seconds
    # A request that leaves at a reset is one of the window that begins then.
    return 0 if beyond < 0 else 1 + math.floor(beyond / window.seconds)
