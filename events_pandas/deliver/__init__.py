"""Delivery: events as bytes in, one outcome for each of them out."""

from events_pandas.deliver.answers import Answer, TransportError
from events_pandas.deliver.client import IntercomClient
from events_pandas.deliver.engine import Run
from events_pandas.deliver.outcomes import Event, Outcome, Status
from events_pandas.deliver.preflight import Workspace
from events_pandas.deliver.progress import Progress, ProgressBar, ProgressChoice, progress_bar
from events_pandas.deliver.retry import RetryPolicy
from events_pandas.deliver.stopping import Stop, stop_for_error, stop_for_interrupt, stop_for_journal
from events_pandas.deliver.workers import MAX_CONCURRENCY

__all__ = [
    "MAX_CONCURRENCY",
    "Answer",
    "Event",
    "IntercomClient",
    "Outcome",
    "Progress",
    "ProgressBar",
    "ProgressChoice",
    "RetryPolicy",
    "Run",
    "Status",
    "Stop",
    "TransportError",
    "Workspace",
    "progress_bar",
    "stop_for_error",
    "stop_for_interrupt",
    "stop_for_journal",
]
