"""The cost of tables of other libraries: the processor time of a check, beside that of the same rows as a pandas frame.

The rows are those of the conversion benchmark, one second apart. Tables and frames are checked in turn, several times.
A query of DuckDB is compared with the pandas frame that DuckDB makes of it, and a table that is streamed with frames of
pandas that are: both are read once, so that a digest of every event is made. Tables may take at most a tenth more. The
dataset has no such limit, since its file is read, too.
"""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import GeneratorType
from typing import Any

import duckdb
import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from conversion import MAPPING, ROWS, orders

import events_pandas as ep
from events_pandas.check import chunk_bounds
from events_pandas.run.options import RunOptions
from events_pandas.run.stream_check import check_stream

ROUNDS = 9
MOST_TIMES = 1.1
UNLIMITED = "a dataset, streamed"


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
            "pandas, streamed": (lambda: parts(frame), "pandas, streamed"),
            "a reader, streamed": (table.to_reader, "pandas, streamed"),
            "a lazy frame, streamed": (polars.lazy, "pandas, streamed"),
            UNLIMITED: (lambda: ds.dataset(path), "pandas, streamed"),
        }


def parts(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Cut a frame into frames as long as the batches of a table."""
    return (frame.iloc[slice(*bounds)] for bounds in chunk_bounds(ROWS, RunOptions().chunksize))


def processor_seconds(rows: Callable[[], Any]) -> float:
    """Return the time that a check takes on all cores."""
    start = time.process_time()
    given = rows()
    report = check_stream(given, MAPPING) if isinstance(given, GeneratorType) else ep.check_events(given, MAPPING)
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
    if slow := [name for name in kinds if name != UNLIMITED and times[name] > MOST_TIMES]:
        sys.exit(f"more than {MOST_TIMES} times as much: {', '.join(slow)}")


if __name__ == "__main__":
    main()
