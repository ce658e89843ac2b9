"""The sandbox as an ASGI application: the API, the page to look at it, and the control of both."""

import asyncio
import time
from dataclasses import dataclass

from starlette.datastructures import QueryParams
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from events_pandas.sandbox.endpoints.answers import Answer, refused, reply
from events_pandas.sandbox.page import Page
from events_pandas.sandbox.rules.refusals import ACCESS_TOKEN_INVALID, HOST_NOT_ALLOWED, TOO_LARGE
from events_pandas.sandbox.server.api import LARGEST_BODY, Api, Call
from events_pandas.sandbox.server.control import CONTROL_PATH, Control
from events_pandas.sandbox.server.hosts import is_allowed
from events_pandas.sandbox.server.wire import Connection, drop, send_reply


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
        The names by which page and control may be asked for; None for any.
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
        connection = Connection.of_request(scope, receive, send)
        if scope["path"] == CONTROL_PATH:
            await send_reply(reply(self._control_answer(self._call(scope, body)), now=time.time()), connection)
        elif scope["method"] in {"GET", "HEAD"} and self.page.handles(scope["path"]):
            await self._page_response(self._call(scope, body))(scope, receive, send)
        else:
            await self._answer_as_intercom(scope, body, connection)

    async def _answer_as_intercom(self, scope: Scope, body: bytes, connection: Connection) -> None:
        # Half of the latency is the way here, half the way back: the window counts in between.
        pause_seconds = self.api.plan.latency_seconds() / 2
        await _pause(pause_seconds)
        decision = self.api.decide(self._call(scope, body), uptime=time.monotonic())
        await _pause(pause_seconds)
        if decision.reply is None:
            await drop(connection)
        else:
            trickle_seconds = self.api.plan.faults.trickle_seconds
            await send_reply(decision.reply, connection, fault=decision.fault, trickle_seconds=trickle_seconds)

    def _control_answer(self, call: Call) -> Answer:
        if not is_allowed(call.headers.get(b"host", b""), self.hosts):
            return refused(HOST_NOT_ALLOWED)
        if not self.api.is_authorized(call.headers):
            return refused(ACCESS_TOKEN_INVALID)
        if len(call.body) > LARGEST_BODY:
            return refused(TOO_LARGE)
        return self.control.answer(call.method, call.body, uptime=time.monotonic())

    def _page_response(self, call: Call) -> Response:
        if not is_allowed(call.headers.get(b"host", b""), self.hosts):
            return PlainTextResponse(HOST_NOT_ALLOWED.message, HOST_NOT_ALLOWED.status)
        known = call.headers.get(b"if-none-match", b"").decode("latin-1")
        return self.page.answer(call.path, QueryParams(call.query), base_url=call.base_url, if_none_match=known)

    def _call(self, scope: Scope, body: bytes) -> Call:
        address, port = scope["server"]
        return Call(
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"],
            headers=dict(scope["headers"]),
            body=body,
            host=f"{address}:{port}",
            received_at=self.api.plan.server_time(time.time()),
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


async def _pause(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)
