"""A local Intercom over a socket, and what the tests do with it."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import events_pandas
from events_pandas import Sandbox

MAPPING = 'event_name = "placed-order"\ncreated_at = "day"\nuser_id = "who"\ntimezone = "UTC"\n'
DEADLINE_SECONDS = 20.0


class Tripwire:
    """A client that does something just before one of its events goes out."""

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


@pytest.fixture
def start():
    """Start a sandbox with options, without a limit unless one is given; it is stopped after the test."""
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
    """A sandbox in which all goes well."""
    return start()


@pytest.fixture
def client(sandbox):
    """A client of the sandbox."""
    with sandbox.client() as client:
        yield client


@pytest.fixture(scope="module")
def any_client():
    """A client of a sandbox that tests share, and of which they ask nothing."""
    with Sandbox(limit=None) as shared, shared.client() as client:
        yield client


@pytest.fixture
def tripwire():
    """Return the class of clients that do something before an event."""
    return Tripwire


@pytest.fixture
def held():
    """Return what a sandbox holds: a list of contacts, sorted."""
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
def interrupt():
    """Press Ctrl-C, and return what the command says until its end."""

    def interrupt(process):
        process.send_signal(signal.SIGINT)
        return process.communicate(timeout=DEADLINE_SECONDS)

    return interrupt


@pytest.fixture
def wait_until():
    """Wait for something that another process does, with a limit."""

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
