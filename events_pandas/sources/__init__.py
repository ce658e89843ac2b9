"""Files of rows become frames, chunk by chunk."""

from events_pandas.sources.files import (
    FileChunk,
    PathOrPaths,
    read_chunks,
    read_first_rows,
    row_counts,
    source_paths,
    typed_mapping,
)

__all__ = [
    "FileChunk",
    "PathOrPaths",
    "read_chunks",
    "read_first_rows",
    "row_counts",
    "source_paths",
    "typed_mapping",
]
