"""What `runs` does: it lists earlier runs, and how each ended."""

import json
import math
from collections.abc import Sequence

import pandas as pd

from events_pandas.cli.endings import ExitCode
from events_pandas.cli.options import NO_JOURNAL
from events_pandas.cli.printout import Printout
from events_pandas.errors import SourceError
from events_pandas.run.history import KILLED, are_of_several, outcome_words
from events_pandas.run.history import runs as list_runs
from events_pandas.words import duration_words, escaped, listed


def list_history(printout: Printout, journal: str, workspace: str | None) -> ExitCode:
    """List the runs in a journal, or those of one workspace."""
    if journal in {"", NO_JOURNAL}:
        raise ValueError(f"--journal: expected auto or a path, got {journal!r}: name the journal of the runs")
    found = list_runs(journal, workspace=workspace, details=True)
    if found.empty and workspace is not None:
        known = list_runs(journal, details=True)["workspace"].unique().tolist()
        cure = f"there are runs of {listed([repr(name) for name in known])}" if known else "the journal has no runs yet"
        raise SourceError(f"--workspace: there is no run of {workspace!r}: {cure}")
    printout.say("no runs yet" if found.empty else _table(found))
    seconds = found["duration"].dt.total_seconds()
    entries = found.assign(duration=seconds).rename(columns={"duration": "duration_seconds"})
    # pandas knows how its types become JSON.
    printout.add(runs=json.loads(entries.to_json(orient="records", date_format="iso", date_unit="s")))
    return ExitCode.DONE


def _table(found: pd.DataFrame) -> str:
    seconds = found["duration"].dt.total_seconds()
    columns = {
        "run": found["run"].astype(str),
        **({"workspace": found["workspace"]} if are_of_several(found) else {}),
        "started (UTC)": found["started_at"].dt.strftime("%Y-%m-%d %H:%M:%S"),
        "took": ["" if math.isnan(took) else duration_words(took) for took in seconds],
        "outcome": outcome_words(found),
        "rows": _numbers(found, "rows"),
        "accepted": _numbers(found, "accepted"),
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
