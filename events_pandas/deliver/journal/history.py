"""What is written down of each run: what it was given, how far it came, and how it ended."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFacts:
    """What is known of a run when it begins.

    Parameters
    ----------
    started_at : datetime.datetime
        When, with its time zone.
    source : str
        Where the rows come from, as the user gave it.
    mapping : str
        A digest of the mapping.
    results_path : str or None, default None
        Where the results are written.
    resubmit : bool, default False
        Whether the journal is not asked what earlier runs have sent.
    """

    started_at: datetime
    source: str
    mapping: str
    results_path: str | None = None
    resubmit: bool = False


def insert_run(connection: sqlite3.Connection, facts: RunFacts, workspace: str) -> int:
    """Write down that a run begins.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a journal.
    facts : RunFacts
        What is known of it.
    workspace : str
        The ``id_code`` of the workspace.

    Returns
    -------
    int
        The number of the run, from 1.
    """
    values = {
        "started_at": _microseconds(facts.started_at),
        "workspace": workspace,
        "source": _storable(facts.source),
        "mapping": _storable(facts.mapping),
        "results_path": None if facts.results_path is None else _storable(facts.results_path),
        "resubmit": facts.resubmit,
    }
    cursor = connection.execute(
        "INSERT INTO runs (started_at, workspace, source, mapping, results_path, resubmit)"
        " VALUES (:started_at, :workspace, :source, :mapping, :results_path, :resubmit)",
        values,
    )
    return cursor.lastrowid or 0


def update_run(
    connection: sqlite3.Connection,
    run: int,
    counts: Mapping[str, int],
    *,
    requests: int,
    outcome: str | None = None,
    ended_at: datetime | None = None,
) -> None:
    """Write down how far a run is, or how it ended.

    Parameters
    ----------
    connection : sqlite3.Connection
        To a journal.
    run : int
        The number of the run.
    counts : mapping of str to int
        Rows of each status.
    requests : int
        Requests made.
    outcome : str or None, default None
        How it ended; None while it is under way.
    ended_at : datetime.datetime or None, default None
        When, with its time zone.
    """
    connection.execute(
        "UPDATE runs SET counts = :counts, requests = :requests, outcome = :outcome, ended_at = :ended_at"
        " WHERE run = :run",
        {
            "run": run,
            "counts": json.dumps({str(status): int(count) for status, count in counts.items()}),
            "requests": requests,
            "outcome": outcome,
            "ended_at": None if ended_at is None else _microseconds(ended_at),
        },
    )


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _storable(text: str) -> str:
    """Return a text that SQLite takes: the name of a file need not be one."""
    return text.encode(errors="backslashreplace").decode()
