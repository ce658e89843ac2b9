"""The API: which answer a request gets. How it is sent is another matter."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from starlette.datastructures import QueryParams

from events_pandas import intercom
from events_pandas.sandbox import refusals
from events_pandas.sandbox.answers import Answer, Reply, refused, reply, with_content
from events_pandas.sandbox.endpoints import Request, find_endpoint
from events_pandas.sandbox.fault_plan import FaultPlan
from events_pandas.sandbox.faults import Fault
from events_pandas.sandbox.ledger import Outcome
from events_pandas.sandbox.refusals import Refusal
from events_pandas.sandbox.window import Allowance, RateWindow
from events_pandas.sandbox.workspace import Workspace

LARGEST_BODY: Final = 1_000_000
"""Bytes of a request; a larger one is answered 413."""

_SUBMIT: Final = ("POST", intercom.EVENTS_PATH)
_WORD: Final = re.compile(r"[!-~]+")
_ACCEPTABLE: Final = frozenset({b"application/json", b"application/*", b"*/*"})
_VERSIONS: Final[Mapping[bytes, str]] = {
    version.lower().encode(): version
    for version in (
        *(f"1.{minor}" for minor in range(5)),
        *(f"2.{minor}" for minor in range(18)),
        "Preview",
        "Unstable",
    )
}
# Neither is sent: the client waits for an answer in vain.
_UNANSWERED: Final = frozenset({"drop_after", "no_answer"})

_TurnedAway: TypeAlias = tuple[Refusal, Outcome]
"""Why a request is answered without being judged, and what is said of it in the log of the submissions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A request as it arrived.

    Parameters
    ----------
    method : str
        In capitals.
    path : str
        The path, decoded.
    query : bytes
        What stands behind the question mark.
    headers : mapping of bytes to bytes
        By their names in lower case.
    body : bytes
        To its end, or the beginning of one that is too large.
    host : str
        The name that the sandbox goes by where there is no Host header, with its port.
    """

    method: str
    path: str
    query: bytes
    headers: Mapping[bytes, bytes]
    body: bytes
    host: str

    @property
    def is_submission(self) -> bool:
        """Return whether an event is submitted.

        Returns
        -------
        bool
            True for ``POST /events``.
        """
        return (self.method, self.path) == _SUBMIT

    @property
    def base_url(self) -> str:
        """Return the address that the client knows the sandbox by.

        Returns
        -------
        str
            Without a slash at its end.
        """
        return f"http://{self.headers.get(b'host', b'').decode('latin-1') or self.host}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What is said to a request, and how.

    Parameters
    ----------
    reply : Reply or None
        None when the connection is closed instead.
    fault : int or str, optional
        What goes wrong on the way.
    """

    reply: Reply | None
    fault: Fault | None = None


class Api:
    """Decide on requests as Intercom does.

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
    A few paths need no router; Starlette's would answer a wrong method with 405, where Intercom says 404.
    """

    def __init__(self, *, workspace: Workspace, window: RateWindow, plan: FaultPlan, access_token: str) -> None:
        if not _WORD.fullmatch(access_token):
            raise ValueError("access_token must be one word of visible ASCII characters")
        self.workspace = workspace
        self.window = window
        self.plan = plan
        self._authorization = f"Bearer {access_token}".encode()

    def is_authorized(self, headers: Mapping[bytes, bytes]) -> bool:
        """Return whether a request carries the token.

        Parameters
        ----------
        headers : mapping of bytes to bytes
            Of the request.

        Returns
        -------
        bool
            True also for a token that is revoked.
        """
        return headers.get(b"authorization") == self._authorization

    def decide(self, call: Call, *, now: float, uptime: float) -> Decision:
        """Decide on a request, and do what it asks for.

        Parameters
        ----------
        call : Call
            The request.
        now : float
            The server's time, in Unix seconds.
        uptime : float
            The time by the plan's clock.

        Returns
        -------
        Decision
            What to say, and how.
        """
        allowance = self._allowance(call, now, uptime)
        away = self._turned_away(call, allowance, uptime)
        fault = None if away else self.plan.next_fault(call.method, call.path, call.body)
        if isinstance(fault, int):
            away, fault = (refusals.chosen_refusal(fault), Outcome.FAILED), None
        if away or fault == "drop_before":
            self._log(call, now, away)
        if fault == "drop_before":
            return Decision(reply=None)
        answer = refused(away[0]) if away else self._answer(call, now, fault)
        if fault == "drop_after":
            return Decision(reply=None)
        return Decision(reply=self._reply(call, answer, allowance, now=now, fault=fault), fault=fault)

    def _allowance(self, call: Call, now: float, uptime: float) -> Allowance | None:
        """Count a request; only those with a valid token are counted, and none that meets an outage."""
        is_counted = self.is_authorized(call.headers) and not self.plan.faults.token_revoked
        return self.window.spend(now) if is_counted and not self.plan.is_out(uptime) else None

    def _turned_away(self, call: Call, allowance: Allowance | None, uptime: float) -> _TurnedAway | None:
        if self.plan.is_out(uptime):
            return refusals.chosen_refusal(503), Outcome.FAILED
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

    def _log(self, call: Call, now: float, away: _TurnedAway | None) -> None:
        """Remember a submission that is not judged; without a reason its connection is closed."""
        if call.is_submission:
            refusal, outcome = away or (None, Outcome.FAILED)
            self.workspace.turn_away(
                call.body,
                received_at=now,
                outcome=outcome,
                http_status=refusal.status if refusal else None,
                refusal=refusal,
            )

    def _answer(self, call: Call, now: float, fault: Fault | None) -> Answer:
        if call.is_submission:
            verdict = self.workspace.submit(call.body, received_at=now, is_answered=fault not in _UNANSWERED)
            return refused(verdict) if isinstance(verdict, Refusal) else Answer(status=202)
        endpoint = find_endpoint(call.method, call.path)
        if endpoint is None:
            return refused(refusals.RESOURCE_NOT_FOUND)
        request = Request(
            method=call.method,
            path=call.path,
            query=QueryParams(call.query),
            body=call.body,
            base_url=call.base_url,
            now=now,
        )
        return endpoint(self.workspace, request)

    def _reply(
        self, call: Call, answer: Answer, allowance: Allowance | None, *, now: float, fault: Fault | None
    ) -> Reply:
        told = allowance if self.plan.faults.rate_headers else None
        version = _VERSIONS.get(call.headers.get(b"intercom-version", b"").lower(), intercom.API_VERSION)
        whole = reply(answer, now=now, allowance=told, version=version)
        return with_content(whole, self.plan.garbage(call.body)) if fault == "garbage" else whole


def _request_refusal(call: Call) -> Refusal | None:
    if not _accepts_json(call.headers.get(b"accept", b"")):
        return refusals.NOT_ACCEPTABLE
    if call.headers.get(b"intercom-version", b"2.14").lower() not in _VERSIONS:
        return refusals.VERSION_INVALID
    if not call.is_submission and find_endpoint(call.method, call.path) is None:
        return refusals.RESOURCE_NOT_FOUND
    return refusals.TOO_LARGE if len(call.body) > LARGEST_BODY else None


def _accepts_json(accept: bytes) -> bool:
    media_types = (media_range.partition(b";")[0].strip().lower() for media_range in accept.split(b","))
    return not _ACCEPTABLE.isdisjoint(media_types)
