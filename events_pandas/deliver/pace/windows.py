"""The windows of the rate limit, as the answers show them: when they end, and how much they still allow."""

import math
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from events_pandas import intercom
from events_pandas.deliver.client.answers import Rate, seconds_to_reset
from events_pandas.deliver.pace.observation import RefusalStreak
from events_pandas.deliver.pace.server_clock import MOST_SPREAD_SECONDS, WindowClock

SAME_RESET_SECONDS: Final = 1.5
"""Resets that are no further apart belong to one window: they may be rounded, or come from several servers."""
MOVING_SECONDS: Final = 4.0
"""A reset that is as far ahead as before after so long moves with the clock."""
NEARLY_SPENT_SHARE: Final = 0.05
"""The part of the limit that may be gone without a sign: with no more left, one refusal is believed."""
LONGEST_WINDOW_SECONDS: Final = 60.0
REMEMBERED_WINDOWS: Final = 4
"""So many windows are kept in mind: the current one, the one before, and those that late answers belong to."""
LEAST_SHARE: Final = 0.25
"""The part of what is left that is ours however much others use: two who both gave way would both starve."""


class RefusalMeaning(Enum):
    """What a refusal that says that nothing is left means."""

    SPENT = "spent"
    """The accepted requests explain it: the window is spent."""
    REPEATED = "repeated"
    """They do not, but no request has been accepted since several were refused: nothing leaves until the reset."""
    DOUBTED = "doubted"
    """They contradict it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _StatedWindow:
    """What an answer says of a window."""

    limit: int
    remaining: int
    reset: float


@dataclass(kw_only=True, slots=True)
class _Usage:
    """What is known of one window: requests of ours that it counted or refused, and what it had left at least."""

    limit: int
    remaining: int
    answered: int = 0
    refused: int = 0
    latest_sent_at: float = -math.inf
    seen_until: float = -math.inf
    # RefusalStreak that say that nothing is left, and their meaning.
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

    def show(self, stated: _StatedWindow, *, sent_at: float) -> None:
        """Note an answer that says how much is left; it contradicts refusals of requests that left earlier."""
        if stated.limit != self.limit and sent_at >= self.latest_sent_at:
            # Raised or lowered in the middle of a window: what was left before says nothing any more.
            self.limit, self.remaining = stated.limit, stated.remaining
        if stated.limit == self.limit and stated.remaining <= self.remaining:
            self.remaining, self.seen_until = stated.remaining, sent_at
        self.latest_sent_at = max(self.latest_sent_at, sent_at)
        if stated.remaining:
            self.streak.accepted(sent_at)
            self.refusal = self.refusal if self.streak else None

    def doubt(self, stated: _StatedWindow, *, sent_at: float, is_explained: bool) -> RefusalMeaning:
        """Note a refusal that says that nothing is left: another limiter's may say so, too."""
        self.streak.refused(sent_at)
        if self.refusal is not RefusalMeaning.SPENT:
            doubted = RefusalMeaning.REPEATED if self.streak.is_long else RefusalMeaning.DOUBTED
            self.refusal = RefusalMeaning.SPENT if is_explained else doubted
        if self.refusal is not RefusalMeaning.DOUBTED:
            self.limit = stated.limit
            self.refused += 1
        return self.refusal


