"""How long submitting takes at a rate limit: what the pacer does, summed up."""

from events_pandas.deliver.pacing import EDGE_SECONDS, even_interval


def duration_seconds(
    requests: int, *, limit: int, remaining: int | None = None, seconds_left: float | None = None
) -> float:
    """Return the time from the first request of a run to its last.

    Parameters
    ----------
    requests : int
        How many there are.
    limit : int
        Requests that a window of ten seconds allows.
    remaining : int, optional
        Requests that the current window still allows; a whole window's when not given.
    seconds_left : float, optional
        Seconds until the current window ends; where it is not known, the current window counts as any other.

    Returns
    -------
    float
        Seconds. The time that the last answer takes to come is not in it.

    Notes
    -----
    Requests are spread evenly over windows, of which a large limit's is not used to the last request. Where others have
    drawn on the current window, what remains of it is spread over what is left of its time.

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
    even = even_interval(limit)
    if remaining is None or seconds_left is None:
        return steps * even
    if remaining < 1:
        return seconds_left + EDGE_SECONDS + steps * even
    steps_now = min(steps, remaining)
    return steps_now * max(even, seconds_left / remaining) + (steps - steps_now) * even
