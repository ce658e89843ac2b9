"""One deadline for a whole attempt: connections of urllib3's whose every wait ends at the same moment.

urllib3 limits each wait by itself, and a server that sends a byte a second makes as many waits as it likes.
"""

import http.client
import io
import math
import socket
import threading
import time
from typing import Any, Final

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

MAX_CONNECT_SECONDS: Final = 10.0
"""The longest wait for one address of a host; there may be another."""

_RECORD_BYTES: Final = 16_384
# So much goes into one record of TLS, and a longer message into several sends, each with a limit of its own.


class _Attempt(threading.local):
    """The attempt that a thread is making; a pool is between the one who knows the deadline and those who keep it."""

    ends_at = math.inf
    is_connecting = False

    def seconds_left(self) -> float:
        seconds = self.ends_at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the deadline of the attempt has passed")
        return seconds


_attempt: Final = _Attempt()


def begin_attempt(seconds: float) -> None:
    """Set the deadline of all that this thread does on the connections of this module.

    Parameters
    ----------
    seconds : float
        From now on. The deadline is looked up wherever something may wait, except while a name is resolved: the
        system's resolver takes no limit, and its own is in its configuration (``resolv.conf``; ten seconds as a rule).
    """
    _attempt.ends_at = time.monotonic() + seconds
    _attempt.is_connecting = False


def may_have_sent() -> bool:
    """Tell whether this thread's attempt had a connection, so that something of the request may have gone out.

    Returns
    -------
    bool
        False while there is no connection, a proxy's consent and the TLS handshake included.
    """
    return not _attempt.is_connecting


class _Wire(io.RawIOBase):
    """What comes in on a socket, until the deadline."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._sock = sock
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_attempt.seconds_left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer whose status line, headers and body have come by the deadline."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_Wire(sock, self.fp.detach()))

    def begin(self) -> None:
        super().begin()
        # urllib3 logs the lines that are no headers, and whoever sends such may have sent the token back in them.
        self.headers.defects.clear()
        self.headers.set_payload("")


class _Connection(HTTPConnection):
    """A connection in plain text, to the server or to a proxy."""

    response_class = _Response
    debuglevel = 0  # whoever sets http.client's prints every header, the token too; this one stays as it is
    _held: list[bytes] | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        _attempt.is_connecting = True
        super().__init__(*arguments, **options)

    def connect(self) -> None:
        _attempt.is_connecting = True
        super().connect()
        _attempt.is_connecting = False

    def request(self, method: str, url: str, *arguments: Any, **options: Any) -> None:
        if self.sock is None:
            self.connect()
        # urllib3 sends head and body one after the other. Together they cost half as much, and wake the server once.
        self._held = []
        super().request(method, url, *arguments, **options)
        message, self._held = b"".join(self._held), None
        self.send(message)

    def send(self, data: Any) -> None:
        if self._held is not None:
            self._held.append(data)
            return
        for start in range(0, len(data), _RECORD_BYTES):
            self.sock.settimeout(_attempt.seconds_left())
            super().send(data[start : start + _RECORD_BYTES])

    def _new_conn(self) -> socket.socket:
        # urllib3 would give every address of a name the whole time.
        name = self._dns_host
        addresses = self._addresses(name.strip("[]"))
        try:
            for waiting in range(len(addresses), 1, -1):
                try:
                    return self._connect_to(addresses[-waiting], waiting=waiting)
                except (NewConnectionError, ConnectTimeoutError):
                    continue
            return self._connect_to(addresses[-1], waiting=1)
        finally:
            self.host = name

    def _addresses(self, name: str) -> list[str]:
        try:
            found = socket.getaddrinfo(name, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NameResolutionError(name, self, socket.gaierror(str(error))) from error
        return [str(address[0]) for *_, address in found]

    def _connect_to(self, address: str, *, waiting: int) -> socket.socket:
        """Connect to one address in its share of the time."""
        self.host = address
        self.timeout = min(_attempt.seconds_left() / waiting, MAX_CONNECT_SECONDS)
        sock = super()._new_conn()
        sock.settimeout(_attempt.seconds_left())
        return sock

    def _tunnel(self) -> None:
        super()._tunnel()
        self.sock.settimeout(_attempt.seconds_left())


class _TLSConnection(_Connection, HTTPSConnection):
    """A connection in TLS."""


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


TIMED_POOLS: Final[dict[str, type[urllib3.HTTPConnectionPool]]] = {"http": _Pool, "https": _TLSPool}
"""Pools of such connections, as `urllib3.PoolManager.pool_classes_by_scheme` takes them."""
