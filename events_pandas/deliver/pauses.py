"""What a run waits for. Pure: times come in as arguments, by the local clock."""

from dataclasses import dataclass

from events_pandas.deliver.outage import Outage
from events_pandas.deliver.pace.pacer import Backoff
from events_pandas.deliver.pace.state import Pause


@dataclass(kw_only=True, slots=True)
class Pauses:
    """Knows since when a run waits, and until when at most.

    Parameters
    ----------
    grace_seconds : float
        How long a run that ends early awaits the requests in flight.
    """

    grace_seconds: float
    # When the run began to ask for the workspace, or to await the requests in flight, because it ends early.
    asking_since: float | None = None
    stopping_since: float | None = None
    # When the run began to await the end of another run, and until when it does.
    awaiting: tuple[float, float] | None = None

    def current(self, now: float, *, outage: Outage, backoff: Backoff) -> Pause | None:
        """Return what the run waits for, or None while requests go out."""
        if self.stopping_since is not None:
            return Pause(
                reason="stopping",
                since_seconds=now - self.stopping_since,
                next_in_seconds=0.0,
                gives_up_in_seconds=max(self.stopping_since + self.grace_seconds - now, 0.0),
            )
        if self.awaiting is not None:
            since, until = self.awaiting
            return Pause(
                reason="other_run",
                since_seconds=now - since,
                next_in_seconds=0.0,
                gives_up_in_seconds=max(until - now, 0.0),
            )
        if outage.is_on:
            return Pause(
                reason="outage",
                since_seconds=now - outage.since,
                next_in_seconds=max(outage.probe_at - now, 0.0),
                gives_up_in_seconds=max(outage.gives_up_at - now, 0.0),
            )
        if backoff.until > now:
            return Pause(reason="rate_limit", since_seconds=now - backoff.since, next_in_seconds=backoff.until - now)
        if self.asking_since is not None:
            return Pause(reason="preflight", since_seconds=now - self.asking_since, next_in_seconds=0.0)
        return None
