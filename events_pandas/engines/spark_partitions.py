"""Partitions of a Spark DataFrame: what its workers do, and how their answers come to this process."""

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from events_pandas.engines.part_files import PartFacts, PartWriter
from events_pandas.engines.spark_errors import from_spark, spark_errors
from events_pandas.engines.stage import Answer, Argument
from events_pandas.errors import SourceError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_ANSWERS: Final = "number long, answer binary"
"""What comes back from the workers: the number of a partition or an argument, and bytes."""
_PIECES: Final = "number long, content binary"
"""What comes of partitions that are checked here: pieces, each a stream of Arrow, whose numbers are in their order."""
_PIECE_BITS: Final = 32
_ROWS: Final = 100_000
"""So many rows are written, or come to this process, at a time."""


@dataclass(frozen=True, slots=True)
class SparkPartitions:
    """Partitions that are written where they are computed."""

    frame: "DataFrame"
    schema: pa.Schema

    def written(self, write: PartWriter) -> Sequence[PartFacts]:
        """Write all partitions in one query, so that each is computed once."""
        answers = self.frame.mapInArrow(partial(_written, write=write, schema=self.schema), _ANSWERS)
        # Without any partition there is one without rows.
        return _answers(answers) or [write.write_tables([], 0, schema=self.schema)]

    def each(self, step: Callable[[Argument], Answer], arguments: Sequence[Argument]) -> Sequence[Answer]:
        """Call a function with each argument, on the workers."""
        if not arguments:
            return []
        numbers = self.frame.sparkSession.range(0, len(arguments), 1, len(arguments))
        return _answers(numbers.mapInArrow(partial(_done, step=step, arguments=arguments), _ANSWERS))

    def pieces(self) -> "DataFrame":
        """Return the rows in pieces, which Spark puts into partitions of its own size, however large the frame's are.

        The driver has a partition in memory several times over, whether it asks for one row or for all.
        """
        return self.frame.mapInArrow(partial(_packed, schema=self.schema), _PIECES).repartition("number")

    def packed(self) -> Iterator[tuple[int, bytes]]:
        """Bring the pieces to this process, in any order, each with its number."""
        with spark_errors():
            rows = self.pieces().toLocalIterator()
        for row in from_spark(rows):
            yield row.number, bytes(row.content)


def _answers(rows: "DataFrame") -> list[Any]:
    """Return what the workers answer, in the order of the numbers. Raise their `SourceError`."""
    with spark_errors():
        collected = rows.collect()
    answers = [pickle.loads(row.answer) for row in sorted(collected, key=lambda row: row.number)]  # noqa: S301
    for answer in answers:
        if isinstance(answer, SourceError):
            raise answer
    return answers


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
    """Pack the rows of the partition that this worker has, so many at a time, as streams of Arrow."""
    first = _partition() << _PIECE_BITS
    for place, table in enumerate(_tables(batches, schema)):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as stream:
            stream.write_table(table)
        yield pa.RecordBatch.from_pylist([{"number": first + place, "content": sink.getvalue().to_pybytes()}])


def _partition() -> int:
    from pyspark import TaskContext  # noqa: PLC0415  # A worker has it.

    return int(TaskContext.get().partitionId())


def _tables(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield tables of so many rows, the last one of fewer. Spark's batches are small, and have the session's zone."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        while sum(each.num_rows for each in held) >= _ROWS:
            table = pa.Table.from_batches(held)
            yield _typed(table.slice(0, _ROWS), schema)
            held = table.slice(_ROWS).to_batches()
    if held:
        yield _typed(pa.Table.from_batches(held), schema)


def _typed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    return table.rename_columns(schema.names).cast(schema)


def _answer(number: int, step: Callable[[], object]) -> pa.RecordBatch:
    try:
        answer = step()
    except SourceError as error:
        # As an error of the task it would be tried again, and arrive as text.
        answer = error
    return _numbered(number, pickle.dumps(answer))


def _numbered(number: int, content: bytes) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"number": pa.array([number], pa.int64()), "answer": pa.array([content])})
