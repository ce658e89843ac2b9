"""The cost of tables of other libraries: the processor time of a check, beside that of the same rows as a pandas frame.

The rows are those of the conversion benchmark, one second apart. Tables and frames are checked in turn, several times.
A query of DuckDB is compared with the pandas frame that DuckDB makes of it. Tables that are held may take at most a
tenth more than frames; those that are streamed keep a digest of each row's content, since they are read once.
"""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import narwhals as nw
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from conversion import MAPPING, ROWS, orders

import events_pandas as ep

ROUNDS = 7
MOST_TIMES = 1.1


@contextmanager
def tables() -> Iterator[dict[str, tuple[Callable[[], Any], str]]]:
    """Return what makes the rows of each kind, and with which kind they are compared."""
    frame = orders(ROWS)
    table, polars = pa.Table.from_pandas(frame, preserve_index=False), pl.from_pandas(frame)
    with TemporaryDirectory() as folder, duckdb.connect() as connection:
        path = Path(folder) / "orders.parquet"
        pq.write_table(table, path, compression="none")
        relation = connection.from_arrow(table)
        yield {
            "pandas": (lambda: frame, "pandas"),
            "pyarrow": (lambda: table, "pandas"),
            "Polars": (lambda: polars, "pandas"),
            "Narwhals": (lambda: nw.from_native(polars), "pandas"),
            "DuckDB, its own frame": (relation.df, "DuckDB, its own frame"),
            "DuckDB": (lambda: relation, "DuckDB, its own frame"),
            "a reader, streamed": (table.to_reader, "a reader, streamed"),
            "a lazy frame, streamed": (polars.lazy, "a reader, streamed"),
            "a dataset, streamed": (lambda: ds.dataset(path), "a reader, streamed"),
        }


def processor_seconds(rows: Callable[[], Any]) -> float:
    """Return the time that a check takes on all cores."""
    start = time.process_time()
    report = ep.check_events(rows(), MAPPING)
    assert report.valid == ROWS
    return time.process_time() - start


def main() -> None:
    """Print a line for each kind."""
    with tables() as kinds:
        costs = dict.fromkeys(kinds, math.inf)
        for _ in range(ROUNDS):
            costs = {name: min(costs[name], processor_seconds(rows)) for name, (rows, _) in kinds.items()}
    print(f"Checks of {ROWS:,} rows, processor time, the best of {ROUNDS} runs")
    times = {name: costs[name] / costs[other] for name, (_, other) in kinds.items()}
    for name, (_, other) in kinds.items():
        print(f"{name:24} {costs[name]:>6.2f} s {times[name]:>6.2f} x {other}")
    if slow := [name for name in ("pyarrow", "Polars", "Narwhals", "DuckDB") if times[name] > MOST_TIMES]:
        sys.exit(f"more than {MOST_TIMES} times as much: {', '.join(slow)}")


if __name__ == "__main__":
    main()
