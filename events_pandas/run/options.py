"""The options of a run: `SubmitOptions` describes them, `RunOptions` has their defaults and checks them."""

import inspect
import os
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from textwrap import indent
from types import UnionType
from typing import Any, Final, Literal, TypedDict, TypeGuard, TypeVar

import numpy as np
import pandas as pd

from events_pandas.deliver import MAX_CONCURRENCY, IntercomClient, ProgressChoice, RetryPolicy, WorkspaceIdentity
from events_pandas.deliver.engine import PATIENCE_SECONDS
from events_pandas.deliver.journal import AUTO, Journal, journal_path, mode_note
from events_pandas.errors import CredentialsError, JournalError, OptionError
from events_pandas.results.frame import OWN_COLUMNS
from events_pandas.warned import warn_caller
from events_pandas.wording import Setting
from events_pandas.words import did_you_mean, escaped, kind_of

Function = TypeVar("Function", bound=Callable[..., object])

_RETRY: Final = RetryPolicy()
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
        Prove the access token before the first event. This is one ``GET /me``, which costs no event; it also names the
        workspace for the journal.
    resubmit : bool, default False
        Also send rows that the journal has. The journal is written, but not read.
    rate_share : float, default 1.0
        The share of the rate limit to use, up to 1. A number above 0: 0.6 leaves 40 % of the workspace's limit to
        others.
    concurrency : int, default None
        Requests under way at once, 1 to 128. By default as many as the limit and the latency need.
    retry : RetryPolicy, default RetryPolicy()
        How often and how long passing failures are tried again. Fewer attempts than the default of 8 also limit the
        preflight, which otherwise only time limits.
    on_invalid : {"report", "raise"}, default "report"
        Whether invalid rows are reported while the others are submitted, or stop the run before its first request.
    contacts : {"check"}, default None
        ``"check"`` asks which contacts exist before their events are sent, as `check_contacts` does: rows of unknown
        ones are ``unknown_contact``, and no event is spent on them. In a stream and in files the contacts of a frame or
        chunk are asked for before its events. The run ends if Intercom does not answer for a contact. An email address
        can only be searched for: one that was created in the last minutes may seem unknown.
    canary : int, default 0
        How many rows, chosen to cover every event name, identifier and metadata key, are submitted first; if they fail,
        nothing else is sent. They come from the whole frame, from a stream's first frame that has rows to send, or from
        the first such chunk of files.
    max_failure_rate : float, default None
        End the run when a larger share of the events is not accepted, judged from the 100th event on. It is a share
        from 0 to 1; by default there is no limit.
    patience_seconds : float, default 600
        How long the run goes on while nothing works. It is a number of 0 or more. Then one last request decides: the
        run goes on, or ends with an `OutageError`. Before the first event, other times hold: the run ends after 10 s
        without an answer to ``GET /me``, and after 30 s in which the answers only ask to try again later.
    chunksize : int, default 10_000
        Rows converted at a time. As many, and at least 1,000, are read ahead of the results that are due, so that small
        frames and chunks do not slow the pace.
    keys : list of hashable, default ()
        Labels of columns, or names of index levels, that the results have too, with their dtypes, so that results can
        be joined with other tables by a key of yours, such as ``keys=["order_id"]``. Only the results have them, and
        neither the journal nor a log.
    include_identifier : bool, default False
        Whether the results also have the contact of each row: ``identifier`` (``"user_id"``, ``"id"`` or ``"email"``)
        and ``contact``, as it is sent. It is personal data.
    progress : {"auto"}, bool or callable, default "auto"
        Whether progress is shown: automatically, always, or never; or a function that is called with a `Progress`, at
        most ten times a second and once at the end, in the caller's thread: its time delays the run, and an error
        that it raises ends the run.
    log_path : str or os.PathLike, default None
        Append lines of JSON about the run to this file: its start, its progress every ten seconds, why it ends early,
        and its end. They hold no personal data.
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
    contacts: Literal["check"] | None
    canary: int
    max_failure_rate: float | None
    patience_seconds: float
    chunksize: int
    keys: Sequence[Hashable]
    include_identifier: bool
    progress: ProgressChoice
    log_path: str | os.PathLike[str] | None


# Python without docstrings (-OO) has no descriptions.
_DESCRIPTIONS: Final = inspect.cleandoc(SubmitOptions.__doc__ or "").partition("Attributes\n----------\n")[2]


