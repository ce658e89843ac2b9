"""A mapping bound to a frame: each source becomes a column of values, each bare column a rule with a type."""

import os
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd

from events_pandas.intercom import IDENTIFIERS
from events_pandas.mapping.column_types import TYPE_WORDS, Remark
from events_pandas.mapping.event_mapping import EventMapping, stripped_identifiers
from events_pandas.mapping.frame_sources import TEXT_OPTIONS, FrameSources, source_label
from events_pandas.mapping.rule_parts import (
    is_bare_column,
    is_computed,
    metadata_key,
    part_path,
    rule_sources,
    sources_by_path,
)
from events_pandas.mapping.rules import Column, Constant, MonetaryAmount, Number, Rule, Source, Values
from events_pandas.mapping.source_format import DecimalSign
from events_pandas.words import did_you_mean, full_kind_of, kind_of

_PLAIN: Final = (list, tuple, Mapping, np.ndarray)
"""Rows that `pandas.DataFrame` takes."""
_CURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "to_arrow_reader": "call its to_arrow_reader()",
        "to_reader": "call its to_reader()",
        "to_table": "call its to_table()",
        "fetchmany": "read its rows with pd.read_sql(query, connection)",
        "toPandas": "events_pandas.engines.spark has functions for it",
        "to_frame": "call its to_frame()",
        "to_pandas": "call its to_pandas()",
        "map_partitions": "events_pandas.engines.dask has functions for it",
        "compute": "call its compute()",
    }
)
"""How to make a frame of rows whose type has a method of this name: of cursors, scanners, PySpark, columns, Dask."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundRule:
    """A rule with the values that it reads from one frame."""

    path: str  # the field that it makes, such as "metadata.price"
    rule: Rule  # never a Column: its type is known
    parts: Mapping[str, "Values | Constant"]  # by the name of the part; a series has a value for each row of the frame
    labels: Mapping[str, str]  # the words for each part in a message, such as "column 'total'"
    is_bare: bool = False  # the values of a bare column decided the rule
    strips: bool = False  # blanks and invisible characters at both ends are removed
    remark: Remark | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundMapping:
    """A mapping with the values that its rules read from one frame."""

    mapping: EventMapping
    rules: tuple[BoundRule, ...]  # in the order sent; a bare column without any value has none
    n_rows: int
    resolved: Mapping[str, Rule]  # what bare columns became, by path: the next chunk of a stream must follow it
    keys: Mapping[Hashable, Values] = field(default_factory=dict)  # columns that only the results show, by label

    def retyped(self, types: Mapping[str, Rule], signs: Mapping[str, DecimalSign] | None = None) -> "BoundMapping":
        """Return the same columns, with bare ones as what they became in earlier runs, by path.

        A rule whose type changes has a remark; a date stays as it is read now. `signs` holds the decimal signs that
        cells show, by path.
        """
        given = self.mapping.source.decimal
        rules = tuple(_retyped(rule, types, given or (signs or {}).get(rule.path)) for rule in self.rules)
        known = {rule.path: rule.rule for rule in rules if rule.path in self.resolved}
        return replace(self, rules=rules, resolved={**self.resolved, **types, **known})


def _with_sign(rule: Rule, sign: DecimalSign | None) -> Rule:
    """Return a rule of numbers with the decimal sign of the mapping, if it has none of its own."""
    if sign is None or not isinstance(rule, Number | MonetaryAmount) or rule.decimal is not None:
        return rule
    return replace(rule, decimal=sign)


def _retyped(bound: BoundRule, types: Mapping[str, Rule], sign: DecimalSign | None) -> BoundRule:
    kept = types.get(bound.path)
    if not bound.is_bare or kept is None or type(kept) is type(bound.rule):
        return bound
    value = f"{TYPE_WORDS[type(bound.rule)]}, sent as {TYPE_WORDS[type(kept)]},"
    remark = Remark(code="type_kept", value=value)
    return replace(bound, rule=_with_sign(kept, sign), remark=remark)


def require_mapping(mapping: object) -> None:
    """Raise a `TypeError` that says how to make a mapping, if this is not an `EventMapping`."""
    if not isinstance(mapping, EventMapping):
        given = kind_of(mapping)
        raise TypeError(
            f"mapping: expected an EventMapping, got {given}: make one or read one with EventMapping.from_toml(path)"
        )


def require_frame(frame: object) -> None:
    """Raise a `TypeError` if this is not a DataFrame."""
    if not isinstance(frame, pd.DataFrame):
        raise rows_error(frame)


def rows_error(rows: object) -> TypeError:
    """Return the error for rows that are not a table."""
    cure = rows_cure(rows)
    if isinstance(rows, _PLAIN):
        cure = ": make a frame with pd.DataFrame(rows)"
    elif not cure and isinstance(rows, Iterator):
        cure = ": iter_submit takes several frames"
    expected = "expected rows in a pandas DataFrame, or in a table of Polars, DuckDB or pyarrow"
    return TypeError(f"{expected}, got {full_kind_of(rows)}{cure}")


def rows_cure(rows: object) -> str:
    """Return how to make a frame of the rows of another library; nothing if that is not known."""
    if isinstance(rows, str | os.PathLike):
        return ": check_file and submit_file take the path of a file"
    # An attribute of the object itself may be a column.
    return next((f": {cure}" for name, cure in _CURES.items() if hasattr(type(rows), name)), "")


def bind(
    frame: pd.DataFrame,
    mapping: EventMapping,
    *,
    resolved: Mapping[str, Rule] | None = None,
    remarks: Mapping[str, Remark] | None = None,
    keys: Sequence[Hashable] = (),
    cells: pd.DataFrame | None = None,
) -> BoundMapping:
    """Find all that a mapping reads in a frame, which is not changed, and the columns `keys` (in `cells`, if given).

    `resolved` holds the rules that bare columns became in earlier chunks of a stream, and `remarks` the notes on them.
    Raise `TypeError` if the rows are not a DataFrame, `UnknownColumnError` if a missing column is the only fault, and
    otherwise `MappingError` with every fault.
    """
    require_mapping(mapping)
    require_frame(frame)
    sources = FrameSources(frame, mapping)
    rules, stripped = dict(resolved or {}), stripped_identifiers(mapping)
    bound = []
    for path, rule in mapping.rules().items():
        parts = {part: sources.values(part_path(path, part), source) for part, source in rule_sources(rule).items()}
        column_type = sources.column_type(path, rule, parts[next(iter(parts))], known=rules.get(path))
        if column_type is None:
            continue
        if isinstance(rule, Column) and column_type.is_final:
            rules[path] = column_type.rule
        bound.append(
            BoundRule(
                path=path,
                rule=_with_sign(column_type.rule, mapping.source.decimal),
                parts={part: values for part, values in parts.items() if values is not None},
                labels={part: source_label(path, source) for part, source in rule_sources(rule).items()},
                is_bare=is_bare_column(rule),
                strips=path in stripped,
                remark=(remarks or {}).get(path, column_type.remark),
            )
        )
    found = sources.keys(keys, cells)
    sources.raise_faults()
    return BoundMapping(mapping=mapping, rules=tuple(bound), n_rows=len(frame), resolved=rules, keys=found)


def require_columns(
    frame: pd.DataFrame, mapping: EventMapping, *, keys: Sequence[Hashable] = (), is_explained: bool = False
) -> None:
    """Raise the `MappingError` of `bind` if a column is missing; nothing is computed, and no rows are needed.

    If something else explains why columns are missing (`is_explained`), no constants are suggested for them.
    """
    sources = FrameSources(frame, mapping, is_explained=is_explained)
    for path, source in sources_by_path(mapping.rules()).items():
        if not is_computed(source):
            sources.values(path, source)
    sources.keys(keys, frame)
    sources.raise_faults()


def named_labels(mapping: EventMapping) -> set[Hashable]:
    """Return the labels of the columns that a mapping names."""
    sources = sources_by_path(mapping.rules()).values()
    return set(filter(_is_label, sources))


def _is_label(source: Source) -> bool:
    return not is_computed(source) and not isinstance(source, Constant)


def is_computing(mapping: EventMapping) -> bool:
    """Tell whether a mapping has a callable or a ``pd.col`` expression: nobody knows which columns these read."""
    return any(is_computed(source) for source in sources_by_path(mapping.rules()).values())


def absent_columns(mapping: EventMapping, names: Collection[str]) -> list[str]:
    """Return the columns of a mapping that are not among the names, if rows may lack all of them.

    Rows may lack metadata, and an identifier beside another one. A column is not absent but misspelt if a column that
    the mapping does not read has a similar name.
    """
    sources = sources_by_path(mapping.rules())
    labels = {path: source for path, source in sources.items() if _is_label(source)}
    absent = {path: label for path, label in labels.items() if label not in names}
    others = set(names).difference(labels.values())
    optional = {path for path in absent if metadata_key(path) and metadata_key(path) not in TEXT_OPTIONS}
    if any(name in sources and name not in absent for name in IDENTIFIERS):
        optional |= set(IDENTIFIERS)
    is_certain = all(
        path in optional and isinstance(label, str) and not did_you_mean(label, others, otherwise="")
        for path, label in absent.items()
    )
    return list(dict.fromkeys(map(str, absent.values()))) if is_certain else []
