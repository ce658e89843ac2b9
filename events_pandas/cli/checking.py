"""What `suggest` and `check` do."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import pandas as pd

from events_pandas.api import checked_report, suggest_mapping
from events_pandas.cli.endings import ExitCode
from events_pandas.cli.output import write_document
from events_pandas.cli.printout import Printout
from events_pandas.convert import Cause
from events_pandas.deliver import IntercomClient, Stop
from events_pandas.errors import SourceError
from events_pandas.mapping import EventMapping
from events_pandas.results import CheckReport
from events_pandas.results.destination import Destination, find_destination
from events_pandas.results.table_file import FINDINGS, TableFile, write_new
from events_pandas.run.file_frames import read_files
from events_pandas.run.run import stop_error
from events_pandas.sources import SourceFile, read_first_rows, source_files
from events_pandas.suggest.suggestion import SuggestedMapping
from events_pandas.words import counted, escaped, escaped_lines, path_text

PROPOSED_FROM: Final = 10_000
"""A mapping is proposed from this many rows of a file; all of them are read."""

_OFFLINE: Final = "leave out --online to check the rows without Intercom, or try again later"

Connect: TypeAlias = Callable[[], AbstractContextManager[IntercomClient]]


def propose(printout: Printout, paths: Sequence[str], output: Path | None) -> ExitCode:
    """Propose a mapping from the first rows of the first file, and print or write it."""
    first, *_ = source_files(paths)
    proposed = _proposed(first)
    # TOML has the same escapes.
    text = escaped_lines(proposed.to_toml())
    printout.add(
        mapping=text, unconfirmed=list(proposed.unconfirmed), output=None if output is None else path_text(output)
    )
    if output is not None:
        write_new(output, text, holds="the mapping", sources=[first.path])
        printout.say(f"mapping: {escaped(output)}")
    elif not printout.as_json:
        write_document(text, what="the mapping")
    return ExitCode.DONE


def _proposed(file: SourceFile) -> SuggestedMapping:
    rows = read_first_rows(file, PROPOSED_FROM)
    if rows.empty:
        raise SourceError(f"{file}: has no rows: a mapping is proposed from the values of its columns")
    first = "the first " if len(rows) == PROPOSED_FROM else ""
    return replace(suggest_mapping(rows), origin=f"{first}{counted(len(rows), 'row')} of {file.path.name!r}")


def check_rows(
    printout: Printout, paths: Sequence[str], mapping_path: Path, *, problems: Path | None, connect: Connect | None
) -> ExitCode:
    """Check every row of files, print the report, and write the findings."""
    mapping = EventMapping.from_toml(mapping_path)
    files = source_files(paths, mapping.source)
    # Opened before the rows are read: findings may not be writable there.
    findings = (
        None
        if problems is None
        else TableFile(problems, FINDINGS, sources=[mapping_path, *(file.path for file in files)])
    )
    with findings or nullcontext():
        destination = None
        if connect is not None:
            with connect() as client:
                destination = found_destination(client, advice=_OFFLINE)
        report = replace(check_files([file.name for file in files], mapping), destination=destination)
        printout.say(str(report))
        printout.add(**report_facts(report), problems=None if problems is None else path_text(problems))
        if findings is not None:
            # The index of a report on files is the file.
            findings.write(report.problems.assign(source_file=report.problems.index))
            findings.finish()
            printout.say(f"findings: {escaped(findings.path)}")
    return ExitCode.DONE if report.ok else ExitCode.ROWS_LEFT


def found_destination(client: IntercomClient, *, advice: str) -> Destination:
    """Ask for the workspace. Raise the error of a run that ends before its first event."""
    found = find_destination(client, advice=advice)
    if isinstance(found, Stop):
        raise stop_error(found, pd.DataFrame())
    return found


def check_files(paths: Sequence[str], mapping: EventMapping, *, limit: int | None = None) -> CheckReport:
    """Check the rows of files, or only the first ones."""
    rows, types, refused = read_files(paths, mapping, limit=limit)
    return checked_report(rows, mapping, types=types, refused=refused)


def report_facts(report: CheckReport) -> dict[str, Any]:
    """Return what a report says, for a document."""
    first, last = report.span or (None, None)
    return {
        "rows": report.rows,
        "valid": report.valid,
        "invalid": report.invalid,
        "duplicates": report.duplicates,
        "contacts": report.contacts,
        "event_names": [{"name": str(name), "rows": int(rows)} for name, rows in report.names.items()],
        "created_at": None if first is None or last is None else {"first": first.isoformat(), "last": last.isoformat()},
        "requests": report.requests,
        "duration_seconds": report.duration_seconds,
        **destination_facts(report.destination),
        "warnings": report.warnings,
        "findings": [cause_facts(cause) for cause in report.causes],
    }


def destination_facts(destination: Destination | None) -> dict[str, Any]:
    """Return where events go, for a document."""
    if destination is None:
        return {"workspace": None, "rate_limit": None}
    return {"workspace": asdict(destination.workspace), "rate_limit": destination.limit}


def cause_facts(cause: Cause) -> dict[str, Any]:
    """Return one finding and the number of its rows, for a document."""
    return asdict(cause)


def opened_client(*, region: str | None, base_url: str | None, allow_http: bool) -> IntercomClient:
    """Return a client; as a context it is closed at the end."""
    return IntercomClient(region=region, base_url=base_url, allow_http=allow_http)
