"""CSV files: a check of one, beside what pandas and pyarrow need to read it as text.

The rows are those of the conversion benchmark. Each reading has its turn in every round, so that all of them see the
same machine.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
from conversion import MAPPING, REPEATS, ROWS, orders
from events_pandas.cli.files import check_files

from events_pandas.sources import read_chunks, row_count, source_files

CHUNKSIZE = 2**16


def main() -> None:
    """Print a line for each reading."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "orders.csv")
        orders(ROWS).to_csv(path, index=False)
        quoted = Path(folder, "quoted.csv")
        orders(ROWS).to_csv(quoted, index=False, quoting=1, sep=";")
        readings = {
            "pandas.read_csv(dtype=str)": lambda: pd.read_csv(path, dtype=str),
            "pyarrow.csv.read_csv, all columns text": lambda: read_with_pyarrow(path),
            "survey: form and number of rows": lambda: row_count(*source_files(fresh(path))),
            "frames of text, with the survey": lambda: read_frames(fresh(path)),
            "check": lambda: check_files([fresh(path)], MAPPING),
            "frames of text, all cells quoted": lambda: read_frames(fresh(quoted)),
            "check, all cells quoted": lambda: check_files([fresh(quoted)], MAPPING),
        }
        best = best_seconds(readings)
    first = best["pandas.read_csv(dtype=str)"]
    print(f"A CSV file of {ROWS:,} rows; the best of {REPEATS} rounds, and how many times as fast as pandas")
    for name, (seconds, cpu_seconds) in best.items():
        rate = ROWS / seconds / 1e6
        print(
            f"{name:40} {seconds:>7.2f} s {rate:>6.2f} M rows/s {first[0] / seconds:>6.2f} x {cpu_seconds:>7.2f} s CPU"
        )


def fresh(path: Path) -> Path:
    """Return the path of a file that was written just now, whose form is not known yet."""
    path.touch()
    return path


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
            start, cpu_start = time.perf_counter(), time.process_time()
            read()
            seconds[name].append((time.perf_counter() - start, time.process_time() - cpu_start))
    return {name: (min(time for time, _ in times), min(cpu for _, cpu in times)) for name, times in seconds.items()}


if __name__ == "__main__":
    main()
