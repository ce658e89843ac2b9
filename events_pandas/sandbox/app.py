"""The sandbox as an ASGI application: a request in, Intercom's answer out."""

import asyncio
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from events_pandas import intercom
from events_pandas.sandbox import refusals
from events_pandas.sandbox.answers import Answer, refused, response
from events_pandas.sandbox.faults import FaultPlan
from events_pandas.sandbox.refusals import Refusal
from events_pandas.sandbox.window import Allowance, RateWindow
from events_pandas.sandbox.workspace import Outcome, Submission, Workspace

LARGEST_BODY: Final = 1_000_000
"""Bytes of a request; a larger one is answered 413."""

_SUBMIT: Final = ("POST", intercom.EVENTS_PATH)
_IDENTIFY: Final = ("GET", intercom.ME_PATH)
_WORD: Final = re.compile(r"[!-~]+")
_ACCEPTABLE: Final = frozenset({b"application/json", b"application/*", b"*/*"})


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxApp:
    """Answer as Intercom does.

    Parameters
    ----------
    workspace : Workspace
        Where events go.
    window : RateWindow
        The rate limit.
    plan : FaultPlan
        What goes wrong.
    access_token : str
        The token that requests have to carry.

    Raises
    ------
    ValueError
        If the token cannot stand in a header.

    Notes
    -----
    Two paths need no router; Starlette's would answer a wrong method with 405, where Intercom says 404.
    """

    workspace: Workspace
    window: RateWindow
    plan: FaultPlan
    access_token: str = field(repr=False)

    def __post_init__(self) -> None:
        if not _WORD.fullmatch(self.access_token):
            raise ValueError("access_token must be one word of visible ASCII characters")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        body = await _body(receive)
        if body is None:
            return
        # Half of the latency is the way here, half the way back: the window counts in between.
        pause_seconds = self.plan.latency_seconds() / 2
        await _pause(pause_seconds)
        answered = self._respond(scope, body)
        await _pause(pause_seconds)
        if answered is None:
            await _drop(scope, receive)
        else:
            await answered(scope, receive, send)

    def _respond(self, scope: Scope, body: bytes) -> Response | None:
        now = time.time()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        route = (scope["method"], scope["path"])
        is_authorized = headers.get(b"authorization") == f"Bearer {self.access_token}".encode()
        allowance = self.window.spend(now) if is_authorized else None
        refusal = self._refusal_at_the_door(headers, allowance) or _request_refusal(route, body)
        answer = refused(refusal) if refusal else self._answer(scope["path"], body)
        if route == _SUBMIT:
            self.workspace.record(
                Submission(
                    received_at=now,
                    body=body,
                    http_status=answer.status,
                    outcome=answer.outcome,
                    error=answer.refusal,
                )
            )
        return response(answer, allowance)

    def _refusal_at_the_door(self, headers: Mapping[bytes, bytes], allowance: Allowance | None) -> Refusal | None:
        if allowance is None:
            return refusals.ACCESS_TOKEN_INVALID
        if not allowance.is_admitted:
            return refusals.over_the_limit(allowance.limit, window_seconds=self.window.window_seconds)
        if not _accepts_json(headers.get(b"accept", b"")):
            return refusals.NOT_ACCEPTABLE
        return None

    def _answer(self, path: str, body: bytes) -> Answer:
        fault = self.plan.next_fault(path, body)
        if isinstance(fault, int):
            return refused(refusals.chosen_refusal(fault), outcome=Outcome.FAILED)
        if fault == "drop_before":
            return Answer(status=None, outcome=Outcome.FAILED)
        answer = self._kept(body) if path == intercom.EVENTS_PATH else self._identity()
        return replace(answer, status=None) if fault == "drop_after" else answer

    def _kept(self, body: bytes) -> Answer:
        verdict = self.workspace.submit(body)
        return refused(verdict) if isinstance(verdict, Refusal) else Answer(status=202, outcome=verdict)

    def _identity(self) -> Answer:
        return Answer(status=200, content=json.dumps(self.workspace.admin()).encode())


def _request_refusal(route: tuple[str, str], body: bytes) -> Refusal | None:
    if route not in (_SUBMIT, _IDENTIFY):
        return refusals.RESOURCE_NOT_FOUND
    return refusals.TOO_LARGE if len(body) > LARGEST_BODY else None


def _accepts_json(accept: bytes) -> bool:
    media_types = (media_range.partition(b";")[0].strip().lower() for media_range in accept.split(b","))
    return not _ACCEPTABLE.isdisjoint(media_types)


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


async def _drop(scope: Scope, receive: Receive) -> None:
    """Close the connection without an answer."""
    scope["state"]["transport"].abort()
    # The next message is the disconnection. Before it, the server would answer 500 for the answer that is missing.
    await receive()
