"""Rows of a Spark DataFrame: staged by the workers, checked and submitted by this process.

PySpark is not needed to load this module: the frame brings it.
"""

import os
import re
from collections.abc import Hashable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack

import pandas as pd

from events_pandas.deliver import IntercomClient
from events_pandas.engines.columns import StagedColumns, staged_columns
from events_pandas.engines.part_files import STAGED, has_order, require_order
from events_pandas.engines.partition_check import CHECKED, check_pieces
from events_pandas.engines.spark_errors import spark_sentence
from events_pandas.engines.spark_frame import frame_columns, read_columns, require_places
from events_pandas.engines.spark_partitions import SparkPartitions
from events_pandas.engines.stage import Wanted
from events_pandas.engines.steps import staged, submitted
from events_pandas.errors import SourceError
from events_pandas.mapping import EventMapping
from events_pandas.results import CheckReport
from events_pandas.run.options import SubmitOptions, run_options, with_options
from events_pandas.warned import warn_caller

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

__all__ = ["check_events", "stage_events", "submit_events"]


def stage_events(
    frame: "DataFrame",
    mapping: EventMapping,
    stage: str | os.PathLike[str],
    *,
    keys: Sequence[Hashable] = (),
    order_by: Sequence[Hashable] = (),
    overwrite: bool = False,
    progress: Literal["auto"] | bool = "auto",
) -> Path:
    """Write the columns that a mapping reads to a folder, on the workers: a stage, which `submit_file` takes.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
        The rows, of classic Spark or of Spark Connect. Each partition is computed once.
    mapping : EventMapping
        Which column becomes which field.
    stage : str or os.PathLike
        A new or empty folder that this machine and all workers share, outside of the folders that the frame reads.
    keys : list of hashable, default ()
        Columns to keep besides, which the results are to have: see ``keys`` of `SubmitOptions`.
    order_by : list of hashable, default ()
        Columns by which the rows are sorted over all partitions, absent cells last. Rows that are alike in these are
        sorted by the other columns of the stage. By default chance decides the order, and a warning says so.
    overwrite : bool, default False
        Whether a complete stage is written again, in the place of the one that is there.
    progress : {"auto"} or bool, default "auto"
        Whether progress is shown: automatically, always, or never.

    Returns
    -------
    pathlib.Path
        The folder: Parquet files in the order of their names, all with the same types, and a manifest.

    Raises
    ------
    MappingError
        If the mapping does not fit the frame, or has callables: compute their columns in the frame.
    SourceError
        If the stage cannot be written; if Arrow lacks the type of a column; if there is a complete stage already; if
        Spark cannot compute the rows.
    KeyboardInterrupt
        On Ctrl-C, with a message that says how to go on. No part is kept.

    Notes
    -----
    Nothing is sent. What a killed process has left of a stage is deleted, and written again.

    Spark cannot tell whether two frames have the same rows: its names for queries stay the same when files are added.
    So a complete stage is never taken for that of this frame: submit it with `submit_file`, or write it again.

    The rows of a Spark frame have no order of their own. With `order_by` the stage is the same however the rows are
    partitioned. Columns of structs, arrays and maps do not help to sort rows that are alike.

    A Spark timestamp is a point in time, whatever the time zone of the session. A ``timestamp_ntz`` is a time without a
    time zone, which the mapping names.

    Examples
    --------
    >>> import events_pandas as ep
    >>> from events_pandas.engines.spark import stage_events
    >>> from pyspark.sql import SparkSession
    >>> spark = SparkSession.builder.getOrCreate()
    >>> orders = spark.createDataFrame([(7, "2024-01-31", "00042"), (8, "2024-02-01", "00043")], ["id", "day", "who"])
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> stage = stage_events(orders, mapping, "stage/", keys=["id"], order_by=["day"])
    >>> with ep.Sandbox() as sandbox:
    ...     results = ep.submit_file(stage, mapping, client=sandbox.client(), keys=["id"], progress=False)
    >>> results["id"].tolist()
    [7, 8]
    """
    partitions, columns = _rows(frame, mapping, keys=keys, order_by=order_by)
    require_places(frame, stage=stage)
    return _staged(partitions, columns, stage=stage, overwrite=overwrite, progress=progress)


def check_events(frame: "DataFrame", mapping: EventMapping, *, client: IntercomClient | None = None) -> CheckReport:
    """Check every row of a Spark DataFrame without sending anything.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
        The rows, of classic Spark or of Spark Connect. Each partition is computed once.
    mapping : EventMapping
        Which column becomes which field.
    client : IntercomClient, optional
        With it the report names the workspace, as with `events_pandas.check_events`.

    Returns
    -------
    CheckReport
        The report of `events_pandas.check_file`, with rows counted over all partitions.

    Raises
    ------
    MappingError
        If the mapping does not fit the frame, or has callables: compute their columns in the frame.
    SourceError
        If Arrow lacks the type of a column; if Spark cannot compute the rows; if they do not fit into the folder for
        temporary files.

    Notes
    -----
    The columns that the mapping reads come to this process in batches. They are kept until the report is made: 256 MB
    in memory, more in a temporary file. Spark's driver holds one partition of them, and the next one, compressed.

    Examples
    --------
    >>> import events_pandas as ep
    >>> from events_pandas.engines.spark import check_events
    >>> from pyspark.sql import SparkSession
    >>> spark = SparkSession.builder.getOrCreate()
    >>> orders = spark.createDataFrame([("2024-01-31", "00042"), ("2024-02-30", "00043")], ["day", "who"])
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> report = check_events(orders, mapping)
    >>> report.valid, report.problems[["row", "code"]].values.tolist()
    (1, [[1, 'time_unreadable']])
    """
    partitions, _ = _rows(frame, mapping, verb=CHECKED)
    return check_pieces(partitions.packed(), partitions.schema, mapping, client=client)


