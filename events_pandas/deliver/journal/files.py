"""Whether a file is still the one that was opened: what is written to one that was moved away is found by nobody."""

import os
from pathlib import Path
from typing import Final, TypeAlias

from events_pandas.errors import JournalError
from events_pandas.file_kinds import odd_kind

Identity: TypeAlias = tuple[int, int]
_BESIDE: Final = ("", "-journal", "-wal", "-shm", ".lock")
"""How the names of the files of a journal end."""


def file_identity(path: Path) -> Identity:
    """Return what tells a file from another one of its name.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    tuple of int
        Its device, and its number there.
    """
    facts = path.stat()
    return facts.st_dev, facts.st_ino


def beside(path: Path, ending: str) -> Path:
    """Return a file of a journal: where a link leads to the journal, SQLite makes the others beside the real file.

    Parameters
    ----------
    path : pathlib.Path
        The file of the journal.
    ending : str
        Of the other file, such as ``"-wal"``.

    Returns
    -------
    pathlib.Path
        The same for all links to one journal.
    """
    return Path(os.path.realpath(path) + ending)


def require_plain(path: Path) -> None:
    """Refuse a journal that is not a file, or has something else beside it in place of one of its files.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Raises
    ------
    JournalError
        If there is a pipe, which would be waited for without end, a socket, a device or a directory.
    """
    for ending in _BESIDE:
        file = beside(path, ending)
        if kind := odd_kind(file):
            remedy = f"move {file.name} away, or name another path with journal=..."
            raise JournalError(path, problem=f"{file.name} is {kind}, and must be a file", remedy=remedy)


def require_same(path: Path, identity: Identity) -> None:
    """Refuse to go on with a journal that was moved away, or replaced.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    identity : tuple of int
        What it was when it was opened.

    Raises
    ------
    JournalError
        If there is another one, or none.
    """
    try:
        is_same = file_identity(path) == identity
    except FileNotFoundError:
        is_same = False
    if not is_same:
        problem = "the journal was moved away or replaced while the run went on"
        raise JournalError(path, problem=problem, remedy="put it back, then run again")
