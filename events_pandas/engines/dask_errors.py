"""Errors of Dask, and of the functions that its workers call, become one sentence and what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from events_pandas.engines.faults import rows_fault
from events_pandas.errors import EventsPandasError, SourceError

_CURES: Final = (
    (re.compile("^(KilledWorker|(Arrow)?MemoryError)"), "give the workers more memory, or the frame more partitions"),
    (re.compile("bootstrapping phase"), "put what your program does under if __name__ == '__main__'"),
    (
        re.compile("^((Future)?CancelledError|CommClosedError|ClosedClientError)|Timed out trying to connect"),
        "connect to the cluster, or begin another one",
    ),
    (re.compile(""), "correct the frame"),
)


@contextmanager
def dask_errors() -> Iterator[None]:
    """Raise the errors of computing as a `SourceError`; those of this package stay as they are."""
    try:
        yield
    except EventsPandasError:
        raise
    except Exception as error:
        raise _fault(error) from error


def _fault(error: Exception) -> SourceError:
    # The first paragraph says what there is; others describe it.
    text = " ".join(str(error).strip().partition("\n\n")[0].split())
    kind = type(error).__name__
    return rows_fault(f"{kind}: {text}" if text else kind, _CURES, engine="Dask")
