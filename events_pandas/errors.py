"""The exceptions of this package: a row's trouble is data, a run's trouble is one of these.

* EventsPandasError
  * MappingError             the mapping is wrong, or does not fit the frame
    * UnknownColumnError     a rule reads a column that the frame does not have
  * InvalidRowsError         rows are invalid, and on_invalid="raise" was asked for
  * SourceError              a file cannot be read, or results cannot be written
  * JournalError             the journal cannot be read or written, or is not a journal
    * RunUnderWayError       a run of the same files is under way, or one that has the journal for itself
  * CredentialsError         no usable access token or address, before any request
  * SubmissionError          the run ended early: canary, failure rate, address, error; `.results` has every row
    * AuthenticationError    Intercom refused the access token
    * OutageError            Intercom cannot be reached, or answers with failures only
* OptionError                options of a run contradict each other; a ValueError
* MissingExtraError          an optional package is not installed; an ImportError
* SubmissionInterrupted      Ctrl-C or the notebook's stop button, with `.results`; a KeyboardInterrupt
"""

import math
import os
from collections.abc import Hashable, Iterable, Sequence
from copy import copy
from typing import TYPE_CHECKING, Self

from events_pandas.short_traceback import short_traceback
from events_pandas.wording import Words, between, in_commands, in_python, parts_of
from events_pandas.words import counted, did_you_mean, escaped, listed

if TYPE_CHECKING:
    import pandas as pd

SHOWN_LABELS = 10


def _remade(kind: type[BaseException], args: tuple[object, ...], state: dict[str, object]) -> BaseException:
    """Make an error again from its state: not all facts of its message are kept."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class _Portable(BaseException):
    """An error that can be pickled, as processes hand errors to each other, and is short in a notebook."""

    def __reduce__(self) -> tuple[object, ...]:
        return _remade, (type(self), self.args, self.__dict__)

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython and Jupyter show instead of the traceback."""
        return short_traceback(self)


class Worded(_Portable):
    """An error whose message Python and the command line may have different words for."""

    # Phrases stay parts until the message is joined: a file may be named like one.
    _words: Words = ""
    _lines: Sequence[Words] = ()

    def _keep(self, words: Words, lines: Sequence[Words] = ()) -> str:
        """Keep the parts of the message, and return it in Python's words."""
        self._words, self._lines = words, tuple(lines)
        return _lined(map(in_python, [words, *lines]))

    def in_commands(self) -> str:
        """Return the message in the words of the command line."""
        return _lined(map(in_commands, [self._words, *self._lines]))


def _lined(lines: Iterable[str]) -> str:
    return "\n  ".join(map(escaped, lines))


class EventsPandasError(Worded, Exception):
    """The root of this package's errors.

    Parameters
    ----------
    message : str or sequence of str
        What is wrong, or the parts of this text. Characters that act on a terminal or break lines become escapes.
    lines : sequence of str, optional
        A line for each of several faults, or its parts.
    """

    def __init__(self, message: Words, *, lines: Sequence[Words] = ()) -> None:
        super().__init__(self._keep(message, lines))


class MappingError(EventsPandasError):
    """A mapping is wrong in itself, or does not fit the frame.

    Parameters
    ----------
    faults : sequence of str
        Every fault, each as ``"path: what is wrong, and how to fix it"``, or the parts of this text.

    Attributes
    ----------
    faults : tuple of str
        The same faults, in the words of Python.
    words : tuple of str or sequence of str
        The same faults as they were given.
    """

    def __init__(self, faults: Sequence[Words]) -> None:
        self.words = tuple(faults)
        self.faults = tuple(escaped(in_python(fault)) for fault in faults)
        if len(faults) == 1:
            super().__init__(faults[0])
        else:
            super().__init__(f"the mapping has {len(faults)} faults:", lines=faults)

    def faults_in_commands(self) -> tuple[str, ...]:
        """Return the faults in the words of the command line and its TOML.

        Returns
        -------
        tuple of str
            As many as `faults`.
        """
        return tuple(escaped(in_commands(fault)) for fault in self.words)

    def in_file(self, path: object, hint: str) -> Self:
        """Return the error of a file among several.

        Parameters
        ----------
        path : object
            The file; None if there is only one.
        hint : str
            What is odd about the file; may be empty.

        Returns
        -------
        MappingError
            Of the same class. Each fault begins with the file, and the last one ends with the hint.
        """
        where, why = "" if path is None else f"{path}: ", f" ({hint})" if hint else ""
        error = copy(self)
        *others, last = (parts_of(where, fault) for fault in self.words)
        MappingError.__init__(error, [*others, parts_of(last, why)])
        return error


class UnknownColumnError(MappingError):
    """A rule reads a column that the frame does not have.

    Parameters
    ----------
    column : hashable
        The label that was looked for.
    path : str
        The field that reads it, such as ``"metadata.price.currency"``.
    available : iterable of hashable
        The labels that there are.
    hint : str or sequence of str, optional
        A likelier fix than a similar column's name, or the parts of this text.

    Attributes
    ----------
    column : hashable
        The label that was looked for.
    path : str
        The field that reads it.
    """

    def __init__(self, column: Hashable, *, path: str, available: Iterable[Hashable], hint: Words = "") -> None:
        self.column = column
        self.path = path
        labels = list(available)
        suggestion = did_you_mean(column, labels, otherwise="") or hint
        advice = parts_of(": ", suggestion) if suggestion else _there_are(labels)
        super().__init__([parts_of(f"{path}: no column {column!r}", advice)])


