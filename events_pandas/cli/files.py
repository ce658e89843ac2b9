"""The commands that read files: propose a mapping, check, submit."""

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Annotated, Any, cast

import pandas as pd
import typer

from events_pandas.api import checked_report, suggest_mapping
from events_pandas.cli.endings import INCOMPLETE, exit_codes, logged_exit, notes
from events_pandas.cli.output import say, say_toml
from events_pandas.deliver import IntercomClient
from events_pandas.deliver.journal import AUTO
from events_pandas.errors import SourceError, SubmissionError, SubmissionInterrupted
from events_pandas.mapping import EventMapping
from events_pandas.results import CheckReport, Summary
from events_pandas.results.rejects import is_rejected
from events_pandas.results.table_file import FINDINGS, TableFile, require_not_read, write_new
from events_pandas.run.file_frames import read_files
from events_pandas.run.files import submit_files
from events_pandas.run.options import RunOptions, short_description
from events_pandas.sources import SourceFile, read_first_rows, source_files
from events_pandas.suggest.suggestion import SuggestedMapping
from events_pandas.words import counted, escaped, escaped_lines

PROPOSED_FROM = 10_000
"""A mapping is proposed from this many rows of a file; all of them are read."""

DEFAULTS = RunOptions()
NO_JOURNAL = "none"
WAIT_SECONDS = 86_400.0
CANARY = "Submit this many rows first, chosen from the first chunk; if they fail, nothing else is sent."


def _number(name: str, kind: Callable[[str], float], *, metavar: str, text: str = "") -> object:
    """Return an option of a run that is a number. `RunOptions` checks it, also what is not a number."""

    def read(given: str) -> float:
        value: Any = given
        with suppress(ValueError):
            value = kind(given)
        try:
            RunOptions(**{name: value})
        except ValueError as error:
            raise typer.BadParameter(str(error).removeprefix(f"{name}: ")) from error
        return cast("float", value)

    return typer.Option(parser=read, metavar=metavar, help=text or short_description(name))


REPLACED = "An existing file is replaced. Rows are counted from 0, over all files, without headers."

Files = Annotated[
    list[str],
    typer.Argument(metavar="FILES", help="CSV or Parquet files, or patterns such as 'orders/*.parquet'."),
]
MappingPath = Annotated[Path, typer.Option("--mapping", "-m", help="The mapping, a TOML file.")]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Write the mapping to this file, as UTF-8 (the > of PowerShell does not); an existing file is not "
        "replaced.",
    ),
]
Problems = Annotated[Path | None, typer.Option(help=f"Write all findings to this CSV file. {REPLACED}")]
Results = Annotated[
    Path | None, typer.Option(help=f"Write a result for each row to this file, .csv or .parquet. {REPLACED}")
]
Rejects = Annotated[
    Path | None,
    typer.Option(
        help="Write the rows that are not accepted, with the reason of each, to this file, .csv or .parquet: fix them "
        "and submit it. An existing file is replaced."
    ),
]
Region = Annotated[str | None, typer.Option(help="us, eu or au; by default INTERCOM_REGION.")]
BaseUrl = Annotated[str | None, typer.Option(help="Another address than Intercom's, such as a sandbox's.")]
AllowHttp = Annotated[bool, typer.Option("--allow-http", help="Send the access token without encryption.")]
Progress = Annotated[bool, typer.Option(help="Show progress.")]
RaiseInvalid = Annotated[bool, typer.Option("--stop-on-invalid", help="Send nothing if rows are invalid.")]
Journal = Annotated[
    str,
    typer.Option(
        metavar="PATH",
        help="Where accepted events are recorded: a file, a directory, auto for the user's own, or none.",
    ),
]
Workspace = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="The intended workspace: nothing is sent to another one, but --no-preflight skips this check.",
    ),
]
Resubmit = Annotated[bool, typer.Option("--resubmit", help=short_description("resubmit"))]
Preflight = Annotated[bool, typer.Option(help=short_description("preflight"))]
RateShare = Annotated[float, _number("rate_share", float, metavar="SHARE")]
Concurrency = Annotated[int | None, _number("concurrency", int, metavar="NUMBER")]
Canary = Annotated[int, _number("canary", int, metavar="ROWS", text=CANARY)]
MaxFailureRate = Annotated[float | None, _number("max_failure_rate", float, metavar="SHARE")]
PatienceSeconds = Annotated[float, _number("patience_seconds", float, metavar="SECONDS")]
Chunksize = Annotated[int, _number("chunksize", int, metavar="ROWS")]
LogPath = Annotated[
    Path | None,
    typer.Option(
        "--log-json",
        metavar="FILE",
        help="Append lines of JSON about the run to this file: start, progress every ten seconds, early end, end and "
        "exit code.",
    ),
]
Wait = Annotated[
    bool,
    typer.Option("--wait", help="If a run of the same files and mapping is under way, wait for its end, up to a day."),
]


def suggest(paths: Files, output: Output = None) -> None:
    """Propose a mapping, as TOML, from the first rows of the first file."""
    with exit_codes():
        first, *_ = source_files(paths)
        # TOML has the same escapes.
        text = escaped_lines(_proposed(first).to_toml())
        if output is None:
            say_toml(text)
        else:
            write_new(output, text, holds="the mapping", sources=[first.path])
            say(f"mapping: {escaped(output)}")


