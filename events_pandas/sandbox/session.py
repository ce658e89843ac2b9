"""The sandbox as its users hold it: started, asked, stopped."""

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
from events_pandas.sandbox.server.app import SandboxApp, allowed_hosts, checked_host, checked_port, host_to_ask
from events_pandas.sandbox.server.control import Control
from events_pandas.sandbox.server.thread import ServerThread
from events_pandas.sandbox.workspace.contacts import Contacts
from events_pandas.sandbox.workspace.store import Store
from events_pandas.sandbox.workspace.workspace import Outcome, Submission, Workspace

_OUTCOMES: Final = [str(outcome) for outcome in Outcome]
_NO_TIME: Final = np.iinfo(np.int64).min
"""NaT, as numpy stores it."""


def submissions_frame(submissions: Sequence[Submission]) -> pd.DataFrame:
    """Return submissions as a frame.

    Parameters
    ----------
    submissions : sequence of Submission
        What was received, in order.

    Returns
    -------
    pandas.DataFrame
        A row for each submission, as documented at `Sandbox.to_frame`.
    """
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


if TYPE_CHECKING:
    from events_pandas.deliver.client import IntercomClient

DEFAULT_ACCESS_TOKEN: Final = "sandbox-token"  # noqa: S105  # It opens nothing but a sandbox, and is meant to be known.

_POLL_SECONDS: Final = 0.5


