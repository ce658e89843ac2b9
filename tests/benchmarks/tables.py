"""The cost of tables of other libraries: the processor time of a check, beside that of the same rows as a pandas frame.

The rows are those of the conversion benchmark, one second apart. Each report is shown, which counts the contacts. A
table in memory is compared with the pandas frame that is held, a query of DuckDB with the pandas frame that DuckDB
makes of it. Neither may take more than a tenth more. The two are checked one right after the other, as the speed of a
machine changes within minutes, and the verdict is the median of several such pairs.

The same is asked of a table that is streamed. Its rows come once, but those that share their event are compared: of
four million rows about half are in memory until then, and half in a temporary file. Tables that come from a file are
compared with the frame that is held, which says what reading takes, and with the frame that pandas reads from the same
file, which a user of pandas would check: the limit is for that.
"""

import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
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
from stages import processor_seconds

import events_pandas as ep

ROUNDS = 9
MOST_TIMES = 1.1
SMALL_BATCH = 10_000
LARGE_ROWS = 4_000_000


class Pair(NamedTuple):
    """Two ways to get the same rows."""

    name: str
    rows: Callable[[], Any]
    other_name: str
    other_rows: Callable[[], Any]
    has_goal: bool = True


@contextmanager
def pairs() -> Iterator[list[Pair]]:
    """Return what is compared."""
    frame, large = orders(ROWS), orders(LARGE_ROWS)
    table, polars = arrow_table(frame), pl.from_pandas(frame)
    large_batches = [arrow_table(large[start : start + ROWS]) for start in range(0, LARGE_ROWS, ROWS)]
    with TemporaryDirectory() as folder, duckdb.connect() as connection:
        path = Path(folder) / "orders.parquet"
        pq.write_table(table, path, compression="none")
        relation = connection.from_arrow(table)
        held = "pandas", lambda: frame
        read = "pandas, read from a file", lambda: pd.read_parquet(path, dtype_backend="pyarrow")
        query = "DuckDB, its own frame", relation.df
        lazy = "a lazy frame of the file", lambda: pl.scan_parquet(path)
        dataset = "a dataset of the file", lambda: ds.dataset(path)
        yield [
            Pair("pyarrow", lambda: table, *held),
            Pair("Polars", lambda: polars, *held),
            Pair("Narwhals", lambda: nw.from_native(polars), *held),
            Pair("DuckDB", lambda: relation, *query),
            Pair("DuckDB, streamed", relation.to_arrow_reader, *query),
            Pair("a reader, streamed", table.to_reader, *held),
            Pair("one of small batches", lambda: table.to_reader(max_chunksize=SMALL_BATCH), *held),
            Pair("a lazy frame, streamed", polars.lazy, *held),
            Pair(*lazy, *read),
            Pair(*dataset, *read),
            Pair(*lazy, *held, has_goal=False),
            Pair(*dataset, *held, has_goal=False),
            Pair(*read, *held, has_goal=False),
            Pair(
                "a reader of many rows",
                pa.concat_tables(large_batches).to_reader,
                f"pandas, {LARGE_ROWS:,} rows",
                lambda: large,
            ),
        ]


def arrow_table(frame: pd.DataFrame) -> pa.Table:
    """Return the rows of a frame as a table of Arrow."""
    return pa.Table.from_pandas(frame, preserve_index=False)


def check(rows: Callable[[], Any]) -> None:
    """Check the rows, and show the report."""
    report = ep.check_events(rows(), MAPPING)
    assert str(report).startswith(f"{report.rows:,} rows: {report.rows:,} valid")


def costs_of(pair: Pair) -> tuple[float, float]:
    """Return the processor time of both, one right after the other."""
    return processor_seconds(partial(check, pair.rows)), processor_seconds(partial(check, pair.other_rows))


def main() -> None:
    """Print a line for each comparison."""
    with pairs() as compared:
        rounds = [[costs_of(pair) for pair in compared] for _ in range(ROUNDS)]
    print(f"Checks of {ROWS:,} rows, processor time, the median of {ROUNDS} runs")
    missed = []
    for pair, costs in zip(compared, zip(*rounds, strict=True), strict=True):
        seconds = statistics.median(own for own, _ in costs)
        times = statistics.median(own / other for own, other in costs)
        goal = f"goal: at most {MOST_TIMES}" if pair.has_goal else ""
        print(f"{pair.name:24} {seconds:>6.2f} s {times:>6.2f} x {pair.other_name:24} {goal}".rstrip())
        missed += [pair.name] if pair.has_goal and times > MOST_TIMES else []
    if missed:
        sys.exit(f"too much: {', '.join(missed)}")


if __name__ == "__main__":
    main()
