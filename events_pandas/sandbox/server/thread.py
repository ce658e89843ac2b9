"""A web server in a thread of its own: it starts, answers, stops, and leaves nothing behind."""

import asyncio
import contextlib
import errno
import os
import socket
import threading
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from events_pandas.forking import cut_off, leave_to_parent_at_fork

_STOP_SECONDS: Final = 5.0
_GRACE_SECONDS: Final = 1
# Longer than the pools of clients keep a connection: who drops a connection is to be decided by chosen faults alone.
_KEEP_ALIVE_SECONDS: Final = 300
_WAITING_CONNECTIONS: Final = 4_096
# The loop accepts as many connections as its backlog has in one go, and without file descriptors fails as often: a
# small number here, and the queue of the socket is made longer afterwards.
_ACCEPTED_AT_ONCE: Final = 64
_OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class ServerThread:
    """Serve an ASGI application in the background.

    Parameters
    ----------
    app : ASGI application
        What to serve. `scope["state"]["transport"]` is the connection, for an application that wants to abort it, and
        `scope["state"]["give_up"]` a function to call before an answer that may never end: a stop waits for no such
        answer.
    host : str
        The address to listen on.
    port : int
        The port; 0 for any that is free.
    start_seconds : float, default 5.0
        How long to wait for the server to accept connections.

    Raises
    ------
    OSError
        If the address or the port cannot be had.
    RuntimeError
        If the server does not start in this time.

    Notes
    -----
    The thread has its own event loop, so that it works beside a notebook's, and installs no signal handlers.
    """

    def __init__(self, app: ASGIApp, *, host: str, port: int, start_seconds: float = 5.0) -> None:
        listener = _listener(host, port)
        self.port: int = listener.getsockname()[1]
        self._server = _Server(_config(app))
        self._cause: BaseException | None = None
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="events-pandas-sandbox", daemon=True)
        self._listener = listener
        self._process = os.getpid()
        leave_to_parent_at_fork(self)
        self._thread.start()
        if not self._server.is_accepting.wait(start_seconds):
            self.stop()
            raise RuntimeError(f"the sandbox did not start within {start_seconds:g} seconds")
        self.require_alive()

    @property
    def is_inherited(self) -> bool:
        """Whether this process is a fork of the one that serves."""
        return os.getpid() != self._process

    def leave_to_parent(self) -> None:
        """Hold none of the sockets in a child: the port would stay taken, and connections open, after the end."""
        cut_off(self._listener)
        for connection in list(self._server.server_state.connections):
            with contextlib.suppress(Exception):
                cut_off(connection.transport.get_extra_info("socket"))

    def require_alive(self) -> None:
        """Say so if the thread has ended, and nobody has stopped it.

        Raises
        ------
        OSError
            With what it died of.
        """
        if self._cause is not None or not (self._is_stopped or self._thread.is_alive()):
            why = "" if self._cause is None else f" ({type(self._cause).__name__})"
            raise OSError(f"the sandbox has ended by itself{why}: start it again") from self._cause

    def stop(self) -> None:
        """Close all sockets and end the thread; requests in flight have a second to finish."""
        if self.is_inherited:
            return
        self._is_stopped = True
        self._server.should_exit = True
        self._thread.join(_STOP_SECONDS)

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for the thread to end.

        Parameters
        ----------
        timeout_seconds : float
            How long to wait at most.

        Returns
        -------
        bool
            Whether it has ended.
        """
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            with contextlib.closing(self._listener):
                asyncio.run(self._server.serve(sockets=[self._listener]))
        except BaseException as error:  # noqa: BLE001  # whatever it is, `require_alive` tells it
            self._cause = error
        finally:
            # Nobody waits for a start that has failed.
            self._server.is_accepting.set()


class _Protocol(HttpToolsProtocol):
    """HTTP with a way for the application to reach its connection."""

    _is_given_up = False
    _is_stopping = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # As in the base class.
        super().connection_made(transport)
        # Head and body are two writes: without this the second waits for the client's delayed acknowledgement, 40 ms.
        # asyncio does it for sockets that name their protocol only, and those of `create_server` do not.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, "transport": transport, "give_up": self._give_up}

    def on_response_complete(self) -> None:
        self._is_given_up = False
        super().on_response_complete()

    def shutdown(self) -> None:
        self._is_stopping = True
        if self._is_given_up:
            self.transport.abort()
        else:
            super().shutdown()

    def _give_up(self) -> None:
        self._is_given_up = True
        if self._is_stopping:
            self.transport.abort()


class _Server(uvicorn.Server):
    """A server that says when it accepts connections, and aborts what is still open at the end."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_accepting = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_exception_handler(_report)
        await super().startup(sockets=sockets)
        for listener in sockets or ():
            listener.listen(_WAITING_CONNECTIONS)
        self.is_accepting.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets=sockets)
        # Whatever is open after the grace would be a ResourceWarning in somebody's test.
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=_ACCEPTED_AT_ONCE,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # Who cannot be accepted waits in the queue of the socket, and the loop tries again every second: no reason to print
    # a traceback for every attempt.
    error = context.get("exception")
    if not isinstance(error, OSError) or error.errno not in _OUT_OF_RESOURCES:
        loop.default_exception_handler(context)


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        # Python adds the address, which stands in the message already.
        reason = str(error.strerror).partition(" (while")[0]
        hint = "choose another address, or port 0 for any that is free"
        raise OSError(error.errno, f"the sandbox cannot listen on {host} port {port}: {reason}; {hint}") from error
