"""A sandbox under load, and a killed one: it keeps every event that it answered."""

import contextlib
import http.client
import json
import re
import signal
import subprocess
import sys
import threading
from urllib.parse import urlsplit

import pytest

from events_pandas import Sandbox

pytestmark = pytest.mark.slow

resource = pytest.importorskip("resource", reason="there are no limits of open files here")

CONNECTIONS = 1_000
FEW_FILES = 256
THREADS = 8
HEADERS = {"Authorization": "Bearer sandbox-token", "Accept": "application/json", "Content-Type": "application/json"}

# Opens all connections before the first request, and sends two requests on each.
CROWD = """
import json, resource, socket, sys
from collections import Counter

_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def request(contact, created_at):
    body = json.dumps({"event_name": "placed-order", "created_at": created_at, "user_id": str(contact)})
    return (
        "POST /events HTTP/1.1\\r\\nHost: localhost\\r\\nAuthorization: Bearer sandbox-token\\r\\n"
        f"Accept: application/json\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n{body}"
    ).encode()


connections = [socket.create_connection((host, port), timeout=30) for _ in range(count)]
statuses = Counter()
for created_at in (1389913941, 1389913942):
    for contact, connection in enumerate(connections):
        connection.sendall(request(contact, created_at))
    for connection in connections:
        with connection.makefile("rb") as answer:
            statuses[answer.readline().split()[1].decode()] += 1
            while answer.readline().strip():
                pass
print(json.dumps(statuses))
"""


@pytest.fixture
def server_of_few_files():
    """A sandbox in a shell that allows few open files; it is killed after the test."""
    command = [sys.executable, "-m", "events_pandas", "sandbox", "--port", "0", "--limit", "0"]
    shell = ["sh", "-c", f'ulimit -Sn {FEW_FILES} && exec "$@"', "sh", *command]
    with subprocess.Popen(shell, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.fixture
def address():
    """Return the address of a command that was just started."""

    def address(process):
        return urlsplit(re.search(r"http://[\w.]+:\d+", process.stdout.readline())[0])

    return address


@pytest.fixture
def load():
    """Submit events from several threads until a connection fails; return those answered 202."""

    def load(where, *, until, then):
        accepted, is_enough = set(), threading.Event()

        def submit(first):
            # A failed connection ends the load: an event under way may be kept or not.
            with connected(where) as connection, contextlib.suppress(OSError, http.client.HTTPException):
                for contact in range(first, 1_000_000, THREADS):
                    if post(connection, contact) == 202:
                        accepted.add(str(contact))
                    if len(accepted) >= until:
                        is_enough.set()

        threads = [threading.Thread(target=submit, args=(first,), daemon=True) for first in range(THREADS)]
        for thread in threads:
            thread.start()
        assert is_enough.wait(30)
        then()
        for thread in threads:
            thread.join(30)
        return accepted

    return load


def connected(where):
    return contextlib.closing(http.client.HTTPConnection(where.hostname, where.port, timeout=20))


def post(connection, contact):
    """Submit an event of a contact, and return the status of the answer."""
    body = json.dumps({"event_name": "placed-order", "created_at": 1_389_913_941, "user_id": str(contact)})
    connection.request("POST", "/events", body, HEADERS)
    with connection.getresponse() as answer:
        answer.read()
        return answer.status


def test_sandbox_answers_a_thousand_connections(server_of_few_files, address):
    """A thousand clients at once are all answered, although the shell allows fewer open files."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < CONNECTIONS + FEW_FILES:
        pytest.skip(f"this machine allows {most:,} open files, and {CONNECTIONS:,} connections need more")
    where = address(server_of_few_files)

    crowd = subprocess.run(
        [sys.executable, "-c", CROWD, where.hostname, str(where.port), str(CONNECTIONS)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert json.loads(crowd.stdout) == {"202": 2 * CONNECTIONS}


def test_store_keeps_answered_events_when_the_sandbox_is_killed(folder, launch, address, load):
    """After kill -9 under load, the store has every event with a 202, and at most the requests in flight besides."""
    server = launch("sandbox", "--port", "0", "--limit", "0", "--store", "events.sqlite")

    accepted = load(address(server), until=500, then=server.kill)

    with Sandbox(store=folder / "events.sqlite") as sandbox:
        held = {event.contact for event in sandbox.events}
    assert server.wait(20) == -signal.SIGKILL
    assert accepted <= held
    assert len(held - accepted) <= THREADS
    assert sandbox.requests == len(sandbox.to_frame()) == len(held)
