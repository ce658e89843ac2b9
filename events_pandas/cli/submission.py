"""What `submit` does: it shows what it is about to do, asks, submits, and prints the summary."""

import csv
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, TextIO

import pandas as pd
import typer

from events_pandas.cli.checking import Connect, destination_facts, found_destination, mapping_for
from events_pandas.cli.endings import ExitCode, named_by_options
from events_pandas.cli.options import NO_JOURNAL
from events_pandas.cli.plan import Plan
from events_pandas.cli.printout import Printout
from events_pandas.deliver import IntercomClient, Status
from events_pandas.deliver.journal import journal_path, read_runs
from events_pandas.deliver.preflight import NOT_SUBMITTED
from events_pandas.deliver.stops import NEXT_STEP
from events_pandas.errors import InvalidRowsError, SourceError, SubmissionError, SubmissionInterrupted
from events_pandas.mapping import EventMapping, SourceFormat
from events_pandas.mapping.guesses import require_confirmed
from events_pandas.results import Summary
from events_pandas.results.cause_groups import CauseGroup
from events_pandas.results.check_report import groups_of
from events_pandas.results.destination import Destination
from events_pandas.results.rejects import is_rejected
from events_pandas.results.report import shown_causes
from events_pandas.run.file_check import check_frames
from events_pandas.run.file_frames import FileFrames, read_frames
from events_pandas.run.files import FileRun
from events_pandas.run.fitting import FittingFiles, fitting_files
from events_pandas.run.options import RunOptions
from events_pandas.run.outputs import AnyPath, Outputs
from events_pandas.starting import require_no_signal
from events_pandas.words import counted, escaped, path_text

WAIT_SECONDS: Final = 86_400.0
"""The longest wait for another run: then it is time for the next night."""
UNANSWERABLE: Final = (
    "in a terminal the command asks before it submits, and standard input is not a terminal that can answer: give "
    "--dry-run to see what would be sent, and --yes to send it"
)
LEFT: Final = f"the run was left before its end, and events may have been sent: {NEXT_STEP}"
NO_ROWS: Final = "--require-rows: the files have no rows: nothing was sent, and no file was replaced"
SENT: Final = (Status.ACCEPTED, Status.UNKNOWN_CONTACT, Status.REJECTED, Status.FAILED)
"""Statuses of rows whose events went out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What `submit` was asked to do, without the options of the run."""

    paths: Sequence[str]
    mapping: Path
    written: SourceFormat
    results: str | None
    rejects: Path | None
    skip_bad_files: bool
    limit: int | None
    require_rows: bool
    check_first: bool
    dry_run: bool
    yes: bool
    wait: bool


def submit_rows(printout: Printout, task: Task, *, connect: Connect, **run: Any) -> ExitCode:
    """Submit the rows of files, unless the plan is all that was asked for, or the user says no."""
    asks = not (task.yes or task.dry_run) and _is_seen()
    if asks and not _is_terminal(sys.stdin):
        # Before the rows are read: those of standard input can be read only once.
        raise ValueError(UNANSWERABLE)
    with connect() as client, ExitStack() as opened:
        options = _options(client, **run)
        mapping = mapping_for(task.mapping, task.written)
        require_confirmed(mapping)
        outputs = Outputs.of_run(options, results=task.results, rejects=task.rejects)
        fit = opened.enter_context(_opened_files(task, mapping, outputs=outputs, options=options))
        # Once, when they are needed first: for the check, or for the run.
        read = cache(partial(read_frames, fit, mapping, options=options, limit=task.limit))
        plan = _plan(task, fit, read=read, options=options)
        for line in plan.lines():
            printout.say(line)
        printout.add(plan=plan.facts(), **destination_facts(plan.destination))
        if task.require_rows and not read().has_rows:
            raise SourceError(NO_ROWS)
        if task.dry_run:
            return _end_dry_run(printout, plan)
        if options.on_invalid == "raise":
            _require_valid(printout, plan)
        if asks and not _confirmed(printout):
            printout.say("nothing was sent")
            return ExitCode.NOTHING_SENT
        frames = read()
        # Python may have dropped one.
        require_no_signal()
        file_run = FileRun(
            source=nullcontext(frames),
            options=options,
            outputs=outputs,
            wait_seconds=WAIT_SECONDS if task.wait else 0.0,
            checks_first=plan.report is None and options.on_invalid == "raise",
            destination=plan.destination,
        )
        summary = submitted(printout, file_run, told=plan.detected, warned=plan.warnings)
    return ExitCode.DONE if summary.is_complete else ExitCode.ROWS_LEFT


@contextmanager
def _opened_files(
    task: Task, mapping: EventMapping, *, outputs: Outputs, options: RunOptions
) -> Iterator[FittingFiles]:
    """Open the files for the check and the run: standard input can be read only once."""
    outputs.require_apart(task.paths)
    outputs.require_places([task.mapping])
    with fitting_files(
        task.paths,
        mapping,
        keys=options.keys,
        progress=options.progress,
        are_held=True,
        skips_bad=task.skip_bad_files,
    ) as fit:
        outputs.require_places([file.path for file in fit.files])
        yield fit


