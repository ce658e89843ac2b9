"""The commands that read files: propose a mapping, check, submit."""

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

import pandas as pd
import typer

from events_pandas.api import checked_report, suggest_mapping
from events_pandas.cli.endings import INCOMPLETE, exit_codes, notes
from events_pandas.cli.output import say, say_toml
from events_pandas.deliver import MAX_CONCURRENCY, IntercomClient
from events_pandas.deliver.journal import AUTO
from events_pandas.errors import SourceError, SubmissionError, SubmissionInterrupted
from events_pandas.mapping import EventMapping
from events_pandas.results import CheckReport, Summary
from events_pandas.results.rejects import is_rejected
from events_pandas.results.table_file import PartialFile, require_not_read, write_new
from events_pandas.run.files import read_files, submit_files
from events_pandas.run.options import RunOptions
from events_pandas.sources import read_first_rows, source_paths
from events_pandas.suggest.suggestion import SuggestedMapping
from events_pandas.words import counted, escaped, escaped_lines

PROPOSED_FROM = 10_000
"""A mapping is proposed from this many rows of a file; all of them are read."""

DEFAULTS = RunOptions()
NO_JOURNAL = "none"

Value = TypeVar("Value")


def _judged(kind: Callable[[str], Value], name: str) -> Callable[[str], Value]:
    """Return a parser of an option of a run, which `RunOptions` checks."""

    def read(text: str) -> Value:
        value: Any = text
        with suppress(ValueError):
            value = kind(text)
        try:
            RunOptions(**{name: value})
        except ValueError as error:
            raise typer.BadParameter(str(error).removeprefix(f"{name}: ")) from error
        return cast("Value", value)

    return read


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
Problems = Annotated[
    Path | None,
    typer.Option(help=f"Write all findings to this CSV file. {REPLACED}"),
]
Results = Annotated[
    Path | None,
    typer.Option(help=f"Write a result for each row to this file, .csv or .parquet. {REPLACED}"),
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
Resubmit = Annotated[bool, typer.Option("--resubmit", help="Also send rows that the journal has.")]
Preflight = Annotated[bool, typer.Option(help="Prove the access token before the first event.")]
RateShare = Annotated[
    float,
    typer.Option(
        parser=_judged(float, "rate_share"), metavar="SHARE", help="The share of the rate limit to use, up to 1."
    ),
]
Concurrency = Annotated[
    int | None,
    typer.Option(
        parser=_judged(int, "concurrency"),
        metavar="NUMBER",
        help=f"Requests under way at once, 1 to {MAX_CONCURRENCY}.",
    ),
]
Canary = Annotated[
    int,
    typer.Option(
        parser=_judged(int, "canary"),
        metavar="ROWS",
        help="Submit this many rows first, chosen from the first chunk; if they fail, nothing else is sent.",
    ),
]
MaxFailureRate = Annotated[
    float | None,
    typer.Option(
        parser=_judged(float, "max_failure_rate"),
        metavar="SHARE",
        help="End the run when a larger share of the events is not accepted, judged from the 100th event on.",
    ),
]
PatienceSeconds = Annotated[
    float,
    typer.Option(
        parser=_judged(float, "patience_seconds"),
        metavar="SECONDS",
        help="How long to wait for the end of an outage during the run; without an answer to its first request, "
        "GET /me, the run ends within 10 s.",
    ),
]
Chunksize = Annotated[
    int, typer.Option(parser=_judged(int, "chunksize"), metavar="ROWS", help="Rows converted at a time.")
]


def suggest(paths: Files, output: Output = None) -> None:
    """Propose a mapping, as TOML, from the first rows of the first file."""
    with exit_codes():
        first, *_ = source_paths(paths)
        # TOML has the same escapes.
        text = escaped_lines(_proposed(first).to_toml())
        if output is None:
            say_toml(text)
        else:
            write_new(output, text, holds="the mapping", sources=[first])
            say(f"mapping: {escaped(output)}")


def check(
    paths: Files,
    mapping: MappingPath,
    problems: Problems = None,
) -> None:
    """Check every row; nothing is sent."""
    with exit_codes():
        rules = EventMapping.from_toml(mapping)
        files = source_paths(paths)
        # Before the rows are read: findings may not be writable there.
        with _findings_file(problems, read=[mapping, *files]) as findings:
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
) -> None:
    """Submit every row; the access token is read from INTERCOM_ACCESS_TOKEN."""
    with exit_codes(), IntercomClient(region=region, base_url=base_url, allow_http=allow_http) as client:
        options = RunOptions(
            client=client,
            journal=None if journal == NO_JOURNAL else journal,
            workspace=workspace,
            resubmit=resubmit,
            preflight=preflight,
            rate_share=rate_share,
            concurrency=concurrency,
            on_invalid="raise" if raise_invalid else "report",
            canary=canary,
            max_failure_rate=max_failure_rate,
            patience_seconds=patience_seconds,
            chunksize=chunksize,
            progress="auto" if progress else False,
        )
        rules = EventMapping.from_toml(mapping)
        if rejects is not None:
            require_not_read(rejects, [mapping])
        summary = submitted(paths, rules, options, results_path=results, rejects_path=rejects)
        if not summary.is_complete:
            raise typer.Exit(INCOMPLETE)


