"""One request, one answer: interim answers, and bytes on a connection that nobody asked for."""

import select
import socket

import pytest

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
REFUSED = b"HTTP/1.1 422 No\r\nContent-Length: 4\r\n\r\ntext"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
SHORT_SECONDS = 0.2
PAUSE_SECONDS = 0.05


@pytest.fixture
def by_turns():
    """Return a function that makes a server's reply: one text after the other, and then from the first again."""

    def make(*texts):
        return lambda server, connection: connection.sendall(texts[(len(server.requests) - 1) % len(texts)])

    return make


@pytest.fixture(params=["plain", "tls"])
def start(request, serve, tls, certificate, monkeypatch):
    """Return a function that starts a server in plain text or in TLS, with a trusted certificate."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    return lambda reply: serve(reply, tls=tls if request.param == "tls" else None)


def _statuses(transport, times):
    return [transport.send("POST", "/events", b"{}").status for _ in range(times)]


@pytest.mark.parametrize(
    "interim",
    [CONTINUE, HINTS, PROCESSING, HINTS * 3, CONTINUE + PROCESSING * 50 + HINTS, b"HTTP/1.1 199 What\r\n\r\n"],
    ids=["continue", "hints", "processing", "several", "many", "unknown"],
)
def test_transport_reads_interim_answers_over(connect, start, by_turns, interim):
    """Any number of interim answers (1xx) may come first: each request gets its own final answer."""
    server = start(by_turns(interim + ACCEPTED, interim + REFUSED))

    statuses = _statuses(connect(server.url), 4)

    assert (statuses, server.connections) == ([202, 422, 202, 422], 1)


def test_transport_reads_interim_answers_over_that_come_long_before_the_final_one(connect, start):
    """The final answer may come long after an interim answer."""

    def reply(server, connection):
        connection.sendall(HINTS)
        server.stopping.wait(PAUSE_SECONDS)
        connection.sendall(REFUSED if len(server.requests) % 2 else ACCEPTED)

    server = start(reply)

    assert (_statuses(connect(server.url), 4), server.connections) == ([422, 202, 422, 202], 1)


def test_transport_reads_interim_answers_over_that_come_byte_by_byte(connect, serve):
    """A network may cut an answer anywhere."""

    def reply(server, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in HINTS + CONTINUE + REFUSED:
            connection.sendall(bytes([byte]))
            server.stopping.wait(0.0001)

    assert _statuses(connect(serve(reply).url), 1) == [422]


def test_transport_reads_interim_answers_over_before_the_answer_to_a_question(connect, serve, replying):
    """Interim answers to ``GET /me`` are skipped too."""
    server = serve(replying(HINTS + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))

    answer = connect(server.url).send("GET", "/me")

    assert (answer.status, answer.body) == (200, b"{}")


def test_transport_keeps_no_header_of_an_interim_answer(connect, serve, replying):
    """The rate limit in an interim answer does not count."""
    interim = b"HTTP/1.1 103 Early Hints\r\nX-RateLimit-Limit: 1\r\n\r\n"

    answer = connect(serve(replying(interim + ACCEPTED)).url).send("POST", "/events", b"{}")

    assert (answer.status, answer.headers) == (202, {})


def test_transport_reads_interim_answers_over_that_a_proxy_sends(
    connect, serve, replying, tls, certificate, monkeypatch
):
    """A proxy may send interim answers, before it consents and after."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    server = serve(replying(HINTS + REFUSED), tls=tls)

    def tunnel(proxy, connection):
        connection.sendall(PROCESSING + b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", server.port)) as beyond:
            while not proxy.stopping.is_set():
                for source in select.select([connection, beyond], [], [], 0.02)[0]:
                    if not (received := source.recv(65_536)):
                        return
                    (beyond if source is connection else connection).sendall(received)

    monkeypatch.setenv("https_proxy", serve(tunnel).url)

    assert _statuses(connect("https://intercom.test"), 2) == [422, 422]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" + ACCEPTED,
        CONTINUE * 2_000 + ACCEPTED,
        b"HTTP/1.1 99 Less\r\n\r\n" + ACCEPTED,
    ],
    ids=["switching", "too-many", "less"],
)
def test_transport_takes_no_answer_from_a_server_that_breaks_the_rules(fail, connect, serve, replying, answer):
    """Another protocol, or more than a thousand interim answers, is not an answer: the event may have arrived."""
    server = serve(replying(answer))

    assert fail(connect(server.url)) == (f"the answer of 127.0.0.1:{server.port} is not HTTP", True)


def test_transport_says_that_a_connection_broke_after_an_interim_answer(fail, connect, serve):
    """An interim answer alone is not an answer."""

    def reply(server, connection):  # noqa: ARG001  # a reply is given both
        connection.sendall(HINTS)
        connection.close()

    server = serve(reply)

    assert fail(connect(server.url)) == (f"the connection to 127.0.0.1:{server.port} broke before an answer came", True)


@pytest.mark.alone
def test_transport_bounds_the_time_of_interim_answers_without_end(fail, connect, serve):
    """Endless interim answers end with the deadline."""

    def reply(server, connection):
        while not server.stopping.wait(0.02):
            connection.sendall(PROCESSING)

    server = serve(reply)

    failure = fail(connect(server.url, timeout_seconds=SHORT_SECONDS))

    assert failure == (f"no answer from 127.0.0.1:{server.port} within 0.2 s", True)


