"""The command ``events-pandas``: arguments in, the documented functions called, one-line errors and exit codes out."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from events_pandas.api import check_events
from events_pandas.deliver import MAX_CONCURRENCY, IntercomClient
from events_pandas.errors import (
    AuthenticationError,
    CredentialsError,
    EventsPandasError,
    InvalidRowsError,
    MappingError,
    SourceError,
    SubmissionError,
    SubmissionInterrupted,
)
from events_pandas.file_submission import file_results, read_files
from events_pandas.mapping import EventMapping
from events_pandas.mapping.suggestion import SuggestedMapping, suggest_mapping
from events_pandas.options import RunOptions
from events_pandas.results import CheckReport, Summary
from events_pandas.results.summary import count_of_rows
from events_pandas.results.writer import require_not_read
from events_pandas.sources import read_first_rows, source_paths

DONE, INCOMPLETE, UNUSABLE, INTERRUPTED = 0, 1, 2, 130
UNUSABLE_ERRORS = (MappingError, SourceError, CredentialsError, AuthenticationError)

PROPOSED_FROM = 10_000
"""Rows of a file of which a mapping is proposed: all of them are looked at."""

DEFAULTS = RunOptions()

app = typer.Typer(
    help="Rows of CSV and Parquet files as Intercom data events.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 every row is done; 1 some are not; 2 usage, mapping or credentials; 130 interrupted.",
)

REPLACED = "A file that is there is replaced. Rows are counted from 0, over all files, headers not counted."

Files = Annotated[
    list[str],
    typer.Argument(metavar="FILES", help="CSV or Parquet files, or patterns such as 'orders/*.parquet'."),
]
MappingPath = Annotated[Path, typer.Option("--mapping", "-m", help="The mapping, a TOML file.")]
Problems = Annotated[
    Path | None,
    typer.Option(help=f"Write all findings to this CSV file. {REPLACED}"),
]
Results = Annotated[
    Path | None,
    typer.Option(help=f"Write a result for each row to this file, .csv or .parquet. {REPLACED}"),
]
Region = Annotated[str | None, typer.Option(help="us, eu or au; INTERCOM_REGION when not given.")]
BaseUrl = Annotated[str | None, typer.Option(help="Another address than Intercom's, such as a sandbox's.")]
AllowHttp = Annotated[bool, typer.Option("--allow-http", help="Send the access token without encryption.")]
Progress = Annotated[bool, typer.Option(help="Show progress.")]


def main() -> None:
    """Run the command line."""
    app()


@app.command()
def suggest(paths: Files) -> None:
    """Propose a mapping, as TOML, from the first rows of the first file."""
    with _exit_codes():
        first, *_ = source_paths(paths)
        typer.echo(_proposed(first).to_toml(), nl=False)


@app.command()
def check(
    paths: Files,
    mapping: MappingPath,
    problems: Problems = None,
) -> None:
    """Check every row; nothing is sent."""
    with _exit_codes():
        rules = EventMapping.from_toml(mapping)
        if problems is not None:
            require_not_read(problems, [mapping, *source_paths(paths)])
        report = _check_files(paths, rules)
        typer.echo(str(report))
        if problems is not None:
            _write_problems(report, problems)
        if not report.ok:
            raise typer.Exit(INCOMPLETE)


@app.command()
def submit(
    paths: Files,
    *,
    mapping: MappingPath,
    results: Results = None,
    raise_invalid: Annotated[bool, typer.Option("--stop-on-invalid", help="Send nothing if rows are invalid.")] = False,
    region: Region = None,
    base_url: BaseUrl = None,
    allow_http: AllowHttp = False,
    preflight: Annotated[
        bool, typer.Option(help="Prove the access token before the first event.")
    ] = DEFAULTS.preflight,
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=MAX_CONCURRENCY, help="Requests under way at once.")
    ] = None,
    chunksize: Annotated[int, typer.Option(min=1, help="Rows converted at a time.")] = DEFAULTS.chunksize,
    progress: Progress = True,
) -> None:
    """Submit every row; the access token is read from INTERCOM_ACCESS_TOKEN."""
    with _exit_codes(), IntercomClient(region=region, base_url=base_url, allow_http=allow_http) as client:
        options = RunOptions(
            client=client,
            preflight=preflight,
            concurrency=concurrency,
            on_invalid="raise" if raise_invalid else "report",
            chunksize=chunksize,
            progress="auto" if progress else False,
        )
        summary = _submitted(paths, EventMapping.from_toml(mapping), options, results_path=results)
        if not summary.is_complete:
            raise typer.Exit(INCOMPLETE)


@app.command()
def sandbox(
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 for any that is free.")] = 8080,
    limit: Annotated[int, typer.Option(min=0, help="Requests in ten seconds; 0 for no limit.")] = 1_666,
    latency_seconds: Annotated[float, typer.Option(min=0.0, help="How long each answer takes.")] = 0.0,
    unknown_contact: Annotated[list[str] | None, typer.Option(help="An identifier that is answered 404.")] = None,
) -> None:
    """Run a local Intercom, until it is interrupted."""
    with _exit_codes():
        from events_pandas.sandbox import Faults, Sandbox  # noqa: PLC0415  # An extra, loaded when first used.

        faults = Faults(latency_seconds=latency_seconds)
        with Sandbox(
            host=host, port=port, limit=limit or None, unknown_contacts=unknown_contact or (), faults=faults
        ) as running:
            typer.echo(f"a local Intercom is at {running.url}; stop it with Ctrl-C. To submit to it:")
            typer.echo(f"  export INTERCOM_ACCESS_TOKEN={running.access_token}")
            typer.echo(f"  events-pandas submit FILE --mapping MAPPING --base-url {running.url}")
            running.wait()


@app.command()
def demo() -> None:
    """Submit a sample of real purchases to a local Intercom."""
    with _exit_codes():
        from events_pandas.sandbox import Sandbox  # noqa: PLC0415  # An extra, loaded when first used.

        with as_file(files("events_pandas") / "samples") as folder, Sandbox() as running:
            purchases, mapping = folder / "purchases.csv", EventMapping.from_toml(folder / "purchases.toml")
            typer.echo(f"a local Intercom is at {running.url}\n\nthe mapping:\n\n{mapping.to_toml()}")
            typer.echo(f"the check:\n\n{_check_files([str(purchases)], mapping)}\n\nthe results:\n")
            with running.client() as client:
                _submitted([str(purchases)], mapping, RunOptions(client=client))
            typer.echo(f"\nthe local Intercom holds {len(running.events):,} events")


def _proposed(path: Path) -> SuggestedMapping:
    rows = read_first_rows(path, PROPOSED_FROM)
    if rows.empty:
        raise SourceError(f"{path}: has no rows: a mapping is proposed from the values of its columns")
    first = "the first " if len(rows) == PROPOSED_FROM else ""
    return dataclasses.replace(suggest_mapping(rows), origin=f"{first}{count_of_rows(len(rows))} of {path.name!r}")


def _check_files(paths: list[str], mapping: EventMapping) -> CheckReport:
    return check_events(*read_files(paths, mapping))


def _write_problems(report: CheckReport, path: Path) -> None:
    try:
        # What `read_files` gives is indexed by file.
        report.problems.assign(source_file=report.problems.index).to_csv(path, index=False)
    except OSError as error:
        raise SourceError(f"{path}: findings cannot be written there: {error.strerror or error}") from error
    typer.echo(f"findings: {path}")


def _submitted(
    paths: list[str], mapping: EventMapping, options: RunOptions, *, results_path: Path | None = None
) -> Summary:
    """Submit files and print the summary; what a run that ends early has done is told before its error."""
    summary = Summary()
    try:
        for results in file_results(paths, mapping, options=options, results_path=results_path):
            summary.add(results)
    except (SubmissionError, SubmissionInterrupted) as error:
        summary.add(error.results)
        # With a note the results are not all in the file, as the note says.
        _tell(summary, None if _notes(error) else results_path)
        raise
    _tell(summary, results_path)
    return summary


def _tell(summary: Summary, results_path: Path | None) -> None:
    typer.echo(str(summary))
    if results_path is not None:
        typer.echo(f"results: {results_path}")


@contextmanager
def _exit_codes() -> Iterator[None]:
    """Turn an error into one line on stderr for each fault, and the exit code that goes with it."""
    try:
        yield
    except (EventsPandasError, ImportError, OSError, ValueError) as error:
        for fault in _faults(error):
            typer.echo(f"error: {fault}", err=True)
        is_unusable = isinstance(error, UNUSABLE_ERRORS) or not isinstance(error, EventsPandasError)
        raise typer.Exit(UNUSABLE if is_unusable else INCOMPLETE) from error
    except KeyboardInterrupt as error:
        typer.echo(f"interrupted: {error}" if isinstance(error, SubmissionInterrupted) else "interrupted", err=True)
        for note in _notes(error):
            typer.echo(f"error: {note}", err=True)
        raise typer.Exit(INTERRUPTED) from error


def _faults(error: Exception) -> tuple[str, ...]:
    if isinstance(error, MappingError):
        return error.faults
    if isinstance(error, InvalidRowsError):
        # Its own message speaks of an attribute, which a command does not have.
        rows = error.problems.loc[error.problems["severity"] == "error", "row"].nunique()
        verb = "is" if rows == 1 else "are"
        return (f"{count_of_rows(rows)} {verb} invalid, and nothing was sent: see `events-pandas check --problems`",)
    return (str(error), *_notes(error))


def _notes(error: BaseException) -> tuple[str, ...]:
    return tuple(getattr(error, "__notes__", ()))
