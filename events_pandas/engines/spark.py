"""Rows of a Spark DataFrame: staged by the workers, checked and submitted by this process.

PySpark is not needed to load this module: the frame brings it.
"""

import os
import pickle
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Unpack

import pandas as pd
import pyarrow as pa

from events_pandas.deliver import IntercomClient
from events_pandas.engines.columns import StagedColumns, staged_columns
from events_pandas.engines.part_files import PartFacts, PartWriter, require_in_parquet
from events_pandas.engines.partition_check import check_partitions
from events_pandas.engines.stage import Answer, Argument, Wanted
from events_pandas.engines.steps import rows_error, staged, submitted
from events_pandas.errors import SourceError
from events_pandas.mapping import EventMapping
from events_pandas.results import CheckReport
from events_pandas.run.options import SubmitOptions, run_options, with_options
from events_pandas.warned import warn_caller

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

__all__ = ["check_events", "stage_events", "submit_events"]

_ANSWERS: Final = "number long, answer binary"
"""What comes back from the workers: the number of a partition or an argument, and bytes."""
_ROWS: Final = 100_000
"""So many rows are written, or come to this process, at a time."""


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
        A new or empty folder that this machine and all workers share.
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
        If the stage cannot be written; if Arrow lacks the type of a column; if there is a complete stage already.

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
    partitions, columns = _partitions(frame, mapping, keys=keys, order_by=order_by)
    if not columns.order_by:
        fault = (
            "the rows of a Spark DataFrame have no order, and chance decides which of several rows that are one event"
        )
        warn_caller(f"order_by: {fault} comes first: name columns, such as order_by=['ordered_at']")
    return staged(partitions, Wanted(columns=columns), stage=stage, overwrite=overwrite, progress=progress)


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
        If Arrow lacks the type of a column.

    Notes
    -----
    The columns that the mapping reads come to this process in batches, and are in a temporary folder until the report
    is made. Spark's driver holds one partition of them, and the next one, compressed.

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
    partitions, columns = _partitions(frame, mapping)
    here = _SparkPartitionsHere(partitions.frame, partitions.schema)
    return check_partitions(here, columns.read, mapping, client=client)


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
        If the run ended early. The folder has the results of all rows, and the error those of the last ones.

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
    _partitions(frame, mapping, keys=run.keys, order_by=order_by)
    write = partial(stage_events, frame, mapping, stage, keys=run.keys, order_by=order_by, overwrite=overwrite)
    written = submitted(write, mapping, run=run, stage=stage, results=results)
    try:
        return frame.sparkSession.read.parquet(*map(_address, written))
    except Exception as error:
        # The session may have ended since: the rows are sent all the same.
        cure = "the events are sent and the results are written: read them with events_pandas.read_results"
        fault = f"Spark cannot read the results ({_first_line(error)})"
        raise SourceError(f"{os.fspath(results)}: {fault}: {cure}") from error


def _address(path: Path) -> str:
    """Return a path as Spark reads it: a file of this machine rather than of the cluster's storage, and no pattern."""
    text = re.sub(r"[][{}*?\\]", r"\\\g<0>", str(path))
    # Databricks has its volumes at the same place in its storage, and there only.
    return text if text.startswith("/Volumes/") else f"file://{text}"


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _partitions(
    frame: "DataFrame", mapping: EventMapping, *, keys: Sequence[Hashable] = (), order_by: Sequence[Hashable] = ()
) -> "tuple[_SparkPartitions, StagedColumns]":
    """Return the columns of a stage as partitions, and which ones they are."""
    if not _is_frame(frame):
        raise rows_error(frame, engine="Spark")
    columns = staged_columns(pd.DataFrame(columns=frame.columns), mapping, keys=keys, order_by=order_by)
    read = frame.select([_quoted(name) for name in columns.read])
    schema = pa.schema([_field(read, name) for name in columns.read])
    if order_by:
        # Partitions have no order: rows that are alike need another one, whatever partition they are in.
        others = [name for name in columns.names if name not in order_by and _has_order(schema.field(name).type)]
        columns = replace(columns, order_by=(*columns.order_by, *others))
    # PySpark's `mapInArrow` fails for names with backticks.
    return _SparkPartitions(read.toDF(*map(str, range(len(schema)))), schema), columns


def _is_frame(frame: Any) -> bool:
    try:
        from pyspark.sql import DataFrame  # noqa: PLC0415  # See the first lines.
    except ImportError:
        return False
    return isinstance(frame, DataFrame)


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def _field(frame: "DataFrame", name: str) -> pa.Field:
    """Return the type of a column in Arrow. Raise `SourceError` if Arrow or Parquet has none."""
    try:
        field = pa.field(name, _nullable(frame.select(_quoted(name)).limit(0).toArrow().schema.field(0).type))
        require_in_parquet(field)
    except (TypeError, NotImplementedError) as error:
        kind = frame.schema[name].dataType.simpleString()
        lacking = "Parquet" if isinstance(error, NotImplementedError) else "Arrow"
        cure = f"cast it, such as with frame.withColumn({name!r}, frame[{name!r}].cast('string'))"
        raise SourceError(f"column {name!r}: cannot be staged: {lacking} has no {kind}: {cure}") from error
    return field


