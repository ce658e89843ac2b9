"""What `submit` does: it shows what it is about to do, asks, submits, and prints the summary."""

import dataclasses
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pandas as pd
import typer

from events_pandas.cli.checking import destination_facts, found_destination, mapping_for, opened_client, reasons_of
from events_pandas.cli.endings import ExitCode, named_by_options, notes
from events_pandas.cli.plan import Plan
from events_pandas.cli.printout import Printout
from events_pandas.deliver import IntercomClient, Status
from events_pandas.deliver.journal import journal_path, read_runs
from events_pandas.deliver.preflight import NOT_SUBMITTED
from events_pandas.errors import InvalidRowsError, SubmissionError, SubmissionInterrupted
from events_pandas.mapping import EventMapping, SourceFormat
from events_pandas.mapping.guesses import require_confirmed
from events_pandas.results import CheckReport, Summary
from events_pandas.results.destination import Destination
from events_pandas.results.rejects import is_rejected
from events_pandas.results.report import shown_causes
from events_pandas.run.file_check import check_files
from events_pandas.run.files import submit_files
from events_pandas.run.fitting import FittingFiles, fitting_files
from events_pandas.run.options import RunOptions
from events_pandas.run.outputs import Outputs
from events_pandas.sources import Places
from events_pandas.words import counted, escaped, path_text

NO_JOURNAL: Final = "none"
WAIT_SECONDS: Final = 86_400.0
"""The longest wait for another run: then it is time for the next night."""
SENT: Final = (Status.ACCEPTED, Status.UNKNOWN_CONTACT, Status.REJECTED, Status.FAILED)
"""Statuses of rows whose events went out."""


def submit_rows(
    printout: Printout,
    paths: Sequence[str],
    *,
    mapping: Path,
    written: SourceFormat,
    skip_bad_files: bool,
    results: Path | None,
    rejects: Path | None,
    dry_run: bool,
    yes: bool,
    limit: int | None,
    check_first: bool,
    region: str | None,
    base_url: str | None,
    allow_http: bool,
    wait: bool,
    **run: Any,
) -> ExitCode:
    """Submit the rows of files, unless the plan is all that was asked for, or the user says no."""
    with opened_client(region=region, base_url=base_url, allow_http=allow_http) as client, ExitStack() as opened:
        options = _options(client, **run)
        rules = mapping_for(mapping, written)
        require_confirmed(rules)
        outputs = Outputs.of_run(options, results=results, rejects=rejects)
        outputs.require_apart(paths)
        outputs.require_places([mapping])
        with _nothing_sent():
            # Standard input can be read only once: what is opened here serves the check and the run.
            fit = opened.enter_context(
                fitting_files(paths, rules, progress=options.progress, are_held=True, skips_bad=skip_bad_files)
            )
            outputs.require_places([file.path for file in fit.files])
            plan = _plan(fit, rules, options, limit=limit, is_checked=check_first or dry_run)
            for line in plan.lines():
                printout.say(line)
            printout.add(plan=plan.facts(), **destination_facts(plan.destination))
            if dry_run:
                return _end_dry_run(printout, plan)
            _require_valid(plan.report, options)
            if not yes and _is_terminal() and not _confirmed(printout):
                printout.say("nothing was sent")
                return ExitCode.NOTHING_SENT
        summary = submitted(
            # Not files that have come since: their rows are not checked.
            printout,
            fit.files,
            mapping=rules,
            options=options,
            results_path=results,
            rejects_path=rejects,
            limit=limit,
            wait_seconds=WAIT_SECONDS if wait else 0.0,
            told=plan.detected,
        )
    return ExitCode.DONE if summary.is_complete and not fit.skipped else ExitCode.ROWS_LEFT


@contextmanager
def _nothing_sent() -> Iterator[None]:
    """Let an interrupt say that nothing was sent."""
    try:
        yield
    except (KeyboardInterrupt, typer.Abort) as interrupt:
        raise KeyboardInterrupt("nothing was sent") from interrupt


def _plan(
    fit: FittingFiles, mapping: EventMapping, options: RunOptions, *, limit: int | None, is_checked: bool
) -> Plan:
    """Find out what a run would do. The token comes first: it is quickly refused."""
    destination = _destination(options)
    journal = _journal(destination, options)
    if journal is not None and journal.exists():
        # Before the rows are checked: the file may be something else.
        read_runs(journal)
    report = None
    if is_checked:
        report = check_files(fit.files, mapping, limit=limit, options=options)
    return Plan(
        files=[file.name for file in fit.files],
        skipped=reasons_of(fit.skipped),
        limit=limit,
        destination=destination,
        journal=journal,
        resubmits=options.resubmit,
        report=None if report is None else dataclasses.replace(report, destination=destination),
    )


