"""The exceptions of this package: a row's trouble is data, a run's trouble is one of these.

* EventsPandasError
  * MappingError             the mapping is wrong, or does not fit the frame
    * UnknownColumnError     a rule reads a column that the frame does not have
  * InvalidRowsError         rows are invalid, and on_invalid="raise" was asked for
  * SourceError              a file cannot be read, or results cannot be written
  * JournalError             the journal cannot be read or written, or is no journal
  * CredentialsError         no usable access token or address, before any request
  * SubmissionError          the run ended early: canary, failure rate, address, error; `.results` has every row
    * AuthenticationError    Intercom refused the access token
    * OutageError            Intercom cannot be reached, or answers with failures only
* SubmissionInterrupted      Ctrl-C or the notebook's stop button, with `.results`; a KeyboardInterrupt
"""

import difflib
import os
from collections.abc import Hashable, Iterable, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, Self

from events_pandas.words import escaped

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
    """An error that can be pickled, as processes hand errors to each other."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (type(self), self.args, self.__dict__)


class EventsPandasError(_Portable, Exception):
    """The root of this package's errors.

    Parameters
    ----------
    message : str
        What is wrong; characters in it that act on a terminal, or break lines, are written as escapes.
    lines : sequence of str, optional
        A line for each of several faults.
    """

    def __init__(self, message: str, *, lines: Sequence[str] = ()) -> None:
        super().__init__("\n  ".join(map(escaped, [message, *lines])))


class MappingError(EventsPandasError):
    """A mapping is wrong in itself, or does not fit the frame.

    Parameters
    ----------
    faults : sequence of str
        Every fault, each as ``"path: what is wrong, and how to mend it"``.

    Attributes
    ----------
    faults : tuple of str
        The same, to walk through.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(map(escaped, faults))
        if len(self.faults) == 1:
            super().__init__(self.faults[0])
        else:
            super().__init__(f"the mapping has {len(self.faults)} faults:", lines=self.faults)

    def in_file(self, path: object, hint: str) -> Self:
        """Return the error of a file among several.

        Parameters
        ----------
        path : object
            The file; None where there is only one.
        hint : str
            What is odd about it; may be empty.

        Returns
        -------
        MappingError
            Of the same class: each fault begins with the file, and the last one ends with what is odd.
        """
        where, why = "" if path is None else f"{path}: ", f" ({hint})" if hint else ""
        error = copy(self)
        *others, last = (f"{where}{fault}" for fault in self.faults)
        MappingError.__init__(error, [*others, f"{last}{why}"])
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
    hint : str, optional
        A likelier mending than a similar column's name.

    Attributes
    ----------
    column : hashable
        The label that was looked for.
    path : str
        The field that reads it.
    """

    def __init__(self, column: Hashable, *, path: str, available: Iterable[Hashable], hint: str = "") -> None:
        self.column = column
        self.path = path
        super().__init__([f"{path}: no column {column!r}{_suggestion(column, available, hint)}"])


def _suggestion(column: Hashable, available: Iterable[Hashable], hint: str) -> str:
    labels = {str(label): label for label in available}
    similar = difflib.get_close_matches(str(column), labels, n=1)
    if similar:
        return f": did you mean {labels[similar[0]]!r}?"
    if hint:
        return f": {hint}"
    shown = ", ".join(repr(label) for label in list(labels.values())[:SHOWN_LABELS])
    more = f" and {len(labels) - SHOWN_LABELS} more" if len(labels) > SHOWN_LABELS else ""
    return f"; there are {shown}{more}" if labels else "; the frame has no columns"


class InvalidRowsError(EventsPandasError):
    """Rows are invalid, and `on_invalid="raise"` asked to stop before the first request.

    Parameters
    ----------
    problems : pandas.DataFrame
        The findings, as in `CheckReport.problems`.
    invalid : int
        The number of rows that have an error.

    Attributes
    ----------
    problems : pandas.DataFrame
        The findings.
    """

    def __init__(self, problems: "pd.DataFrame", *, invalid: int) -> None:
        self.problems = problems
        rows = "1 row is" if invalid == 1 else f"{invalid:,} rows are"
        super().__init__(f"{rows} invalid, and none of the rows checked was sent: see .problems, one line per finding")


class SourceError(EventsPandasError):
    """A file cannot be read as rows, or the results cannot be written."""


class JournalError(EventsPandasError):
    """The journal cannot be read or written, or its file is no journal.

    Parameters
    ----------
    path : path-like
        The file of the journal.
    problem : str
        What is wrong.
    remedy : str
        How to mend it.

    Attributes
    ----------
    path : str
        The file of the journal.
    """

    def __init__(self, path: "os.PathLike[str]", *, problem: str, remedy: str) -> None:
        self.path = os.fspath(path)
        super().__init__(f"{self.path}: {problem}: {remedy}")


class CredentialsError(EventsPandasError):
    """There is no usable access token or address; nothing has left the machine."""


class SubmissionError(EventsPandasError):
    """A run ended before every row was submitted.

    Parameters
    ----------
    message : str
        What happened, and what to do next.
    results : pandas.DataFrame
        The results so far: one row for every input row (in a stream: those not yet yielded).

    Attributes
    ----------
    results : pandas.DataFrame
        The results so far.
    """

    def __init__(self, message: str, *, results: "pd.DataFrame") -> None:
        self.results = results
        super().__init__(message)


class AuthenticationError(SubmissionError):
    """Intercom refused the access token (401), or what it may do (403)."""


class OutageError(SubmissionError):
    """Intercom cannot be reached, or answers with nothing but passing failures."""


# An interrupt is no error, and KeyboardInterrupt has no suffix either.
class SubmissionInterrupted(_Portable, KeyboardInterrupt):
    """The run was interrupted; what was accepted until then is in `.results`.

    Parameters
    ----------
    message : str
        What happened, and how to go on.
    results : pandas.DataFrame
        The results so far: one row for every input row (in a stream: those not yet yielded).

    Attributes
    ----------
    results : pandas.DataFrame
        The results so far.
    """

    def __init__(self, message: str, *, results: "pd.DataFrame") -> None:
        self.results = results
        super().__init__(escaped(message))
