"""The options of the commands that read files, in words. They load nothing heavy, so that `--help` need not wait."""

import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer


def _number(name: str, kind: Callable[[str], float], text: str, *, metavar: str) -> object:
    """Return an option of a run that is a number. `RunOptions` checks it, also what is not a number."""

    def read(given: str | float) -> float:
        # A default needs no check, and shell completion no pandas.
        if not isinstance(given, str):
            return given
        from events_pandas.run.options import RunOptions  # noqa: PLC0415  # Heavy, and seldom needed.

        value: Any = given
        with suppress(ValueError):
            value = kind(given)
        try:
            RunOptions(**{name: value})
        except ValueError as error:
            raise typer.BadParameter(str(error).removeprefix(f"{name}: ")) from error
        return cast("float", value)

    return typer.Option(parser=read, metavar=metavar, help=text)


def whole_number(expected: str, *, least: int = 1, most: float = math.inf) -> Callable[[str | int], int]:
    """Return a parser of whole numbers; `expected` is said with the text in the place of its braces."""

    def read(given: str | int) -> int:
        value = given
        with suppress(ValueError):
            value = int(given)
        if not isinstance(value, int) or not least <= value <= most:
            raise typer.BadParameter(f"expected {expected.format(given)}")
        return value

    return read


NO_JOURNAL: Final = "none"
"""The word for no journal."""
REPLACED: Final = "An existing file is replaced. Rows are counted from 0, over all files, without headers."

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILES",
        help="Files, directories, patterns such as 'orders/*.parquet', addresses, or - for standard input.",
    ),
]
MappingPath = Annotated[Path, typer.Option("--mapping", "-m", help="The mapping, a TOML file.")]
Delimiter = Annotated[
    str | None,
    typer.Option(
        metavar="CHARACTER", help="The character between the cells of CSV files, or tab; by default it is found out."
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="The encoding of CSV and JSON Lines files, such as cp1252; by default it is found out."
    ),
]
Decimal = Annotated[
    str | None,
    typer.Option(metavar="SIGN", help="The decimal sign of numbers in text, . or ,; by default CSV files show it."),
]
Sheet = Annotated[
    str | None, typer.Option(metavar="NAME", help="The sheet of Excel files; by default the first with rows.")
]
SkipBadFiles = Annotated[
    bool,
    typer.Option(
        "--skip-bad-files",
        help="Leave out files that are missing, cannot be read or lack a column, and exit with 1 at best.",
    ),
]
Keys = Annotated[
    list[str] | None,
    typer.Option(
        "--keys",
        metavar="COLUMNS",
        help="Write these columns of the files to the results, too, such as order_id,region; may be repeated.",
    ),
]
WithIdentifier = Annotated[
    bool,
    typer.Option(
        "--with-identifier",
        help="Write the contact of each row to the results: it is personal data.",
    ),
]
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
_OWN_REPORTS: Final = "An existing file is replaced if it is a report."
Report = Annotated[
    Path | None, typer.Option(metavar="FILE", help=f"Write the report to this HTML file. {_OWN_REPORTS}")
]
ReportPath = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help=f"Write the report to this HTML file. {_OWN_REPORTS}")
]
ReportTitle = Annotated[str | None, typer.Option(metavar="TEXT", help="The title of the page.")]
WithExamples = Annotated[
    bool,
    typer.Option(
        "--include-examples", help="Show the cell of each example in the HTML file: it may hold personal data."
    ),
]
ResultsFiles = Annotated[
    list[Path], typer.Argument(metavar="RESULTS", help="What submit --results has written: files or folders.")
]
ReportJournal = Annotated[
    str,
    typer.Option(
        "--journal",
        metavar="PATH",
        help="The journal of the runs, which knows their workspace and times; auto for the user's own, or none.",
    ),
]
Online = Annotated[
    bool, typer.Option("--online", help="Also ask Intercom for the workspace and its rate limit: one GET /me.")
]
Number = Annotated[
    int,
    typer.Option(
        "--number",
        "-n",
        parser=whole_number("a number from 1 to 1,000, got {!r}: use 5 or the like", most=1_000),
        metavar="NUMBER",
        help="How many events are shown, the first that would be sent.",
    ),
]
Results = Annotated[
    # A path would not keep the slash at the end.
    str | None,
    typer.Option(
        metavar="PATH",
        help="Write a result for each row to this file, .csv or .parquet, or as Parquet parts to this folder, whose "
        f"name ends in a slash. {REPLACED}",
    ),
]
Rejects = Annotated[
    Path | None,
    typer.Option(
        help="Write the rows that Intercom does not have, with the reason of each, to this file, .csv or .parquet: fix "
        "them and submit it. An existing file is replaced."
    ),
]
SubmittedResults = Annotated[
    Path, typer.Option("--results", help="The results that submit has written for these files: a file or a folder.")
]
Sample = Annotated[
    int,
    typer.Option(
        parser=whole_number("a number of events, got {!r}: use 200 or the like"),
        metavar="EVENTS",
        help="How many of the accepted events are drawn at random.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, metavar="NUMBER", help="Another number draws other events.")]
SettleSeconds = Annotated[
    float,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="How long after it was submitted an event may not be visible yet; 0 for a sandbox.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be submitted, and send nothing.")]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask before the first event; without a terminal it goes on.")
]


