"""CSV files: a check of one, beside what pandas and pyarrow need to read it as text.

The rows are those of the conversion benchmark. Each reading has its turn in every round, so that all of them see the
same machine. The command is a process of its own, with the start of the interpreter.
"""

import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
from conversion import MAPPING, REPEATS, ROWS, orders

import events_pandas as ep
from events_pandas.sources import read_chunks, row_count, source_files

CHUNKSIZE = 2**15
LEAST_TIMES = 1.3
LEAST_ROWS_PER_SECOND = 1_000_000
TIMES = itertools.count(1_700_000_000)


def main() -> None:
    """Print a line for each reading."""
    with tempfile.TemporaryDirectory() as folder:
        path, quoted, mapping = (Path(folder, name) for name in ("orders.csv", "quoted.csv", "mapping.toml"))
        orders(ROWS).to_csv(path, index=False)
        orders(ROWS).to_csv(quoted, index=False, quoting=1, sep=";")
        mapping.write_text(MAPPING.to_toml())
        readings = {
            "pandas.read_csv(dtype=str)": lambda: pd.read_csv(path, dtype=str),
            "pyarrow.csv.read_csv, all columns text": lambda: read_with_pyarrow(path),
            "survey: form and number of rows": lambda: row_count(*source_files(unknown(path))),
            "frames of text, with the survey": lambda: read_frames(unknown(path)),
            "check_file": lambda: ep.check_file(unknown(path), MAPPING),
            "events-pandas check": lambda: run_check(unknown(path), mapping),
            "frames of text, all cells quoted": lambda: read_frames(unknown(quoted)),
            "check_file, all cells quoted": lambda: ep.check_file(unknown(quoted), MAPPING),
        }
        best = best_seconds(readings)
    first = best["pandas.read_csv(dtype=str)"]
    print(f"A CSV file of {ROWS:,} rows; the best of {REPEATS} rounds, and how many times as fast as pandas")
    for name, (seconds, cpu_seconds) in best.items():
        rate = ROWS / seconds / 1e6
        print(
            f"{name:40} {seconds:>7.2f} s {rate:>6.2f} M rows/s {first[0] / seconds:>6.2f} x {cpu_seconds:>7.2f} s CPU"
        )
    print(f"goal of check_file: at least {LEAST_TIMES} x, about {LEAST_ROWS_PER_SECOND / 1e6} M rows/s")


def unknown(path: Path) -> Path:
    """Return the path of a file whose form is not known: it has another time, long enough ago to be remembered."""
    modified = next(TIMES)
    os.utime(path, (modified, modified))
    return path


def run_check(path: Path, mapping: Path) -> None:
    """Check a file with the command."""
    command = [sys.executable, "-m", "events_pandas", "check", str(path), "--mapping", str(mapping)]
    subprocess.run(command, check=True, capture_output=True)


def read_with_pyarrow(path: Path) -> pa.Table:
    """Read a file as text."""
    names = path.open().readline().strip().split(",")
    options = pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    return pacsv.read_csv(path, convert_options=options)


def read_frames(path: Path) -> None:
    """Read the frames of a file."""
    for _ in read_chunks(*source_files(path), MAPPING, chunksize=CHUNKSIZE):
        pass


def best_seconds(readings: dict[str, Callable[[], object]]) -> dict[str, tuple[float, float]]:
    """Return the least time of each reading, and the least time of all cores together."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in readings}
    for _ in range(REPEATS):
        for name, read in readings.items():
            start, cpu_start = time.perf_counter(), processor_seconds()
            read()
            seconds[name].append((time.perf_counter() - start, processor_seconds() - cpu_start))
    return {name: (min(time for time, _ in times), min(cpu for _, cpu in times)) for name, times in seconds.items()}


def processor_seconds() -> float:
    """Return the processor time of this process and of those that it has run."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()
