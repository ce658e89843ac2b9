"""A mapping bound to a frame: each source becomes a column of values, each bare column a rule with a type."""

import os
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd

from events_pandas.errors import MappingError, UnknownColumnError
from events_pandas.intercom import IDENTIFIERS
from events_pandas.mapping.column_types import TYPE_WORDS, ColumnType, Remark, decide_type_by_values
from events_pandas.mapping.event_mapping import EventMapping, stripped_identifiers
from events_pandas.mapping.faults import date_key_faults
from events_pandas.mapping.rules import (
    Column,
    Constant,
    Date,
    MonetaryAmount,
    Number,
    Rule,
    Source,
    Values,
    is_bare_column,
    is_computed,
    is_expression,
    metadata_key,
    part_path,
    rule_sources,
    sources_by_path,
)
from events_pandas.mapping.source_format import DecimalSign
from events_pandas.mapping.toml import misplaced, source_wording
from events_pandas.wording import Phrase, Words, parts_of
from events_pandas.words import did_you_mean, full_kind_of, kind_of

KEYS: Final = "keys"
"""What reads the columns that are carried into the results, in the words of an error."""
_CURRENCY_LETTERS: Final = 3
# In a TOML file a line below [metadata] is metadata, also one that was meant for the mapping.
_TEXT_OPTIONS: Final = frozenset({"timezone", "duplicates", "on_invalid_metadata", "metadata_overflow"})

_PLAIN: Final = (list, tuple, Mapping, np.ndarray)
"""Rows that `pandas.DataFrame` takes."""
_CURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "to_arrow_reader": "call its to_arrow_reader()",
        "to_reader": "call its to_reader()",
        "fetchmany": "read its rows with pd.read_sql(query, connection)",
        "toPandas": "events_pandas.engines.spark has functions for it",
        "to_frame": "call its to_frame()",
        "to_pandas": "call its to_pandas()",
        "compute": "call its compute()",
    }
)
"""How to make a frame of rows whose type has a method of this name: of cursors, scanners, PySpark, Dask, columns."""


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


def frame_labels(frame: pd.DataFrame) -> list[Hashable]:
    """Return the labels that a mapping can name: those of the columns, and the names of the index levels."""
    return [*frame.columns, *(name for name in frame.index.names if name is not None)]


def named_values(frame: pd.DataFrame, label: Hashable, *, path: str = "", hint: Words = "") -> Values:
    """Return the one column, or else the one level of the index, with a label; the field `path` reads it.

    `hint` says how to fix a missing label to which no other is similar.
    """
    positions = _positions(frame.columns, label)
    if len(positions) == 1:
        return frame.iloc[:, positions[0]]
    if positions:
        raise MappingError([f"{path}: {len(positions)} columns have the name {label!r}: rename or drop all but one"])
    levels = _positions(frame.index.names, label)
    if len(levels) == 1:
        # Without names: a level with the name 1 would pass for the second level.
        unnamed = frame.index.set_names([None] * frame.index.nlevels)
        return unnamed.get_level_values(levels[0]).to_series(index=frame.index)
    if levels:
        raise MappingError([f"{path}: the frame's index has {len(levels)} levels {label!r}: rename all but one"])
    raise UnknownColumnError(label, path=path, available=frame_labels(frame), hint=hint)


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
    binder = _Binder(frame, mapping)
    rules, stripped = dict(resolved or {}), stripped_identifiers(mapping)
    bound = []
    for path, rule in mapping.rules().items():
        parts = {part: binder.values(part_path(path, part), source) for part, source in rule_sources(rule).items()}
        column_type = binder.column_type(path, rule, parts[next(iter(parts))], known=rules.get(path))
        if column_type is None:
            continue
        if isinstance(rule, Column) and column_type.is_final:
            rules[path] = column_type.rule
        bound.append(
            BoundRule(
                path=path,
                rule=_with_sign(column_type.rule, mapping.source.decimal),
                parts={part: values for part, values in parts.items() if values is not None},
                labels={part: _public_label(path, source) for part, source in rule_sources(rule).items()},
                is_bare=is_bare_column(rule),
                strips=path in stripped,
                remark=(remarks or {}).get(path, column_type.remark),
            )
        )
    found = binder.keys(keys, cells)
    binder.raise_faults()
    return BoundMapping(mapping=mapping, rules=tuple(bound), n_rows=len(frame), resolved=rules, keys=found)


