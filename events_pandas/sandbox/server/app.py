"""The sandbox as an ASGI application: the API, the page and the control, for requests to one of its own names."""

import asyncio
import ipaddress
import logging
import time
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from starlette.datastructures import QueryParams
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from events_pandas.loopback import is_loopback
from events_pandas.sandbox.endpoints.replies import HttpResponse, Reply, make_response
from events_pandas.sandbox.endpoints.routes import Request
from events_pandas.sandbox.page import Page
from events_pandas.sandbox.rules.refusals import ACCESS_TOKEN_INVALID, HOST_NOT_ALLOWED, TOO_LARGE, Refusal
from events_pandas.sandbox.server.api import LARGEST_BODY, Api
from events_pandas.sandbox.server.control import CONTROL_PATH, Control
from events_pandas.sandbox.server.wire import ClientConnection, drop, joined_headers, plain_path, send_response

_LOGGER: Final = logging.getLogger("events_pandas.sandbox")
_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})

_AnyResponse: TypeAlias = HttpResponse | Response | None
"""The response to a request: from the API or the control, or from the page. None closes the connection."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxApp:
    """Answer as Intercom does, and show what was received.

    `hosts` are the names by which the sandbox may be asked; None for any. A failure of the sandbox itself, such as a
    full disk, is logged to ``events_pandas.sandbox`` and answered 500 ``sandbox_error``.
    """

    api: Api
    control: Control
    page: Page
    hosts: frozenset[str] | None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        body = await _body(receive)
        if body is None:
            return
        try:
            response = await self._respond(scope, body)
        except Exception as error:
            # The log has neither path nor body: they name people.
            _LOGGER.exception("the sandbox itself failed, and answers 500")
            message = f"the sandbox itself failed: {str(error) or type(error).__name__}"
            response = self._refusal(scope, Refusal(status=500, code="sandbox_error", message=message))
        if isinstance(response, Response):
            await response(scope, receive, send)
            return
        connection = ClientConnection.of_request(scope, receive, send)
        if response is None:
            await drop(connection)
        else:
            await send_response(response, connection, trickle_seconds=self.api.plan.faults.trickle_seconds)

    async def _respond(self, scope: Scope, body: bytes) -> _AnyResponse:
        request = self._request(scope, body)
        if not is_allowed(request.headers.get(b"host"), self.hosts):
            return self._refusal(scope, HOST_NOT_ALLOWED)
        if request.path == CONTROL_PATH:
            return make_response(self._control_reply(request), now=request.now)
        if self._is_for_the_page(scope):
            etag = request.headers.get(b"if-none-match", b"").decode("latin-1")
            # In another thread: the server goes on while a large workspace is counted.
            return await asyncio.to_thread(
                self.page.answer, request.path, request.query, base_url=request.base_url, if_none_match=etag
            )
        return await self._api_response(request)

    async def _api_response(self, request: Request) -> HttpResponse | None:
        # Half of the latency is the way here, half the way back. The window counts in between.
        pause_seconds = self.api.plan.latency_seconds() / 2
        if pause_seconds > 0:
            await asyncio.sleep(pause_seconds)
            request = replace(request, now=self._now())
        response = self.api.decide(request, uptime=time.monotonic())
        if pause_seconds > 0:
            await asyncio.sleep(pause_seconds)
        return response

    def _control_reply(self, request: Request) -> Reply | Refusal:
        if not self.api.is_authorized(request.headers):
            return ACCESS_TOKEN_INVALID
        if len(request.body) > LARGEST_BODY:
            return TOO_LARGE
        return self.control.answer(request.method, request.body, uptime=time.monotonic())

    def _refusal(self, scope: Scope, refusal: Refusal) -> _AnyResponse:
        """Refuse a request: as text for the page, otherwise in Intercom's form."""
        if self._is_for_the_page(scope):
            # Encoded here: the text of an error may have characters that UTF-8 lacks.
            return PlainTextResponse(refusal.message.encode(errors="backslashreplace"), refusal.status)
        return make_response(refusal, now=self._now())

    def _is_for_the_page(self, scope: Scope) -> bool:
        return scope["method"] in {"GET", "HEAD"} and self.page.handles(scope["path"])

    def _now(self) -> float:
        return self.api.plan.server_time(time.time())

    def _request(self, scope: Scope, body: bytes) -> Request:
        address, port = scope["server"]
        headers = joined_headers(scope["headers"])
        query = scope["query_string"]
        return Request(
            method=scope["method"],
            path=plain_path(scope.get("raw_path") or scope["path"].encode()),
            query=QueryParams(query) if query else {},
            body=body,
            base_url=f"http://{headers.get(b'host', b'').decode('latin-1') or f'{address}:{port}'}",
            now=self._now(),
            searched_until=self._now() - self.api.plan.faults.search_lag_seconds,
            headers=headers,
        )


def checked_host(host: object) -> str:
    """Return an address or a name to listen on; raise ValueError if no network could know it."""
    if not isinstance(host, str) or not host.strip() or not _is_name(host):
        # An empty host would listen on every address.
        raise ValueError(f"host must be an address or a name, such as '127.0.0.1' or 'localhost', not {host!r}")
    return host


def reachable_host(host: str) -> str:
    """Return the host for the URL of a sandbox that listens on `host`, with an IPv6 address in brackets.

    Nobody can connect to the address that stands for all addresses: the loopback's takes its place.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"  # noqa: PLR2004  # The version of the protocol.
    return f"[{host}]" if ":" in host else host


def allowed_hosts(host: str) -> frozenset[str] | None:
    """Return the names in the Host header that the sandbox answers to; None for any.

    On the loopback these are its own names.
    """
    # Another site can point a name of its own to the loopback (DNS rebinding). The browser would take that site for
    # the sandbox, and let it read everything. The Host header gives the other name away.
    if not is_loopback(host):
        return None
    return _LOOPBACK_NAMES | {reachable_host(host).lower()}


def is_allowed(host_header: bytes | None, allowed: frozenset[str] | None) -> bool:
    """Return whether a request came by one of the allowed names, with or without a port.

    HTTP/1.0 allows a request without a Host header, which is allowed here too: browsers always send one.
    """
    if allowed is None or host_header is None:
        return True
    text = host_header.decode("latin-1").lower()
    name, colon, port = text.rpartition(":")
    return (name if colon and port.isdigit() else text) in allowed


def _is_name(host: str) -> bool:
    try:
        # A socket does the same.
        host.encode("idna")
    except UnicodeError:
        return False
    return host.isprintable()


async def _body(receive: Receive) -> bytes | None:
    """Read a request to its end; keep only the beginning of a body that is too large. None: the client left."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        if len(body) <= LARGEST_BODY:
            body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)
