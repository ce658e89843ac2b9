"""One request, one answer: interim answers are skipped, and a connection on which anything else came is closed.

HTTP/1.1 does not number its messages: the first answer on a connection belongs to the first request. After one answer
too many, every later event would get the answer to the event before it.
"""

import contextlib
import http.client
import queue
import socket
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeAlias

import urllib3
from urllib3.poolmanager import pool_classes_by_scheme

from events_pandas.deliver.client.deadline import ATTEMPT, TimedConnection
from events_pandas.forking import cut_off, leave_to_parent_at_fork

MAX_INTERIM_ANSWERS: Final = 1_000
"""Interim answers (1xx) before the final one, at most. The deadline of the attempt holds for them too."""

Pool: TypeAlias = type[urllib3.HTTPConnectionPool]

_WITHOUT_BODY: Final = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class _Response(http.client.HTTPResponse):
    """A final answer that notices anything on its connection that does not belong to it."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self._connection_socket = sock

    def begin(self) -> None:
        super().begin()
        if not _is_well_framed(self):
            ATTEMPT.is_spoilt = True
        if self.status in _WITHOUT_BODY:
            # Such an answer has no body, whatever its headers say.
            self.chunked = False
        # urllib3 would log these lines, and a server may have sent the token back in them.
        self.headers.defects.clear()
        self.headers.set_payload("")

    def _read_status(self) -> tuple[str, int, str]:
        """Return the status line of the final answer: RFC 9110, section 15.2, allows any number of interim ones."""
        for _ in range(MAX_INTERIM_ANSWERS + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]  # private, and in no stub
            if status >= HTTPStatus.OK:
                return version, status, reason
            if status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise http.client.HTTPException("the server changes to a protocol that nobody asked for")
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException("more interim answers than anyone needs")

    def _close_conn(self) -> None:
        # Not later: closing drops the buffer, with all that was read ahead.
        if _has_more(self._connection_socket, self.fp.peek):
            ATTEMPT.is_followed = ATTEMPT.is_spoilt = True
        super()._close_conn()  # type: ignore[misc]  # private, and in no stub


class _CheckedConnection(http.client.HTTPConnection):
    """A connection that sends a request in one piece, once it has seen that nothing came unasked."""

    response_class = _Response
    debuglevel = 0  # set on http.client, it would print every header, the token too
    _exchanges = 0
    _unsent: bytearray | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        leave_to_parent_at_fork(self)

    def leave_to_parent(self) -> None:
        """Cut the child's copy of the socket off."""
        if self.sock is not None:
            cut_off(self.sock)

    def connect(self) -> None:
        self._exchanges = 0
        super().connect()

    def request(self, *arguments: Any, **options: Any) -> None:
        if self.sock is None:
            self.connect()
        # The pool looks at a connection before it hands it out; nobody has looked at a new one.
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
        # Head and body go together, so that no answer can come between them.
        self.send(bytes(unsent))

    def send(self, data: Any) -> None:
        if self._unsent is None:
            super().send(data)
        else:
            self._unsent += data


class _CheckedPool(urllib3.HTTPConnectionPool):
    """A pool that closes a connection on which anything came unasked."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        leave_to_parent_at_fork(self)

    def leave_to_parent(self) -> None:
        """Begin with no connection in a child."""
        waiting = self.pool
        if waiting is None:
            return
        resting = [connection for connection in waiting.queue if connection is not None]
        # A new queue: a thread that the child does not have may hold the lock of the old one.
        queue.LifoQueue.__init__(waiting, waiting.maxsize)
        for connection in resting:
            connection.leave_to_parent()
            connection.close()

    def _put_conn(self, conn: Any) -> None:
        # The closed connection stays in the pool, and connects again when it is needed.
        if conn is not None and ATTEMPT.is_spoilt:
            conn.close()
        super()._put_conn(conn)


def checked_pools(pools: Mapping[str, Pool], *mixed_in: type) -> dict[str, Pool]:
    """Return checked pools by scheme; `pools` is as in `urllib3.PoolManager.pool_classes_by_scheme`.

    `mixed_in` are further classes of their connections.
    """
    return {scheme: _checked(pool, *mixed_in) for scheme, pool in pools.items()}


def _checked(pool: Pool, *mixed_in: type) -> Pool:
    connection = type(pool.ConnectionCls.__name__, (_CheckedConnection, *mixed_in, pool.ConnectionCls), {})
    return type(pool.__name__, (_CheckedPool, pool), {"ConnectionCls": connection})


CHECKED_POOLS: Final = checked_pools(pool_classes_by_scheme, TimedConnection)
"""Checked pools that keep the deadline of each attempt."""


def _is_well_framed(answer: http.client.HTTPResponse) -> bool:
    """Return whether an answer's end is beyond doubt (RFC 9112, section 6.3), and all its lines are headers."""
    codings = answer.headers.get_all("Transfer-Encoding", [])
    lengths = answer.headers.get_all("Content-Length", [])
    if answer.headers.defects or any(not length.strip().isdecimal() for length in lengths):
        return False
    if answer.status in _WITHOUT_BODY:
        return not codings and set(lengths) <= {"0"}
    return not codings or ([coding.lower() for coding in codings] == ["chunked"] and not lengths)


def _has_more(sock: socket.socket, read: Callable[[int], bytes]) -> bool:
    """Return whether unread bytes wait in the buffer, in TLS or in the system. It never waits."""
    waits = sock.gettimeout()
    ATTEMPT.is_looking = True
    try:
        sock.settimeout(0.0)
        return bool(read(1))
    except (OSError, ValueError):
        # Nothing is there, or the socket is closed.
        return False
    finally:
        ATTEMPT.is_looking = False
        with contextlib.suppress(OSError):
            sock.settimeout(waits)
