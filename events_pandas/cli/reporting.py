"""What `report` does: results files become one HTML file, with what the journal knows of their runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from events_pandas.cli.endings import ExitCode
from events_pandas.cli.options import NO_JOURNAL
from events_pandas.cli.printout import Printout
from events_pandas.reports.writing import TITLE, require_report_place, write_file
from events_pandas.run.file_verification import columns_of_results
from events_pandas.run.history import runs as list_runs
from events_pandas.words import escaped, path_text

_COLUMNS: Final = ("row", "status", "error_code", "error_message", "created_at", "submitted_at")
_OTHERS: Final = ("request_id", "source_file", "line")


def write_results(
    printout: Printout, paths: Sequence[Path], *, output: Path, title: str | None, include_examples: bool, journal: str
) -> ExitCode:
    """Write the report of results files."""
    require_report_place(output, paths)
    found = None if journal == NO_JOURNAL else list_runs(journal, details=True)
    results = [_with_run(columns_of_results(path, wanted=_COLUMNS, others=_OTHERS), path, found) for path in paths]
    tell_report(printout, results, output, include_examples=include_examples, title=title)
    return ExitCode.DONE


def tell_report(
    printout: Printout, contents: Sequence[Any], output: Path, *, include_examples: bool, title: str | None = None
) -> None:
    """Write a report, and name its file."""
    write_file(contents, output, title=title or TITLE, include_examples=include_examples)
    printout.add(report=path_text(output))
    printout.say(f"report: {escaped(output)}")


def _with_run(results: pd.DataFrame, path: Path, found: pd.DataFrame | None) -> pd.DataFrame:
    """Give results the facts of the last run that wrote so many of them to this file, if the journal has one."""
    if found is None:
        return results
    is_own = [
        known == len(results) and isinstance(name, str) and Path(name).resolve() == path.resolve()
        for known, name in zip(found["rows"].fillna(-1), found["results_path"].astype(object), strict=True)
    ]
    for entry in found[is_own].head(1).to_dict("records"):
        ended = None if pd.isna(entry["duration"]) else entry["started_at"] + entry["duration"]
        results.attrs["run"] = {
            "workspace": {"id_code": entry["workspace"], "name": None},
            "started_at": entry["started_at"].isoformat(),
            "ended_at": None if ended is None else ended.isoformat(),
            "requests": None if pd.isna(entry["requests"]) else int(entry["requests"]),
            "keeps_journal": True,
            "journal": str(entry["journal"]),
        }
    return results