@with_options
def submit_events(
    frame: "DataFrame",
    mapping: EventMapping,
    *,
    stage: str | os.PathLike[str],
    results: str | os.PathLike[str],
    order_by: Sequence[Hashable] = (),
    overwrite: bool = False,
    **options: Unpack[SubmitOptions],
) -> "DataFrame":
    """Stage the rows of a Spark DataFrame, submit them, and return the results that were written.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
        The rows, of classic Spark or of Spark Connect. Each partition is computed once.
    mapping : EventMapping
        Which column becomes which field.
    stage : str or os.PathLike
        The folder of the stage, as for `stage_events`.
    results : str or os.PathLike
        A folder for the results in parts, as for ``results_path`` of `events_pandas.submit_file`; its name ends in
        ``/``.
    order_by : list of hashable, default ()
        Columns by which the rows are sorted, as for `stage_events`.
    overwrite : bool, default False
        Whether a complete stage is written again, as for `stage_events`.
    **options : keyword arguments
        The options of the run, as in `SubmitOptions`.

    Returns
    -------
    pyspark.sql.DataFrame
        The written results; ``row`` is the place of a row in the stage. They are read when an action needs them, and no
        event is sent then. `events_pandas.read_results` reads them into one pandas frame.

    Raises
    ------
    MappingError, SourceError
        As for `stage_events`, before the first event; also if results cannot be written, or Spark cannot read them.
    CredentialsError, SubmissionError
        If Intercom refuses the token, or it belongs to another workspace, before the stage is written.
    SubmissionError, SubmissionInterrupted
        If the run ended early. The folder has the results of all rows, and the error those of the last ones. A note of
        the error names the stage, which `events_pandas.submit_file` submits without the cluster.

    Notes
    -----
    The rows are submitted by this process, and by no worker: the token stays here, and one process reaches the whole
    rate limit. The journal is on this machine, too. If the machine does not last, as on many clusters, name a file on a
    volume that does: ``journal="/volume/journal.sqlite"``.

    Examples
    --------
    >>> import events_pandas as ep
    >>> from events_pandas.engines.spark import submit_events
    >>> from pyspark.sql import SparkSession
    >>> spark = SparkSession.builder.getOrCreate()
    >>> orders = spark.createDataFrame([("2024-01-31", "00042"), ("2024-02-30", "00043")], ["day", "who"])
    >>> mapping = ep.EventMapping(event_name="placed-order", created_at="day", user_id="who", timezone="UTC")
    >>> with ep.Sandbox() as sandbox:
    ...     results = submit_events(
    ...         orders,
    ...         mapping,
    ...         stage="stage/",
    ...         results="results/",
    ...         order_by=["day"],
    ...         client=sandbox.client(),
    ...         progress=False,
    ...     )
    >>> [(row.row, row.status) for row in results.orderBy("row").collect()]
    [(0, 'accepted'), (1, 'invalid')]
    """
    run = run_options(options, own=("stage", "results", "order_by", "overwrite"))
    rows = _rows(frame, mapping, keys=run.keys, order_by=order_by)
    require_places(frame, stage=stage, results=results)
    write = partial(_staged, *rows, stage=stage, overwrite=overwrite)
    written = submitted(write, mapping, run=run, stage=stage, results=results)
    try:
        return frame.sparkSession.read.parquet(*map(_address, written))
    except Exception as error:
        # The session may have ended since: the rows are sent all the same.
        cure = "the events are sent and the results are written: read them with events_pandas.read_results"
        fault = f"Spark cannot read the results ({spark_sentence(error)})"
        raise SourceError(f"{os.fspath(results)}: {fault}: {cure}") from error


def _address(path: Path) -> str:
    """Return a path as Spark reads it: a file of this machine rather than of the cluster's storage, and no pattern."""
    text = re.sub(r"[][{}*?\\]", r"\\\g<0>", str(path))
    # Databricks has its volumes at the same place in its storage, and there only.
    return text if text.startswith("/Volumes/") else f"file://{text}"


def _rows(
    frame: "DataFrame",
    mapping: EventMapping,
    *,
    keys: Sequence[Hashable] = (),
    order_by: Sequence[Hashable] = (),
    verb: str = STAGED,
) -> tuple[SparkPartitions, StagedColumns]:
    """Return the columns of a stage as partitions, and which ones they are."""
    names = pd.DataFrame(columns=frame_columns(frame))
    columns = staged_columns(names, mapping, keys=keys, order_by=order_by)
    read, schema = read_columns(frame, columns.read, verb=verb)
    require_order(schema, columns.order_by)
    if order_by:
        # Partitions have no order: rows that are alike need another one, whatever partition they are in.
        others = [name for name in columns.names if name not in order_by and has_order(schema.field(name).type)]
        columns = replace(columns, order_by=(*columns.order_by, *others))
    return SparkPartitions(read, schema), columns


def _staged(
    partitions: SparkPartitions,
    columns: StagedColumns,
    *,
    stage: str | os.PathLike[str],
    overwrite: bool,
    progress: Literal["auto"] | bool,
) -> Path:
    if not columns.order_by:
        fault = (
            "the rows of a Spark DataFrame have no order, and chance decides which of several rows that are one event"
        )
        warn_caller(f"order_by: {fault} comes first: name columns, such as order_by=['ordered_at']")
    return staged(partitions, Wanted(columns=columns), stage=stage, overwrite=overwrite, progress=progress)
