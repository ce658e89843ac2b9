"""The pace: when the next request may leave, as the answers show the rate limit."""

from events_pandas.deliver.pace.pacer import Pacer
from events_pandas.deliver.pace.state import Pause, RunState, Window

__all__ = ["Pacer", "Pause", "RunState", "Window"]
