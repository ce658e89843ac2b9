"""The first question of a run: whose token is this, and how many requests may it make."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import count
from typing import Any, Final

from events_pandas.deliver.client.answers import Answer, TransportError, read_error_details, read_json
from events_pandas.deliver.clock import Clock
from events_pandas.deliver.decide import (
    DEFAULT_RETRY_POLICY,
    STOP_CODES,
    AttemptCounts,
    Retry,
    RetryPolicy,
    decide,
    describe_answer,
    is_passing,
)
from events_pandas.deliver.pace.observation import read_observation
from events_pandas.deliver.pace.pacer import Pacer
from events_pandas.deliver.stops import Stop, stop_for_answer
from events_pandas.words import escaped

SILENT_SECONDS: Final = 10.0
"""After so long without any answer, Intercom cannot be reached."""
PREFLIGHT_SECONDS: Final = 30.0
"""All attempts together, with the waits that the server asks for: a window of the rate limit is ten seconds."""
LONGEST_WAIT_SECONDS: Final = 15.0
"""The longest wait between two attempts, whatever the server asks for."""
LOOK_SECONDS: Final = 1.0
"""The longest time between two calls of `on_look`, whose errors end the wait."""
NOT_SUBMITTED: Final = "nothing was submitted, try again later"
"""The advice to a run."""

# Pauses that the server does not ask for: short, as a person waits, but long enough to spare the server.
_LONGEST_PAUSE_SECONDS: Final = 2.0
_SHORTEST_PAUSE_SECONDS: Final = 1.0
_QUICK_ATTEMPTS: Final = 2
# With such pauses the time ends the attempts, not their number.
_UNCOUNTED: Final = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkspaceIdentity:
    """The workspace that a token belongs to. A fact that the answer does not name is None."""

    # Intercom's identifier.
    id_code: str | None = None
    # The name that people see.
    name: str | None = None
    # In Intercom's spelling: "EU".
    region: str | None = None


def read_workspace(answer: Answer) -> WorkspaceIdentity | Stop:
    """Read the final answer to ``GET /me``: the workspace, or why no event should be sent."""
    if answer.status in STOP_CODES:
        return stop_for_answer(answer)
    content = read_json(answer)
    if answer.status != HTTPStatus.OK or not content:
        said = describe_answer(answer.status, read_error_details(answer))
        message = (
            f"the answer to the first request, GET /me, was {said}, not one of Intercom's: check region and base_url"
        )
        return Stop(reason="outage", error_code="outage", message=message)
    app = content.get("app")
    facts: dict[str, Any] = app if isinstance(app, dict) else {}
    return WorkspaceIdentity(**{name: _text(facts.get(name)) for name in ("id_code", "name", "region")})


def ask_workspace(
    ask: Callable[[float], Answer],
    *,
    pacer: Pacer,
    policy: RetryPolicy,
    clock: Clock,
    on_look: Callable[[], object],
    advice: str = NOT_SUBMITTED,
) -> WorkspaceIdentity | Stop:
    """Ask Intercom for the workspace, and ask again for a limited time while that may help.

    Give up `SILENT_SECONDS` after the last answer, `PREFLIGHT_SECONDS` after the first request, or after the attempts
    of `policy` if these are fewer than by default. `advice` ends the message if Intercom does not answer the question.
    """
    policy = _hurried(policy)
    began_at = heard_at = clock.monotonic()
    for attempt in count(1):
        ends_at = min(heard_at + SILENT_SECONDS, began_at + PREFLIGHT_SECONDS)
        result = _ask_once(ask, ends_at=ends_at, pacer=pacer, clock=clock)
        if isinstance(result, Answer) and not is_passing(result):
            return read_workspace(result)
        now = clock.monotonic()
        counts = AttemptCounts(number=attempt, attempts=attempt, elapsed_seconds=now - began_at)
        step = decide(result, counts=counts, policy=policy, jitter=clock.jitter())
        if not isinstance(step, Retry):
            break
        least_seconds = _SHORTEST_PAUSE_SECONDS if attempt > _QUICK_ATTEMPTS else 0.0
        wait_seconds = min(max(step.wait_seconds, least_seconds), LONGEST_WAIT_SECONDS)
        # Only a server that answers gets more time: a silent one has used up its time.
        heard_at = now + wait_seconds if isinstance(result, Answer) else heard_at
        # An attempt needs time for its answer.
        if now + wait_seconds > min(heard_at + SILENT_SECONDS, began_at + PREFLIGHT_SECONDS) - LOOK_SECONDS:
            break
        _rest(wait_seconds, sleep=clock.sleep, on_look=on_look)
    return Stop(reason="outage", error_code="outage", message=f"{_said(result)}: {advice}")


def _hurried(policy: RetryPolicy) -> RetryPolicy:
    """Return a policy with short pauses. It limits the attempts only if the user allows fewer than by default."""
    return replace(
        policy,
        attempts=policy.attempts if policy.attempts < DEFAULT_RETRY_POLICY.attempts else _UNCOUNTED,
        max_seconds=min(policy.max_seconds, _LONGEST_PAUSE_SECONDS),
    )


def _said(result: Answer | TransportError) -> str:
    if isinstance(result, TransportError):
        return f"Intercom cannot be reached ({result})"
    return f"Intercom does not accept requests now ({describe_answer(result.status, read_error_details(result))})"


def _rest(seconds: float, *, sleep: Callable[[float], None], on_look: Callable[[], object]) -> None:
    while seconds > 0:
        sleep(min(seconds, LOOK_SECONDS))
        seconds -= LOOK_SECONDS
        on_look()


def _ask_once(ask: Callable[[float], Answer], *, ends_at: float, pacer: Pacer, clock: Clock) -> Answer | TransportError:
    sent_at = clock.monotonic()
    pacer.sent(sent_at)
    try:
        answer = ask(ends_at - sent_at)
    except TransportError as error:
        pacer.lost(sent_at)
        return error
    pacer.observe(read_observation(answer, sent_at=sent_at, received_at=clock.monotonic()))
    return answer


def _text(value: object) -> str | None:
    return escaped(value) if isinstance(value, str) and value else None
