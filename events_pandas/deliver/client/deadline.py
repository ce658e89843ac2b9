"""The attempt that a thread makes, its one deadline, and connections whose every wait ends then.

A pool stands between the transport, which knows the deadline, and the sockets, which keep it. urllib3 limits each wait
by itself: a server that sends one byte a second could hold it without end.
"""

import contextlib
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from events_pandas.deliver.client.background import QUESTION, AddressInfo, look_up

MAX_CONNECT_SECONDS: Final = 10.0
"""The longest wait for one address of a host, which may have others."""
_ANSWERED: Final[dict[tuple[str, int | None], Any]] = {}
"""The address of each host that connected last: tried first, so that only one connection waits for a dead address."""


class _ThreadAttempt(threading.local):
    ends_at = math.inf
    # Whether there was a connection, so that a part of the request may have gone out: not before a proxy's consent and
    # the TLS handshake are done. None if no connection of `deadline` was asked for.
    had_connection: bool | None = None
    is_first = True  # whether its request is the first on its connection
    is_looking = False  # whether a read takes what is there, and waits for nothing
    is_spoilt = False  # whether its connection must not be used again
    is_followed = False  # whether more came than its answer

    def begin(self, seconds: float) -> float:
        """Set the deadline for every wait of this thread on the sockets of `deadline`.

        Return the seconds that the attempt has: the limit of the thread may be lower.
        """
        seconds = min(seconds, getattr(QUESTION, "most_seconds", math.inf))
        self.ends_at = time.monotonic() + seconds
        self.had_connection = None
        self.is_first = True
        self.is_spoilt = self.is_followed = False
        return seconds

    def seconds_left(self) -> float:
        """Return how long a wait may last; raise `TimeoutError` if the deadline has passed."""
        if self.is_looking:
            return 0.0
        seconds = self.ends_at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the deadline of the attempt has passed")
        return seconds

    @property
    def is_doubtful(self) -> bool:
        """Whether the answer that the attempt has read may belong to another request.

        More came than this answer, on a connection that has carried other requests: the answer may be an extra one,
        and the rest the attempt's own. The first answer on a connection is beyond doubt.
        """
        return self.is_followed and not self.is_first


ATTEMPT: Final = _ThreadAttempt()


def _in_time(name: str) -> Callable[..., Any]:
    """Return a method of a socket that waits no longer than the attempt may last."""

    def method(self: "_Socket", *arguments: object, **options: object) -> object:
        self.settimeout(ATTEMPT.seconds_left())
        return getattr(super(_Socket, self), name)(*arguments, **options)

    return method


class _Socket(socket.socket):
    """A socket in plain text."""

    recv, recv_into, send, sendall = map(_in_time, ("recv", "recv_into", "send", "sendall"))


class _TLSSocket(_Socket, ssl.SSLSocket):
    """A socket in TLS. A proxy in TLS, with TLS to the server inside, calls its `recv` and `send`."""

    do_handshake = _in_time("do_handshake")


def keep_deadline(context: ssl.SSLContext) -> None:
    """Let all sockets that a context makes keep the deadline."""
    context.sslsocket_class = _TLSSocket


class TimedConnection(HTTPConnection):
    """A connection to the server or to a proxy, in plain text or mixed into urllib3's connection in TLS."""

    def connect(self) -> None:
        """Connect, which ends with a proxy's consent and the TLS handshake."""
        ATTEMPT.had_connection = False
        super().connect()
        ATTEMPT.had_connection = True

    def request(self, *arguments: Any, **options: Any) -> None:
        """Send a request, on a new connection if there is none."""
        ATTEMPT.had_connection = not self.is_closed
        super().request(*arguments, **options)

    def _new_conn(self) -> socket.socket:
        # Private in urllib3, but the only place for our socket: urllib3's own method gives each address the whole time.
        try:
            return self._connect_to_any(look_up(self.host.strip("[]"), self.port, seconds=ATTEMPT.seconds_left()))
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, str(error)) from error
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error

    def _connect_to_any(self, found: Sequence[AddressInfo]) -> socket.socket:
        """Try each address for its share of the time left; the one that connected last comes first."""
        found = sorted(found, key=lambda one: one[-1] != _ANSWERED.get((self.host, self.port)))
        for waiting in range(len(found), 1, -1):
            with contextlib.suppress(OSError):
                return self._connect_to(found[-waiting], waiting=waiting)
        return self._connect_to(found[-1], waiting=1)

    def _connect_to(self, found: AddressInfo, *, waiting: int) -> socket.socket:
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
