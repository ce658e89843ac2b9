"""A mapping meets a frame: every source becomes a column of values, every bare column a rule with a type."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from events_pandas.errors import MappingError, UnknownColumnError
from events_pandas.intercom import DATE_SUFFIXES, IDENTIFIERS
from events_pandas.mapping.event_mapping import EventMapping
from events_pandas.mapping.faults import date_key_faults
from events_pandas.mapping.rules import (
    EXPRESSION_TYPE,
    Column,
    Constant,
    Date,
    Number,
    Rule,
    Source,
    Text,
    Values,
    is_computed,
    is_expression,
    part_path,
    rule_sources,
)

CURRENCY_LETTERS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundRule:
    """A rule with the values that it reads from one frame.

    Parameters
    ----------
    path : str
        The field that it makes, such as ``"metadata.price"``.
    rule : Rule
        Never a `Column`: its type is known.
    parts : mapping of str to Series or Constant
        What it reads, by the name of the part; a series has a value for each row of the frame.
    labels : mapping of str to str
        How to speak of each part to the user, such as ``"column 'total'"``.
    """

    path: str
    rule: Rule
    parts: Mapping[str, "Values | Constant"]
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundMapping:
    """A mapping with the values that its rules read from one frame.

    Parameters
    ----------
    mapping : EventMapping
        The mapping.
    rules : tuple of BoundRule
        A rule for each field, in the order sent; a bare column without any value has none.
    n_rows : int
        The number of rows of the frame.
    resolved : mapping of str to Rule
        The rules that bare columns turned into, by path: the next chunk of a stream is held to them.
    """

    mapping: EventMapping
    rules: tuple[BoundRule, ...]
    n_rows: int
    resolved: Mapping[str, Rule]


def require_mapping(mapping: object) -> None:
    """Refuse what is no mapping, and say how to make one.

    Parameters
    ----------
    mapping : object
        What was given as a mapping.

    Raises
    ------
    TypeError
        If it is anything but an `EventMapping`.
    """
    if not isinstance(mapping, EventMapping):
        kind = type(mapping).__name__
        raise TypeError(f"mapping: a {kind} is no EventMapping: make one, or read it with EventMapping.from_toml(path)")


def bind(frame: pd.DataFrame, mapping: EventMapping, *, resolved: Mapping[str, Rule] | None = None) -> BoundMapping:
    """Find, in a frame, everything that a mapping reads.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows; it is not changed.
    mapping : EventMapping
        The mapping.
    resolved : mapping of str to Rule, optional
        What bare columns turned into in an earlier chunk of the same stream.

    Returns
    -------
    BoundMapping
        The values, by field.

    Raises
    ------
    TypeError
        If the rows are in anything but a DataFrame, or the mapping is none.
    MappingError
        If the mapping does not fit the frame: with every fault at once; `UnknownColumnError` where the only fault is a
        column that there is not.
    """
    require_mapping(mapping)
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"rows come in a pandas DataFrame, and this is a {type(frame).__name__}")
    binder = _Binder(frame)
    rules = dict(resolved or {})
    bound = []
    binder.look_at_name(mapping)
    for path, rule in mapping.rules().items():
        parts = {part: binder.values(part_path(path, part), source) for part, source in rule_sources(rule).items()}
        typed = rules.get(path) or binder.typed_rule(path, rule, parts[next(iter(parts))])
        if typed is None:
            continue
        if isinstance(rule, Column):
            rules[path] = typed
        labels = {part: _public_label(path, source) for part, source in rule_sources(rule).items()}
        present = {part: values for part, values in parts.items() if values is not None}
        bound.append(BoundRule(path=path, rule=typed, parts=present, labels=labels))
    binder.raise_faults()
    return BoundMapping(mapping=mapping, rules=tuple(bound), n_rows=len(frame), resolved=rules)


def require_columns(frame: pd.DataFrame, mapping: EventMapping) -> None:
    """Refuse a frame that lacks a column of a mapping; nothing is computed.

    Parameters
    ----------
    frame : pandas.DataFrame
        The columns; it needs no rows.
    mapping : EventMapping
        The mapping.

    Raises
    ------
    MappingError
        As `bind` raises it.
    """
    binder = _Binder(frame)
    binder.look_at_name(mapping)
    for path, rule in mapping.rules().items():
        for part, source in rule_sources(rule).items():
            if not is_computed(source):
                binder.values(part_path(path, part), source)
    binder.raise_faults()


class _Binder:
    """Looks sources up in one frame, and keeps every fault that it meets."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._faults: list[MappingError] = []
        self._computed: dict[int, Values] = {}

    def fault(self, message: str) -> None:
        self._faults.append(MappingError([message]))

    def look_at_name(self, mapping: EventMapping) -> None:
        name = mapping.event_name
        if isinstance(name, str) and self.has(name):
            self.fault(f"event_name: {name!r} is also a column: say Column({name!r}) or Constant({name!r})")

    def has(self, label: Hashable) -> bool:
        """Tell whether a label names a column or an index level."""
        return any(_same_label(known, label) for known in self._labels())

    def raise_faults(self) -> None:
        if len(self._faults) == 1:
            raise self._faults[0]
        if self._faults:
            raise MappingError([fault for error in self._faults for fault in error.faults])

    def values(self, path: str, source: Source) -> "Values | Constant | None":
        """Return what a source holds; None after a fault."""
        if isinstance(source, Constant):
            return source
        try:
            return self._compute(path, source) if is_computed(source) else self._named(path, source)
        except MappingError as error:
            self._faults.append(error)
            return None

    def _named(self, path: str, label: Hashable) -> Values:
        frame = self._frame
        positions = _positions(frame.columns, label)
        if len(positions) == 1:
            return frame.iloc[:, positions[0]]
        if positions:
            message = f"{path}: the frame has {len(positions)} columns {label!r}: rename or drop all but one"
            raise MappingError([message])
        levels = _positions(frame.index.names, label)
        if len(levels) == 1:
            # Without their names, since a level that is called 1 would pass for the second one.
            unnamed = frame.index.set_names([None] * frame.index.nlevels)
            return unnamed.get_level_values(levels[0]).to_series(index=frame.index)
        if levels:
            message = f"{path}: the frame's index has {len(levels)} levels {label!r}: rename all but one"
            raise MappingError([message])
        raise UnknownColumnError(label, path=path, available=self._labels(), hint=_constant_hint(path, label))

    def _labels(self) -> list[Hashable]:
        return [*self._frame.columns, *(name for name in self._frame.index.names if name is not None)]

    def _compute(self, path: str, source: Any) -> Values:
        """Evaluate a callable or an expression once, however many fields read it."""
        if id(source) not in self._computed:
            self._computed[id(source)] = self._evaluate(path, source)
        return self._computed[id(source)]

    def _evaluate(self, path: str, source: Any) -> Values:
        # A callable that changes its argument changes a copy. With pandas 3, which has expressions, a shallow copy is
        # enough: what is written to is copied first.
        frame = self._frame.copy(deep=EXPRESSION_TYPE is None)
        try:
            # An expression is callable too, and calling it only gives another expression.
            values = frame.assign(__value__=source)["__value__"] if is_expression(source) else source(frame)
        except Exception as error:
            message = f"{path}: computing {_label(source)} failed with {type(error).__name__}: {error}"
            raise MappingError([message]) from error
        if not isinstance(values, pd.Series):
            raise MappingError([f"{path}: {_label(source)} gave a {type(values).__name__}, not a Series of the rows"])
        if len(values) != len(frame) or not values.index.equals(frame.index):
            raise MappingError([f"{path}: {_label(source)} gave a Series whose index is not the frame's"])
        return values

    def typed_rule(self, path: str, rule: Rule, values: "Values | Constant | None") -> Rule | None:
        """Return the rule that a bare column turns into; other rules as they are; None where nothing tells the type."""
        if not isinstance(rule, Column) or values is None:
            return rule
        held = pd.Series([values.value], dtype=object) if isinstance(values, Constant) else values
        kind = _rule_type(held)
        key = path.partition(".")[2]
        if kind is Number and key.endswith(DATE_SUFFIXES):
            # Intercom takes a number under such a key for a date, and so does whoever named it.
            return Date(rule.source)
        if kind is Date:
            for fault in date_key_faults(path, key):
                self.fault(fault)
        return kind(rule.source) if kind else None