def _plan(task: Task, fit: FittingFiles, *, read: Callable[[], FileFrames], options: RunOptions) -> Plan:
    """Find out what a run would do. The token comes first: it is quickly refused."""
    destination = _destination(options)
    journal = _journal(destination, options)
    if journal is not None and journal.exists():
        # Before the rows are checked: the file may be something else.
        read_runs(journal)
    report = None
    if task.check_first or task.dry_run:
        report = check_frames(read(), destination=destination, progress=options.progress)
    return Plan(
        files=[file.name for file in fit.files],
        skipped=fit.reasons,
        limit=task.limit,
        destination=destination,
        rate_share=options.rate_share,
        journal=journal,
        resubmits=options.resubmit,
        checks_contacts=options.contacts is not None,
        report=report,
    )


def _options(
    client: IntercomClient,
    *,
    journal: str,
    keys: Sequence[str] | None,
    raise_invalid: bool,
    check_contacts: bool,
    progress: bool,
    **run: Any,
) -> RunOptions:
    if not journal:
        raise ValueError("--journal: the path is empty: use auto, none or a path")
    flags = {name: f"--{name.replace('_', '-')}" for name in ("keys", *run)} | {"log_path": "--log-json"}
    with named_by_options(flags):
        return RunOptions(
            client=client,
            journal=None if journal == NO_JOURNAL else journal,
            keys=[name for names in keys or () for name in _names(names)],
            on_invalid="raise" if raise_invalid else "report",
            contacts="check" if check_contacts else None,
            progress="auto" if progress else False,
            **run,
        )


def _names(text: str) -> list[str]:
    """Return the names in a list with commas between them; a name that has a comma stands in double quotes."""
    return [name.strip() for name in next(csv.reader([text], skipinitialspace=True), [])]


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
    _say_causes(printout, [] if report is None else [each for each in groups_of(report) if each.first.code not in told])
    printout.say("dry run: nothing was sent")
    is_complete = not plan.skipped and (report is None or report.ok)
    return ExitCode.DONE if is_complete else ExitCode.ROWS_LEFT


def _say_causes(printout: Printout, found: Sequence[CauseGroup]) -> None:
    causes, rest = shown_causes(found)
    for line in [*map(str, causes), *([rest] if rest else [])]:
        printout.say(line)


def _require_valid(printout: Printout, plan: Plan) -> None:
    """Say why rows are invalid, and raise `InvalidRowsError`, if the check has found any."""
    if plan.report is not None and plan.report.invalid:
        _say_causes(printout, [group for group in groups_of(plan.report) if group.first.severity == "error"])
        raise InvalidRowsError(plan.report.problems, invalid=plan.report.invalid)


def _is_seen() -> bool:
    """Return whether somebody sees the output."""
    return _is_terminal(sys.stdout) or _is_terminal(sys.stderr)


def _is_terminal(stream: TextIO | None) -> bool:
    # Closed streams are None or raise ValueError.
    with suppress(ValueError):
        return stream is not None and stream.isatty()
    return False


def _confirmed(printout: Printout) -> bool:
    try:
        # The output may go to a file or through a pipe, as with `| tee`: the question is asked where it is seen.
        return typer.confirm("submit?", err=printout.as_json or not sys.stdout.isatty())
    except (KeyboardInterrupt, typer.Abort):
        # The cursor stands after the question.
        printout.say()
        raise


def submitted(printout: Printout, run: FileRun, *, told: Collection[str] = (), warned: Collection[str] = ()) -> Summary:
    """Submit files and print the summary; after an early end the summary comes before the error.

    Notes with the codes that were `told` are not printed again, nor sentences that were `warned` of.
    """
    summary = Summary(told=told)
    rejected: list[int] = []
    remarks: list[str] = []
    end: SubmissionError | SubmissionInterrupted | None = None

    def add(results: pd.DataFrame) -> None:
        summary.add(results)
        printout.has_sent = printout.has_sent or summary.count(*SENT) > 0
        rejected.append(int(is_rejected(results).sum()))

    try:
        run.submit(take=add, warn=remarks.append)
    except (SubmissionError, SubmissionInterrupted) as error:
        end = error
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(LEFT if run.has_begun else "") from interrupt
    printout.add(**summary.facts(), rejected=sum(rejected), notes=remarks)
    printout.say(summary.in_commands())
    _tell_file(printout, "results", run.written.results)
    _tell_file(printout, "rejects", run.written.rejects, rows=f" ({counted(sum(rejected), 'row')})")
    for remark in [remark for remark in remarks if remark not in warned]:
        printout.say(f"note: {escaped(remark)}")
    if end is not None:
        raise end
    return summary


def _tell_file(printout: Printout, name: str, path: AnyPath | None, *, rows: str = "") -> None:
    """Name a file, if it was written."""
    printout.add(**{name: None if path is None else path_text(path)})
    if path is not None:
        printout.say(f"{name}: {escaped(path)}{rows}")
