"""The history of runs, read from a journal that is not changed."""

import json
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from events_pandas.deliver.journal.connections import open_connection, opening_lock, own_runs
from events_pandas.deliver.journal.lookup import NO_RUN
from events_pandas.deliver.journal.opening import leave_wal_mode
from events_pandas.deliver.journal.places import beside, file_identity, require_plain
from events_pandas.deliver.journal.processes import find_other_runs
from events_pandas.deliver.journal.tables import is_new, require_journal
from events_pandas.deliver.journal.troubles import BUSY_SECONDS, as_journal_error, lacks_shared_memory

_RUNS = """
SELECT run, started_at, ended_at, workspace, source, mapping, outcome, requests, results_path, counts, resubmit
FROM runs WHERE :workspace IS NULL OR workspace = :workspace ORDER BY run
"""


class RunEntry(NamedTuple):
    """What a journal holds of a run."""

    run: int  # from 1
    started_at: int  # in Unix microseconds, as is `ended_at`
    ended_at: int | None  # None if the run is under way or was killed
    workspace: str
    source: str
    mapping: str  # a digest of the mapping
    outcome: str | None  # None if the run did not end
    requests: int | None
    results_path: str | None
    counts: dict[str, int] | None  # rows of each status, as far as the run had written them down
    resubmit: bool  # whether the run did not ask what earlier runs had sent
    is_under_way: bool  # whether the run goes on, as far as that can be seen: one without an end was killed otherwise


def read_runs(path: Path, workspace: str | None = None) -> list[RunEntry]:
    """Return the runs of a journal in the order in which they began: those of one workspace, or all.

    Raise `JournalError` if the file is not a journal, is damaged, of a later version, or cannot be read.
    """
    with as_journal_error(path):
        require_plain(path)
        try:
            return _read_as_it_is(path, workspace)
        except sqlite3.OperationalError as error:
            if not (lacks_shared_memory(error) and _is_in_use(path)):
                raise
        # A run was killed on another file system: its write-ahead log is written back, as the next run would do.
        leave_wal_mode(path, BUSY_SECONDS)
        return _read_as_it_is(path, workspace)


def _read_as_it_is(path: Path, workspace: str | None) -> list[RunEntry]:
    if beside(path, "-journal").exists():
        # A run was killed while it wrote without a log: SQLite undoes the half transaction, as in the next run.
        return _read(path, workspace, "mode=rw")
    if _is_in_use(path):
        return _read(path, workspace, "mode=ro")
    # A journal that nobody writes to is one file. SQLite would make the files beside it even to read.
    before = _state(path)
    with suppress(sqlite3.DatabaseError):
        runs = _read(path, workspace, "mode=ro&immutable=1")
        if not _is_in_use(path) and _state(path) == before:
            return runs
    # A run has begun while the file was read.
    return _read(path, workspace, "mode=ro")


def _is_in_use(path: Path) -> bool:
    """Return whether SQLite's files of a writer are beside the journal: it is there, or was killed."""
    return any(beside(path, ending).exists() for ending in ("-wal", "-journal"))


def _state(path: Path) -> tuple[int, int]:
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns


def _read(path: Path, workspace: str | None, uri_options: str) -> list[RunEntry]:
    with opening_lock(), closing(open_connection(path, BUSY_SECONDS, uri_options)) as connection:
        if is_new(connection):
            return []
        require_journal(connection, path)
        under_way = _under_way(connection, path)
        return [
            RunEntry._make([*facts, counts and json.loads(counts), bool(resubmit), facts[0] in under_way])
            for *facts, counts, resubmit in connection.execute(_RUNS, {"workspace": workspace})
        ]


def _under_way(connection: sqlite3.Connection, path: Path) -> set[int]:
    # A journal that no run has written to since it could be seen which are under way lacks the table.
    if not connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'processes'").fetchone()[0]:
        return set()
    own = own_runs(file_identity(path))
    return {other.run for other in find_other_runs(connection, run=NO_RUN, workspace=None, own_runs=own)}
