"""A web server in a thread of its own: it starts, answers, stops, and leaves nothing behind."""

import asyncio
import contextlib
import errno
import os
import socket
import threading
import weakref
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from events_pandas.forking import cut_off, leave_to_parent_at_fork

_STOP_SECONDS: Final = 5.0
_GRACE_SECONDS: Final = 1
# Longer than clients' pools keep a connection: only chosen faults may drop one.
_KEEP_ALIVE_SECONDS: Final = 300
_WAITING_CONNECTIONS: Final = 4_096
# The loop accepts as many connections at once as its backlog has, and fails as often without file descriptors. So the
# number is small here, and the queue of the socket is made longer afterwards.
_ACCEPTED_AT_ONCE: Final = 64
_OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class ServerThread:
    """Serve an ASGI application in the background; port 0 stands for any that is free.

    OSError: the address or the port is not available. RuntimeError: the server did not start within `start_seconds`.
    """

    # The application finds two things in `scope["state"]`: `transport`, its connection, which it may abort; and
    # `give_up`, a function to call before an answer that may never end, so that a stop does not wait for it. The
    # thread has its own event loop, so that it works beside a notebook's, and installs no signal handlers.

    def __init__(self, app: ASGIApp, *, host: str, port: int, start_seconds: float = 5.0) -> None:
        listener = _listener(host, port)
        self.host = host
        self.port: int = listener.getsockname()[1]
        self._server = _Server(_config(app))
        self._cause: BaseException | None = None
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="events-pandas-sandbox", daemon=True)
        self._listener = listener
        self._process = os.getpid()
        _STARTED.add(self)
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

    @property
    def is_running(self) -> bool:
        """Whether this process serves."""
        return not self.is_inherited and self._thread.is_alive()

    def leave_to_parent(self) -> None:
        """Close the sockets in a forked child: otherwise port and connections would outlive the parent."""
        cut_off(self._listener)
        for connection in list(self._server.server_state.connections):
            with contextlib.suppress(Exception):
                cut_off(connection.transport.get_extra_info("socket"))

    def require_alive(self) -> None:
        """Raise OSError with the cause if the thread has ended, and nobody has stopped it."""
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
        """Wait at most so long for the thread to end; return whether it has."""
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            with contextlib.closing(self._listener):
                asyncio.run(self._server.serve(sockets=[self._listener]))
        except BaseException as error:  # noqa: BLE001  # `require_alive` raises it
            self._cause = error
        finally:
            # Do not let the constructor wait for a start that has failed.
            self._server.is_accepting.set()


class _Protocol(HttpToolsProtocol):
    """HTTP with a way for the application to reach its connection."""

    _is_given_up = False
    _is_stopping = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # As in the base class.
        super().connection_made(transport)
        # Head and body are two writes: without this the second waits for the client's delayed acknowledgement, 40 ms.
        # asyncio sets it only for sockets that name their protocol; those of `create_server` do not.
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
    """A server that says when it accepts connections, and aborts the connections that are open at its end."""

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
        # A connection that is still open after the grace would be a ResourceWarning in somebody's test.
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


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    # A connection without a file descriptor waits in the queue of the socket, and the loop tries again every second, if
    # need be with a listener that a stop has closed meanwhile: do not print a traceback for every attempt.
    error = context.get("exception")
    lacks_resources = isinstance(error, OSError) and error.errno in _OUT_OF_RESOURCES
    if not lacks_resources and not _listens_after_its_end(context.get("handle")):
        loop.default_exception_handler(context)


def _listens_after_its_end(handle: object) -> bool:
    # asyncio has no public name for its second attempt; its handle shows the closed socket among its arguments.
    arguments = getattr(handle, "_args", None) or ()
    return any(isinstance(argument, socket.socket) and argument.fileno() == -1 for argument in arguments)


_STARTED: Final[weakref.WeakSet[ServerThread]] = weakref.WeakSet()
"""The servers that this process, or one that it was forked from, has started."""


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise OSError(error.errno, f"the sandbox cannot listen on {host} port {port}{_why(error, port)}") from error


def _why(error: OSError, port: int) -> str:
    """Return why a server cannot listen, and what to do."""
    if error.errno != errno.EADDRINUSE:
        # Python adds the address, which the message has already.
        reason = str(error.strerror).partition(" (while")[0]
        return f": {reason}; choose another address, or port 0 for any free port"
    another = "choose another port (0 for any free port)"
    for server in _STARTED:
        if server.port == port and server.is_running:
            own = f"this process's sandbox on {server.host} port {port} is running"
            return f": {own}: stop() it first, go on with it, or {another}"
    return f", which is taken: stop the program that has it, or {another}"
