"""Submission to a sandbox that answers after 80 ms and has no limit: events a second, and processor time an event.

The sandbox runs in a process of its own, so that the client's processor time is the client's alone.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pandas as pd

import events_pandas as ep

ROWS = 20_000
LATENCY_SECONDS = 0.08

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


@contextlib.contextmanager
def sandbox_client() -> Iterator[ep.IntercomClient]:
    """Start the sandbox's process, and stop it at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url, access_token = json.loads(process.stdout.readline())
        # Leaving the outer block closes the server's input, which ends it.
        with contextlib.closing(ep.IntercomClient(access_token, base_url=url)) as client:
            yield client


def main() -> None:
    """Print what a run costs."""
    frame = orders(ROWS)
    with sandbox_client() as client:
        start, processor_start = time.perf_counter(), time.process_time()
        results = ep.submit_events(frame, MAPPING, client=client, progress=False)
        seconds, processor_seconds = time.perf_counter() - start, time.process_time() - processor_start
    assert (results["status"] == "accepted").all()
    print(f"Submission: {ROWS:,} events, {LATENCY_SECONDS * 1000:.0f} ms latency, no limit")
    print(f"{'events a second':36} {ROWS / seconds:>12,.0f}")
    print(f"{'processor time an event':36} {processor_seconds / ROWS * 1000:>12.2f} ms")


if __name__ == "__main__":
    main()
