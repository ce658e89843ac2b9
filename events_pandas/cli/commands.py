"""The commands that read files or the journal: their arguments and words.

What they do is loaded when one runs, so that `--help` need not wait for pandas.
"""

from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from events_pandas.cli.command import as_command, option, with_options
from events_pandas.cli.endings import ExitCode
from events_pandas.cli.options import (
    AllowHttp,
    BaseUrl,
    Canary,
    CheckContacts,
    CheckFirst,
    Chunksize,
    Concurrency,
    Decimal,
    Delimiter,
    DryRun,
    Encoding,
    Files,
    Journal,
    JournalPath,
    Keys,
    Limit,
    LogPath,
    MappingPath,
    MaxFailureRate,
    Number,
    OneWorkspace,
    Online,
    Output,
    PatienceSeconds,
    Preflight,
    Problems,
    Progress,
    RaiseInvalid,
    RateShare,
    Region,
    Rejects,
    Report,
    ReportJournal,
    ReportPath,
    ReportTitle,
    RequireRows,
    Resubmit,
    Results,
    ResultsFiles,
    Sample,
    Seed,
    SettleSeconds,
    Sheet,
    SkipBadFiles,
    SubmittedLimit,
    SubmittedResults,
    VerifiedWorkspace,
    Wait,
    WithExamples,
    WithIdentifier,
    Workspace,
    Yes,
)
from events_pandas.cli.printout import Printout

if TYPE_CHECKING:
    from events_pandas.cli.checking import Connect
    from events_pandas.deliver import IntercomClient
    from events_pandas.mapping import SourceFormat

AUTO: Final = "auto"
"""The journal of the workspace in the user's directory."""


def _written(**given: str | None) -> "SourceFormat":
    from events_pandas.cli.checking import written_as  # noqa: PLC0415

    return written_as(**given)


def _connect(**given: Any) -> "IntercomClient":
    from events_pandas.deliver import IntercomClient  # noqa: PLC0415

    return IntercomClient(**given)


_FORMAT: Final = {"delimiter": Delimiter, "encoding": Encoding, "decimal": Decimal, "sheet": Sheet}
_with_format = with_options("written", [option(name, (kind, None)) for name, kind in _FORMAT.items()], _written)
_with_client = with_options(
    "connect",
    [option("region", (Region, None)), option("base_url", (BaseUrl, None)), option("allow_http", (AllowHttp, False))],
    lambda **given: partial(_connect, **given),
)


@as_command
@_with_format
def suggest(
    printout: Printout,
    paths: Files,
    *,
    output: Output = None,
    written: "SourceFormat",
) -> ExitCode:
    """Propose a mapping, as TOML. It comes from the first 10,000 rows of the first file."""
    from events_pandas.cli.checking import propose  # noqa: PLC0415

    return propose(printout, paths, output=output, written=written)


@as_command
@_with_format
@_with_client
def check(
    printout: Printout,
    paths: Files,
    *,
    mapping: MappingPath,
    problems: Problems = None,
    report: Report = None,
    include_examples: WithExamples = False,
    skip_bad_files: SkipBadFiles = False,
    written: "SourceFormat",
    online: Online = False,
    connect: "Connect",
) -> ExitCode:
    """Check every row; nothing is sent."""
    from events_pandas.cli.checking import check_rows  # noqa: PLC0415

    return check_rows(
        printout,
        paths,
        mapping,
        written=written,
        skips_bad=skip_bad_files,
        problems=problems,
        report_path=report,
        include_examples=include_examples,
        connect=connect if online else None,
    )


@as_command
@_with_format
def preview(
    printout: Printout,
    paths: Files,
    *,
    mapping: MappingPath,
    number: Number = 5,
    skip_bad_files: SkipBadFiles = False,
    written: "SourceFormat",
) -> ExitCode:
    """Show the first events as Intercom shows them; nothing is sent."""
    from events_pandas.cli.previewing import show_events  # noqa: PLC0415

    return show_events(printout, paths, mapping, written=written, skips_bad=skip_bad_files, number=number)


@as_command
@_with_format
@_with_client
def submit(
    printout: Printout,
    paths: Files,
    *,
    mapping: MappingPath,
    results: Results = None,
    rejects: Rejects = None,
    keys: Keys = None,
    include_identifier: WithIdentifier = False,
    skip_bad_files: SkipBadFiles = False,
    written: "SourceFormat",
    dry_run: DryRun = False,
    yes: Yes = False,
    limit: Limit = None,
    require_rows: RequireRows = False,
    check_first: CheckFirst = True,
    raise_invalid: RaiseInvalid = False,
    check_contacts: CheckContacts = False,
    connect: "Connect",
    journal: Journal = AUTO,
    workspace: Workspace = None,
    resubmit: Resubmit = False,
    preflight: Preflight = True,
    rate_share: RateShare = 1.0,
    concurrency: Concurrency = None,
    canary: Canary = 0,
    max_failure_rate: MaxFailureRate = None,
    patience_seconds: PatienceSeconds = 600.0,
    chunksize: Chunksize = 10_000,
    progress: Progress = True,
    log_path: LogPath = None,
    wait: Wait = False,
) -> ExitCode:
    """Submit every row. The access token is read from INTERCOM_ACCESS_TOKEN."""
    given = dict(locals())
    from events_pandas.cli.submission import Task, submit_rows  # noqa: PLC0415

    task = Task(**{field.name: given.pop(field.name) for field in fields(Task)})
    return submit_rows(**given, task=task)


@as_command
@_with_format
@_with_client
def verify(
    printout: Printout,
    paths: Files,
    *,
    mapping: MappingPath,
    results: SubmittedResults,
    sample: Sample = 200,
    seed: Seed = 0,
    settle_seconds: SettleSeconds = 900.0,
    skip_bad_files: SkipBadFiles = False,
    written: "SourceFormat",
    limit: SubmittedLimit = None,
    connect: "Connect",
    workspace: VerifiedWorkspace = None,
    rate_share: RateShare = 1.0,
    progress: Progress = True,
) -> ExitCode:
    """Read back a sample of the events that a run has submitted, and say what that proves."""
    from events_pandas.cli.verifying import verify_rows  # noqa: PLC0415

    return verify_rows(
        printout,
        paths,
        mapping,
        results_path=results,
        written=written,
        skips_bad=skip_bad_files,
        limit=limit,
        connect=connect,
        progress=progress,
        verify={"sample": sample, "seed": seed, "settle_seconds": settle_seconds},
        workspace=workspace,
        rate_share=rate_share,
    )


@as_command
def report(
    printout: Printout,
    paths: ResultsFiles,
    *,
    output: ReportPath,
    title: ReportTitle = None,
    include_examples: WithExamples = False,
    journal: ReportJournal = AUTO,
) -> ExitCode:
    """Write results to one HTML file, to hand on and to print."""
    from events_pandas.cli.reporting import write_results  # noqa: PLC0415

    return write_results(
        printout, paths, output=output, title=title, include_examples=include_examples, journal=journal
    )


@as_command
def runs(printout: Printout, journal: JournalPath = AUTO, workspace: OneWorkspace = None) -> ExitCode:
    """List the runs in the journal, the newest first."""
    from events_pandas.cli.history import list_history  # noqa: PLC0415

    return list_history(printout, journal, workspace)
