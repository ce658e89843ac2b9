"""Replies of the endpoints, and the HTTP responses that carry them."""

import functools
import uuid
from dataclasses import dataclass, replace
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, TypeAlias, TypeVar

from events_pandas import intercom
from events_pandas.sandbox.faults import Fault
from events_pandas.sandbox.rules.refusals import Refusal, error_list
from events_pandas.sandbox.rules.window import Allowance

Header: TypeAlias = tuple[bytes, bytes]
"""A header's name, in lower case, and its value."""

_Granted = TypeVar("_Granted")

_GATEWAY_PAGE: Final = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
# A 401 does not know the workspace yet; a 502 comes from a gateway that never knew it.
_WITHOUT_RATE_HEADERS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.BAD_GATEWAY})
_JSON: Final = b"application/json"
_HTML: Final = b"text/html; charset=utf-8"
_LIMIT, _REMAINING, _RESET = (
    name.lower().encode() for name in (intercom.LIMIT_HEADER, intercom.REMAINING_HEADER, intercom.RESET_HEADER)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """The reply to a request that is not refused: a status, and a body in JSON or none."""

    status: int
    content: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpResponse:
    """A response as it goes out, and the fault with which it is sent. Its headers lack only the content's length."""

    status: int
    headers: list[Header]
    content: bytes
    fault: Fault | None = None


class RefusedError(Exception):
    """Ends the work on a request that is refused."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def granted(result: _Granted | Refusal) -> _Granted:
    """Return a result that is not a refusal; otherwise raise `RefusedError`."""
    if isinstance(result, Refusal):
        raise RefusedError(result)
    return result


def make_response(
    reply: Reply | Refusal, *, now: float, allowance: Allowance | None = None, version: str = intercom.API_VERSION
) -> HttpResponse:
    """Return the response to a reply, with Intercom's headers; a refusal becomes an ``error.list``.

    `now` is the server's time in Unix seconds. `allowance` is None for a request without a valid token, and if the
    rate-limit headers are left out.
    """
    request_id = str(uuid.uuid4())
    headers = [(b"date", _http_date(int(now))), (b"x-request-id", request_id.encode())]
    if allowance is not None and reply.status not in _WITHOUT_RATE_HEADERS:
        headers += _rate_headers(reply.status, allowance)
    if reply.status == HTTPStatus.BAD_GATEWAY:
        return HttpResponse(status=reply.status, headers=[*headers, (b"content-type", _HTML)], content=_GATEWAY_PAGE)
    headers.append((b"intercom-version", version.encode()))
    content = error_list(reply, request_id=request_id) if isinstance(reply, Refusal) else reply.content
    if content:
        headers.append((b"content-type", _JSON))
    if isinstance(reply, Refusal) and reply.link:
        headers.append((b"link", reply.link.encode()))
    return HttpResponse(status=reply.status, headers=headers, content=content)


def with_content(response: HttpResponse, content: bytes) -> HttpResponse:
    """Return a response with another body, which says that it is JSON."""
    headers = [(name, value) for name, value in response.headers if name != b"content-type"]
    return replace(response, headers=[*headers, (b"content-type", _JSON)], content=content)


def _rate_headers(status: int, allowance: Allowance) -> list[Header]:
    # A 429 within the limit means "overloaded": clients recognise it by the requests that are left.
    least = 1 if status == HTTPStatus.TOO_MANY_REQUESTS and allowance.is_admitted else 0
    return [
        (_LIMIT, b"%d" % allowance.limit),
        (_REMAINING, b"%d" % max(allowance.remaining, least)),
        (_RESET, b"%d" % allowance.reset_seconds),
    ]


@functools.lru_cache(maxsize=2)
def _http_date(unix_seconds: int) -> bytes:
    return formatdate(unix_seconds, usegmt=True).encode()
