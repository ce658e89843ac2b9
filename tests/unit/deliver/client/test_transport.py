"""The network: what goes out, and how every failure comes back."""

import contextlib
import http.client
import logging
import socket
import ssl
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from http.client import BadStatusLine, RemoteDisconnected
from importlib.metadata import version

import pytest
import requests
import responses
import urllib3
from urllib3 import exceptions

from events_pandas.deliver.client.answers import TransportError
from events_pandas.deliver.client.transport import explain

URL = "https://api.intercom.io/events"
TOKEN = "dG9rOjEyMzQ1Njc4"
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nX-RateLimit-Limit: 166\r\n\r\n"
SHORT_SECONDS = 0.2
HOST = "api.intercom.io"
POOL = urllib3.HTTPSConnectionPool(HOST)
UNTRUSTED = ssl.SSLCertVerificationError("bad")


@responses.activate
def test_transport_sends_exactly_the_headers_that_intercom_asks_for(connect):
    """A request has the token, the types, the version and the length of its own body."""
    call = responses.post(URL, status=202)

    connect().send("POST", "/events", b'{"a":1}')

    assert dict(call.calls[0].request.headers) == {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Authorization": f"Bearer {TOKEN}",
        "Content-Length": "7",
        "Content-Type": "application/json",
        "Intercom-Version": "2.14",
        "User-Agent": f"events-pandas/{version('events-pandas')}",
    }


def test_transport_adds_only_the_host_to_its_headers(connect, serve, replying):
    """On the wire, only the Host header is added to what was prepared."""
    server = serve(replying(ACCEPTED))

    connect(server.url).send("POST", "/events", b'{"a":1}')

    lines = server.requests[0].decode().split("\r\n")
    assert lines[0] == "POST /events HTTP/1.1"
    assert sorted(line.partition(":")[0] for line in lines[1:-2]) == [
        "Accept",
        "Accept-Encoding",
        "Authorization",
        "Content-Length",
        "Content-Type",
        "Host",
        "Intercom-Version",
        "User-Agent",
    ]
    assert lines[-2:] == ["", '{"a":1}']


@responses.activate
def test_transport_sends_a_request_without_a_body(connect):
    """A GET has no body, and no length of one."""
    call = responses.get("https://api.intercom.io/me", body="{}")

    answer = connect().send("GET", "/me")

    assert (answer.status, answer.body) == (200, b"{}")
    assert (call.calls[0].request.body, "Content-Length" in call.calls[0].request.headers) == (None, False)


@responses.activate
def test_transport_sends_each_body_whole(connect):
    """Copies of one prepared request have their own bodies and lengths."""
    call = responses.post(URL, status=202)
    transport = connect()

    transport.send("POST", "/events", b"first")
    transport.send("POST", "/events", b"the second")

    sent = [each.request for each in call.calls]
    assert [(request.body, request.headers["Content-Length"]) for request in sent] == [
        (b"first", "5"),
        (b"the second", "10"),
    ]


@responses.activate
def test_transport_sends_below_the_path_of_its_address(connect):
    """If the address has a path, every request begins with it."""
    call = responses.post("https://gateway.example.org/intercom/events", status=202)

    connect("https://gateway.example.org/intercom").send("POST", "/events", b"{}")

    assert call.call_count == 1


@responses.activate
def test_transport_keeps_the_headers_that_matter(connect):
    """An answer has its status, and only the headers that are read later, in their own spelling."""
    responses.post(URL, status=202, headers={"x-ratelimit-limit": "166", "X-Request-Id": "1", "X-Powered-By": "2"})

    answer = connect().send("POST", "/events", b"{}")

    assert (answer.status, answer.body) == (202, b"")
    assert answer.headers == {"X-RateLimit-Limit": "166", "X-Request-Id": "1"}


@responses.activate
def test_transport_takes_the_token_out_of_headers_and_body(connect):
    """A proxy may send the request back, and results quote headers and bodies."""
    responses.post(URL, status=410, headers={"Link": f"</contacts/{TOKEN}>"}, body=f"got Bearer {TOKEN}")

    answer = connect().send("POST", "/events", b"{}")

    assert answer.headers == {"Link": "</contacts/[access token]>"}
    assert answer.body == b"got Bearer [access token]"


