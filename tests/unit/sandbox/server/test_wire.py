"""Responses and faults, seen from the other end of a real socket."""

import asyncio
import dataclasses
import socket
import threading
import time

import pytest

from events_pandas.sandbox.endpoints.replies import HttpResponse
from events_pandas.sandbox.server.thread import ServerThread
from events_pandas.sandbox.server.wire import ClientConnection, drop, send_response

REQUEST = b"GET / HTTP/1.1\r\nHost: sandbox\r\n\r\n"
HEADERS = b"HTTP/1.1 202 Accepted\r\nx-request-id: r1\r\ncontent-length: 5\r\n"
HELLO = HttpResponse(status=202, headers=[(b"x-request-id", b"r1")], content=b"hello")
TIMEOUT_SECONDS = 10


class Application:
    """Answers every request with one response, and says when it is done."""

    def __init__(self, response, *, latency_seconds, trickle_seconds):
        self.response = response
        self.latency_seconds = latency_seconds
        self.trickle_seconds = trickle_seconds
        self.is_asked = threading.Event()
        self.is_done = threading.Event()

    async def __call__(self, scope, receive, send):
        await receive()
        self.is_asked.set()
        await asyncio.sleep(self.latency_seconds)
        connection = ClientConnection.of_request(scope, receive, send)
        if self.response is None:
            await drop(connection)
        else:
            await send_response(self.response, connection, trickle_seconds=self.trickle_seconds)
        self.is_done.set()


@pytest.fixture
def serve():
    """Serve a response with a fault; return the application, the server and a socket that has sent a request."""
    opened = []

    def serve(response=HELLO, *, fault=None, latency_seconds=0.0, trickle_seconds=0.0):
        response = response and dataclasses.replace(response, fault=fault)
        application = Application(response, latency_seconds=latency_seconds, trickle_seconds=trickle_seconds)
        thread = ServerThread(application, host="127.0.0.1", port=0)
        client = socket.create_connection(("127.0.0.1", thread.port), timeout=TIMEOUT_SECONDS)
        opened.append((thread, client))
        client.sendall(REQUEST)
        return application, thread, client

    yield serve
    for thread, client in opened:
        client.close()
        thread.stop()


def read(client, n_bytes):
    """Read so many bytes, and return them with the number of pieces."""
    received, pieces = b"", 0
    while len(received) < n_bytes:
        piece = client.recv(n_bytes - len(received))
        assert piece, f"closed after {received!r}"
        received += piece
        pieces += 1
    return received, pieces


@pytest.mark.parametrize("fault", [None, "garbage", "drop_after"])
def test_response_goes_out_at_once_without_a_fault_on_the_way(serve, fault) -> None:
    """Without a fault headers and body come at once, and the connection stays open."""
    _, _, client = serve(fault=fault)

    first, _ = read(client, len(HEADERS) + 7)
    client.sendall(REQUEST)
    second, _ = read(client, len(HEADERS) + 7)

    assert first == second == HEADERS + b"\r\nhello"


def test_dropped_connection_is_closed(serve) -> None:
    """A dropped connection closes without a byte."""
    application, _, client = serve(None)

    assert client.recv(1) == b""
    assert application.is_done.wait(TIMEOUT_SECONDS)


def test_trickled_body_comes_byte_by_byte_after_the_headers(serve) -> None:
    """The headers come before the first pause; afterwards the connection stays open."""
    started_at = time.monotonic()
    _, _, client = serve(fault="trickle_body", trickle_seconds=0.05)

    headers, _ = read(client, len(HEADERS) + 2)
    body, pieces = read(client, 5)
    seconds = time.monotonic() - started_at
    client.sendall(REQUEST)
    again, _ = read(client, len(HEADERS) + 7)

    assert headers == HEADERS + b"\r\n"
    assert body == b"hello"
    assert pieces > 1
    assert seconds >= 0.25
    assert again == HEADERS + b"\r\nhello"


def test_trickled_body_that_would_be_empty_is_white_space(serve) -> None:
    """White space, declared as JSON, trickles instead of an empty body, as Intercom may send it."""
    _, _, client = serve(HttpResponse(status=202, headers=[], content=b""), fault="trickle_body")

    headers = b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n"
    assert read(client, len(headers) + 10)[0] == headers + b" " * 10


def test_trickled_answer_comes_byte_by_byte_from_the_status_line_on(serve) -> None:
    """All bytes of the answer arrive; then the connection closes."""
    application, _, client = serve(fault="trickle_headers", trickle_seconds=0.02)
    expected = HEADERS + b"connection: close\r\n\r\nhello"

    beginning, pieces = read(client, 4)
    rest, _ = read(client, len(expected) - 4)

    assert pieces > 1
    assert beginning + rest == expected
    assert client.recv(1) == b""
    assert application.is_done.wait(TIMEOUT_SECONDS)


def test_trickled_answer_of_a_status_without_a_name_is_whole(serve) -> None:
    """A status without a phrase can trickle too."""
    _, _, client = serve(HttpResponse(status=599, headers=[], content=b""), fault="trickle_headers")

    assert read(client, 15)[0] == b"HTTP/1.1 599 \r\n"


def test_no_answer_leaves_the_connection_open(serve) -> None:
    """Without an answer the connection stays open."""
    application, _, client = serve(fault="no_answer")
    assert application.is_asked.wait(TIMEOUT_SECONDS)
    client.settimeout(0.2)

    with pytest.raises(TimeoutError):
        client.recv(1)

    assert not application.is_done.is_set()


@pytest.mark.parametrize("fault", ["trickle_body", "trickle_headers", "no_answer"])
def test_answer_that_takes_for_ever_ends_when_the_client_leaves(serve, fault) -> None:
    """An endless answer ends when its client leaves."""
    application, _, client = serve(fault=fault, trickle_seconds=3600)
    assert application.is_asked.wait(TIMEOUT_SECONDS)

    client.close()

    assert application.is_done.wait(TIMEOUT_SECONDS)


@pytest.mark.alone
@pytest.mark.parametrize("fault", ["trickle_body", "trickle_headers", "no_answer"])
def test_answer_that_takes_for_ever_ends_with_the_server(serve, fault) -> None:
    """A stop does not wait for an endless answer."""
    application, thread, _ = serve(fault=fault, trickle_seconds=3600)
    assert application.is_asked.wait(TIMEOUT_SECONDS)
    started_at = time.monotonic()

    thread.stop()

    assert time.monotonic() - started_at < 1
    assert application.is_done.is_set()


def test_answer_that_takes_for_ever_does_not_begin_while_the_server_stops(serve) -> None:
    """A request under way at the stop gets no answer, as its fault says."""
    application, thread, client = serve(fault="no_answer", latency_seconds=0.4)
    assert application.is_asked.wait(TIMEOUT_SECONDS)

    thread.stop()

    assert application.is_done.is_set()
    assert client.recv(1) == b""
