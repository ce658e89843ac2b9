"""Files of rows become frames, chunk by chunk."""

from events_pandas.sources.csv_types import ColumnTypes, column_types, with_types
from events_pandas.sources.files import (
    FileChunk,
    PathOrPaths,
    header_hint,
    read_chosen_rows,
    read_chunks,
    read_first_row,
    read_first_rows,
    row_count,
    source_paths,
    source_schema,
)
from events_pandas.sources.opening import KeptFile, kept_files
from events_pandas.sources.rereading import COMPARED_ROWS, other_reading, payloads_of

__all__ = [
    "COMPARED_ROWS",
    "ColumnTypes",
    "FileChunk",
    "KeptFile",
    "PathOrPaths",
    "column_types",
    "header_hint",
    "kept_files",
    "other_reading",
    "payloads_of",
    "read_chosen_rows",
    "read_chunks",
    "read_first_row",
    "read_first_rows",
    "row_count",
    "source_paths",
    "source_schema",
    "with_types",
]
