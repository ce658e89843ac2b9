"""The network: what goes out, and how every failure comes back."""

import ssl
import traceback
from importlib.metadata import version

import pytest
import requests
import responses
import urllib3
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError, ProtocolError, SSLError

from events_pandas.deliver.answers import TransportError
from events_pandas.deliver.transport import Transport

TOKEN = "dG9rOjEyMzQ1Njc4"
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nX-RateLimit-Limit: 166\r\nSet-Cookie: a=b\r\n\r\n"
POOL = urllib3.HTTPSConnectionPool("api.intercom.io")


@pytest.fixture
def connect():
    """Return a function that makes a transport, which is closed with the test."""
    transports = []

    def make(url="https://api.intercom.io", timeout_seconds=5.0):
        transports.append(
            Transport(url, access_token=TOKEN, api_version="2.14", timeout_seconds=timeout_seconds),
        )
        return transports[-1]

    yield make
    for transport in transports:
        transport.close()


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
        "Connection: keep-alive",
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


def test_transport_reaches_this_machine_without_a_proxy(connect, serve, replying, monkeypatch):
    """A token in plain text for this machine does not visit a proxy."""
    proxy, server = serve(replying(ACCEPTED)), serve(replying(ACCEPTED))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("http_proxy", proxy.url)

    connect(server.url).send("POST", "/events", b"{}")

    assert (len(proxy.requests), len(server.requests)) == (0, 1)


def test_transport_uses_the_proxy_of_the_environment(connect, serve, replying, monkeypatch):
    """Other machines are reached as the environment says."""
    proxy = serve(replying(ACCEPTED))
    monkeypatch.setenv("http_proxy", proxy.url)

    connect("http://intercom.test").send("POST", "/events", b"{}")

    assert _header_lines(proxy.requests[0])[0] == "POST http://intercom.test/events HTTP/1.1"


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


def test_transport_bounds_the_time_of_a_body_that_trickles(connect, serve):
    """A body that comes byte by byte ends at the time limit."""

    def reply(server, connection):
        connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n")
        while not server.stopping.wait(0.02):
            connection.sendall(b"x")

    answer = connect(serve(reply).url, timeout_seconds=0.2).send("POST", "/events", b"{}")

    assert answer.status == 500
    assert 0 < len(answer.body) < 100


def test_transport_bounds_the_time_without_an_answer(connect, serve):
    """A server that says nothing is left at the time limit; the event may have arrived."""
    server = serve(lambda server, connection: server.stopping.wait(5.0))  # noqa: ARG005  # a reply is given both

    with pytest.raises(TransportError) as caught:
        connect(server.url, timeout_seconds=0.1).send("POST", "/events", b"{}")

    assert str(caught.value) == f"no answer from 127.0.0.1:{server.port} within 0.1 s"
    assert caught.value.may_have_arrived


def test_transport_says_that_a_broken_connection_may_have_delivered(connect, serve):
    """A connection that closes without an answer leaves the event in doubt."""
    server = serve(lambda server, connection: connection.close())  # noqa: ARG005  # a reply is given both

    with pytest.raises(TransportError) as caught:
        connect(server.url).send("POST", "/events", b"{}")

    assert str(caught.value) == f"the connection to 127.0.0.1:{server.port} broke before an answer came"
    assert caught.value.may_have_arrived


def test_transport_says_that_a_refused_connection_delivered_nothing(connect, serve, replying):
    """Where nobody listens, nothing has arrived."""
    server = serve(replying(ACCEPTED))
    server.stop()

    with pytest.raises(TransportError) as caught:
        connect(server.url).send("POST", "/events", b"{}")

    message = f"no connection to 127.0.0.1:{server.port}: it was refused, or there is no way there"
    assert str(caught.value) == message
    assert not caught.value.may_have_arrived


def test_transport_says_which_variable_names_a_missing_file(connect, monkeypatch):
    """Certificates that are not there are a matter of the environment."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "missing.pem")

    with pytest.raises(TransportError) as caught:
        connect("https://127.0.0.1:9").send("POST", "/events", b"{}")

    assert str(caught.value) == "the file that REQUESTS_CA_BUNDLE names cannot be read"
    assert not caught.value.may_have_arrived


@pytest.mark.parametrize(
    ("error", "message", "may_have_arrived"),
    [
        (requests.ConnectTimeout(), "no connection to api.intercom.io within the time limit", False),
        (requests.exceptions.ProxyError(), "no connection to the proxy on the way to api.intercom.io", False),
        (
            requests.ConnectionError(MaxRetryError(POOL, "/", NewConnectionError(POOL, "refused"))),
            "no connection to api.intercom.io: it was refused, or there is no way there",
            False,
        ),
        (
            requests.ConnectionError(MaxRetryError(POOL, "/", NameResolutionError("h", POOL, OSError()))),
            "there is no host api.intercom.io, or no name service",
            False,
        ),
        (
            requests.exceptions.SSLError(MaxRetryError(POOL, "/", SSLError(ssl.SSLCertVerificationError("bad")))),
            "the certificate of api.intercom.io is not trusted on this machine",
            False,
        ),
        (
            requests.exceptions.SSLError(MaxRetryError(POOL, "/", SSLError("bad record"))),
            "the connection to api.intercom.io broke before an answer came",
            True,
        ),
        (
            requests.ConnectionError(ProtocolError("Connection aborted.")),
            "the connection to api.intercom.io broke before an answer came",
            True,
        ),
        (requests.ReadTimeout(), "no answer from api.intercom.io within 5 s", True),
    ],
)
@responses.activate
def test_transport_tells_what_arrived_from_what_did_not(connect, error, message, may_have_arrived):
    """Each foreign exception has one translation, and one answer to whether the event may have arrived."""
    responses.post("https://api.intercom.io/events", body=error)

    with pytest.raises(TransportError) as caught:
        connect().send("POST", "/events", b"{}")

    assert (str(caught.value), caught.value.may_have_arrived) == (message, may_have_arrived)


@responses.activate
def test_transport_error_leads_to_neither_token_nor_payload(connect):
    """Neither the error nor anything it was raised from knows the request."""
    responses.post("https://api.intercom.io/events", body=requests.ConnectionError(f"Bearer {TOKEN} secret-payload"))

    with pytest.raises(TransportError) as caught:
        connect().send("POST", "/events", b"secret-payload")

    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    assert "secret" not in repr(caught.value)
