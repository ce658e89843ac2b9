"""The sources of a mapping looked up in one frame: columns, levels of its index, constants and computed values."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from events_pandas.errors import MappingError, UnknownColumnError
from events_pandas.intercom import IDENTIFIERS
from events_pandas.mapping.column_types import ColumnType, decide_type_by_values
from events_pandas.mapping.event_mapping import EventMapping
from events_pandas.mapping.faults import date_key_faults
from events_pandas.mapping.rule_parts import is_computed, is_expression, metadata_key
from events_pandas.mapping.rules import Column, Constant, Date, Rule, Source, Values
from events_pandas.mapping.toml import misplaced, source_wording
from events_pandas.wording import Phrase, Words, parts_of
from events_pandas.words import kind_of

KEYS: Final = "keys"
"""What reads the columns that are carried into the results, in the words of an error."""
_CURRENCY_LETTERS: Final = 3
# In a TOML file a line below [metadata] is metadata, also one that was meant for the mapping.
TEXT_OPTIONS: Final = frozenset({"timezone", "duplicates", "on_invalid_metadata", "metadata_overflow"})


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
    # None is not the name of a level: the level has none.
    levels = [] if label is None else _positions(frame.index.names, label)
    if len(levels) == 1:
        # Without names: a level with the name 1 would pass for the second level.
        unnamed = frame.index.set_names([None] * frame.index.nlevels)
        return unnamed.get_level_values(levels[0]).to_series(index=frame.index)
    if levels:
        raise MappingError([f"{path}: the frame's index has {len(levels)} levels {label!r}: rename all but one"])
    raise UnknownColumnError(label, path=path, available=frame_labels(frame), hint=hint)


class FrameSources:
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
        """Raise one error with every fault that was found."""
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
    if option in TEXT_OPTIONS:
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


def source_label(path: str, source: Source) -> str:
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
