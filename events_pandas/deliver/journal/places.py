"""The files of a journal: where they are, by default or as the user says, and whether they are plain files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import quote

import platformdirs

from events_pandas.deliver.journal.troubles import GO_ELSEWHERE
from events_pandas.errors import JournalError
from events_pandas.filesystem import DIRECTORY, odd_kind
from events_pandas.wording import Setting

AUTO: Final = "auto"
"""The journal of the workspace in the user's state directory."""
DIRECTORY_VARIABLE: Final = "EVENTS_PANDAS_JOURNALS"
"""The environment variable that names another directory for the journals."""

FileIdentity: TypeAlias = tuple[int, int]
"""The device of a file, and its number there: another file of the same name has another one."""
_FILE_ENDINGS: Final = ("", "-journal", "-wal", "-shm", ".lock")
_SUFFIX = ".sqlite"


def journal_path(journal: str | os.PathLike[str], workspace: str) -> Path:
    """Return the file of a journal: `journal` is ``"auto"``, a directory (it exists or ends with a slash) or a file.

    In a directory the file is named after the workspace; a file may hold several workspaces. Raise `ValueError` if the
    path is empty, and `JournalError` if no file can be there.
    """
    with _as_journal_error(journal):
        path = _given_path(journal)
        # `quote` keeps letters, digits and a few signs: Intercom's id of a workspace is a file name as it is.
        is_folder = journal == AUTO or path.is_dir() or os.fspath(journal).endswith(("/", os.sep))
        return path / f"{quote(workspace, safe='')}{_SUFFIX}" if is_folder else path


def journals_there(journal: str | os.PathLike[str], workspace: str | None = None) -> list[Path]:
    """Return the existing files of journals, sorted: those of one workspace, or all.

    Raise `ValueError` if the path is empty, and `JournalError` if no file can be there.
    """
    with _as_journal_error(journal):
        path = _given_path(journal) if workspace is None else journal_path(journal, workspace)
        if path.is_dir():
            return sorted(path.glob(f"*{_SUFFIX}"))
        return [path] if path.exists() else []


def file_identity(path: Path) -> FileIdentity:
    """Return what tells a file from another one of its name."""
    facts = path.stat()
    return facts.st_dev, facts.st_ino


def beside(path: Path, ending: str) -> Path:
    """Return the path of another file of a journal, such as its ``"-wal"``.

    If `path` is a link, SQLite keeps the other files beside the real file.
    """
    return Path(os.path.realpath(path) + ending)


def require_plain(path: Path) -> None:
    """Raise `JournalError` if a pipe, a socket, a device or a directory stands where a journal has a file.

    Opening a pipe would wait without end.
    """
    for ending in _FILE_ENDINGS:
        file = beside(path, ending)
        if kind := odd_kind(file):
            remedy = (f"move {file.name} away, or use another path ", Setting.JOURNAL)
            raise JournalError(path, problem=f"{file.name} is {kind}, not a file", remedy=remedy)


@contextmanager
def _as_journal_error(journal: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what the system says of a path (too long, not allowed, unknown user) into a `JournalError`."""
    if not os.fspath(journal):
        raise ValueError("journal: the path is empty: pass 'auto', a path or None")
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        problem = f"a journal cannot be there: {getattr(error, 'strerror', None) or error}"
        raise JournalError(Path(journal), problem=problem, remedy=GO_ELSEWHERE) from error


def _given_path(journal: str | os.PathLike[str]) -> Path:
    if "\0" in os.fspath(journal):
        raise ValueError("the path contains a NUL character")
    named = os.environ.get(DIRECTORY_VARIABLE) if journal == AUTO else journal
    if not named:
        return platformdirs.user_state_path("events_pandas", appauthor=False) / "journals"
    # Absolute: the program may change its working directory during a run.
    path = Path(named).expanduser().absolute()
    if (kind := odd_kind(path)) not in {None, DIRECTORY}:
        # SQLite would wait without end to open a pipe that no other program opens.
        raise ValueError(f"it is {kind}")
    return path
