"""The options of a run, each with its one default."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from numbers import Integral
from typing import Any, Literal, TypedDict

from events_pandas.deliver import MAX_CONCURRENCY, IntercomClient, RetryPolicy
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
    concurrency : int, default None
        Requests under way at once, 1 to 128; as many as the limit and the latency need when not given.
    retry : RetryPolicy, default RetryPolicy()
        How often and how long passing failures are tried again.
    on_invalid : {"report", "raise"}, default "report"
        Whether invalid rows are reported while the others are submitted, or stop the run before its first request.
    chunksize : int, default 10_000
        Rows converted at a time.
    progress : {"auto"} or bool, default "auto"
        Whether progress is shown: by itself, always, or never.
    """

    client: IntercomClient | None
    journal: None
    preflight: bool
    concurrency: int | None
    retry: RetryPolicy
    on_invalid: Literal["report", "raise"]
    chunksize: int
    progress: Literal["auto"] | bool


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
    concurrency : int, optional
        Requests under way at once, 1 to 128; as many as the limit and the latency need when not given.
    retry : RetryPolicy
        How often and how long passing failures are tried again.
    on_invalid : {"report", "raise"}
        Whether invalid rows are reported while the others are submitted, or stop the run before its first request.
    chunksize : int
        Rows converted at a time.
    progress : {"auto"} or bool
        Whether progress is shown: by itself, always, or never.
    """

    client: IntercomClient | None = None
    journal: None = None
    preflight: bool = True
    concurrency: int | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    on_invalid: Literal["report", "raise"] = "report"
    chunksize: int = 10_000
    progress: Literal["auto"] | bool = "auto"

    def __post_init__(self) -> None:
        if self.client is not None and not hasattr(self.client, "post_event"):
            kind = type(self.client).__name__
            raise TypeError(f"client: a {kind} is no IntercomClient: make one, or say client=sandbox.client()")
        if self.journal is not None:
            raise ValueError("journal: there is no journal yet: leave it out, or pass None")
        if self.on_invalid not in ("report", "raise"):
            raise ValueError(f"on_invalid: {self.on_invalid!r} is neither 'report' nor 'raise'")
        if not _is_count(self.chunksize):
            raise ValueError(f"chunksize: {self.chunksize!r} is no number of rows: use 10_000 or the like")
        if not isinstance(self.retry, RetryPolicy):
            raise TypeError(f"retry: {self.retry!r} is no RetryPolicy: use RetryPolicy(attempts=3) or the like")
        if self.concurrency is not None and not (_is_count(self.concurrency) and self.concurrency <= MAX_CONCURRENCY):
            raise ValueError(f"concurrency: {self.concurrency!r} is not from 1 to {MAX_CONCURRENCY}")
        if self.progress not in ("auto", True, False):
            raise ValueError(f"progress: {self.progress!r} is none of 'auto', True, False")

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


def _is_count(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= 1


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
        If there is no such option, or if `retry` is no `RetryPolicy`.
    ValueError
        If an option has a value that it cannot have.
    """
    known = [option.name for option in fields(RunOptions)]
    for name in options:
        if name not in known:
            raise TypeError(f"no option {name!r}: {did_you_mean(name, known)}")
    return RunOptions(**options)
