"""The API: it decides on each request, and does what the request asks for. Sending the response is `wire`'s part."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from starlette.datastructures import QueryParams

from events_pandas import intercom
from events_pandas.sandbox.endpoints.answers import Answer, Reply, refused, reply, with_content
from events_pandas.sandbox.endpoints.routes import Request, find_endpoint
from events_pandas.sandbox.faults import Fault, FaultPlan
from events_pandas.sandbox.rules import refusals
from events_pandas.sandbox.rules.refusals import Refusal
from events_pandas.sandbox.rules.window import Allowance, RateWindow
from events_pandas.sandbox.server.wire import accepts_json, read_credentials, token_credentials
from events_pandas.sandbox.workspace.workspace import Outcome, Workspace

LARGEST_BODY: Final = 1_000_000
"""Bytes of a request; a larger one is answered 413."""

_SUBMIT: Final = ("POST", intercom.EVENTS_PATH)
_WORD: Final = re.compile(r"[!-~]+")
_OWN_VERSION: Final = intercom.API_VERSION.encode()
_VERSIONS: Final[Mapping[bytes, str]] = {
    version.lower().encode(): version
    for version in (
        *(f"1.{minor}" for minor in range(5)),
        *(f"2.{minor}" for minor in range(18)),
        "Preview",
        "Unstable",
    )
}
# With these faults the client gets no answer.
_UNANSWERED: Final = frozenset({"drop_after", "no_answer"})

_TurnedAway: TypeAlias = tuple[Refusal, Outcome]
"""Why a request is answered without being judged, and its outcome in the log of the submissions."""

_OUTAGE: Final[_TurnedAway] = (refusals.chosen_refusal(503), Outcome.FAILED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A request as it arrived.

    `path` is decoded and plain: without double slashes, and without one at its end. `headers` have names in lower case.
    `body` is only the beginning if it is too large. `host` is the sandbox's name and port, used if there is no Host
    header. `received_at` is the server's time in Unix seconds.
    """

    method: str
    path: str
    query: bytes
    headers: Mapping[bytes, bytes]
    body: bytes
    host: str
    received_at: float

    @property
    def is_submission(self) -> bool:
        """Whether the request submits an event: ``POST /events``."""
        return (self.method, self.path) == _SUBMIT

    @property
    def base_url(self) -> str:
        """The address by which the client knows the sandbox, without a slash at its end."""
        return f"http://{self.headers.get(b'host', b'').decode('latin-1') or self.host}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The response to a request, or None to close the connection; and the fault that strikes it on the way."""

    reply: Reply | None
    fault: Fault | None = None


class Api:
    """Decide on requests as Intercom does.

    A few paths need no router; Starlette's would answer a wrong method with 405, where Intercom says 404. ValueError:
    the token cannot stand in a header.
    """

    def __init__(self, *, workspace: Workspace, window: RateWindow, plan: FaultPlan, access_token: str) -> None:
        if not _WORD.fullmatch(access_token):
            raise ValueError("access_token must be one word of visible ASCII characters")
        self.workspace = workspace
        self.window = window
        self.plan = plan
        self._credentials = token_credentials(access_token)

    def is_authorized(self, headers: Mapping[bytes, bytes]) -> bool:
        """Return whether a request carries the token, as a bearer or as the user of HTTP Basic, even if revoked."""
        return read_credentials(headers.get(b"authorization", b"")) in self._credentials

    def decide(self, call: Call, *, uptime: float) -> Decision:
        """Decide on a request, and do what it asks for. `uptime` is the time by the plan's clock."""
        is_out = self.plan.is_out(uptime)
        allowance = None if is_out else self._allowance(call)
        away = _OUTAGE if is_out else self._refusal_at_the_door(call, allowance)
        return self._turn_away(call, away, allowance) if away else self._carry_out(call, allowance)

    def _allowance(self, call: Call) -> Allowance | None:
        """Count a request; only those with a valid token are counted."""
        is_valid = self.is_authorized(call.headers) and not self.plan.faults.token_revoked
        return self.window.spend(call.received_at) if is_valid else None

    def _refusal_at_the_door(self, call: Call, allowance: Allowance | None) -> _TurnedAway | None:
        if not self.is_authorized(call.headers):
            return refusals.ACCESS_TOKEN_INVALID, Outcome.REFUSED
        if allowance is None:
            return refusals.TOKEN_REVOKED, Outcome.FAILED
        refusal = self._limit_refusal(allowance) or _request_refusal(call)
        return (refusal, Outcome.REFUSED) if refusal else None

    def _limit_refusal(self, allowance: Allowance) -> Refusal | None:
        if allowance.is_admitted:
            return None
        return refusals.over_the_limit(allowance.limit, window_seconds=self.window.window_seconds)

    def _carry_out(self, call: Call, allowance: Allowance | None) -> Decision:
        fault = self.plan.next_fault(call.method, call.path, call.body)
        if isinstance(fault, int):
            return self._turn_away(call, (refusals.chosen_refusal(fault), Outcome.FAILED), allowance)
        if fault == "drop_before":
            self._log(call, None, Outcome.FAILED)
            return Decision(reply=None)
        answer = self._answer(call, is_answered=fault not in _UNANSWERED)
        if fault == "drop_after":
            return Decision(reply=None)
        whole = self._reply(call, answer, allowance)
        if fault == "garbage":
            whole = with_content(whole, self.plan.garbage(call.body))
        return Decision(reply=whole, fault=fault)

    def _turn_away(self, call: Call, away: _TurnedAway, allowance: Allowance | None) -> Decision:
        refusal, outcome = away
        self._log(call, refusal, outcome)
        return Decision(reply=self._reply(call, refused(refusal), allowance))

    def _log(self, call: Call, refusal: Refusal | None, outcome: Outcome) -> None:
        """Log a submission that is not judged; without a refusal its connection is closed."""
        if call.is_submission:
            status = refusal.status if refusal else None
            self.workspace.turn_away(
                call.body, received_at=call.received_at, outcome=outcome, http_status=status, refusal=refusal
            )

    def _answer(self, call: Call, *, is_answered: bool) -> Answer:
        if call.is_submission:
            verdict = self.workspace.submit(call.body, received_at=call.received_at, is_answered=is_answered)
            return refused(verdict) if isinstance(verdict, Refusal) else Answer(status=202)
        endpoint = find_endpoint(call.method, call.path)
        return endpoint(self.workspace, _request(call)) if endpoint else refused(refusals.RESOURCE_NOT_FOUND)

    def _reply(self, call: Call, answer: Answer, allowance: Allowance | None) -> Reply:
        told = allowance if self.plan.faults.rate_headers else None
        version = _VERSIONS.get(call.headers.get(b"intercom-version", _OWN_VERSION).lower(), intercom.API_VERSION)
        return reply(answer, now=call.received_at, allowance=told, version=version)


def _request(call: Call) -> Request:
    return Request(
        method=call.method,
        path=call.path,
        query=QueryParams(call.query),
        body=call.body,
        base_url=call.base_url,
        now=call.received_at,
    )


def _request_refusal(call: Call) -> Refusal | None:
    if not accepts_json(call.headers.get(b"accept", b"")):
        return refusals.NOT_ACCEPTABLE
    if call.headers.get(b"intercom-version", _OWN_VERSION).lower() not in _VERSIONS:
        return refusals.VERSION_INVALID
    if not call.is_submission and find_endpoint(call.method, call.path) is None:
        return refusals.RESOURCE_NOT_FOUND
    return refusals.TOO_LARGE if len(call.body) > LARGEST_BODY else None
