"""The command ``events-pandas``: arguments in, the documented functions called, one-line errors and exit codes out."""

import atexit
import gc
import sys
import warnings
from importlib.metadata import version
from typing import Annotated, Final

import typer

from events_pandas.cli.commands import check, preview, report, runs, submit, suggest, verify
from events_pandas.cli.endings import EXIT_CODES, ExitCode
from events_pandas.cli.local import demo, sandbox
from events_pandas.cli.output import prepare_streams, say, settle_streams
from events_pandas.cli.settings import ConfiguredCommand, unknown_variables
from events_pandas.cli.usage import OneLineErrors
from events_pandas.words import escaped

NAME: Final = "events-pandas"

EXAMPLES: Final = {
    suggest: "suggest orders.csv > mapping.toml",
    check: "check orders.csv -m mapping.toml --problems problems.csv",
    preview: "preview orders.csv -m mapping.toml -n 3",
    submit: "submit orders.csv -m mapping.toml --rejects rejects.csv",
    verify: "verify orders.csv -m mapping.toml --results results.csv",
    report: "report results.csv --output run.html",
    runs: "runs",
    sandbox: "sandbox --unknown-contact 00999 --status 500=0.05",
    demo: "demo",
}
"""The commands in the order of the help, each with an example."""

app = typer.Typer(
    name=NAME,
    cls=OneLineErrors,
    help="Rows of CSV, JSON Lines, Parquet, Arrow and Excel files as Intercom data events.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="\b\nExit codes:\n" + "\n".join(f"  {code:>3}  {meaning}" for code, meaning in EXIT_CODES.items()),
)

for function, example in EXAMPLES.items():
    app.command(cls=ConfiguredCommand, epilog=f"\b\nExample:\n  {NAME} {example}")(function)


def _print_version(is_asked: bool) -> None:  # noqa: FBT001  # The parser passes it by position.
    if is_asked:
        say(f"{NAME} {version(NAME)}")
        raise typer.Exit(ExitCode.DONE)


@app.callback()
def about(
    context: typer.Context,
    *,
    shows_version: Annotated[  # noqa: ARG001  # Its callback prints it.
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version, and exit.")
    ] = False,
) -> None:
    """Rows of CSV, JSON Lines, Parquet, Arrow and Excel files as Intercom data events."""
    for sentence in unknown_variables(getattr(context.command, "commands", {})):
        say(f"warning: {sentence}", is_error=True)


def _say_warning(message: Warning | str, *_: object, **_named: object) -> None:
    # One line, without the place in the code.
    say(f"warning: {escaped(message)}", is_error=True)


def main() -> None:
    """Run the command line."""
    prepare_streams()
    warnings.showwarning = _say_warning
    # At its end Python would look for garbage in all of pandas, which takes a fifth of a second.
    atexit.register(gc.freeze)
    try:
        # Also `python -m events_pandas` is this command.
        app(prog_name=NAME)
    except OSError as error:
        # `say` never fails: this was the help text, or a message about wrong usage.
        say(f"error: {error.strerror or error}", is_error=True)
        sys.exit(ExitCode.NOTHING_SENT)
    finally:
        settle_streams()
