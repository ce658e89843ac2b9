"""The command that lists earlier runs, and how each ended."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from events_pandas.cli.endings import exit_codes
from events_pandas.cli.output import say
from events_pandas.deliver import Status
from events_pandas.deliver.journal import AUTO
from events_pandas.run.history import runs as list_runs
from events_pandas.words import escaped

JournalPath = Annotated[
    Path | None,
    typer.Option("--journal", metavar="PATH", help="A journal or a directory of journals; by default the user's."),
]
Workspace = Annotated[str | None, typer.Option(metavar="ID", help="Only the runs of this workspace.")]

UNFINISHED = "unfinished"


def runs(journal: JournalPath = None, workspace: Workspace = None) -> None:
    """List the runs in the journal, the newest first."""
    with exit_codes():
        found = list_runs(journal or AUTO, workspace=workspace)
        say("no runs yet" if found.empty else _table(found))


def _table(found: pd.DataFrame) -> str:
    columns = {
        "started (UTC)": found["started_at"].dt.strftime("%Y-%m-%d %H:%M:%S"),
        "took": [_clock(seconds) for seconds in found["duration"].dt.total_seconds()],
        # A run without an outcome is under way, or was killed.
        "outcome": found["outcome"].fillna(UNFINISHED),
        "workspace": found["workspace"],
        "rows": _numbers(found["rows"]),
        **{status.value: _numbers(found[status.value]) for status in Status if found[status.value].fillna(0).any()},
        "source": found["source"],
        "results": found["results_path"].fillna(""),
    }
    padded = [_padded([heading, *map(escaped, values)]) for heading, values in columns.items()]
    return "\n".join("  ".join(line).rstrip() for line in zip(*padded, strict=True))


def _padded(texts: Sequence[str]) -> list[str]:
    width = max(map(len, texts))
    return [text.ljust(width) for text in texts]


def _numbers(counts: "pd.Series[Any]") -> list[str]:
    return ["" if pd.isna(count) else f"{count:,}" for count in counts]


def _clock(seconds: float) -> str:
    """Return a duration as a stopwatch shows it; empty for NaN, a run that has not ended."""
    if math.isnan(seconds):
        return ""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
