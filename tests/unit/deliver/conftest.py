"""Fakes for delivery: a client that answers by a script, and a server that is one function."""

import contextlib
import json
import socket
import ssl
import threading
import time
from collections import defaultdict
from pathlib import Path

import pytest

from events_pandas import intercom
from events_pandas.deliver.client.answers import Answer, TransportError
from events_pandas.deliver.client.transport import Transport
from events_pandas.deliver.clock import Clock
from events_pandas.deliver.decide import RetryPolicy
from events_pandas.deliver.engine import Engine
from events_pandas.deliver.outcomes import Event

TOKEN = "dG9rOjEyMzQ1Njc4"
FAST = {intercom.LIMIT_HEADER: "1000000", intercom.REMAINING_HEADER: "999999", intercom.RESET_HEADER: "1700000010"}
NOT_FOUND = b'{"type":"error.list","errors":[{"code":"not_found","message":"User Not Found"}]}'


class ScriptedClient:
    """Answers each payload by its script, and 202 after its end.

    A function in a script is called in the worker. A 404 speaks of a user, as Intercom's does.
    """

    def __init__(self, scripts=None, *, me=None):
        self.scripts = {payload.encode(): list(script) for payload, script in (scripts or {}).items()}
        self.me_script = list(me or [])
        self.posted = []
        self.tries = defaultdict(int)

    def post_event(self, payload):
        self.posted.append(payload.decode())
        script = self.scripts.get(payload, [])
        return self._play(script.pop(0) if script else 202)

    def me(self):
        return self._play(self.me_script.pop(0) if self.me_script else 200)

    def _play(self, step):
        step = step() if callable(step) else step
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, Answer):
            return step
        return Answer(status=step, headers=FAST, body=NOT_FOUND if step == 404 else b"")


class LocalServer:
    """Accepts connections, and answers every request on them with one function."""

    def __init__(self, reply, *, tls=None):
        self.requests = []
        self.connections = 0
        self.stopping = threading.Event()
        self._reply = reply
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.02)
        self._threads = [threading.Thread(target=self._accept)]
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._threads[0].start()

    def _accept(self):
        with self._listener:
            while not self.stopping.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _ = self._listener.accept()
                    self.connections += 1
                    self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                    self._threads[-1].start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), self._secured(connection) as secured:
            secured.settimeout(0.02)
            while request := self.read(secured):
                self.requests.append(request)
                self._reply(self, secured)

    def _secured(self, connection):
        connection.settimeout(5.0)
        return self._tls.wrap_socket(connection, server_side=True) if self._tls else connection

    def read(self, connection):
        text = b""
        while not self.stopping.is_set():
            with contextlib.suppress(TimeoutError):
                received = connection.recv(65_536)
                text += received
                if not received:
                    return b""
                head, end, body = text.partition(b"\r\n\r\n")
                lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
                if end and (not lengths or len(body) >= int(lengths[0].split(b":")[1])):
                    return text
        return b""

    def stop(self):
        self.stopping.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    """Let no token, region, proxy or login of the machine reach a test."""
    for name in ("INTERCOM_ACCESS_TOKEN", "INTERCOM_REGION", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def scripted_client():
    """Return the class of clients that answer by a script."""
    return ScriptedClient


@pytest.fixture
def serve():
    """Return a function that starts a local server, which ends with the test."""
    servers = []

    def start(reply, *, tls=None):
        servers.append(LocalServer(reply, tls=tls))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def certificate():
    """Return the file of a self-signed certificate for 127.0.0.1 and intercom.test, with its key."""
    return Path(__file__).parents[2] / "certificates" / "intercom-test.pem"


@pytest.fixture
def tls(certificate):
    """Return the server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def replying():
    """Return a function that makes a server's reply from the bytes to send."""

    def make(text):
        return lambda server, connection: connection.sendall(text)  # noqa: ARG005  # a reply is given both

    return make


@pytest.fixture
def events():
    """Return a function that makes a chunk: an event for each name, which is its payload and its contact."""

    def make(*names, start=0):
        return [Event(row=row, payload=name.encode(), contact=name) for row, name in enumerate(names, start)]

    return make


@pytest.fixture
def clock():
    """Return a clock with which no backoff takes time, and all answers come in the same second."""
    return Clock(jitter=lambda: 0.0, unix_time=lambda: 1_700_000_000.0, sleep=lambda _: None)


class Interrupts:
    """Counts interrupts, as the desk of a run does."""

    def __init__(self):
        self._count = 0

    def __call__(self):
        return self._count

    def strike(self, *_):
        """Act as Ctrl-C."""
        self._count += 1


@pytest.fixture
def interrupts():
    """Interrupts of a run, none so far."""
    return Interrupts()


@pytest.fixture
def make_engine(clock):
    """Return a function that makes an engine with two retries and no waits."""

    def make(client, **options):
        return Engine(client, **{"retry": RetryPolicy(attempts=3), "clock": clock, **options})

    return make


@pytest.fixture
def error_body():
    """Return a function that makes an `error.list` body."""

    def make(code, message, request_id="req-1"):
        errors = [{"code": code, "message": message}]
        return json.dumps({"type": "error.list", "request_id": request_id, "errors": errors}).encode()

    return make


@pytest.fixture
def connect():
    """Return a function that makes a transport, which is closed with the test."""
    transports = []

    def make(url="https://api.intercom.io", timeout_seconds=5.0, access_token=TOKEN):
        transports.append(
            Transport(
                url,
                access_token=access_token,
                api_version="2.14",
                timeout_seconds=timeout_seconds,
                max_connections=8,
            ),
        )
        return transports[-1]

    yield make
    for transport in transports:
        transport.close()


@pytest.fixture
def fail():
    """Return a function that sends a request that fails, and returns its error."""

    def fail(transport):
        start = time.monotonic()
        with pytest.raises(TransportError) as caught:
            transport.send("POST", "/events", b"{}")
        # Far below the deadlines that are not to pass in a test.
        assert time.monotonic() - start < 2.5
        return str(caught.value), caught.value.may_have_arrived

    return fail


@pytest.fixture
def resolve(monkeypatch):
    """Return a function that makes a name stand for addresses, which are tried in that order."""
    real = socket.getaddrinfo

    def set_addresses(name, *addresses):
        def getaddrinfo(host, port, *arguments, **options):
            found = addresses if host == name else [host]
            return [info for address in found for info in real(address, port, *arguments, **options)]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return set_addresses