def require_columns(
    frame: pd.DataFrame, mapping: EventMapping, *, keys: Sequence[Hashable] = (), is_explained: bool = False
) -> None:
    """Raise the `MappingError` of `bind` if a column is missing; nothing is computed, and no rows are needed.

    If something else explains why columns are missing (`is_explained`), no constants are suggested for them.
    """
    binder = _Binder(frame, mapping, is_explained=is_explained)
    for path, source in sources_by_path(mapping.rules()).items():
        if not is_computed(source):
            binder.values(path, source)
    binder.keys(keys, frame)
    binder.raise_faults()


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
    optional = {path for path in absent if metadata_key(path) and metadata_key(path) not in _TEXT_OPTIONS}
    if any(name in sources and name not in absent for name in IDENTIFIERS):
        optional |= set(IDENTIFIERS)
    is_certain = all(
        path in optional and isinstance(label, str) and not did_you_mean(label, others, otherwise="")
        for path, label in absent.items()
    )
    return list(dict.fromkeys(map(str, absent.values()))) if is_certain else []


class _Binder:
    """Looks sources up in one frame, and keeps every fault that it finds."""

    def __init__(self, frame: pd.DataFrame, mapping: EventMapping, *, is_explained: bool = False) -> None:
        event_name = mapping.event_name
        self._frame = frame
        self._rules = mapping.rules()
        self._is_explained = is_explained
        self._faults: list[MappingError] = []
        self._computed: dict[int, Values] = {}
        if isinstance(event_name, str) and _positions(frame_labels(frame), event_name):
            column, constant = source_wording(Column(event_name)), source_wording(Constant(event_name))
            fault = parts_of(f"event_name: {event_name!r} is also a column: use ", column, " or ", constant)
            self._faults.append(MappingError([fault]))

    def raise_faults(self) -> None:
        if len(self._faults) == 1:
            raise self._faults[0]
        if self._faults:
            raise MappingError([fault for error in self._faults for fault in error.words])

    def values(self, path: str, source: Source) -> "Values | Constant | None":
        """Return what a source holds; None after a fault."""
        if isinstance(source, Constant):
            return source
        try:
            if is_computed(source):
                return self._compute(path, source)
            hint = "" if self._is_explained else _hint(path, source, self._rules.get(path))
            return named_values(self._frame, source, path=path, hint=hint)
        except MappingError as error:
            self._faults.append(error)
            return None

    def keys(self, labels: Sequence[Hashable], cells: pd.DataFrame | None) -> dict[Hashable, Values]:
        """Return the columns with these labels; those that have a fault are left out."""
        found = {}
        for label in labels:
            try:
                found[label] = named_values(self._frame if cells is None else cells, label, path=KEYS)
            except MappingError as error:
                self._faults.append(error)
        return found

    def _compute(self, path: str, source: Source) -> Values:
        """Evaluate a callable or an expression once, even if several fields read it."""
        if id(source) not in self._computed:
            self._computed[id(source)] = self._evaluate(path, source)
        return self._computed[id(source)]

    def _evaluate(self, path: str, source: Any) -> Values:
        frame = _copied(self._frame)
        try:
            # An expression is callable too, but a call gives another expression.
            values = frame.assign(__value__=source)["__value__"] if is_expression(source) else source(frame)
        except Exception as error:
            message = f"{path}: computing {_label(source)} failed with {type(error).__name__}: {error}"
            raise MappingError([message]) from error
        if not isinstance(values, pd.Series):
            raise MappingError([f"{path}: {_label(source)} returned {kind_of(values)}, not a Series of the rows"])
        if len(values) != len(frame) or not values.index.equals(self._frame.index):
            raise MappingError([f"{path}: {_label(source)} returned a Series whose index is not the frame's"])
        # The callable may keep the series and change it in the next call; a view would keep the whole frame alive.
        return values.copy(deep=True)

    def column_type(
        self, path: str, rule: Rule, values: "Values | Constant | None", *, known: Rule | None
    ) -> ColumnType | None:
        """Return the rule that a bare column becomes, or the rule itself; None if no value tells the type."""
        if not isinstance(rule, Column) or values is None or known is not None:
            return ColumnType(rule=known or rule)
        column = pd.Series([values.value], dtype=object) if isinstance(values, Constant) else values
        key = metadata_key(path)
        column_type = decide_type_by_values(column, key, rule.source)
        if column_type is not None and isinstance(column_type.rule, Date):
            self._faults += [MappingError([fault]) for fault in date_key_faults(path, key)]
        return column_type


