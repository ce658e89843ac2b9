"""What `preview` does: events as Intercom shows them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from events_pandas.cli.checking import mapping_for
from events_pandas.cli.endings import ExitCode
from events_pandas.cli.printout import Printout
from events_pandas.mapping import SourceFormat
from events_pandas.run.file_check import check_files
from events_pandas.words import escaped

PREVIEWED_FROM: Final = 10_000
"""The events are sought in this many rows."""


def show_events(
    printout: Printout,
    paths: Sequence[str],
    mapping_path: Path,
    *,
    written: SourceFormat,
    skips_bad: bool,
    number: int,
) -> ExitCode:
    """Print the first events that would be sent. Exit code 1 says that there is none, or that files were left out."""
    mapping = mapping_for(mapping_path, written)
    report = check_files(paths, mapping, limit=PREVIEWED_FROM, skips_bad=skips_bad)
    for name, reason in report.skipped_files.items():
        printout.say(f"warning: {escaped(name)}: was left out: {reason}")
    preview = report.preview(number)
    printout.add(events=preview.events)
    printout.say(str(preview))
    if not preview.events and report.rows == PREVIEWED_FROM:
        printout.say(f"only the first {PREVIEWED_FROM:,} rows are looked at")
    return ExitCode.DONE if preview.events and not report.skipped_files else ExitCode.ROWS_LEFT
