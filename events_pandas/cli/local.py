"""The commands that run a local Intercom: `sandbox` and `demo`."""

import dataclasses
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from events_pandas import intercom
from events_pandas.cli.endings import exit_codes
from events_pandas.cli.files import check_files, submitted
from events_pandas.cli.output import say
from events_pandas.loopback import is_loopback
from events_pandas.mapping import EventMapping
from events_pandas.run.options import RunOptions

try:
    import resource
except ImportError:  # Windows has no such limits.
    resource = None  # type: ignore[assignment]  # Compared with None before it is used.

if TYPE_CHECKING:
    from events_pandas.sandbox import Faults

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

LatencySeconds = Annotated[float | None, typer.Option(help="How long each answer takes.")]
Jitter = Annotated[float | None, typer.Option(help="How much latencies vary, as a share of them.")]
Statuses = Annotated[list[str] | None, typer.Option(metavar="STATUS=SHARE", help="Such as 500=0.05; may be repeated.")]
DropBefore = Annotated[
    float | None, typer.Option(help="The share of submissions whose connection closes before they are stored.")
]
DropAfter = Annotated[
    float | None, typer.Option(help="The share of submissions whose connection closes after they are stored.")
]
Garbage = Annotated[float | None, typer.Option(help="The share whose answer has a body that is not JSON.")]
TrickleBody = Annotated[float | None, typer.Option(help="The share whose answer has a body that comes byte by byte.")]
TrickleHeaders = Annotated[float | None, typer.Option(help="The share whose whole answer comes byte by byte.")]
NoAnswer = Annotated[float | None, typer.Option(help="The share that is stored and never answered.")]
TrickleSeconds = Annotated[float | None, typer.Option(help="The pause before each such byte; by default 1.")]
OutageAfterSeconds = Annotated[float | None, typer.Option(help="How long after the start an outage begins.")]
OutageSeconds = Annotated[float | None, typer.Option(help="How long the outage answers all requests with 503.")]
ClockSkewSeconds = Annotated[float | None, typer.Option(help="How far the server's clock is ahead.")]
NoRateHeaders = Annotated[bool, typer.Option("--no-rate-headers", help="Leave out the rate-limit headers.")]
TokenRevoked = Annotated[bool, typer.Option("--token-revoked", help="Answer 401: the token is revoked.")]
Seed = Annotated[int | None, typer.Option(help="Another number chooses other submissions.")]


_OPTIONS = ("host", "port", "access_token", "region", "store", "window_seconds")


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
    latency_seconds: LatencySeconds = None,
    jitter: Jitter = None,
    status: Statuses = None,
    drop_before: DropBefore = None,
    drop_after: DropAfter = None,
    garbage: Garbage = None,
    trickle_body: TrickleBody = None,
    trickle_headers: TrickleHeaders = None,
    no_answer: NoAnswer = None,
    trickle_seconds: TrickleSeconds = None,
    outage_after_seconds: OutageAfterSeconds = None,
    outage_seconds: OutageSeconds = None,
    clock_skew_seconds: ClockSkewSeconds = None,
    no_rate_headers: NoRateHeaders = False,
    token_revoked: TokenRevoked = False,
    seed: Seed = None,
) -> None:
    """Run a local Intercom, until it is interrupted.

    A share, such as 0.05, is the part of events that fails this way.
    """
    given = {name: value for name, value in locals().items() if value is not None}
    with exit_codes():
        _run_sandbox(given)


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


def _run_sandbox(given: Mapping[str, Any]) -> None:
    from events_pandas.sandbox import Sandbox  # noqa: PLC0415  # An extra, loaded when first used.

    _allow_many_connections()
    options = {name: given[name] for name in _OPTIONS if name in given}
    contacts = {
        "contacts": given.get("contact"),
        "unknown_contacts": given.get("unknown_contact", ()),
        "merged_contacts": dict(map(_merge, given.get("merged_contact", ()))),
    }
    with Sandbox(**options, **contacts, limit=given["limit"] or None, faults=_faults(given)) as running:
        tell_how_to_submit(running.url, running.access_token)
        if not is_loopback(given["host"]):
            say("it is open to the network: anybody who reaches it can submit to it, and see what it holds;")
            say("other machines need the name of this one in the address, and --allow-http")
        running.wait()


def tell_how_to_submit(url: str, access_token: str) -> None:
    """Print what a client needs to submit to a sandbox."""
    # Without --allow-http the client sends its token in plain text to this machine only.
    allow_http = "" if is_loopback(urlsplit(url).hostname or "") else " --allow-http"
    say(f"a local Intercom is at {url}; stop it with Ctrl-C. To submit to it:")
    say(f"  export INTERCOM_ACCESS_TOKEN={access_token}")
    say(f"  events-pandas submit FILE --mapping MAPPING --base-url {url}{allow_http}")
    say(f"what it receives is shown at {url}/")


def _faults(given: Mapping[str, Any]) -> "Faults":
    from events_pandas.sandbox import Faults  # noqa: PLC0415  # An extra, loaded when first used.

    wished = {field.name: given[field.name] for field in dataclasses.fields(Faults) if field.name in given}
    return Faults(**wished, statuses=_statuses(given.get("status", ())), rate_headers=not given["no_rate_headers"])


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
