"""The cost of a check of a Parquet file that is not held: time, and memory beside the interpreter with its libraries.

The rows are those of the conversion benchmark, one second apart: ten million of them are about a gigabyte, written to a
temporary folder. Each size is checked in a process of its own. The arguments are other sizes:
`python checking_files.py 100000 1000000`.
"""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
from checking import MEGABYTE, REFERENCES, memory_bytes
from conversion import MAPPING, REPEATS, orders

import events_pandas as ep

SIZES = (1_000_000, 10_000_000)
GROUP_ROWS = 1_000_000
"""Rows that are written at a time, in a row group."""
MOST_BYTES = 500 * MEGABYTE
FEWEST_ROWS_PER_SECOND = 1_500_000
MOST_TIMES = 1.2
"""Ten times as many rows may take twelve times as long."""


def write(path: Path, rows: int) -> None:
    """Write orders to a Parquet file without compression."""
    schema = pa.Schema.from_pandas(orders(1), preserve_index=False)
    with pq.ParquetWriter(path, schema, compression="none") as file:
        for start in range(0, rows, GROUP_ROWS):
            part = orders(min(GROUP_ROWS, rows - start), start=start)
            file.write_table(pa.Table.from_pandas(part, schema=schema, preserve_index=False))


def check(path: str, small: str) -> None:
    """Check a file several times, and print the best time in seconds and the most memory."""
    # Load everything that the first use loads.
    ep.check_file(small, MAPPING)
    pa.default_memory_pool().release_unused()
    # Reset the most so far.
    REFERENCES.write_text("5")
    before = memory_bytes("VmRSS")
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        report = ep.check_file(path, MAPPING)
        seconds.append(time.perf_counter() - start)
        assert report.valid == report.rows == report.requests
    print(min(seconds), memory_bytes("VmHWM") - before)


def cost(path: Path, small: Path) -> tuple[float, int]:
    """Return what `check` prints in a process without memory from other work."""
    command = [sys.executable, __file__, "check", str(path), str(small)]
    process = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    seconds, most = process.stdout.split()
    return float(seconds), int(most)


def main(sizes: list[int]) -> None:
    """Print a line for each size."""
    if not REFERENCES.exists():
        sys.exit("this benchmark reads its memory from Linux's /proc")
    print(f"Checks of Parquet files, the best of {REPEATS} runs; the most memory beside the interpreter")
    least = 0.0
    with TemporaryDirectory() as folder:
        small, path = Path(folder, "small.parquet"), Path(folder, "orders.parquet")
        write(small, 1_000)
        for rows in sizes:
            write(path, rows)
            seconds, most = cost(path, small)
            least = least or seconds / rows
            print(
                f"{f'{rows:,} rows, {path.stat().st_size / MEGABYTE:,.0f} MB':36} {seconds:>8.2f} s"
                f" {rows / seconds:>12,.0f} rows/s {seconds / rows / least:>6.2f} x a row"
                f" {most / MEGABYTE:>8,.0f} MB",
                flush=True,
            )
    print(
        f"goal: at least {FEWEST_ROWS_PER_SECOND:,} rows/s, at most {MOST_TIMES} x a row, "
        f"at most {MOST_BYTES / MEGABYTE:,.0f} MB"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["check"]:
        check(*sys.argv[2:])
    else:
        main([int(rows) for rows in sys.argv[1:]] or list(SIZES))