def _is_one_of(*words: object) -> Callable[[object], bool]:
    # Not every value can be compared: a frame cannot.
    return lambda value: isinstance(value, str | int | np.bool_ | None) and value in words


def _is_count(value: object, *, fewest: int = 1) -> TypeGuard[int]:
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= fewest


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a number; a truth value is not."""
    return not isinstance(value, bool) and isinstance(value, Real)


_A_PATH: Final = "a path, got {!r}: use 'auto', a path, or None for no journal"
# The type of an option, and what is expected instead of a value of another type.
_TYPES: Final[Mapping[str, tuple[type | UnionType, str]]] = {
    "preflight": (bool, "True or False, got {!r}"),
    "resubmit": (bool, "True or False, got {!r}"),
    "keys": (list | tuple, "a list of columns, got {!r}: use keys=['order_id'] or the like"),
    "include_identifier": (bool, "True or False, got {!r}"),
    "journal": (str | os.PathLike | None, _A_PATH),
    "log_path": (str | os.PathLike | None, "a path, got {!r}: use 'run.jsonl' or the like, or None for no log"),
    "workspace": (str | None, "text, got {!r}: use the workspace's id_code, such as 'ab12cd34'"),
    "retry": (RetryPolicy, "a RetryPolicy, got {!r}: use RetryPolicy(attempts=3) or the like"),
}
# Whether a value of an option is right, and what is expected instead of a wrong one.
_VALUES: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "journal": (lambda path: path not in ("", "none"), _A_PATH),
    "log_path": (lambda path: path != "", "a path, got {!r}: use 'run.jsonl' or the like, or None for no log"),
    "rate_share": (
        lambda share: is_number(share) and 0 < share <= 1,
        "a share above 0 and up to 1, got {!r}: use 0.5 or the like",
    ),
    "concurrency": (
        lambda count: count is None or (_is_count(count) and count <= MAX_CONCURRENCY),
        f"a number from 1 to {MAX_CONCURRENCY}, got {{!r}}: leave it out to let the run find it",
    ),
    "chunksize": (_is_count, "a number of rows, got {!r}: use 10_000 or the like"),
    "progress": (
        lambda shown: _is_one_of("auto", True, False)(shown) or callable(shown),
        "'auto', True, False or a function, got {!r}",
    ),
    "on_invalid": (_is_one_of("report", "raise"), "'report' or 'raise', got {!r}"),
    "contacts": (_is_one_of("check", None), "'check' or None, got {!r}"),
    "canary": (
        lambda count: _is_count(count, fewest=0),
        "a number of rows, got {!r}: use 20 or the like, or 0 for none",
    ),
    "max_failure_rate": (
        lambda share: share is None or (is_number(share) and 0 <= share <= 1),
        "a share from 0 to 1, got {!r}: use 0.1 or the like",
    ),
    "patience_seconds": (
        lambda seconds: is_number(seconds) and seconds >= 0,
        "a number of seconds, got {!r}: use 600 or the like",
    ),
}


def _with_value(expected: str, given: object) -> str:
    """Say what was given; of a frame its type only, since its rows are no words for a message."""
    is_frame = isinstance(given, pd.DataFrame | pd.Series | pd.Index | np.ndarray)
    return expected.replace("{!r}", kind_of(given)) if is_frame else expected.format(given)


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
    retry: RetryPolicy = _RETRY
    on_invalid: Literal["report", "raise"] = "report"
    contacts: Literal["check"] | None = None
    canary: int = 0
    max_failure_rate: float | None = None
    patience_seconds: float = PATIENCE_SECONDS
    chunksize: int = 10_000
    keys: Sequence[Hashable] = ()
    include_identifier: bool = False
    progress: ProgressChoice = "auto"
    log_path: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        _require_client(self.client)
        for name, (kind, expected) in _TYPES.items():
            if not isinstance(given := getattr(self, name), kind):
                raise TypeError(f"{name}: expected {_with_value(expected, given)}")
        for name, (is_right, expected) in _VALUES.items():
            if not is_right(given := getattr(self, name)):
                raise ValueError(f"{name}: expected {_with_value(expected, given)}")
        _require_keys(self.keys)
        if self.workspace == "":
            raise ValueError("workspace: is empty: use the workspace's id_code, such as 'ab12cd34'")
        if self.journal is not None and not (self.preflight or self.workspace):
            problem = (Setting.NO_PREFLIGHT, ": only GET /me names the workspace for the journal")
            raise OptionError(problem, remedy=_NAME_WORKSPACE)

    def opened_client(self) -> AbstractContextManager[IntercomClient]:
        """Return the client as a context; one that is made from the environment is closed at the end."""
        return IntercomClient() if self.client is None else nullcontext(self.client)

    def require_workspace(self, found: WorkspaceIdentity | None) -> None:
        """Raise `CredentialsError` if the access token belongs to another workspace than the intended one."""
        id_code = None if found is None else found.id_code
        if self.workspace and id_code and id_code != self.workspace:
            # The preflight has escaped id_code already.
            problem = f"the access token belongs to '{id_code}', not to {self.workspace!r}, and no event was sent"
            remedy = ("use the token of that workspace, or correct ", Setting.WORKSPACE)
            raise CredentialsError((Setting.WORKSPACE, f": {problem}"), remedy=remedy)

    def opened_journal(self, found: WorkspaceIdentity | None) -> Journal | None:
        """Return the journal of the workspace that the preflight found, or None if none is kept.

        Raise `CredentialsError` if the access token belongs to another workspace, `JournalError` if the journal is
        unusable.
        """
        self.require_workspace(found)
        name = self.workspace or (None if found is None else found.id_code)
        if self.journal is None:
            return None
        if name is None:
            problem = "the answer to GET /me does not name the workspace, which the journal needs"
            raise JournalError(Path(self.journal), problem=problem, remedy=_NAME_WORKSPACE)
        journal = Journal(journal_path(self.journal, name), workspace=name)
        if (said := mode_note(journal.mode)) is not None:
            warn_caller(f"journal {escaped(journal.path)}: {said}")
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


def _require_keys(keys: Sequence[Hashable]) -> None:
    """Raise `ValueError` for a key that is given twice, or that would have the name of a column of results."""
    if not all(isinstance(key, Hashable) for key in keys):
        raise TypeError(f"keys: expected {_TYPES['keys'][1].format(keys)}")
    for place, key in enumerate(keys):
        if key in keys[:place]:
            raise ValueError(f"keys: {key!r} is given twice: give each column once")
        if key in OWN_COLUMNS:
            raise ValueError(f"keys: the results have a column {key!r} of their own: rename the column of the rows")


def step_progress(progress: ProgressChoice) -> Literal["auto"] | bool:
    """Return the progress of a step before the submission: a user's function is called for the submission only."""
    return False if progress is False or callable(progress) else "auto"


