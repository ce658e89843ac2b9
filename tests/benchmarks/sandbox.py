"""The sandbox under load: events a second, memory and disk an event, a thousand connections, and its start.

The sandbox runs in a process of its own, as the command does. The load comes from this process: each connection stays
open, and sends its next request after the answer to the last. Requests are made before the clock starts.
"""

import asyncio
import contextlib
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

EVENTS = 1_000_000
STORED_EVENTS = 200_000
# The number of requests that are made in advance.
SLICE = 50_000
WARM_UP = 2_000
CONNECTIONS = 64
MANY_CONNECTIONS = 1_000
MANY_EVENTS = 20_000
CONTACTS = 50_000
NAMES = ("placed-order", "returned-order", "paid-invoice", "opened-account", "invited-colleague")
FIRST_SECOND = 1_600_000_000
REPEATS = 5
ACCESS_TOKEN = "sandbox-token"
ACCEPTED = b"HTTP/1.1 202 "
END_OF_HEADERS = b"\r\n\r\n"
# An installed package has bytecode, so the first round writes it, with any environment.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
COMMAND = (sys.executable, "-m", "events_pandas", "sandbox", "--port", "0")

# Measured inside: the figure is that of the package's import.
START_PROGRAM = """
import time
import events_pandas as ep
start = time.perf_counter()
sandbox = ep.Sandbox()
sandbox.start()
print(time.perf_counter() - start)
sandbox.stop()
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A sandbox in a process of its own."""

    pid: int
    host: str
    port: int

    def memory_bytes(self) -> int:
        """Return the present memory of the process, as Linux reports it."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB$", status, flags=re.MULTILINE)[1]) * 1024


@contextlib.contextmanager
def server(*options: str) -> Iterator[Server]:
    """Run the command, and stop it at the end."""
    with subprocess.Popen([*COMMAND, *options], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        address = urlsplit(re.search(r"http://[\w.]+:\d+", process.stdout.readline())[0])
        try:
            yield Server(pid=process.pid, host=address.hostname, port=address.port)
        finally:
            process.terminate()


def http_request(line: str, body: bytes = b"") -> bytes:
    """Return a request as the bytes on the wire."""
    headers = (
        f"{line} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {ACCESS_TOKEN}",
        "Accept: application/json",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(headers).encode() + END_OF_HEADERS + body


def submission(number: int) -> bytes:
    """Return the submission of a unique event: one of many contacts, at a second of its own."""
    event = {
        "event_name": NAMES[number % len(NAMES)],
        "created_at": FIRST_SECOND + 60 * number,
        "user_id": str(number % CONTACTS),
        "metadata": {
            "order_date": FIRST_SECOND + 60 * number,
            "stripe_invoice": f"inv_{3_434_343_434 + number}",
            "order_number": {"value": f"3434-{number}", "url": f"https://example.org/orders/3434-{number}"},
            "price": {"amount": 100 + number % 100_000, "currency": "eur"},
        },
    }
    return http_request("POST /events", json.dumps(event, separators=(",", ":")).encode())


class Sender(asyncio.Protocol):
    """One connection: it sends a request, waits for the answer, and sends the next until the last one."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self._requests = requests
        self._answer = b""
        self._accepted = 0
        self.accepted = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Keep the connection."""
        self._transport = transport

    def send(self) -> None:
        """Send the next request, or close the connection."""
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Send the next request when the answer is complete: an accepted event is answered without a body."""
        self._answer += data
        if not self._answer.startswith(ACCEPTED):
            self._transport.abort()
        elif self._answer.endswith(END_OF_HEADERS):
            self._answer = b""
            self._accepted += 1
            self.send()

    def connection_lost(self, _error: Exception | None) -> None:
        """Report the number of accepted events."""
        self.accepted.set_result(self._accepted)


