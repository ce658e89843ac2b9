"""Delivery: events as bytes in, one outcome for each event out."""

from events_pandas.deliver.client import MAX_CONCURRENCY, IntercomClient
from events_pandas.deliver.client.answers import Answer, TransportError
from events_pandas.deliver.decide import RetryPolicy
from events_pandas.deliver.engine import Engine
from events_pandas.deliver.outcomes import Event, Outcome, Status, WorkspaceIdentity
from events_pandas.deliver.preflight import preflight
from events_pandas.deliver.progress import Progress, ProgressBar, ProgressChoice, progress_bar
from events_pandas.deliver.stops import Stop, stop_for_closing, stop_for_error, stop_for_interrupt, stop_for_journal

__all__ = [
    "MAX_CONCURRENCY",
    "Answer",
    "Engine",
    "Event",
    "IntercomClient",
    "Outcome",
    "Progress",
    "ProgressBar",
    "ProgressChoice",
    "RetryPolicy",
    "Status",
    "Stop",
    "TransportError",
    "WorkspaceIdentity",
    "preflight",
    "progress_bar",
    "stop_for_closing",
    "stop_for_error",
    "stop_for_interrupt",
    "stop_for_journal",
]
