"""A frame and a mapping become batches of events: payload bytes, keys and findings. Pure: no I/O, no clock."""

from events_pandas.convert.batch import Converter, EventBatch
from events_pandas.convert.checking import CheckedRows, chunk_bounds, first_errors, check_rows
from events_pandas.convert.keys import KeyIndex
from events_pandas.convert.problems import CODES, Finding, problems_frame

__all__ = [
    "CODES",
    "Converter",
    "EventBatch",
    "Finding",
    "KeyIndex",
    "CheckedRows",
    "chunk_bounds",
    "first_errors",
    "check_rows",
    "problems_frame",
]
