"""Where the events of a check would go: workspace, region, and what the rate limit allows now."""

import time
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlsplit

from events_pandas.deliver import Answer, Engine, IntercomClient, ProgressChoice, Stop, WorkspaceIdentity, progress_bar
from events_pandas.deliver.client.answers import Attempt, Rate, read_attempt, seconds_to_reset
from events_pandas.deliver.client.background import ask_in_time
from events_pandas.deliver.clock import REAL_CLOCK, Clock
from events_pandas.deliver.decide import DEFAULT_RETRY_POLICY
from events_pandas.deliver.pace.pacer import Pacer
from events_pandas.deliver.pace.state import Pause, RunState, duration_seconds
from events_pandas.deliver.preflight import ask_workspace
from events_pandas.intercom import DEFAULT_LIMIT, REGION_URLS, WINDOW_SECONDS

ADVICE: Final = "leave out client= to check the rows without Intercom, or try again later"
"""What to do if Intercom does not answer, for a check in Python."""
REGIONS_BY_HOST = {urlsplit(url).hostname: region for region, url in REGION_URLS.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """Where events would go, as the answer to ``GET /me`` shows it.

    Parameters
    ----------
    region : str or None
        The region of the client's address; None if the address is not one of Intercom's.
    limit : int
        Requests that a window of ten seconds allows.
    remaining : int or None
        Requests that the current window still allowed after the answer; None if the answer did not say.
    seconds_left : float or None
        Seconds until the end of the current window; None if the answer did not say.
    attempt : Attempt or None
        The request and its answer, for the pace of a run.
    """

    workspace: WorkspaceIdentity
    region: str | None = None
    limit: int = DEFAULT_LIMIT
    remaining: int | None = None
    seconds_left: float | None = None
    attempt: Attempt | None = field(default=None, compare=False, repr=False)

    def take_to(self, engine: Engine) -> None:
        """Let a run begin with what the answer shows: it need not ask for the workspace again."""
        engine.workspace = self.workspace
        if self.attempt is not None:
            engine.pacer.sent(self.attempt.sent_at)
            engine.pacer.observe(self.attempt)

    def duration_seconds(self, requests: int) -> float:
        """Return the seconds that submitting takes if it starts at once."""
        # A run begins with one request for the workspace.
        remaining = None if self.remaining is None else max(self.remaining - 1, 0)
        return duration_seconds(requests, limit=self.limit, remaining=remaining, seconds_left=self.seconds_left)

    def shared(self, rate_share: float) -> "Destination":
        """Return what a run has that uses a share of the limit. Nobody knows who has drawn on the window so far."""
        if rate_share == 1:
            return self
        return replace(self, limit=max(int(self.limit * rate_share), 1), remaining=None)

    def warnings(self) -> list[str]:
        """Return a warning if the workspace is in another region than the client's."""
        kept_in = known_region(self.workspace.region)
        if kept_in is None or self.region is None or kept_in == self.region:
            return []
        places = f"the workspace is in region {kept_in!r}, and the client talks to {self.region!r}"
        return [f"{places}: choose region {kept_in!r}, such as by INTERCOM_REGION={kept_in}"]


def known_region(word: str | None) -> str | None:
    """Return the region that Intercom means by a word such as ``"EU"``, None for an unknown word."""
    name = (word or "").strip().lower()
    return name if name in REGION_URLS else None


def region_of(base_url: str) -> str | None:
    """Return the region of an address, None if it is not one of Intercom's."""
    return REGIONS_BY_HOST.get(urlsplit(base_url).hostname)


def find_destination(
    client: IntercomClient, *, clock: Clock = REAL_CLOCK, advice: str = ADVICE, progress: ProgressChoice = "auto"
) -> Destination | Stop:
    """Ask Intercom by ``GET /me`` where events would go. Return a `Stop` if no event should be sent.

    `advice` ends the message if Intercom does not answer.
    """
    attempts: list[Attempt] = []
    began_at = time.monotonic()

    def read_state() -> RunState:
        since_seconds = time.monotonic() - began_at
        return RunState(pause=Pause(reason="preflight", since_seconds=since_seconds, next_in_seconds=0.0))

    pacer = Pacer()
    with progress_bar(progress, total=None, description="checking", delay_seconds=2.0) as bar:
        bar.watch(read_state)

        def ask(seconds: float) -> Answer:
            sent_at = clock.monotonic()
            answer = ask_in_time(client.me, seconds, on_look=bar.tick)
            attempts.append(read_attempt(answer, sent_at=sent_at, received_at=clock.monotonic()))
            return answer

        found = ask_workspace(
            ask,
            pacer=pacer,
            policy=DEFAULT_RETRY_POLICY,
            clock=clock,
            on_look=bar.tick,
            advice=advice,
        )
    if isinstance(found, Stop):
        return found
    return _destination(client, workspace=found, attempt=attempts[-1], limit=pacer.limit or DEFAULT_LIMIT)


def _destination(client: IntercomClient, *, workspace: WorkspaceIdentity, attempt: Attempt, limit: int) -> Destination:
    """Return where events would go, and what the answer to ``GET /me`` says of the window."""
    rate = attempt.rate or Rate()
    seconds = seconds_to_reset(rate, attempt.date)
    return Destination(
        workspace=workspace,
        # A fake client in somebody's tests may have no address.
        region=region_of(getattr(client, "base_url", "")),
        limit=limit,
        remaining=rate.remaining,
        # The date has whole seconds, cut off: on average half a second has passed since.
        seconds_left=None if seconds is None else min(max(seconds - 0.5, 0.0), WINDOW_SECONDS),
        attempt=attempt,
    )
