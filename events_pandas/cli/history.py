"""What `runs` does: it lists earlier runs, and how each ended."""

import json
import math
from collections.abc import Sequence
from typing import Final

import pandas as pd

from events_pandas.cli.endings import ExitCode
from events_pandas.cli.options import NO_JOURNAL
from events_pandas.cli.printout import Printout
from events_pandas.deliver import Status
from events_pandas.errors import SourceError
from events_pandas.run.history import KILLED
from events_pandas.run.history import runs as list_runs
from events_pandas.words import escaped, listed

UNDER_WAY: Final = "under way"


def list_history(printout: Printout, journal: str, workspace: str | None) -> ExitCode:
    """List the runs in a journal, or those of one workspace."""
    if journal in {"", NO_JOURNAL}:
        raise ValueError(f"--journal: expected auto or a path, got {journal!r}: name the journal of the runs")
    found = list_runs(journal, workspace=workspace)
    if found.empty and workspace is not None:
        known = list_runs(journal)["workspace"].unique().tolist()
        cure = f"there are runs of {listed([repr(name) for name in known])}" if known else "the journal has no runs yet"
        raise SourceError(f"--workspace: there is no run of {workspace!r}: {cure}")
    printout.say("no runs yet" if found.empty else _table(found))
    seconds = found["duration"].dt.total_seconds()
    entries = found.assign(duration=seconds).rename(columns={"duration": "duration_seconds"})
    # pandas knows how its types become JSON.
    printout.add(runs=json.loads(entries.to_json(orient="records", date_format="iso", date_unit="s")))
    return ExitCode.DONE


def _table(found: pd.DataFrame) -> str:
    columns = {
        "started (UTC)": found["started_at"].dt.strftime("%Y-%m-%d %H:%M:%S"),
        "took": [_clock(seconds) for seconds in found["duration"].dt.total_seconds()],
        "outcome": found["outcome"].fillna(UNDER_WAY),
        "workspace": found["workspace"],
        **{name: _numbers(found, name) for name in ("rows", *Status) if name == "rows" or found[name].fillna(0).any()},
        "source": found["source"],
        "results": found["results_path"].fillna(""),
    }
    padded = [_padded([heading, *map(escaped, values)]) for heading, values in columns.items()]
    return "\n".join("  ".join(line).rstrip() for line in zip(*padded, strict=True))


def _padded(texts: Sequence[str]) -> list[str]:
    width = max(map(len, texts))
    return [text.ljust(width) for text in texts]


def _numbers(found: pd.DataFrame, name: str) -> list[str]:
    """Return counts as text; those of a killed run, which wrote no last ones, have a plus."""
    ends = ["+" if outcome == KILLED else "" for outcome in found["outcome"]]
    return ["" if pd.isna(count) else f"{count:,}{end}" for count, end in zip(found[name], ends, strict=True)]


def _clock(seconds: float) -> str:
    """Return a duration as a stopwatch shows it; empty for NaN, a run that has not ended."""
    if math.isnan(seconds):
        return ""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
