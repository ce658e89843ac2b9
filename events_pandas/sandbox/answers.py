"""Answers, and how they look on the wire."""

import functools
import time
import uuid
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from events_pandas import intercom
from events_pandas.sandbox.refusals import Refusal, error_list
from events_pandas.sandbox.window import Allowance
from events_pandas.sandbox.workspace import Outcome

_GATEWAY_PAGE: Final = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
# The one does not know the workspace yet, the other comes from a gateway that never knew it.
_WITHOUT_RATE_HEADERS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.BAD_GATEWAY})


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What is said to one request.

    Parameters
    ----------
    status : int or None
        The HTTP status; None when the connection is closed instead.
    outcome : Outcome, default Outcome.KEPT
        What became of a submission; of no meaning for other requests.
    refusal : Refusal, optional
        The error, where there is one.
    content : bytes, default b""
        The body of a good answer, JSON.
    """

    status: int | None
    outcome: Outcome = Outcome.KEPT
    refusal: Refusal | None = None
    content: bytes = b""


def refused(refusal: Refusal, *, outcome: Outcome = Outcome.REFUSED) -> Answer:
    """Return a refusal as an answer.

    Parameters
    ----------
    refusal : Refusal
        The error.
    outcome : Outcome, default Outcome.REFUSED
        ``FAILED`` for a chosen fault.

    Returns
    -------
    Answer
        With the refusal's own status.
    """
    return Answer(status=refusal.status, outcome=outcome, refusal=refusal)


def response(answer: Answer, allowance: Allowance | None) -> Response | None:
    """Return an answer as HTTP.

    Parameters
    ----------
    answer : Answer
        What to say.
    allowance : Allowance, optional
        What the rate limit says; None for a request without a valid token.

    Returns
    -------
    starlette.responses.Response or None
        The response; None when the connection is to be closed instead.
    """
    if answer.status is None:
        return None
    request_id = str(uuid.uuid4())
    headers = {"Date": _http_date(int(time.time())), "X-Request-Id": request_id}
    if allowance is not None and answer.status not in _WITHOUT_RATE_HEADERS:
        headers |= _rate_headers(answer, allowance)
    if answer.status == HTTPStatus.BAD_GATEWAY:
        return Response(_GATEWAY_PAGE, answer.status, headers, "text/html")
    content = error_list(answer.refusal, request_id=request_id) if answer.refusal else answer.content
    return Response(content, answer.status, headers, "application/json" if content else None)


def _rate_headers(answer: Answer, allowance: Allowance) -> dict[str, str]:
    # A 429 that was chosen says "overloaded": clients tell it by the requests that are left.
    least = 1 if answer.outcome is Outcome.FAILED and answer.status == HTTPStatus.TOO_MANY_REQUESTS else 0
    return {
        intercom.LIMIT_HEADER: str(allowance.limit),
        intercom.REMAINING_HEADER: str(max(allowance.remaining, least)),
        intercom.RESET_HEADER: str(allowance.reset_seconds),
    }


@functools.lru_cache(maxsize=2)
def _http_date(unix_seconds: int) -> str:
    return formatdate(unix_seconds, usegmt=True)