def run_options(options: Mapping[str, Any], *, own: Sequence[str] = ()) -> RunOptions:
    """Return the options of a run from keywords. Raise `TypeError` or `ValueError` for what is not an option.

    `own` has the other keywords of the function, one of which may have been meant.
    """
    for name in options:
        if name in _OF_FILES and not own:
            raise TypeError(f"no option {name!r}: only submit_file writes results or rejects to a file or a folder")
        if name not in _PARAMETERS:
            raise TypeError(f"no option {name!r}: {did_you_mean(name, [*own, *_PARAMETERS])}")
    return RunOptions(**options)


_PARAMETERS: Final = inspect.signature(RunOptions).parameters
_OF_FILES: Final = ("results_path", "rejects_path")
"""Keywords of `submit_file` alone, which others are given by mistake."""


def with_options(function: Function) -> Function:
    """Show each option in the signature and the docstring of a function that takes all of them as `**options`."""
    return _with_keywords(function, _PARAMETERS.values(), _DESCRIPTIONS)


def with_keywords_of(other: Callable[..., object]) -> Callable[[Function], Function]:
    """Show the keywords of another function in a function that takes all of them as `**options`."""
    keywords = [each for each in inspect.signature(other).parameters.values() if each.kind is each.KEYWORD_ONLY]
    described = inspect.cleandoc(other.__doc__ or "").partition("\n\nReturns\n")[0]
    first = f"{keywords[0].name} : "
    return partial(_with_keywords, keywords=keywords, descriptions=first + described.partition(f"\n{first}")[2])


def _with_keywords(function: Function, keywords: Iterable[inspect.Parameter], descriptions: str) -> Function:
    signature = inspect.signature(function)
    own = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    vars(function)["__signature__"] = signature.replace(parameters=[*own, *keywords])
    function.__doc__ = re.sub(
        r"^( *)\*\*options : .*\n.*\n",
        lambda entry: indent(f"{descriptions}\n", entry[1]),
        function.__doc__ or "",
        flags=re.MULTILINE,
    )
    return function
