"""Why a run sends nothing just now."""

from events_pandas.deliver.outage import Outage
from events_pandas.deliver.pace.pacer import Hold
from events_pandas.deliver.pace.state import Pause


def pause_at(
    now: float, *, outage: Outage, hold: Hold, stopping_since: float | None, grace_seconds: float
) -> Pause | None:
    """Return what a run waits for.

    Parameters
    ----------
    now : float
        Seconds by the local clock.
    outage : Outage
        Whether everything fails.
    hold : Hold
        The pause that answers ask for.
    stopping_since : float or None
        When a run that ends early began to await what is under way.
    grace_seconds : float
        How long that is awaited.

    Returns
    -------
    Pause or None
        None while requests go out.
    """
    if stopping_since is not None:
        left_seconds = max(stopping_since + grace_seconds - now, 0.0)
        return Pause(
            reason="stopping",
            since_seconds=now - stopping_since,
            next_in_seconds=0.0,
            gives_up_in_seconds=left_seconds,
        )
    if outage.is_on:
        return Pause(
            reason="outage",
            since_seconds=now - outage.since,
            next_in_seconds=max(outage.probe_at - now, 0.0),
            gives_up_in_seconds=max(outage.gives_up_at - now, 0.0),
        )
    if hold.until > now:
        return Pause(reason="rate_limit", since_seconds=now - hold.since, next_in_seconds=hold.until - now)
    return None
