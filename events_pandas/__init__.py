"""Rows of a DataFrame, a CSV or a Parquet file as Intercom data events: checked first, one result for every row."""

from typing import TYPE_CHECKING, Any

# Registers DataFrame.intercom.
import events_pandas.accessor  # noqa: F401
from events_pandas.api import check_events, iter_submit, submit_events, submit_file
from events_pandas.deliver import IntercomClient, RetryPolicy
from events_pandas.errors import (
    AuthenticationError,
    CredentialsError,
    EventsPandasError,
    InvalidRowsError,
    MappingError,
    OutageError,
    SourceError,
    SubmissionError,
    SubmissionInterrupted,
    UnknownColumnError,
)
from events_pandas.mapping import (
    Column,
    Constant,
    Date,
    EventMapping,
    Link,
    MonetaryAmount,
    Number,
    RichLink,
    SuggestedMapping,
    Text,
    suggest_mapping,
)
from events_pandas.options import SubmitOptions
from events_pandas.results import CheckReport

if TYPE_CHECKING:
    from events_pandas.sandbox import Faults, Sandbox

__all__ = [
    "AuthenticationError",
    "CheckReport",
    "Column",
    "Constant",
    "CredentialsError",
    "Date",
    "EventMapping",
    "EventsPandasError",
    "Faults",
    "IntercomClient",
    "InvalidRowsError",
    "Link",
    "MappingError",
    "MonetaryAmount",
    "Number",
    "OutageError",
    "RetryPolicy",
    "RichLink",
    "Sandbox",
    "SourceError",
    "SubmissionError",
    "SubmissionInterrupted",
    "SubmitOptions",
    "SuggestedMapping",
    "Text",
    "UnknownColumnError",
    "check_events",
    "iter_submit",
    "submit_events",
    "submit_file",
    "suggest_mapping",
]


def __getattr__(name: str) -> Any:
    # The sandbox is an extra, and is loaded when it is first used.
    if name in {"Faults", "Sandbox"}:
        from events_pandas import sandbox  # noqa: PLC0415

        return getattr(sandbox, name)
    raise AttributeError(f"module 'events_pandas' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
