"""The types of the bare columns of all files, decided from all of their cells."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from events_pandas.mapping import EventMapping
from events_pandas.mapping.column_types import CellCounts, count_cells, decide_type
from events_pandas.mapping.rule_parts import is_bare_column, is_computed, metadata_key
from events_pandas.sources import csv_types
from events_pandas.sources.csv_types import ColumnTypes
from events_pandas.sources.files import read_columns, source_schema
from events_pandas.sources.source_file import SourceFile


def column_types(
    mapping: EventMapping, files: Sequence[SourceFile], *, advance: Callable[[int], object] | None = None
) -> ColumnTypes:
    """Decide what bare columns become, and the dtypes for callables, from all cells of files without column types.

    `advance` gets the number of rows read since its last call. A file that cannot be read is a `SourceError`.
    """
    # Beside a CSV file, its cells decide: values that have types fit into any rule or are problems of their own.
    texts = csv_types.column_types(mapping, files, advance=advance)
    sources = {
        path: rule.source
        for path, rule in mapping.rules().items()
        if is_bare_column(rule) and not is_computed(rule.source) and path not in texts.rules
    }
    counts: defaultdict[Hashable, CellCounts] = defaultdict(CellCounts)
    for file in [file for file in files if file.has_values] if sources else ():
        names = source_schema(file).names
        labels = [label for label in names if label in set(sources.values()) and names.count(label) == 1]
        for frame in read_columns(file, labels) if labels else ():
            for label in frame.columns:
                counts[label] += count_cells(frame[label], label)
            if advance is not None:
                advance(len(frame))
    decided = {
        path: column_type
        for path, source in sources.items()
        if (column_type := decide_type(counts[source], metadata_key(path), source, is_text=False)) is not None
    }
    rules = {path: column_type.rule for path, column_type in decided.items()}
    remarks = {path: column_type.remark for path, column_type in decided.items() if column_type.remark is not None}
    return replace(texts, rules={**rules, **texts.rules}, remarks={**remarks, **texts.remarks})
