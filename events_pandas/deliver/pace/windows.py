"""The windows of the rate limit, as the answers show them: when they end, and how much they still allow."""

import math
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from events_pandas import intercom
from events_pandas.deliver.client.answers import Attempt, seconds_to_reset
from events_pandas.deliver.pace.server_clock import MOST_SPREAD_SECONDS, WindowClock

SAME_RESET_SECONDS: Final = 1.5
"""Resets that are not further apart belong to one window: they may be rounded, or come from several servers."""
MOVING_SECONDS: Final = 4.0
"""A reset that is still as far ahead after so long moves with the clock."""
NEARLY_SPENT_SHARE: Final = 0.05
"""The part of the limit that may be used up unseen: if no more was left, one refusal is believed."""
LONGEST_WINDOW_SECONDS: Final = 60.0
REMEMBERED_WINDOWS: Final = 4
"""So many windows are remembered: the current one, the one before, and those of late answers."""
LONG_STREAK: Final = 5
"""So many refusals in a row, without a later accepted request, are not an accident."""
LEAST_SHARE: Final = 0.25
"""The part of the rest that is ours however much others use: two runs that both gave way would both starve."""


class RefusalStreak:
    """The refused requests in a row.

    An accepted request that left later ends the streak before it. It is long from `LONG_STREAK` requests on, and stays
    so until it is empty.
    """

    def __init__(self) -> None:
        self.is_long = False
        self._sent_at: list[float] = []

    def __bool__(self) -> bool:
        return bool(self._sent_at)

    def refused(self, sent_at: float) -> None:
        """Note a refused request by the local time at which it left."""
        insort(self._sent_at, sent_at)
        self.is_long = self.is_long or len(self._sent_at) >= LONG_STREAK

    def accepted(self, sent_at: float) -> None:
        """Note an accepted request by the local time at which it left."""
        del self._sent_at[: bisect_left(self._sent_at, sent_at)]
        self.is_long = self.is_long and bool(self._sent_at)


