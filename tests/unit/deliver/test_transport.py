"""The network: what goes out, and how every failure comes back."""

import contextlib
import http.client
import logging
import socket
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import pytest

from events_pandas.deliver import transport as transport_module
from events_pandas.deliver.answers import TransportError
from events_pandas.deliver.route import open_pool
from events_pandas.deliver.transport import Transport

TOKEN = "dG9rOjEyMzQ1Njc4"
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nX-RateLimit-Limit: 166\r\nSet-Cookie: a=b\r\n\r\n"
SHORT_SECONDS = 0.2


def _header_lines(request):
    return request.partition(b"\r\n\r\n")[0].decode().split("\r\n")


def test_transport_sends_exactly_the_headers_that_intercom_asks_for(connect, serve, replying):
    """A request has the token, the types, the version and the length of its own body."""
    server = serve(replying(ACCEPTED))

    connect(server.url).send("POST", "/events", b'{"a":1}')

    assert sorted(_header_lines(server.requests[0])) == [
        "Accept-Encoding: identity",
        "Accept: application/json",
        f"Authorization: Bearer {TOKEN}",
        "Content-Length: 7",
        "Content-Type: application/json",
        f"Host: 127.0.0.1:{server.port}",
        "Intercom-Version: 2.14",
        "POST /events HTTP/1.1",
        f"User-Agent: events-pandas/{version('events-pandas')}",
    ]


def test_transport_sends_each_body_whole(connect, serve, replying):
    """Requests that are copies of one have bodies and lengths of their own."""
    server = serve(replying(ACCEPTED))
    transport = connect(server.url)

    transport.send("POST", "/events", b"first")
    transport.send("POST", "/events", b"the second")

    assert [request.partition(b"\r\n\r\n")[2] for request in server.requests] == [b"first", b"the second"]


def test_transport_keeps_the_headers_that_matter(connect, serve, replying):
    """An answer has its status and the headers that are read later."""
    server = serve(replying(ACCEPTED))

    answer = connect(server.url).send("POST", "/events", b"{}")

    assert (answer.status, answer.headers, answer.body) == (202, {"X-RateLimit-Limit": "166"}, b"")


def test_transport_keeps_no_cookies(connect, serve, replying):
    """A cookie that was set is not sent back."""
    server = serve(replying(ACCEPTED))
    transport = connect(server.url)

    for _ in range(2):
        transport.send("POST", "/events", b"{}")

    assert not any(line.startswith("Cookie") for request in server.requests for line in _header_lines(request))


def test_transport_follows_no_redirect(connect, serve, replying):
    """A redirect is an answer like any other, and nobody else sees the token."""
    elsewhere = serve(replying(ACCEPTED))
    location = f"Location: {elsewhere.url}/\r\n".encode()
    server = serve(replying(b"HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\n" + location + b"\r\n"))

    answer = connect(server.url).send("POST", "/events", b"{}")

    assert (answer.status, elsewhere.requests) == (307, [])


