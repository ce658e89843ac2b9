"""The access token is a secret: a run leaves it in no result, error, log, file or variable."""

import copy
import http.client
import logging
import pickle
import socket
import socketserver
import ssl
import threading
import traceback
import warnings
from pathlib import Path

import pytest
from typer.testing import CliRunner

from events_pandas import (
    EventsPandasError,
    IntercomClient,
    RetryPolicy,
    SubmissionError,
    SubmissionInterrupted,
    check_events,
    iter_submit,
    submit_events,
    submit_file,
)
from events_pandas.cli import app

TOKEN = "dG9rOm1hZGUtdXA="
# A 429 without a limit is not counted as an attempt, so only the time ends these retries.
ONCE = RetryPolicy(attempts=1, total_seconds=1.0)
TWICE = RetryPolicy(attempts=2, base_seconds=0.01)
CERTIFICATE = Path(__file__).parents[1] / "certificates" / "intercom-test.pem"


@pytest.fixture
def guarded(start):
    """A sandbox that accepts the made-up token."""
    return start(access_token=TOKEN, unknown_contacts=["00001"])


@pytest.fixture
def traces(capfd, caplog, monkeypatch):
    """Return a function that collects the traces of objects: printed and logged texts, tracebacks, pickles.

    All logs are on, and so is the debug output of http.client.
    """
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)

    def traces(*objects):
        texts = [*capfd.readouterr(), caplog.text]
        for thing in objects:
            texts += [repr(thing), str(thing), repr(getattr(thing, "args", ""))]
            if isinstance(thing, BaseException):
                texts += [_frames(thing), repr(vars(thing)), _pickled(thing)]
                thing = getattr(thing, "results", None)  # noqa: PLW2901  # Also the exception's results.
            texts += [thing.to_csv(), repr(thing.attrs), _pickled(thing)] if hasattr(thing, "to_csv") else []
        return "\n".join(texts)

    return traces


@pytest.fixture
def answering():
    """Return a function that starts a server with answers from a function; it ends with the test."""
    servers = []

    def start(answer, *, tls=None):
        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                request = self.request.recv(65_536)
                while request:
                    self.request.sendall(answer(request))
                    request = self.request.recv(65_536)

        servers.append(_Server(Handler, tls=tls))
        servers[-1].thread.start()
        return servers[-1].server_address[1]

    yield start
    for server in servers:
        server.shutdown()
        server.thread.join()
        server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    def __init__(self, handler, *, tls):
        super().__init__(("127.0.0.1", 0), handler)
        self.tls = tls
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    def get_request(self):
        connection, address = super().get_request()
        return (self.tls.wrap_socket(connection, server_side=True) if self.tls else connection), address

    def handle_error(self, request, client_address):
        """Print nothing: in some tests the client hangs up."""


def _frames(error):
    """Return a traceback with the variables of every frame except the tests' own, which hold the made-up token."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    waiting = [report]
    while waiting:
        one = waiting.pop()
        one.stack[:] = [frame for frame in one.stack if "tests" not in Path(frame.filename).parts]
        waiting += [other for other in (one.__cause__, one.__context__) if other]
    return "".join(report.format())


def _pickled(thing):
    return pickle.dumps(thing).decode("latin-1")


@pytest.mark.parametrize("fault", [400, 404, 409, 413, 422])
def test_token_is_in_no_result_of_a_refused_event(make_orders, mapping, guarded, traces, fault):
    """Results quote Intercom's refusals, but not the requests."""
    guarded.fail_next(fault)

    with guarded.client() as client:
        results = submit_events(make_orders(2), mapping, client=client)
        report = check_events(make_orders(2), mapping, client=client)

    assert TOKEN not in traces(results, client, report, report.problems)


@pytest.mark.parametrize("fault", [408, 429, 500, 502, 503, 504, "drop_before", "drop_after"])
def test_token_is_in_no_result_of_a_failed_event(make_orders, mapping, guarded, traces, tripwire, fault):
    """Results report a lost connection without the request."""
    with guarded.client() as real:
        client = tripwire(real, before=2, action=lambda: guarded.fail_next(fault, times=2))
        # The first row is accepted, so that the last one fails by itself.
        results = submit_events(make_orders(3).iloc[[0, 2]], mapping, client=client, concurrency=1, retry=TWICE)

    assert results["status"].tolist() == ["accepted", "failed"]
    assert TOKEN not in traces(results)


@pytest.mark.parametrize("fault", [401, 403, 404, 500])
def test_token_is_in_no_error_of_a_run(make_orders, mapping, guarded, traces, fault):
    """The exception and its cause do not hold the token."""
    guarded.fail_next(fault, path="/me", times=9)

    with guarded.client() as client, pytest.raises(EventsPandasError) as caught:
        submit_events(make_orders(2), mapping, client=client, retry=TWICE)

    assert TOKEN not in traces(caught.value)