def _nullable(kind: pa.DataType) -> pa.DataType:
    """Return a type whose cells may be absent: a struct that is absent has no fields, whatever Spark says of them."""
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _nullable(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(_nullable(kind.key_type), _nullable(kind.item_type))
    if pa.types.is_list(kind):
        return pa.list_(pa.field(kind.value_field.name, _nullable(kind.value_type)))
    return kind


def _has_order(kind: pa.DataType) -> bool:
    return not (pa.types.is_nested(kind) or pa.types.is_null(kind))


@dataclass(frozen=True, slots=True)
class _SparkPartitions:
    """Partitions that are written where they are computed."""

    frame: "DataFrame"
    schema: pa.Schema

    def written(self, write: PartWriter) -> Sequence[PartFacts]:
        """Write all partitions in one query, so that each is computed once."""
        answers = self.frame.mapInArrow(partial(_written, write=write, schema=self.schema), _ANSWERS)
        return _or_empty(_answers(answers), write, self.schema)

    def each(self, step: Callable[[Argument], Answer], arguments: Sequence[Argument]) -> Sequence[Answer]:
        """Call a function with each argument, on the workers."""
        if not arguments:
            return []
        numbers = self.frame.sparkSession.range(0, len(arguments), 1, len(arguments))
        return _answers(numbers.mapInArrow(partial(_done, step=step, arguments=arguments), _ANSWERS))


class _SparkPartitionsHere(_SparkPartitions):
    """Partitions that come to this process in batches, and are written here."""

    def written(self, write: PartWriter) -> Sequence[PartFacts]:
        """Write the rows of each partition as they come."""
        batches = self.frame.mapInArrow(partial(_packed, schema=self.schema), _ANSWERS)
        partitions = groupby(batches.toLocalIterator(prefetchPartitions=True), key=lambda batch: batch.number)
        facts = [write.write_tables(map(_unpacked, own), number, schema=self.schema) for number, own in partitions]
        return _or_empty(facts, write, self.schema)


def _answers(rows: "DataFrame") -> list[Any]:
    """Return what the workers answer, in the order of the numbers. Raise their `SourceError`."""
    answers = [pickle.loads(row.answer) for row in sorted(rows.collect(), key=lambda row: row.number)]  # noqa: S301
    for answer in answers:
        if isinstance(answer, SourceError):
            raise answer
    return answers


def _or_empty(facts: list[PartFacts], write: PartWriter, schema: pa.Schema) -> list[PartFacts]:
    """Return what is known about partitions; if there is none, write one without rows."""
    return facts or [write.write_tables([], 0, schema=schema)]


def _written(batches: Iterable[pa.RecordBatch], *, write: PartWriter, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Write the partition that this worker has."""
    number = _partition()
    yield _answer(number, lambda: write.write_tables(_tables(batches, schema), number, schema=schema))


def _done(
    batches: Iterable[pa.RecordBatch], *, step: Callable[[Argument], Answer], arguments: Sequence[Argument]
) -> Iterator[pa.RecordBatch]:
    """Call a function with the arguments whose numbers this worker has."""
    for batch in batches:
        for number in batch.column(0).to_pylist():
            yield _answer(number, partial(step, arguments[number]))


def _packed(batches: Iterable[pa.RecordBatch], *, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Pack the rows of the partition that this worker has, so many at a time, as bytes."""
    number = _partition()
    for table in _tables(batches, schema):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as stream:
            stream.write_table(table)
        yield _numbered(number, sink.getvalue().to_pybytes())


def _unpacked(batch: Any) -> pa.Table:
    with pa.ipc.open_stream(pa.py_buffer(batch.answer)) as stream:
        return stream.read_all()


def _partition() -> int:
    from pyspark import TaskContext  # noqa: PLC0415  # See the first lines.

    return int(TaskContext.get().partitionId())


def _tables(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield tables of about so many rows. Spark's batches are small, and have the time zone of the session."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(each.num_rows for each in held) >= _ROWS:
            yield _typed(held, schema)
            held = []
    if held:
        yield _typed(held, schema)


def _typed(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_batches(batches).rename_columns(schema.names).cast(schema)


def _answer(number: int, step: Callable[[], object]) -> pa.RecordBatch:
    try:
        answer = step()
    except SourceError as error:
        # As an error of the task it would be tried again, and arrive as text.
        answer = error
    return _numbered(number, pickle.dumps(answer))


def _numbered(number: int, content: bytes) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"number": pa.array([number], pa.int64()), "answer": pa.array([content])})
