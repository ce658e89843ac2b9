"""Parts of a stage as files: what a worker does for one of them. Each is written beside, and renamed into place.

Parts that are left are in Parquet; others are in Arrow's own format, which takes less time and more space.
"""

import datetime as dt
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from events_pandas.convert.cells import Rows
from events_pandas.errors import SourceError

_EXACT: Final = 2**53
"""Whole numbers up to here are the same as floating-point numbers."""
_REFUSALS: Final = (ValueError, TypeError, NotImplementedError, OverflowError)
"""The errors of Arrow for cells that it cannot hold or convert; two of them are its own, too."""

STAGED: Final = "staged"
"""What is to be done with the rows, as messages say it."""

PART, POSITION = "part", "position"
ARROW: Final = ".arrow"


class PartFacts(NamedTuple):
    """What is known about the rows of a partition, once they are in a file."""

    partition: int
    rows: int
    schema: pa.Schema
    # Columns of whole numbers or of floats with a number that the other kind would not hold exactly.
    inexact: frozenset[str]
    absent: frozenset[str]  # columns without any cell


def _stage_fault(folder: Path, error: OSError) -> SourceError:
    reason = os.strerror(error.errno) if error.errno else error
    return SourceError(f"{folder}: a stage cannot be written there: {reason}")


@dataclass(frozen=True, kw_only=True, slots=True)
class PartWriter:
    """Writes partitions as they come."""

    names: Sequence[str]
    folder: Path
    file_name: Callable[[int], str]  # of a partition
    order_by: Sequence[str] = ()  # rows will be sorted by these columns
    verb: str = STAGED
    fault: Callable[[Path, OSError], SourceError] = _stage_fault  # of a file in a folder that is in the given one

    def path(self, partition: int) -> Path:
        """Return the file of a partition."""
        return self.folder / self.file_name(partition)

    def __call__(self, frame: pd.DataFrame, partition: int) -> PartFacts:
        """Write a partition, with the types that its own cells have."""
        table = pa.table({name: self._cells(frame[name], name, partition) for name in self.names})
        # Without any cell a partition does not tell the type.
        require_order(table.schema, [name for name in self.order_by if not _is_absent(table[name])])
        path = self.path(partition)
        write = _write_arrow if path.suffix == ARROW else pq.write_table
        _put(path, lambda new: write(table, new), self.fault)
        inexact = frozenset(name for name in self.names if not _is_exact(table[name]))
        absent = frozenset(name for name in self.names if _is_absent(table[name]))
        return PartFacts(partition, table.num_rows, table.schema, inexact, absent)

    def write_tables(self, tables: Iterable[pa.Table], partition: int, *, schema: pa.Schema) -> PartFacts:
        """Write a partition of an engine that gives a column the same type everywhere, a table at a time."""
        counts: list[int] = []

        def write(path: Path) -> None:
            with pq.ParquetWriter(path, schema) as file:
                for table in _read(tables, partition):
                    file.write_table(table)
                    counts.append(table.num_rows)

        _put(self.path(partition), write, self.fault)
        return PartFacts(partition, sum(counts), schema, inexact=frozenset(), absent=frozenset())

    def _cells(self, column: "pd.Series[Any]", name: str, partition: int) -> "pa.Array | pa.ChunkedArray":
        try:
            cells = pa.array(column, from_pandas=True)
            if pa.types.is_dictionary(cells.type):
                cells = cells.cast(cells.type.value_type)
        except _REFUSALS as error:
            raise _column_fault(
                name, f"partition {partition} has cells that no Parquet column holds ({error})", self.verb
            ) from error
        if isinstance(cells.type, pa.BaseExtensionType):
            raise _column_fault(name, f"Parquet has no {column.dtype}", self.verb)
        if pa.types.is_temporal(cells.type) and column.dtype == object and _n_kinds_of_time(column) > 1:
            raise _column_fault(
                name, f"partition {partition} has dates beside times, or times with and without a time zone", self.verb
            )
        try:
            require_in_parquet(cells.type)
        except NotImplementedError as error:
            raise _column_fault(name, f"Parquet has no {cells.type}", self.verb) from error
        return cells


def _read(tables: Iterable[pa.Table], partition: int) -> Iterator[pa.Table]:
    """Yield the tables of a partition. A fault of their source must not pass for one of the folder."""
    try:
        yield from tables
    except OSError as error:
        reason = error.strerror or error
        cure = "start again when their source can be read"
        raise SourceError(f"partition {partition}: its rows cannot be read ({reason}): {cure}") from error


