"""An attempt ends with its deadline, for any behaviour of a server or a proxy."""

import socket
import time

import pytest
from urllib3.exceptions import ProtocolError

from events_pandas.deliver.client.answers import TransportError
from events_pandas.deliver.client.deadline import ATTEMPT
from events_pandas.deliver.client.route import Route

pytestmark = pytest.mark.alone

TOKEN = "dG9rOjEyMzQ1Njc4"
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
SHORT_SECONDS = 0.2


@pytest.fixture
def trickle():
    """Return a function that makes a server's reply: a beginning, and then a byte every 20 ms without end."""

    def make(beginning, byte):
        def reply(server, connection):
            connection.sendall(beginning)
            while not server.stopping.wait(0.02):
                connection.sendall(byte)

        return reply

    return make


def test_transport_bounds_the_time_of_a_body_that_trickles(connect, serve, trickle):
    """A body that comes byte by byte is cut at the deadline; its status counts."""
    server = serve(trickle(b"HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n", b"x"))

    answer = connect(server.url, timeout_seconds=SHORT_SECONDS).send("POST", "/events", b"{}")

    assert answer.status == 500
    assert 0 < len(answer.body) < 100


@pytest.mark.parametrize(
    ("beginning", "byte"),
    [
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nX-Slow: ", b"x"),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n", b"x: 1\r\n"),
        (b"HTTP/1.1 202 ", b"x"),
        (b"", b"H"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["header", "headers", "status-line", "first-word", "continue"],
)
def test_transport_bounds_the_time_of_an_answer_that_trickles(fail, connect, serve, trickle, beginning, byte):
    """A status line or headers that are incomplete at the deadline are not an answer."""
    server = serve(trickle(beginning, byte))

    failure = fail(connect(server.url, timeout_seconds=SHORT_SECONDS))

    assert failure == (f"no answer from 127.0.0.1:{server.port} within 0.2 s", True)


def test_transport_bounds_the_time_without_an_answer(fail, connect, serve):
    """A silent server is left at the deadline; the event may have arrived."""
    server = serve(lambda server, connection: server.stopping.wait(5.0))  # noqa: ARG005  # a reply gets both

    failure = fail(connect(server.url, timeout_seconds=SHORT_SECONDS))

    assert failure == (f"no answer from 127.0.0.1:{server.port} within 0.2 s", True)


def test_transport_bounds_the_time_of_sending(connect):
    """A server that reads nothing holds a long request no longer than the deadline."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        transport = connect(f"http://127.0.0.1:{port}", timeout_seconds=SHORT_SECONDS)

        with pytest.raises(TransportError) as caught:
            transport.send("POST", "/events", b"x" * 30_000_000)

    assert str(caught.value) == f"no answer from 127.0.0.1:{port} within 0.2 s"
    assert caught.value.may_have_arrived


def test_transport_bounds_the_time_of_a_tls_handshake(fail, connect, serve, replying):
    """If the handshake is not done by the deadline, nothing was sent."""
    server = serve(replying(ACCEPTED))

    failure = fail(connect(f"https://127.0.0.1:{server.port}", timeout_seconds=SHORT_SECONDS))

    assert failure == (f"no connection to 127.0.0.1:{server.port} within the time limit", False)


def test_transport_bounds_the_time_of_an_answer_that_trickles_in_tls(
    fail, connect, serve, trickle, tls, certificate, monkeypatch
):
    """The deadline holds in TLS too."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    server = serve(trickle(b"HTTP/1.1 202 Accepted\r\n", b"x: 1\r\n"), tls=tls)

    failure = fail(connect(server.url, timeout_seconds=0.5))

    assert failure == (f"no answer from 127.0.0.1:{server.port} within 0.5 s", True)


def test_transport_bounds_the_time_of_sending_in_tls(connect, serve, replying, tls, certificate, monkeypatch):
    """A server that reads nothing after the handshake holds a long request no longer than the deadline."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    server = serve(replying(ACCEPTED), tls=tls)
    server.read = lambda connection: server.stopping.wait(5.0) and b""  # noqa: ARG005  # it is given one

    with pytest.raises(TransportError) as caught:
        connect(server.url, timeout_seconds=0.5).send("POST", "/events", b"x" * 30_000_000)

    assert str(caught.value) == f"no answer from 127.0.0.1:{server.port} within 0.5 s"
    assert caught.value.may_have_arrived


@pytest.mark.parametrize(
    ("beginning", "byte"), [(b"", b"H"), (b"HTTP/1.1 200 OK\r\n", b"x: 1\r\n")], ids=["status-line", "headers"]
)
def test_transport_bounds_the_time_of_a_proxys_consent(fail, connect, serve, trickle, monkeypatch, beginning, byte):
    """If a proxy has not consented by the deadline, nothing of the request was sent."""
    proxy = serve(trickle(beginning, byte))
    monkeypatch.setenv("https_proxy", proxy.url)

    failure = fail(connect("https://intercom.test", timeout_seconds=SHORT_SECONDS))

    assert failure == ("no connection to intercom.test within the time limit", False)
    assert proxy.requests[0].startswith(b"CONNECT intercom.test:443 HTTP/1.")
    assert TOKEN.encode() not in b"".join(proxy.requests)


def test_transport_gives_a_handshake_what_a_proxy_has_left_of_the_time(fail, connect, serve, monkeypatch):
    """A slow consent and an endless handshake share one deadline."""

    def consent(server, connection):
        server.stopping.wait(0.7)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        server.stopping.wait(5.0)

    monkeypatch.setenv("https_proxy", serve(consent).url)
    start = time.monotonic()

    failure = fail(connect("https://intercom.test", timeout_seconds=1.0))

    assert failure == ("no connection to intercom.test within the time limit", False)
    assert 1.0 <= time.monotonic() - start < 1.6


def test_transport_bounds_the_time_of_sending_on_a_connection_that_is_used_again(serve):
    """The attempt ends before urllib3's own limit for each wait."""

    def reply(server, connection):
        connection.sendall(ACCEPTED)
        server.stopping.wait(5.0)

    pool = Route(serve(reply).url, max_connections=1).get_connection_with_tls_context()
    ATTEMPT.begin(5.0)
    pool.urlopen("POST", "/", body=b"{}", retries=False)
    start = time.monotonic()
    ATTEMPT.begin(SHORT_SECONDS)

    with pytest.raises(ProtocolError):
        pool.urlopen("POST", "/", body=b"x" * 30_000_000, retries=False, timeout=5.0)

    pool.close()
    assert time.monotonic() - start < 2.5
    assert ATTEMPT.had_connection


def test_transport_bounds_the_time_of_all_addresses_together(fail, connect, resolve, monkeypatch):
    """All addresses of a host share one deadline, and each gets an equal part."""
    clock, limits = [1000.0], []

    def wait_in_vain(self, address):  # noqa: ARG001  # as the real one
        limits.append(self.gettimeout())
        clock[0] += limits[-1]
        raise TimeoutError

    resolve("intercom.test", *(f"127.0.0.{number}" for number in range(2, 7)))
    monkeypatch.setattr(socket.socket, "connect", wait_in_vain)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    failure = fail(connect("http://intercom.test", timeout_seconds=2.0))

    assert failure == ("no connection to intercom.test within the time limit", False)
    assert limits == pytest.approx([0.4] * 5)


def test_transport_tries_the_next_address_when_one_refuses(connect, serve, replying, resolve):
    """An address that refuses is skipped; the Host header has the name as it was given."""
    server = serve(replying(ACCEPTED))
    resolve("intercom.test", "127.0.0.2", "127.0.0.1")

    answer = connect(f"http://intercom.test:{server.port}").send("POST", "/events", b"{}")

    assert answer.status == 202
    assert f"Host: intercom.test:{server.port}" in server.requests[0].decode()


def test_transport_asks_the_address_again_that_has_answered(connect, serve, replying, resolve):
    """The address that answered is tried first: every new connection would wait for a dead one."""
    resolve("intercom.test", "127.0.0.2", "127.0.0.1")
    server = serve(replying(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
    transport = connect(f"http://intercom.test:{server.port}")
    transport.send("POST", "/events", b"{}")

    with socket.create_server(("127.0.0.2", server.port)) as other:
        answer = transport.send("POST", "/events", b"{}")
        other.settimeout(0.0)
        with pytest.raises(BlockingIOError):
            other.accept()

    assert answer.status == 202
    assert server.connections == 2


def test_transport_drops_a_connection_whose_deadline_has_passed(fail, connect, serve):
    """A late answer is not taken for the answer to the next request."""

    def reply(server, connection):
        if len(server.requests) == 1:
            server.stopping.wait(2 * SHORT_SECONDS)
        connection.sendall(b"HTTP/1.1 20%d OK\r\nContent-Length: 0\r\n\r\n" % len(server.requests))

    server = serve(reply)
    transport = connect(server.url, timeout_seconds=SHORT_SECONDS)
    fail(transport)

    answer = transport.send("POST", "/events", b"{}")

    assert (answer.status, server.connections) == (202, 2)


def test_transport_begins_a_deadline_with_each_request(connect, serve, replying):
    """Each request on a connection has the whole time."""
    server = serve(replying(ACCEPTED))
    transport = connect(server.url, timeout_seconds=SHORT_SECONDS)

    statuses = []
    for _ in range(3):
        statuses.append(transport.send("POST", "/events", b"{}").status)
        server.stopping.wait(0.6 * SHORT_SECONDS)

    assert (statuses, server.connections) == ([202, 202, 202], 1)


def test_transport_sends_a_long_body_whole(connect, serve, replying, tls, certificate, monkeypatch):
    """A body that needs several TLS records is sent whole."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    server = serve(replying(ACCEPTED), tls=tls)

    connect(server.url).send("POST", "/events", b"0123456789" * 10_000)

    assert server.requests[0].partition(b"\r\n\r\n")[2] == b"0123456789" * 10_000
