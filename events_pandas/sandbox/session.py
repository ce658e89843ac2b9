"""The sandbox for its users: start it, ask it, stop it."""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import pandas as pd

from events_pandas import intercom
from events_pandas.sandbox.faults import Fault, FaultPlan, Faults, NextFault, checked_faults
from events_pandas.sandbox.page import Page
from events_pandas.sandbox.rules.events import SandboxEvent, read_sent
from events_pandas.sandbox.rules.window import RateWindow
from events_pandas.sandbox.server.api import Api
from events_pandas.sandbox.server.app import SandboxApp, allowed_hosts, checked_host, reachable_host
from events_pandas.sandbox.server.control import Control
from events_pandas.sandbox.server.thread import ServerThread
from events_pandas.sandbox.workspace.contacts import InitialContacts
from events_pandas.sandbox.workspace.store import Store
from events_pandas.sandbox.workspace.workspace import Submission, SubmissionOutcome, Workspace
from events_pandas.sandbox_settings import checked

if TYPE_CHECKING:
    from events_pandas.deliver.client import IntercomClient


DEFAULT_ACCESS_TOKEN: Final = "sandbox-token"  # noqa: S105  # It opens only a sandbox, and is meant to be known.

_OUTCOMES: Final = [str(outcome) for outcome in SubmissionOutcome]

_NO_TIME: Final = np.iinfo(np.int64).min
"""NaT, as numpy stores it."""

_POLL_SECONDS: Final = 0.5