def _first_rows(text: str) -> object:
    """Return an option that is a number of first rows."""
    parser = whole_number("a number of rows, got {!r}: use 100 or the like")
    return typer.Option(parser=parser, metavar="ROWS", help=text)


Limit = Annotated[int | None, _first_rows("Submit only the first rows of the files.")]
SubmittedLimit = Annotated[int | None, _first_rows("The --limit with which the files were submitted.")]
RequireRows = Annotated[
    bool,
    typer.Option(
        "--require-rows", help="If the files have no rows, end with 2, and replace neither results nor rejects."
    ),
]
CheckFirst = Annotated[bool, typer.Option(help="Check all rows of all files before the first event.")]
RaiseInvalid = Annotated[bool, typer.Option("--stop-on-invalid", help="Send nothing if rows are invalid.")]
CheckContacts = Annotated[
    bool,
    typer.Option(
        "--check-contacts",
        help="Ask which contacts exist before their events are sent: those of unknown ones are not sent.",
    ),
]
Region = Annotated[str | None, typer.Option(help="us, eu or au; by default INTERCOM_REGION.")]
BaseUrl = Annotated[str | None, typer.Option(help="Another address than Intercom's, such as a sandbox's.")]
AllowHttp = Annotated[bool, typer.Option("--allow-http", help="Send the access token without encryption.")]
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
VerifiedWorkspace = Annotated[
    str | None, typer.Option("--workspace", metavar="ID", help="The workspace of the run: another one is not asked.")
]
JournalPath = Annotated[
    str,
    typer.Option("--journal", metavar="PATH", help="A journal, a directory of journals, or auto for the user's own."),
]
OneWorkspace = Annotated[str | None, typer.Option("--workspace", metavar="ID", help="Only the runs of this workspace.")]
# These say what `SubmitOptions` says first: a test compares them.
Resubmit = Annotated[bool, typer.Option("--resubmit", help="Also send rows that the journal has.")]
Preflight = Annotated[bool, typer.Option(help="Prove the access token before the first event.")]
RateShare = Annotated[
    float, _number("rate_share", float, "The share of the rate limit to use, up to 1.", metavar="SHARE")
]
Concurrency = Annotated[
    int | None, _number("concurrency", int, "Requests under way at once, 1 to 128.", metavar="NUMBER")
]
Canary = Annotated[
    int,
    _number(
        "canary",
        int,
        "Submit this many rows first, chosen from the first chunk; if they fail, nothing else is sent.",
        metavar="ROWS",
    ),
]
MaxFailureRate = Annotated[
    float | None,
    _number(
        "max_failure_rate",
        float,
        "End the run when a larger share of the events is not accepted, judged from the 100th event on.",
        metavar="SHARE",
    ),
]
PatienceSeconds = Annotated[
    float,
    _number(
        "patience_seconds",
        float,
        "How long the run goes on while nothing works. Without an answer to its first request, GET /me, it ends within "
        "10 s.",
        metavar="SECONDS",
    ),
]
Chunksize = Annotated[int, _number("chunksize", int, "Rows converted at a time.", metavar="ROWS")]
Progress = Annotated[bool, typer.Option(help="Show progress, on standard error.")]
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
