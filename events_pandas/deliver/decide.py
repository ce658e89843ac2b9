"""What an answer means for its event, in words that an analyst can act on."""

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
    Complaint,
    TransportError,
    phrase,
    read_complaint,
    read_date,
    read_rate,
    read_retry_after,
    seconds_to_reset,
    speaks_of_contact,
)
from events_pandas.deliver.outcomes import Status

STOP_CODES: Final[Mapping[int, str]] = MappingProxyType(
    {HTTPStatus.UNAUTHORIZED: "unauthorized", HTTPStatus.FORBIDDEN: "forbidden"}
)
"""The statuses after which no request of this run can succeed, and the error code of the rows that they leave."""
SAFE_TO_REPEAT: Final = "submit the row again: should it have arrived, Intercom ignores the repeat"
MAX_WINDOW_WAIT_SECONDS: Final = 60.0
"""The longest that a rate limit's reset is waited for, whatever the header says."""
# The last part of the address, where it can be an id and nothing else: a message must not hold anything else.
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The end of an event's way.

    Parameters
    ----------
    status : Status
        What became of it.
    http_status : int or None
        The answer's status; None without an answer.
    error_code : str or None
        A word for the cause; None if accepted.
    error_message : str or None
        What happened and what to do next; None if accepted.
    request_id : str or None
        Intercom's name for the request.
    """

    status: Status
    http_status: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """The decision to try once more.

    Parameters
    ----------
    wait_seconds : float
        Not before so many seconds have passed.
    """

    wait_seconds: float


def decide(
    result: Answer | TransportError,
    *,
    tries: Tries,
    policy: RetryPolicy,
    jitter: float,
) -> Verdict | Retry:
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
    Verdict or Retry
        The end of it, or the wait until the next attempt.
    """
    if isinstance(result, Answer) and not is_passing(result):
        return judge(result)
    # The wait is not counted: what the server asks for is waited for, and has a bound of its own.
    if tries.number >= policy.attempts or tries.elapsed_seconds >= policy.total_seconds:
        return judge_spent(result, attempts=tries.attempts, doubt=tries.doubt)
    return Retry(wait_seconds=_wait_seconds(result, number=tries.number, policy=policy, jitter=jitter))


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


def is_wrong_address(answer: Answer) -> bool:
    """Tell whether an answer says that there is nothing at the address.

    Parameters
    ----------
    answer : Answer
        What an event was answered.

    Returns
    -------
    bool
        True for a 404 that does not speak of a user or contact: of a proxy, of another server, of a wrong path.
    """
    return answer.status == HTTPStatus.NOT_FOUND and not speaks_of_contact(answer)


def judge(answer: Answer) -> Verdict:
    """Judge an answer that is final.

    Parameters
    ----------
    answer : Answer
        An answer whose status does not pass with time.

    Returns
    -------
    Verdict
        ``accepted`` for 202, and for nothing else; ``unknown_contact`` for a 404 that speaks of a user or contact;
        ``not_submitted`` for 401 and 403, which are no fault of the row; ``rejected`` for the rest.
    """
    if answer.status == HTTPStatus.ACCEPTED:
        return Verdict(status=Status.ACCEPTED, http_status=answer.status)
    complaint = read_complaint(answer)
    status, code, message = (
        _judge_wrong_address(complaint)
        if is_wrong_address(answer)
        else _judge_refusal(answer.status, complaint, next_step=_next_step(answer))
    )
    return Verdict(
        status=status,
        http_status=answer.status,
        error_code=code,
        error_message=message,
        request_id=complaint.request_id,
    )


def judge_spent(result: Answer | TransportError, *, attempts: int, doubt: str | None = None) -> Verdict:
    """Judge an event whose attempts are spent.

    Parameters
    ----------
    result : Answer or TransportError
        What came of the last attempt.
    attempts : int
        How many there were.
    doubt : str or None, default None
        The error code of an earlier attempt that may have arrived; it outweighs a last one that did not.

    Returns
    -------
    Verdict
        ``failed``, with an error code that says whether the event may have arrived.
    """
    code = read_doubt(result) or doubt or _harmless_code(result)
    tried = "1 attempt was made" if attempts == 1 else f"{attempts} attempts were made"
    return Verdict(
        status=Status.FAILED,
        http_status=result.status if isinstance(result, Answer) else None,
        error_code=code,
        error_message=f"{describe_failure(result)}; {tried}. {_what_next(code)}",
        request_id=read_complaint(result).request_id if isinstance(result, Answer) else None,
    )


