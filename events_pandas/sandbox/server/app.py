"""The sandbox as an ASGI application: the API, the page to look at it, and the control of both."""

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final, TypeAlias

from starlette.datastructures import QueryParams
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from events_pandas.sandbox.endpoints.answers import Answer, refused, reply
from events_pandas.sandbox.page import Page
from events_pandas.sandbox.rules.refusals import ACCESS_TOKEN_INVALID, HOST_NOT_ALLOWED, TOO_LARGE, Refusal
from events_pandas.sandbox.server.api import LARGEST_BODY, Api, Call, Decision
from events_pandas.sandbox.server.control import CONTROL_PATH, Control
from events_pandas.sandbox.server.forms import joined_headers, plain_path
from events_pandas.sandbox.server.hosts import is_allowed
from events_pandas.sandbox.server.wire import Connection, drop, send_reply

_LOGGER: Final = logging.getLogger("events_pandas.sandbox")

_Said: TypeAlias = Decision | Response
"""What is said to a request: by Intercom or the control, or by the page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxApp:
    """Answer as Intercom does, and show what was answered.

    Parameters
    ----------
    api : Api
        What Intercom has.
    control : Control
        The settings.
    page : Page
        What people look at.
    hosts : frozenset of str or None
        The names by which the sandbox may be asked; None for any.

    Notes
    -----
    What goes wrong in the sandbox itself, such as a disk that is full, is logged to ``events_pandas.sandbox`` and
    answered 500 ``sandbox_error``.
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
            said = await self._said(scope, body)
        except Exception as error:
            # Neither path nor body: they name people.
            _LOGGER.exception("the sandbox itself failed, and answers 500")
            said = self._refusal(scope, _failure(error))
        if isinstance(said, Response):
            await said(scope, receive, send)
        else:
            await self._send(said, Connection.of_request(scope, receive, send))

    async def _said(self, scope: Scope, body: bytes) -> _Said:
        call = self._call(scope, body)
        if not is_allowed(call.headers.get(b"host"), self.hosts):
            return self._refusal(scope, HOST_NOT_ALLOWED)
        if call.path == CONTROL_PATH:
            return Decision(reply=reply(self._control_answer(call), now=call.received_at))
        if self._is_for_the_page(scope):
            known = call.headers.get(b"if-none-match", b"").decode("latin-1")
            return self.page.answer(call.path, QueryParams(call.query), base_url=call.base_url, if_none_match=known)
        return await self._decision(call)

    async def _decision(self, call: Call) -> Decision:
        # Half of the latency is the way here, half the way back: the window counts in between.
        pause_seconds = self.api.plan.latency_seconds() / 2
        if pause_seconds > 0:
            await asyncio.sleep(pause_seconds)
            call = replace(call, received_at=self._now())
        decision = self.api.decide(call, uptime=time.monotonic())
        if pause_seconds > 0:
            await asyncio.sleep(pause_seconds)
        return decision

    async def _send(self, decision: Decision, connection: Connection) -> None:
        if decision.reply is None:
            await drop(connection)
        else:
            trickle_seconds = self.api.plan.faults.trickle_seconds
            await send_reply(decision.reply, connection, fault=decision.fault, trickle_seconds=trickle_seconds)

    def _control_answer(self, call: Call) -> Answer:
        if not self.api.is_authorized(call.headers):
            return refused(ACCESS_TOKEN_INVALID)
        if len(call.body) > LARGEST_BODY:
            return refused(TOO_LARGE)
        return self.control.answer(call.method, call.body, uptime=time.monotonic())

    def _refusal(self, scope: Scope, refusal: Refusal) -> _Said:
        """Refuse a request in the form that whoever asks can read."""
        if self._is_for_the_page(scope):
            # Bytes: the text of an error may have what UTF-8 has not.
            return PlainTextResponse(refusal.message.encode(errors="backslashreplace"), refusal.status)
        return Decision(reply=reply(refused(refusal), now=self._now()))

    def _is_for_the_page(self, scope: Scope) -> bool:
        return scope["method"] in {"GET", "HEAD"} and self.page.handles(scope["path"])

    def _now(self) -> float:
        return self.api.plan.server_time(time.time())

    def _call(self, scope: Scope, body: bytes) -> Call:
        address, port = scope["server"]
        return Call(
            method=scope["method"],
            path=plain_path(scope.get("raw_path") or scope["path"].encode()),
            query=scope["query_string"],
            headers=joined_headers(scope["headers"]),
            body=body,
            host=f"{address}:{port}",
            received_at=self._now(),
        )


def _failure(error: Exception) -> Refusal:
    reason = str(error) or type(error).__name__
    return Refusal(
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        code="sandbox_error",
        message=f"the sandbox itself failed: {reason}",
    )


async def _body(receive: Receive) -> bytes | None:
    """Read a request to its end; return the beginning of a body that is too large, and None if the client left."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        if len(body) <= LARGEST_BODY:
            body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)
