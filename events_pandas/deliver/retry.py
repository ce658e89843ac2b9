"""Which failures pass, how long to wait for them, and when to give up. Pure: jitter comes in as an argument."""

import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from events_pandas.deliver.answers import Answer, TransportError, read_date, read_rate, read_retry_after
from events_pandas.deliver.verdicts import Verdict, judge, judge_spent

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

    Raises
    ------
    ValueError
        If there is no first attempt, or a time is negative or not finite.

    Notes
    -----
    The wait is drawn between zero and the bound ("full jitter"), so that rows that failed together do not come back
    together. What the server asks for (``Retry-After``, the reset of a spent window) is waited for in any case.

    Examples
    --------
    >>> RetryPolicy(attempts=3)
    RetryPolicy(attempts=3, base_seconds=0.5, max_seconds=30.0)
    >>> RetryPolicy(attempts=0)
    Traceback (most recent call last):
    ValueError: attempts is 0: it counts the first request too, so it is at least 1
    """

    attempts: int = 8
    base_seconds: float = 0.5
    max_seconds: float = 30.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts is {self.attempts}: it counts the first request too, so it is at least 1")
        for name in ("base_seconds", "max_seconds"):
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


def decide(
    result: Answer | TransportError, *, attempt: int, policy: RetryPolicy, jitter: float, doubt: str | None = None
) -> Verdict | Again:
    """Decide what becomes of an event after an attempt.

    Parameters
    ----------
    result : Answer or TransportError
        What came of the attempt.
    attempt : int
        Its number, from 1.
    policy : RetryPolicy
        How often to try.
    jitter : float
        A random number, at least 0 and less than 1.
    doubt : str or None, default None
        The error code of an earlier attempt that may have arrived.

    Returns
    -------
    Verdict or Again
        The end of it, or the wait until the next attempt.
    """
    if isinstance(result, Answer) and not is_passing(result):
        return judge(result)
    if attempt >= policy.attempts:
        return judge_spent(result, attempts=attempt, doubt=doubt)
    backoff = jitter * min(policy.max_seconds, policy.base_seconds * 2 ** min(attempt - 1, 32))
    asked = _asked_seconds(result) if isinstance(result, Answer) else 0.0
    # Jitter on top of what was asked for: after a reset, nobody wants to see everyone at once.
    return Again(wait_seconds=asked + jitter * policy.base_seconds if asked > backoff else backoff)


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


def _asked_seconds(answer: Answer) -> float:
    return max(read_retry_after(answer) or 0.0, _window_seconds(answer))


def _window_seconds(answer: Answer) -> float:
    """Return the seconds until the window is new, if the answer is a 429 for a spent one."""
    rate, date = read_rate(answer), read_date(answer)
    if answer.status != HTTPStatus.TOO_MANY_REQUESTS or rate is None or date is None or rate.remaining:
        return 0.0
    return min(max(rate.reset - date, 0.0), MAX_WINDOW_WAIT_SECONDS)
