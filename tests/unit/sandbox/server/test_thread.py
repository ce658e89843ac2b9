"""The web server's thread."""

import asyncio
import contextlib
import errno
import re
import socket
import subprocess
import sys
import threading
import time

import pytest

from events_pandas.sandbox.server.thread import ServerThread

# A server that may open sixty files, with its own and the libraries'.
FEW_FILES = """
import resource, sys
from events_pandas.sandbox import Sandbox

resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
with Sandbox() as sandbox:
    print(sandbox.url.rpartition(":")[2], flush=True)
    sys.stdin.read()
"""

# The same limit for a server whose requests are never answered.
BUSY_WITH_FEW_FILES = """
import asyncio, resource, sys
from events_pandas.sandbox.server.thread import ServerThread

async def never(scope, receive, send):
    await asyncio.Event().wait()

resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
thread = ServerThread(never, host="127.0.0.1", port=0)
print(thread.port, flush=True)
sys.stdin.read()
thread.stop()
"""


async def hello(_scope, receive, send) -> None:
    """Answer any request."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


class SlowToLoad:
    """An application that blocks the server's start, which checks that it can be called."""

    def __init__(self):
        self.may_load = threading.Event()

    @property
    def __call__(self):
        self.may_load.wait(10)
        return hello


async def never(_scope, _receive, _send) -> None:
    """Leave any request without an answer."""
    await asyncio.Event().wait()


@pytest.fixture
def serve():
    """Serve an application; the server is stopped after the test."""
    started = []

    def serve(app, *, host="127.0.0.1", port=0):
        started.append(ServerThread(app, host=host, port=port))
        return started[-1]

    yield serve
    for thread in started:
        thread.stop()


def test_server_answers_as_soon_as_it_is_there(serve, http) -> None:
    """The constructor returns when connections are accepted."""
    thread = serve(hello)

    assert http.get(f"http://127.0.0.1:{thread.port}", timeout=10).text == "hello"


def test_server_leaves_signals_and_other_loops_alone(serve, http) -> None:
    """It starts inside a running event loop, as a notebook has one, and the loop goes on."""

    async def inside_a_loop():
        thread = serve(hello)
        return await asyncio.to_thread(http.get, f"http://127.0.0.1:{thread.port}", timeout=10)

    assert asyncio.run(inside_a_loop()).status_code == 200