async def accepted_seconds(address: Server, requests: list[bytes], *, connections: int) -> float:
    """Send requests over connections that are all open before the first; return the time until all are accepted."""
    loop, left = asyncio.get_running_loop(), iter(requests)
    opened = (loop.create_connection(lambda: Sender(left), address.host, address.port) for _ in range(connections))
    senders = [sender for _, sender in await asyncio.gather(*opened)]
    start = time.perf_counter()
    for sender in senders:
        sender.send()
    accepted = sum(await asyncio.gather(*(sender.accepted for sender in senders)))
    seconds = time.perf_counter() - start
    if accepted != len(requests):
        sys.exit(f"of {len(requests):,} events {accepted:,} were accepted")
    return seconds


def load(address: Server, numbers: range, *, connections: int = CONNECTIONS) -> float:
    """Submit the events of these numbers; return the number of accepted events a second."""
    seconds = 0.0
    for start in range(numbers.start, numbers.stop, SLICE):
        requests = [submission(number) for number in range(start, min(start + SLICE, numbers.stop))]
        seconds += asyncio.run(accepted_seconds(address, requests, connections=connections))
    return len(numbers) / seconds


def measure_memory() -> None:
    """Print the rate of a million events in memory, and their size."""
    with server("--limit", "0") as address:
        load(address, range(WARM_UP))
        before = address.memory_bytes()
        rate = load(address, range(WARM_UP, WARM_UP + EVENTS))
        print_line("events a second", rate, goal="at least 3,000")
        print_line("bytes of memory an event", (address.memory_bytes() - before) / EVENTS, goal="at most 1,000")


def measure_store() -> None:
    """Print the rate of events in a file, and their size."""
    with tempfile.TemporaryDirectory() as folder:
        with server("--limit", "0", "--store", str(Path(folder) / "events.sqlite")) as address:
            rate = load(address, range(STORED_EVENTS))
        stored = sum(path.stat().st_size for path in Path(folder).iterdir())
    print_line("kept in a file: events a second", rate, goal="at least 3,000")
    print_line("kept in a file: bytes an event", stored / STORED_EVENTS, goal="at most 1,000")


def measure_connections() -> None:
    """Print the rate over many connections at once."""
    with server("--limit", "0") as address:
        rate = load(address, range(MANY_EVENTS), connections=MANY_CONNECTIONS)
    print_line(f"{MANY_CONNECTIONS:,} connections: events a second", rate, goal="all are answered")


def start_milliseconds() -> float:
    """Return the start time of a sandbox in a process that has imported the package."""
    process = subprocess.run(
        [sys.executable, "-c", START_PROGRAM], check=True, capture_output=True, env=ENVIRONMENT, text=True
    )
    return float(process.stdout) * 1000


def command_milliseconds() -> float:
    """Return the time from the start of the command to the first answer."""
    start = time.perf_counter()
    with server() as address, socket.create_connection((address.host, address.port)) as connection:
        connection.sendall(http_request("GET /me"))
        connection.recv(1)
        return (time.perf_counter() - start) * 1000


def measure_start() -> None:
    """Print the start times of the sandbox: the first of several rounds warms the caches."""
    for name, milliseconds in {"Sandbox().start()": start_milliseconds, "the command": command_milliseconds}.items():
        median = statistics.median([milliseconds() for _ in range(REPEATS + 1)][1:])
        print_line(f"{name}: ms to start", median, goal="under 500")


def print_line(name: str, value: float, *, goal: str) -> None:
    """Print a line."""
    print(f"{name:36} {value:>12,.0f}   goal: {goal}", flush=True)


def main() -> None:
    """Print a line for each figure."""
    # A thousand connections are a thousand open files, here and in the sandbox, which would also raise its own limit.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    body = len(submission(0).partition(END_OF_HEADERS)[2])
    print(f"Sandbox: {EVENTS:,} events of {body} bytes over {CONNECTIONS} connections ({STORED_EVENTS:,} into a file)")
    measure_memory()
    measure_store()
    measure_connections()
    measure_start()


if __name__ == "__main__":
    main()
