"""One request, one answer: interim answers are read over, and a connection on which anything else came is closed.

HTTP/1.1 has no numbers: the first answer on a connection belongs to the first request. One answer too many, and every
later event would get the answer to the event before it.
"""

import contextlib
import http.client
import queue
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import urllib3

from events_pandas.deliver.client.deadline import ATTEMPT, TIMED_POOLS
from events_pandas.forking import cut_off, leave_to_parent_at_fork

MAX_INTERIM_ANSWERS: Final = 1_000
"""As many interim answers (1xx) may come before the final one; the deadline of the attempt holds for them too."""

_WITHOUT_BODY: Final = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class _Response(http.client.HTTPResponse):
    """A final answer, which knows whether anything came with it that does not belong to it."""

    def __init__(self, sock: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self._connection_socket = sock

    def begin(self) -> None:
        super().begin()
        if not _is_well_framed(self):
            ATTEMPT.is_spoilt = True
        if self.status in _WITHOUT_BODY:
            # Whatever its headers say: nothing is awaited.
            self.chunked = False
        # urllib3 would log them, and whoever sends such lines may have sent the token back in them.
        self.headers.defects.clear()
        self.headers.set_payload("")

    def _read_status(self) -> tuple[str, int, str]:
        """Return the status line of the final answer: RFC 9110, section 15.2, lets any number of others come first."""
        for _ in range(MAX_INTERIM_ANSWERS + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]  # private, and in no stub
            if status >= HTTPStatus.OK:
                return version, status, reason
            if status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise http.client.HTTPException("the server changes to a protocol that nobody asked for")
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException("more interim answers than anyone needs")

    def _close_conn(self) -> None:
        # Here and not later: what was read ahead goes with the buffer.
        if _has_more(self._connection_socket, self.fp.peek):
            ATTEMPT.is_followed = ATTEMPT.is_spoilt = True
        super()._close_conn()  # type: ignore[misc]  # likewise


class _CheckedConnection(http.client.HTTPConnection):
    """A connection that sends a request in one piece, and not before it is known to be silent."""

    response_class = _Response
    debuglevel = 0  # whoever sets http.client's prints every header, the token too; this one stays as it is
    _exchanges = 0
    _unsent: bytearray | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        leave_to_parent_at_fork(self)

    def leave_to_parent(self) -> None:
        """Take a child's copy of the socket away."""
        if self.sock is not None:
            cut_off(self.sock)

    def connect(self) -> None:
        self._exchanges = 0
        super().connect()

    def request(self, *arguments: Any, **options: Any) -> None:
        if self.sock is None:
            self.connect()
        # A connection of the pool was looked at when it was taken; nobody has looked at a new one.
        if not self._exchanges and _has_more(self.sock, self.sock.recv):
            ATTEMPT.had_connection = False
            raise http.client.HTTPException("an answer came before the request")
        ATTEMPT.is_first = not self._exchanges
        self._exchanges += 1
        self._unsent = bytearray()
        try:
            super().request(*arguments, **options)
            unsent = self._unsent
        finally:
            self._unsent = None
        # Head and body together: nothing can come between them.
        self.send(bytes(unsent))

    def send(self, data: Any) -> None:
        if self._unsent is None:
            super().send(data)
        else:
            self._unsent += data


class _CheckedPool(urllib3.HTTPConnectionPool):
    """A pool that takes back no connection on which anything came that was not asked for."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        leave_to_parent_at_fork(self)

    def leave_to_parent(self) -> None:
        """Begin with no connection in a child."""
        waiting = self.pool
        if waiting is None:
            return
        resting = [connection for connection in waiting.queue if connection is not None]
        # Anew, as a thread that the child does not have may hold its lock.
        queue.LifoQueue.__init__(waiting, waiting.maxsize)
        for connection in resting:
            connection.leave_to_parent()
            connection.close()

    def _put_conn(self, conn: Any) -> None:
        # It stays in the pool as what it is then: a connection that is to be made again.
        if conn is not None and ATTEMPT.is_spoilt:
            conn.close()
        super()._put_conn(conn)


def checked_pools(pools: Mapping[str, type[Any]]) -> dict[str, type[urllib3.HTTPConnectionPool]]:
    """Return pools whose connections are closed when anything unexpected comes on them.

    Parameters
    ----------
    pools : mapping of str to class
        Pools by scheme, as `urllib3.PoolManager.pool_classes_by_scheme` has them.

    Returns
    -------
    dict of str to class
        The same, checked.
    """
    return {scheme: _checked(pool) for scheme, pool in pools.items()}


def _checked(pool: type[Any]) -> type[urllib3.HTTPConnectionPool]:
    connection = type(pool.ConnectionCls.__name__, (_CheckedConnection, pool.ConnectionCls), {})
    return type(pool.__name__, (_CheckedPool, pool), {"ConnectionCls": connection})


CHECKED_POOLS: Final = checked_pools(TIMED_POOLS)
"""Pools that keep the deadline of each attempt, and are checked."""


def _is_well_framed(answer: http.client.HTTPResponse) -> bool:
    """Whether it is beyond doubt where an answer ends (RFC 9112, section 6.3), and all its lines are headers."""
    codings = answer.headers.get_all("Transfer-Encoding", [])
    lengths = answer.headers.get_all("Content-Length", [])
    if answer.headers.defects or any(not length.strip().isdecimal() for length in lengths):
        return False
    if answer.status in _WITHOUT_BODY:
        return not codings and set(lengths) <= {"0"}
    return not codings or ([coding.lower() for coding in codings] == ["chunked"] and not lengths)


def _has_more(sock: Any, read: Any) -> bool:
    """Whether something has come that nobody has read: in the buffer, in TLS or in the system. It never waits."""
    waits = sock.gettimeout()
    ATTEMPT.is_looking = True
    try:
        sock.settimeout(0.0)
        return bool(read(1))
    except (OSError, ValueError):
        # Nothing there; or the socket is closed.
        return False
    finally:
        ATTEMPT.is_looking = False
        with contextlib.suppress(OSError):
            sock.settimeout(waits)