def _options(client: IntercomClient, *, journal: str, raise_invalid: bool, progress: bool, **run: Any) -> RunOptions:
    if not journal:
        raise ValueError("--journal: the path is empty: use auto, none or a path")
    flags = {name: f"--{name.replace('_', '-')}" for name in run} | {"log_path": "--log-json"}
    with named_by_options(flags):
        return RunOptions(
            client=client,
            journal=None if journal == NO_JOURNAL else journal,
            on_invalid="raise" if raise_invalid else "report",
            progress="auto" if progress else False,
            **run,
        )


def _destination(options: RunOptions) -> Destination | None:
    if not options.preflight or options.client is None:
        return None
    found = found_destination(options.client, advice=NOT_SUBMITTED, progress=options.progress)
    options.require_workspace(found.workspace)
    return found


def _journal(destination: Destination | None, options: RunOptions) -> Path | None:
    """Return the file of the journal, if there is to be one and its workspace is known."""
    name = options.workspace or (destination.workspace.id_code if destination else None)
    return None if options.journal is None or name is None else journal_path(options.journal, name)


def _end_dry_run(printout: Printout, plan: Plan) -> ExitCode:
    report, told = plan.report, plan.detected
    causes, rest = shown_causes([] if report is None else [each for each in report.causes if each.code not in told])
    for line in [*map(str, causes), *([rest] if rest else [])]:
        printout.say(line)
    printout.say("dry run: nothing was sent")
    is_complete = not plan.skipped and (report is None or report.ok)
    return ExitCode.DONE if is_complete else ExitCode.ROWS_LEFT


def _require_valid(report: CheckReport | None, options: RunOptions) -> None:
    """Raise `InvalidRowsError` if the check has found invalid rows, and they are to stop the run."""
    if report is not None and report.invalid and options.on_invalid == "raise":
        raise InvalidRowsError(report.problems, invalid=report.invalid)


def _is_terminal() -> bool:
    """Return whether somebody can read the question and answer it."""
    # Closed streams are None or raise ValueError.
    with suppress(AttributeError, ValueError):
        return sys.stdin.isatty() and (sys.stdout.isatty() or sys.stderr.isatty())
    return False


def _confirmed(printout: Printout) -> bool:
    try:
        # The output may go to a file or through a pipe, as with `| tee`: the question is asked where it is seen.
        return typer.confirm("submit?", err=printout.as_json or not sys.stdout.isatty())
    except (KeyboardInterrupt, typer.Abort):
        # The cursor stands after the question.
        printout.say()
        raise


def submitted(
    printout: Printout,
    paths: Places,
    *,
    mapping: EventMapping,
    options: RunOptions,
    results_path: Path | None = None,
    rejects_path: Path | None = None,
    limit: int | None = None,
    wait_seconds: float = 0.0,
    told: Collection[str] = (),
) -> Summary:
    """Submit files and print the summary; after an early end the summary comes before the error.

    Notes with the codes that were `told` are not printed again.
    """
    summary = Summary(told=told)
    rejects: list[int] = []
    remarks: list[str] = []
    end: SubmissionError | SubmissionInterrupted | None = None

    def add(results: pd.DataFrame) -> None:
        summary.add(results)
        printout.has_sent = printout.has_sent or summary.count(*SENT) > 0
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
            limit=limit,
        )
    except (SubmissionError, SubmissionInterrupted) as error:
        end = error
    printout.say(str(summary))
    printout.add(**summary.facts())
    faults = () if end is None else (str(end), *notes(end))
    _tell_file(printout, "results", results_path, faults=faults)
    _tell_file(printout, "rejects", rejects_path, faults=faults, rows=sum(rejects))
    for remark in remarks:
        printout.say(f"note: {escaped(remark)}")
    printout.add(notes=remarks)
    if end is not None:
        raise end
    return summary


def _tell_file(
    printout: Printout, name: str, path: Path | None, *, faults: Sequence[str], rows: int | None = None
) -> None:
    """Name a file that was written. One that could not be written is left out: a fault is about it."""
    is_written = path is not None and not any(f"{escaped(path)}: " in fault for fault in faults)
    printout.add(**{name: path_text(path) if path is not None and is_written else None})
    if rows is not None:
        printout.add(rejected=rows)
    if is_written:
        printout.say(f"{name}: {escaped(path)}" + ("" if rows is None else f" ({counted(rows, 'row')})"))
