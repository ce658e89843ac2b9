"""Fixtures of the end-to-end tests: a local Intercom over a socket, processes, terminals and faults."""

import contextlib
import itertools
import os
import pty
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import events_pandas
from events_pandas import Sandbox

MAPPING = 'event_name = "placed-order"\ncreated_at = "day"\nuser_id = "who"\ntimezone = "UTC"\n'
DEADLINE_SECONDS = 20.0
CTRL_C = b"\x03"
# A terminal sends Ctrl-C to its own processes: the program must lead a session and claim the terminal.
TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


class Tripwire:
    """A client that calls a function just before it sends one of its events."""

    def __init__(self, client, *, before, action):
        self._client = client
        self._before = before
        self._action = action
        self._lock = threading.Lock()
        self._count = 0

    def me(self):
        return self._client.me()

    def post_event(self, payload):
        with self._lock:
            self._count += 1
            is_due = self._count == self._before
        if is_due:
            self._action()
        return self._client.post_event(payload)


class Terminal:
    """A Python program in a terminal of its own: a test presses keys, and reads the screen at the end."""

    def __init__(self, folder, arguments, variables):
        self._keyboard, screen = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *arguments],
            cwd=folder,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120", "TERM": "xterm", **variables},
            stdin=screen,
            stdout=screen,
            stderr=screen,
            start_new_session=True,
        )
        os.close(screen)
        self._shown = b""
        # The program would wait if nobody read its screen.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def press_ctrl_c(self):
        os.write(self._keyboard, CTRL_C)

    def type(self, keys):
        os.write(self._keyboard, keys.encode())

    def wait_for(self, text):
        """Wait until the screen shows a text."""
        until = time.monotonic() + DEADLINE_SECONDS
        while text.encode() not in self._shown:
            assert time.monotonic() < until, "it was not shown in time"
            time.sleep(0.01)

    def end(self):
        """Wait for the program's end; return its exit code and its screen."""
        code = self._process.wait(timeout=DEADLINE_SECONDS)
        self._reader.join(DEADLINE_SECONDS)
        return code, self._shown.decode().replace("\r\n", "\n")

    def close(self):
        self._process.kill()
        self._process.wait()
        self._reader.join(DEADLINE_SECONDS)
        os.close(self._keyboard)

    def _read(self):
        # Linux reports the end as an error: the other side is closed.
        with contextlib.suppress(OSError):
            while piece := os.read(self._keyboard, 4_096):
                self._shown += piece


class Gateway:
    """A relay to a sandbox: chosen connections, counted from 1, are reset, or accepted and never answered."""

    def __init__(self, sandbox, mishaps):
        self.mishaps_done = 0
        self._target = urlsplit(sandbox.url)
        self._mishaps = mishaps
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open = [self._listener]
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self):
        # Shut all connections down before waiting for any thread: one thread may be in the middle of a read.
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for connection in self._open:
            connection.close()

    def _accept(self):
        threads = []
        # A closed listener raises OSError.
        with contextlib.suppress(OSError):
            for number in itertools.count(1):
                connection, _ = self._listener.accept()
                self._open.append(connection)
                threads += self._treat(connection, self._mishaps.get(number))
        for thread in threads:
            thread.join()

    def _treat(self, connection, mishap):
        if mishap is None:
            onward = socket.create_connection((self._target.hostname, self._target.port))
            self._open.append(onward)
            pairs = ((connection, onward), (onward, connection))
            threads = [threading.Thread(target=_pass_on, args=pair) for pair in pairs]
            for thread in threads:
                thread.start()
            return threads
        self.mishaps_done += 1
        if mishap == "reset":
            # Without lingering, closing resets the connection.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        return []


def _pass_on(source, target):
    with contextlib.suppress(OSError):
        while piece := source.recv(65_536):
            target.sendall(piece)
    for side in (source, target):
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def open_gateway():
    """Open a relay to a sandbox that breaks some connections, counted from 1."""
    gateways = []

    def open_gateway(sandbox, *, mishaps):
        gateways.append(Gateway(sandbox, mishaps))
        return gateways[-1]

    yield open_gateway
    for gateway in gateways:
        gateway.close()


@pytest.fixture
def start():
    """Start a sandbox with options, without a limit by default; it stops after the test."""
    started = []

    def start(**options):
        started.append(Sandbox(**{"limit": None, **options}))
        started[-1].start()
        return started[-1]

    yield start
    for sandbox in started:
        sandbox.stop()


@pytest.fixture
def sandbox(start):
    """A sandbox without faults."""
    return start()


@pytest.fixture
def client(sandbox):
    """A client of the sandbox."""
    with sandbox.client() as client:
        yield client


@pytest.fixture(scope="module")
def any_client():
    """A client of a sandbox that tests share; they send it no request."""
    with Sandbox(limit=None) as shared, shared.client() as client:
        yield client


@pytest.fixture
def tripwire():
    """Return the class of clients that call a function before an event."""
    return Tripwire


@pytest.fixture
def held():
    """Return the contacts of a sandbox's events, sorted."""
    return lambda sandbox: sorted(event.contact for event in sandbox.events)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a mapping of the columns `who` and `day`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mapping.toml").write_text(MAPPING)
    return tmp_path


@pytest.fixture
def launch(folder):
    """Start a command of the package in a process of its own, in the folder."""
    processes = []

    def launch(*arguments, **variables):
        process = subprocess.Popen(
            [sys.executable, "-m", "events_pandas", *arguments],
            cwd=folder,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120", **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield launch
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def open_terminal(folder):
    """Run Python with arguments in a terminal of its own, in the folder."""
    terminals = []

    def open_terminal(*arguments, **variables):
        terminals.append(Terminal(folder, arguments, variables))
        return terminals[-1]

    yield open_terminal
    for terminal in terminals:
        terminal.close()


@pytest.fixture
def interrupt():
    """Press Ctrl-C, and return the command's output until its end."""

    def interrupt(process):
        process.send_signal(signal.SIGINT)
        return process.communicate(timeout=DEADLINE_SECONDS)

    return interrupt


@pytest.fixture
def full_disk():
    """Limit every file to a hundred bytes, as on a disk that is almost full."""

    @contextlib.contextmanager
    def full_disk():
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    return full_disk


@pytest.fixture
def wait_until():
    """Wait until another process has done something, with a limit."""

    def wait_until(is_so):
        until = time.monotonic() + DEADLINE_SECONDS
        while not is_so():
            assert time.monotonic() < until, "it did not happen in time"
            time.sleep(0.01)

    return wait_until


@pytest.fixture(scope="session")
def samples():
    """The folder of the sample that comes with the package."""
    return Path(events_pandas.__file__).parent / "samples"
