"""The types of a mapping's bare columns in CSV files, which have none of their own."""

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from events_pandas.mapping import Column, Constant, EventMapping, Rule
from events_pandas.mapping.column_types import CellCounts, Remark, count_texts, decide_type
from events_pandas.mapping.rules import is_computed
from events_pandas.sources.computed_columns import ComputedColumn
from events_pandas.sources.files import is_computing, is_parquet, named_labels, read_columns, source_schema
from events_pandas.sources.opening import KeptFile


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnTypes:
    """What bare columns become, by the path of their field.

    Parameters
    ----------
    rules : mapping of str to Rule
        Their rules; none for a column without a value.
    remarks : mapping of str to Remark
        What is told once of some of them.
    computed : mapping of hashable to str, optional
        The dtypes in which callables get other columns than those that the mapping names, by label; None where there
        are no callables.
    """

    rules: Mapping[str, Rule] = field(default_factory=dict)
    remarks: Mapping[str, Remark] = field(default_factory=dict)
    computed: Mapping[Hashable, str] | None = None


def column_types(
    mapping: EventMapping,
    files: Sequence[Path],
    *,
    kept: Mapping[Path, KeptFile] | None = None,
    advance: Callable[[int], object] | None = None,
) -> ColumnTypes:
    """Tell what the bare columns of CSV files become, and those that callables may read, from all of their cells.

    Parameters
    ----------
    mapping : EventMapping
        The mapping.
    files : sequence of pathlib.Path
        The files of a run; those of Parquet have types of their own, and are not read.
    kept : mapping of pathlib.Path to KeptFile, optional
        The files as they stood when the run began.
    advance : callable, optional
        Told how many rows have been read since it was told last.

    Returns
    -------
    ColumnTypes
        A column of plain numbers is a number, and under a date's key one of times or epoch numbers is a date, if three
        quarters of its cells are; any other is text. The order of rows and files decides nothing.

    Raises
    ------
    SourceError
        If a file cannot be read.
    """
    sources = {
        path: rule.source
        for path, rule in mapping.rules().items()
        if isinstance(rule, Column) and not isinstance(rule.source, Constant) and not is_computed(rule.source)
    }
    looks = dict.fromkeys(sources.values(), CellCounts())
    computed: dict[Hashable, ComputedColumn] = {}
    for label, texts in _cells(mapping, files, looks.keys(), kept=kept or {}, advance=advance):
        if label in looks:
            looks[label] += count_texts(texts, label)
        else:
            computed[label] = computed.get(label, ComputedColumn()).with_cells(texts, label)
    decisions = {
        path: decision
        for path, source in sources.items()
        if (decision := decide_type(looks[source], path.partition(".")[2], source, is_text=True)) is not None
    }
    return ColumnTypes(
        rules={path: decision.rule for path, decision in decisions.items()},
        remarks={path: decision.remark for path, decision in decisions.items() if decision.remark is not None},
        computed=_dtypes(computed) if is_computing(mapping) else None,
    )


def _cells(
    mapping: EventMapping,
    files: Sequence[Path],
    bare: Collection[Hashable],
    *,
    kept: Mapping[Path, KeptFile],
    advance: Callable[[int], object] | None,
) -> Iterator[tuple[Hashable, pa.Array]]:
    """Yield the texts of bare columns, and of all that the mapping does not name if it has callables."""
    named = named_labels(mapping)
    for file in files:
        if is_parquet(file):
            continue
        labels = set(bare)
        if is_computing(mapping):
            labels |= set(source_schema(file, kept=kept.get(file)).names) - named
        for frame in read_columns(file, labels, kept=kept.get(file)) if labels else ():
            for label in frame.columns:
                yield label, pa.array(frame[label], pa.large_string(), from_pandas=True)
            if advance is not None:
                advance(len(frame))


def _dtypes(computed: Mapping[Hashable, ComputedColumn]) -> dict[Hashable, str]:
    return {label: column.dtype for label, column in computed.items() if column.dtype is not None}


def with_types(mapping: EventMapping, types: Mapping[str, Rule]) -> EventMapping:
    """Return a mapping whose bare columns have their types.

    Parameters
    ----------
    mapping : EventMapping
        The mapping.
    types : mapping of str to Rule
        What bare columns become, by the path of their field.

    Returns
    -------
    EventMapping
        The same otherwise.
    """
    metadata = {key: types.get(f"metadata.{key}", entry) for key, entry in mapping.metadata.items()}
    return replace(mapping, metadata=metadata)
