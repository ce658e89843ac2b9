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
from events_pandas.check.facts import CheckFacts, Spread, frame_facts
from events_pandas.check.passing import (
    FINDINGS_LISTED,
    PAYLOADS_KEPT,
    PassedRows,
    check_in_turn,
    check_together,
    first_payloads,
)
from events_pandas.check.row_counts import RowCounts

__all__ = [
    "CLAIMED",
    "FINDINGS_LISTED",
    "FREE",
    "PAYLOADS_KEPT",
    "CheckFacts",
    "CheckedRows",
    "EarlierFrames",
    "EarlierSubmissions",
    "Entries",
    "FrameCheck",
    "PassedRows",
    "Repeats",
    "RowCounts",
    "Spread",
    "StreamCheck",
    "canary_rows",
    "check_in_turn",
    "check_rows",
    "check_together",
    "chunk_bounds",
    "first_payloads",
    "frame_facts",
    "no_rows",
    "used_up",
]
