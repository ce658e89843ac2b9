"""When the next request may leave: evenly over the windows of the rate limit. Pure: time comes in as an argument."""

import math
from typing import Final

from events_pandas import intercom
from events_pandas.deliver.client.answers import Attempt, Rate
from events_pandas.deliver.pace.state import Window
from events_pandas.deliver.pace.unstated import UnstatedLimit
from events_pandas.deliver.pace.windows import RateWindows, RefusalMeaning

CATCH_UP_SHARE: Final = 0.01
"""How far the pace may fall behind its slots and still catch up, as a part of a window."""
HASTE: Final = 1.25
"""The highest pace in a window with little time for what is left of it, as a multiple of the even pace."""
EDGE_SECONDS: Final = 0.001
"""How long after a reset a request that waited for it arrives."""
FIRST_BACKOFF_SECONDS: Final = 0.05
"""How long nothing is sent after a 429 that does not come from the pace. It doubles with every further one."""
LONGEST_BACKOFF_SECONDS: Final = 30.0
CHANCE_SECONDS: Final = 2 * FIRST_BACKOFF_SECONDS
"""Refusals after which the pause is shorter may be sporadic: the wait that they ask for does not stop the run."""
PROBE_SECONDS: Final = 1.0
"""How long the first request after a pause is awaited before another one leaves."""


class Pacer:
    """Spreads requests evenly over the windows of a rate limit, gives way to others, and never bursts after a reset.

    One thread uses a pacer, so there is no lock.
    """

    # The requests left in a window are spread over the time in which a request is sure to arrive in it. Around a
    # reset, a request may arrive in either of two windows, so it leaves only if both have room. Where the answers
    # show that others draw on the same limit, room is left for them. Until the first answer there is one request at a
    # time. Limits that the answers do not state, such as a second limit, are learned from refusals.

    def __init__(self, rate_share: float = 1.0) -> None:
        # Requests that a window allows to everyone; None before the first answer.
        self.limit: int | None = None
        self._windows = RateWindows(rate_share)
        self._unstated = UnstatedLimit(rate_share)
        self._most_left = 0
        self._slot_at = -math.inf
        self.backoff = Backoff()

    def next_at(self, now: float) -> float:
        """Return when the next request may leave, by the local clock.

        The time is infinite if an answer must come first.
        """
        if self.limit is None and self._windows.in_flight:
            return math.inf
        leaves_at = max(self._slot_at, self.backoff.until, now)
        if self._windows.latest_in_flight >= self.backoff.probes_from:
            leaves_at = max(leaves_at, self._windows.latest_in_flight + PROBE_SECONDS)
        return self._with_room(leaves_at, now) if self._windows.is_known else leaves_at

    def sent(self, now: float) -> None:
        """Note that a request leaves."""
        earliest = now - CATCH_UP_SHARE * self._windows.seconds
        if self._windows.is_known:
            number, _ = self._windows.number_at(now)
            if number:
                earliest = max(earliest, self._windows.is_over_at + (number - 1) * self._windows.seconds)
        self._slot_at = max(self._slot_at, earliest) + self._interval(now)
        self._windows.sent(now)

    def observe(self, attempt: Attempt) -> None:
        """Learn from an attempt. One that has no answer shows nothing."""
        self._windows.ended(attempt.sent_at)
        if attempt.status is None:
            return
        refusal = self._windows.observe(attempt)
        limit = self._stated_limit(attempt)
        if limit is not None:
            self._unstated.take_stated_limit(limit)
        elif attempt.named_limit and not self._unstated.is_stated:
            self._unstated.take_named_limit(attempt.named_limit)
        is_unexplained = attempt.is_refused and refusal is not RefusalMeaning.SPENT
        self._unstated.observe(attempt, is_unexplained=is_unexplained)
        if self._windows.is_known:
            self.limit = self._windows.limit
        elif self.limit is not None or limit is not None or not attempt.is_trouble or attempt.named_limit:
            self.limit = self._unstated.limit
        is_spent = refusal in (RefusalMeaning.SPENT, RefusalMeaning.REPEATED)
        is_usual = refusal is RefusalMeaning.DOUBTED or self._unstated.expects_refusals
        self.backoff.observe(attempt, is_spent=is_spent, is_usual=is_usual)

    def window(self, now: float) -> Window | None:
        """Return the current window. It is None before the first answer, and where no answer states it."""
        windows = self._windows
        if not windows.is_known:
            return None
        number, _ = windows.number_at(now)
        ends_at = windows.is_over_at + number * windows.seconds
        learned = self._unstated.cap(windows.seconds) if self._unstated.is_below_stated else windows.cap
        return Window(
            limit=min(windows.cap, learned),
            left=max(int(windows.room(number, now, until=now)), 0),
            ends_in_seconds=max(ends_at - now, 0.0),
            seconds=windows.seconds,
        )

    def _with_room(self, leaves_at: float, now: float) -> float:
        """Return the first time from `leaves_at` on at which each window that may count the request has room."""
        windows = self._windows
        # Twice at most: a window that no answer has shown has room for all requests in flight.
        for _ in range(2):
            first, last = windows.number_at(leaves_at)
            full = [number for number in {first, last} if not windows.has_room(number, now, leaves_at=leaves_at)]
            if not full:
                return leaves_at
            leaves_at = windows.is_over_at + max(full) * windows.seconds + EDGE_SECONDS
        return leaves_at

    def _interval(self, now: float) -> float:
        """Return the seconds between this slot and the next."""
        windows = self._windows
        least = self._unstated.interval_seconds
        if not windows.is_known:
            return least
        if not self._unstated.is_below_stated:
            least = 0.0
        even = max(windows.seconds / windows.cap, least)
        first, last = windows.number_at(now)
        end = (windows.may_be_over_at if first == last else windows.is_over_at) + first * windows.seconds
        room = windows.room(first, now, until=end)
        if room <= 0:
            return even
        return max(even / HASTE, (end - now) / room, least)

    def _stated_limit(self, attempt: Attempt) -> float | None:
        """Return the limit that an answer states, in requests for ten seconds."""
        rate = attempt.rate or Rate()
        # A refusal may come from another limiter, which states its own limit.
        if (rate.limit is None and rate.remaining is None) or (attempt.is_refused and self._unstated.is_stated):
            return None
        # Where only `Remaining` comes, its highest value is the best guess at the limit.
        self._most_left = max(self._most_left, (rate.remaining or 0) + 1)
        return (rate.limit or self._most_left) * intercom.WINDOW_SECONDS / self._windows.seconds


