"""The rows of a frame, or of a stream of frames, judged together: repeats, earlier runs, counts over all rows."""

from events_pandas.check.canary import canary_rows
from events_pandas.check.checking import (
    CheckedRows,
    EarlierFrames,
    FrameCheck,
    StreamCheck,
    check_rows,
    chunk_bounds,
    no_rows,
)
from events_pandas.check.duplicates import Repeats
from events_pandas.check.earlier_runs import CLAIMED, FREE, EarlierSubmissions, Entries, used_up
from events_pandas.check.row_counts import RowCounts

__all__ = [
    "CLAIMED",
    "FREE",
    "CheckedRows",
    "EarlierFrames",
    "EarlierSubmissions",
    "Entries",
    "FrameCheck",
    "Repeats",
    "RowCounts",
    "StreamCheck",
    "canary_rows",
    "check_rows",
    "chunk_bounds",
    "no_rows",
    "used_up",
]
