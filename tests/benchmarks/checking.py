"""The cost of a check with bad rows and with many rows: time and memory.

The rows are those of the conversion benchmark, one second apart. Memory is the peak of the process during the check,
less the memory with the frame.
"""

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from conversion import MAPPING, REPEATS, ROWS, orders

import events_pandas as ep

TIMES = 10
MEGABYTE = 10**6
BAD = {
    "placed_at": pd.NaT,
    "customer_id": "",
    "invoice": "x" * 256,
    "items": 2**60,
    "order_no": "",
    "order_url": "ftp://example.org",
    "total": -1.0,
}
"""A cell that cannot be sent, by column."""
STATUS, REFERENCES = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """The cost of a check.

    Parameters
    ----------
    seconds : float
        The best of several runs.
    bytes : int
        The peak memory beside the frame, in the first run.
    """

    seconds: float
    bytes: int


def memory_bytes(name: str) -> int:
    """Return a figure of the process's memory in Linux: VmRSS is now, VmHWM the most so far."""
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def check_cost(rows: int, bad: slice) -> Cost:
    """Check a frame several times, in a process without free memory from other work."""
    frame = orders(rows)
    spoil(frame, bad)
    # Load everything that the first use loads.
    ep.check_events(frame.head(1_000), MAPPING)
    pa.default_memory_pool().release_unused()
    # Reset the most so far.
    REFERENCES.write_text("5")
    before = memory_bytes("VmRSS")
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        # Dropped, or the next check would find it in memory.
        ep.check_events(frame, MAPPING)
        seconds.append(time.perf_counter() - start)
    return Cost(seconds=min(seconds), bytes=memory_bytes("VmHWM") - before)


def spoil(frame: pd.DataFrame, where: slice) -> None:
    """Make every column but one wrong in all rows."""
    rows = np.zeros(len(frame), dtype=bool)
    rows[where] = True
    for column, bad in BAD.items():
        frame[column] = frame[column].mask(rows, bad)


def main() -> None:
    """Print a line for each frame."""
    if not REFERENCES.exists():
        sys.exit("this benchmark reads its memory from Linux's /proc")
    frames = {
        "clean": (ROWS, slice(0)),
        "1 % of the rows bad": (ROWS, slice(None, None, 100)),
        "all rows bad": (ROWS, slice(None)),
        f"{TIMES} times the rows, clean": (TIMES * ROWS, slice(0)),
    }
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        costs = {name: pool.submit(check_cost, *frame) for name, frame in frames.items()}
        print(f"Checks of {ROWS:,} rows, the best of {REPEATS} runs; the most memory beside the frame")
        for name, cost in costs.items():
            print_cost(name, cost.result(), clean=costs["clean"].result())


def print_cost(name: str, cost: Cost, *, clean: Cost) -> None:
    """Print a line."""
    print(f"{name:36} {cost.seconds:>8.2f} s {cost.seconds / clean.seconds:>6.2f} x {cost.bytes / MEGABYTE:>8,.0f} MB")


if __name__ == "__main__":
    main()
