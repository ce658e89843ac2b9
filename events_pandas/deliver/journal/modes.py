"""How SQLite writes a journal, in its own words, and what that means where it is not the usual way."""

from typing import Final

WAL: Final = "wal"
"""A write-ahead log beside the file: readers and the writer work at once."""
WITHOUT_WAL: Final = (
    "its file system has no shared memory, so that it is written with a rollback journal: that is as safe, and slower, "
    "and two runs on it wait for each other"
)