class RateWindows:
    """The current window and those to come, which are numbered from 0.

    A request that is under way may be counted in any of the windows in which it may arrive, so it is counted in all of
    them here, until its answer says in which it was.

    Parameters
    ----------
    rate_share : float, default 1.0
        The part of each window that is ours to use.

    Attributes
    ----------
    limit : int
        Requests that a window allows to everyone.
    seconds : float
        The length of a window.

    Notes
    -----
    The server counts a request in the window in which it arrives, and windows end by the server's clock. All times here
    are local: `is_over_at` and `may_be_over_at` bound the last moment at which a request can leave to arrive in the
    current window.
    """

    def __init__(self, rate_share: float = 1.0) -> None:
        self.limit = intercom.DEFAULT_LIMIT
        self.seconds = intercom.WINDOW_SECONDS
        self._rate_share = rate_share
        self._clock = WindowClock()
        self._reset = -math.inf
        self._usages: dict[float, _Usage] = {}
        # A reset that stayed the same for longer than a window: not the end of one.
        self._stuck_reset = math.nan
        # How long after the first answer of a window another server still counts in the one before.
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
        """Requests that are under way."""
        return len(self._in_flight)

    @property
    def latest_in_flight(self) -> float:
        """When the latest of them left; minus infinity if there is none."""
        return self._in_flight[-1] if self._in_flight else -math.inf

    @property
    def cap(self) -> int:
        """Requests that a window allows to us."""
        return max(int(self.limit * self._rate_share), 1)

    @property
    def is_over_at(self) -> float:
        """The local time from which a request that leaves arrives in a later window than the current one."""
        # A window that an answer has shown lasts no longer than a window's length, whatever the clocks say.
        return min(self._reset - self._clock.low, self._ends_by + self._spread)

    @property
    def may_be_over_at(self) -> float:
        """The local time until which a request that leaves arrives in the current window."""
        return min(self._reset - self._clock.high - max(self._slowest_seconds), self.is_over_at)

    def sent(self, now: float) -> None:
        """Note that a request leaves.

        Parameters
        ----------
        now : float
            Seconds by the local clock.
        """
        insort(self._in_flight, now)

    def ended(self, sent_at: float) -> None:
        """Note that a request is no longer under way.

        Parameters
        ----------
        sent_at : float
            When it left.
        """
        place = bisect_left(self._in_flight, sent_at)
        if place < len(self._in_flight) and self._in_flight[place] == sent_at:
            del self._in_flight[place]

    def observe(
        self, rate: Rate | None, *, date: float | None, sent_at: float, received_at: float, is_refused: bool
    ) -> RefusalMeaning | None:
        """Take in an answer.

        Parameters
        ----------
        rate : Rate or None
            What its headers say; it shows a window only if it states all three of them.
        date : float or None
            The server's clock in whole seconds.
        sent_at, received_at : float
            When the request left and the answer came, by the local clock.
        is_refused : bool
            Whether the answer is a 429.

        Returns
        -------
        RefusalMeaning or None
            None if the answer does not refuse the request for want of room in its window.
        """
        self._slowest_seconds[0] = max(self._slowest_seconds[0], received_at - sent_at)
        if date is not None:
            self._clock.learn_date(date, sent_at=sent_at, received_at=received_at)
        if rate is None or rate.limit is None or rate.remaining is None or rate.reset is None:
            return None
        stated = _StatedWindow(
            limit=rate.limit, remaining=rate.remaining, reset=self._known_reset(rate.reset, rate.remaining)
        )
        ahead = seconds_to_reset(rate, date)
        if self._is_moving(ahead, received_at):
            return None
        if self._is_stuck(stated, ahead=ahead, sent_at=sent_at, received_at=received_at):
            return None
        self._turn_to(stated, ahead=ahead, sent_at=sent_at, received_at=received_at)
        if stated.reset < self._reset:
            late = sent_at - (self._ends_by - self.seconds)
            self._spread = max(self._spread, late if late <= MOST_SPREAD_SECONDS else 0.0)
        # Where a window ends is far more exact than the `Date`, which has whole seconds.
        begins_at = stated.reset - self.seconds
        self._clock.learn_window(earliest=begins_at, latest=stated.reset, sent_at=sent_at, received_at=received_at)
        return self._enter(stated, sent_at=sent_at, received_at=received_at, is_refused=is_refused)

    def number_at(self, leaves_at: float) -> tuple[int, int]:
        """Return the windows in which a request may arrive.

        Parameters
        ----------
        leaves_at : float
            When it leaves, by the local clock.

        Returns
        -------
        tuple of int
            The first and the last of them, counted from the current one, 0.
        """
        first, last = (
            0 if leaves_at < end else 1 + int((leaves_at - end) / self.seconds)
            for end in (self.is_over_at, self.may_be_over_at)
        )
        return first, last

    def has_room(self, number: int, now: float, *, leaves_at: float) -> bool:
        """Tell whether one more request of ours may arrive in a window.

        Parameters
        ----------
        number : int
            Counted from the current one, 0.
        now, leaves_at : float
            The time, and when the request is to leave, by the local clock.

        Returns
        -------
        bool
            False where others are expected to have taken what was left.
        """
        left, left_of_ours = self._left(number, now)
        others = self._others(number, until=leaves_at)
        # In company the last one is left to others: two who both took it would be one too many.
        return left_of_ours > 0 and left - others > (1 if others else 0)

    def room(self, number: int, now: float, *, until: float) -> float:
        """Return how many requests of ours a window has room for, if others go on as in the window before.

        Parameters
        ----------
        number : int
            Counted from the current one, 0.
        now, until : float
            From when to when, by the local clock.

        Returns
        -------
        float
            Of what is left at least `LEAST_SHARE`.
        """
        left, left_of_ours = self._left(number, now)
        usage = self._usage(number)
        if usage is not None:
            # What left before the request that was counted last has most probably been counted, too.
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
        """Count the requests under way that may arrive in a window."""
        if number == 0:
            return bisect_left(self._in_flight, self.is_over_at)
        begins_at = self.may_be_over_at + (number - 1) * self.seconds
        if now >= begins_at + max(self._slowest_seconds):
            return len(self._in_flight)
        return len(self._in_flight) - bisect_left(self._in_flight, begins_at)

    def _known_reset(self, reset: float, remaining: int) -> float:
        """Return the reset by which a window is known already, or the end of one after it."""
        if self.seconds < 4 * SAME_RESET_SECONDS or not self._usages:
            return reset
        known = self._reset + self.seconds * round((reset - self._reset) / self.seconds)
        usage = self._usages.get(known)
        # A window of a second: the one before has less left.
        is_new = usage is not None and remaining > usage.remaining + usage.limit / 2
        return reset if is_new or abs(reset - known) > SAME_RESET_SECONDS else known

    def _is_stuck(self, stated: _StatedWindow, *, ahead: float | None, sent_at: float, received_at: float) -> bool:
        """Tell whether a reset has no meaning, since it stayed the same for longer than its window lasts."""
        if stated.reset == self._reset and sent_at > self._ends_by:
            if ahead is None:
                self._usages.clear()
                self._stuck_reset = stated.reset
            else:
                # The window is longer than any known one.
                self.seconds += ahead
                self._ends_by = received_at + ahead + 1
                self._clock = WindowClock()
        return stated.reset == self._stuck_reset

    def _is_moving(self, ahead: float | None, received_at: float) -> bool:
        """Tell whether resets stay as far ahead as they were, so that they are no end of a window."""
        waited, self._seen_at = received_at - self._seen_at, received_at
        if ahead is None or ahead <= MOVING_SECONDS or max(abs(ahead - self._ahead), waited) > SAME_RESET_SECONDS:
            self._ahead, self._ahead_since = ahead or math.inf, received_at
        elif received_at - self._ahead_since > MOVING_SECONDS:
            self._usages.clear()
            return True
        return False

    def _turn_to(self, stated: _StatedWindow, *, ahead: float | None, sent_at: float, received_at: float) -> None:
        """Make a window the current one, if an answer is the first of it."""
        # An earlier one can only be the newer if the server's clock was set back.
        if stated.reset <= self._reset and sent_at < self._ends_by:
            if stated.reset == self._reset:
                self._last_sent_at = max(self._last_sent_at, sent_at)
            return
        self.seconds = self._length_until(stated, ahead=ahead, received_at=received_at)
        self._reset = stated.reset
        self._ends_by = received_at + self.seconds
        self._last_sent_at = sent_at
        self._slowest_seconds = [received_at - sent_at, self._slowest_seconds[0]]

    def _length_until(self, stated: _StatedWindow, *, ahead: float | None, received_at: float) -> float:
        """Return the length of a window, as the first answer of a new one shows it."""
        length = stated.reset - self._reset
        before = self._usages.get(self._reset)
        if 0 < length < self.seconds:
            # Not where a reset only wavers: in a new window, more is left than there was.
            return length if before is not None and stated.remaining > before.left else self.seconds
        if ahead is None or not self._clock.agrees_with_date:
            return self.seconds
        idle = received_at - self._last_sent_at
        # Not where the server's clock was set, or after a pause: a window that has just begun is nearly all ahead.
        if self.seconds < length < math.inf and idle < self.seconds and ahead >= length - idle - 1:
            return length
        # The `Date` has whole seconds, and so may the reset.
        return ahead if self.seconds + 1 < ahead <= LONGEST_WINDOW_SECONDS + 1 else self.seconds

    def _enter(
        self, stated: _StatedWindow, *, sent_at: float, received_at: float, is_refused: bool
    ) -> RefusalMeaning | None:
        """Note what an answer says of its window, and tell what a refusal means."""
        usage = self._usages.get(stated.reset)
        says_spent = is_refused and not stated.remaining
        is_first = not self._usages
        if usage is None:
            usage = self._open(stated, sent_at=sent_at, is_refused=is_refused)
        usage.answered += 1
        refusal = None
        if is_refused and stated.remaining and stated.limit != usage.limit:
            # Another limiter's.
            return None
        if says_spent:
            is_explained = is_first or self._is_nearly_spent(usage, stated, sent_at=sent_at, now=received_at)
            refusal = usage.doubt(stated, sent_at=sent_at, is_explained=is_explained)
        else:
            usage.show(stated, sent_at=sent_at)
        if stated.reset == self._reset:
            self.limit = usage.limit
        return refusal

    def _open(self, stated: _StatedWindow, *, sent_at: float, is_refused: bool) -> _Usage:
        """Begin to keep usage of a window."""
        if is_refused and self._usages:
            # It may be another limiter's refusal, which states neither the limit nor what is left of it.
            usage = _Usage(limit=self.limit, remaining=self.limit, seen_until=sent_at)
        else:
            usage = _Usage(limit=stated.limit, remaining=stated.remaining, seen_until=sent_at)
        self._usages[stated.reset] = usage
        while len(self._usages) > REMEMBERED_WINDOWS:
            del self._usages[next(iter(self._usages))]
        return usage

    def _is_nearly_spent(self, usage: _Usage, stated: _StatedWindow, *, sent_at: float, now: float) -> bool:
        """Tell whether accepted requests, and the others that are expected, leave a window next to nothing."""
        if stated.reset != self._reset:
            return True
        # A limit that was lowered meanwhile leaves so much less.
        left = usage.remaining - max(usage.limit - stated.limit, 0) - self._coming(0, now)
        left_for_us = left - self._others(0, until=sent_at)
        return left_for_us <= NEARLY_SPENT_SHARE * usage.limit
