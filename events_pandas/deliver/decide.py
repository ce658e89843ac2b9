"""What an answer means for its event: another attempt, or an end in words that an analyst can act on."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from events_pandas.deliver.client.answers import (
    LINK_HEADER,
    Answer,
    ErrorDetails,
    TransportError,
    phrase,
    read_date,
    read_error_details,
    read_rate,
    read_retry_after,
    seconds_to_reset,
    speaks_of_contact,
)
from events_pandas.deliver.outcomes import Status
from events_pandas.words import counted

STOP_CODES: Final[Mapping[int, str]] = MappingProxyType(
    {HTTPStatus.UNAUTHORIZED: "unauthorized", HTTPStatus.FORBIDDEN: "forbidden"}
)
"""Statuses after which no request of this run can succeed, and the error codes of the rows left behind."""
SAFE_TO_REPEAT: Final = "submit the row again: if it has arrived, Intercom ignores the repeat"
MAX_WINDOW_WAIT_SECONDS: Final = 60.0
"""The longest wait for a reset of the rate limit, whatever the header says."""
# The last part of the address, if it can only be an id: a message must not quote anything else.
_CANONICAL: Final = re.compile(
    r'<[^<>]*/([A-Za-z0-9_-]{1,64})>\s*(?:;[^;,]*)*?;\s*rel\s*=\s*(?:canonical(?=[\s;,]|$)|"(?:[^"]*\s)?canonical[\s"])',
    re.IGNORECASE,
)
_LONGEST_LINK: Final = 2_000
_FIRST_REDIRECT: Final = 300
_FIRST_CLIENT_ERROR: Final = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How often and how patiently a passing failure is tried again.

    Parameters
    ----------
    attempts : int, default 8
        Requests for one event at most, the first included.
    base_seconds : float, default 0.5
        The longest wait before the second attempt. It doubles with every further attempt.
    max_seconds : float, default 30.0
        The wait doubles up to this limit.
    total_seconds : float, default 600.0
        No retry follows a failure that comes later than this after the first attempt.

    Raises
    ------
    ValueError
        If `attempts` is less than 1, or a time is negative or not finite.

    Notes
    -----
    An outage, in which everything fails, is handled separately: events that failed in it start with all their attempts
    again.

    The wait is drawn between zero and the bound ("full jitter"), so that rows that failed together do not come back
    together. If the server asks for a wait (``Retry-After``, the reset of a spent window), the wait is at least that
    long.

    Examples
    --------
    >>> RetryPolicy(attempts=3)
    RetryPolicy(attempts=3, base_seconds=0.5, max_seconds=30.0, total_seconds=600.0)
    >>> RetryPolicy(attempts=0)
    Traceback (most recent call last):
    ValueError: attempts is 0: it must be at least 1, as the first request counts too
    """

    attempts: int = 8
    base_seconds: float = 0.5
    max_seconds: float = 30.0
    total_seconds: float = 600.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts is {self.attempts}: it must be at least 1, as the first request counts too")
        for name in ("base_seconds", "max_seconds", "total_seconds"):
            seconds = getattr(self, name)
            if not (math.isfinite(seconds) and seconds >= 0):
                raise ValueError(f"{name} is {seconds}: it must be a number of seconds, 0 or more")


