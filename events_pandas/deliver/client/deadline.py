"""Connections whose every wait ends at the deadline of the attempt.

urllib3 limits each wait by itself: a server that sends one byte a second could hold it without end.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Final

from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from events_pandas.deliver.client.attempt import ATTEMPT
from events_pandas.deliver.client.background import AddressInfo, look_up

MAX_CONNECT_SECONDS: Final = 10.0
"""The longest wait for one address of a host, which may have others."""
_ANSWERED: Final[dict[tuple[str, int | None], Any]] = {}
"""The address of each host that connected last: tried first, so that only one connection waits for a dead address."""


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