def _proposed(path: Path) -> SuggestedMapping:
    rows = read_first_rows(path, PROPOSED_FROM)
    if rows.empty:
        raise SourceError(f"{path}: has no rows: a mapping is proposed from the values of its columns")
    first = "the first " if len(rows) == PROPOSED_FROM else ""
    return dataclasses.replace(suggest_mapping(rows), origin=f"{first}{counted(len(rows), 'row')} of {path.name!r}")


def check_files(paths: Sequence[str | Path], mapping: EventMapping) -> CheckReport:
    """Check every row of files."""
    rows, types, refused = read_files(paths, mapping)
    return checked_report(rows, mapping, types=types, refused=refused)


def _findings_file(path: Path | None, *, read: Sequence[Path]) -> AbstractContextManager[PartialFile | None]:
    return nullcontext() if path is None else PartialFile(path, holds="findings", sources=read, formats=())


def _write_problems(report: CheckReport, file: PartialFile) -> None:
    # The index of `read_files` is the file.
    problems = report.problems.assign(source_file=report.problems.index)
    with file.writing():
        file.append(problems.to_csv(index=False).encode())
        file.put_in_place()
    say(f"findings: {escaped(file.path)}")


def submitted(
    paths: list[str],
    mapping: EventMapping,
    options: RunOptions,
    *,
    results_path: Path | None = None,
    rejects_path: Path | None = None,
) -> Summary:
    """Submit files and print the summary; after an early end the summary comes before the error."""
    output = _RunOutput(results_path=results_path, rejects_path=rejects_path)
    try:
        submit_files(
            paths,
            mapping,
            options=options,
            results_path=results_path,
            rejects_path=rejects_path,
            warn=output.remarks.append,
            take=output.add,
        )
    except (SubmissionError, SubmissionInterrupted) as error:
        output.echo(faults=(str(error), *notes(error)))
        raise
    output.echo()
    return output.summary


@dataclasses.dataclass(kw_only=True, slots=True)
class _RunOutput:
    """Collects what is printed at the end of a run."""

    results_path: Path | None
    rejects_path: Path | None
    summary: Summary = dataclasses.field(default_factory=Summary)
    remarks: list[str] = dataclasses.field(default_factory=list)
    _rejects: int = 0

    def add(self, results: pd.DataFrame) -> None:
        self.summary.add(results)
        self._rejects += int(is_rejected(results).sum())

    def echo(self, *, faults: Sequence[str] = ()) -> None:
        """Print it. A file that could not be written is left out: the error is about it."""
        say(str(self.summary))
        files = (
            ("results", self.results_path, ""),
            ("rejects", self.rejects_path, f" ({counted(self._rejects, 'row')})"),
        )
        for name, path, count in files:
            if path is not None and not any(f"{escaped(path)}: " in fault for fault in faults):
                say(f"{name}: {escaped(path)}{count}")
        for remark in self.remarks:
            say(f"note: {escaped(remark)}")
