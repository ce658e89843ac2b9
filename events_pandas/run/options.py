"""The options of a run, with their defaults and checks."""

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Final, Literal, TypedDict

from events_pandas.deliver import MAX_CONCURRENCY, IntercomClient, ProgressChoice, RetryPolicy, WorkspaceIdentity
from events_pandas.deliver.engine import PATIENCE_SECONDS
from events_pandas.deliver.journal import AUTO, Journal, journal_path, mode_note
from events_pandas.errors import CredentialsError, JournalError, OptionError, Setting
from events_pandas.words import did_you_mean, escaped, kind_of

_NAME_WORKSPACE: Final = (Setting.NAME_WORKSPACE, ", or ", Setting.NO_JOURNAL)


class SubmitOptions(TypedDict, total=False):
    """The keywords of every function that submits; none of them changes a payload or a verdict.

    Attributes
    ----------
    client : IntercomClient, default None
        The connection; without it one is made from the environment's ``INTERCOM_ACCESS_TOKEN``.
    journal : {"auto"}, str, os.PathLike or None, default "auto"
        Where every accepted event is recorded, so that submitting again sends only the missing ones: a file for each
        workspace in the user's state directory (in ``EVENTS_PANDAS_JOURNALS`` if that is set), another file, or a
        directory of such files; None for no journal.
    workspace : str, default None
        The ``id_code`` of the intended workspace: a token of another one ends the run before its first event.
    preflight : bool, default True
        Whether ``GET /me`` proves the access token before the first event, and names the workspace for the journal; it
        costs no event.
    resubmit : bool, default False
        Whether rows that the journal has are sent again: the journal is written, but not read.
    rate_share : float, default 1.0
        The share of the workspace's rate limit that the run may use, above 0 and at most 1.
    concurrency : int, default None
        Requests under way at once, 1 to 128; by default as many as the limit and the latency need.
    retry : RetryPolicy, default RetryPolicy()
        How often and how long passing failures are tried again. Fewer attempts than the default of 8 also limit the
        preflight, which otherwise only time limits.
    on_invalid : {"report", "raise"}, default "report"
        Whether invalid rows are reported while the others are submitted, or stop the run before its first request.
    canary : int, default 0
        How many rows, chosen to cover every event name, identifier and metadata key, are submitted first; if they fail,
        nothing else is sent. They come from the whole frame, from a stream's first frame that has rows to send, or from
        the first such chunk of files.
    max_failure_rate : float, default None
        The share of events, 0 to 1, that may end without being accepted: with more the run ends, judged from its 100th
        event on. By default there is no limit.
    patience_seconds : float, default 600
        How long the run waits for the end of an outage, from the first event on, 0 or more: it goes on when the outage
        is over, or ends with an `OutageError`. A preflight waits less: the run ends after 10 s without an answer, and
        after 30 s in which the answers only ask to try again later.
    chunksize : int, default 10_000
        Rows converted at a time. As many, and at least 1,000, are read ahead of the results that are due, so that small
        frames and chunks do not slow the pace.
    progress : {"auto"}, bool or callable, default "auto"
        Whether progress is shown: automatically, always, or never; or a function that is called with a `Progress`, at
        most ten times a second and once at the end, in the thread of the run: its time delays the run, and an error
        that it raises ends the run.
    """

    client: IntercomClient | None
    journal: str | os.PathLike[str] | None
    workspace: str | None
    preflight: bool
    resubmit: bool
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
    """The options of a run with their defaults, checked. `SubmitOptions` describes each of them."""

    client: IntercomClient | None = None
    journal: str | os.PathLike[str] | None = AUTO
    workspace: str | None = None
    preflight: bool = True
    resubmit: bool = False
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
        _require_client(self.client)
        for name in ("preflight", "resubmit"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name}: expected True or False, got {getattr(self, name)!r}")
        if self.journal is not None and not isinstance(self.journal, str | os.PathLike):
            raise TypeError(
                f"journal: expected a path, got {self.journal!r}: use 'auto', a path, or None for no journal"
            )
        if self.workspace is not None and not isinstance(self.workspace, str):
            raise TypeError(
                f"workspace: expected text, got {self.workspace!r}: use the workspace's id_code, such as 'ab12cd34'"
            )
        if not isinstance(self.retry, RetryPolicy):
            raise TypeError(
                f"retry: expected a RetryPolicy, got {self.retry!r}: use RetryPolicy(attempts=3) or the like"
            )

    def _check_how(self) -> None:
        if self.journal in ("", "none"):
            raise ValueError(
                f"journal: expected a path, got {self.journal!r}: use 'auto', a path, or None for no journal"
            )
        if self.workspace == "":
            raise ValueError("workspace: is empty: use the workspace's id_code, such as 'ab12cd34'")
        if self.journal is not None and not (self.preflight or self.workspace):
            problem = (Setting.NO_PREFLIGHT, ": only GET /me names the workspace for the journal")
            raise OptionError(problem, remedy=_NAME_WORKSPACE)
        if not (_is_number(self.rate_share) and 0 < self.rate_share <= 1):
            raise ValueError(
                f"rate_share: expected a share above 0 and up to 1, got {self.rate_share!r}: use 0.5 or the like"
            )
        if self.concurrency is not None and not (_is_count(self.concurrency) and self.concurrency <= MAX_CONCURRENCY):
            fault = f"concurrency: expected a number from 1 to {MAX_CONCURRENCY}, got {self.concurrency!r}"
            raise ValueError(f"{fault}: leave it out to let the run find it")
        if not _is_count(self.chunksize):
            raise ValueError(f"chunksize: expected a number of rows, got {self.chunksize!r}: use 10_000 or the like")
        if self.progress not in ("auto", True, False) and not callable(self.progress):
            raise ValueError(f"progress: expected 'auto', True, False or a function, got {self.progress!r}")

    def _check_when_to_stop(self) -> None:
        if self.on_invalid not in ("report", "raise"):
            raise ValueError(f"on_invalid: expected 'report' or 'raise', got {self.on_invalid!r}")
        if not _is_count(self.canary, fewest=0):
            raise ValueError(
                f"canary: expected a number of rows, got {self.canary!r}: use 20 or the like, or 0 for none"
            )
        rate = self.max_failure_rate
        if rate is not None and not (_is_number(rate) and 0 <= rate <= 1):
            raise ValueError(f"max_failure_rate: expected a share from 0 to 1, got {rate!r}: use 0.1 or the like")
        if not (_is_number(self.patience_seconds) and self.patience_seconds >= 0):
            raise ValueError(
                f"patience_seconds: expected a number of seconds, got {self.patience_seconds!r}: use 600 or the like"
            )

    @contextmanager
    def opened_client(self) -> Iterator[IntercomClient]:
        """Yield the client; one that is made from the environment is closed at the end."""
        if self.client is not None:
            yield self.client
        else:
            with IntercomClient() as client:
                yield client

    def opened_journal(self, found: WorkspaceIdentity | None) -> Journal | None:
        """Return the journal of the workspace that the preflight found, or None if none is kept.

        Raise `CredentialsError` if the access token belongs to another workspace, `JournalError` if the journal is
        unusable.
        """
        id_code = None if found is None else found.id_code
        if self.workspace and id_code and id_code != self.workspace:
            # The preflight has escaped id_code already.
            problem = f"the access token belongs to '{id_code}', not to {self.workspace!r}, and no event was sent"
            remedy = ("use the token of that workspace, or correct ", Setting.WORKSPACE)
            raise CredentialsError((Setting.WORKSPACE, f": {problem}"), remedy=remedy)
        name = self.workspace or id_code
        if self.journal is None:
            return None
        if name is None:
            problem = "the answer to GET /me does not name the workspace, which the journal needs"
            raise JournalError(Path(self.journal), problem=problem, remedy=_NAME_WORKSPACE)
        journal = Journal.opened(journal_path(self.journal, name), workspace=name)
        if (said := mode_note(journal.mode)) is not None:
            warnings.warn(f"journal {escaped(journal.path)}: {said}", stacklevel=2)
        return journal


def _require_client(client: object) -> None:
    """Raise `TypeError` if this is not a client; None stands for one that is made from the environment."""
    if client is None:
        return
    if not hasattr(client, "post_event"):
        hint = ": pass client=sandbox.client()" if type(client).__name__ == "Sandbox" else ""
        raise TypeError(f"client: expected an IntercomClient, got {kind_of(client)}{hint}")
    # The class has the method too.
    if isinstance(client, type):
        raise TypeError("client: expected an IntercomClient, got the class: call it, as in client=ep.IntercomClient()")


def _is_count(value: object, *, fewest: int = 1) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= fewest


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real)


def step_progress(progress: ProgressChoice) -> ProgressChoice:
    """Return the progress of a step before the submission: a user's function is called for the submission only."""
    return False if progress is False or callable(progress) else "auto"


def run_options(options: Mapping[str, Any]) -> RunOptions:
    """Return the options of a run from keywords. Raise `TypeError` or `ValueError` for what is not an option."""
    known = [option.name for option in fields(RunOptions)]
    for name in options:
        if name not in known:
            raise TypeError(f"no option {name!r}: {did_you_mean(name, known)}")
    return RunOptions(**options)
