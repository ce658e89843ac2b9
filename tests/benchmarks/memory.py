"""The most memory that a stream takes over 10,000, 100,000 and 1,000,000 events: flat, but for the duplicate keys.

Each size has a process of its own, whose frames are made as they are read and whose results are dropped; the sandbox
has another, answers at once and has no limit. A million events take about a quarter of an hour; other sizes can be
given: `python memory.py 10000 300000`.

The second line is above the goal by what a process takes once, some megabytes after its first 10,000 events; the
third shows what grows.
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
FRAME_ROWS = 2_500  # the smallest size has several, and so the one that is looked ahead
ROW_BYTES = 40 + 1
"""What a run may take for each row whose results are dropped: in the index of duplicate keys, and for its status."""
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
    import pandas as pd  # noqa: PLC0415  # not in the parent, whose memory would count as its children's

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
    """Return the most memory that this process has had."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def submit(rows: int, url: str, access_token: str) -> None:
    """Submit so many events, drop their results, and print the most memory that it took."""
    import events_pandas as ep  # noqa: PLC0415  # likewise

    mapping = ep.EventMapping(
        event_name="placed-order",
        created_at="ordered_at",
        user_id="customer_id",
        metadata={"order_number": "order_no"},
        timezone="UTC",
    )
    done, told_at = 0, time.monotonic()
    with ep.IntercomClient(access_token, base_url=url) as client:
        for results in ep.iter_submit(frames(rows), mapping, client=client, journal=None, progress=False):
            assert (results["status"] == "accepted").all()
            done += len(results)
            if time.monotonic() - told_at > PROGRESS_SECONDS:
                told_at = time.monotonic()
                print(
                    f"  {done:>9,} of {rows:,} events {peak_bytes() / MEGABYTE:>8,.0f} MB", file=sys.stderr, flush=True
                )
    assert done == rows
    print(peak_bytes())


def peak_of(rows: int, server: list[str]) -> int:
    """Return the most memory that a process for so many events took."""
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
