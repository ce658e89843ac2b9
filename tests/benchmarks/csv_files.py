"""CSV files: a check of one, beside what pandas and pyarrow need to read it as text.

The rows are those of the conversion benchmark, written as several programs write them. Each reading has its turn in
every round, so that all of them see the same machine.
"""

import csv
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
READING = "import sys, pandas; pandas.read_csv(sys.argv[1], dtype=str)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """A CSV file as programs write it.

    Parameters
    ----------
    name : str
        What is special about it.
    written : dict
        The options of `DataFrame.to_csv`.
    read : dict
        The options of `pandas.read_csv` beside ``dtype=str``.
    suffix : str
        The end of the file's name.
    """

    name: str
    written: dict[str, Any]
    read: dict[str, Any]
    suffix: str = ".csv"


EXPORTS = (
    Export(name="all cells quoted", written={"quoting": csv.QUOTE_ALL}, read={}),
    Export(name="quoted, semicolons", written={"quoting": csv.QUOTE_ALL, "sep": ";"}, read={"sep": ";"}),
    Export(name="UTF-16", written={"encoding": "utf-16"}, read={"encoding": "utf-16"}),
    Export(
        name="Latin-1, ; and decimal commas",
        written={"encoding": "latin-1", "sep": ";", "decimal": ","},
        read={"encoding": "latin-1", "sep": ";"},
    ),
    Export(name="gzip", written={"compression": "gzip"}, read={}, suffix=".csv.gz"),
)


def main() -> None:
    """Print a line for each reading of a plain file, and two for each other file."""
    frame = orders(ROWS)
    with tempfile.TemporaryDirectory() as folder:
        path, mapping = Path(folder, "orders.csv"), Path(folder, "mapping.toml")
        frame.to_csv(path, index=False)
        mapping.write_text(MAPPING.to_toml())
        print(f"A CSV file of {ROWS:,} rows; the best of {REPEATS} rounds, and how many times as fast as pandas")
        tell(
            {
                "pandas.read_csv(dtype=str)": lambda: pd.read_csv(path, dtype=str),
                "pyarrow.csv.read_csv, all columns text": lambda: read_with_pyarrow(path),
                "survey: form and number of rows": lambda: row_count(*source_files(unknown(path))),
                "frames of text, with the survey": lambda: read_frames(unknown(path)),
                "check_file": lambda: ep.check_file(unknown(path), MAPPING),
            }
        )
        print("The same as processes, with the start of the interpreter")
        tell(
            {
                "pandas.read_csv(dtype=str)": lambda: run("-c", READING, str(path)),
                "events-pandas check": lambda: run(
                    "-m", "events_pandas", "check", str(unknown(path)), "--mapping", str(mapping)
                ),
            }
        )
        # Letters beyond ASCII, or every encoding would be the same.
        frame["invoice"] = frame["invoice"].str.replace("inv_", "Nº ")
        for number, export in enumerate(EXPORTS):
            tell_export(frame, export, Path(folder, f"{number}{export.suffix}"))
    print(f"goal of check_file: at least {LEAST_TIMES} x, about {LEAST_ROWS_PER_SECOND / 1e6} M rows/s")


def tell_export(frame: pd.DataFrame, export: Export, path: Path) -> None:
    """Write a file, and print how fast it is read and checked."""
    frame.to_csv(path, index=False, **export.written)
    print(f"The same rows: {export.name}")
    tell(
        {
            "pandas.read_csv(dtype=str)": lambda: pd.read_csv(path, dtype=str, **export.read),
            "check_file": lambda: ep.check_file(unknown(path), MAPPING),
        }
    )


def tell(readings: dict[str, Callable[[], object]]) -> None:
    """Print a line for each reading, beside the first."""
    best = best_seconds(readings)
    first, first_cpu = next(iter(best.values()))
    for name, (seconds, cpu_seconds) in best.items():
        print(
            f"{name:40} {seconds:>7.2f} s {ROWS / seconds / 1e6:>6.2f} M rows/s {first / seconds:>6.2f} x"
            f" {cpu_seconds:>7.2f} s CPU {first_cpu / cpu_seconds:>6.2f} x",
            flush=True,
        )


def unknown(path: Path) -> Path:
    """Return the path of a file whose form is not known: it has another time, long enough ago to be remembered."""
    modified = next(TIMES)
    os.utime(path, (modified, modified))
    return path


def run(*arguments: str) -> None:
    """Run Python in a process of its own."""
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


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