class Sandbox:
    """A local Intercom to try everything on: a real server that needs neither a token nor the internet.

    Parameters
    ----------
    host : str, default "127.0.0.1"
        The address to listen on. Any but the loopback's opens the sandbox to the network. On the loopback it answers
        only requests to its own names, such as ``localhost``.
    port : int, default 0
        The port; 0 for any that is free.
    access_token : str, default "sandbox-token"
        The token that requests have to carry.
    limit : int, default 1666
        Requests that a window allows; None for no limit.
    window_seconds : float, default 10.0
        The length of a window, at least 0.001. Resets are in whole seconds, as Intercom's are.
    contacts : iterable of str or mapping, optional
        The contacts that exist: an identifier of any kind, or the fields of a contact, such as `external_id`, `email`
        and `role`. By default every contact exists.
    unknown_contacts : iterable of str, default ()
        The identifiers of contacts that do not exist: their events are answered 404.
    merged_contacts : mapping of str to str, optional
        The external identifiers, or addresses, of contacts that were merged into others, each with that of the other
        contact. Requests that name a merged contact are answered 410 ``contact_merged``, with a link to the other.
        `POST /contacts/merge` merges contacts while the sandbox runs.
    faults : Faults, optional
        Latency and failures; by default there are none.
    region : {"us", "eu", "au"}, default "us"
        The region that the workspace says it is in.
    store : str or path, optional
        The file that keeps the workspace, an SQLite database. It is made if it does not exist; one sandbox at a time
        can have it. By default every start is a new workspace, in a temporary file.

    Raises
    ------
    ValueError
        If an option has a value that makes no sense, or the file is not a workspace of a sandbox.
    TypeError
        If contacts are given as one string, merged contacts not as a mapping, or faults as anything but `Faults`.
    OSError
        If the file of the workspace cannot be opened.

    See Also
    --------
    Faults : What can go wrong, and how often.

    Notes
    -----
    These endpoints answer as Intercom's do: `GET` and `POST /events`, `POST /events/summaries`, `GET /me`,
    `GET /admins`, `GET` and `POST /contacts`, `GET` and `PUT /contacts/{id}`, `GET /contacts/find_by_external_id/…`,
    `POST /contacts/search` and `POST /contacts/merge`. Token, headers, rate limit, the rules of the fields, contacts,
    120 event names and duplicates are Intercom's too. The token is a bearer, or the user of HTTP Basic with an empty
    password.

    Some of Intercom's rules are not known. The sandbox is lenient with times, null, booleans, several identifiers and
    further keys of a rich link or an amount. It is strict where a mistake is better refused here than cut or mixed up
    at Intercom: metadata text over 255 characters, identifiers that are not strings, keys that differ only in case,
    JSON keys that occur twice, bodies over 1 MB, and events of a merged contact. A contact that exists is made when an
    event or a request first names it. A merged contact keeps its events.

    A browser shows the workspace at `url`. `PATCH /sandbox/control`, with the token, changes settings while the sandbox
    runs, as the attributes `faults`, `limit` and `window_seconds` and the method `fail_next` do:
    ``{"limit": 83, "faults": {"latency_seconds": 0.1}, "fail_next": {"fault": 500, "times": 3}}``. Settings that it
    does not name stay. ``{"faults": null, "fail_next": null}`` removes all faults, as `clear_faults` does.
    `GET /sandbox/control` returns all settings, and the faults of `fail_next` that are still to come.

    A process that is forked while the sandbox runs reaches it by `url`, `access_token` and `client()`. Everything else
    is refused there, as it would show the state at the fork. `stop` and the end of a `with` block have no effect there.

    A failure of the sandbox itself, such as a full disk, is logged to ``events_pandas.sandbox`` and answered 500
    ``sandbox_error``.

    Examples
    --------
    >>> import requests
    >>> event = {"event_name": "Placed.Order", "created_at": 1389913941, "user_id": "314159"}
    >>> with Sandbox() as sandbox:
    ...     headers = {"Authorization": f"Bearer {sandbox.access_token}"}
    ...     answer = requests.post(f"{sandbox.url}/events", json=event, headers=headers, timeout=5)
    >>> answer.status_code
    202
    >>> sandbox.events[0].event_name
    'placed-order'
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        access_token: str | None = None,
        limit: int | None = intercom.DEFAULT_LIMIT,
        window_seconds: float = intercom.WINDOW_SECONDS,
        contacts: Iterable[str | Mapping[str, object]] | None = None,
        unknown_contacts: Iterable[str] = (),
        merged_contacts: Mapping[str, str] | None = None,
        faults: Faults | None = None,
        region: str = "us",
        store: str | os.PathLike[str] | None = None,
    ) -> None:
        self._host = checked_host(host)
        self._port: int = checked("port", port)
        self._access_token = DEFAULT_ACCESS_TOKEN if access_token is None else access_token
        self._contacts = InitialContacts(existing=contacts, unknown=unknown_contacts, merged=merged_contacts)
        self._region = region
        self._store = None if store is None else Path(store)
        self._server: ServerThread | None = None
        window = RateWindow(limit=limit, window_seconds=window_seconds)
        # Made here as well as at every start: a wrong option raises at once.
        self._app = self._new_app(self._new_workspace(), window, Faults() if faults is None else checked_faults(faults))

    def __repr__(self) -> str:
        return "<Sandbox, not running>" if self._server is None else f"<Sandbox at {self.url}>"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, exc_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Return the address to give to a client.

        Returns
        -------
        str
            Such as ``"http://127.0.0.1:8080"``, without a slash at its end. If the sandbox listens on all addresses, it
            is the loopback's; other machines use the name of this one instead.

        Raises
        ------
        RuntimeError
            If the sandbox is not running.
        """
        return f"http://{reachable_host(self._host)}:{self._running().port}"

    @property
    def access_token(self) -> str:
        """Return the token to give to a client.

        Returns
        -------
        str
            Not a secret: it opens this sandbox only.
        """
        return self._access_token

    @property
    def events(self) -> list[SandboxEvent]:
        """Return the events that the workspace holds.

        Returns
        -------
        list of SandboxEvent
            Each event once, in order of arrival. Each call makes a new list.
        """
        return self._workspace.events()

    @property
    def duplicates(self) -> int:
        """Return how many submissions were answered 202 and ignored.

        Returns
        -------
        int
            Repeats of an event: the same contact, normalized name and second.
        """
        return self._workspace.duplicates()

    @property
    def requests(self) -> int:
        """Return how many submissions were received.

        Returns
        -------
        int
            Requests to `POST /events`, whatever the answer.
        """
        return self._workspace.requests()

    @property
    def faults(self) -> Faults:
        """Return the faults.

        Returns
        -------
        Faults
            As set last, also by the control endpoint. They can be set at any time, from any thread: outages and
            attempts are then counted from 0 again. Faults that `fail_next` asked for are separate, and stay;
            `clear_faults` removes both.
        """
        return self._own.api.plan.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._own.api.plan.set_faults(checked_faults(faults), outage_from=time.monotonic())

    @property
    def limit(self) -> int | None:
        """Return how many requests a window allows.

        Returns
        -------
        int or None
            None for no limit. It can be set at any time, from any thread.
        """
        return self._own.api.window.limit

    @limit.setter
    def limit(self, limit: int | None) -> None:
        self._own.api.window.limit = limit

    @property
    def window_seconds(self) -> float:
        """Return the length of a window.

        Returns
        -------
        float
            Seconds. It can be set at any time, from any thread.
        """
        return self._own.api.window.window_seconds

    @window_seconds.setter
    def window_seconds(self, window_seconds: float) -> None:
        self._own.api.window.window_seconds = window_seconds

    def start(self) -> Self:
        """Start the server, with a new, empty workspace unless a file keeps it; return when it accepts connections.

        Returns
        -------
        Sandbox
            This sandbox. It runs until `stop` is called or the process ends.

        Raises
        ------
        OSError
            If the address, the port or the file of the workspace is not available. If another sandbox of this process
            has the port, the message says so: a cell of a notebook that was run twice meets its first sandbox.
        RuntimeError
            If the sandbox is running already, or does not start within five seconds.

        Examples
        --------
        Where a ``with`` block does not fit, such as in a notebook:

        >>> sandbox = Sandbox().start()
        >>> sandbox.events
        []
        >>> sandbox.stop()
        """
        if self._server is not None:
            raise RuntimeError(f"the sandbox is running already, at {self.url}")
        workspace = self._new_workspace()
        window = RateWindow(limit=self.limit, window_seconds=self.window_seconds)
        self._app = self._new_app(workspace, window, self.faults)
        workspace.store.hold()
        try:
            self._server = ServerThread(self._app, host=self._host, port=self._port)
        except BaseException:
            workspace.store.release()
            raise
        return self

    def stop(self) -> None:
        """Stop the server, close its sockets and its file; events and counts stay readable until the next start."""
        if self._server is not None and not self._server.is_inherited:
            self._server.stop()
            self._server = None
            self._workspace.store.release()

    def wait(self) -> None:
        """Wait until another thread stops the sandbox, or the caller is interrupted.

        Raises
        ------
        RuntimeError
            If the sandbox is not running.
        OSError
            If it has ended by itself.
        """
        server = self._running()
        self._require_own()
        while not server.wait(_POLL_SECONDS):
            # Windows could not interrupt a wait without a limit.
            continue
        server.require_alive()

    def client(self, **options: Any) -> "IntercomClient":
        """Return a client of this sandbox.

        Parameters
        ----------
        **options
            Further options of `IntercomClient`.

        Returns
        -------
        IntercomClient
            With the sandbox's address and token.

        Raises
        ------
        RuntimeError
            If the sandbox is not running.
        """
        # Imported only when somebody asks for a client: the sandbox serves other clients as well.
        from events_pandas.deliver.client import IntercomClient  # noqa: PLC0415  # See above.

        # The token is not a secret, and the caller chose the host.
        return IntercomClient(self.access_token, base_url=self.url, **{"allow_http": True, **options})

    def fail_next(self, fault: Fault, *, times: int = 1, path: str = intercom.EVENTS_PATH) -> None:
        """Make the next requests fail that pass the token check and the rate limit.

        Parameters
        ----------
        fault : int or str
            A status from 400 to 599, answered before anything is stored; or the name of a share of `Faults`, such as
            ``"drop_after"``.
        times : int, default 1
            How many requests fail.
        path : str, default "/events"
            The path of these requests: any path of the API, with any method.

        Raises
        ------
        RuntimeError
            If the sandbox is not running.
        ValueError
            If there is no such fault or path, or `times` is less than 1.

        See Also
        --------
        clear_faults : Takes it back.
        """
        self._running()
        self._own.control.fail_next(NextFault(fault=fault, times=times, path=path))

    def clear_faults(self) -> None:
        """Remove all faults: set `faults` to `Faults()`, and forget the faults that `fail_next` asked for."""
        self._own.api.plan.forget_next()
        self.faults = Faults()

    def to_frame(self) -> pd.DataFrame:
        """Return all submissions as they were sent, with their outcomes.

        Returns
        -------
        pandas.DataFrame
            A row for each submission, in order of arrival: `received_at` (datetime64, UTC), `http_status` (Int16; NA if
            nothing was answered), `outcome` (categorical: ``kept``, ``duplicate``, ``refused``, or ``failed`` by a
            chosen fault, with `http_status` 202 if the event was lost), `identifier` and `contact` (strings),
            `event_name` (string), `created_at` (datetime64, UTC), `metadata` (dict), `error_code` and `error_message`
            (strings). Values that cannot be read from a body are NA.
        """
        return submissions_frame(list(self._workspace.submissions()))

    def _running(self) -> ServerThread:
        if self._server is None:
            raise RuntimeError("the sandbox is not running: use `with Sandbox() as sandbox:`, or call start()")
        return self._server

    def _require_own(self) -> None:
        if self._server is not None and self._server.is_inherited:
            raise RuntimeError(
                "the sandbox runs in the process that this one was forked from: "
                "url, access_token and client() work here; use everything else there"
            )

    @property
    def _own(self) -> SandboxApp:
        self._require_own()
        return self._app

    @property
    def _workspace(self) -> Workspace:
        return self._own.api.workspace

    def _new_workspace(self) -> Workspace:
        return Workspace(store=Store(self._store), contacts=self._contacts, region=self._region)

    def _new_app(self, workspace: Workspace, window: RateWindow, faults: Faults) -> SandboxApp:
        plan = FaultPlan(faults, now=time.monotonic())
        return SandboxApp(
            api=Api(workspace=workspace, window=window, plan=plan, access_token=self._access_token),
            control=Control(window=window, plan=plan),
            page=Page(
                workspace=workspace,
                window=window,
                clock=lambda: plan.server_time(time.time()),
                access_token=self._access_token,
            ),
            hosts=allowed_hosts(self._host),
        )


