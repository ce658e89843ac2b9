"""A frame and a mapping become batches of events: payload bytes, keys and findings. Pure: no I/O, no clock."""

from events_pandas.convert.batch import Converter, EventBatch
from events_pandas.convert.canary import canary_rows
from events_pandas.convert.census import Census
from events_pandas.convert.checking import (
    CheckedRows,
    EarlierFrames,
    Tally,
    check_rows,
    chunk_bounds,
    first_errors,
    read_rows,
    unjudged_rows,
)
from events_pandas.convert.codes import CODES, Code
from events_pandas.convert.duplicates import Repeats
from events_pandas.convert.earlier_runs import CLAIMED, FREE, EarlierRuns, EarlierSubmissions, Entries, used_up
from events_pandas.convert.problems import Cause, Finding, causes, problems_frame

__all__ = [
    "CLAIMED",
    "CODES",
    "FREE",
    "Cause",
    "Census",
    "CheckedRows",
    "Code",
    "Converter",
    "EarlierFrames",
    "EarlierRuns",
    "EarlierSubmissions",
    "Entries",
    "EventBatch",
    "Finding",
    "Repeats",
    "Tally",
    "canary_rows",
    "causes",
    "check_rows",
    "chunk_bounds",
    "first_errors",
    "problems_frame",
    "read_rows",
    "unjudged_rows",
    "used_up",
]
