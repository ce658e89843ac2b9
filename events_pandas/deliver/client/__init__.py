"""The client: one request to Intercom and its answer."""

from events_pandas.deliver.client.answers import Answer, TransportError
from events_pandas.deliver.client.client import MAX_CONCURRENCY, IntercomClient

__all__ = ["MAX_CONCURRENCY", "Answer", "IntercomClient", "TransportError"]
