"""A stage is written: rows that the workers of an engine bring out in parts, and a manifest that comes last."""

import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from events_pandas.deliver import ProgressChoice, progress_bar
from events_pandas.engines.columns import StagedColumns
from events_pandas.engines.part_count import count_files, counted_step
from events_pandas.engines.part_files import (
    PartFacts,
    PartSorter,
    PartWriter,
    common_schema,
    order_of,
    require_order,
    retype,
)
from events_pandas.errors import SourceError
from events_pandas.manifest import STAGE, Manifest, RowsPart, part_name, require_local
from events_pandas.results.run_folder import RunFolder, delete_run, time_text
from events_pandas.words import listed

Argument = TypeVar("Argument")
Answer = TypeVar("Answer")

_ADDRESS: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(/+)(.*)", re.DOTALL)
"""An address, also as `pathlib` shortens it; one letter is a drive of Windows."""
_FEWEST_ROWS: Final = 10_000
"""Ordered rows are cut into parts of at least so many rows."""
_SAMPLED: Final = 100
"""About so many rows of each part decide where ordered rows are cut into parts."""


class Partitions(Protocol):
    """The rows of an engine, and the workers that they are on."""

    def written(self, write: PartWriter) -> Sequence[PartFacts]:
        """Write each partition once, where the rows are; return what is known about each, in their order."""

    def each(self, step: Callable[[Argument], Answer], arguments: Sequence[Argument]) -> Sequence[Answer]:
        """Call a function with each argument, on the workers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a stage is to have, by the words for it; another stage is compared with it."""

    columns: StagedColumns
    partitions: int | None = None  # None if the engine knows their number only when it has computed them
    rows: str | None = None  # a name of the frame's content; None if nobody knows whether it has changed

    def facts(self) -> dict[str, Any]:
        """Return it as a manifest has it."""
        return {
            "columns": list(self.columns.names),
            "order": list(self.columns.order_by),
            "partitions": self.partitions,
            "rows": self.rows,
        }


def stage_folder(stage: str | os.PathLike[str]) -> Path:
    """Return the folder of a stage as all workers know it. Raise `SourceError` for an address."""
    require_path(stage, name="stage")
    require_local(stage, holds=STAGE)
    return Path(stage).absolute()


def require_path(place: object, *, name: str) -> None:
    """Raise `SourceError` for an address, or an empty text: a stage and results are in folders of this machine."""
    text = os.fspath(place) if isinstance(place, str | os.PathLike) else None
    if not isinstance(text, str):
        raise TypeError(f"{name}: expected the path of a folder, got {place!r}")
    if not text.strip():
        raise SourceError(f"{name}: {text!r} is not the name of a folder: use {name}='{name}/' or the like")
    if _ADDRESS.fullmatch(text) is not None:
        path = path_of(text)
        cure = "name a folder that all workers share" if path is None else f"give its path, {name}={path!r}"
        raise SourceError(f"{name}: {text!r} is an address: {cure}")


def path_of(address: str) -> str | None:
    """Return the path that an address has on the machines of a cluster; None if it has none."""
    match = _ADDRESS.fullmatch(address)
    scheme, slashes, path = ("", "", "") if match is None else match.groups()
    if scheme.lower() == "file" and slashes != "//":
        return f"/{path}"
    if scheme.lower() == "dbfs":
        return f"/{path}" if path.startswith("Volumes/") else f"/dbfs/{path}"
    return None


def is_there(folder: Path, wanted: Wanted, *, progress: ProgressChoice = "auto") -> bool:
    """Return whether a stage is complete, and say so. Raise `SourceError` if it has other rows than are wanted."""
    manifest = Manifest.read(folder, holds=STAGE) if folder.is_dir() else None
    if manifest is None:
        return False
    differing = [name for name, fact in wanted.facts().items() if manifest.made_of.get(name) != fact]
    if differing or wanted.rows is None:
        cure = "give another folder, or overwrite=True to write it again; submit_file submits it as it is"
        fault = f"and differs from what is asked for ({listed(differing)})" if differing else "and may have other rows"
        raise SourceError(f"{folder}: is a stage already, {fault}: {cure}")
    with progress_bar(progress, total=manifest.rows, description="staging", delay_seconds=2.0) as bar:
        bar.say(
            f"{folder} is complete since {manifest.started_at} and is used as it is; overwrite=True writes it again"
        )
        bar.advance(manifest.rows)
    return True


