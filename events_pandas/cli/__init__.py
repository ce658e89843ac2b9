"""The command ``events-pandas``: arguments in, the documented functions called, one-line errors and exit codes out."""

import sys

import typer

from events_pandas.cli.endings import UNUSABLE
from events_pandas.cli.files import check, submit, suggest
from events_pandas.cli.history import runs
from events_pandas.cli.local import demo, sandbox
from events_pandas.cli.output import prepare_streams, say, settle_streams

app = typer.Typer(
    help="Rows of CSV and Parquet files as Intercom data events.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 every row is done; 1 some are not; 2 usage, mapping or credentials; "
    "130 interrupted, 143 by SIGTERM.",
)

for command in (suggest, check, submit, runs, sandbox, demo):
    app.command()(command)


def main() -> None:
    """Run the command line."""
    prepare_streams()
    try:
        app()
    except OSError as error:
        # `say` never fails: this was the help text, or a message about wrong usage.
        say(f"error: {error.strerror or error}", is_error=True)
        sys.exit(UNUSABLE)
    finally:
        settle_streams()