@pytest.mark.parametrize("fault", [401, 403])
@pytest.mark.parametrize("preflight", [True, False])
def test_token_is_in_no_error_of_a_refused_token(make_orders, mapping, guarded, traces, fault, preflight):
    """A refused token is not quoted, before the first event or after it."""
    guarded.fail_next(fault, path="/me" if preflight else "/events", times=9)

    with guarded.client() as client, pytest.raises(SubmissionError) as caught:
        submit_events(make_orders(2), mapping, client=client, preflight=preflight, journal=None)

    assert TOKEN not in traces(caught.value, client)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:{port}", "https://127.0.0.1:{port}", "https://nowhere.invalid:{port}"]
)
def test_token_is_in_no_error_of_a_connection(make_orders, mapping, traces, address):
    """An error of a connection names the address, and nothing else of the request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base_url = address.format(port=listener.getsockname()[1])

    with IntercomClient(TOKEN, base_url=base_url) as client, pytest.raises(EventsPandasError) as caught:
        submit_events(make_orders(1), mapping, client=client, retry=TWICE, patience_seconds=0)

    assert TOKEN not in traces(caught.value, client)


@pytest.mark.parametrize(
    "answer",
    [
        lambda request: request,
        lambda request: b"HTTP/1.1 " + request,
        lambda request: b"HTTP/1.1 400 No\r\n" + request,
        lambda request: b"HTTP/1.1 400 No\r\nX: " + request,
        lambda request: b"HTTP/1.1 400 No\r\nContent-Length: %d\r\n\r\n%b" % (len(request), request),
        lambda request: b"HTTP/1.1 502 No\r\nTransfer-Encoding: chunked\r\n\r\n" + request,
        lambda request: b"HTTP/1.1 502 No\r\nContent-Length: %b\r\n\r\n" % request.split(b"\r\n")[3],
        lambda _: b"HTTP/1.1 307 No\r\nContent-Length: 0\r\nLocation: /?%b\r\n\r\n" % TOKEN.encode(),
        lambda _: b"HTTP/1.1 429 No\r\nContent-Length: 0\r\nRetry-After: %b\r\n\r\n" % TOKEN.encode(),
        lambda _: b"",
    ],
    ids=["echo", "status", "headers", "header", "body", "chunks", "length", "redirect", "retry-after", "silence"],
)
@pytest.mark.parametrize("preflight", [True, False])
def test_token_is_nowhere_when_a_server_sends_it_back(make_orders, mapping, answering, traces, answer, preflight):
    """A server's answer that contains the request, whole or in part, is not quoted."""
    base_url = f"http://127.0.0.1:{answering(answer)}"

    with IntercomClient(TOKEN, base_url=base_url, timeout_seconds=0.2) as client:
        try:
            options = {"retry": ONCE, "patience_seconds": 0, "preflight": preflight, "journal": None}
            left = submit_events(make_orders(2), mapping, client=client, **options)
        except EventsPandasError as error:
            left = error

    assert TOKEN not in traces(left, client)