def check(paths: Files, mapping: MappingPath, problems: Problems = None) -> None:
    """Check every row; nothing is sent."""
    with exit_codes():
        rules = EventMapping.from_toml(mapping)
        files = [file.path for file in source_files(paths, rules.source)]
        # Opened before the rows are read: findings may not be writable there.
        findings = None
        if problems is not None:
            findings = TableFile(problems, FINDINGS, sources=[mapping, *files])
        with findings or nullcontext():
            report = check_files(files, rules)
            say(str(report))
            if findings is not None:
                _write_problems(report, findings)
        if not report.ok:
            raise typer.Exit(INCOMPLETE)


def submit(
    paths: Files,
    *,
    mapping: MappingPath,
    results: Results = None,
    rejects: Rejects = None,
    raise_invalid: RaiseInvalid = False,
    region: Region = None,
    base_url: BaseUrl = None,
    allow_http: AllowHttp = False,
    journal: Journal = AUTO,
    workspace: Workspace = DEFAULTS.workspace,
    resubmit: Resubmit = DEFAULTS.resubmit,
    preflight: Preflight = DEFAULTS.preflight,
    rate_share: RateShare = DEFAULTS.rate_share,
    concurrency: Concurrency = DEFAULTS.concurrency,
    canary: Canary = DEFAULTS.canary,
    max_failure_rate: MaxFailureRate = DEFAULTS.max_failure_rate,
    patience_seconds: PatienceSeconds = DEFAULTS.patience_seconds,
    chunksize: Chunksize = DEFAULTS.chunksize,
    progress: Progress = True,
    log_path: LogPath = None,
    wait: Wait = False,
) -> None:
    """Submit every row; the access token is read from INTERCOM_ACCESS_TOKEN."""
    with (
        logged_exit(log_path),
        exit_codes(),
        IntercomClient(region=region, base_url=base_url, allow_http=allow_http) as client,
    ):
        names = {option.name for option in dataclasses.fields(RunOptions)}
        given = {name: value for name, value in locals().items() if name in names}
        given["journal"] = None if journal == NO_JOURNAL else journal
        given["on_invalid"] = "raise" if raise_invalid else "report"
        given["progress"] = "auto" if progress else False
        options = RunOptions(**given)
        rules = EventMapping.from_toml(mapping)
        if rejects is not None:
            require_not_read(rejects, [mapping])
        seconds = WAIT_SECONDS if wait else 0.0
        summary = submitted(paths, rules, options, results_path=results, rejects_path=rejects, wait_seconds=seconds)
        if not summary.is_complete:
            raise typer.Exit(INCOMPLETE)


def _proposed(file: SourceFile) -> SuggestedMapping:
    rows = read_first_rows(file, PROPOSED_FROM)
    if rows.empty:
        raise SourceError(f"{file}: has no rows: a mapping is proposed from the values of its columns")
    first = "the first " if len(rows) == PROPOSED_FROM else ""
    return dataclasses.replace(
        suggest_mapping(rows), origin=f"{first}{counted(len(rows), 'row')} of {file.path.name!r}"
    )


def check_files(paths: Sequence[str | Path], mapping: EventMapping) -> CheckReport:
    """Check every row of files."""
    rows, types, refused = read_files(paths, mapping)
    return checked_report(rows, mapping, types=types, refused=refused)


def _write_problems(report: CheckReport, file: TableFile) -> None:
    # The index of `read_files` is the file.
    file.write(report.problems.assign(source_file=report.problems.index))
    file.finish()
    say(f"findings: {escaped(file.path)}")


def submitted(
    paths: list[str],
    mapping: EventMapping,
    options: RunOptions,
    *,
    results_path: Path | None = None,
    rejects_path: Path | None = None,
    wait_seconds: float = 0.0,
) -> Summary:
    """Submit files and print the summary; after an early end the summary comes before the error."""
    summary = Summary()
    rejects: list[int] = []
    remarks: list[str] = []
    end: SubmissionError | SubmissionInterrupted | None = None

    def add(results: pd.DataFrame) -> None:
        summary.add(results)
        rejects.append(int(is_rejected(results).sum()))

    try:
        submit_files(
            paths,
            mapping,
            options=options,
            results_path=results_path,
            rejects_path=rejects_path,
            wait_seconds=wait_seconds,
            warn=remarks.append,
            take=add,
        )
    except (SubmissionError, SubmissionInterrupted) as error:
        end = error
    say(str(summary))
    faults = () if end is None else (str(end), *notes(end))
    _say_where("results", results_path, faults)
    _say_where("rejects", rejects_path, faults, count=f" ({counted(sum(rejects), 'row')})")
    for remark in remarks:
        say(f"note: {escaped(remark)}")
    if end is not None:
        raise end
    return summary


def _say_where(name: str, path: Path | None, faults: Sequence[str], *, count: str = "") -> None:
    """Name a file that was written. One that could not be written is left out: a fault is about it."""
    if path is not None and not any(f"{escaped(path)}: " in fault for fault in faults):
        say(f"{name}: {escaped(path)}{count}")
