"""Whether the service works at all. Pure: times come in as arguments, by the local clock."""

import math
from typing import Final

from events_pandas.deliver.client.answers import Attempt, AttemptKind

OUTAGE_REQUESTS: Final = 20
"""So many failed requests in a row are an outage; more if more are in flight, as these fail together."""
OUTAGE_EVENTS: Final = 3
"""So many different events that fail, before any event is answered, are an outage though ``GET /me`` is answered.

Fewer may each be the cause.
"""
FIRST_PROBE_SECONDS: Final = 1.0
"""The wait before the first probe. It doubles with every further one."""
LONGEST_PROBE_SECONDS: Final = 30.0
REFUSED_SECONDS: Final = 60.0
"""Wait at least this long while only 429s come, however short the patience: a window always ends."""


class Outage:
    """Tells from the answers when everything fails, when to try a single request, and when to give up."""

    def __init__(self, patience_seconds: float, *, probe_seconds: float = FIRST_PROBE_SECONDS) -> None:
        # On: only probes are sent. Confirmed: a probe has failed, so the events are not the cause.
        # Given up: the patience is over, and the last request failed as well.
        self.is_on = self.is_confirmed = self.has_given_up = False
        # When the first of the failures came.
        self.since = math.inf
        self.worked_at = -math.inf
        self.probe_at = math.inf
        # Whether an event has had a final answer, and the rows of the events that failed before.
        self.has_answered = False
        self._unanswered: set[int] = set()
        # Outages so far.
        self.number = 0
        self.last_failure = ""
        self._patience_seconds = patience_seconds
        self._failures = 0
        self._began_at = math.inf
        self._first_probe_seconds = self._probe_seconds = probe_seconds

    @property
    def gives_up_at(self) -> float:
        """The time at which the patience ends; infinite while requests succeed."""
        return self.since + self._patience_seconds

    def observe(self, attempt: Attempt, *, in_flight: int, jitter: float) -> None:
        """Learn from an attempt.

        `in_flight` counts the requests still under way; `jitter` keeps many clients from probing at the same moment.
        """
        now = attempt.received_at
        if attempt.kind.passes:
            self.last_failure = attempt.failure
            self.since = min(self.since, now)
        match attempt.kind:
            case AttemptKind.FAILED:
                self._fail(attempt, in_flight=in_flight, jitter=jitter)
            case AttemptKind.PACED:
                # It passes with time, but is not waited for longer than the patience.
                self.has_given_up = now >= max(self.gives_up_at, self.since + REFUSED_SECONDS)
                if self.is_on:
                    self._wait(now, jitter=1.0)
            case AttemptKind.ACCEPTED | AttemptKind.FINAL:
                # The service works, whatever its answer says.
                self.is_on = self.is_confirmed = False
                self.since = math.inf
                self.worked_at = max(self.worked_at, now)
                self._failures = 0
                self._probe_seconds = self._first_probe_seconds

    def note_event(self, row: int, kind: AttemptKind) -> bool:
        """Learn from an attempt of an event. Return whether it is the first final answer to any event."""
        if self.has_answered:
            return False
        if kind is AttemptKind.FAILED:
            self._unanswered.add(row)
        elif not kind.passes:
            self.has_answered = True
            self._unanswered.clear()
        return self.has_answered

    @property
    def needs_event(self) -> bool:
        """Whether only an event shows the end of the outage: ``GET /me`` may be answered where no event is."""
        return len(self._unanswered) >= OUTAGE_EVENTS

    def is_last_chance(self, now: float) -> bool:
        """Whether the patience is over for events none of which was ever answered."""
        return bool(self._unanswered) and self.is_over_patience(now)

    def may_explain(self, sent_at: float) -> bool:
        """Return whether an event may have failed only because nothing works: its last attempt left at this time."""
        return self.is_on or self.worked_at < sent_at

    def is_over_patience(self, now: float) -> bool:
        """Return whether nothing has worked for longer than the patience, and a request has failed."""
        return self._failures > 0 and now >= self.gives_up_at

    def suspect(self, now: float) -> None:
        """Ask for a probe at once, since nothing works: the patience is over, or an event has failed for good."""
        if not self.is_on:
            self._begin(now)
            self.probe_at = now

    def _fail(self, attempt: Attempt, *, in_flight: int, jitter: float) -> None:
        now, sent_at = attempt.received_at, attempt.sent_at
        self._failures += 1
        if not self.is_on and self._failures >= max(OUTAGE_REQUESTS, 2 * in_flight):
            self._begin(now)
            self._wait(now, jitter)
        # A request that was in flight when the outage began is not a probe.
        elif self.is_on and sent_at >= self._began_at:
            self.is_confirmed = True
            self.has_given_up = sent_at >= self.gives_up_at
            self._probe_seconds = min(2 * self._probe_seconds, LONGEST_PROBE_SECONDS)
            self._wait(now, jitter)

    def _begin(self, now: float) -> None:
        self.is_on = True
        self.number += 1
        self._began_at = now

    def _wait(self, now: float, jitter: float) -> None:
        self.probe_at = now + self._probe_seconds * (0.5 + 0.5 * jitter)
        if now < self.gives_up_at:
            # The last probe leaves when the patience is over, not before.
            self.probe_at = min(self.probe_at, self.gives_up_at)
