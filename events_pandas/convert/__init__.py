"""A frame and a mapping become batches of events: payload bytes, keys and findings. Pure: no I/O, no clock."""

from events_pandas.convert.batch import Converter, EventBatch
from events_pandas.convert.checking import CheckedRows, check_rows, chunk_bounds, first_errors
from events_pandas.convert.keys import KeyIndex
from events_pandas.convert.problems import CODES, Cause, Finding, causes, problems_frame

__all__ = [
    "CODES",
    "Cause",
    "CheckedRows",
    "Converter",
    "EventBatch",
    "Finding",
    "KeyIndex",
    "causes",
    "check_rows",
    "chunk_bounds",
    "first_errors",
    "problems_frame",
]
