"""What an answer means for its event, in words that an analyst can act on."""

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
    speaks_of_contact,
)
from events_pandas.deliver.outcomes import Status

STOP_CODES: Final[Mapping[int, str]] = MappingProxyType(
    {HTTPStatus.UNAUTHORIZED: "unauthorized", HTTPStatus.FORBIDDEN: "forbidden"}
)
"""The statuses after which no request of this run can succeed, and the error code of the rows that they leave."""
SAFE_TO_REPEAT: Final = "submit the row again: should it have arrived, Intercom ignores the repeat"

# The last part of the address, where it can be an id and nothing else: a message must not hold anything else.
_CANONICAL: Final = re.compile(
    r'<[^<>]*/([A-Za-z0-9_-]{1,64})>\s*(?:;[^;,]*)*?;\s*rel\s*=\s*(?:canonical(?=[\s;,]|$)|"(?:[^"]*\s)?canonical[\s"])',
    re.IGNORECASE,
)
_LONGEST_LINK: Final = 2_000
_FIRST_REDIRECT: Final = 300
_FIRST_CLIENT_ERROR: Final = 400


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
        error_message=f"{what_happened(result)}; {tried}. {_what_next(code)}",
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


def quote(http_status: int, complaint: Complaint) -> str:
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
    >>> quote(404, Complaint(code="not_found", message="User Not Found"))
    '404 Not Found, not_found: User Not Found'
    """
    said = ": ".join(part for part in (complaint.code, complaint.message) if part)
    return f"{phrase(http_status)}, {said}" if said else phrase(http_status)


def what_happened(result: Answer | TransportError) -> str:
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
    >>> what_happened(Answer(status=503))
    'the last answer was 503 Service Unavailable'
    """
    if isinstance(result, TransportError):
        return str(result)
    return f"the last answer was {quote(result.status, read_complaint(result))}"


def _judge_wrong_address(complaint: Complaint) -> tuple[Status, str, str]:
    said = quote(HTTPStatus.NOT_FOUND, complaint)
    message = f"the answer was {said}, which does not speak of a contact: check region and base_url"
    return Status.REJECTED, complaint.code or "http_404", message


def _next_step(answer: Answer) -> str:
    """Return what helps after a refusal: an analyst does not see the header that names the contact of a 410."""
    link = answer.headers.get(LINK_HEADER, "") if answer.status == HTTPStatus.GONE else ""
    if not (canonical := _CANONICAL.search(link[:_LONGEST_LINK])):
        return "mend the row, then submit it again"
    return f"the contact was merged into the contact whose id is {canonical[1]}: submit the row with that id"


def _judge_refusal(http_status: int, complaint: Complaint, *, next_step: str) -> tuple[Status, str, str]:
    said = quote(http_status, complaint)
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


def _harmless_code(result: Answer | TransportError) -> str:
    if isinstance(result, TransportError):
        return "not_connected"
    return "rate_limited" if result.status == HTTPStatus.TOO_MANY_REQUESTS else "request_timeout"


def _what_next(code: str) -> str:
    if code in {"no_answer", "server_error"}:
        return f"It may have arrived all the same; {SAFE_TO_REPEAT}"
    return "It did not arrive; submit the row again later"
