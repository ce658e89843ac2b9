"""The client: one request to Intercom and its answer."""

from events_pandas.deliver.client.answers import Answer, TransportError
from events_pandas.deliver.client.client import IntercomClient

__all__ = ["Answer", "IntercomClient", "TransportError"]