def _rule_type(values: Values) -> type[Text | Number | Date] | None:
    """Tell what a bare column becomes, from its dtype or, for objects, from all of its values."""
    inferred = _inferred(values)
    if inferred == "empty":
        return None
    if inferred in {"integer", "floating", "mixed-integer-float", "decimal"}:
        return Number
    return Date if inferred in {"datetime64", "datetime", "date"} else Text


def _inferred(values: Values) -> str:
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        values = pd.Series(dtype.categories)
    elif isinstance(dtype, pd.ArrowDtype):
        # infer_dtype makes objects of Arrow values: one tells what their common type is.
        first = values.notna().to_numpy().nonzero()[0][:1]
        values = pd.Series([values.iloc[position] for position in first], dtype=object)
    # Not left to the inference: it takes a missing time beside numbers for a value.
    present = values[values.notna().to_numpy()]
    return pd.api.types.infer_dtype(present) if len(present) else "empty"


def _positions(labels: Iterable[Hashable], label: Hashable) -> list[int]:
    return [position for position, known in enumerate(labels) if _same_label(known, label)]


def _same_label(column: Hashable, label: Hashable) -> bool:
    # 1 == True == 1.0, but they are different labels to whoever wrote them.
    try:
        return bool(column == label) and isinstance(column, bool) == isinstance(label, bool)
    except (TypeError, ValueError):
        # What equals pd.NA is neither true nor false, alone or in a tuple; numpy compares its numbers with each part
        # of a tuple.
        return False


def _constant_hint(path: str, label: Hashable) -> str:
    """Suggest a constant where a label looks like the value that is meant."""
    if not isinstance(label, str) or not path.startswith("metadata."):
        return ""
    is_currency = path.endswith(".currency") and len(label) == CURRENCY_LETTERS
    return f"did you mean {'currency=' if is_currency else ''}Constant({label!r})?"


def _public_label(path: str, source: Source) -> str:
    """Speak of a source in findings, which end in results and logs: a constant identifier names a person."""
    return "the constant" if path in IDENTIFIERS and isinstance(source, Constant) else _label(source)


def _label(source: Source) -> str:
    if isinstance(source, Constant):
        return f"the constant {source.value!r}"
    if is_expression(source):
        return f"the expression {source!r}"
    if callable(source):
        return f"the callable {getattr(source, '__name__', repr(source))}"
    return f"column {source!r}"
