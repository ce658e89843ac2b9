"""Spark: the cost of a check through it, the seconds of a stage beside Dask's, and those of a large partition.

- A check through Spark, beside `check_events` of the same rows in one process, as a frame. Counted is the processor
  time of this process, which writes what comes to temporary files and checks it, less the time in which PySpark itself
  brings as many bytes. The JVM and its workers, which compute and pack the partitions, are processes of their own, and
  are not counted.
- A stage of the same Parquet files through Spark, and through Dask in threads: seconds by the clock, without a goal.
  The first stage of each is not counted, as it starts the workers.
- One partition of 1.5 million rows is checked: seconds by the clock, without a goal.

Without PySpark or Java nothing is measured. The argument is a number of rows: `python spark.py 100_000`.
"""

import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from conversion import MAPPING, ROWS, orders
from stages import processor_seconds

import events_pandas as ep

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame, SparkSession

PARTITIONS: Final = 10
ROUNDS: Final = 15
STAGE_ROUNDS: Final = 7
MOST_TIMES: Final = 1.3
LARGE: Final = 1_500_000
# PySpark keeps in the driver what every check of a session has brought.
DRIVER: Final = "3g"
SETTINGS: Final = {
    "spark.driver.memory": DRIVER,
    "spark.log.level": "OFF",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


def lacking() -> list[str]:
    """Return what Spark needs and this machine has not."""
    needs = {"PySpark": find_spec("pyspark"), "Java": shutil.which("java") or os.environ.get("JAVA_HOME")}
    return [name for name, is_there in needs.items() if not is_there]


def begin() -> "SparkSession":
    """Return a session on two cores of this machine."""
    from pyspark.sql import SparkSession  # noqa: PLC0415  # It may be missing.

    os.environ.update(PYSPARK_PYTHON=sys.executable, SPARK_LOCAL_IP="127.0.0.1")
    return SparkSession.builder.master("local[2]").config(map=SETTINGS).getOrCreate()


def print_check(table: "DataFrame", frame: "pd.DataFrame") -> list[str]:
    """Print the cost of a check; return what costs too much."""
    from events_pandas.engines.spark import check_events  # noqa: PLC0415  # PySpark comes first.
    from events_pandas.engines.spark_frame import read_columns  # noqa: PLC0415
    from events_pandas.engines.spark_partitions import SparkPartitions  # noqa: PLC0415

    def require_all(report: ep.CheckReport) -> None:
        # As it is shown: the contacts of a frame are counted only then.
        assert str(report).startswith(f"{len(frame):,} rows: {len(frame):,} valid")

    def bring() -> None:
        # A query of its own each time: of one that has run Spark keeps what its workers packed.
        rows, schema = read_columns(table, table.columns, verb="read")
        assert sum(len(row.content) > 0 for row in SparkPartitions(rows, schema).pieces().toLocalIterator())

    works = (
        lambda: require_all(ep.check_events(frame, MAPPING)),
        bring,
        lambda: require_all(check_events(table, MAPPING)),
    )
    rounds = [[processor_seconds(work) for work in works] for _ in range(ROUNDS)]
    one, brought, through = (statistics.median(costs) for costs in zip(*rounds, strict=True))
    ours = statistics.median(through - brought for _, brought, through in rounds)
    # Compared run by run: the speed of a machine changes within minutes.
    times = statistics.median((through - brought) / one for one, brought, through in rounds)
    print(f"Spark: a check of {len(frame):,} rows, processor time of this process, the median of {ROUNDS} runs")
    print(f"{'in one process':36} {one:>12.2f} s")
    print(f"{'through Spark':36} {through:>12.2f} s")
    print(f"{'PySpark itself, to bring the bytes':36} {brought:>12.2f} s")
    line = f"{'our part of it':36} {ours:>12.2f} s {times:>6.2f} x"
    print(f"{line}   goal: at most {MOST_TIMES}", flush=True)
    return ["the check through Spark"] if times > MOST_TIMES else []


def print_stages(table: "DataFrame", lake: Path, folder: Path) -> None:
    """Print how long each engine takes to stage the rows."""
    import dask.dataframe as dd  # noqa: PLC0415

    from events_pandas.engines import dask, spark  # noqa: PLC0415

    def seconds(stage: Callable[[Path], object]) -> float:
        times = []
        for _ in range(STAGE_ROUNDS):
            with TemporaryDirectory(dir=folder) as place:
                start = time.perf_counter()
                stage(Path(place) / "stage")
                times.append(time.perf_counter() - start)
        return min(times[1:])

    given = dd.read_parquet(lake)
    options = {"order_by": ["placed_at"], "progress": False}
    print(f"A stage of {PARTITIONS} files in the order of a column, by the clock, the best of {STAGE_ROUNDS - 1} runs")
    for name, stage in {
        "through Spark": lambda place: spark.stage_events(table, MAPPING, place, **options),
        "through Dask, in threads": lambda place: dask.stage_events(given, MAPPING, place, **options),
    }.items():
        print(f"{name:36} {seconds(stage):>12.1f} s", flush=True)


def print_large(session: "SparkSession") -> None:
    """Check one large partition."""
    from events_pandas.engines.spark import check_events  # noqa: PLC0415

    mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    columns = ["lpad(id, 7, '0') AS who", "'2024-01-31' AS day"]
    start = time.perf_counter()
    report = check_events(session.range(0, LARGE, 1, 1).selectExpr(*columns), mapping)
    assert report.valid == LARGE
    print(f"One partition of {LARGE:,} rows, checked")
    print(f"{'by the clock':36} {time.perf_counter() - start:>12.1f} s", flush=True)


def main() -> None:
    """Print all costs, and fail if one is above its goal."""
    if missing := lacking():
        print(f"Spark: not measured, since this machine has no {' and no '.join(missing)}")
        return
    frame = orders(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
    with TemporaryDirectory() as name, begin() as session:
        lake = Path(name) / "lake"
        lake.mkdir()
        rows = -(-len(frame) // PARTITIONS)
        for part in range(PARTITIONS):
            frame.iloc[part * rows : (part + 1) * rows].to_parquet(lake / f"{part}.parquet", coerce_timestamps="us")
        table = session.read.parquet(str(lake))
        missed = print_check(table, frame)
        print_stages(table, lake, Path(name))
        print_large(session)
    if missed:
        sys.exit(f"too much: {', '.join(missed)}")


if __name__ == "__main__":
    main()
