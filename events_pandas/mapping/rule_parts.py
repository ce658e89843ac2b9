"""The parts of a rule: the sources that it reads, its options, and the paths of both."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Final, TypeGuard

import pandas as pd

from events_pandas.mapping.rules import Column, Constant, Rule, Source

EXPRESSION_TYPE: Final[type | None] = getattr(pd.api.typing, "Expression", None)
"""The type of ``pd.col(...)``, which pandas has had since version 3."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RulePart:
    """A part of a rule: a source that it reads, or an option."""

    name: str  # of its argument; the only source of a rule is called "source"
    value: object
    default: object
    is_keyword: bool

    @property
    def is_source(self) -> bool:
        """Whether it has no default, as every option has."""
        return self.default is MISSING

    @property
    def is_set(self) -> bool:
        """Whether it has another value than its default."""
        return self.is_source or bool(self.value != self.default)


def rule_parts(rule: Rule) -> list[RulePart]:
    """Return the parts of a rule in the order of its arguments: the sources come first."""
    return [
        RulePart(name=part.name, value=getattr(rule, part.name), default=part.default, is_keyword=bool(part.kw_only))
        for part in fields(rule)
    ]


def part_names(kind: type[Rule]) -> tuple[list[str], list[str]]:
    """Return the names of the sources and of the options of a kind of rule."""
    sources = [part.name for part in fields(kind) if part.default is MISSING]
    return sources, [part.name for part in fields(kind) if part.name not in sources]


def rule_sources(rule: Rule) -> dict[str, Source]:
    """Return what a rule reads, by the name of the part; an only source has the empty name."""
    return {"" if part.name == "source" else part.name: part.value for part in rule_parts(rule) if part.is_source}


def part_path(path: str, part: str) -> str:
    """Return the path of a rule's part, such as ``metadata.price.currency``; that of an only source is the rule's."""
    return f"{path}.{part}" if part else path


def metadata_key(path: str) -> str:
    """Return the key of a field of the metadata, whose path is ``metadata.<key>``; empty for another field."""
    return path.partition(".")[2]


def sources_by_path(rules: Mapping[str, Rule]) -> dict[str, Source]:
    """Return what rules read, by the paths of their parts."""
    return {
        part_path(path, part): source for path, rule in rules.items() for part, source in rule_sources(rule).items()
    }


def bare_source(entry: Source | Column) -> Source:
    """Return what an entry reads; a `Column` and its bare label read the same."""
    return entry.source if isinstance(entry, Column) else entry


def is_bare_column(rule: Rule) -> TypeGuard[Column]:
    """Tell whether the values of a column decide what a rule makes; the type of a constant is known."""
    return isinstance(rule, Column) and not isinstance(rule.source, Constant)


def is_expression(source: object) -> bool:
    """Tell whether a source is a ``pd.col`` expression, which there is not before pandas 3."""
    return EXPRESSION_TYPE is not None and isinstance(source, EXPRESSION_TYPE)


def is_computed(source: object) -> bool:
    """Tell whether a source is computed from the frame: a callable or a ``pd.col`` expression."""
    return is_expression(source) or callable(source)
