"""How SQLite writes a journal, in its own words, and what that means where it is not the usual way."""

from typing import Final

WAL: Final = "wal"
"""A write-ahead log beside the file: readers and the writer work at once."""
NO_LOCKS: Final = "delete, no locks"
"""A rollback journal, which is deleted at the end of each step; a file beside it keeps other runs away."""
WITHOUT_WAL: Final = (
    "it is written with a rollback journal, since a write-ahead log cannot be used there: that is as safe, and slower, "
    "and two runs on it wait for each other"
)
WITHOUT_LOCKS: Final = (
    "its file system cannot lock files, so that it is written with a rollback journal, and a file beside it keeps "
    "other runs away: that is slower, and one run at a time can use it; a journal on a local disk has no such limits"
)


def manner(mode: str) -> str | None:
    """Return words for the way in which a journal is written.

    Parameters
    ----------
    mode : str
        As `Journal.mode`.

    Returns
    -------
    str or None
        None for the usual way.
    """
    if mode == WAL:
        return None
    return WITHOUT_LOCKS if mode == NO_LOCKS else WITHOUT_WAL