class Backoff:
    """The pause that answers ask for, one for all threads: between `since` and `until` nothing leaves."""

    # An accepted request that left later than the refused ones ends it, as refusals may be sporadic. Refusals of
    # requests that were in flight when it began do not extend it.

    def __init__(self) -> None:
        self.since = self.until = -math.inf
        self._began_at = -math.inf
        self._asked_at = -math.inf
        self._seconds = 0.0

    @property
    def probes_from(self) -> float:
        """The time from which requests leave one at a time, to show whether refusals go on."""
        return self._began_at if self._seconds else math.inf

    def observe(self, attempt: Attempt, *, is_spent: bool, is_usual: bool) -> None:
        """Learn from an answer.

        `is_spent` says that its window was spent, which passes by itself. `is_usual` says that single refusals are
        sporadic, so the waits that they ask for concern their event alone.
        """
        if not attempt.is_trouble:
            if attempt.sent_at > self._asked_at:
                self.until = min(self.until, attempt.received_at)
                self._seconds = 0.0
        elif attempt.retry_after is not None and not (
            is_usual and attempt.is_refused and self._seconds < CHANCE_SECONDS
        ):
            self._extend(attempt, attempt.retry_after)
        elif attempt.is_refused and not is_spent and attempt.sent_at >= self._began_at:
            self._seconds = min(max(2 * self._seconds, FIRST_BACKOFF_SECONDS), LONGEST_BACKOFF_SECONDS)
            self._began_at = attempt.received_at
            self._extend(attempt, self._seconds)
        elif attempt.is_refused:
            self._asked_at = max(self._asked_at, attempt.sent_at)

    def _extend(self, attempt: Attempt, seconds: float) -> None:
        now = attempt.received_at
        if now >= self.until:
            self.since = now
        self.until = max(self.until, now + seconds)
        self._asked_at = max(self._asked_at, attempt.sent_at)