@cache
def require_in_parquet(kind: pa.DataType) -> None:
    """Raise `NotImplementedError` if Parquet lacks a type."""
    pq.ParquetWriter(pa.BufferOutputStream(), pa.schema([("cells", kind)])).close()


def _n_kinds_of_time(column: "pd.Series[Any]") -> int:
    """Return how many there are of dates, times, and times with a zone: Arrow would make one of the other silently."""
    return len({(type(cell) is dt.date, getattr(cell, "tzinfo", None) is None) for cell in column.dropna()})


def _column_fault(name: str, why: str, verb: str) -> SourceError:
    cure = f"give all its cells one type, such as with frame.assign(**{{{name!r}: frame[{name!r}].astype(str)}})"
    return SourceError(f"column {name!r}: cannot be {verb}: {why}: {cure}")


def _is_absent(cells: pa.ChunkedArray) -> bool:
    return bool(cells.null_count == len(cells))


def _is_exact(cells: pa.ChunkedArray) -> bool:
    """Return whether whole numbers are the same as floats, or floats the same as whole numbers."""
    if pa.types.is_integer(cells.type):
        bounds = pc.min_max(cells)
        low, high = bounds["min"].as_py(), bounds["max"].as_py()
        return low is None or max(-low, high) <= _EXACT
    if pa.types.is_floating(cells.type):
        numbers = cells.drop_null().to_numpy().astype(np.float64, copy=False)
        return bool(((numbers == np.trunc(numbers)) & (np.abs(numbers) <= _EXACT)).all())
    return True


def common_schema(parts: Sequence[PartFacts], verb: str = STAGED) -> pa.Schema:
    """Return the types that hold the cells of all parts exactly. Raise `SourceError` for a column without one."""
    return pa.schema([(name, _common_type(name, parts, verb)) for name in parts[0].schema.names])


def _common_type(name: str, parts: Sequence[PartFacts], verb: str) -> pa.DataType:
    firsts: dict[pa.DataType, int] = {}
    # A column without any cell may have any type.
    for part in [part for part in parts if name not in part.absent] or parts[:1]:
        firsts.setdefault(part.schema.field(name).type, part.partition)
    whole, floats = (set(filter(is_kind, firsts)) for is_kind in (pa.types.is_integer, pa.types.is_floating))
    if whole and floats:
        # Where a column of whole numbers has a gap, pandas makes floats of it.
        inexact = {part.schema.field(name).type: part.partition for part in parts if name in part.inexact}
        beyond, others = ([place for kind, place in inexact.items() if kind in kinds] for kinds in (whole, floats))
        if beyond and others:
            why = f"whole numbers beyond 2^53 in partition {beyond[0]}, and others than whole ones"
            raise _column_fault(name, f"it has {why} in partition {others[0]}", verb)
        if others:
            # Short floats would not hold each exact whole number.
            firsts = {pa.float64() if kind in whole else kind: place for kind, place in firsts.items()}
        else:
            firsts = {kind: place for kind, place in firsts.items() if kind not in floats}
    try:
        if any(map(pa.types.is_decimal, firsts)) and any(map(pa.types.is_floating, firsts)):
            raise TypeError("Arrow would make floats of decimals, and lose digits")
        fields = [pa.schema([(name, kind)]) for kind in firsts]
        return pa.unify_schemas(fields, promote_options="permissive").field(0).type
    except _REFUSALS as error:
        kinds = [f"{str(kind).removeprefix('large_')} in partition {place}" for kind, place in firsts.items()]
        raise _column_fault(name, f"it is {', and '.join(kinds)}", verb) from error


def retype(part: tuple[Path, pa.Schema]) -> None:
    """Write a part again, with other types."""
    path, schema = part
    table = _retyped(path, schema)
    _put(path, lambda new: pq.write_table(table, new))


def _retyped(path: Path, schema: pa.Schema) -> pa.Table:
    return with_types(pq.read_table(path), schema)


def with_types(table: pa.Table, schema: pa.Schema, verb: str = STAGED) -> pa.Table:
    """Return a part with the types that hold the cells of all parts."""
    if table.schema.equals(schema):
        return table
    columns = {}
    for name, kind in zip(schema.names, schema.types, strict=True):
        try:
            is_absent = _is_absent(table[name])
            columns[name] = pa.nulls(table.num_rows, kind) if is_absent else table[name].cast(kind)
        except _REFUSALS as error:
            raise _column_fault(name, f"not every cell can be {kind} ({error})", verb) from error
    return pa.table(columns, schema=schema)


