"""Submission to a sandbox with 80 ms of latency and no limit: events a second, and processor time an event.

The processor time stands beside that of Intercom's own client for Python, in one run: the same sandbox, the same
events, the same number of threads. The sandbox runs in a process of its own, so the time is only that of the clients.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pandas as pd
from intercom import CreateDataEventRequestWithUserId, Intercom

import events_pandas as ep

ROWS = 20_000
COMPARED_ROWS = 8_000
THREADS = 32
LATENCY_SECONDS = 0.08
LEAST_RATE = 900
LARGEST_SHARE = 0.6

# Prints its address, then serves until its input ends.
SERVER = f"""
import json, sys
from events_pandas.sandbox import Faults, Sandbox

with Sandbox(faults=Faults(latency_seconds={LATENCY_SECONDS}), limit=None) as sandbox:
    print(json.dumps([sandbox.url, sandbox.access_token]), flush=True)
    sys.stdin.read()
"""

MAPPING = ep.EventMapping(
    event_name="placed-order",
    created_at="ordered_at",
    user_id="customer_id",
    metadata={"order_number": "order_no"},
    timezone="UTC",
)


def orders(rows: int) -> pd.DataFrame:
    """Return orders one second apart."""
    numbers = pd.Series(range(rows))
    return pd.DataFrame(
        {
            "ordered_at": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(numbers, unit="s"),
            "customer_id": (314_159 + numbers % 5_000).astype(str),
            "order_no": "3434-" + numbers.astype(str),
        }
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """The address of the sandbox, and its token."""

    url: str
    access_token: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """The cost of an event."""

    seconds: float
    processor_seconds: float


@contextlib.contextmanager
def sandbox() -> Iterator[Server]:
    """Start the sandbox's process, and stop it at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url, access_token = json.loads(process.stdout.readline())
        # Leaving the block closes the server's input, which ends the server.
        yield Server(url=url, access_token=access_token)


def cost(submit: Callable[[pd.DataFrame], None], frame: pd.DataFrame) -> Cost:
    """Measure the submission of a frame."""
    start, processor_start = time.perf_counter(), time.process_time()
    submit(frame)
    return Cost(
        seconds=(time.perf_counter() - start) / len(frame),
        processor_seconds=(time.process_time() - processor_start) / len(frame),
    )


def ours(server: Server, concurrency: int | None) -> Callable[[pd.DataFrame], None]:
    """Return a function that submits a frame with this package."""

    def submit(frame: pd.DataFrame) -> None:
        with ep.IntercomClient(server.access_token, base_url=server.url) as client:
            options = {"client": client, "concurrency": concurrency, "journal": None, "progress": False}
            results = ep.submit_events(frame, MAPPING, **options)
        assert (results["status"] == "accepted").all()

    return submit


def theirs(server: Server) -> Callable[[pd.DataFrame], None]:
    """Return a function that submits a frame with Intercom's own client, one for all threads, at its best."""

    def request(order: tuple[pd.Timestamp, str, str]) -> CreateDataEventRequestWithUserId:
        ordered_at, customer, number = order
        return CreateDataEventRequestWithUserId(
            event_name="placed-order",
            created_at=int(ordered_at.timestamp()),
            user_id=customer,
            metadata={"order_number": number},
        )

    def submit(frame: pd.DataFrame) -> None:
        # By default it keeps 20 connections, and would open a new one for every request of the other threads.
        limits = httpx.Limits(max_connections=THREADS, max_keepalive_connections=THREADS)
        with httpx.Client(limits=limits, timeout=60) as connections, ThreadPoolExecutor(THREADS) as threads:
            client = Intercom(base_url=server.url, token=server.access_token, httpx_client=connections)
            for _ in threads.map(
                lambda event: client.events.create(request=event), map(request, frame.itertuples(index=False))
            ):
                pass

    return submit


def main() -> None:
    """Print the cost of a run."""
    with sandbox() as server:
        ceiling = cost(ours(server, None), orders(ROWS))
        print(f"Submission: {ROWS:,} events, {LATENCY_SECONDS * 1000:.0f} ms latency, no limit")
        print(f"{'events a second':36} {1 / ceiling.seconds:>12,.0f}      goal: at least {LEAST_RATE}")
        print(f"{'processor time an event':36} {ceiling.processor_seconds * 1000:>12.2f} ms", flush=True)
        frame = orders(COMPARED_ROWS)
        # Both in one process that has loaded what they need, except for the modules that a first request loads.
        costs = {"events_pandas": cost(ours(server, THREADS), frame), "python-intercom": cost(theirs(server), frame)}
    share = costs["events_pandas"].processor_seconds / costs["python-intercom"].processor_seconds
    print(f"Processor time an event: {COMPARED_ROWS:,} events, {THREADS} threads")
    for name, each in costs.items():
        print(f"{name:36} {each.processor_seconds * 1000:>12.2f} ms {1 / each.seconds:>8,.0f} events/s")
    print(f"{'ours of theirs':36} {share:>12.0%}    goal: at most {LARGEST_SHARE:.0%}")


if __name__ == "__main__":
    main()
