"""The options of a run, each with its one default."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Any, Literal, TypedDict

from events_pandas.deliver import MAX_CONCURRENCY, IntercomClient, ProgressChoice, RetryPolicy
from events_pandas.deliver.engine import PATIENCE_SECONDS
from events_pandas.errors import did_you_mean


class SubmitOptions(TypedDict, total=False):
    """The keywords that every function that submits takes; none of them changes a payload or a verdict.

    Attributes
    ----------
    client : IntercomClient, default None
        The connection; one from the environment's ``INTERCOM_ACCESS_TOKEN`` when not given.
    journal : None, default None
        No journal is kept.
    preflight : bool, default True
        Whether ``GET /me`` proves the access token before the first event; it costs no event.
    rate_share : float, default 1.0
        The share of the workspace's rate limit that the run may use, above 0 and at most 1.
    concurrency : int, default None
        Requests under way at once, 1 to 128; as many as the limit and the latency need when not given.
    retry : RetryPolicy, default RetryPolicy()
        How often and how long passing failures are tried again.
    on_invalid : {"report", "raise"}, default "report"
        Whether invalid rows are reported while the others are submitted, or stop the run before its first request.
    canary : int, default 0
        So many rows, chosen to cover every event name, identifier and metadata key, are submitted first; if they fail,
        nothing else is sent. They come from the whole frame, from a stream's first frame that has rows to send, or from
        the first such chunk of files.
    max_failure_rate : float, default None
        The share of events, 0 to 1, that need not be accepted: with more the run ends, judged from its 100th event on.
        Any number when not given.
    patience_seconds : float, default 600
        How long an outage during the run is waited out, from the first event on, 0 or more: the run goes on when it is
        over, or ends with an `OutageError`. A preflight that reaches nobody ends it within seconds.
    chunksize : int, default 10_000
        Rows converted at a time.
    progress : {"auto"}, bool or callable, default "auto"
        Whether progress is shown: by itself, always, or never; or what is called with a `Progress`, at most ten times a
        second and once at the end, in the thread of the run: what it takes, the run takes; what it raises ends the run.
    """

    client: IntercomClient | None
    journal: None
    preflight: bool
    rate_share: float
    concurrency: int | None
    retry: RetryPolicy
    on_invalid: Literal["report", "raise"]
    canary: int
    max_failure_rate: float | None
    patience_seconds: float
    chunksize: int
    progress: ProgressChoice


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """How a run is made; nothing here changes a payload or a verdict.

    Parameters
    ----------
    client : IntercomClient, optional
        The connection; one from the environment's INTERCOM_ACCESS_TOKEN when not given.
    journal : None
        No journal is kept.
    preflight : bool
        Whether ``GET /me`` proves the access token before the first event; it costs no event.
    rate_share : float
        The share of the workspace's rate limit that the run may use, above 0 and at most 1.
    concurrency : int, optional
        Requests under way at once, 1 to 128; as many as the limit and the latency need when not given.
    retry : RetryPolicy
        How often and how long passing failures are tried again.
    on_invalid : {"report", "raise"}
        Whether invalid rows are reported while the others are submitted, or stop the run before its first request.
    canary : int
        So many rows, chosen to cover every event name, identifier and metadata key, are submitted first; if they fail,
        nothing else is sent. They come from the whole frame, from a stream's first frame that has rows to send, or from
        the first such chunk of files.
    max_failure_rate : float, optional
        The share of events, 0 to 1, that need not be accepted: with more the run ends, judged from its 100th event on.
        Any number when not given.
    patience_seconds : float
        How long an outage during the run is waited out, from the first event on, 0 or more: the run goes on when it is
        over, or ends with an `OutageError`. A preflight that reaches nobody ends it within seconds.
    chunksize : int
        Rows converted at a time.
    progress : {"auto"}, bool or callable
        Whether progress is shown: by itself, always, or never; or what is called with a `Progress`, at most ten times a
        second and once at the end, in the thread of the run: what it takes, the run takes; what it raises ends the run.
    """

    client: IntercomClient | None = None
    journal: None = None
    preflight: bool = True
    rate_share: float = 1.0
    concurrency: int | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    on_invalid: Literal["report", "raise"] = "report"
    canary: int = 0
    max_failure_rate: float | None = None
    patience_seconds: float = PATIENCE_SECONDS
    chunksize: int = 10_000
    progress: ProgressChoice = "auto"

    def __post_init__(self) -> None:
        self._check_types()
        self._check_how()
        self._check_when_to_stop()

    def _check_types(self) -> None:
        if self.client is not None and not hasattr(self.client, "post_event"):
            kind = type(self.client).__name__
            raise TypeError(f"client: a {kind} is no IntercomClient: make one, or say client=sandbox.client()")
        if not isinstance(self.preflight, bool):
            raise TypeError(f"preflight: {self.preflight!r} is neither True nor False")
        if not isinstance(self.retry, RetryPolicy):
            raise TypeError(f"retry: {self.retry!r} is no RetryPolicy: use RetryPolicy(attempts=3) or the like")

    def _check_how(self) -> None:
        if self.journal is not None:
            raise ValueError("journal: there is no journal yet: leave it out, or pass None")
        if not (_is_number(self.rate_share) and 0 < self.rate_share <= 1):
            raise ValueError(f"rate_share: {self.rate_share!r} is no share above 0 and up to 1: use 0.5 or the like")
        if self.concurrency is not None and not (_is_count(self.concurrency) and self.concurrency <= MAX_CONCURRENCY):
            fault = f"concurrency: {self.concurrency!r} is not from 1 to {MAX_CONCURRENCY}"
            raise ValueError(f"{fault}: leave it out, and the run finds it by itself")
        if not _is_count(self.chunksize):
            raise ValueError(f"chunksize: {self.chunksize!r} is no number of rows: use 10_000 or the like")
        if self.progress not in ("auto", True, False) and not callable(self.progress):
            raise ValueError(f"progress: {self.progress!r} is none of 'auto', True, False, and no function")

    def _check_when_to_stop(self) -> None:
        if self.on_invalid not in ("report", "raise"):
            raise ValueError(f"on_invalid: {self.on_invalid!r} is neither 'report' nor 'raise'")
        if not _is_count(self.canary, fewest=0):
            raise ValueError(f"canary: {self.canary!r} is no number of rows: use 20 or the like, or 0 for none")
        rate = self.max_failure_rate
        if rate is not None and not (_is_number(rate) and 0 <= rate <= 1):
            raise ValueError(f"max_failure_rate: {rate!r} is no share from 0 to 1: use 0.1 or the like")
        if not (_is_number(self.patience_seconds) and self.patience_seconds >= 0):
            raise ValueError(
                f"patience_seconds: {self.patience_seconds!r} is no number of seconds: use 600 or the like"
            )

    @contextmanager
    def opened_client(self) -> Iterator[IntercomClient]:
        """Return the client, made from the environment if need be, and then closed at the end.

        Yields
        ------
        IntercomClient
            The connection of the run.

        Raises
        ------
        CredentialsError
            If the environment has no usable access token.
        """
        if self.client is not None:
            yield self.client
        else:
            with IntercomClient() as client:
                yield client


def _is_count(value: object, *, fewest: int = 1) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= fewest


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real)


def run_options(options: Mapping[str, Any]) -> RunOptions:
    """Return the options of a run from keywords.

    Parameters
    ----------
    options : mapping of str to object
        What a caller gave.

    Returns
    -------
    RunOptions
        With defaults for the rest.

    Raises
    ------
    TypeError
        If there is no such option, or if `client`, `preflight` or `retry` is something else.
    ValueError
        If an option has a value that it cannot have.
    """
    known = [option.name for option in fields(RunOptions)]
    for name in options:
        if name not in known:
            raise TypeError(f"no option {name!r}: {did_you_mean(name, known)}")
    return RunOptions(**options)