def _copied(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy that a callable can write to: nothing reaches the caller's frame, its arrays or its index.

    A shallow copy would share the arrays of its columns.
    """
    copied = frame.copy(deep=True)
    copied.index, copied.columns = _copied_labels(frame.index), _copied_labels(frame.columns)
    return copied


def _copied_labels(labels: "pd.Index[Any]") -> "pd.Index[Any]":
    # A copy of a range shares the array that pandas makes of it on demand.
    if isinstance(labels, pd.RangeIndex):
        return pd.RangeIndex(labels.start, labels.stop, labels.step, name=labels.name)
    if not isinstance(labels, pd.MultiIndex):
        return labels.copy(deep=True)
    levels: Any = [level.copy(deep=True) for level in labels.levels]
    codes: Any = [np.array(codes) for codes in labels.codes]
    return pd.MultiIndex(levels=levels, codes=codes, names=labels.names, verify_integrity=False)


def _positions(labels: Iterable[Hashable], label: Hashable) -> list[int]:
    return [position for position, known in enumerate(labels) if _same_label(known, label)]


def _same_label(column: Hashable, label: Hashable) -> bool:
    # 1 == True, but to the author of a mapping they are different labels.
    try:
        return bool(column == label) and isinstance(column, bool) == isinstance(label, bool)
    except (TypeError, ValueError):
        # A comparison with pd.NA, also within a tuple, is neither true nor false; a number of numpy is compared with
        # each part of a tuple.
        return False


def _hint(path: str, label: Hashable, rule: Rule | None) -> Words:
    """Suggest what a missing label of the metadata may be: an option in the wrong place, or the value itself.

    `rule` is the one of the path; None if the path is that of a rule's part.
    """
    option = metadata_key(path)
    if not isinstance(label, str) or not option:
        return ""
    if option in _TEXT_OPTIONS:
        return misplaced(option)
    may_be_value = isinstance(rule, Column) if rule is not None else _suits(path.rpartition(".")[2], label)
    # A key whose value is its own name can only mean a column.
    if label in option.split(".") or not may_be_value:
        return ""
    named = Phrase("currency=", "currency = ") if rule is None and path.endswith(".currency") else ""
    return parts_of("did you mean ", named, source_wording(Constant(label)), "?")


def _suits(part: str, text: str) -> bool:
    """Whether a text may be the constant of a rule's part. A number or a text with a rule of its own is a column."""
    return {"currency": len(text) == _CURRENCY_LETTERS, "value": True, "url": "://" in text}.get(part, False)


def _public_label(path: str, source: Source) -> str:
    """Return the words for a source in results and logs: a constant identifier, which names a person, is left out."""
    return "the constant" if path in IDENTIFIERS and isinstance(source, Constant) else _label(source)


def _label(source: Source) -> str:
    if isinstance(source, Constant):
        return f"the constant {source.value!r}"
    if is_expression(source):
        return f"the expression {source!r}"
    if callable(source):
        return f"the callable {getattr(source, '__name__', repr(source))}"
    return f"column {source!r}"
