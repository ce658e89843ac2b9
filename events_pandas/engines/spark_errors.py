"""Errors of Spark become one sentence of its own, and what to do; the original, with its traceback, is the cause."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from events_pandas.engines.faults import rows_fault
from events_pandas.errors import SourceError

Item = TypeVar("Item")

_OF_PYTHON: Final = "Traceback (most recent call last):\n"
_SENTENCES: Final = (
    re.compile(r"(\[[A-Z][A-Z0-9_.]+\] .*)"),  # with the name that Spark gives an error
    re.compile(r"most recent failure: .*?executor \w+\): (?:[\w.$]+: )?(.*)"),  # of a task that was tried again
    re.compile(r"Caused by: [\w.$]+: (.*)"),
)
_END: Final = re.compile(r"[\s.;]*(SQLSTATE: \w+[\s.;]*)?$")
_CURES: Final = (
    (
        re.compile("PYTHON_VERSION_MISMATCH|No module named|Cannot run program"),
        "let the workers start this Python, by os.environ['PYSPARK_PYTHON'] = sys.executable before the session begins",
    ),
    (
        re.compile(r"NO_ACTIVE_SESSION|SESSION_OR_CONTEXT_NOT_EXISTS|SESSION_CLOSED|SparkContext"),
        "begin a session, make the frame with it",
    ),
    (
        re.compile("TaskResultLost|OutOfMemory|Java heap space"),
        "begin a session whose driver has more memory (spark.driver.memory)",
    ),
    (re.compile(""), "correct the frame"),
)


@contextmanager
def spark_errors() -> Iterator[None]:
    """Raise the errors of Spark as a `SourceError`."""
    try:
        yield
    except Exception as error:
        raise _fault(error) from error


def from_spark(rows: Iterable[Item]) -> Iterator[Item]:
    """Yield rows that come from Spark."""
    with spark_errors():
        yield from rows


def _fault(error: Exception) -> SourceError:
    sentence = spark_sentence(error)
    # Of Java's own errors Py4J makes a `Py4JJavaError`.
    if isinstance(error, EOFError | OSError) or type(error).__name__ in {"Py4JError", "Py4JNetworkError"}:
        cure = "start Python again, or the kernel of the notebook, then the session, and call this again"
        return SourceError(f"Spark has ended, or cannot be reached ({sentence}): {cure}")
    return rows_fault(sentence, _CURES, engine="Spark")


def spark_sentence(error: Exception) -> str:
    """Return what Spark itself says of an error, without the lines of its traceback."""
    text = str(error).strip()
    if _OF_PYTHON in text:
        # The error of a function in a worker: the first line that is not indented.
        lines = text.rpartition(_OF_PYTHON)[2].splitlines()
        text = next((line for line in lines if line.strip() and not line[0].isspace()), text)
    found = next((match[1] for pattern in _SENTENCES if (match := pattern.search(text))), text)
    return _END.sub("", found.partition("\n")[0]) or type(error).__name__
