"""Where a journal is: in the user's state directory, one file for each workspace, or where the user says."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

import platformdirs

from events_pandas.deliver.journal.troubles import GO_ELSEWHERE
from events_pandas.errors import JournalError
from events_pandas.filesystem import DIRECTORY, odd_kind

AUTO: Final = "auto"
"""The journal of the workspace in the user's state directory."""
DIRECTORY_VARIABLE: Final = "EVENTS_PANDAS_JOURNALS"
"""The variable of the environment that names another directory for them."""

_SUFFIX = ".sqlite"


def journal_path(journal: str | os.PathLike[str], workspace: str) -> Path:
    """Return the file of a journal.

    Parameters
    ----------
    journal : str or path-like
        ``"auto"``, a directory that there is or that ends with a slash, or the path of a file.
    workspace : str
        The ``id_code`` of the workspace.

    Returns
    -------
    pathlib.Path
        In a directory it is named after the workspace; a file may hold several workspaces.

    Raises
    ------
    ValueError
        If the path is empty.
    JournalError
        If no file can be there.

    Examples
    --------
    >>> journal_path("orders.sqlite", "ab12cd34").name, journal_path("auto", "ab12cd34").name
    ('orders.sqlite', 'ab12cd34.sqlite')
    """
    with _told_as_journal_error(journal):
        path = _given_path(journal)
        # Letters, digits and a few signs stay: what Intercom calls a workspace is a file name in itself.
        is_folder = journal == AUTO or path.is_dir() or os.fspath(journal).endswith(("/", os.sep))
        return path / f"{quote(workspace, safe='')}{_SUFFIX}" if is_folder else path


def journals_there(journal: str | os.PathLike[str], workspace: str | None = None) -> list[Path]:
    """Return the files of the journals that there are.

    Parameters
    ----------
    journal : str or path-like
        ``"auto"``, a directory, or the path of a file.
    workspace : str or None, default None
        The ``id_code`` of the one workspace that is of interest; None for all.

    Returns
    -------
    list of pathlib.Path
        Sorted; empty where there is none.

    Raises
    ------
    ValueError
        If the path is empty.
    JournalError
        If no file can be there.
    """
    with _told_as_journal_error(journal):
        path = _given_path(journal) if workspace is None else journal_path(journal, workspace)
        if path.is_dir():
            return sorted(path.glob(f"*{_SUFFIX}"))
        return [path] if path.exists() else []


@contextmanager
def _told_as_journal_error(journal: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what the system says of a path into a `JournalError`: too long, not allowed, of an unknown user."""
    if not os.fspath(journal):
        raise ValueError("journal: the path is empty: give 'auto', a path, or None")
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        problem = f"no journal can be there: {getattr(error, 'strerror', None) or error}"
        raise JournalError(Path(journal), problem=problem, remedy=GO_ELSEWHERE) from error


def _given_path(journal: str | os.PathLike[str]) -> Path:
    if "\0" in os.fspath(journal):
        raise ValueError("there is a NUL in the path")
    named = os.environ.get(DIRECTORY_VARIABLE) if journal == AUTO else journal
    if not named:
        return platformdirs.user_state_path("events_pandas", appauthor=False) / "journals"
    # A program may go to another directory while a run goes on.
    path = Path(named).expanduser().absolute()
    if (kind := odd_kind(path)) not in {None, DIRECTORY}:
        # SQLite would wait for one to open that nobody opens on the other side.
        raise ValueError(f"it is {kind}")
    return path
