"""The first question of a run: whose token is this, and how many requests may it make."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from itertools import count
from typing import Any, Final

from events_pandas.deliver.client.answers import Answer, Attempt, TransportError, read_attempt
from events_pandas.deliver.client.background import ask_in_time
from events_pandas.deliver.clock import Clock
from events_pandas.deliver.decide import DEFAULT_RETRY_POLICY, Retry, RetryPolicy, decide
from events_pandas.deliver.engine import Engine
from events_pandas.deliver.outcomes import WorkspaceIdentity
from events_pandas.deliver.pace.pacer import Pacer
from events_pandas.deliver.stops import Stop, stop_after, stop_without_service
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


class _RunStoppedError(Exception):
    """The run has ended while its first answer was awaited."""


def preflight(engine: Engine, *, advice: str = NOT_SUBMITTED) -> WorkspaceIdentity | None:
    """Ask for the workspace of a run before any event is sent.

    If the token was refused or Intercom cannot be reached, return None: `engine.stop` says why, and `engine.deliver`
    sends nothing. `advice` ends the message if Intercom cannot be reached.
    """

    def look() -> None:
        engine.look()
        if engine.stop:
            raise _RunStoppedError

    engine.pauses.asking_since = engine.clock.monotonic()
    try:
        found = ask_workspace(
            partial(ask_in_time, engine.client.me, on_look=look),
            pacer=engine.pacer,
            policy=engine.policy,
            clock=engine.clock,
            on_look=look,
            advice=advice,
        )
    except _RunStoppedError:
        return None
    finally:
        engine.pauses.asking_since = None
    if isinstance(found, Stop):
        engine.stop = found
        return None
    engine.workspace = found
    return found


def read_workspace(attempt: Attempt) -> WorkspaceIdentity | Stop:
    """Read the final answer to ``GET /me``: the workspace, or why no event should be sent."""
    if stop := stop_after(attempt, is_first=False):
        return stop
    if attempt.status != HTTPStatus.OK or not attempt.content:
        return stop_without_service(
            f"the answer to the first request, GET /me, was {attempt.said}, not one of Intercom's: "
            "check the region and the address"
        )
    app = attempt.content.get("app")
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
    began_at = clock.monotonic()
    ends_at = began_at + SILENT_SECONDS
    for number in count(1):
        attempt = _ask_once(ask, ends_at=ends_at, clock=clock, pacer=pacer)
        if not attempt.kind.passes:
            return read_workspace(attempt)
        now = clock.monotonic()
        step = decide(attempt, tries=number, elapsed_seconds=now - began_at, policy=policy, jitter=clock.jitter())
        if not isinstance(step, Retry):
            break
        least_seconds = _SHORTEST_PAUSE_SECONDS if number > _QUICK_ATTEMPTS else 0.0
        wait_seconds = min(max(step.wait_seconds, least_seconds), LONGEST_WAIT_SECONDS)
        # Only a server that answers gets more time: a silent one has used up its time.
        if attempt.status is not None:
            ends_at = min(now + wait_seconds + SILENT_SECONDS, began_at + PREFLIGHT_SECONDS)
        # An attempt needs time for its answer.
        if now + wait_seconds > ends_at - LOOK_SECONDS:
            break
        _rest(wait_seconds, sleep=clock.sleep, on_look=on_look)
    trouble = "Intercom cannot be reached" if attempt.status is None else "Intercom does not accept requests now"
    return stop_without_service(f"{trouble} ({attempt.said}): {advice}")


def _hurried(policy: RetryPolicy) -> RetryPolicy:
    """Return a policy with short pauses. It limits the attempts only if the user allows fewer than by default."""
    return replace(
        policy,
        attempts=policy.attempts if policy.attempts < DEFAULT_RETRY_POLICY.attempts else _UNCOUNTED,
        max_seconds=min(policy.max_seconds, _LONGEST_PAUSE_SECONDS),
    )


def _rest(seconds: float, *, sleep: Callable[[float], None], on_look: Callable[[], object]) -> None:
    while seconds > 0:
        sleep(min(seconds, LOOK_SECONDS))
        seconds -= LOOK_SECONDS
        on_look()


def _ask_once(ask: Callable[[float], Answer], *, ends_at: float, clock: Clock, pacer: Pacer) -> Attempt:
    sent_at = clock.monotonic()
    pacer.sent(sent_at)
    try:
        result: Answer | TransportError = ask(ends_at - sent_at)
    except TransportError as error:
        result = error
    attempt = read_attempt(result, sent_at=sent_at, received_at=clock.monotonic())
    pacer.observe(attempt)
    return attempt


def _text(value: object) -> str | None:
    return escaped(value) if isinstance(value, str) and value else None