@dataclass(frozen=True, kw_only=True, slots=True)
class PartSorter:
    """Sorts parts, each into a file of its own, and compares them with rows between which the stage is cut."""

    folder: Path
    schema: pa.Schema
    order_by: Sequence[str]
    every: int  # so many rows have one in the sample

    def sort(self, part: tuple[int, Path]) -> pa.Table:
        """Sort the rows of a part, and return some of them: the columns of the order, their part and their position.

        Rows that are alike keep their order.
        """
        number, path = part
        table = _retyped(path, self.schema)
        table = table.take(order_of(self._keys(table)))
        _put(self._path(number), lambda new: _write_arrow(table, new))
        places = np.arange(0, table.num_rows, self.every)
        return _numbered(self._keys(table.take(places)), number, places)

    def cut(self, part: tuple[int, pa.Table]) -> Rows:
        """Return where a sorted part is to be cut: how many of its rows come before each of the given rows."""
        number, cuts = part
        keys = self._keys(open_arrow(self._path(number)))
        own = _numbered(keys, number, np.arange(keys.num_rows))
        # A row that stands in the way itself comes after the cut.
        order = order_of(pa.concat_tables([cuts, own]))
        places = np.flatnonzero(np.asarray(order) < cuts.num_rows)
        return places - np.arange(len(places))

    def merge(self, part: tuple[Path, Sequence[str], Rows, Rows, Rows]) -> int:
        """Write the given columns of a part of the stage: rows from a start to a stop in each sorted part."""
        target, names, numbers, starts, stops = part
        slices = zip(numbers.tolist(), starts.tolist(), (stops - starts).tolist(), strict=True)
        table = pa.concat_tables([open_arrow(self._path(number)).slice(*where) for number, *where in slices])
        # Of rows that are alike, those of earlier parts come first: Arrow keeps their order.
        table = table.take(order_of(self._keys(table))).select(list(names))
        _put(target, lambda new: pq.write_table(table, new))
        return int(table.num_rows)

    def _path(self, number: int) -> Path:
        return self.folder / f"part-{number:05d}.sorted.arrow"

    def _keys(self, table: pa.Table) -> pa.Table:
        # Their names are numbers, so that none is that of another column.
        return table.select(list(self.order_by)).rename_columns(list(map(str, range(len(self.order_by)))))


def require_order(schema: pa.Schema, order_by: Iterable[str]) -> None:
    """Raise `SourceError` for a column whose cells Arrow cannot sort."""
    for name in order_by:
        if not has_order(kind := schema.field(name).type):
            raise SourceError(f"order_by: column {name!r} is {kind}, which has no order: give another column")


def has_order(kind: pa.DataType) -> bool:
    """Return whether rows can be sorted by cells of a type."""
    if pa.types.is_nested(kind) or pa.types.is_null(kind):
        return False
    try:
        order_of(pa.table({"0": pa.array([], kind)}))
    except _REFUSALS:
        return False
    return True


def order_of(keys: pa.Table) -> pa.Array:
    """Return the order of rows by all columns from left to right; absent cells come last."""
    return pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names])


def _numbered(keys: pa.Table, number: int, places: Rows) -> pa.Table:
    parts = pa.array(np.full(len(places), number, np.int64))
    return keys.append_column(PART, parts).append_column(POSITION, pa.array(places, pa.int64()))


def _write_arrow(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_file(path, table.schema) as file:
        file.write_table(table)


def open_arrow(path: Path) -> pa.Table:
    """Open a file whose rows are read only where they are used."""
    with pa.memory_map(str(path)) as content:
        return pa.ipc.open_file(content).read_all()


def _put(
    path: Path, write: Callable[[Path], object], fault: Callable[[Path, OSError], SourceError] = _stage_fault
) -> None:
    """Write a file beside, and rename it into its place: a task that runs twice writes the same one."""
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}.partial")
    try:
        write(new)
        new.replace(path)
    except BaseException as error:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        if not path.parent.is_dir():
            cure = "name a folder that the workers and this machine share"
            raise SourceError(f"{path.parent.parent}: a worker has no such folder: {cure}") from error
        raise fault(path.parent.parent, error) from error