def test_transport_sends_its_token_whatever_netrc_says(connect, serve, replying, tmp_path, monkeypatch):
    """A login in a .netrc does not replace the token."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password lovelace\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server = serve(replying(ACCEPTED))

    connect(server.url).send("POST", "/events", b"{}")

    assert f"Authorization: Bearer {TOKEN}" in _header_lines(server.requests[0])


def test_transport_cuts_a_body_that_is_too_long(connect, serve, replying):
    """No more than 64 KiB of a body is kept."""
    server = serve(replying(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000))

    assert len(connect(server.url).send("POST", "/events", b"{}").body) == 65_536


@pytest.mark.parametrize("token", ["SECRETTOKEN", "SECRET/TOKEN="])
@pytest.mark.parametrize("escaped_slash", ["/", r"\/"])
def test_transport_takes_the_token_out_of_a_body(serve, replying, token, escaped_slash):
    """What a proxy sends back of the request does not get into the results."""
    body = f"got Bearer {token}".replace("/", escaped_slash).encode()
    server = serve(replying(b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)))
    transport = Transport(server.url, access_token=token, api_version="2.14", timeout_seconds=5.0)

    answer = transport.send("POST", "/events", b"{}")
    transport.close()

    assert (answer.status, answer.body) == (400, b"got Bearer [access token]")


def test_transport_leaves_a_body_alone_when_the_token_is_a_part_of_any_word(serve, replying):
    """A token made up for a test may be as short as a letter."""
    server = serve(replying(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\ntext"))
    transport = Transport(server.url, access_token="t", api_version="2.14", timeout_seconds=5.0)

    answer = transport.send("POST", "/events", b"{}")
    transport.close()

    assert answer.body == b"text"


def test_transport_keeps_what_came_of_a_body_that_breaks_off(connect, serve):
    """The status is the verdict, even if the body ends too early."""

    def reply(server, connection):  # noqa: ARG001  # a reply is given both
        connection.sendall(b"HTTP/1.1 422 No\r\nContent-Length: 100\r\n\r\nhalf")
        connection.close()

    answer = connect(serve(reply).url).send("POST", "/events", b"{}")

    assert (answer.status, answer.body) == (422, b"half")


def test_transport_uses_a_connection_again(connect, serve, replying):
    """Requests one after the other need one connection, bodies or none."""
    server = serve(replying(b"HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\ntext"))
    transport = connect(server.url)

    bodies = [transport.send(method, "/events", body).body for method, body in [("POST", b"{}"), ("GET", None)]]

    assert (bodies, server.connections) == ([b"text", b"text"], 1)


def test_transport_repeats_nothing_when_a_connection_breaks(connect, serve):
    """A request that was read and not answered is sent once; whether to send it again is not for the network to say."""
    server = serve(lambda server, connection: connection.close())  # noqa: ARG005  # a reply is given both

    with pytest.raises(TransportError) as caught:
        connect(server.url).send("POST", "/events", b"{}")

    assert str(caught.value) == f"the connection to 127.0.0.1:{server.port} broke before an answer came"
    assert (caught.value.may_have_arrived, len(server.requests)) == (True, 1)


def test_transport_repeats_nothing_when_a_pooled_connection_breaks(fail, connect, serve):
    """A connection that was good for one request and breaks under the second ends that one; nothing is sent again."""

    def reply(server, connection):
        if len(server.requests) > 1:
            connection.close()
        connection.sendall(ACCEPTED)

    server = serve(reply)
    transport = connect(server.url)
    transport.send("POST", "/events", b"first")

    failure = fail(transport)

    assert failure == (f"the connection to 127.0.0.1:{server.port} broke before an answer came", True)
    assert (len(server.requests), server.connections) == (2, 1)


def test_transport_replaces_a_pooled_connection_that_was_closed_meanwhile(connect, serve):
    """A server may close a connection that rests; it is noticed before anything is sent."""

    def reply(server, connection):  # noqa: ARG001  # a reply is given both
        connection.sendall(ACCEPTED)
        connection.shutdown(socket.SHUT_WR)

    server = serve(reply)
    transport = connect(server.url)
    transport.send("POST", "/events", b"first")
    server.stopping.wait(0.1)

    transport.send("POST", "/events", b"second")

    assert [request.partition(b"\r\n\r\n")[2] for request in server.requests] == [b"first", b"second"]
    assert server.connections == 2


def test_transport_says_that_a_connection_that_cannot_be_replaced_delivered_nothing(fail, connect, serve, replying):
    """A pooled connection that was closed, and a server that is gone: the second request has not arrived."""
    server = serve(replying(ACCEPTED))
    transport = connect(server.url)
    transport.send("POST", "/events", b"first")
    server.stop()

    failure = fail(transport)

    assert failure == (f"no connection to 127.0.0.1:{server.port}: it was refused, or there is no way there", False)


@pytest.mark.parametrize("status", [307, 408, 413, 429, 500, 503])
def test_transport_repeats_nothing_whatever_the_answer(connect, serve, replying, status):
    """Statuses and a Retry-After are for others to read."""
    head = f"HTTP/1.1 {status} No\r\nRetry-After: 0\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"
    server = serve(replying(head.encode()))

    answer = connect(server.url).send("POST", "/events", b"{}")

    assert (answer.status, len(server.requests)) == (status, 1)


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x00\xff" * 50,
        b"x" * 100_000,
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 202 OK\r\nx: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 202 OK\r\n" + b"x: 1\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 202 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    ],
    ids=["other-protocol", "bytes", "long-line", "status", "long-header", "many-headers", "lengths"],
)
def test_transport_says_that_garbage_is_no_answer(fail, connect, serve, garbage):
    """What is no HTTP is no answer, and the event may have arrived all the same."""

    def reply(server, connection):  # noqa: ARG001  # a reply is given both
        connection.sendall(garbage)
        connection.close()

    server = serve(reply)

    failure = fail(connect(server.url))

    assert failure == (f"what 127.0.0.1:{server.port} answered is no HTTP", True)


def test_transport_says_that_a_refused_connection_delivered_nothing(fail, connect, serve, replying):
    """Where nobody listens, nothing has arrived."""
    server = serve(replying(ACCEPTED))
    server.stop()

    failure = fail(connect(server.url))

    assert failure == (f"no connection to 127.0.0.1:{server.port}: it was refused, or there is no way there", False)


def test_transport_says_that_there_is_no_such_host(fail, connect):
    """A name that nobody knows is most often misspelt."""
    assert fail(connect("https://intercom.invalid")) == (
        "there is no host intercom.invalid, or no name service",
        False,
    )


def test_transport_can_be_used_after_it_was_closed(connect, serve, replying):
    """Closing ends connections, and the next request opens one."""
    server = serve(replying(ACCEPTED))
    transport = connect(server.url)
    transport.send("POST", "/events", b"{}")
    transport.close()

    answer = transport.send("POST", "/events", b"{}")

    assert (answer.status, server.connections) == (202, 2)


def test_transport_opens_one_pool_for_all_threads(connect, serve, replying, monkeypatch):
    """Certificates are read once, however many threads begin at the same moment."""
    opened, two_at_once = [], threading.Barrier(2)

    def open_slowly(url):
        opened.append(url)
        with contextlib.suppress(threading.BrokenBarrierError):
            two_at_once.wait(SHORT_SECONDS)
        return open_pool(url)

    monkeypatch.setattr(transport_module, "open_pool", open_slowly)
    server = serve(replying(ACCEPTED))
    transport = connect(server.url)

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: transport.send("POST", "/events", b"{}"), range(4)))

    assert [answer.status for answer in answers] == [202] * 4
    assert opened == [server.url]


def test_transport_error_leads_to_neither_token_nor_foreign_error(connect, serve):
    """An error has no cause and no context: those would have the request in the variables of their frames."""
    server = serve(lambda server, connection: connection.close())  # noqa: ARG005  # a reply is given both

    with pytest.raises(TransportError) as caught:
        connect(server.url).send("POST", "/events", b"{}")

    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert TOKEN not in _with_locals(caught.value)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a bug")], ids=["interrupt", "bug"])
@pytest.mark.parametrize("method", ["sendall", "recv_into"])
def test_transport_empties_the_frames_of_what_it_does_not_expect(connect, serve, monkeypatch, error, method):
    """An interrupt or a bug keeps its lines, and the variables that have the token are gone."""

    def fail(*_):
        raise error

    server = serve(lambda server, connection: server.stopping.wait(5.0))  # noqa: ARG005  # a reply gets both
    transport = connect(server.url)
    monkeypatch.setattr(socket.socket, method, fail)

    with pytest.raises(type(error)) as caught:
        transport.send("POST", "/events", b"{}")

    said = _with_locals(caught.value)
    assert "http/client.py" in said
    assert TOKEN not in said


def test_transport_does_not_let_http_client_print_its_requests(connect, serve, replying, monkeypatch, capsys):
    """A debug level for all connections of http.client, which prints every header, has no effect here."""
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)

    connect(serve(replying(ACCEPTED)).url).send("POST", "/events", b"{}")

    assert capsys.readouterr() == ("", "")


def test_transport_does_not_let_urllib3_log_what_a_server_sends_back(connect, serve, caplog):
    """A request that comes back where headers should be has the token among lines that urllib3 would log."""

    def reply(server, connection):
        connection.sendall(b"HTTP/1.1 400 No\r\n" + server.requests[-1])

    with caplog.at_level(logging.DEBUG):
        answer = connect(serve(reply).url, timeout_seconds=SHORT_SECONDS).send("POST", "/events", b"{}")

    assert answer.status == 400
    assert TOKEN not in f"{answer} {caplog.text}"


def test_transport_shows_its_token_in_no_attribute(connect):
    """Not even who looks inside sees it."""
    assert TOKEN not in repr(vars(connect()))


def _with_locals(error):
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
