"""Whether the service works at all. Pure: times come in as arguments."""

import math
from typing import Final

from events_pandas.deliver.pace.pacer import Backoff
from events_pandas.deliver.pace.state import Pause

OUTAGE_REQUESTS: Final = 20
"""So many failed requests in a row are an outage; more where more are under way, which fail together."""
FIRST_PROBE_SECONDS: Final = 1.0
"""The wait before the first probe."""
LONGEST_PROBE_SECONDS: Final = 30.0
REFUSED_SECONDS: Final = 60.0
"""However short the patience: nothing but refusals for pace is waited out so long, since windows end by themselves."""


class Outage:
    """Tells from the answers when everything fails, when to try a single request, and when to give up.

    Parameters
    ----------
    patience_seconds : float
        How long an outage is waited out.
    probe_seconds : float, default 1.0
        The wait before the first request that probes for its end; it doubles with every further one.

    Attributes
    ----------
    is_on : bool
        Whether nothing but probes is sent.
    is_confirmed : bool
        Whether a probe has failed, so that it is no matter of the events.
    has_given_up : bool
        Whether the patience is over, and the last request failed as well.
    since : float
        When the first of the failures came, by the local clock; infinite without one.
    worked_at : float
        When the service did its work last.
    probe_at : float
        When the next probe may leave.
    number : int
        Outages so far.
    failure : str
        What the last failure was.
    """

    def __init__(self, patience_seconds: float, *, probe_seconds: float = FIRST_PROBE_SECONDS) -> None:
        self.is_on = self.is_confirmed = self.has_given_up = False
        self.since = math.inf
        self.worked_at = -math.inf
        self.probe_at = math.inf
        self.number = 0
        self.last_failure = ""
        self._patience_seconds = patience_seconds
        self._failures = 0
        self._began_at = math.inf
        self._first_probe_seconds = self._probe_seconds = probe_seconds

    @property
    def gives_up_at(self) -> float:
        """The end of the patience, by the local clock; infinite while requests succeed."""
        return self.since + self._patience_seconds

    def worked(self, now: float) -> None:
        """Note that the service did its work, whatever it said.

        Parameters
        ----------
        now : float
            When the answer came, by the local clock.
        """
        self.is_on = self.is_confirmed = False
        self.since = math.inf
        self.worked_at = max(self.worked_at, now)
        self._failures = 0
        self._probe_seconds = self._first_probe_seconds

    def refused(self, failure: str, *, now: float) -> None:
        """Note that only the rate limit was in the way, which is a matter of time, and of no more than the patience.

        Parameters
        ----------
        failure : str
            What happened.
        now : float
            When the answer came, by the local clock.
        """
        self._note(failure, now)
        self.has_given_up = now >= max(self.gives_up_at, self.since + REFUSED_SECONDS)
        if self.is_on:
            self._wait(now, jitter=1.0)

    def failed(self, failure: str, *, sent_at: float, now: float, in_flight: int, jitter: float) -> None:
        """Note that a request failed in a way that passes.

        Parameters
        ----------
        failure : str
            What happened.
        sent_at, now : float
            When it left, and the time, by the local clock.
        in_flight : int
            Requests that are still under way.
        jitter : float
            A random number, at least 0 and less than 1: of many clients not all shall probe at once.
        """
        self._note(failure, now)
        self._failures += 1
        if not self.is_on and self._failures >= max(OUTAGE_REQUESTS, 2 * in_flight):
            self._begin(now)
            self._wait(now, jitter)
        # What was under way when it began is no probe.
        elif self.is_on and sent_at >= self._began_at:
            self.is_confirmed = True
            self.has_given_up = sent_at >= self.gives_up_at
            self._probe_seconds = min(2 * self._probe_seconds, LONGEST_PROBE_SECONDS)
            self._wait(now, jitter)

    def suspect(self, now: float) -> None:
        """Ask for a probe at once: an event has failed for the last time, and nothing has worked since its first.

        Parameters
        ----------
        now : float
            Seconds by the local clock.
        """
        if not self.is_on:
            self._begin(now)
            self.probe_at = now

    def _note(self, failure: str, now: float) -> None:
        self.last_failure = failure
        self.since = min(self.since, now)

    def _begin(self, now: float) -> None:
        self.is_on = True
        self.number += 1
        self._began_at = now

    def _wait(self, now: float, jitter: float) -> None:
        self.probe_at = now + self._probe_seconds * (0.5 + 0.5 * jitter)
        if now < self.gives_up_at:
            # The last one leaves when the patience is over, and not before.
            self.probe_at = min(self.probe_at, self.gives_up_at)


def find_pause(
    now: float, *, outage: Outage, backoff: Backoff, stopping_since: float | None, grace_seconds: float
) -> Pause | None:
    """Return what a run waits for.

    Parameters
    ----------
    now : float
        Seconds by the local clock.
    outage : Outage
        Whether everything fails.
    backoff : Backoff
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
    if backoff.until > now:
        return Pause(reason="rate_limit", since_seconds=now - backoff.since, next_in_seconds=backoff.until - now)
    return None
