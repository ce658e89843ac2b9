"""The API: it decides on each request and carries it out. `wire` sends the response."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from events_pandas import intercom
from events_pandas.sandbox.endpoints.replies import HttpResponse, Reply, make_response, with_content
from events_pandas.sandbox.endpoints.routes import Request, find_endpoint
from events_pandas.sandbox.faults import FaultPlan
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

    def decide(self, request: Request, *, uptime: float) -> HttpResponse | None:
        """Decide on a request and carry it out. None closes the connection; `uptime` is by the plan's clock."""
        if self.plan.is_outage(uptime):
            return self._refuse(request, refusals.chosen_refusal(503), SubmissionOutcome.FAILED)
        if not self.is_authorized(request.headers):
            return self._refuse(request, refusals.ACCESS_TOKEN_INVALID, SubmissionOutcome.REFUSED)
        if self.plan.faults.token_revoked:
            return self._refuse(request, refusals.TOKEN_REVOKED, SubmissionOutcome.FAILED)
        # Only requests with a valid token are counted.
        allowance = self.window.spend(request.now)
        if allowance.is_admitted:
            refusal = _request_refusal(request)
        else:
            refusal = refusals.over_the_limit(allowance.limit, window_seconds=self.window.window_seconds)
        if refusal:
            return self._refuse(request, refusal, SubmissionOutcome.REFUSED, allowance=allowance)
        return self._carry_out(request, allowance)

    def _carry_out(self, request: Request, allowance: Allowance) -> HttpResponse | None:
        fault = self.plan.next_fault(request.method, request.path, request.body)
        if isinstance(fault, int):
            return self._refuse(request, refusals.chosen_refusal(fault), SubmissionOutcome.FAILED, allowance=allowance)
        if fault == "drop_before":
            self._log(request, None, SubmissionOutcome.FAILED)
            return None
        reply = self._reply(request, is_answered=fault not in _UNANSWERED, is_lost=fault == "lose")
        if fault == "drop_after":
            return None
        response = self._response(request, reply, allowance)
        if fault == "garbage":
            response = with_content(response, self.plan.garbage(request.body))
        return replace(response, fault=fault) if fault else response

    def _refuse(
        self, request: Request, refusal: Refusal, outcome: SubmissionOutcome, *, allowance: Allowance | None = None
    ) -> HttpResponse:
        """Refuse a request that is not judged."""
        self._log(request, refusal, outcome)
        return self._response(request, refusal, allowance)

    def _log(self, request: Request, refusal: Refusal | None, outcome: SubmissionOutcome) -> None:
        """Log a submission that is not judged; without a refusal its connection is closed."""
        if request.is_submission:
            self.workspace.log_unjudged(request.body, received_at=request.now, outcome=outcome, refusal=refusal)

    def _reply(self, request: Request, *, is_answered: bool, is_lost: bool) -> Reply | Refusal:
        if request.is_submission:
            verdict = self.workspace.submit(
                request.body, received_at=request.now, is_answered=is_answered, is_lost=is_lost
            )
            return verdict if isinstance(verdict, Refusal) else Reply(status=202)
        endpoint = find_endpoint(request.method, request.path)
        return endpoint(self.workspace, request) if endpoint else refusals.RESOURCE_NOT_FOUND

    def _response(self, request: Request, reply: Reply | Refusal, allowance: Allowance | None) -> HttpResponse:
        shown = allowance if self.plan.faults.rate_headers else None
        version = _asked_version(request) or intercom.API_VERSION
        return make_response(reply, now=request.now, allowance=shown, version=version)


def _asked_version(request: Request) -> str | None:
    """Return the version of the API that a request asks for; None if there is no such version."""
    return _VERSIONS.get(request.headers.get(b"intercom-version", _OWN_VERSION).lower())


def _request_refusal(request: Request) -> Refusal | None:
    if not accepts_json(request.headers.get(b"accept", b"")):
        return refusals.NOT_ACCEPTABLE
    if _asked_version(request) is None:
        return refusals.VERSION_INVALID
    if not request.is_submission and find_endpoint(request.method, request.path) is None:
        return refusals.RESOURCE_NOT_FOUND
    return refusals.TOO_LARGE if len(request.body) > LARGEST_BODY else None
