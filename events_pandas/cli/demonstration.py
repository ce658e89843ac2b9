"""What `demo` does: it submits a sample twice to a local Intercom."""

from importlib.resources import as_file, files
from tempfile import TemporaryDirectory

from events_pandas.cli.checking import report_facts
from events_pandas.cli.endings import ExitCode
from events_pandas.cli.printout import Printout
from events_pandas.cli.submission import submitted
from events_pandas.mapping import EventMapping
from events_pandas.run.file_check import check_files
from events_pandas.run.options import RunOptions
from events_pandas.sandbox import Sandbox


def demonstrate(printout: Printout) -> ExitCode:
    """Check and submit the sample, and submit it again."""
    with as_file(files("events_pandas") / "samples") as folder, TemporaryDirectory() as state, Sandbox() as running:
        purchases, mapping = str(folder / "purchases.csv"), EventMapping.from_toml(folder / "purchases.toml")
        printout.say(f"a local Intercom is at {running.url}\n\nthe mapping:\n\n{mapping.to_toml()}")
        report = check_files([purchases], mapping)
        printout.say(f"the check:\n\n{report}\n\nthe results:\n")
        with running.client() as client:
            # Sample events do not belong in the user's own journals.
            options = RunOptions(client=client, journal=state)
            first = submitted(printout, [purchases], mapping=mapping, options=options)
            printout.say("\nthe same file again:\n")
            second = submitted(printout, [purchases], mapping=mapping, options=options)
        held = len(running.events)
    printout.say(f"\nthe local Intercom holds {held:,} events")
    printout.facts = {"check": report_facts(report), "first": first.facts(), "second": second.facts(), "events": held}
    return ExitCode.DONE