class Sandbox:
    """A local Intercom to try everything on: a real server, without a token to obtain and without the internet.

    Parameters
    ----------
    host : str, default "127.0.0.1"
        The address to listen on. Others than the loopback's open the sandbox to the network. On the loopback it answers
        requests to its own names only, such as ``localhost``.
    port : int, default 0
        The port; 0 for any that is free.
    access_token : str, default "sandbox-token"
        The token that requests have to carry.
    limit : int, default 1666
        Requests that a window allows; None for no limit.
    window_seconds : float, default 10.0
        The length of a window, at least 0.001. Resets are told in whole seconds, as Intercom does.
    contacts : iterable of str or mapping, optional
        The contacts that exist: an identifier of whichever kind, or the fields of a contact, such as `external_id`,
        `email` and `role`. By default every contact exists.
    unknown_contacts : iterable of str, default ()
        The identifiers of contacts that do not exist: their events are answered 404.
    merged_contacts : mapping of str to str, optional
        The external identifiers, or addresses, of contacts that were merged into others, each with the other's: what
        names them is answered 410 ``contact_merged``, with a link to the other. `POST /contacts/merge` merges contacts
        while the sandbox runs.
    faults : Faults, optional
        Latency and failures; by default all goes well.
    region : {"us", "eu", "au"}, default "us"
        The region that the workspace says it is in.
    store : str or path, optional
        The file that keeps the workspace, an SQLite database, made where there is none; one sandbox at a time has it.
        By default every start is a new workspace, in memory.

    Raises
    ------
    ValueError
        If an option has a value that makes no sense, or the file is no workspace of a sandbox.
    TypeError
        If contacts are given as one string, merged contacts not as a mapping, or faults as anything but `Faults`.
    OSError
        If the file of the workspace cannot be opened.

    See Also
    --------
    Faults : What can go wrong, and how often.

    Notes
    -----
    These answer as Intercom's do: `GET` and `POST /events`, `POST /events/summaries`, `GET /me`, `GET /admins`, `GET`
    and `POST /contacts`, `GET` and `PUT /contacts/{id}`, `GET /contacts/find_by_external_id/…`, `POST /contacts/search`
    and `POST /contacts/merge`: token, headers, rate limit, the rules of the fields, contacts, 120 event names,
    duplicates. The token is a bearer, or the user of HTTP Basic with an empty password. Where Intercom's rules are not
    known the sandbox is lenient with times, null, booleans, several identifiers and further keys of a rich link or an
    amount, and strict with what its users would rather see refused here than cut or mixed up there: metadata text over
    255 characters, identifiers that are not strings, keys that differ in case only, JSON keys that are there twice,
    bodies over 1 MB, events of a contact that was merged. A contact that exists is made when an event or a request
    first names it. One that is merged keeps its events.

    A browser shows the workspace at `url`. `PATCH /sandbox/control`, with the token, changes settings while the sandbox
    runs, as the attributes `faults`, `limit` and `window_seconds` and the method `fail_next` do:
    ``{"limit": 83, "faults": {"latency_seconds": 0.1}, "fail_next": {"fault": 500, "times": 3}}``. What is not named
    stays; ``{"faults": null, "fail_next": null}`` lets all go well again, as `clear_faults` does. `GET
    /sandbox/control` tells all settings, and the faults that `fail_next` asked for and that are still to come.

    A process that is forked while the sandbox runs reaches it by `url`, `access_token` and `client()`. The rest is
    refused there, as it would show what was there at the fork; `stop` and the end of a `with` block have no effect.

    What goes wrong in the sandbox itself, such as a disk that is full, is logged to ``events_pandas.sandbox`` and
    answered 500 ``sandbox_error``.

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
        self._port = checked_port(port)
        self._access_token = DEFAULT_ACCESS_TOKEN if access_token is None else access_token
        self._contacts = Contacts(existing=contacts, unknown=unknown_contacts, merged=merged_contacts)
        self._region = region
        self._store = None if store is None else Path(store)
        self._server: ServerThread | None = None
        window = RateWindow(limit=limit, window_seconds=window_seconds)
        # Made here as well as at every start, so that a wrong option is told at once.
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
            Such as ``"http://127.0.0.1:8080"``, without a slash at its end. Of a sandbox that listens on all addresses,
            the loopback's: other machines use the name of this one instead.

        Raises
        ------
        RuntimeError
            If the sandbox is not running.
        """
        return f"http://{host_to_ask(self._host)}:{self._running().port}"

    @property
    def access_token(self) -> str:
        """Return the token to give to a client.

        Returns
        -------
        str
            No secret: it opens this sandbox only.
        """
        return self._access_token

    @property
    def events(self) -> list[SandboxEvent]:
        """Return the events that the workspace holds.

        Returns
        -------
        list of SandboxEvent
            Each event once, in order of arrival. The list is made anew each time.
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
            Requests to `POST /events`, whatever became of them.
        """
        return self._workspace.requests()

    @property
    def faults(self) -> Faults:
        """Return what goes wrong.

        Returns
        -------
        Faults
            As set last, also by the control endpoint. It can be set at any time, from any thread: outages and attempts
            are counted anew then. What `fail_next` asked for is apart from it, and stays; `clear_faults` forgets both.
        """
        return self._own.api.plan.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._own.control.set_faults(faults, uptime=time.monotonic())

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
        """Start the server, with a new, empty workspace unless it is kept; return when it accepts connections.

        Returns
        -------
        Sandbox
            This sandbox: ``sandbox = Sandbox().start()`` starts it where no ``with`` block fits.

        Raises
        ------
        OSError
            If the address, the port or the file of the workspace cannot be had.
        RuntimeError
            If the sandbox is running already, or does not start within five seconds.
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
        """Wait until the sandbox is stopped by another thread, or the caller is interrupted.

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
            # A wait without an end could not be interrupted on Windows.
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
        # Only who asks for a client pays for its import: the sandbox serves other clients as well.
        from events_pandas.deliver.client import IntercomClient  # noqa: PLC0415  # See above.

        # The token is no secret, and the host was chosen by the caller.
        return IntercomClient(self.access_token, base_url=self.url, **{"allow_http": True, **options})

    def fail_next(self, fault: Fault, *, times: int = 1, path: str = intercom.EVENTS_PATH) -> None:
        """Let the next requests fail that pass the token check and the rate limit.

        Parameters
        ----------
        fault : int or str
            A status from 400 to 599, answered before anything is stored; or the name of a share of `Faults`, such as
            ``"drop_after"``.
        times : int, default 1
            How many requests fail.
        path : str, default "/events"
            Where: any path of the API, whatever the method.

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
        """Let all go well from now on: set `faults` to `Faults()`, and forget what `fail_next` asked for."""
        self._own.control.clear_faults(uptime=time.monotonic())

    def to_frame(self) -> pd.DataFrame:
        """Return all submissions received, as they were sent, and what became of them.

        Returns
        -------
        pandas.DataFrame
            A row for each submission, in order of arrival: `received_at` (datetime64, UTC), `http_status` (Int16; NA
            when nothing was answered), `outcome` (categorical: ``kept``, ``duplicate``, ``refused``, or
            ``failed`` by a chosen fault), `identifier` and `contact` (strings), `event_name` (string), `created_at`
            (datetime64, UTC), `metadata` (dict), `error_code` and `error_message` (strings). What cannot be read from a
            body is NA.
        """
        return submissions_frame(list(self._workspace.submissions()))

    def _running(self) -> ServerThread:
        if self._server is None:
            raise RuntimeError("the sandbox is not running: say `with Sandbox() as sandbox:`, or call start()")
        return self._server

    def _require_own(self) -> None:
        if self._server is not None and self._server.is_inherited:
            raise RuntimeError(
                "the sandbox runs in the process that this one is a fork of: "
                "url, access_token and client() work here, all else is asked there"
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