def _there_are(labels: Sequence[Hashable]) -> str:
    shown = listed([repr(label) for label in labels], most=SHOWN_LABELS, longest=math.inf)
    return f"; there are {shown}" if labels else "; there are no columns"


class InvalidRowsError(EventsPandasError):
    """Rows are invalid, and `on_invalid="raise"` asked to stop before the first request.

    Parameters
    ----------
    problems : pandas.DataFrame
        The findings, as in `CheckReport.problems`.
    invalid : int, optional
        The number of rows that have an error; by default it is counted in `problems`.
    unsent_from : int, default 0
        The first row that was not sent: rows before it belong to earlier frames of a stream.

    Attributes
    ----------
    problems : pandas.DataFrame
        The findings.
    invalid : int
        The number of rows that have an error.
    """

    def __init__(self, problems: "pd.DataFrame", *, invalid: int | None = None, unsent_from: int = 0) -> None:
        self.problems = problems
        errors = problems[problems["severity"] == "error"]
        self.invalid = int(errors["row"].nunique()) if invalid is None else invalid
        rows = counted(self.invalid, "row is", "rows are")
        unsent = f"no row from row {unsent_from:,} on" if unsent_from else "none of the rows checked"
        first = errors.iloc[0]
        which = f"row {first['row']:,} ({first['field']}, {first['code']})"
        named = f"it is {which}" if self.invalid == 1 else f"the first is {which}"
        super().__init__(f"{rows} invalid, and {unsent} was sent: {named}; see .problems, one line per finding")


class SourceError(EventsPandasError):
    """A file cannot be read as rows, or the results cannot be written."""


class JournalError(EventsPandasError):
    """The journal cannot be read or written, or its file is not a journal.

    Parameters
    ----------
    path : path-like
        The file of the journal.
    problem : str
        What is wrong.
    remedy : str or sequence of str
        How to fix it, or the parts of this text.

    Attributes
    ----------
    path : str
        The file of the journal.
    problem : str
        What is wrong.
    remedy : str
        How to fix it.
    """

    def __init__(self, path: "os.PathLike[str]", *, problem: str, remedy: Words) -> None:
        self.path = os.fspath(path)
        self.problem = problem
        self.remedy = in_python(remedy)
        super().__init__(between(": ", [f"{self.path}: {problem}", remedy]))


class RunUnderWayError(JournalError):
    """Another run is under way, and this one did not begin; nothing was sent.

    Its parameters are those of a `JournalError`, and its attributes.

    Parameters
    ----------
    path : path-like
        The file of the journal.
    problem : str
        What is wrong.
    remedy : str or sequence of str
        How to fix it, or the parts of this text.
    process : int
        The number of the other run's process.
    host : str
        The machine of the other run.
    started_at : str
        When the other run began, such as ``"2026-01-31 10:24:05 UTC"``.

    Attributes
    ----------
    process : int
        The number of the other run's process.
    host : str
        The machine of the other run.
    started_at : str
        When the other run began.
    """

    def __init__(
        self, path: "os.PathLike[str]", *, problem: str, remedy: Words, process: int, host: str, started_at: str
    ) -> None:
        self.process = process
        self.host = host
        self.started_at = started_at
        super().__init__(path, problem=problem, remedy=remedy)


class CredentialsError(EventsPandasError):
    """There is no usable access token or address; nothing was sent.

    Parameters
    ----------
    message : str or sequence of str
        What is wrong, and how to fix it if `remedy` does not say it; or the parts of this text.
    lines : sequence of str, optional
        A line for each of several faults.
    remedy : str or sequence of str, optional
        How to fix it, or the parts of this text.

    Attributes
    ----------
    problem : str
        What is wrong.
    remedy : str
        How to fix it, or empty.
    """

    def __init__(self, message: Words, *, lines: Sequence[str] = (), remedy: Words = "") -> None:
        self.problem = in_python(message)
        self.remedy = in_python(remedy)
        super().__init__(between(": ", [message, remedy]), lines=lines)


class OptionError(Worded, ValueError):
    """Options of a run contradict each other."""

    def __init__(self, problem: Words, *, remedy: Words) -> None:
        super().__init__(self._keep(between(": ", [problem, remedy])))


class MissingExtraError(_Portable, ImportError):
    """An optional package is not installed."""


class _Unfinished(_Portable):
    """The end of a run before every row was submitted."""

    def __init__(self, message: str, *, results: "pd.DataFrame") -> None:
        self.results = results
        super().__init__(escaped(message))


class SubmissionError(_Unfinished, EventsPandasError):
    """A run ended before every row was submitted.

    Parameters
    ----------
    message : str
        What happened, and what to do next.
    results : pandas.DataFrame
        The results so far: one row for every input row (in a stream: the rows not yet yielded).

    Attributes
    ----------
    results : pandas.DataFrame
        The results so far.
    """


class AuthenticationError(SubmissionError):
    """Intercom refused the access token (401), or its permissions (403)."""


class OutageError(SubmissionError):
    """Intercom cannot be reached, or answers only with passing failures."""


# An interrupt is not an error; the name follows KeyboardInterrupt.
class SubmissionInterrupted(_Unfinished, KeyboardInterrupt):
    """The run was interrupted; `.results` shows what was accepted until then.

    Its parameters are those of a `SubmissionError`.

    Attributes
    ----------
    results : pandas.DataFrame
        The results so far: one row for every input row (in a stream: the rows not yet yielded).
    """