def test_server_says_which_port_is_taken(serve) -> None:
    """The error for a taken port says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        message = (
            f"the sandbox cannot listen on 127.0.0.1 port {port}, which is taken: "
            "stop the program that has it, or choose another port (0 for any free port)"
        )

        with pytest.raises(OSError, match=f"{re.escape(message)}$") as caught:
            serve(hello, port=port)

    assert caught.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_server_says_that_its_process_has_the_port_already(serve, host) -> None:
    """The error names the sandbox of this process that listens on the port: a cell of a notebook was run twice."""
    port = serve(hello, host=host).port
    message = (
        f"the sandbox cannot listen on 127.0.0.1 port {port}: this process's sandbox on {host} port {port} is running: "
        "stop() it first, go on with it, or choose another port (0 for any free port)"
    )

    with pytest.raises(OSError, match=f"{re.escape(message)}$") as caught:
        serve(hello, port=port)

    assert caught.value.errno == errno.EADDRINUSE


def test_server_that_has_stopped_is_not_said_to_have_its_port(serve) -> None:
    """If another program takes the port of a sandbox that has stopped, the error does not name the sandbox."""
    thread = serve(hello)
    thread.stop()

    with (
        socket.create_server(("127.0.0.1", thread.port)),
        pytest.raises(OSError, match=f"port {thread.port}, which is taken: "),
    ):
        serve(hello, port=thread.port)


def test_server_says_that_an_address_is_not_of_this_machine(serve) -> None:
    """The error for a foreign address says what to do."""
    with pytest.raises(OSError, match=r"the sandbox cannot listen on 192\.0\.2\.1 port 0: .+; choose another"):
        serve(hello, host="192.0.2.1")


def test_server_frees_its_port(serve) -> None:
    """After the stop the thread is gone and the port can be had again."""
    thread = serve(hello)

    thread.stop()

    assert thread.wait(0)
    assert serve(hello, port=thread.port).port == thread.port


@pytest.mark.alone
def test_server_stops_while_a_request_waits(serve) -> None:
    """A request that is never answered delays the stop for its grace only."""
    thread = serve(never)
    with socket.create_connection(("127.0.0.1", thread.port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: sandbox\r\n\r\n")
        started_at = time.monotonic()

        thread.stop()

    assert thread.wait(0)
    assert time.monotonic() - started_at < 4


@pytest.mark.alone
def test_server_gives_up_a_start_that_takes_too_long() -> None:
    """A start that takes too long is given up, and leaves no thread behind."""
    slow = SlowToLoad()
    timer = threading.Timer(0.2, slow.may_load.set)
    timer.start()

    with pytest.raises(RuntimeError, match=r"^the sandbox did not start within 0.01 seconds$"):
        ServerThread(slow, host="127.0.0.1", port=0, start_seconds=0.01)

    timer.join()
    assert "events-pandas-sandbox" not in {thread.name for thread in threading.enumerate()}


async def fatal(_scope, _receive, _send) -> None:
    """End the loop of the server at any request."""
    asyncio.get_running_loop().stop()


def test_server_that_has_ended_by_itself_says_so(serve, http) -> None:
    """The error of a server that has ended by itself names the cause."""
    thread = serve(fatal)

    with contextlib.suppress(OSError):
        http.get(f"http://127.0.0.1:{thread.port}", timeout=10)

    assert thread.wait(10)
    with pytest.raises(OSError, match=r"^the sandbox has ended by itself \(RuntimeError\): start it again$"):
        thread.require_alive()


def test_server_that_was_stopped_has_not_ended_by_itself(serve) -> None:
    """A server that was stopped raises no error."""
    thread = serve(hello)

    thread.stop()

    assert thread.wait(10)
    thread.require_alive()


def test_server_listens_on_version_6_of_the_protocol(serve, http) -> None:
    """An address with colons is an IPv6 address."""
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")

    thread = serve(hello, host="::1")

    assert http.get(f"http://[::1]:{thread.port}", timeout=10).text == "hello"


def test_server_runs_in_a_daemon_thread(serve) -> None:
    """A program that forgets to stop its sandbox can still end."""
    serve(hello)

    threads = [thread for thread in threading.enumerate() if thread.name == "events-pandas-sandbox"]
    assert [thread.daemon for thread in threads] == [True]


def test_server_keeps_a_long_queue(serve) -> None:
    """Hundreds of clients at once are all accepted."""
    thread = serve(hello)
    clients = []
    try:
        clients.extend(socket.create_connection(("127.0.0.1", thread.port), timeout=10) for _ in range(300))
        for client in clients:
            client.sendall(b"GET / HTTP/1.1\r\nHost: sandbox\r\n\r\n")

        statuses = {client.recv(12) for client in clients}
    finally:
        for client in clients:
            client.close()

    assert statuses == {b"HTTP/1.1 200"}


def test_server_goes_on_after_it_has_run_out_of_files() -> None:
    """Without file descriptors new clients wait, silently, and are answered when others have left."""
    pytest.importorskip("resource", reason="this system has no such limits")
    process = subprocess.Popen(
        [sys.executable, "-c", FEW_FILES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    clients = []
    try:
        address = ("127.0.0.1", int(process.stdout.readline()))
        clients.extend(socket.create_connection(address, timeout=10) for _ in range(100))
        clients[-1].settimeout(0.2)
        clients[-1].sendall(b"GET /me HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with pytest.raises(TimeoutError):
            clients[-1].recv(12)
        for client in clients[:-1]:
            client.close()
        clients[-1].settimeout(10)

        status = clients[-1].recv(12)
    finally:
        for client in clients:
            client.close()
        _, errors = process.communicate(timeout=30)

    assert status == b"HTTP/1.1 401"
    assert (errors, process.returncode) == (b"", 0)


@pytest.mark.alone
def test_server_stops_silently_while_it_lacks_files() -> None:
    """A stop prints nothing, although asyncio would accept clients again a second after it lacked file descriptors."""
    pytest.importorskip("resource", reason="this system has no such limits")
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY_WITH_FEW_FILES],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with contextlib.ExitStack() as clients:
        address = ("127.0.0.1", int(process.stdout.readline()))
        for _ in range(100):
            client = clients.enter_context(socket.create_connection(address, timeout=10))
            client.sendall(b"GET /me HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(12)

        _, errors = process.communicate(timeout=30)

    assert (errors, process.returncode) == (b"", 0)


def test_server_reports_other_errors_of_its_loop(serve, http, caplog) -> None:
    """A lack of file descriptors, from which the loop recovers by itself, is not logged; other errors are."""

    async def trouble(scope, receive, send) -> None:
        loop = asyncio.get_running_loop()
        error = OSError(errno.EMFILE, "Too many open files")
        loop.call_exception_handler({"message": "no files", "exception": error})
        loop.call_exception_handler({"message": "something else"})
        await hello(scope, receive, send)

    http.get(f"http://127.0.0.1:{serve(trouble).port}", timeout=10)

    assert caplog.messages == ["something else"]


def test_server_sends_the_end_of_an_answer_at_once(serve, http) -> None:
    """The body does not wait for the client's acknowledgement of the head."""
    options = []

    async def tell(scope, receive, send) -> None:
        connection = scope["state"]["transport"].get_extra_info("socket")
        options.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        await hello(scope, receive, send)

    http.get(f"http://127.0.0.1:{serve(tell).port}", timeout=10)

    assert options[0] != 0