def submissions_frame(submissions: Sequence[Submission]) -> pd.DataFrame:
    """Return a frame with a row for each submission, as `Sandbox.to_frame` documents it."""
    sent = [read_sent(submission.body) for submission in submissions]
    return pd.DataFrame(
        {
            "received_at": _times([round(submission.received_at * 1_000_000) for submission in submissions], unit="us"),
            "http_status": pd.Series([submission.http_status for submission in submissions], dtype="Int16"),
            # pandas 2 would show the members of an enumeration by their Python names.
            "outcome": pd.Categorical([str(submission.outcome) for submission in submissions], categories=_OUTCOMES),
            "identifier": _texts(sent, "identifier"),
            "contact": _texts(sent, "contact"),
            "event_name": _texts(sent, "event_name"),
            "created_at": _times([_NO_TIME if one.created_at is None else one.created_at for one in sent], unit="s"),
            "metadata": pd.Series([one.metadata for one in sent], dtype=object),
            "error_code": _texts(submissions, "error_code"),
            "error_message": _texts(submissions, "error_message"),
        }
    )


def _texts(values: Sequence[object], field: str) -> pd.Series:
    return pd.Series([getattr(value, field) for value in values], dtype="string")


def _times(values: Sequence[int], *, unit: str) -> pd.Series:
    times = np.array(values, dtype="int64").astype(f"datetime64[{unit}]")
    return pd.Series(times).dt.tz_localize("UTC")
