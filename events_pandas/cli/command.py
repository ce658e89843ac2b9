"""What all commands have: options of their own kind, an exit code, and one document for programs."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from itertools import chain, starmap
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from events_pandas.cli.endings import ExitCode, exit_codes
from events_pandas.cli.printout import Printout
from events_pandas.cli.settings import Config, ShowConfig, origins

if TYPE_CHECKING:
    from events_pandas.run.log import RunLog

_REPORT: Final = (
    *("rows", "valid", "invalid", "duplicates", "contacts", "event_names", "created_at", "requests"),
    *("duration_seconds", "workspace", "rate_limit", "skipped_files", "warnings", "findings"),
)
_SUMMARY: Final = ("rows", "statuses", "causes", "requests", "retries", "contact_requests", "journal", "notes")
DOCUMENTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "suggest": ("mapping", "unconfirmed", "output"),
        "check": (*_REPORT, "problems", "report"),
        "preview": ("events",),
        "submit": ("plan", "workspace", "rate_limit", *_SUMMARY, "results", "rejects", "rejected"),
        "verify": (
            *("workspace", "accepted", "drawn", "contacts", "statuses", "compared", "missing", "bound"),
            "differing",
        ),
        "report": ("report",),
        "runs": ("runs",),
        "sandbox": ("url", "access_token"),
        "demo": ("check", "first", "second", "events"),
    }
)
"""The keys of each command's document, after `command`, `exit_code` and `errors`. What is not known is null."""

AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output, and the rest on standard error.")
]
_COMMON: Final = {"as_json": (AsJson, False), "config": (Config, None), "show_config": (ShowConfig, False)}


def _opened_log(given: Mapping[str, Any]) -> "RunLog | None":
    """Open the log of a run, which also has the exit code of its command."""
    path: Path | None = given.get("log_path")
    if path is None:
        return None
    from events_pandas.run.log import RunLog  # noqa: PLC0415  # Heavy, and seldom needed.
    from events_pandas.run.outputs import Outputs  # noqa: PLC0415

    # Before the file is made: the next run might read it.
    journal = None if given["journal"] in {"", "auto", "none"} else given["journal"]
    outputs = Outputs(results=given["results"], rejects=given["rejects"], log=path, journal=journal)
    outputs.require_apart(given["paths"])
    return RunLog(path, warn=bool)


def as_command(function: Callable[..., ExitCode]) -> Callable[..., None]:
    """Return a command of a function, which takes the `Printout` first and returns the exit code."""
    _, *own = inspect.signature(function).parameters.values()

    @wraps(function)
    def run(*, context: typer.Context, as_json: bool = False, **given: Any) -> None:
        command = function.__name__
        facts = dict.fromkeys(DOCUMENTS[command])
        printout = Printout(command=command, as_json=as_json, facts=facts, origins=origins(context))
        code: int = ExitCode.DONE
        log, error = None, None
        try:
            with exit_codes(printout):
                log = _opened_log(given)
                if log is not None:
                    # The run writes to the same log.
                    given["log_path"] = log
                # The common options have done their work.
                code = function(printout, **{parameter.name: given[parameter.name] for parameter in own})
        except typer.Exit as end:
            code, error = end.exit_code, end.__cause__
        if log is not None:
            log.exit(int(code), error)
        # A document that cannot be printed does not undo the run.
        with suppress(typer.Exit), exit_codes():
            printout.close(int(code))
        if code != ExitCode.DONE:
            raise typer.Exit(int(code))

    asked = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    vars(run)["__signature__"] = inspect.Signature([*own, *starmap(option, _COMMON.items()), asked])
    # The signature has those of the options; other ones may name what is not loaded.
    run.__annotations__ = {}
    return run


def with_options(
    argument: str, options: Sequence[inspect.Parameter], made: Callable[..., object]
) -> Callable[[Callable[..., ExitCode]], Callable[..., ExitCode]]:
    """Give a function some options in the place of an argument, which `made` makes of them."""

    def decorated(function: Callable[..., ExitCode]) -> Callable[..., ExitCode]:
        @wraps(function)
        def run(printout: Printout, **given: Any) -> ExitCode:
            value = made(**{each.name: given.pop(each.name) for each in options})
            return function(printout, **given, **{argument: value})

        own = inspect.signature(function).parameters.values()
        shown = [options if parameter.name == argument else [parameter] for parameter in own]
        vars(run)["__signature__"] = inspect.Signature([*chain.from_iterable(shown)])
        return run

    return decorated


def option(name: str, kind: tuple[object, object]) -> inspect.Parameter:
    """Return an option as a parameter, from its annotation and its default."""
    annotation, default = kind
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
