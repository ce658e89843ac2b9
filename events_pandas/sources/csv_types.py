"""The types of the columns of CSV files, decided from all cells: of bare columns, and of those for callables."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import pyarrow as pa

from events_pandas.mapping import EventMapping, Number, Rule, is_computing, named_labels
from events_pandas.mapping.column_types import CellCounts, Remark, count_matches, count_texts, decide_type
from events_pandas.mapping.rules import is_bare_column, is_computed, metadata_key
from events_pandas.sources.files import TypedDtype, read_columns, row_count, source_schema
from events_pandas.sources.source_file import SourceFile

_WHOLE: Final = r"^-?(?:0|[1-9][0-9]*)$"
_BOOLEAN: Final = r"^(?i:true|false)$"


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnTypes:
    """What bare columns become, by the path of their field; a column without a value has no rule."""

    rules: Mapping[str, Rule] = field(default_factory=dict)
    remarks: Mapping[str, Remark] = field(default_factory=dict)
    # The dtypes that callables get for columns that the mapping does not name, by label; None without callables.
    computed: Mapping[Hashable, TypedDtype] | None = None


def column_types(
    mapping: EventMapping,
    files: Sequence[SourceFile],
    *,
    advance: Callable[[int], object] | None = None,
) -> ColumnTypes:
    """Decide what the bare columns of CSV files become, and the dtypes for callables, from all of their cells.

    `advance` gets the number of rows read since its last call. A file that cannot be read is a `SourceError`.
    """
    # A column of plain numbers is a number, and under a date's key one of times or epoch numbers is a date, if three
    # quarters of its cells are; any other is text. The order of rows and files decides nothing. Parquet files have
    # types of their own, and are not read; the folders above them have none.
    sources = {
        path: rule.source
        for path, rule in mapping.rules().items()
        if is_bare_column(rule) and not is_computed(rule.source)
    }
    if not sources and not is_computing(mapping):
        return ColumnTypes()
    bare = set(sources.values())
    counts: defaultdict[Hashable, CellCounts] = defaultdict(CellCounts)
    forms: defaultdict[Hashable, Counter[str]] = defaultdict(Counter)  # of the columns that callables may read
    for label, texts, times in _cells(mapping, files, bare, advance=advance):
        counts[label] += count_texts(texts, label) * times
        if label not in bare:
            booleans, whole = count_matches(texts, _BOOLEAN), count_matches(texts, _WHOLE)
            forms[label].update(cells=len(texts) * times, booleans=booleans * times, whole=whole * times)
    decided = {
        path: column_type
        for path, source in sources.items()
        if (column_type := decide_type(counts[source], metadata_key(path), source, is_text=True)) is not None
    }
    dtypes = {label: dtype for label in forms if (dtype := _dtype(counts[label], forms[label])) is not None}
    return ColumnTypes(
        rules={path: column_type.rule for path, column_type in decided.items()},
        remarks={path: remark for path, column_type in decided.items() if (remark := column_type.remark) is not None},
        computed=dtypes if is_computing(mapping) else None,
    )


def _dtype(counts: CellCounts, forms: Counter[str]) -> TypedDtype | None:
    """Return the dtype that a column has for callables, in all chunks of all files; None for text."""
    if forms["booleans"] == forms["cells"]:
        return "bool" if forms["cells"] else None
    column_type = decide_type(counts, "", "", is_text=True)
    if column_type is None or not isinstance(column_type.rule, Number):
        return None
    return "int64" if forms["whole"] == forms["cells"] else "float64"


def _cells(
    mapping: EventMapping,
    files: Sequence[SourceFile],
    bare: Collection[Hashable],
    *,
    advance: Callable[[int], object] | None,
) -> Iterator[tuple[Hashable, pa.Array, int]]:
    """Yield the texts of bare columns, and with callables of all columns that the mapping does not name.

    The number says how many times the texts are there. Partitions are texts, too, also above files with types.
    """
    for file in files:
        keys = dict(file.partitions)
        if not (file.is_text or keys):
            continue
        names = source_schema(file).names
        wanted = {*bare, *(set(names) - named_labels(mapping) if is_computing(mapping) else ())}
        labels = [label for label in names if label in wanted and names.count(label) == 1]
        for label in keys.keys() & set(labels):
            yield label, pa.array([keys[label]], pa.large_string()), row_count(file)
        own = [label for label in labels if label not in keys]
        for frame in read_columns(file, own) if own and file.is_text else ():
            for label in frame.columns:
                yield label, pa.array(frame[label], pa.large_string(), from_pandas=True), 1
            if advance is not None:
                advance(len(frame))


def with_types(mapping: EventMapping, types: Mapping[str, Rule]) -> EventMapping:
    """Return a mapping with rules, by the paths of their fields, in the place of bare columns."""
    metadata = {key: types.get(f"metadata.{key}", entry) for key, entry in mapping.metadata.items()}
    return replace(mapping, metadata=metadata)
