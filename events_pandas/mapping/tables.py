"""Tables of other libraries become frames: whatever has the Arrow PyCapsule interface, whole or batch by batch."""

from collections.abc import Callable, Collection, Generator, Hashable, Iterable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, cast

import pandas as pd
import pyarrow as pa

from events_pandas.mapping.arrow_types import arrow_frame
from events_pandas.mapping.binding import is_computing, named_labels, require_frame, rows_cure, rows_error
from events_pandas.mapping.event_mapping import EventMapping
from events_pandas.warned import warn_caller
from events_pandas.words import full_kind_of

_STREAM: Final = "__arrow_c_stream__"
_ARRAY: Final = "__arrow_c_array__"
_SPARK: Final = "mapInArrow"
"""A method of PySpark's frames, whose own stream of Arrow holds all rows, and fails for timestamps."""
_BATCH_ROWS: Final = 2**16
"""As many rows as are converted at a time, so that their cells are in one piece."""
_BATCHES_AHEAD: Final = 4
"""Arrow itself reads 16 batches ahead, which takes memory, and time to take it."""
_NOT_A_TABLE: Final = "non-struct type"
"""What pyarrow says of a column."""
_ONLY_POLARS: Final = frozenset({"Object", "Int128", "UInt128"})


class ArrowStream(Protocol):
    """A table of Polars, DuckDB, pyarrow, Narwhals or another library, or a reader of record batches."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any: ...


class ArrowArray(Protocol):
    """A record batch."""

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any: ...


class LazyTable(Protocol):
    """A lazy frame of Polars: a query."""

    def collect_schema(self) -> Any:
        """Return the names and types of the columns."""

    def collect(self) -> Any:
        """Return all rows."""


class ScannedTable(Protocol):
    """A dataset of pyarrow: files that are read when their rows are needed."""

    def scanner(self) -> Any:
        """Return what reads the rows."""


Table: TypeAlias = pd.DataFrame | ArrowStream | ArrowArray | LazyTable | ScannedTable


class _ColumnsRead(NamedTuple):
    """The labels of the columns that are read, and of one that is read too if it is there."""

    labels: set[Hashable]
    also: object


def as_frame(rows: object, mapping: EventMapping | None = None, *, keys: Collection[Hashable] = ()) -> pd.DataFrame:
    """Return rows as a frame, as `read_table` does. Raise `TypeError` if they are not a table."""
    frame = read_table(rows, mapping, keys=keys)
    require_frame(frame)
    return cast("pd.DataFrame", frame)


def read_table(rows: object, mapping: EventMapping | None = None, *, keys: Collection[Hashable] = ()) -> Any:
    """Return the rows of a table as a frame with Arrow's own dtypes and a new index; anything else as it is.

    With a mapping, columns are left out that it does not read and that are no keys of the results.
    """
    table, wanted = _native(rows), _wanted(mapping, keys)
    return arrow_frame(_chosen(_whole(table, wanted), wanted)) if _is_arrow(table) else table


def is_streamed(rows: object) -> bool:
    """Tell whether a table is not in memory yet: a query of Polars, a dataset, or a reader."""
    table = _native(rows)
    return isinstance(table, pa.RecordBatchReader) or _is_lazy(table) or _is_scanned(table)


def frames_of(
    frames: object, mapping: EventMapping, *, chunksize: int, keys: Collection[Hashable] = ()
) -> Iterable[pd.DataFrame]:
    """Return the frames of a stream: of several tables, or of the batches of one, cut after `chunksize` rows.

    Raise `TypeError` for one pandas frame, and for what is neither a table nor several of them.
    """
    rows = _native(frames)
    if isinstance(rows, pd.DataFrame):
        # It is iterable, over the labels of its columns.
        raise TypeError(
            "frames: expected several DataFrames, got one: give a list or an iterator, or call submit_events"
        )
    if _is_arrow(rows):
        return _frames(_batches(rows, _wanted(mapping, keys), chunksize=chunksize))
    cure = rows_cure(rows)
    if cure or isinstance(rows, dict) or not isinstance(rows, Iterable):
        expected = "frames: expected several DataFrames, or a table that is read in batches"
        raise TypeError(f"{expected}, got {full_kind_of(rows)}{cure}")
    # A map goes on after an error or an interrupt, as `rows` itself does.
    return map(partial(as_frame, mapping=mapping, keys=keys), rows)


def _frames(batches: Generator[pa.Table, None, None]) -> Generator[pd.DataFrame, None, None]:
    with closing(batches):
        yield from map(arrow_frame, batches)


def batches_of(rows: object, mapping: EventMapping, chunksize: int) -> Generator[pa.Table, None, None]:
    """Yield the batches of a table that is streamed, cut after `chunksize` rows; `arrow_frame` makes a frame of each.

    A table without rows has one batch. Until this is closed, a connection of DuckDB may take no other query.
    """
    return _batches(_native(rows), _wanted(mapping, ()), chunksize=chunksize)


def _batches(rows: object, wanted: _ColumnsRead | None, *, chunksize: int) -> Generator[pa.Table, None, None]:
    # A batch without rows is one too: its source may wait for rows.
    table = _narrowed(rows, wanted)
    with ExitStack() as opened:
        if _has(table, "collect_batches"):
            queried = map(_whole, table.collect_batches(chunk_size=chunksize, engine="streaming"))
            batches = _or_else(queried, lambda: _whole(table.head(0)))
        else:
            reader = _reader(table, wanted, batch_rows=chunksize)
            if reader is not table:
                opened.callback(reader.close)

            def without_rows() -> pa.Table:
                _warn_of_no_rows(table)
                return reader.schema.empty_table()

            batches = _or_else(map(pa.Table.from_batches, ([batch] for batch in reader)), without_rows)
        for batch in batches:
            chosen = _chosen(batch, wanted)
            for start in range(0, max(len(chosen), 1), chunksize):
                yield chosen.slice(start, chunksize)


def _has(rows: object, name: str) -> bool:
    # Of its type: an attribute of the object itself may be a column.
    return hasattr(type(rows), name)


def _is_arrow(table: object) -> bool:
    """Tell whether this is a table of another library than pandas."""
    if isinstance(table, pd.DataFrame) or _has(table, _SPARK):
        return False
    return _has(table, _STREAM) or _has(table, _ARRAY) or is_streamed(table)


def _is_scanned(table: object) -> bool:
    # A fragment of a dataset has no schema of its own.
    return _has(table, "scanner") and _has(table, "schema")


def _is_lazy(table: object) -> bool:
    return _has(table, "collect") and _has(table, "collect_schema")


def _native(rows: object) -> Any:
    """Return the frame inside a frame of Narwhals; anything else as it is."""
    is_wrapped = type(rows).__module__.partition(".")[0] == "narwhals" and _has(rows, "to_native")
    return cast("Any", rows).to_native() if is_wrapped else rows


def _whole(table: Any, wanted: _ColumnsRead | None = None) -> pa.Table:
    whole = _reader(_narrowed(table, wanted), wanted).read_all()
    if not len(whole):
        _warn_of_no_rows(table)
    return whole


def _warn_of_no_rows(table: Any) -> None:
    """Warn if a table gives its rows once: a run that sends nothing looks like one that had nothing to send."""
    if isinstance(table, pa.RecordBatchReader):
        warn_caller(
            "the RecordBatchReader has no rows: it gives them once, to the first call that reads it, so make a new one"
        )


def _reader(table: Any, wanted: _ColumnsRead | None = None, *, batch_rows: int = _BATCH_ROWS) -> pa.RecordBatchReader:
    """Return a reader of the record batches of a table. Raise `TypeError` if Arrow cannot read it."""
    if isinstance(table, pa.RecordBatchReader):
        # Not through its interface: an error of its source would arrive as another one.
        return table
    if _is_scanned(table):
        names, size = _names_read(table.schema.names, wanted), min(batch_rows, _BATCH_ROWS)
        return table.scanner(columns=names, batch_size=size, batch_readahead=_BATCHES_AHEAD).to_reader()
    if _is_lazy(table):
        table = table.collect()
    _require_known_types(table)
    if _has(table, _STREAM) and _has(table, "to_arrow_reader"):
        # DuckDB 1 holds the whole result behind its interface of streams.
        return table.to_arrow_reader(batch_rows)
    try:
        if _has(table, _STREAM):
            return pa.RecordBatchReader.from_stream(table)
        return pa.table(table).to_reader()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        if _NOT_A_TABLE in str(error):
            raise rows_error(table) from None
        cannot = f"pyarrow {pa.__version__} cannot read {full_kind_of(table)} ({error})"
        raise TypeError(f"{cannot}: cast its columns to other types, or leave them out") from error


def _require_known_types(table: Any) -> None:
    """Raise `TypeError` for columns of a type that only Polars has: Arrow would take objects for bytes."""
    if _has(table, "collect_schema"):
        for name, kind in table.collect_schema().items():
            if str(kind) in _ONLY_POLARS:
                raise TypeError(f"column {name!r} has the type {kind}, which Arrow lacks: cast it, or leave it out")


def _narrowed(table: Any, wanted: _ColumnsRead | None) -> Any:
    """Return a frame or a query of Polars with the columns that a mapping reads; another table as it is."""
    if not _has(table, "collect_schema"):
        return table
    names = _names_read(table.collect_schema().names(), wanted)
    return table if names is None else table.select(names)


def _chosen(table: pa.Table, wanted: _ColumnsRead | None) -> pa.Table:
    """Return the columns of a table that a mapping reads; two columns may have one name."""
    names = _names_read(table.column_names, wanted)
    if names is None or len(names) == table.num_columns:
        return table
    return table.select([place for place, name in enumerate(table.column_names) if name in names])


def _wanted(mapping: object, keys: Collection[Hashable]) -> _ColumnsRead | None:
    """Return the columns that a mapping and the results need; None for all."""
    if not isinstance(mapping, EventMapping) or is_computing(mapping):
        return None
    labels = named_labels(mapping)
    # An event name that is also a column is an error.
    return _ColumnsRead(labels={*labels, *keys}, also=mapping.event_name) if labels else None


def _names_read(names: list[str], wanted: _ColumnsRead | None) -> list[str] | None:
    """Return the names of the columns that are read; None for all, also if one of them is missing."""
    if wanted is None or not wanted.labels <= set(names):
        return None
    return [name for name in names if name in wanted.labels or name == wanted.also]


def _or_else(tables: Iterator[pa.Table], otherwise: Callable[[], pa.Table]) -> Iterator[pa.Table]:
    """Yield tables; if there are none, another one."""
    first = next(tables, None)
    yield otherwise() if first is None else first
    yield from tables
