"""The types of the bare columns of JSON Lines and Excel files, decided from all of their values."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from events_pandas.mapping import EventMapping, Rule
from events_pandas.mapping.column_types import Remark, ValueCounts, count_values, decide_type_by_counts
from events_pandas.mapping.rules import is_bare_column, is_computed, metadata_key
from events_pandas.sources.files import read_columns, source_schema
from events_pandas.sources.source_file import SourceFile


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueTypes:
    """What bare columns become, by the path of their field; a column without a value has no rule."""

    rules: Mapping[str, Rule]
    remarks: Mapping[str, Remark]


def value_types(
    mapping: EventMapping, files: Sequence[SourceFile], *, advance: Callable[[int], object] | None = None
) -> ValueTypes:
    """Decide what bare columns become from the values in all files whose columns have no type.

    `advance` gets the number of rows read since its last call. A file that cannot be read is a `SourceError`.
    """
    sources = {
        path: rule.source
        for path, rule in mapping.rules().items()
        if is_bare_column(rule) and not is_computed(rule.source)
    }
    counts: defaultdict[Hashable, ValueCounts] = defaultdict(ValueCounts)
    for file in [file for file in files if file.has_values] if sources else ():
        names = source_schema(file).names
        labels = [label for label in names if label in set(sources.values()) and names.count(label) == 1]
        for frame in read_columns(file, labels) if labels else ():
            for label in frame.columns:
                counts[label] += count_values(frame[label], label)
            if advance is not None:
                advance(len(frame))
    decided = {
        path: column_type
        for path, source in sources.items()
        if (column_type := decide_type_by_counts(counts[source], metadata_key(path), source)) is not None
    }
    return ValueTypes(
        rules={path: column_type.rule for path, column_type in decided.items()},
        remarks={path: column_type.remark for path, column_type in decided.items() if column_type.remark is not None},
    )
