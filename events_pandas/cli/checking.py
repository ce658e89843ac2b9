"""What `suggest` and `check` do."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd

from events_pandas.cli.endings import ExitCode
from events_pandas.cli.output import write_document
from events_pandas.cli.printout import Printout
from events_pandas.cli.reporting import tell_report
from events_pandas.convert import Cause
from events_pandas.deliver import IntercomClient, ProgressChoice, Stop
from events_pandas.errors import MappingError, SourceError
from events_pandas.mapping import EventMapping, SourceFormat
from events_pandas.mapping.faults import source_format_faults
from events_pandas.mapping.source_format import with_parts
from events_pandas.reports.writing import require_report_place
from events_pandas.results import CheckReport
from events_pandas.results.destination import Destination, find_destination
from events_pandas.results.new_file import write_new
from events_pandas.results.table_file import FINDINGS, TableFile
from events_pandas.run.file_check import check_frames
from events_pandas.run.file_frames import read_frames
from events_pandas.run.fitting import fitting_files
from events_pandas.run.options import RunOptions
from events_pandas.sources import SourceFile, found_format, opened_files, read_first_rows, row_count, sheet_hint
from events_pandas.suggest import SuggestedMapping
from events_pandas.suggest import propose as proposal_for
from events_pandas.words import counted, escaped, escaped_lines, path_text

PROPOSED_FROM: Final = 10_000
"""A mapping is proposed from this many rows of a file; all of them are read."""

_OFFLINE: Final = "leave out --online to check the rows without Intercom, or try again later"

Connect: TypeAlias = Callable[[], AbstractContextManager[IntercomClient]]


def propose(printout: Printout, paths: Sequence[str], *, output: Path | None, written: SourceFormat) -> ExitCode:
    """Propose a mapping from the first rows of the first file and the partitions of all, and print or write it."""
    with opened_files(paths, written) as found:
        proposed = _proposed(found)
    # TOML has the same escapes.
    text = escaped_lines(proposed.to_toml())
    printout.add(
        mapping=text, unconfirmed=list(proposed.unconfirmed), output=None if output is None else path_text(output)
    )
    if output is not None:
        write_new(output, text, holds="the mapping", sources=[file.path for file in found])
        printout.say(f"mapping: {escaped(output)}")
    elif not printout.as_json:
        write_document(text, what="the mapping")
    return ExitCode.DONE


def _proposed(files: Sequence[SourceFile]) -> SuggestedMapping:
    file, *others = files
    rows = read_first_rows(file, PROPOSED_FROM)
    if rows.empty:
        hint = f" ({found})" if (found := sheet_hint(file)) else ""
        raise SourceError(f"{file}: has no rows: a mapping is proposed from the values of its columns{hint}")
    n_rows = row_count(file)
    n_read = min(n_rows, PROPOSED_FROM)
    some = f"{len(rows):,} of " if len(rows) < n_read else ""
    why = f", since {counted(n_read - len(rows), 'row')} cannot be read" if some else ""
    first = "the first " if n_rows > n_read else ""
    name = f"{file.name!r}, the first of {len(files):,} files" if others else repr(file.short_name)
    keys = _varying_keys(files)
    folders = f", and the values of {', '.join(map(repr, keys))} in all folders" if keys else ""
    try:
        proposed = proposal_for(_with_all_values(rows, keys), found_format(file))
    except MappingError as error:
        raise error.in_file(None, sheet_hint(file)) from None
    return replace(proposed, origin=f"{some}{first}{counted(n_read, 'row')} of {name}{folders}{why}")


def _varying_keys(files: Sequence[SourceFile]) -> dict[str, list[str | None]]:
    """Return the partition keys of the first file that have several values, with the values in the order of files."""
    found: dict[str, dict[str | None, None]] = {key: {} for key, _ in files[0].partitions}
    for file in files:
        for key, value in file.partitions:
            found.get(key, {})[value] = None
    return {key: list(values) for key, values in found.items() if len(values) > 1}


def _with_all_values(rows: pd.DataFrame, keys: Mapping[str, Sequence[str | None]]) -> pd.DataFrame:
    """Spread the values of partition keys over rows of one folder, in which each key is constant."""
    spread = {
        key: pd.Series(np.resize(np.array(values, object), len(rows)), index=rows.index, dtype=rows[key].dtype)
        for key, values in keys.items()
        # A column of the file may have the name of a key: then nothing can read either.
        if (rows.columns == key).sum() == 1
    }
    return rows.assign(**spread)


def check_rows(
    printout: Printout,
    paths: Sequence[str],
    mapping_path: Path,
    *,
    written: SourceFormat,
    skips_bad: bool,
    problems: Path | None,
    report_path: Path | None,
    include_examples: bool,
    connect: Connect | None,
) -> ExitCode:
    """Check every row of files, print the report, and write the findings."""
    mapping = mapping_for(mapping_path, written)
    with fitting_files(paths, mapping, progress="auto", skips_bad=skips_bad) as fit, ExitStack() as opened:
        if report_path is not None:
            require_report_place(report_path, [mapping_path, *(file.path for file in fit.files)])
        # Opened before the rows are read: findings may not be writable there.
        findings = None
        if problems is not None:
            sources = [mapping_path, *(file.path for file in fit.files)]
            findings = opened.enter_context(TableFile(problems, FINDINGS, sources=sources))
        destination = None
        if connect is not None:
            destination = found_destination(opened.enter_context(connect()), advice=_OFFLINE)
        frames = read_frames(fit, mapping, options=RunOptions())
        report = check_frames(frames, destination=destination, progress="auto")
        printout.say(str(report))
        printout.add(**report_facts(report), problems=None if problems is None else path_text(problems))
        if findings is not None:
            findings.write(report.problems)
            findings.finish()
            printout.say(f"findings: {escaped(findings.path)}")
        if report_path is not None:
            tell_report(printout, [report], report_path, include_examples=include_examples)
    return ExitCode.DONE if report.ok else ExitCode.ROWS_LEFT


def written_as(*, delimiter: str | None, **others: Any) -> SourceFormat:
    """Return how files are written, as far as the command says. Wrong options are a `MappingError` that names them."""
    # Few shells have a way to write a tab.
    written = SourceFormat(delimiter="\t" if delimiter in ("tab", "\\t") else delimiter, **others)
    if faults := [f"--{fault.removeprefix('source.')}" for fault in source_format_faults(written)]:
        raise MappingError(faults)
    return written


def mapping_for(path: Path, written: SourceFormat) -> EventMapping:
    """Read a mapping. What the command says of its files comes before what the mapping says."""
    mapping = EventMapping.from_toml(path)
    return replace(mapping, source=with_parts(mapping.source, written))


def found_destination(client: IntercomClient, *, advice: str, progress: ProgressChoice = "auto") -> Destination:
    """Ask for the workspace. Raise the error of a run that ends before its first event."""
    found = find_destination(client, advice=advice, progress=progress)
    if isinstance(found, Stop):
        raise found.error(pd.DataFrame())
    return found


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
        "skipped_files": dict(report.skipped_files),
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
