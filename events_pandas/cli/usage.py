"""Wrong usage: one line like any other error, and one document if that was asked for."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import typer
from typer.core import TyperGroup

from events_pandas.cli.command import DOCUMENTS
from events_pandas.cli.endings import ExitCode
from events_pandas.cli.printout import Printout
from events_pandas.cli.settings import asks_for_document, missing_from, origin_of, value_unread

# Typer brings a copy of click in some versions, and has no name for this class.
_USAGE_ERROR: Final[Any] = typer.BadParameter.__base__
_HELP_ASKED: Final = "NoArgsIsHelpError"
_MISSING: Final = "MissingParameter"


class OneLineErrors(TyperGroup):
    """The commands; what is wrong with their arguments is said in one line."""

    def main(self, args: Sequence[str] | None = None, *others: Any, **options: Any) -> Any:
        """Run a command, and exit with its code."""
        given = sys.argv[1:] if args is None else list(args)
        try:
            code = super().main(given, *others, **{**options, "standalone_mode": False})
        except _USAGE_ERROR as error:
            if type(error).__name__ == _HELP_ASKED:
                error.show()
            else:
                _tell(error, given)
            code = ExitCode.NOTHING_SENT
        except typer.Abort:
            code = ExitCode.INTERRUPTED
        sys.exit(code if isinstance(code, int) else ExitCode.DONE)


def _tell(error: Any, given: Sequence[str]) -> None:
    command = error.ctx.info_name if error.ctx is not None else ""
    has_document = command in DOCUMENTS and asks_for_document(error.ctx, given)
    printout = Printout(command=command, as_json=has_document, facts=dict.fromkeys(DOCUMENTS.get(command, ())))
    printout.fail(_message(error))
    printout.close(ExitCode.NOTHING_SENT)
    path = None if error.ctx is None else value_unread("log-json", error.ctx, given)
    if isinstance(path, str) and path:
        _log(path, error, given)


def _log(path: str, error: Exception, given: Sequence[str]) -> None:
    """Write the exit code to the log of a run that does not begin."""
    from events_pandas.errors import SourceError  # noqa: PLC0415  # Heavy, and seldom needed.
    from events_pandas.run.log import RunLog  # noqa: PLC0415
    from events_pandas.run.outputs import Outputs  # noqa: PLC0415

    # The line has said what is wrong already.
    with suppress(SourceError, ValueError):
        # Any word may be a file of rows, which the log must not be.
        Outputs(log=path).require_apart([word for word in given if word != path and not word.startswith("-")])
        RunLog(path, warn=bool).exit(ExitCode.NOTHING_SENT, error)


def _message(error: Any) -> str:
    param = getattr(error, "param", None)
    is_option = param is not None and param.param_type_name == "option"
    if is_option and (origin := origin_of(param, error.ctx)) is not None:
        error.param_hint = origin
    message = " ".join(error.format_message().split()).removesuffix(".")
    if is_option and type(error).__name__ == _MISSING:
        message = f"{message}, and {missing_from(error.ctx)}"
    # A wrong value says itself how to fix it.
    if isinstance(error, typer.BadParameter) and message.startswith("Invalid value"):
        return message
    path = "events-pandas" if error.ctx is None else error.ctx.command_path
    return f"{message}: see `{path} --help`"
