"""Which failures pass, how long to wait for them, and when to give up. Pure: jitter comes in as an argument."""

import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from events_pandas.deliver.client.answers import (
    Answer,
    TransportError,
    read_date,
    read_rate,
    read_retry_after,
    seconds_to_reset,
)
from events_pandas.deliver.decide import Verdict, judge, judge_spent

MAX_WINDOW_WAIT_SECONDS: Final = 60.0
"""The longest that a rate limit's reset is waited for, whatever the header says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How often and how patiently a passing failure is tried again.

    Parameters
    ----------
    attempts : int, default 8
        Requests for one event at most, the first included.
    base_seconds : float, default 0.5
        The longest wait before the second attempt; it doubles with every further one.
    max_seconds : float, default 30.0
        The doubling ends here.
    total_seconds : float, default 600.0
        So long after the first attempt, a failure is the last.

    Raises
    ------
    ValueError
        If there is no first attempt, or a time is negative or not finite.

    Notes
    -----
    An outage, in which everything fails, is waited out apart from this: what failed in it is tried anew.

    The wait is drawn between zero and the bound ("full jitter"), so that rows that failed together do not come back
    together. What the server asks for (``Retry-After``, the reset of a spent window) is waited for in any case.

    Examples
    --------
    >>> RetryPolicy(attempts=3)
    RetryPolicy(attempts=3, base_seconds=0.5, max_seconds=30.0, total_seconds=600.0)
    >>> RetryPolicy(attempts=0)
    Traceback (most recent call last):
    ValueError: attempts is 0: it counts the first request too, so it is at least 1
    """

    attempts: int = 8
    base_seconds: float = 0.5
    max_seconds: float = 30.0
    total_seconds: float = 600.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts is {self.attempts}: it counts the first request too, so it is at least 1")
        for name in ("base_seconds", "max_seconds", "total_seconds"):
            seconds = getattr(self, name)
            if not (math.isfinite(seconds) and seconds >= 0):
                raise ValueError(f"{name} is {seconds}: it is a number of seconds, 0 or more")


DEFAULT_RETRY_POLICY: Final = RetryPolicy()


@dataclass(frozen=True, kw_only=True, slots=True)
class Again:
    """The decision to try once more.

    Parameters
    ----------
    wait_seconds : float
        Not before so many seconds have passed.
    """

    wait_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Tries:
    """What has been tried for an event.

    Parameters
    ----------
    number : int, default 1
        Attempts that count, the last one included; those of an outage and those for which the rate limit had no room
        do not.
    attempts : int, default 1
        All attempts.
    elapsed_seconds : float, default 0.0
        Since the first of those that count.
    doubt : str or None, default None
        The error code of an earlier attempt that may have arrived.
    """

    number: int = 1
    attempts: int = 1
    elapsed_seconds: float = 0.0
    doubt: str | None = None


def decide(
    result: Answer | TransportError,
    *,
    tries: Tries,
    policy: RetryPolicy,
    jitter: float,
) -> Verdict | Again:
    """Decide what becomes of an event after an attempt.

    Parameters
    ----------
    result : Answer or TransportError
        What came of the attempt.
    tries : Tries
        What has been tried already.
    policy : RetryPolicy
        How often to try.
    jitter : float
        A random number, at least 0 and less than 1.

    Returns
    -------
    Verdict or Again
        The end of it, or the wait until the next attempt.
    """
    if isinstance(result, Answer) and not is_passing(result):
        return judge(result)
    # The wait is not counted: what the server asks for is waited for, and has a bound of its own.
    if tries.number >= policy.attempts or tries.elapsed_seconds >= policy.total_seconds:
        return judge_spent(result, attempts=tries.attempts, doubt=tries.doubt)
    return Again(wait_seconds=_wait_seconds(result, number=tries.number, policy=policy, jitter=jitter))


def _wait_seconds(result: Answer | TransportError, *, number: int, policy: RetryPolicy, jitter: float) -> float:
    backoff = jitter * min(policy.max_seconds, policy.base_seconds * 2 ** min(number - 1, 32))
    asked = _asked_seconds(result) if isinstance(result, Answer) else 0.0
    # Jitter on top of what was asked for: after a reset, nobody wants to see everyone at once.
    return asked + jitter * policy.base_seconds if asked > backoff else backoff


def is_passing(answer: Answer) -> bool:
    """Tell whether what an answer complains of may have gone by the time of another attempt.

    Parameters
    ----------
    answer : Answer
        Any answer.

    Returns
    -------
    bool
        True for 408, 429 and every status from 500.
    """
    passing = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
    return answer.status in passing or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR


def is_failure(result: Answer | TransportError) -> bool:
    """Tell whether the service could not do its work.

    Parameters
    ----------
    result : Answer or TransportError
        What came of an attempt.

    Returns
    -------
    bool
        True for no answer, and for one that passes with time; False where only the rate limit was in the way.
    """
    return not isinstance(result, Answer) or (is_passing(result) and not is_rate_limited(result))


def is_rate_limited(result: Answer | TransportError) -> bool:
    """Tell whether only the rate limit was in the way.

    Parameters
    ----------
    result : Answer or TransportError
        What came of an attempt.

    Returns
    -------
    bool
        True for a 429 that does not say that requests are left: with such it means that the service is overloaded.
    """
    if not isinstance(result, Answer) or result.status != HTTPStatus.TOO_MANY_REQUESTS:
        return False
    rate = read_rate(result)
    return rate is None or not rate.remaining


def _asked_seconds(answer: Answer) -> float:
    return max(read_retry_after(answer) or 0.0, _window_seconds(answer))


def _window_seconds(answer: Answer) -> float:
    """Return the seconds until the window is new, if the answer is a 429 for a spent one."""
    seconds = seconds_to_reset(read_rate(answer), read_date(answer)) if is_rate_limited(answer) else None
    return min(seconds or 0.0, MAX_WINDOW_WAIT_SECONDS)