def test_token_is_in_no_error_of_a_certificate(make_orders, mapping, answering, traces):
    """Nothing is sent to a server with an untrusted certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    seen = []
    port = answering(lambda request: seen.append(request) or b"", tls=context)

    with (
        IntercomClient(TOKEN, base_url=f"https://127.0.0.1:{port}") as client,
        pytest.raises(EventsPandasError) as caught,
    ):
        submit_events(make_orders(1), mapping, client=client, retry=ONCE, patience_seconds=0)

    assert seen == []
    assert TOKEN not in traces(caught.value, client)


def test_token_is_in_no_error_of_a_proxy(make_orders, mapping, answering, traces, monkeypatch):
    """The error quotes the status of a proxy that refuses, and the proxy gets no token."""
    asked = []
    port = answering(lambda request: asked.append(request) or b"HTTP/1.1 407 Log in\r\n\r\n")
    monkeypatch.setenv("HTTPS_PROXY", f"http://ada:lovelace@127.0.0.1:{port}")

    with IntercomClient(TOKEN) as client, pytest.raises(EventsPandasError) as caught:
        submit_events(make_orders(1), mapping, client=client, retry=ONCE, patience_seconds=0)

    trace = traces(caught.value, client)
    assert "answered 407" in trace
    assert not [secret for secret in (TOKEN, "lovelace") if secret in trace + b"".join(asked).decode()]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError], ids=["interrupt", "bug"])
def test_token_is_in_no_frame_of_a_request_that_is_cut_short(make_orders, mapping, guarded, traces, monkeypatch, error):
    """After an interrupt or a bug in the middle of a request, no variable holds the token."""

    def fail(*_):
        raise error

    monkeypatch.setattr(socket.socket, "recv_into", fail)

    with guarded.client() as client, pytest.raises((SubmissionError, SubmissionInterrupted, error)) as caught:
        submit_events(make_orders(1), mapping, client=client)

    assert TOKEN not in traces(caught.value, client)


def test_token_is_in_no_interrupt(make_orders, mapping, guarded, tripwire, traces):
    """The exception of an interrupted run has the results, and does not hold the client."""

    def interrupt():
        raise KeyboardInterrupt

    with guarded.client() as real, pytest.raises(SubmissionInterrupted) as caught:
        submit_events(make_orders(5), mapping, client=tripwire(real, before=3, action=interrupt), concurrency=1)

    assert TOKEN not in traces(caught.value)


def test_token_is_in_no_error_of_a_stream(make_orders, mapping, guarded, traces):
    """The exception of a stream has the results that were not yielded, and does not hold the client."""

    def frames():
        yield make_orders(2)
        raise OSError("the disk is gone")

    with guarded.client() as client, pytest.raises(OSError, match="the disk is gone") as caught:
        for _ in iter_submit(frames(), mapping, client=client):
            pass

    assert TOKEN not in traces(caught.value, client)


def test_token_is_not_in_the_progress(make_orders, mapping, guarded, traces):
    """The progress bar and a progress function do not get the token."""
    shown = []

    with guarded.client() as client:
        for progress in (True, shown.append):
            submit_events(make_orders(3), mapping, client=client, progress=progress)

    assert shown
    assert TOKEN not in traces(*shown)


@pytest.mark.parametrize("options", [{"concurrency": 0}, {"retry": 3}, {"colour": "red"}, {"on_invalid": "raise"}])
def test_token_is_in_no_error_of_options_or_rows(make_orders, mapping, guarded, traces, options):
    """Errors before the first request do not hold the client."""
    frame = make_orders(2, day=["2024-01-31", "yesterday"])

    with guarded.client() as client, pytest.raises((TypeError, ValueError, EventsPandasError)) as caught:
        submit_events(frame, mapping, client=client, **options)

    assert TOKEN not in traces(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"access_token": f"Bearer {TOKEN}"},
        {"access_token": f"{TOKEN} {TOKEN}"},
        {"access_token": f"{TOKEN}\N{NO-BREAK SPACE}x"},
        {"access_token": TOKEN.encode()},
        {"access_token": TOKEN, "base_url": f"https://someone:{TOKEN}@intercom.example.org"},
        {"access_token": TOKEN, "base_url": f"https://intercom.example.org?token={TOKEN}"},
        {"access_token": TOKEN, "base_url": "http://intercom.example.org"},
        {"access_token": TOKEN, "region": "ue"},
        {"access_token": TOKEN, "api_version": "latest\n"},
        {"access_token": TOKEN, "timeout_seconds": -1},
    ],
)
def test_token_is_in_no_error_of_a_client(traces, options):
    """The message describes an unusable token or address without quoting it."""
    with pytest.raises((EventsPandasError, ValueError)) as caught:
        IntercomClient(**options)

    assert TOKEN not in traces(caught.value)


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
def test_token_is_in_no_pickle_of_a_client(guarded, traces, duplicate):
    """A client cannot be pickled or copied, and does not show its token."""
    with guarded.client() as client:
        client.me()

        with pytest.raises(TypeError, match="cannot be pickled or copied") as caught:
            duplicate(client)

        assert TOKEN not in traces(caught.value)
        held = vars(client._transport)  # noqa: SLF001  # A debugger shows the private attributes too.
        assert TOKEN not in f"{vars(client)} {client.__dict__} {held}"


def test_token_is_in_no_warning_of_a_client_that_is_left_open(guarded, traces):
    """The garbage collector closes open connections without a warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client = guarded.client()
        client.me()
        del client

    assert TOKEN not in traces(*(warning.message for warning in caught))


def test_token_is_in_no_file(folder, make_orders, mapping, guarded):
    """A results file and the other files of a run do not hold the token."""
    make_orders(2).to_csv(folder / "orders.csv", index=False)

    with guarded.client() as client:
        submit_file("orders.csv", mapping, client=client, results_path="results.csv")

    assert sorted(file.name for file in folder.iterdir()) == ["mapping.toml", "orders.csv", "results.csv"]
    assert all(TOKEN.encode() not in file.read_bytes() for file in folder.iterdir())


def test_token_is_not_in_the_output_of_the_command(folder, make_orders, guarded):
    """The command prints no token on stdout or stderr, for any status of the rows."""
    make_orders(3).to_csv(folder / "orders.csv", index=False)
    guarded.fail_next(422)

    arguments = ["submit", "orders.csv", "-m", "mapping.toml", "--base-url", guarded.url]
    result = CliRunner().invoke(app, arguments, env={"INTERCOM_ACCESS_TOKEN": TOKEN})

    assert result.exit_code == 1
    assert TOKEN not in result.stdout + result.stderr
