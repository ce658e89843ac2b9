"""What `demo` does: it submits a sample twice to a local Intercom."""

from contextlib import nullcontext
from dataclasses import replace
from importlib.resources import as_file, files
from tempfile import TemporaryDirectory

from events_pandas.cli.checking import report_facts
from events_pandas.cli.endings import ExitCode
from events_pandas.cli.printout import Printout
from events_pandas.cli.submission import submitted
from events_pandas.mapping import EventMapping
from events_pandas.run.file_check import check_frames
from events_pandas.run.file_frames import read_frames
from events_pandas.run.files import FileRun
from events_pandas.run.fitting import fitting_files
from events_pandas.run.options import RunOptions
from events_pandas.sandbox import Sandbox


def demonstrate(printout: Printout) -> ExitCode:
    """Check and submit the sample, and submit it again."""
    with as_file(files("events_pandas") / "samples") as folder, TemporaryDirectory() as state, Sandbox() as running:
        purchases, mapping = str(folder / "purchases.csv"), EventMapping.from_toml(folder / "purchases.toml")
        printout.say(f"a local Intercom is at {running.url}\n\nthe mapping:\n\n{mapping.to_toml()}")
        with running.client() as client, fitting_files([purchases], mapping, progress="auto") as fit:
            # Sample events do not belong in the user's own journals.
            options = RunOptions(client=client, journal=state)
            # The folders of the package would only fill the lines.
            sample = replace(fit, files=[replace(file, name=file.short_name) for file in fit.files])
            frames = read_frames(sample, mapping, options=options)
            report = check_frames(frames, destination=None, progress="auto")
            printout.say(f"the check:\n\n{report}\n\nthe results:\n")
            first = submitted(printout, FileRun(source=nullcontext(frames), options=options))
            printout.say("\nthe same file again:\n")
            second = submitted(printout, FileRun(source=nullcontext(frames), options=options))
        held = len(running.events)
    printout.say(f"\nthe local Intercom holds {held:,} events")
    printout.facts = {"check": report_facts(report), "first": first.facts(), "second": second.facts(), "events": held}
    return ExitCode.DONE
