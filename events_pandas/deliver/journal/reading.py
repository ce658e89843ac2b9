"""The history of runs, read from a journal without touching it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

from events_pandas.deliver.journal.connections import beside, opened, opening, require_plain
from events_pandas.deliver.journal.opening import write_back
from events_pandas.deliver.journal.tables import is_new, require_journal
from events_pandas.deliver.journal.troubles import BUSY_SECONDS, lacks_shared_memory, told_as_journal_error

_RUNS = """
SELECT run, started_at, ended_at, workspace, source, mapping, outcome, counts, requests, results_path, resubmit
FROM runs WHERE :workspace IS NULL OR workspace = :workspace ORDER BY run
"""
_COUNTS = 7
"""The position of the counts in a row."""


class RunEntry(NamedTuple):
    """What a journal tells of a run.

    Parameters
    ----------
    run : int
        Its number in the journal, from 1.
    started_at : int
        When it began, in Unix microseconds.
    ended_at : int or None
        When it ended; None if it is under way or was killed.
    workspace : str
        The ``id_code`` of the workspace.
    source : str
        Where the rows came from.
    mapping : str
        A digest of the mapping.
    outcome : str or None
        How it ended; None if it did not.
    counts : dict of str to int, or None
        Rows of each status as far as it was told; None if it was not.
    requests : int or None
        Requests made.
    results_path : str or None
        Where its results were written.
    resubmit : bool
        Whether it did not ask what earlier runs had sent.
    """

    run: int
    started_at: int
    ended_at: int | None
    workspace: str
    source: str
    mapping: str
    outcome: str | None
    counts: dict[str, int] | None
    requests: int | None
    results_path: str | None
    resubmit: bool


def read_runs(path: Path, workspace: str | None = None) -> list[RunEntry]:
    """Read the runs that a journal tells of.

    Parameters
    ----------
    path : pathlib.Path
        Its file, which is not changed.
    workspace : str or None, default None
        The ``id_code`` of the one workspace that is of interest; None for all.

    Returns
    -------
    list of RunEntry
        In the order in which they began.

    Raises
    ------
    JournalError
        If the file is no journal, is damaged, of a later version, or cannot be read.
    """
    with told_as_journal_error(path):
        require_plain(path)
        try:
            return _read_as_it_is(path, workspace)
        except sqlite3.OperationalError as error:
            if not (lacks_shared_memory(error) and _is_in_use(path)):
                raise
        # A run was killed on another file system: what it wrote ahead is moved to where it belongs, as by the next run.
        write_back(path, BUSY_SECONDS)
        return _read_as_it_is(path, workspace)


def _read_as_it_is(path: Path, workspace: str | None) -> list[RunEntry]:
    if beside(path, "-journal").exists():
        # A run was killed while it wrote without a log: SQLite undoes the half of it, as the next run would.
        return _read(path, workspace, "mode=rw")
    if _is_in_use(path):
        return _read(path, workspace, "mode=ro")
    # A journal that nobody writes to is one file. SQLite would make those beside it even to read.
    before = _state(path)
    with suppress(sqlite3.DatabaseError):
        runs = _read(path, workspace, "mode=ro&immutable=1")
        if not _is_in_use(path) and _state(path) == before:
            return runs
    # A run has begun in the middle of it.
    return _read(path, workspace, "mode=ro")


def _is_in_use(path: Path) -> bool:
    """Whether there is what SQLite keeps beside a file that is written to, or was when the process was killed."""
    return any(beside(path, ending).exists() for ending in ("-wal", "-journal"))


def _state(path: Path) -> tuple[int, int]:
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns


def _read(path: Path, workspace: str | None, how: str) -> list[RunEntry]:
    with opening(), closing(opened(path, how, timeout=BUSY_SECONDS)) as connection:
        if is_new(connection):
            return []
        require_journal(connection, path)
        return list(_entries(connection.execute(_RUNS, {"workspace": workspace})))


def _entries(rows: sqlite3.Cursor) -> Iterator[RunEntry]:
    for row in rows:
        values: list[Any] = list(row)
        values[_COUNTS] = None if values[_COUNTS] is None else json.loads(values[_COUNTS])
        values[-1] = bool(values[-1])
        yield RunEntry(*values)