class RefusalMeaning(Enum):
    """The meaning of a refusal that says that nothing is left."""

    SPENT = "spent"
    """The accepted requests explain it: the window is spent."""
    REPEATED = "repeated"
    """They do not, but several requests were refused and none accepted since: nothing leaves until the reset."""
    DOUBTED = "doubted"
    """They contradict it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stated:
    """The facts about a window that one answer states. Times are local, but for the reset."""

    limit: int
    remaining: int
    reset: float
    # Seconds from the answer's `Date` to the reset.
    ahead: float | None
    sent_at: float
    received_at: float
    is_refused: bool


@dataclass(kw_only=True, slots=True)
class _Usage:
    """What is known about one window: our requests that it counted or refused, and the least that it had left."""

    limit: int
    remaining: int
    answered: int = 0
    refused: int = 0
    latest_sent_at: float = -math.inf
    seen_until: float = -math.inf
    # Refusals that say that nothing is left, and their meaning.
    streak: RefusalStreak = field(default_factory=RefusalStreak)
    refusal: RefusalMeaning | None = None

    @property
    def others(self) -> int:
        """Requests that others have made in it."""
        remaining = 0 if self.refusal is RefusalMeaning.SPENT else self.remaining
        return max(self.limit - remaining - (self.answered - self.refused), 0)

    @property
    def left(self) -> int:
        """Requests that it still allows to everyone, as far as the answers say."""
        return self.remaining if self.refusal in (None, RefusalMeaning.DOUBTED) else 0

    def show(self, stated: _Stated) -> None:
        """Note an answer that says how much is left. It contradicts refusals of requests that left earlier."""
        if stated.limit != self.limit and stated.sent_at >= self.latest_sent_at:
            # The limit changed in the middle of a window, so the earlier rest means nothing.
            self.limit, self.remaining = stated.limit, stated.remaining
        if stated.limit == self.limit and stated.remaining <= self.remaining:
            self.remaining, self.seen_until = stated.remaining, stated.sent_at
        self.latest_sent_at = max(self.latest_sent_at, stated.sent_at)
        if stated.remaining:
            self.streak.accepted(stated.sent_at)
            self.refusal = self.refusal if self.streak else None

    def doubt(self, stated: _Stated, *, is_explained: bool) -> RefusalMeaning:
        """Note a refusal that says that nothing is left. Another limiter may say so, too."""
        self.streak.refused(stated.sent_at)
        if self.refusal is not RefusalMeaning.SPENT:
            doubted = RefusalMeaning.REPEATED if self.streak.is_long else RefusalMeaning.DOUBTED
            self.refusal = RefusalMeaning.SPENT if is_explained else doubted
        if self.refusal is not RefusalMeaning.DOUBTED:
            self.limit = stated.limit
            self.refused += 1
        return self.refusal


class RateWindows:
    """The current window and the next ones, numbered from 0. All times are local.

    `is_over_at` and `may_be_over_at` bound the last moment at which a request can leave to arrive in the current
    window.
    """

    # The server counts a request in the window in which it arrives, and windows end by the server's clock. A request
    # in flight may be counted in any window in which it may arrive, so it is counted in all of them here until its
    # answer says in which it was.

    def __init__(self, rate_share: float = 1.0) -> None:
        # Requests that a window allows to everyone.
        self.limit = intercom.DEFAULT_LIMIT
        # The length of a window.
        self.seconds = intercom.WINDOW_SECONDS
        self._rate_share = rate_share
        self._clock = WindowClock()
        self._reset = -math.inf
        self._usages: dict[float, _Usage] = {}
        # A reset that stayed the same for longer than a window, so it does not end one.
        self._stuck_reset = math.nan
        # How long after the first answer of a window another server still counts in the window before.
        self._spread = 0.0
        # How far ahead resets are, since when, and when the last one came.
        self._ahead, self._ahead_since, self._seen_at = math.inf, 0.0, 0.0
        self._ends_by = math.inf
        self._last_sent_at = -math.inf
        self._in_flight: list[float] = []
        # The slowest answer of this window, and of the one before.
        self._slowest_seconds = [0.0, 0.0]

    @property
    def is_known(self) -> bool:
        """Whether an answer has shown a window."""
        return bool(self._usages)

    @property
    def in_flight(self) -> int:
        """The number of requests in flight."""
        return len(self._in_flight)

    @property
    def latest_in_flight(self) -> float:
        """When the latest request in flight left; minus infinity without one."""
        return self._in_flight[-1] if self._in_flight else -math.inf

    @property
    def cap(self) -> int:
        """Requests that a window allows us."""
        return max(int(self.limit * self._rate_share), 1)

    @property
    def is_over_at(self) -> float:
        """The time from which a request that leaves arrives in a later window than the current one."""
        # From the answer that shows it, a window lasts at most a window's length, whatever the clocks say.
        return min(self._reset - self._clock.low, self._ends_by + self._spread)

    @property
    def may_be_over_at(self) -> float:
        """The time until which a request that leaves arrives in the current window."""
        return min(self._reset - self._clock.high - max(self._slowest_seconds), self.is_over_at)

    def sent(self, now: float) -> None:
        """Note that a request leaves."""
        insort(self._in_flight, now)

    def ended(self, sent_at: float) -> None:
        """Note that the request that left at this time is no longer in flight."""
        place = bisect_left(self._in_flight, sent_at)
        if place < len(self._in_flight) and self._in_flight[place] == sent_at:
            del self._in_flight[place]

    def observe(self, attempt: Attempt) -> RefusalMeaning | None:
        """Learn from an answer.

        Only an answer with all three rate-limit headers shows a window. Return None unless the answer refuses the
        request because its window has no room.
        """
        rate, times = attempt.rate, {"sent_at": attempt.sent_at, "received_at": attempt.received_at}
        self._slowest_seconds[0] = max(self._slowest_seconds[0], attempt.received_at - attempt.sent_at)
        if attempt.date is not None:
            self._clock.learn_date(attempt.date, **times)
        if rate is None or rate.limit is None or rate.remaining is None or rate.reset is None:
            return None
        stated = _Stated(
            limit=rate.limit,
            remaining=rate.remaining,
            reset=self._known_reset(rate.reset, rate.remaining),
            ahead=seconds_to_reset(rate, attempt.date),
            is_refused=attempt.is_refused,
            **times,
        )
        if self._is_moving(stated) or self._is_stuck(stated):
            return None
        self._turn_to(stated)
        if stated.reset < self._reset:
            late = stated.sent_at - (self._ends_by - self.seconds)
            self._spread = max(self._spread, late if late <= MOST_SPREAD_SECONDS else 0.0)
        # The end of a window is far more exact than the `Date`, which has whole seconds.
        self._clock.learn_window(earliest=stated.reset - self.seconds, latest=stated.reset, **times)
        return self._enter(stated)

    def number_at(self, leaves_at: float) -> tuple[int, int]:
        """Return the first and the last window in which a request may arrive that leaves at this time."""
        first, last = (
            0 if leaves_at < end else 1 + int((leaves_at - end) / self.seconds)
            for end in (self.is_over_at, self.may_be_over_at)
        )
        return first, last

    def has_room(self, number: int, now: float, *, leaves_at: float) -> bool:
        """Return whether one more request of ours may arrive in a window.

        It may not where others are expected to take the rest.
        """
        left, left_of_ours = self._left(number, now)
        others = self._others(number, until=leaves_at)
        # Among others the last request is left to them: two runs that both took it would be one too many.
        return left_of_ours > 0 and left - others > (1 if others else 0)

    def room(self, number: int, now: float, *, until: float) -> float:
        """Return how many requests of ours a window has room for, if others go on as in the window before.

        It is at least `LEAST_SHARE` of the rest.
        """
        left, left_of_ours = self._left(number, now)
        usage = self._usage(number)
        if usage is not None:
            # Requests that left before the last counted one have most probably been counted, too.
            left += min(bisect_left(self._in_flight, usage.seen_until), self._coming(number, now))
        return min(left_of_ours, max(left - self._others(number, until=until), left * LEAST_SHARE))

    def _left(self, number: int, now: float) -> tuple[int, int]:
        """Count what a window still allows to everyone, and what to us."""
        usage = self._usage(number)
        coming = self._coming(number, now)
        remaining, ours = (self.limit, 0) if usage is None else (usage.left, usage.answered)
        return remaining - coming, self.cap - ours - coming

    def _others(self, number: int, *, until: float) -> float:
        """Return how many requests of others, who go on as in the window before, no answer has shown yet."""
        before, usage = self._usage(number - 1), self._usage(number)
        if before is None:
            return 0.0
        seen_until = self.is_over_at + (number - 1) * self.seconds if usage is None else usage.seen_until
        return before.others * max(until - seen_until, 0.0) / self.seconds

    def _usage(self, number: int) -> _Usage | None:
        return self._usages.get(self._reset + number * self.seconds)

    def _coming(self, number: int, now: float) -> int:
        """Count the requests in flight that may arrive in a window."""
        if number == 0:
            return bisect_left(self._in_flight, self.is_over_at)
        begins_at = self.may_be_over_at + (number - 1) * self.seconds
        if now >= begins_at + max(self._slowest_seconds):
            return len(self._in_flight)
        return len(self._in_flight) - bisect_left(self._in_flight, begins_at)

    def _known_reset(self, reset: float, remaining: int) -> float:
        """Return the reset by which a window is known already, or the end of a later one."""
        if self.seconds < 4 * SAME_RESET_SECONDS or not self._usages:
            return reset
        known = self._reset + self.seconds * round((reset - self._reset) / self.seconds)
        usage = self._usages.get(known)
        # Windows may be a second long: then more left than before shows a new one.
        is_new = usage is not None and remaining > usage.remaining + usage.limit / 2
        return reset if is_new or abs(reset - known) > SAME_RESET_SECONDS else known

    def _is_stuck(self, stated: _Stated) -> bool:
        """Return whether a reset means nothing because it stayed the same for longer than its window lasts."""
        if stated.reset == self._reset and stated.sent_at > self._ends_by:
            if stated.ahead is None:
                self._usages.clear()
                self._stuck_reset = stated.reset
            else:
                # The window is longer than any known one.
                self.seconds += stated.ahead
                self._ends_by = stated.received_at + stated.ahead + 1
                self._clock = WindowClock()
        return stated.reset == self._stuck_reset

    def _is_moving(self, stated: _Stated) -> bool:
        """Return whether resets stay as far ahead as they were, so that they do not end a window."""
        ahead, now = stated.ahead, stated.received_at
        waited, self._seen_at = now - self._seen_at, now
        if ahead is None or ahead <= MOVING_SECONDS or max(abs(ahead - self._ahead), waited) > SAME_RESET_SECONDS:
            self._ahead, self._ahead_since = ahead or math.inf, now
        elif now - self._ahead_since > MOVING_SECONDS:
            self._usages.clear()
            return True
        return False

    def _turn_to(self, stated: _Stated) -> None:
        """Make a window the current one if an answer is the first of it."""
        # A window with an earlier reset is newer only if the server's clock was set back.
        if stated.reset <= self._reset and stated.sent_at < self._ends_by:
            if stated.reset == self._reset:
                self._last_sent_at = max(self._last_sent_at, stated.sent_at)
            return
        self.seconds = self._length_until(stated)
        self._reset = stated.reset
        self._ends_by = stated.received_at + self.seconds
        self._last_sent_at = stated.sent_at
        self._slowest_seconds = [stated.received_at - stated.sent_at, self._slowest_seconds[0]]

    def _length_until(self, stated: _Stated) -> float:
        """Return the length of a window, as the first answer of a new one shows it."""
        ahead, length = stated.ahead, stated.reset - self._reset
        before = self._usages.get(self._reset)
        if 0 < length < self.seconds:
            # In a new window more is left than before; otherwise the reset only wavers.
            return length if before is not None and stated.remaining > before.left else self.seconds
        if ahead is None or not self._clock.agrees_with_date:
            return self.seconds
        idle = stated.received_at - self._last_sent_at
        # A window that has just begun is nearly all ahead. If not, the server's clock was set, or there was a pause.
        if self.seconds < length < math.inf and idle < self.seconds and ahead >= length - idle - 1:
            return length
        # The `Date` has whole seconds, and so may the reset.
        return ahead if self.seconds + 1 < ahead <= LONGEST_WINDOW_SECONDS + 1 else self.seconds

    def _enter(self, stated: _Stated) -> RefusalMeaning | None:
        """Note what an answer says about its window, and return the meaning of a refusal."""
        is_first = not self._usages
        usage = self._usages.get(stated.reset) or self._open(stated)
        usage.answered += 1
        if stated.is_refused and stated.remaining and stated.limit != usage.limit:
            # It comes from another limiter.
            return None
        refusal = None
        if stated.is_refused and not stated.remaining:
            refusal = usage.doubt(stated, is_explained=is_first or self._is_nearly_spent(usage, stated))
        else:
            usage.show(stated)
        if stated.reset == self._reset:
            self.limit = usage.limit
        return refusal

    def _open(self, stated: _Stated) -> _Usage:
        """Begin to keep the usage of a window."""
        if stated.is_refused and self._usages:
            # It may come from another limiter, which states neither our limit nor the rest of it.
            usage = _Usage(limit=self.limit, remaining=self.limit, seen_until=stated.sent_at)
        else:
            usage = _Usage(limit=stated.limit, remaining=stated.remaining, seen_until=stated.sent_at)
        self._usages[stated.reset] = usage
        while len(self._usages) > REMEMBERED_WINDOWS:
            del self._usages[next(iter(self._usages))]
        return usage

    def _is_nearly_spent(self, usage: _Usage, stated: _Stated) -> bool:
        """Return whether accepted requests, and the others that are expected, leave a window next to nothing."""
        if stated.reset != self._reset:
            return True
        # If the limit was lowered meanwhile, so much less is left.
        left = usage.remaining - max(usage.limit - stated.limit, 0) - self._coming(0, stated.received_at)
        left_for_us = left - self._others(0, until=stated.sent_at)
        return left_for_us <= NEARLY_SPENT_SHARE * usage.limit
