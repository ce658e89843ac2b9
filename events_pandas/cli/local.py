"""The commands that run a local Intercom: `sandbox` and `demo`."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib.resources import as_file, files
from itertools import starmap
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from events_pandas import intercom
from events_pandas.cli.endings import exit_codes
from events_pandas.cli.files import submitted
from events_pandas.cli.output import say
from events_pandas.loopback import is_loopback
from events_pandas.mapping import EventMapping
from events_pandas.run.file_check import check_files
from events_pandas.run.options import RunOptions
from events_pandas.sandbox_settings import FAULT_SETTINGS, SandboxSetting

try:
    import resource
except ImportError:  # Windows has no such limits.
    resource = None  # type: ignore[assignment]  # Compared with None before it is used.

Host = Annotated[
    str, typer.Option(help="The address to listen on; any but a loopback address opens it to the network.")
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 for any free one.")]
AccessToken = Annotated[str | None, typer.Option(help="The token of requests; by default sandbox-token.")]
Region = Annotated[str, typer.Option(help="The region of the workspace: us, eu or au.")]
Kept = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Keep the workspace in this file; otherwise each start makes a new one."),
]
Limit = Annotated[int, typer.Option(min=0, help="Requests in a window; 0 for no limit.")]
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
    flag = setting.flag or f"--{name.replace('_', '-')}"
    option = typer.Option(default, flag, help=setting.help, metavar=setting.metavar)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=annotation)


def _with_fault_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `FAULT_SETTINGS` in the place of its `**faults`."""
    *own, _ = inspect.signature(command).parameters.values()
    signature = inspect.Signature([*own, *starmap(_fault_option, FAULT_SETTINGS.items())])
    vars(command)["__signature__"] = signature
    return command


@_with_fault_options
def sandbox(
    *,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    access_token: AccessToken = None,
    region: Region = "us",
    store: Kept = None,
    limit: Limit = intercom.DEFAULT_LIMIT,
    window_seconds: WindowSeconds = intercom.WINDOW_SECONDS,
    contact: Existing = None,
    unknown_contact: Unknown = None,
    merged_contact: Merged = None,
    **faults: Any,
) -> None:
    """Run a local Intercom, until it is interrupted.

    A share, such as 0.05, is the part of events that fails this way.
    """
    with exit_codes():
        from events_pandas.sandbox import Faults, Sandbox  # noqa: PLC0415  # An extra, loaded when first used.

        _allow_many_connections()
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
            tell_how_to_submit(running.url, running.access_token)
            if not is_loopback(host):
                _tell_that_it_is_open()
            running.wait()


def demo() -> None:
    """Submit a sample of real purchases to a local Intercom."""
    with exit_codes():
        from events_pandas.sandbox import Sandbox  # noqa: PLC0415  # An extra, loaded when first used.

        with as_file(files("events_pandas") / "samples") as folder, TemporaryDirectory() as state, Sandbox() as running:
            purchases, mapping = folder / "purchases.csv", EventMapping.from_toml(folder / "purchases.toml")
            say(f"a local Intercom is at {running.url}\n\nthe mapping:\n\n{mapping.to_toml()}")
            say(f"the check:\n\n{check_files([str(purchases)], mapping)}\n\nthe results:\n")
            with running.client() as client:
                # Sample events do not belong in the user's own journals.
                options = RunOptions(client=client, journal=state)
                submitted([str(purchases)], mapping, options)
                say("\nthe same file again:\n")
                submitted([str(purchases)], mapping, options)
            say(f"\nthe local Intercom holds {len(running.events):,} events")


def tell_how_to_submit(url: str, access_token: str) -> None:
    """Print what a client needs to submit to a sandbox."""
    # Without --allow-http the client sends its token in plain text to this machine only.
    allow_http = "" if is_loopback(urlsplit(url).hostname or "") else " --allow-http"
    say(f"a local Intercom is at {url}; stop it with Ctrl-C. To submit to it:")
    say(f"  export INTERCOM_ACCESS_TOKEN={access_token}")
    say(f"  events-pandas submit FILE --mapping MAPPING --base-url {url}{allow_http}")
    say(f"what it receives is shown at {url}/")


def _tell_that_it_is_open() -> None:
    say("it is open to the network: anybody who reaches it can submit to it, and see what it holds;")
    say("other machines need the name of this one in the address, and --allow-http")


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
