"""The first question of a run: whose token is this, and how much may it do."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import count
from typing import Any, Final, Protocol

from events_pandas.deliver.answers import Answer, TransportError, read_complaint, read_json
from events_pandas.deliver.pacing import Pacer
from events_pandas.deliver.retry import Again, RetryPolicy, Tries, decide, is_passing
from events_pandas.deliver.sighting import see
from events_pandas.deliver.stopping import Stop, stop_for_answer
from events_pandas.deliver.surroundings import Surroundings
from events_pandas.deliver.verdicts import STOP_CODES, quote
from events_pandas.escapes import escaped

PREFLIGHT_ATTEMPTS: Final = 4
"""Few: someone is waiting, and nothing is lost by asking again later."""
SILENT_SECONDS: Final = 10.0
"""So long without an answer of any kind, and the address reaches nobody."""
PREFLIGHT_SECONDS: Final = 30.0
"""All attempts together, with the waits that a server asks for: a window of the rate limit is ten seconds."""
LONGEST_WAIT_SECONDS: Final = 15.0
"""Between two attempts, whatever the server asks for."""
LOOK_SECONDS: Final = 1.0
"""How long nobody looks round meanwhile."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """The workspace that a token belongs to.

    Parameters
    ----------
    id_code : str or None
        Intercom's name for it; None if the answer names none.
    name : str or None
        Its name, for people.
    region : str or None
        Where it is kept, in Intercom's spelling.
    """

    id_code: str | None = None
    name: str | None = None
    region: str | None = None


def read_workspace(answer: Answer) -> Workspace | Stop:
    """Read the answer to ``GET /me``.

    Parameters
    ----------
    answer : Answer
        Any answer that is final.

    Returns
    -------
    Workspace or Stop
        The workspace, or why no event should be sent.
    """
    if answer.status in STOP_CODES:
        return stop_for_answer(answer)
    content = read_json(answer)
    if answer.status != HTTPStatus.OK or not content:
        said = quote(answer.status, read_complaint(answer))
        message = f"the first request, GET /me, was answered {said}, not as by Intercom: check region and base_url"
        return Stop(reason="outage", error_code="outage", message=message)
    app = content.get("app")
    facts: dict[str, Any] = app if isinstance(app, dict) else {}
    return Workspace(**{name: _text(facts.get(name)) for name in ("id_code", "name", "region")})


class Ask(Protocol):
    """Makes one request."""

    def __call__(self, seconds: float) -> Answer:
        """Return its answer.

        Parameters
        ----------
        seconds : float
            When it has none by then, it raises.

        Returns
        -------
        Answer
            Whatever was answered.

        Raises
        ------
        TransportError
            If no answer came.
        """


def ask_workspace(
    ask: Ask,
    *,
    pacer: Pacer,
    policy: RetryPolicy,
    surroundings: Surroundings,
    on_look: Callable[[], object],
) -> Workspace | Stop:
    """Ask Intercom for the workspace, with a few retries.

    Parameters
    ----------
    ask : callable
        Makes one request in the seconds that it is given, and returns its answer, or raises `TransportError`.
    pacer : Pacer
        Learns the rate limit from the answers.
    policy : RetryPolicy
        How patiently to try; `PREFLIGHT_ATTEMPTS` times at most.
    surroundings : Surroundings
        Time and chance.
    on_look : callable
        Called at least once a second between two attempts; what it raises ends the wait.

    Returns
    -------
    Workspace or Stop
        The workspace, or why no event should be sent.

    Notes
    -----
    It ends `SILENT_SECONDS` after the last answer, and `PREFLIGHT_SECONDS` after the first request.
    """
    policy = replace(policy, attempts=min(policy.attempts, PREFLIGHT_ATTEMPTS))
    began_at = heard_at = surroundings.clock()
    for attempt in count(1):
        ends_at = min(heard_at + SILENT_SECONDS, began_at + PREFLIGHT_SECONDS)
        result = _ask_once(ask, ends_at=ends_at, pacer=pacer, clock=surroundings.clock)
        if isinstance(result, Answer) and not is_passing(result):
            return read_workspace(result)
        now = surroundings.clock()
        tries = Tries(number=attempt, attempts=attempt, elapsed_seconds=now - began_at)
        step = decide(result, tries=tries, policy=policy, jitter=surroundings.jitter())
        if not isinstance(step, Again):
            break
        wait_seconds = min(step.wait_seconds, LONGEST_WAIT_SECONDS)
        # A server that answered may ask for a wait; one that is silent has used up its time.
        heard_at = now + wait_seconds if isinstance(result, Answer) else heard_at
        # An attempt needs time for its answer.
        if now + wait_seconds > min(heard_at + SILENT_SECONDS, began_at + PREFLIGHT_SECONDS) - LOOK_SECONDS:
            break
        _rest(wait_seconds, sleep=surroundings.sleep, on_look=on_look)
    said = str(result) if isinstance(result, TransportError) else quote(result.status, read_complaint(result))
    message = f"Intercom cannot be reached ({said}): nothing was submitted, try again later"
    return Stop(reason="outage", error_code="outage", message=message)


def _rest(seconds: float, *, sleep: Callable[[float], None], on_look: Callable[[], object]) -> None:
    while seconds > 0:
        sleep(min(seconds, LOOK_SECONDS))
        seconds -= LOOK_SECONDS
        on_look()


def _ask_once(ask: Ask, *, ends_at: float, pacer: Pacer, clock: Callable[[], float]) -> Answer | TransportError:
    sent_at = clock()
    pacer.sent(sent_at)
    try:
        answer = ask(ends_at - sent_at)
    except TransportError as error:
        pacer.lost(sent_at)
        return error
    pacer.observe(see(answer, sent_at=sent_at, received_at=clock()))
    return answer


def _text(value: object) -> str | None:
    return escaped(value) if isinstance(value, str) and value else None
