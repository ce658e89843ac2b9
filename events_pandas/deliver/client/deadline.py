"""One deadline for a whole attempt: sockets whose every wait ends at the same moment.

urllib3 limits each wait by itself, and a server that sends a byte a second makes as many waits as it likes.
"""

import contextlib
import math
import socket
import ssl
import threading
import time
from typing import Any, Final

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from events_pandas.forking import leave_to_parent_at_fork


class _Search(threading.Thread):
    """A search for addresses, and what came of it."""

    def __init__(self, host: str, port: int) -> None:
        # A daemon: nothing ends it but the resolver.
        super().__init__(name="events-pandas-name", daemon=True)
        self.found: list[Any] | BaseException = RuntimeError("the thread of the search has ended")
        self._host = host
        self._port = port

    def run(self) -> None:
        try:
            self.found = _search(self._host, self._port)
        except BaseException as error:  # noqa: BLE001  # raised in the thread of each who waits
            self.found = error


class _Searches:
    """The searches under way. All callers that ask for a host wait for one search, and one thread if it hangs."""

    def __init__(self) -> None:
        self.leave_to_parent()
        leave_to_parent_at_fork(self)

    def leave_to_parent(self) -> None:
        """Begin anew in a child, which has none of the threads."""
        self._lock = threading.Lock()
        self._begun: dict[tuple[str, int], _Search] = {}

    def begun(self, host: str, port: int) -> _Search:
        """Return the search for a host, begun now if none goes on."""
        with self._lock:
            search = self._begun.get((host, port))
            # One that has ended is not asked again: addresses change.
            if search is None or not search.is_alive():
                search = _Search(host, port)
                search.start()
                self._begun[host, port] = search
            return search


_SEARCHES: Final = _Searches()


def look_up(host: str, port: int, *, seconds: float) -> list[Any]:
    """Look up the addresses of a host.

    Parameters
    ----------
    host : str
        A name or an address.
    port : int
        The port.
    seconds : float
        How long that may take.

    Returns
    -------
    list of tuple
        As `socket.getaddrinfo` returns them.

    Raises
    ------
    OSError
        If there are none.
    TimeoutError
        If none is known in time.
    """
    try:
        # An address needs no search.
        return _search(host, port, flags=socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError):
        pass
    try:
        search = _SEARCHES.begun(host, port)
    except (RuntimeError, MemoryError) as error:
        raise OSError("the system has no thread left") from error
    search.join(seconds)
    if search.is_alive():
        raise TimeoutError("the address of the host was not found in time")
    if isinstance(search.found, list):
        return search.found
    # Anew for each who waits: an error keeps the frames that it came through.
    raise socket.gaierror(str(search.found))


def _search(host: str, port: int, flags: int = 0) -> list[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)


MAX_CONNECT_SECONDS: Final = 10.0
"""The longest wait for one address of a host; there may be another."""


class _Attempt(threading.local):
    """The attempt that a thread is making; a pool is between the one who knows the deadline and those who keep it."""

    ends_at = math.inf
    most_seconds = math.inf  # what every attempt of the thread has at most
    had_connection: bool | None = None
    is_first = True  # whether its request is the first on its connection
    is_looking = False  # whether a read takes what is there, and waits for nothing
    is_spoilt = False  # whether its connection must not be used again
    is_followed = False  # whether more came than its answer

    def seconds_left(self) -> float:
        if self.is_looking:
            return 0.0
        seconds = self.ends_at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the deadline of the attempt has passed")
        return seconds


ATTEMPT: Final = _Attempt()


def limit_attempts(seconds: float) -> None:
    """Give every attempt of this thread so much time at most.

    Parameters
    ----------
    seconds : float
        Where the client gives it more.
    """
    ATTEMPT.most_seconds = seconds


def begin_attempt(seconds: float) -> float:
    """Set the deadline of all that this thread does on the sockets of this module.

    Parameters
    ----------
    seconds : float
        From now on. The deadline is looked up wherever something may wait.

    Returns
    -------
    float
        The same, or what the thread has at most.
    """
    seconds = min(seconds, ATTEMPT.most_seconds)
    ATTEMPT.ends_at = time.monotonic() + seconds
    ATTEMPT.had_connection = None
    ATTEMPT.is_first = True
    ATTEMPT.is_spoilt = ATTEMPT.is_followed = False
    return seconds


