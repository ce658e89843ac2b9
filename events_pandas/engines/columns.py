"""The columns that a stage has: those that the mapping reads, and the keys."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from events_pandas.errors import MappingError
from events_pandas.mapping import EventMapping, frame_labels, named_labels, named_values, require_columns
from events_pandas.mapping.binding import require_mapping
from events_pandas.mapping.rules import is_computed, sources_by_path
from events_pandas.run.options import RunOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class StagedColumns:
    """The columns of a stage, in the order of the frame's, and those by which its rows are ordered."""

    names: tuple[str, ...]
    order_by: tuple[str, ...]

    @property
    def read(self) -> list[str]:
        """All columns that are read from the frame; an order may need more than the stage has."""
        return list(dict.fromkeys([*self.names, *self.order_by]))


def staged_columns(
    rows: pd.DataFrame, mapping: EventMapping, *, keys: Sequence[Hashable] = (), order_by: Sequence[Hashable] = ()
) -> StagedColumns:
    """Return the columns of a stage from rows, which may be none. Raise `MappingError` for what it cannot have."""
    require_mapping(mapping)
    # The results will have the keys: one that they cannot have is known before anything is written.
    RunOptions(keys=keys)
    if not isinstance(order_by, list | tuple):
        raise TypeError(
            f"order_by: expected a list of columns, got {order_by!r}: use order_by=['order_id'] or the like"
        )
    require_columns(rows, mapping, keys=keys)
    for label in order_by:
        named_values(rows, label, path="order_by")
    if faults := list(_faults(mapping, keys=keys, order_by=order_by)):
        raise MappingError(faults)
    wanted = {*named_labels(mapping), *keys}
    names = tuple(str(label) for label in dict.fromkeys(frame_labels(rows)) if label in wanted)
    return StagedColumns(names=names, order_by=tuple(map(str, order_by)))


def _faults(mapping: EventMapping, *, keys: Sequence[Hashable], order_by: Sequence[Hashable]) -> Iterator[str]:
    sources = sources_by_path(mapping.rules())
    for path, source in sources.items():
        if is_computed(source):
            cure = "compute the column in the frame, with assign, and name it in the mapping"
            yield f"{path}: is a callable or an expression, and nobody knows which columns it reads: {cure}"
    known = named_labels(mapping)
    paths = {path: source for path, source in sources.items() if not is_computed(source) and source in known}
    for path, label in [*paths.items(), *(("keys", key) for key in keys), *(("order_by", name) for name in order_by)]:
        if not isinstance(label, str):
            yield f"{path}: the column {label!r} has a name that is not text, as in Parquet: rename it"
