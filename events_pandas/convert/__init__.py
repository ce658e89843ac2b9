"""A frame and a mapping become batches of events: payload bytes, keys and findings. Pure: no I/O, no clock."""

from events_pandas.convert.batch import Converter, EventBatch
from events_pandas.convert.codes import CODES, Code
from events_pandas.convert.problems import Cause, Finding, GatheredFindings, causes, first_errors, problems_frame

__all__ = [
    "CODES",
    "Cause",
    "Code",
    "Converter",
    "EventBatch",
    "Finding",
    "GatheredFindings",
    "causes",
    "first_errors",
    "problems_frame",
]
