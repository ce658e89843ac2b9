"""A frame and a mapping become batches of events: payload bytes, keys and findings. Pure: no I/O, no clock."""

from events_pandas.convert.batch import Converter, EventBatch
from events_pandas.convert.keys import KeyIndex
from events_pandas.convert.problems import CODES, ONCE_CODES, Finding, problems_frame

__all__ = ["CODES", "ONCE_CODES", "Converter", "EventBatch", "Finding", "KeyIndex", "problems_frame"]
