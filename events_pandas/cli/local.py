"""The commands that run a local Intercom: `sandbox` and `demo`. Nothing heavy is loaded for their `--help`."""

import inspect
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from events_pandas.cli.command import as_command, option, with_options
from events_pandas.cli.endings import ExitCode, named_by_options
from events_pandas.cli.options import whole_number
from events_pandas.cli.printout import Printout
from events_pandas.intercom import DEFAULT_LIMIT, WINDOW_SECONDS
from events_pandas.loopback import is_loopback
from events_pandas.sandbox_settings import FAULT_SETTINGS, SandboxSetting

if TYPE_CHECKING:
    from events_pandas.sandbox import Sandbox

try:
    import resource
except ImportError:  # Windows has no such limits.
    resource = None  # type: ignore[assignment]  # Compared with None before it is used.

_OWN_FLAGS: Final = {
    "contacts": "--contact",
    "unknown_contacts": "--unknown-contact",
    "merged_contacts": "--merged-contact",
    **{name: f"--{name.replace('_', '-')}" for name in ("host", "port", "access_token", "region", "limit")},
    **{name: f"--{name.replace('_', '-')}" for name in ("store", "window_seconds")},
}
_FLAGS: Final = _OWN_FLAGS | {
    name: setting.flag or f"--{name.replace('_', '-')}" for name, setting in FAULT_SETTINGS.items()
}
"""The option of each argument of a sandbox and its faults."""

Host = Annotated[
    str, typer.Option(help="The address to listen on; any but a loopback address opens it to the network.")
]
Port = Annotated[
    int,
    typer.Option(
        parser=whole_number("a port from 0 to 65535, got {!r}: use 8080, or 0 for any free one", least=0, most=65_535),
        metavar="NUMBER",
        help="The port; 0 for any free one.",
    ),
]
AccessToken = Annotated[str | None, typer.Option(help="The token of requests; by default sandbox-token.")]
Region = Annotated[str, typer.Option(help="The region of the workspace: us, eu or au.")]
Kept = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Keep the workspace in this file; otherwise each start makes a new one."),
]
Limit = Annotated[
    int,
    typer.Option(
        parser=whole_number("a number of requests, got {!r}: use 1666, or 0 for no limit", least=0),
        metavar="NUMBER",
        help="Requests in a window; 0 for no limit.",
    ),
]
WindowSeconds = Annotated[float, typer.Option(help="The length of a window.")]
Existing = Annotated[
    list[str] | None,
    typer.Option(metavar="IDENTIFIER", help="A contact that exists; then no others do. May be repeated."),
]
Unknown = Annotated[
    list[str] | None, typer.Option(metavar="IDENTIFIER", help="A contact that is answered 404; may be repeated.")
]
Merged = Annotated[
    list[str] | None,
    typer.Option(metavar="OLD=NEW", help="A contact that is answered 410: merged into another one; may be repeated."),
]


def _fault_option(name: str, setting: SandboxSetting) -> inspect.Parameter:
    """Return the option of a fault as a parameter, as typer has it."""
    annotations = {bool: bool, dict: list[str] | None}
    annotation = annotations.get(setting.kind, setting.kind | None)
    default = False if setting.kind is bool else None
    return option(name, (annotation, typer.Option(default, _FLAGS[name], help=setting.help, metavar=setting.metavar)))


@as_command
@with_options("faults", [*starmap(_fault_option, FAULT_SETTINGS.items())], dict)
def sandbox(
    printout: Printout,
    *,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    access_token: AccessToken = None,
    region: Region = "us",
    store: Kept = None,
    limit: Limit = DEFAULT_LIMIT,
    window_seconds: WindowSeconds = WINDOW_SECONDS,
    contact: Existing = None,
    unknown_contact: Unknown = None,
    merged_contact: Merged = None,
    faults: Mapping[str, Any],
) -> ExitCode:
    """Run a local Intercom, until it is interrupted.

    A share, such as 0.05, is the part of events that fails this way.
    """
    from events_pandas.sandbox import Faults, Sandbox  # noqa: PLC0415  # An extra, loaded when first used.

    _allow_many_connections()
    with named_by_options(_FLAGS):
        running = Sandbox(
            host=host,
            port=port,
            access_token=access_token,
            region=region,
            store=store,
            limit=limit or None,
            window_seconds=window_seconds,
            contacts=contact,
            unknown_contacts=unknown_contact or (),
            merged_contacts=dict(map(_merge, merged_contact or ())),
            faults=Faults(**_given_faults(faults)),
        )
    with running:
        _tell_that_it_runs(printout, running, is_open=not is_loopback(host))
        running.wait()
    return ExitCode.DONE


@as_command
def demo(printout: Printout) -> ExitCode:
    """Submit a sample of real purchases to a local Intercom."""
    from events_pandas.cli.demonstration import demonstrate  # noqa: PLC0415  # The sandbox is an extra.

    return demonstrate(printout)


def tell_how_to_submit(printout: Printout, url: str, access_token: str) -> None:
    """Print what a client needs to submit to a sandbox."""
    # Without --allow-http the client sends its token in plain text to this machine only.
    allow_http = "" if is_loopback(urlsplit(url).hostname or "") else " --allow-http"
    printout.say(f"a local Intercom is at {url}; stop it with Ctrl-C. To submit to it:")
    printout.say(f"  export INTERCOM_ACCESS_TOKEN={access_token}")
    printout.say(f"  events-pandas submit FILE --mapping MAPPING --base-url {url}{allow_http}")
    printout.say(f"what it receives is shown at {url}/")


def _tell_that_it_runs(printout: Printout, running: "Sandbox", *, is_open: bool) -> None:
    tell_how_to_submit(printout, running.url, running.access_token)
    if is_open:
        _tell_that_it_is_open(printout)
    printout.add(url=running.url, access_token=running.access_token)
    # Programs wait for the document, and the command ends later.
    printout.close(ExitCode.DONE)


def _tell_that_it_is_open(printout: Printout) -> None:
    printout.say("it is open to the network: anybody who reaches it can submit to it, and see what it holds;")
    printout.say("other machines need the name of this one in the address, and --allow-http")


def _given_faults(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `Faults` for its options; None stands for an option that is not given."""
    given = {name: value for name, value in options.items() if value is not None}
    return given | {"statuses": _statuses(given.get("statuses", ())), "rate_headers": not given["rate_headers"]}


def _merge(text: str) -> tuple[str, str]:
    old, _, new = text.partition("=")
    if not old or not new:
        raise ValueError(
            f"--merged-contact: expected a contact and the one that took its place, such as 00999=00042, got {text!r}"
        )
    return old, new


def _statuses(texts: Iterable[str]) -> dict[int, float]:
    statuses: dict[int, float] = {}
    for status, share in map(_status_share, texts):
        if status in statuses:
            raise ValueError(f"--status names {status} twice")
        statuses[status] = share
    return statuses


def _status_share(text: str) -> tuple[int, float]:
    status, _, share = text.partition("=")
    try:
        return int(status), float(share)
    except ValueError as error:
        raise ValueError(f"--status: expected a status and its share, such as 500=0.05, got {text!r}") from error


def _allow_many_connections() -> None:
    """Ask the system for the most open files that it allows: each connection is one."""
    if resource is not None:
        # Some systems name a limit that they do not allow.
        with suppress(OSError, ValueError):
            _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
