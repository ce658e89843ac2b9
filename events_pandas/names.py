"""The names that `import events_pandas` offers; loading them registers the accessor `DataFrame.intercom`."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Registers DataFrame.intercom.
import events_pandas.accessor  # noqa: F401
from events_pandas.api import (
    check_contacts,
    check_events,
    check_file,
    create_contacts,
    export_rejects,
    iter_submit,
    submit_events,
    submit_file,
    suggest_mapping,
    verify,
)
from events_pandas.deliver import IntercomClient, Progress, RetryPolicy
from events_pandas.errors import (
    AuthenticationError,
    CredentialsError,
    EventsPandasError,
    InvalidRowsError,
    JournalError,
    MappingError,
    MissingExtraError,
    OutageError,
    RunUnderWayError,
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
    SourceFormat,
    Text,
)
from events_pandas.plots import plot_check, plot_results
from events_pandas.reports import write_report
from events_pandas.results import (
    CheckReport,
    ResultsSummary,
    Verification,
    explain,
    read_results,
    summarize,
    unknown_contacts,
)
from events_pandas.run.history import runs
from events_pandas.run.options import SubmitOptions

if TYPE_CHECKING:
    from events_pandas.sandbox import Faults, Sandbox
    from events_pandas.suggest.suggestion import SuggestedMapping

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
    "JournalError",
    "Link",
    "MappingError",
    "MonetaryAmount",
    "Number",
    "OutageError",
    "Progress",
    "ResultsSummary",
    "RetryPolicy",
    "RichLink",
    "RunUnderWayError",
    "Sandbox",
    "SourceError",
    "SourceFormat",
    "SubmissionError",
    "SubmissionInterrupted",
    "SubmitOptions",
    "SuggestedMapping",
    "Text",
    "UnknownColumnError",
    "Verification",
    "check_contacts",
    "check_events",
    "check_file",
    "create_contacts",
    "explain",
    "export_rejects",
    "iter_submit",
    "plot_check",
    "plot_results",
    "read_results",
    "runs",
    "submit_events",
    "submit_file",
    "suggest_mapping",
    "summarize",
    "unknown_contacts",
    "verify",
    "write_report",
]

# Loaded at their first use: the sandbox is an extra, and few programs propose a mapping.
_LATE = {
    "Faults": "events_pandas.sandbox",
    "Sandbox": "events_pandas.sandbox",
    "SuggestedMapping": "events_pandas.suggest",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module 'events_pandas' has no attribute {name!r}")
    try:
        return getattr(import_module(_LATE[name]), name)
    except ImportError as error:
        # The sandbox does not know our errors.
        raise MissingExtraError(str(error)) from error.__cause__ or error