DEFAULT_RETRY_POLICY: Final = RetryPolicy()


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptCounts:
    """The attempts that were made for an event."""

    # Attempts that count, with the last one. Not counted: attempts in an outage, and refusals by the rate limit.
    number: int = 1
    # All attempts.
    attempts: int = 1
    # Since the first attempt that counts.
    elapsed_seconds: float = 0.0
    # The error code of an earlier attempt that may have arrived.
    doubt: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The end of an event. An accepted event has neither an error code nor a message."""

    status: Status
    http_status: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """The decision to try once more, after at least `wait_seconds`."""

    wait_seconds: float


def decide(
    result: Answer | TransportError,
    *,
    counts: AttemptCounts,
    policy: RetryPolicy,
    jitter: float,
) -> Verdict | Retry:
    """Decide after an attempt: end the event with a verdict, or try it again.

    `jitter` is at least 0 and less than 1.
    """
    if isinstance(result, Answer) and not is_passing(result):
        return judge(result)
    # The wait does not count: the waits that the server asks for have a bound of their own.
    if counts.number >= policy.attempts or counts.elapsed_seconds >= policy.total_seconds:
        return judge_spent(result, attempts=counts.attempts, doubt=counts.doubt)
    return Retry(wait_seconds=_wait_seconds(result, number=counts.number, policy=policy, jitter=jitter))


def is_passing(answer: Answer) -> bool:
    """Return whether another attempt may succeed: after 408, 429 and every status from 500."""
    passing = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
    return answer.status in passing or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR


def is_failure(result: Answer | TransportError) -> bool:
    """Return whether the service could not do its work. A refusal by the rate limit alone is not a failure."""
    return not isinstance(result, Answer) or (is_passing(result) and not is_rate_limited(result))


def is_rate_limited(result: Answer | TransportError) -> bool:
    """Return whether the rate limit alone refused the request.

    A 429 that says that requests are left means an overload instead.
    """
    if not isinstance(result, Answer) or result.status != HTTPStatus.TOO_MANY_REQUESTS:
        return False
    rate = read_rate(result)
    return rate is None or not rate.remaining


def is_wrong_address(answer: Answer) -> bool:
    """Return whether an answer to an event is a 404 that does not speak of a contact.

    It comes from a proxy, another server or a wrong path.
    """
    return answer.status == HTTPStatus.NOT_FOUND and not speaks_of_contact(answer)


def judge(answer: Answer) -> Verdict:
    """Judge a final answer.

    Only 202 is ``accepted``; a 404 that speaks of a contact is ``unknown_contact``; 401 and 403 are ``not_submitted``,
    as they are not the row's fault; all others are ``rejected``.
    """
    if answer.status == HTTPStatus.ACCEPTED:
        return Verdict(status=Status.ACCEPTED, http_status=answer.status)
    details = read_error_details(answer)
    status, code, message = (
        _judge_wrong_address(details)
        if is_wrong_address(answer)
        else _judge_refusal(answer.status, details, next_step=_next_step(answer))
    )
    return Verdict(
        status=status,
        http_status=answer.status,
        error_code=code,
        error_message=message,
        request_id=details.request_id,
    )


def judge_spent(result: Answer | TransportError, *, attempts: int, doubt: str | None = None) -> Verdict:
    """Judge an event whose attempts are spent: ``failed``, with a code that says whether it may have arrived.

    The `doubt` of an earlier attempt counts more than a last attempt that did not arrive.
    """
    code = read_doubt(result) or doubt or _harmless_code(result)
    tried = counted(attempts, "attempt was made", "attempts were made")
    return Verdict(
        status=Status.FAILED,
        http_status=result.status if isinstance(result, Answer) else None,
        error_code=code,
        error_message=f"{describe_failure(result)}; {tried}. {_what_next(code)}",
        request_id=read_error_details(result).request_id if isinstance(result, Answer) else None,
    )


def read_doubt(result: Answer | TransportError) -> str | None:
    """Return ``"no_answer"`` or ``"server_error"`` if the event of a failed attempt may have arrived, else None."""
    if isinstance(result, TransportError):
        return "no_answer" if result.may_have_arrived else None
    return "server_error" if result.status >= HTTPStatus.INTERNAL_SERVER_ERROR else None


def describe_answer(http_status: int, details: ErrorDetails) -> str:
    """Return an answer in one line: ``404 Not Found, not_found: User Not Found``."""
    said = ": ".join(part for part in (details.code, details.message) if part)
    return f"{phrase(http_status)}, {said}" if said else phrase(http_status)


def describe_failure(result: Answer | TransportError) -> str:
    """Return a passing failure in one line."""
    if isinstance(result, TransportError):
        return str(result)
    return f"the last answer was {describe_answer(result.status, read_error_details(result))}"


def _wait_seconds(result: Answer | TransportError, *, number: int, policy: RetryPolicy, jitter: float) -> float:
    backoff = jitter * min(policy.max_seconds, policy.base_seconds * 2 ** min(number - 1, 32))
    asked = _asked_seconds(result) if isinstance(result, Answer) else 0.0
    # Jitter is added to the wait that was asked for, so that requests do not all come at once after a reset.
    return asked + jitter * policy.base_seconds if asked > backoff else backoff


def _asked_seconds(answer: Answer) -> float:
    return max(read_retry_after(answer) or 0.0, _window_seconds(answer))


def _window_seconds(answer: Answer) -> float:
    """Return the seconds until the next window if the answer is a 429 for a spent one."""
    seconds = seconds_to_reset(read_rate(answer), read_date(answer)) if is_rate_limited(answer) else None
    return min(seconds or 0.0, MAX_WINDOW_WAIT_SECONDS)


def _judge_wrong_address(details: ErrorDetails) -> tuple[Status, str, str]:
    said = describe_answer(HTTPStatus.NOT_FOUND, details)
    message = f"the answer was {said}, which is not about a contact: check region and base_url"
    return Status.REJECTED, details.code or "http_404", message


def _judge_refusal(http_status: int, details: ErrorDetails, *, next_step: str) -> tuple[Status, str, str]:
    said = describe_answer(http_status, details)
    if http_status in STOP_CODES:
        message = f"Intercom refused the access token ({said}); the row itself was not judged: submit it again"
        return Status.NOT_SUBMITTED, STOP_CODES[http_status], message
    if http_status == HTTPStatus.NOT_FOUND:
        message = (
            f"Intercom does not know the contact ({said}): create it or fix the identifier, then submit the row again"
        )
        return Status.UNKNOWN_CONTACT, details.code or "not_found", message
    if http_status >= _FIRST_CLIENT_ERROR:
        message = f"Intercom rejected the event ({said}): {next_step}"
        return Status.REJECTED, details.code or f"http_{http_status}", message
    if http_status >= _FIRST_REDIRECT:
        message = f"redirects are not followed, to protect the access token ({said}): check region and base_url"
        return Status.REJECTED, "redirect", message
    message = f"Intercom accepts an event with 202, but the answer was {said}: check that base_url is Intercom's"
    return Status.REJECTED, "unexpected_answer", message


def _next_step(answer: Answer) -> str:
    """Return what helps after a refusal. An analyst does not see the header that names the contact of a 410."""
    link = answer.headers.get(LINK_HEADER, "") if answer.status == HTTPStatus.GONE else ""
    if not (canonical := _CANONICAL.search(link[:_LONGEST_LINK])):
        return "fix the row, then submit it again"
    return f"the contact was merged into the contact with the id {canonical[1]}: submit the row with that id"


def _harmless_code(result: Answer | TransportError) -> str:
    if isinstance(result, TransportError):
        return "not_connected"
    return "rate_limited" if result.status == HTTPStatus.TOO_MANY_REQUESTS else "request_timeout"


def _what_next(code: str) -> str:
    if code in {"no_answer", "server_error"}:
        return f"It may have arrived; {SAFE_TO_REPEAT}"
    return "It did not arrive; submit the row again later"
