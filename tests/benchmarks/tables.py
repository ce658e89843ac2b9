"""The cost of tables of other libraries: the processor time of a check, beside that of the same rows as a pandas frame.

The rows are those of the conversion benchmark, one second apart. Tables and frames are checked in turn, several times,
and each report is shown, which counts the contacts. A table in memory is compared with the pandas frame that is held,
a query of DuckDB with the pandas frame that DuckDB makes of it. Neither may take more than a tenth more.

The same is asked of a table that is streamed. Its rows come once, but those that share their event are compared: of
four million rows about half are in memory until then, and half in a temporary file. Tables that come from a file are
compared with the frame that is held, which says what reading takes, and with the frame that pandas reads from the same
file, which a user of pandas would check: the limit is for that.
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
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from conversion import MAPPING, ROWS, orders

import events_pandas as ep

ROUNDS = 9
MOST_TIMES = 1.1
SMALL_BATCH = 10_000
LARGE_ROWS = 4_000_000
FRAME = "pandas"
LARGE_FRAME = "pandas, 4 million rows"
READ_FRAME = "pandas, read from a file"
QUERY = "DuckDB, its own frame"


class Kind(NamedTuple):
    """A kind of table, and with what it is compared."""

    rows: Callable[[], Any]
    other: str = FRAME  # a table that may take so much time that this one takes at most a tenth more
    beside: str = ""  # another one, of which no limit is known


@contextmanager
def tables() -> Iterator[dict[str, Kind]]:
    """Return what makes the rows of each kind."""
    frame, large = orders(ROWS), orders(LARGE_ROWS)
    table, polars = arrow_table(frame), pl.from_pandas(frame)
    large_batches = [arrow_table(large[start : start + ROWS]) for start in range(0, LARGE_ROWS, ROWS)]
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
            READ_FRAME: Kind(lambda: pd.read_parquet(path, dtype_backend="pyarrow"), READ_FRAME, FRAME),
            "a lazy frame of the file": Kind(lambda: pl.scan_parquet(path), READ_FRAME, FRAME),
            "a dataset of the file": Kind(lambda: ds.dataset(path), READ_FRAME, FRAME),
            LARGE_FRAME: Kind(lambda: large, LARGE_FRAME),
            "a reader of as many": Kind(pa.concat_tables(large_batches).to_reader, LARGE_FRAME),
        }


def arrow_table(frame: pd.DataFrame) -> pa.Table:
    """Return the rows of a frame as a table of Arrow."""
    return pa.Table.from_pandas(frame, preserve_index=False)


def processor_seconds(rows: Callable[[], Any]) -> float:
    """Return the time that a check takes on all cores, until its report is shown."""
    start = time.process_time()
    report = ep.check_events(rows(), MAPPING)
    assert str(report).startswith(f"{report.rows:,} rows: {report.rows:,} valid")
    return time.process_time() - start


def main() -> None:
    """Print a line for each comparison."""
    with tables() as kinds:
        costs = dict.fromkeys(kinds, math.inf)
        for _ in range(ROUNDS):
            costs = {name: min(costs[name], processor_seconds(kind.rows)) for name, kind in kinds.items()}
    print(f"Checks of {ROWS:,} rows, processor time, the best of {ROUNDS} runs")
    for name, kind in kinds.items():
        goal = "" if kind.other == name else f"goal: at most {MOST_TIMES}"
        times = costs[name] / costs[kind.other]
        print(f"{name:24} {costs[name]:>6.2f} s {times:>6.2f} x {kind.other:24} {goal}".rstrip())
        if kind.beside:
            print(f"{'':33} {costs[name] / costs[kind.beside]:>6.2f} x {kind.beside}")
    if slow := [name for name, kind in kinds.items() if costs[name] > MOST_TIMES * costs[kind.other]]:
        sys.exit(f"too much: {', '.join(slow)}")


if __name__ == "__main__":
    main()
