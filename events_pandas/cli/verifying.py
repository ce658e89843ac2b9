"""What `verify` does: files are read again beside their results, and Intercom's counts are compared."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from events_pandas.cli.checking import Connect, mapping_for
from events_pandas.cli.endings import ExitCode, named_by_options
from events_pandas.cli.printout import Printout
from events_pandas.errors import SubmissionError, SubmissionInterrupted
from events_pandas.mapping import SourceFormat
from events_pandas.results import Verification
from events_pandas.run.file_verification import file_verification, results_of_run
from events_pandas.run.fitting import fitting_files
from events_pandas.run.options import RunOptions
from events_pandas.run.verification import VerifyOptions
from events_pandas.words import escaped


def verify_rows(
    printout: Printout,
    paths: Sequence[str],
    mapping_path: Path,
    *,
    results_path: Path,
    written: SourceFormat,
    skips_bad: bool,
    limit: int | None,
    connect: Connect,
    progress: bool,
    verify: dict[str, Any],
    **run: Any,
) -> ExitCode:
    """Print what Intercom's counts prove, also about the contacts that have an answer if the questions end early."""
    with named_by_options({name: f"--{name.replace('_', '-')}" for name in (*verify, *run)}):
        wanted = VerifyOptions(**verify)
        RunOptions(**run)
    mapping = mapping_for(mapping_path, written)
    results = results_of_run(results_path)
    with (
        connect() as client,
        fitting_files(paths, mapping, progress="auto", are_held=True, skips_bad=skips_bad) as fit,
    ):
        for name, reason in fit.reasons.items():
            printout.say(f"warning: {escaped(name)}: was left out: {reason}")
        options = RunOptions(client=client, progress="auto" if progress else False, **run)
        verification = file_verification(fit, mapping, results=results, verify=wanted, options=options, limit=limit)
        try:
            found = verification.run()
        except (SubmissionError, SubmissionInterrupted):
            if verification.has_answers:
                _tell(printout, verification.so_far())
            raise
    _tell(printout, found)
    return ExitCode.DONE if found.ok and not fit.skipped else ExitCode.ROWS_LEFT


def _tell(printout: Printout, verification: Verification) -> None:
    printout.say(str(verification))
    printout.add(**verification.facts())