def write_stage(folder: Path, partitions: Partitions, wanted: Wanted, *, progress: ProgressChoice = "auto") -> None:
    """Write a stage, in the place of an earlier one. What killed processes have left of others is deleted."""
    with closing(RunFolder(folder, holds=STAGE, clear=delete_run)) as place:
        begun = Manifest(run=place.run, started_at=time_text(time.time()), holds=STAGE)
        place.note(begun)
        try:
            parts, schema = _StageParts(place, partitions, wanted, progress=progress).written()
            _require_whole(place, parts)
            columns = tuple(schema.names)
            manifest = replace(begun, complete=True, columns=columns, parts=parts, made_of=wanted.facts())
        except BaseException:
            place.discard()
            raise
        # An end in the middle of this keeps the parts: the next start puts the others in their place.
        place.put_in_place(manifest)


def _require_whole(place: RunFolder, parts: Sequence[RowsPart]) -> None:
    """Raise `SourceError` if a part is not here as its worker has written it."""
    for part in parts:
        path = place.place / part.name
        if not path.exists() or pq.read_metadata(path).num_rows != part.rows:
            cure = "name a folder that the workers and this machine share, and start it again"
            raise SourceError(f"{place.path}: {part.name} is not there as its worker wrote it: {cure}")


class _StageParts:
    def __init__(self, place: RunFolder, partitions: Partitions, wanted: Wanted, *, progress: ProgressChoice) -> None:
        self._place, self._partitions = place, partitions
        self._columns, self._n_partitions = wanted.columns, wanted.partitions
        self._name = partial(part_name, run=place.run)
        self._step, self._count = partial(counted_step, progress), partial(count_files, place.place)

    def written(self) -> tuple[tuple[RowsPart, ...], pa.Schema]:
        """Write the parts, with the same types in all of them; return them, and these types."""
        is_ordered = bool(self._columns.order_by)
        name = _raw_name if is_ordered else self._name
        writer = PartWriter(
            names=self._columns.read, folder=self._place.place, file_name=name, order_by=self._columns.order_by
        )
        with self._step("staging (partitions)", count=partial(self._count, "*.parquet"), total=self._n_partitions):
            facts = self._partitions.written(writer)
        # A partition without rows does not tell types.
        parts = [part for part in facts if part.rows] or list(facts[:1])
        schema = common_schema(parts)
        if is_ordered:
            return self._ordered(parts, schema), pa.schema([schema.field(name) for name in self._columns.names])
        changed = [part for part in parts if not part.schema.equals(schema)]
        if changed:
            with self._step("staging (types)", total=len(changed)):
                self._partitions.each(retype, [(writer.path(part.partition), schema) for part in changed])
        return tuple(RowsPart(name(part.partition), part.rows) for part in parts), schema

    def _ordered(self, parts: Sequence[PartFacts], schema: pa.Schema) -> tuple[RowsPart, ...]:
        """Sort the rows of all parts: each part by itself, and then parts of what comes next in all of them."""
        require_order(schema, self._columns.order_by)
        each, numbers = self._partitions.each, np.array([part.partition for part in parts])
        rows = np.array([part.rows for part in parts])
        n_parts = min(max(int(rows.sum()) // _FEWEST_ROWS, 1), len(parts))
        every = max(int(rows.sum()) // (_SAMPLED * len(parts)), 1)
        sorter = PartSorter(folder=self._place.place, schema=schema, order_by=self._columns.order_by, every=every)
        with self._step("sorting (partitions)", count=partial(self._count, "*.sorted.arrow"), total=len(parts)):
            samples = each(sorter.sort, [(number, sorter.folder / _raw_name(number)) for number in numbers.tolist()])
        cuts = _cuts(samples, n_parts=n_parts)
        with self._step("sorting (cuts)", total=len(parts)):
            found = each(sorter.cut, [(number, cuts) for number in numbers.tolist()])
        # A line for each sorted part: where its rows for each part of the stage begin, and where the last ones end.
        bounds = np.column_stack([np.zeros_like(rows), np.stack(found), rows])
        targets, slices = [sorter.folder / self._name(number) for number in range(n_parts)], []
        for target, starts, stops in zip(targets, bounds.T[:-1], bounds.T[1:], strict=True):
            # Without any rows the first one tells the columns.
            own = np.flatnonzero(stops > starts) if rows.any() else np.array([0])
            slices.append((target, self._columns.names, numbers[own], starts[own], stops[own]))
        with self._step("sorting (parts)", count=partial(self._count, f"*-{self._place.run}.parquet"), total=n_parts):
            counts = each(sorter.merge, slices)
        return tuple(RowsPart(target.name, count) for target, count in zip(targets, counts, strict=True))


def _raw_name(number: int) -> str:
    """Return the name of a part that is to be sorted."""
    return f"part-{number:05d}.raw.parquet"


def _cuts(samples: Sequence[pa.Table], *, n_parts: int) -> pa.Table:
    """Return the rows before which ordered rows are cut into parts of about the same size."""
    sampled = pa.concat_tables(samples)
    ordered = sampled.take(order_of(sampled))
    return ordered.take(np.arange(1, n_parts) * ordered.num_rows // n_parts)