def had_connection() -> bool | None:
    """Tell whether this thread's attempt had a connection, so that something of the request may have gone out.

    Returns
    -------
    bool or None
        False while there is none, a proxy's consent and the TLS handshake included; None if no connection of this
        module was asked for.
    """
    return ATTEMPT.had_connection


def is_doubtful() -> bool:
    """Tell whether the answer that this thread's attempt has read may belong to another request.

    Returns
    -------
    bool
        True if more came than this answer, on a connection that has carried other requests: the answer may be one that
        was too many, and what follows it the attempt's own. The first answer on a connection is beyond doubt.
    """
    return ATTEMPT.is_followed and not ATTEMPT.is_first


class _Socket(socket.socket):
    """A socket in plain text."""

    def recv_into(self, *arguments: Any, **options: Any) -> int:
        self.settimeout(ATTEMPT.seconds_left())
        return super().recv_into(*arguments, **options)

    def sendall(self, *arguments: Any, **options: Any) -> None:
        self.settimeout(ATTEMPT.seconds_left())
        super().sendall(*arguments, **options)


class _TLSSocket(ssl.SSLSocket):
    """A socket in TLS; the `recv` is that of TLS to a proxy which has TLS to the server inside."""

    def do_handshake(self, *arguments: Any, **options: Any) -> None:
        self.settimeout(ATTEMPT.seconds_left())
        super().do_handshake(*arguments, **options)

    def recv(self, *arguments: Any, **options: Any) -> bytes:
        self.settimeout(ATTEMPT.seconds_left())
        return super().recv(*arguments, **options)

    def recv_into(self, *arguments: Any, **options: Any) -> int:
        self.settimeout(ATTEMPT.seconds_left())
        return super().recv_into(*arguments, **options)

    def send(self, *arguments: Any, **options: Any) -> int:
        self.settimeout(ATTEMPT.seconds_left())
        return super().send(*arguments, **options)


def keep_deadline(context: ssl.SSLContext) -> None:
    """Let the sockets that a context makes end their waits with the deadline.

    Parameters
    ----------
    context : ssl.SSLContext
        Has sockets of this module from now on.
    """
    context.sslsocket_class = _TLSSocket


_ANSWERED: Final[dict[tuple[str, int | None], Any]] = {}
"""The address of each host that answered last: where another one drops everything, only one connection waits for it."""


class _Connection(HTTPConnection):
    """A connection in plain text, to the server or to a proxy."""

    def connect(self) -> None:
        ATTEMPT.had_connection = False
        super().connect()
        ATTEMPT.had_connection = True

    def request(self, *arguments: Any, **options: Any) -> None:
        ATTEMPT.had_connection = not self.is_closed
        super().request(*arguments, **options)

    def _new_conn(self) -> socket.socket:
        # Private, and the only place to make a socket of ours: urllib3's own gives every address the whole time.
        try:
            return self._connect_to_any(look_up(self.host.strip("[]"), self.port, seconds=ATTEMPT.seconds_left()))
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, str(error)) from error
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error

    def _connect_to_any(self, found: list[Any]) -> socket.socket:
        """Connect to the first address that answers in its share of the time; one that did so before comes first."""
        found = sorted(found, key=lambda one: one[-1] != _ANSWERED.get((self.host, self.port)))
        for waiting in range(len(found), 1, -1):
            with contextlib.suppress(OSError):
                return self._connect_to(found[-waiting], waiting=waiting)
        return self._connect_to(found[-1], waiting=1)

    def _connect_to(self, found: Any, *, waiting: int) -> socket.socket:
        family, kind, protocol, _, address = found
        sock = _Socket(family, kind, protocol)
        try:
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            sock.settimeout(min(ATTEMPT.seconds_left() / waiting, MAX_CONNECT_SECONDS))
            sock.connect(address)
        except BaseException:
            sock.close()
            raise
        _ANSWERED[self.host, self.port] = address
        return sock


class _TLSConnection(_Connection, HTTPSConnection):
    """A connection in TLS."""


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


TIMED_POOLS: Final[dict[str, type[urllib3.HTTPConnectionPool]]] = {"http": _Pool, "https": _TLSPool}
"""Pools of such connections, as `urllib3.PoolManager.pool_classes_by_scheme` takes them."""
