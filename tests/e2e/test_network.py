"""Runs on real networks: proxies, a company's certificates, and servers with endless answers."""

import contextlib
import select
import socket
import socketserver
import ssl
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from events_pandas import IntercomClient, OutageError, RetryPolicy, submit_events

CERTIFICATE = Path(__file__).parents[1] / "certificates" / "intercom-test.pem"
TOKEN = "dG9rOm1hZGUtdXA="
ONCE = RetryPolicy(attempts=1)


class Relay(socketserver.ThreadingTCPServer):
    """A server that lets a function handle each connection, in a thread that ends with the test."""

    def __init__(self, deal, *, tls=None):
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self.deal = deal
        self.tls = tls
        self.port = self.server_address[1]
        self.stopping = threading.Event()

    def finish_request(self, request, _):
        with contextlib.suppress(OSError):
            connection = self.tls.wrap_socket(request, server_side=True) if self.tls else request
            with connection:
                self.deal(self, connection)

    def serve(self):
        self.serve_forever(poll_interval=0.02)


@pytest.fixture
def relay():
    """Return a function that starts a relay; the relay ends with the test."""
    with contextlib.ExitStack() as opened:

        def start(deal, *, tls=None):
            server = opened.enter_context(Relay(deal, tls=tls))
            thread = threading.Thread(target=server.serve)
            thread.start()
            opened.callback(thread.join)
            opened.callback(server.shutdown)
            opened.callback(server.stopping.set)
            return server

        yield start


@pytest.fixture
def tls():
    """The server's side of TLS, with a self-signed certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def test_run_goes_through_a_proxy_to_a_server_with_a_companys_certificate(
    make_orders, mapping, sandbox, relay, tls, monkeypatch
):
    """A run uses the proxy and the certificates of the environment; the proxy sees no request."""
    server = relay(passing_on_to(urlsplit(sandbox.url).port), tls=tls)
    asked = []
    proxy = relay(connecting_to(server.port, asked=asked))
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))

    with IntercomClient(sandbox.access_token, base_url="https://intercom.test") as client:
        results = submit_events(make_orders(200), mapping, client=client)

    assert (results["status"] == "accepted").all()
    assert len(sandbox.events) == 200
    assert {line.split(b"\r\n")[0].split()[1] for line in asked} == {b"intercom.test:443"}
    assert sandbox.access_token.encode() not in b"".join(asked)


def test_run_sends_nothing_to_a_server_with_an_untrusted_certificate(make_orders, mapping, sandbox, relay, tls):
    """A run verifies certificates, and the message names the host whose certificate is not trusted."""
    seen = []
    server = relay(passing_on_to(urlsplit(sandbox.url).port, seen=seen), tls=tls)

    with (
        IntercomClient(TOKEN, base_url=f"https://127.0.0.1:{server.port}") as client,
        pytest.raises(OutageError) as caught,
    ):
        submit_events(make_orders(3), mapping, client=client, retry=ONCE, patience_seconds=0)

    assert f"the certificate of 127.0.0.1:{server.port} is not trusted on this machine" in str(caught.value)
    assert seen == []
    assert set(caught.value.results["status"]) == {"not_submitted"}


def test_run_reaches_this_machine_past_every_proxy(make_orders, mapping, sandbox, relay, monkeypatch):
    """The token goes to this machine without a proxy, with any proxy variable in the environment."""
    visits = []
    proxy = relay(lambda server, connection: visits.append(connection.recv(65_536)))  # noqa: ARG005  # It gets both.
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

    with sandbox.client() as client:
        results = submit_events(make_orders(3), mapping, client=client)

    assert set(results["status"]) == {"accepted"}
    assert visits == []


@pytest.mark.alone
@pytest.mark.parametrize(
    ("beginning", "byte"),
    [(b"", b""), (b"", b"H"), (b"HTTP/1.1 202 Accepted\r\n", b"x: 1\r\n")],
    ids=["nothing", "status-line", "headers"],
)
def test_run_ends_when_a_server_never_completes_an_answer(make_orders, mapping, relay, beginning, byte):
    """An attempt has one deadline, and its row's message says that the event may have arrived."""

    def trickle(server, connection):
        connection.recv(65_536)
        connection.sendall(beginning)
        while not server.stopping.wait(0.02):
            connection.sendall(byte)

    server = relay(trickle)
    options = {"retry": ONCE, "preflight": False, "journal": None, "patience_seconds": 0}
    start = time.monotonic()

    with (
        IntercomClient(TOKEN, base_url=f"http://127.0.0.1:{server.port}", timeout_seconds=0.3) as client,
        pytest.raises(OutageError) as caught,
    ):
        submit_events(make_orders(3), mapping, client=client, **options)

    results = caught.value.results
    assert time.monotonic() - start < 10
    assert f"no answer from 127.0.0.1:{server.port} within 0.3 s" in str(caught.value)
    # The second row shows that the first is not the cause.
    assert results["status"].tolist() == ["failed", "failed", "not_submitted"]
    assert results["error_code"].tolist() == ["no_answer", "no_answer", "outage"]


def passing_on_to(port, *, seen=None):
    """Return a function that relays a connection to a port of this machine."""

    def deal(server, connection):  # noqa: ARG001  # It gets both.
        with socket.create_connection(("127.0.0.1", port)) as beyond:
            pass_on(connection, beyond, seen=[] if seen is None else seen)

    return deal


def connecting_to(port, *, asked):
    """Return a proxy that connects every request to one port of this machine."""

    def deal(server, connection):
        asked.append(connection.recv(65_536))
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        passing_on_to(port)(server, connection)

    return deal


def pass_on(*ends, seen):
    """Relay bytes in both directions until one end closes."""
    while True:
        # TLS has read ahead these bytes, so they are no longer on the socket.
        ready = [end for end in ends if getattr(end, "pending", int)()] or select.select(ends, [], [])[0]
        for source in ready:
            received = source.recv(65_536)
            if not received:
                return
            seen.append(received)
            # As a gateway does, since the sandbox answers only to its own host names.
            ends[source is ends[0]].sendall(received.replace(b"Host: intercom.test", b"Host: localhost"))
