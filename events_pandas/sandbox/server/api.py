"""The API: it decides on each request and carries it out. `wire` sends the response."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from starlette.datastructures import QueryParams

from events_pandas import intercom
from events_pandas.sandbox.endpoints.replies import HttpResponse, Reply, make_response, refused, with_content
from events_pandas.sandbox.endpoints.routes import Request, find_endpoint
from events_pandas.sandbox.faults import SUBMIT, Fault, FaultPlan
from events_pandas.sandbox.rules import refusals
from events_pandas.sandbox.rules.refusals import Refusal
from events_pandas.sandbox.rules.window import Allowance, RateWindow
from events_pandas.sandbox.server.wire import accepts_json, read_credentials, token_credentials
from events_pandas.sandbox.workspace.workspace import SubmissionOutcome, Workspace

LARGEST_BODY: Final = 1_000_000
"""Bytes of a request; a larger one is answered 413."""

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

_EarlyRefusal: TypeAlias = tuple[Refusal, SubmissionOutcome]
"""Why a request is answered without being judged, and its outcome in the log of the submissions."""

_OUTAGE: Final[_EarlyRefusal] = (refusals.chosen_refusal(503), SubmissionOutcome.FAILED)


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpRequest:
    """A request as it arrived. `received_at` is the server's time in Unix seconds."""

    # `path` is decoded and plain: without double slashes, and without one at its end. `headers` have names in lower
    # case. `body` is only the beginning if it is too large. `host` is the sandbox's name and port, used if there is
    # no Host header.

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
        return (self.method, self.path) == SUBMIT

    @property
    def base_url(self) -> str:
        """The address by which the client knows the sandbox, without a slash at its end."""
        return f"http://{self.headers.get(b'host', b'').decode('latin-1') or self.host}"


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedResponse:
    """The response to a request, or None to close the connection; and the fault with which it is sent."""

    response: HttpResponse | None
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

    def decide(self, request: HttpRequest, *, uptime: float) -> PlannedResponse:
        """Decide on a request, and carry it out. `uptime` is the time by the plan's clock."""
        is_outage = self.plan.is_outage(uptime)
        allowance = None if is_outage else self._allowance(request)
        early = _OUTAGE if is_outage else self._early_refusal(request, allowance)
        return self._refuse_early(request, early, allowance) if early else self._carry_out(request, allowance)

    def _allowance(self, request: HttpRequest) -> Allowance | None:
        """Count a request; only those with a valid token are counted."""
        is_valid = self.is_authorized(request.headers) and not self.plan.faults.token_revoked
        return self.window.spend(request.received_at) if is_valid else None

    def _early_refusal(self, request: HttpRequest, allowance: Allowance | None) -> _EarlyRefusal | None:
        if not self.is_authorized(request.headers):
            return refusals.ACCESS_TOKEN_INVALID, SubmissionOutcome.REFUSED
        if allowance is None:
            return refusals.TOKEN_REVOKED, SubmissionOutcome.FAILED
        refusal = self._limit_refusal(allowance) or _request_refusal(request)
        return (refusal, SubmissionOutcome.REFUSED) if refusal else None

    def _limit_refusal(self, allowance: Allowance) -> Refusal | None:
        if allowance.is_admitted:
            return None
        return refusals.over_the_limit(allowance.limit, window_seconds=self.window.window_seconds)

    def _carry_out(self, request: HttpRequest, allowance: Allowance | None) -> PlannedResponse:
        fault = self.plan.next_fault(request.method, request.path, request.body)
        if isinstance(fault, int):
            return self._refuse_early(request, (refusals.chosen_refusal(fault), SubmissionOutcome.FAILED), allowance)
        if fault == "drop_before":
            self._log(request, None, SubmissionOutcome.FAILED)
            return PlannedResponse(response=None)
        reply = self._reply(request, is_answered=fault not in _UNANSWERED)
        if fault == "drop_after":
            return PlannedResponse(response=None)
        response = self._response(request, reply, allowance)
        if fault == "garbage":
            response = with_content(response, self.plan.garbage(request.body))
        return PlannedResponse(response=response, fault=fault)

    def _refuse_early(self, request: HttpRequest, early: _EarlyRefusal, allowance: Allowance | None) -> PlannedResponse:
        refusal, outcome = early
        self._log(request, refusal, outcome)
        return PlannedResponse(response=self._response(request, refused(refusal), allowance))

    def _log(self, request: HttpRequest, refusal: Refusal | None, outcome: SubmissionOutcome) -> None:
        """Log a submission that is not judged; without a refusal its connection is closed."""
        if request.is_submission:
            status = refusal.status if refusal else None
            self.workspace.log_unjudged(
                request.body, received_at=request.received_at, outcome=outcome, http_status=status, refusal=refusal
            )

    def _reply(self, request: HttpRequest, *, is_answered: bool) -> Reply:
        if request.is_submission:
            verdict = self.workspace.submit(request.body, received_at=request.received_at, is_answered=is_answered)
            return refused(verdict) if isinstance(verdict, Refusal) else Reply(status=202)
        endpoint = find_endpoint(request.method, request.path)
        return (
            endpoint(self.workspace, _endpoint_request(request)) if endpoint else refused(refusals.RESOURCE_NOT_FOUND)
        )

    def _response(self, request: HttpRequest, reply: Reply, allowance: Allowance | None) -> HttpResponse:
        shown = allowance if self.plan.faults.rate_headers else None
        version = _VERSIONS.get(request.headers.get(b"intercom-version", _OWN_VERSION).lower(), intercom.API_VERSION)
        return make_response(reply, now=request.received_at, allowance=shown, version=version)


def _endpoint_request(request: HttpRequest) -> Request:
    return Request(
        method=request.method,
        path=request.path,
        query=QueryParams(request.query),
        body=request.body,
        base_url=request.base_url,
        now=request.received_at,
    )


def _request_refusal(request: HttpRequest) -> Refusal | None:
    if not accepts_json(request.headers.get(b"accept", b"")):
        return refusals.NOT_ACCEPTABLE
    if request.headers.get(b"intercom-version", _OWN_VERSION).lower() not in _VERSIONS:
        return refusals.VERSION_INVALID
    if not request.is_submission and find_endpoint(request.method, request.path) is None:
        return refusals.RESOURCE_NOT_FOUND
    return refusals.TOO_LARGE if len(request.body) > LARGEST_BODY else None
