"""The commands that read files or the journal: their arguments and words.

What they do is loaded when one runs, so that `--help` need not wait for pandas.
"""

from functools import partial
from typing import Final

from events_pandas.cli.command import as_command
from events_pandas.cli.endings import ExitCode
from events_pandas.cli.options import (
    AllowHttp,
    BaseUrl,
    Canary,
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
    Resubmit,
    Results,
    Sheet,
    SkipBadFiles,
    Wait,
    WithIdentifier,
    Workspace,
    Yes,
)
from events_pandas.cli.printout import Printout

AUTO: Final = "auto"
"""The journal of the workspace in the user's directory."""


@as_command
def suggest(
    printout: Printout,
    paths: Files,
    *,
    output: Output = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    sheet: Sheet = None,
) -> ExitCode:
    """Propose a mapping, as TOML. It comes from the first 10,000 rows of the first file."""
    from events_pandas.cli.checking import propose, written_as  # noqa: PLC0415

    written = written_as(delimiter=delimiter, encoding=encoding, decimal=decimal, sheet=sheet)
    return propose(printout, paths, output=output, written=written)


@as_command
def check(
    printout: Printout,
    paths: Files,
    *,
    mapping: MappingPath,
    problems: Problems = None,
    skip_bad_files: SkipBadFiles = False,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    sheet: Sheet = None,
    online: Online = False,
    region: Region = None,
    base_url: BaseUrl = None,
    allow_http: AllowHttp = False,
) -> ExitCode:
    """Check every row; nothing is sent."""
    from events_pandas.cli.checking import check_rows, opened_client, written_as  # noqa: PLC0415

    connect = partial(opened_client, region=region, base_url=base_url, allow_http=allow_http)
    return check_rows(
        printout,
        paths,
        mapping,
        written=written_as(delimiter=delimiter, encoding=encoding, decimal=decimal, sheet=sheet),
        skips_bad=skip_bad_files,
        problems=problems,
        connect=connect if online else None,
    )


@as_command
def preview(
    printout: Printout,
    paths: Files,
    *,
    mapping: MappingPath,
    number: Number = 5,
    skip_bad_files: SkipBadFiles = False,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    sheet: Sheet = None,
) -> ExitCode:
    """Show the first events as Intercom shows them; nothing is sent."""
    from events_pandas.cli.checking import written_as  # noqa: PLC0415
    from events_pandas.cli.previewing import show_events  # noqa: PLC0415

    written = written_as(delimiter=delimiter, encoding=encoding, decimal=decimal, sheet=sheet)
    return show_events(printout, paths, mapping, written=written, skips_bad=skip_bad_files, number=number)


@as_command
def submit(
    printout: Printout,
    paths: Files,
    *,
    mapping: MappingPath,
    results: Results = None,
    rejects: Rejects = None,
    include_identifier: WithIdentifier = False,
    skip_bad_files: SkipBadFiles = False,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    sheet: Sheet = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    limit: Limit = None,
    check_first: CheckFirst = True,
    raise_invalid: RaiseInvalid = False,
    region: Region = None,
    base_url: BaseUrl = None,
    allow_http: AllowHttp = False,
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
    from events_pandas.cli.checking import written_as  # noqa: PLC0415
    from events_pandas.cli.submission import submit_rows  # noqa: PLC0415

    written = written_as(**{name: given.pop(name) for name in ("delimiter", "encoding", "decimal", "sheet")})
    return submit_rows(**given, written=written)


@as_command
def runs(printout: Printout, journal: JournalPath = None, workspace: OneWorkspace = None) -> ExitCode:
    """List the runs in the journal, the newest first."""
    from events_pandas.cli.history import list_history  # noqa: PLC0415

    return list_history(printout, journal, workspace)
