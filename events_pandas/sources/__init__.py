"""Files of rows become frames, chunk by chunk."""

from events_pandas.sources.bad_files import BadFile, together
from events_pandas.sources.csv_types import ColumnTypes, kept_types, with_types
from events_pandas.sources.files import (
    FileChunk,
    absent_keys,
    file_delimiter,
    found_format,
    header_hint,
    read_chosen_rows,
    read_chunks,
    read_first_row,
    read_first_rows,
    row_count,
    sheet_hint,
    source_schema,
)
from events_pandas.sources.kept_tables import KeptTables
from events_pandas.sources.opening import is_in_place, is_readable
from events_pandas.sources.places import PathOrPaths, Places, name_of, opened_files, source_files
from events_pandas.sources.rereading import COMPARED_ROWS, other_readings, payloads_of
from events_pandas.sources.source_file import SourceFile
from events_pandas.sources.value_types import column_types

__all__ = [
    "COMPARED_ROWS",
    "BadFile",
    "ColumnTypes",
    "FileChunk",
    "KeptTables",
    "PathOrPaths",
    "Places",
    "SourceFile",
    "absent_keys",
    "column_types",
    "file_delimiter",
    "found_format",
    "header_hint",
    "is_in_place",
    "is_readable",
    "kept_types",
    "name_of",
    "opened_files",
    "other_readings",
    "payloads_of",
    "read_chosen_rows",
    "read_chunks",
    "read_first_row",
    "read_first_rows",
    "row_count",
    "sheet_hint",
    "source_files",
    "source_schema",
    "together",
    "with_types",
]
