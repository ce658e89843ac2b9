"""What an answer means for its event: another attempt, or an end in words that an analyst can act on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from events_pandas.deliver.client.answers import Attempt
from events_pandas.deliver.journal import OtherAcceptance, Written
from events_pandas.deliver.outcomes import Status
from events_pandas.errors import JournalError
from events_pandas.words import counted

STOP_CODES: Final[Mapping[int, str]] = MappingProxyType(
    {HTTPStatus.UNAUTHORIZED: "unauthorized", HTTPStatus.FORBIDDEN: "forbidden"}
)
"""Statuses after which no request of this run can succeed, and the error codes of the rows left behind."""
SAFE_TO_REPEAT: Final = "submit the row again: if it has arrived, Intercom ignores the repeat"

_FIRST_REDIRECT: Final = 300
_FIRST_CLIENT_ERROR: Final = 400
# The codes of failed events that certainly did not arrive, by the status of the last answer.
_HARMLESS_CODES: Final[Mapping[int | None, str]] = MappingProxyType(
    {None: "not_connected", HTTPStatus.TOO_MANY_REQUESTS: "rate_limited", HTTPStatus.REQUEST_TIMEOUT: "request_timeout"}
)


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
class Verdict:
    """The end of an event. An accepted event has neither an error code nor a message."""

    status: Status
    http_status: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    request_id: str | None = None


NOT_RECORDED: Final = Verdict(
    status=Status.FAILED,
    http_status=HTTPStatus.ACCEPTED,
    error_code="not_recorded",
    error_message=(
        "Intercom accepted the event, but it could not be written into the journal, so a later run does not know it: "
        f"{SAFE_TO_REPEAT}"
    ),
)
"""The end of an event that was answered 202 and is not in the journal."""
_ACCEPTED: Final = Verdict(status=Status.ACCEPTED, http_status=HTTPStatus.ACCEPTED)
# Another run was answered 202 first, for the same event or for one with other metadata.
_ALREADY_SUBMITTED: Final = Verdict(status=Status.ALREADY_SUBMITTED, http_status=HTTPStatus.ACCEPTED)
_DUPLICATE: Final = Verdict(
    status=Status.DUPLICATE,
    http_status=HTTPStatus.ACCEPTED,
    error_code="accepted_with_other_metadata",
    error_message=(
        "at the same time another run sent an event with the same contact, event name and second, but other "
        "metadata, and both were answered 202: Intercom keeps the one that arrived first"
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """The decision to try once more, after at least `wait_seconds`."""

    wait_seconds: float


def decide(
    attempt: Attempt,
    *,
    policy: RetryPolicy,
    jitter: float,
    # Attempts that count, with the last one. Not counted: attempts in an outage, and refusals by the rate limit.
    tries: int = 1,
    # All attempts.
    attempts: int = 1,
    # Since the first attempt that counts.
    elapsed_seconds: float = 0.0,
    # The error code of an earlier attempt that may have arrived.
    doubt: str | None = None,
) -> Verdict | Retry:
    """Decide after an attempt: end the event with a verdict, or try it again.

    `jitter` is at least 0 and less than 1.
    """
    if not attempt.kind.passes:
        return judge(attempt)
    # The wait does not count: the waits that the server asks for have a bound of their own.
    if tries >= policy.attempts or elapsed_seconds >= policy.total_seconds:
        return judge_spent(attempt, attempts=attempts, doubt=doubt)
    backoff = jitter * min(policy.max_seconds, policy.base_seconds * 2 ** min(tries - 1, 32))
    asked = attempt.asked_seconds
    # Jitter is added to the wait that was asked for, so that requests do not all come at once after a reset.
    return Retry(wait_seconds=asked + jitter * policy.base_seconds if asked > backoff else backoff)


def judge(attempt: Attempt) -> Verdict:
    """Judge a final answer.

    Only 202 is ``accepted``; a 404 that speaks of a contact is ``unknown_contact``; 401 and 403 are ``not_submitted``,
    as they are not the row's fault; all others are ``rejected``.
    """
    http_status = attempt.status or 0
    if http_status == HTTPStatus.ACCEPTED:
        return _ACCEPTED
    status, code, message = _judge_refusal(attempt, http_status)
    return Verdict(
        status=status,
        http_status=http_status,
        error_code=code,
        error_message=message,
        request_id=attempt.request_id,
    )


def judge_spent(attempt: Attempt, *, attempts: int, doubt: str | None = None) -> Verdict:
    """Judge an event whose attempts are spent: ``failed``, with a code that says whether it may have arrived.

    The `doubt` of an earlier attempt counts more than a last attempt that did not arrive.
    """
    doubt = attempt.doubt or doubt
    tried = counted(attempts, "attempt was made", "attempts were made")
    next_step = f"It may have arrived; {SAFE_TO_REPEAT}" if doubt else "It did not arrive; submit the row again later"
    return Verdict(
        status=Status.FAILED,
        http_status=attempt.status,
        error_code=doubt or _HARMLESS_CODES[attempt.status],
        error_message=f"{attempt.failure}; {tried}. {next_step}",
        request_id=attempt.request_id,
    )


def judge_recorded(written: Written) -> Verdict:
    """Judge an event that was answered 202, now that the journal has dealt with it.

    It is ``already_submitted`` or ``duplicate`` if another run was answered 202 first, and ``failed`` if it could not
    be written.
    """
    match written:
        case OtherAcceptance(is_same=is_same):
            return _ALREADY_SUBMITTED if is_same else _DUPLICATE
        case JournalError():
            return NOT_RECORDED
    return _ACCEPTED


def _judge_refusal(attempt: Attempt, http_status: int) -> tuple[Status, str, str]:
    said = attempt.said
    if attempt.is_wrong_address:
        message = f"the answer was {said}, which is not about a contact: check the region and the address"
        return Status.REJECTED, attempt.code or "http_404", message
    if http_status in STOP_CODES:
        message = f"Intercom refused the access token ({said}); the row itself was not judged: submit it again"
        return Status.NOT_SUBMITTED, STOP_CODES[http_status], message
    if http_status == HTTPStatus.NOT_FOUND:
        message = (
            f"Intercom does not know the contact ({said}): create it or fix the identifier, then submit the row again"
        )
        return Status.UNKNOWN_CONTACT, attempt.code or "not_found", message
    if http_status >= _FIRST_CLIENT_ERROR:
        message = f"Intercom rejected the event ({said}): {_next_step(attempt)}"
        return Status.REJECTED, attempt.code or f"http_{http_status}", message
    if http_status >= _FIRST_REDIRECT:
        message = f"redirects are not followed, to protect the access token ({said}): check the region and the address"
        return Status.REJECTED, "redirect", message
    message = f"Intercom accepts an event with 202, but the answer was {said}: check that the address is Intercom's"
    return Status.REJECTED, "unexpected_answer", message


def _next_step(attempt: Attempt) -> str:
    """Return what helps after a refusal. An analyst does not see the header that names the contact of a 410."""
    if attempt.merged_into is None:
        return "fix the row, then submit it again"
    merged = f"the contact was merged into the contact with the id {attempt.merged_into}"
    return f"{merged}: submit the row with that id, in a column that id= of the mapping reads"
