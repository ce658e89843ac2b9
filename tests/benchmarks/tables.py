"""The cost of tables of other libraries: the processor time of a check, beside that of the same rows as a pandas frame.

The rows are those of the conversion benchmark, one second apart. Tables and frames are checked in turn, several times,
and each report is shown, which counts the contacts. A query of DuckDB is compared with the pandas frame that DuckDB
makes of it, everything else with the pandas frame that is held. A table in memory may take at most a tenth more.

The same is asked of a table that is streamed, which takes more today: this ends with an error that names those. Its
rows come once, but those that share their event are compared: all of them are written to a temporary file, which takes
about 0.06 s for the 130 MB of a million rows. The texts of Polars are made those of Arrow, too. Small batches take
still more, since each of their columns is put together. The dataset has no limit: its Parquet file is decoded, too.
"""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import duckdb
import narwhals as nw
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from conversion import MAPPING, ROWS, orders

import events_pandas as ep

ROUNDS = 9
MOST_TIMES = 1.1
SMALL_BATCH = 10_000
FRAME = "pandas"
QUERY = "DuckDB, its own frame"


class Kind(NamedTuple):
    """A kind of table, and with what it is compared."""

    rows: Callable[[], Any]
    other: str = FRAME
    most_times: float = MOST_TIMES


@contextmanager
def tables() -> Iterator[dict[str, Kind]]:
    """Return what makes the rows of each kind."""
    frame = orders(ROWS)
    table, polars = pa.Table.from_pandas(frame, preserve_index=False), pl.from_pandas(frame)
    with TemporaryDirectory() as folder, duckdb.connect() as connection:
        path = Path(folder) / "orders.parquet"
        pq.write_table(table, path, compression="none")
        relation = connection.from_arrow(table)
        yield {
            FRAME: Kind(lambda: frame),
            "pyarrow": Kind(lambda: table),
            "Polars": Kind(lambda: polars),
            "Narwhals": Kind(lambda: nw.from_native(polars)),
            QUERY: Kind(relation.df, QUERY),
            "DuckDB": Kind(lambda: relation, QUERY),
            "DuckDB, streamed": Kind(relation.to_arrow_reader, QUERY),
            "a reader, streamed": Kind(table.to_reader),
            "one of small batches": Kind(lambda: table.to_reader(max_chunksize=SMALL_BATCH)),
            "a lazy frame, streamed": Kind(polars.lazy),
            "a dataset, streamed": Kind(lambda: ds.dataset(path), most_times=math.inf),
        }


def processor_seconds(rows: Callable[[], Any]) -> float:
    """Return the time that a check takes on all cores, until its report is shown."""
    start = time.process_time()
    report = ep.check_events(rows(), MAPPING)
    assert str(report).startswith(f"{ROWS:,} rows: {ROWS:,} valid")
    return time.process_time() - start


def main() -> None:
    """Print a line for each kind."""
    with tables() as kinds:
        costs = dict.fromkeys(kinds, math.inf)
        for _ in range(ROUNDS):
            costs = {name: min(costs[name], processor_seconds(kind.rows)) for name, kind in kinds.items()}
    print(f"Checks of {ROWS:,} rows, processor time, the best of {ROUNDS} runs")
    times = {name: costs[name] / costs[kind.other] for name, kind in kinds.items()}
    for name, kind in kinds.items():
        goal = "" if math.isinf(kind.most_times) else f"goal: at most {kind.most_times}"
        print(f"{name:24} {costs[name]:>6.2f} s {times[name]:>6.2f} x {kind.other:24} {goal}".rstrip())
    if slow := [name for name, kind in kinds.items() if times[name] > kind.most_times]:
        sys.exit(f"too much: {', '.join(slow)}")


if __name__ == "__main__":
    main()
