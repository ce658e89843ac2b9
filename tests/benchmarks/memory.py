"""The most memory of a stream of 10,000, 100,000 and 1,000,000 events: flat, except for the duplicate keys.

Each size has a process of its own, which makes frames as it reads them, and drops the results. The sandbox has another
process, answers at once and has no limit. A million events take about a quarter of an hour; the arguments are other
sizes: `python memory.py 10000 300000`.

The second line is above the goal, since a process takes some megabytes once, after its first 10,000 events; the third
line shows the growth.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SIZES = (10_000, 100_000, 1_000_000)
FRAME_ROWS = 2_500  # The smallest size has several frames, so the run reads one ahead.
ROW_BYTES = 40 + 1
"""The most memory of a run for each row with dropped results: its duplicate key, and its status."""
MEGABYTE = 1_000_000
PROGRESS_SECONDS = 20.0

# Prints its address, then serves until its input ends.
SERVER = """
import json, sys
from events_pandas.sandbox import Sandbox

with Sandbox(limit=None) as sandbox:
    print(json.dumps([sandbox.url, sandbox.access_token]), flush=True)
    sys.stdin.read()
"""


def frames(rows: int) -> "Iterator[pd.DataFrame]":
    """Yield orders one second apart, so that each has a duplicate key of its own."""
    import pandas as pd  # noqa: PLC0415  # Not in the parent, since its memory would count for its children.

    for start in range(0, rows, FRAME_ROWS):
        numbers = pd.Series(range(start, min(start + FRAME_ROWS, rows)))
        yield pd.DataFrame(
            {
                "ordered_at": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(numbers, unit="s"),
                "customer_id": (314_159 + numbers % 5_000).astype(str),
                "order_no": "3434-" + numbers.astype(str),
            }
        )


def peak_bytes() -> int:
    """Return the peak memory of this process."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def submit(rows: int, url: str, access_token: str) -> None:
    """Submit events, drop their results, and print the peak memory."""
    import events_pandas as ep  # noqa: PLC0415  # Not in the parent.

    mapping = ep.EventMapping(
        event_name="placed-order",
        created_at="ordered_at",
        user_id="customer_id",
        metadata={"order_number": "order_no"},
        timezone="UTC",
    )
    done, printed_at = 0, time.monotonic()
    with ep.IntercomClient(access_token, base_url=url) as client:
        for results in ep.iter_submit(frames(rows), mapping, client=client, journal=None, progress=False):
            assert (results["status"] == "accepted").all()
            done += len(results)
            if time.monotonic() - printed_at > PROGRESS_SECONDS:
                printed_at = time.monotonic()
                print(
                    f"  {done:>9,} of {rows:,} events {peak_bytes() / MEGABYTE:>8,.0f} MB", file=sys.stderr, flush=True
                )
    assert done == rows
    print(peak_bytes())


def peak_of(rows: int, server: list[str]) -> int:
    """Return the peak memory of a process that submits events."""
    process = subprocess.run(
        [sys.executable, __file__, "submit", str(rows), *server], check=True, stdout=subprocess.PIPE, text=True
    )
    return int(process.stdout)


def main(sizes: list[int]) -> None:
    """Print a line for each size."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        server = json.loads(process.stdout.readline())
        print("Memory: the most that a stream takes whose results are dropped, and for each row beyond the first size")
        least = 0
        for rows in sizes:
            peak = peak_of(rows, server)
            least = least or peak
            grown = (peak - least) / (rows - sizes[0]) if rows > sizes[0] else 0.0
            print(
                f"{f'{rows:,} events':36} {peak / MEGABYTE:>12,.1f} MB {grown:>6.0f} bytes a row"
                f"   goal: at most {ROW_BYTES}",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["submit"]:
        submit(int(sys.argv[2]), *sys.argv[3:])
    else:
        main([int(rows) for rows in sys.argv[1:]] or list(SIZES))