def read_doubt(result: Answer | TransportError) -> str | None:
    """Read from a passing failure whether the event may have arrived.

    Parameters
    ----------
    result : Answer or TransportError
        What came of an attempt.

    Returns
    -------
    str or None
        ``"no_answer"`` or ``"server_error"`` if it may have arrived; None if it did not.
    """
    if isinstance(result, TransportError):
        return "no_answer" if result.may_have_arrived else None
    return "server_error" if result.status >= HTTPStatus.INTERNAL_SERVER_ERROR else None


def describe_answer(http_status: int, complaint: Complaint) -> str:
    """Return an answer in one line.

    Parameters
    ----------
    http_status : int
        Its status.
    complaint : Complaint
        What it says.

    Returns
    -------
    str
        The status, then Intercom's code and message as far as there are any.

    Examples
    --------
    >>> describe_answer(404, Complaint(code="not_found", message="User Not Found"))
    '404 Not Found, not_found: User Not Found'
    """
    said = ": ".join(part for part in (complaint.code, complaint.message) if part)
    return f"{phrase(http_status)}, {said}" if said else phrase(http_status)


def describe_failure(result: Answer | TransportError) -> str:
    """Return a passing failure in one line.

    Parameters
    ----------
    result : Answer or TransportError
        What came of an attempt.

    Returns
    -------
    str
        What the transport says, or what was answered.

    Examples
    --------
    >>> describe_failure(Answer(status=503))
    'the last answer was 503 Service Unavailable'
    """
    if isinstance(result, TransportError):
        return str(result)
    return f"the last answer was {describe_answer(result.status, read_complaint(result))}"


def _wait_seconds(result: Answer | TransportError, *, number: int, policy: RetryPolicy, jitter: float) -> float:
    backoff = jitter * min(policy.max_seconds, policy.base_seconds * 2 ** min(number - 1, 32))
    asked = _asked_seconds(result) if isinstance(result, Answer) else 0.0
    # Jitter on top of what was asked for: after a reset, nobody wants to see everyone at once.
    return asked + jitter * policy.base_seconds if asked > backoff else backoff


def _asked_seconds(answer: Answer) -> float:
    return max(read_retry_after(answer) or 0.0, _window_seconds(answer))


def _window_seconds(answer: Answer) -> float:
    """Return the seconds until the window is new, if the answer is a 429 for a spent one."""
    seconds = seconds_to_reset(read_rate(answer), read_date(answer)) if is_rate_limited(answer) else None
    return min(seconds or 0.0, MAX_WINDOW_WAIT_SECONDS)


def _judge_wrong_address(complaint: Complaint) -> tuple[Status, str, str]:
    said = describe_answer(HTTPStatus.NOT_FOUND, complaint)
    message = f"the answer was {said}, which does not speak of a contact: check region and base_url"
    return Status.REJECTED, complaint.code or "http_404", message


def _judge_refusal(http_status: int, complaint: Complaint, *, next_step: str) -> tuple[Status, str, str]:
    said = describe_answer(http_status, complaint)
    if http_status in STOP_CODES:
        message = f"Intercom refused the access token ({said}); the row itself was not judged: submit it again"
        return Status.NOT_SUBMITTED, STOP_CODES[http_status], message
    if http_status == HTTPStatus.NOT_FOUND:
        message = (
            f"Intercom knows no such contact ({said}): create it or mend the identifier, then submit the row again"
        )
        return Status.UNKNOWN_CONTACT, complaint.code or "not_found", message
    if http_status >= _FIRST_CLIENT_ERROR:
        message = f"Intercom rejected the event ({said}): {next_step}"
        return Status.REJECTED, complaint.code or f"http_{http_status}", message
    if http_status >= _FIRST_REDIRECT:
        message = f"redirects are not followed, as the access token would go along ({said}): check region and base_url"
        return Status.REJECTED, "redirect", message
    message = f"Intercom accepts an event with 202, but this was answered {said}: check that base_url is Intercom's"
    return Status.REJECTED, "unexpected_answer", message


def _next_step(answer: Answer) -> str:
    """Return what helps after a refusal: an analyst does not see the header that names the contact of a 410."""
    link = answer.headers.get(LINK_HEADER, "") if answer.status == HTTPStatus.GONE else ""
    if not (canonical := _CANONICAL.search(link[:_LONGEST_LINK])):
        return "mend the row, then submit it again"
    return f"the contact was merged into the contact whose id is {canonical[1]}: submit the row with that id"


def _harmless_code(result: Answer | TransportError) -> str:
    if isinstance(result, TransportError):
        return "not_connected"
    return "rate_limited" if result.status == HTTPStatus.TOO_MANY_REQUESTS else "request_timeout"


def _what_next(code: str) -> str:
    if code in {"no_answer", "server_error"}:
        return f"It may have arrived all the same; {SAFE_TO_REPEAT}"
    return "It did not arrive; submit the row again later"
