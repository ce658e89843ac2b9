"""When the next request may leave: evenly over the windows of the rate limit. Pure: time comes in as an argument."""

import math
from collections import deque
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from events_pandas import intercom
from events_pandas.deliver.answers import Answer, Rate, read_date, read_rate, read_retry_after
from events_pandas.deliver.serverclock import ServerClock

CATCH_UP_SECONDS: Final = 0.01 * intercom.WINDOW_SECONDS
"""How far behind its slots the pace may fall and still make up for them: about one per cent of a window."""
SPARE_SHARE: Final = 0.005
"""The part of a large limit that is left unused, so that uneven latency does not push a request over the edge."""
EDGE_SECONDS: Final = 0.001
"""How long after a reset the first request arrives that had to wait for it."""
OVERLOAD_SECONDS: Final = 1.0
"""How long nothing is sent after a 429 that does not say for how long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """What one answer shows of the server's pace.

    Parameters
    ----------
    status : int
        The HTTP status.
    sent_at, received_at : float
        When the request left and when its answer came, by the local clock.
    rate : Rate or None
        The rate-limit headers.
    date : float or None
        The server's clock in whole seconds.
    retry_after : float or None
        Seconds that the server asks to wait.
    """

    status: int
    sent_at: float
    received_at: float
    rate: Rate | None = None
    date: float | None = None
    retry_after: float | None = None


def see(answer: Answer, *, sent_at: float, received_at: float) -> Sighting:
    """Read from an answer what the pacer wants to know.

    Parameters
    ----------
    answer : Answer
        Any answer.
    sent_at, received_at : float
        When the request left and when the answer came, by the local clock.

    Returns
    -------
    Sighting
        Its status, rate-limit headers and times.
    """
    return Sighting(
        status=answer.status,
        sent_at=sent_at,
        received_at=received_at,
        rate=read_rate(answer),
        date=read_date(answer),
        retry_after=read_retry_after(answer),
    )


def even_interval(limit: int) -> float:
    """Return the time between requests that are spread evenly over windows.

    Parameters
    ----------
    limit : int
        Requests that a window allows; of a large limit's a few are spared.

    Returns
    -------
    float
        Seconds.

    Examples
    --------
    >>> even_interval(100)
    0.1
    """
    return intercom.WINDOW_SECONDS / (limit - int(limit * SPARE_SHARE))


class Pacer:
    """Spreads requests evenly over the windows of a rate limit, gives way to others, and never bursts after a reset.

    Every request has a slot; slots are a window's length divided by the limit apart. Slots that were missed are made up
    for within `CATCH_UP_SECONDS` and within their window. Where the answers show that fewer requests remain than there
    are slots left, because others draw on the same limit, the slots move apart; where none remains, the next request
    is timed to arrive just after the reset. Until the first answer there is one request at a time.

    Attributes
    ----------
    limit : int or None
        Requests a window; None before the first answer.

    Notes
    -----
    The server counts a request in the window in which it arrives, and windows end by the server's clock: all moments
    are translated by the bounds of a `ServerClock`. Used by one thread, so there is no lock.
    """

    def __init__(self) -> None:
        self.limit: int | None = None
        self._clock = ServerClock()
        self._in_flight = 0
        self._slot_at = -math.inf
        self._hold_until = -math.inf
        # What the newest answer of the newest window said, and the requests sent after the one it answered. Without
        # a bound the latter would grow for ever with a server that stops sending headers.
        self._rate: Rate | None = None
        self._sent_later: deque[float] = deque(maxlen=1_024)

    def next_at(self, now: float) -> float:
        """Say when the next request may leave.

        Parameters
        ----------
        now : float
            Seconds by the local clock.

        Returns
        -------
        float
            Seconds by the local clock; not later than `now` if the request may leave at once, infinite if an answer
            must come first.
        """
        if self.limit is None and self._in_flight:
            return math.inf
        slot_at = max(self._slot_at, self._hold_until)
        leaves_at = max(slot_at, now)
        if self._rate and leaves_at + self._clock.low < self._rate.reset and self._left(self._rate) <= 0:
            return self._rate.reset + EDGE_SECONDS - self._clock.low
        return slot_at

    def sent(self, now: float) -> None:
        """Note that a request leaves.

        Parameters
        ----------
        now : float
            Seconds by the local clock.
        """
        self._in_flight += 1
        self._sent_later.append(now)
        earliest = max(now - CATCH_UP_SECONDS, self._window_start(now))
        self._slot_at = max(self._slot_at, earliest) + self._interval(now)

    def lost(self) -> None:
        """Note that a request will have no answer."""
        self._in_flight -= 1

    def observe(self, sighting: Sighting) -> None:
        """Note an answer.

        Parameters
        ----------
        sighting : Sighting
            What it shows.
        """
        self._in_flight -= 1
        if sighting.rate:
            self.limit = sighting.rate.limit
            self._compare(sighting.rate, sighting.sent_at)
        elif self.limit is None and not _is_trouble(sighting.status):
            self.limit = intercom.DEFAULT_LIMIT
        if sighting.date is not None:
            # The date was written between sending and receiving, and has lost up to a second to rounding.
            self._clock.learn(sighting.date - sighting.received_at, sighting.date + 1 - sighting.sent_at)
        if sighting.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._hold_until = max(self._hold_until, sighting.received_at + _hold_seconds(sighting))

    def _compare(self, rate: Rate, sent_at: float) -> None:
        # The request arrived in the window that ends at `reset`: two answers on either side of a reset place it
        # between their two requests, far closer than the `Date`, which has whole seconds.
        self._clock.learn(rate.reset - intercom.WINDOW_SECONDS - sent_at, rate.reset - sent_at)
        is_newer = not self._rate or rate.reset > self._rate.reset
        if self._rate and rate.reset == self._rate.reset:
            is_newer = rate.remaining < self._rate.remaining
        if is_newer:
            self._rate = rate
            while self._sent_later and self._sent_later[0] <= sent_at:
                self._sent_later.popleft()

    def _left(self, rate: Rate) -> int:
        """Count the requests that may still arrive in the window of the newest answer."""
        surely_after = rate.reset - self._clock.low
        return rate.remaining - sum(sent_at < surely_after for sent_at in self._sent_later)

    def _interval(self, now: float) -> float:
        """Return the seconds between this slot and the next."""
        limit = self.limit or intercom.DEFAULT_LIMIT
        even = even_interval(limit)
        seconds_left = self._rate.reset - self._clock.high - now if self._rate else 0.0
        if not self._rate or seconds_left <= 0:
            return even
        # One more than are left: a window that is ours alone must not be slowed by the fraction of a slot at its end.
        return max(even, seconds_left / (max(self._left(self._rate), 0) + 1))

    def _window_start(self, now: float) -> float:
        """Return the local time from which a request arrived in the current window, as late as it may have been."""
        if not self._rate:
            return -math.inf
        windows = math.floor((now + self._clock.low - self._rate.reset) / intercom.WINDOW_SECONDS)
        return self._rate.reset + windows * intercom.WINDOW_SECONDS - self._clock.low


def _is_trouble(status: int) -> bool:
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _hold_seconds(sighting: Sighting) -> float:
    if sighting.retry_after is not None:
        return sighting.retry_after
    # A spent window ends at its reset, which `next_at` waits for; a 429 with requests remaining is an overload.
    return 0.0 if sighting.rate and not sighting.rate.remaining else OVERLOAD_SECONDS