@responses.activate
def test_transport_keeps_no_cookies(connect):
    """A cookie is not sent back."""
    call = responses.post(URL, status=202, headers={"Set-Cookie": "a=b"})
    transport = connect()

    for _ in range(2):
        transport.send("POST", "/events", b"{}")

    assert ["Cookie" in each.request.headers for each in call.calls] == [False, False]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@responses.activate
def test_transport_follows_no_redirect(connect, status):
    """A redirect is an answer like any other, so that no other host sees the token."""
    responses.post(URL, status=status, headers={"Location": "https://elsewhere.example.org/"})
    elsewhere = responses.get("https://elsewhere.example.org/")

    answer = connect().send("POST", "/events", b"{}")

    assert (answer.status, elsewhere.call_count) == (status, 0)


@responses.activate
def test_transport_sends_its_token_with_any_netrc(connect, tmp_path, monkeypatch):
    """A login in a .netrc does not replace the token."""
    (tmp_path / "netrc").write_text("machine api.intercom.io login ada password lovelace\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    call = responses.post(URL, status=202)

    connect().send("POST", "/events", b"{}")

    assert call.calls[0].request.headers["Authorization"] == f"Bearer {TOKEN}"


@responses.activate
def test_transport_cuts_a_body_that_is_too_long(connect):
    """No more than 64 KiB of a body is kept."""
    responses.post(URL, status=502, body=b"x" * 100_000)

    assert len(connect().send("POST", "/events", b"{}").body) == 65_536


@responses.activate
def test_transport_keeps_what_came_of_a_body_that_breaks_off(connect):
    """The status counts even if the body ends too early."""
    responses.post(URL, status=422, body="half", headers={"Content-Length": "100"})

    answer = connect().send("POST", "/events", b"{}")

    assert (answer.status, answer.body) == (422, b"half")


@pytest.mark.parametrize("status", [307, 408, 413, 429, 500, 503])
@responses.activate
def test_transport_returns_an_answer_of_any_status(connect, status):
    """Any status is returned with its Retry-After, and nothing is repeated."""
    call = responses.post(URL, status=status, headers={"Retry-After": "0", "Location": "/"})

    answer = connect().send("POST", "/events", b"{}")

    assert (answer.status, answer.headers, call.call_count) == (status, {"Retry-After": "0"}, 1)


@pytest.mark.parametrize(
    ("error", "message", "may_have_arrived"),
    [
        (requests.ConnectTimeout(), "no connection to api.intercom.io within the time limit", False),
        (requests.ReadTimeout(), "no answer from api.intercom.io within 5 s", True),
        (requests.ConnectionError(), "the connection to api.intercom.io broke before an answer came", True),
    ],
    ids=["connect", "read", "broken"],
)
@responses.activate
def test_transport_tells_what_arrived_from_what_did_not(fail, connect, error, message, may_have_arrived):
    """An error of requests is reported as the network's, with whether the event may have arrived."""
    responses.post(URL, body=error)

    assert fail(connect()) == (message, may_have_arrived)


@responses.activate
def test_transport_error_leads_to_neither_token_nor_payload(connect):
    """The error and its causes hold no part of the request."""
    responses.post(URL, body=requests.ConnectionError(f"Bearer {TOKEN} secret-payload"))

    with pytest.raises(TransportError) as caught:
        connect().send("POST", "/events", b"secret-payload")

    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert TOKEN not in _with_locals(caught.value)
    assert "secret" not in repr(caught.value)


def test_transport_uses_a_connection_again(connect, serve, replying):
    """Requests one after the other share one connection, with bodies or without."""
    server = serve(replying(b"HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\ntext"))
    transport = connect(server.url)

    bodies = [transport.send(method, "/events", body).body for method, body in [("POST", b"{}"), ("GET", None)]]

    assert (bodies, server.connections) == ([b"text", b"text"], 1)


def test_transport_repeats_nothing_when_a_connection_breaks(connect, serve):
    """A request without an answer is sent once: the transport does not decide on another try."""
    server = serve(lambda server, connection: connection.close())  # noqa: ARG005  # a reply is given both

    with pytest.raises(TransportError) as caught:
        connect(server.url).send("POST", "/events", b"{}")

    assert str(caught.value) == f"the connection to 127.0.0.1:{server.port} broke before an answer came"
    assert (caught.value.may_have_arrived, len(server.requests)) == (True, 1)


def test_transport_repeats_nothing_when_a_pooled_connection_breaks(fail, connect, serve):
    """If a used connection breaks under a request, that request fails, and nothing is sent again."""

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
    """A connection that the server has closed is noticed before anything is sent."""

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
    """If the server is gone, the request after a closed connection has not arrived."""
    server = serve(replying(ACCEPTED))
    transport = connect(server.url)
    transport.send("POST", "/events", b"first")
    server.stop()

    failure = fail(transport)

    assert failure == (
        f"no connection to 127.0.0.1:{server.port}: it was refused, or the host is unreachable",
        False,
    )


def test_transport_repeats_nothing_for_an_answer_on_a_socket(connect, serve, replying):
    """urllib3 does not repeat a request for its Retry-After."""
    server = serve(replying(b"HTTP/1.1 503 No\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"))

    answer = connect(server.url).send("POST", "/events", b"{}")

    assert (answer.status, len(server.requests)) == (503, 1)


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
def test_transport_says_that_garbage_is_not_an_answer(fail, connect, serve, garbage):
    """Bytes that are not HTTP are not an answer, and the event may have arrived."""

    def reply(server, connection):  # noqa: ARG001  # a reply is given both
        connection.sendall(garbage)
        connection.close()

    server = serve(reply)

    failure = fail(connect(server.url))

    assert failure == (f"the answer of 127.0.0.1:{server.port} is not HTTP", True)


def test_transport_says_that_a_refused_connection_delivered_nothing(fail, connect, serve, replying):
    """If nobody listens, nothing has arrived."""
    server = serve(replying(ACCEPTED))
    server.stop()

    failure = fail(connect(server.url))

    assert failure == (
        f"no connection to 127.0.0.1:{server.port}: it was refused, or the host is unreachable",
        False,
    )


def test_transport_names_an_unknown_host(fail, connect):
    """An unknown name is reported as such: most often it is misspelt."""
    assert fail(connect("https://intercom.invalid")) == (
        "the host intercom.invalid is unknown, or no name service answers",
        False,
    )


def test_transport_closes_its_connections(connect):
    """Closing ends the connections at once, without the garbage collector."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transport = connect(f"http://127.0.0.1:{listener.getsockname()[1]}")
        sender = threading.Thread(target=transport.send, args=("POST", "/events", b"{}"))
        sender.start()
        connection, _ = listener.accept()
        with connection:
            received = b""
            while not received.endswith(b"{}"):
                received += connection.recv(65_536)
            connection.sendall(ACCEPTED)
            sender.join()

            transport.close()

            connection.settimeout(5.0)
            assert connection.recv(1) == b""


def test_transport_can_be_used_after_it_was_closed(connect, serve, replying):
    """A request after closing opens a new connection."""
    server = serve(replying(ACCEPTED))
    transport = connect(server.url)
    transport.send("POST", "/events", b"{}")
    transport.close()

    answer = transport.send("POST", "/events", b"{}")

    assert (answer.status, server.connections) == (202, 2)


def test_transport_opens_one_pool_for_all_threads(connect, serve, replying, monkeypatch):
    """The environment is read once, however many threads begin at the same moment."""
    read, two_at_once, real = [], threading.Barrier(2), requests.Session.merge_environment_settings

    def read_slowly(session, *arguments, **options):
        read.append(session)
        with contextlib.suppress(threading.BrokenBarrierError):
            two_at_once.wait(SHORT_SECONDS)
        return real(session, *arguments, **options)

    monkeypatch.setattr(requests.Session, "merge_environment_settings", read_slowly)
    server = serve(replying(ACCEPTED))
    transport = connect(server.url)

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: transport.send("POST", "/events", b"{}"), range(4)))

    assert [answer.status for answer in answers] == [202] * 4
    assert len(read) == 1


def test_transport_error_leads_to_neither_token_nor_foreign_error(connect, serve):
    """An error has no cause and no context, whose frames would hold the request."""
    server = serve(lambda server, connection: connection.close())  # noqa: ARG005  # a reply is given both

    with pytest.raises(TransportError) as caught:
        connect(server.url).send("POST", "/events", b"{}")

    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert TOKEN not in _with_locals(caught.value)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a bug")], ids=["interrupt", "bug"])
@pytest.mark.parametrize("method", ["sendall", "recv_into"])
def test_transport_empties_the_frames_of_what_it_does_not_expect(connect, serve, monkeypatch, error, method):
    """An interrupt or a bug keeps its lines, but not the variables that hold the token."""

    def fail(*_):
        raise error

    server = serve(lambda server, connection: server.stopping.wait(5.0))  # noqa: ARG005  # a reply gets both
    transport = connect(server.url)
    monkeypatch.setattr(socket.socket, method, fail)

    with pytest.raises(type(error)) as caught:
        transport.send("POST", "/events", b"{}")

    printed = _with_locals(caught.value)
    assert "http/client.py" in printed
    assert TOKEN not in printed


def test_transport_does_not_let_http_client_print_its_requests(connect, serve, replying, monkeypatch, capsys):
    """The debug level of http.client, which prints every header, has no effect here."""
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)

    connect(serve(replying(ACCEPTED)).url).send("POST", "/events", b"{}")

    assert capsys.readouterr() == ("", "")


def test_transport_does_not_let_urllib3_log_what_a_server_sends_back(connect, serve, caplog):
    """urllib3 would log malformed headers, which may hold the token that a server sends back."""

    def reply(server, connection):
        connection.sendall(b"HTTP/1.1 400 No\r\n" + server.requests[-1])

    with caplog.at_level(logging.DEBUG):
        answer = connect(serve(reply).url, timeout_seconds=SHORT_SECONDS).send("POST", "/events", b"{}")

    assert answer.status == 400
    assert TOKEN not in f"{answer} {caplog.text}"


def test_transport_shows_its_token_in_no_attribute(connect):
    """The attributes of a transport do not show the token."""
    assert TOKEN not in repr(vars(connect()))


# Foreign errors: one translation for each, and nothing of its text


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            exceptions.NewConnectionError(POOL, "x"),
            f"no connection to {HOST}: it was refused, or the host is unreachable",
        ),
        (
            exceptions.NameResolutionError(HOST, POOL, socket.gaierror()),
            f"the host {HOST} is unknown, or no name service answers",
        ),
        (exceptions.ConnectTimeoutError(POOL, "x"), f"no connection to {HOST} within the time limit"),
        (exceptions.ReadTimeoutError(POOL, "/", "x"), f"no connection to {HOST} within the time limit"),
        (exceptions.ProtocolError("x", TimeoutError()), f"no connection to {HOST} within the time limit"),
        (exceptions.SSLError(UNTRUSTED), f"the certificate of {HOST} is not trusted on this machine"),
        (exceptions.SSLError("x"), f"no secure connection to {HOST}: the two sides cannot agree on one"),
        (
            exceptions.ProxyError("x", exceptions.NewConnectionError(POOL, "x")),
            f"no connection to the proxy on the way to {HOST}",
        ),
        (
            exceptions.ProxyError("x", OSError("Tunnel connection failed: 403 {secret}")),
            f"the proxy on the way to {HOST} answered 403 Forbidden",
        ),
        (
            exceptions.ProtocolError("x", ConnectionResetError()),
            f"the connection to {HOST} broke before anything was sent",
        ),
        (exceptions.LocationParseError("x"), f"the connection to {HOST} broke before anything was sent"),
    ],
)
def test_explain_says_why_nothing_was_sent(error, message):
    """Without a connection nothing has arrived."""
    failure = explain(error, host=HOST, seconds=30.0, had_connection=False)

    assert (str(failure), failure.may_have_arrived) == (message, False)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (exceptions.ReadTimeoutError(POOL, "/", "x"), f"no answer from {HOST} within 30 s"),
        (exceptions.ProtocolError("x", TimeoutError()), f"no answer from {HOST} within 30 s"),
        (TimeoutError(), f"no answer from {HOST} within 30 s"),
        (exceptions.ProtocolError("x", RemoteDisconnected()), f"the connection to {HOST} broke before an answer came"),
        (
            exceptions.ProtocolError("x", ConnectionResetError()),
            f"the connection to {HOST} broke before an answer came",
        ),
        (exceptions.SSLError("bad record"), f"the connection to {HOST} broke before an answer came"),
        (exceptions.ProtocolError("x", BadStatusLine("x")), f"the answer of {HOST} is not HTTP"),
        (exceptions.InvalidHeader("x"), f"the answer of {HOST} is not HTTP"),
        (
            exceptions.ProtocolError("Tunnel connection failed: 403"),
            f"the connection to {HOST} broke before an answer came",
        ),
    ],
)
def test_explain_says_that_the_event_may_have_arrived(error, message):
    """After any error on a connection, a part of the request may have gone out."""
    failure = explain(error, host=HOST, seconds=30.0, had_connection=True)

    assert (str(failure), failure.may_have_arrived) == (message, True)


@pytest.mark.parametrize(
    ("error", "message", "may_have_arrived"),
    [
        (requests.ConnectTimeout(), f"no connection to {HOST} within the time limit", False),
        (requests.exceptions.ProxyError(), f"no connection to the proxy on the way to {HOST}", False),
        (
            requests.exceptions.ProxyError(
                exceptions.MaxRetryError(
                    POOL, "/", exceptions.ProxyError("x", OSError("Tunnel connection failed: 407 {secret}"))
                )
            ),
            f"the proxy on the way to {HOST} answered 407 Proxy Authentication Required",
            False,
        ),
        (
            requests.ConnectionError(exceptions.MaxRetryError(POOL, "/", exceptions.NewConnectionError(POOL, "x"))),
            f"no connection to {HOST}: it was refused, or the host is unreachable",
            False,
        ),
        (
            requests.ConnectionError(
                exceptions.MaxRetryError(POOL, "/", exceptions.NameResolutionError(HOST, POOL, socket.gaierror()))
            ),
            f"the host {HOST} is unknown, or no name service answers",
            False,
        ),
        (
            requests.exceptions.InvalidURL("x"),
            f"the host {HOST} is unknown, or no name service answers",
            False,
        ),
        (
            requests.exceptions.SSLError(exceptions.MaxRetryError(POOL, "/", exceptions.SSLError(UNTRUSTED))),
            f"the certificate of {HOST} is not trusted on this machine",
            False,
        ),
        (
            requests.exceptions.SSLError(exceptions.MaxRetryError(POOL, "/", exceptions.SSLError("x"))),
            f"the connection to {HOST} broke before an answer came",
            True,
        ),
        (requests.ReadTimeout(), f"no answer from {HOST} within 30 s", True),
        (
            requests.ConnectionError(exceptions.ProtocolError("x", RemoteDisconnected())),
            f"the connection to {HOST} broke before an answer came",
            True,
        ),
        (
            requests.ConnectionError(exceptions.ProtocolError("x", BadStatusLine("x"))),
            f"the answer of {HOST} is not HTTP",
            True,
        ),
        (requests.exceptions.InvalidHeader("x"), f"the answer of {HOST} is not HTTP", True),
        (requests.exceptions.ChunkedEncodingError(), f"the connection to {HOST} broke before an answer came", True),
        (requests.ConnectionError(), f"the connection to {HOST} broke before an answer came", True),
    ],
)
def test_explain_judges_by_the_error_alone_when_nothing_is_known_of_a_connection(error, message, may_have_arrived):
    """An error may come from a SOCKS proxy's connection, or from a test that makes it up."""
    failure = explain(error, host=HOST, seconds=30.0, had_connection=None)

    assert (str(failure), failure.may_have_arrived) == (message, may_have_arrived)


def _with_locals(error):
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