# What does not belong to an answer


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (ACCEPTED + REFUSED, 202),
        (REFUSED + ACCEPTED, 422),
        (ACCEPTED + b"\r\n", 202),
        (b"HTTP/1.1 422 No\r\nContent-Length: 2\r\n\r\ntext", 422),
        (b"HTTP/1.1 204 No Content\r\n\r\ntext", 204),
        (b"HTTP/1.1 304 Not Modified\r\n\r\ntext", 304),
        (b"HTTP/1.1 422 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntext\r\n0\r\n\r\nmore", 422),
        (ACCEPTED + b"x" * 20_000, 202),
    ],
    ids=["two", "two-others", "line-break", "too-long", "204", "304", "chunked", "much"],
)
def test_transport_uses_no_connection_again_on_which_more_came_than_an_answer(connect, start, replying, answer, status):
    """The first answer belongs to the request; after more bytes, the next answer would be in doubt."""
    server = start(replying(answer))

    statuses = _statuses(connect(server.url), 3)

    assert (statuses, server.connections) == ([status] * 3, 3)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 422 No\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 422 No\r\nTransfer-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 422 No\r\nContent-Length: +3\r\n\r\nabc",
    ],
    ids=["204-length", "204-chunked", "both", "coding", "length"],
)
def test_transport_uses_no_connection_again_when_it_cannot_tell_where_an_answer_ends(connect, serve, replying, answer):
    """An answer that contradicts itself is the last on its connection: its end is in doubt."""
    server = serve(replying(answer))

    _statuses(connect(server.url), 2)

    assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 422 No\r\nTransfer-Encoding: Chunked\r\n\r\n4\r\ntext\r\n0\r\nTrailer: 1\r\n\r\n",
        b"HTTP/1.1 422 No\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\ntext",
    ],
    ids=["204", "304", "chunked", "length-twice"],
)
def test_transport_uses_a_connection_again_after_an_answer_that_is_whole(connect, start, replying, answer):
    """A connection is kept if the end of the answer is beyond doubt."""
    server = start(replying(answer))

    _statuses(connect(server.url), 3)

    assert server.connections == 1


@pytest.mark.parametrize("stray", [ACCEPTED, b"HTTP/1.1 408 Request Timeout\r\n\r\n", HINTS, b"\x00"])
def test_transport_uses_no_connection_again_on_which_something_came_while_it_rested(connect, start, stray):
    """An answer that nobody asked for is not taken for the answer to the next request."""

    def reply(server, connection):
        connection.sendall(REFUSED)
        server.stopping.wait(PAUSE_SECONDS)
        connection.sendall(stray)

    server = start(reply)
    transport = connect(server.url)
    statuses = []
    for _ in range(3):
        statuses += _statuses(transport, 1)
        server.stopping.wait(3 * PAUSE_SECONDS)

    assert (statuses, server.connections) == ([422] * 3, 3)


@pytest.mark.parametrize("second", [ACCEPTED + REFUSED, REFUSED + ACCEPTED, ACCEPTED + b"\r\n"])
def test_transport_uses_no_answer_that_may_be_another_requests(fail, connect, start, by_turns, second):
    """Of two answers on a used connection, the first may be a late one: neither counts."""
    server = start(by_turns(ACCEPTED, second))
    transport = connect(server.url)
    transport.send("POST", "/events", b"{}")

    failure = fail(transport)

    where = f"127.0.0.1:{server.port}"
    assert failure == (f"{where} sent more than one answer, and it is unknown which belongs to this event", True)
    assert _statuses(transport, 1) == [202]
    assert server.connections == 2


def test_transport_sends_nothing_where_an_answer_came_first(fail, connect, monkeypatch):
    """If an answer comes before the request, the request is not sent."""
    real = socket.socket.connect

    def connect_and_wait(sock, address):
        real(sock, address)
        connection, _ = listener.accept()
        connections.append(connection)
        connection.sendall(ACCEPTED)
        select.select([sock], [], [])

    monkeypatch.setattr(socket.socket, "connect", connect_and_wait)
    connections = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        failure = fail(connect(f"http://127.0.0.1:{port}"))

    assert failure == (f"the connection to 127.0.0.1:{port} broke before anything was sent", False)
    # It was closed with an answer unread, which resets it.
    with connections[0] as connection, pytest.raises(ConnectionResetError):
        connection.recv(65_536)


def test_transport_sends_a_request_in_one_piece(connect):
    """Head and body leave together, so that no answer can come between them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transport = connect(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=SHORT_SECONDS)
        with pytest.raises(Exception, match="no answer"):
            transport.send("POST", "/events", b'{"a":1}')
        connection, _ = listener.accept()

    with connection:
        received = connection.recv(65_536)
    assert received.startswith(b"POST /events HTTP/1.1\r\n")
    assert received.endswith(b'\r\n\r\n{"a":1}')


@pytest.mark.parametrize("end", [b"", b'{"errors":[{"code":"not_found","message":"User N'])
def test_transport_takes_no_404_that_breaks_off(fail, connect, serve, end):
    """Only the whole text tells whether a 404 means an unknown contact."""

    def reply(server, connection):  # noqa: ARG001  # a reply is given both
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\n" + end)
        connection.close()

    server = serve(reply)

    failure = fail(connect(server.url))

    assert failure == (f"the connection to 127.0.0.1:{server.port} broke in the middle of an answer", True)
