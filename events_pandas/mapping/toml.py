"""The TOML form of a mapping: a table of fields read into rules, and rules written as a table."""

import difflib
import tomllib
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from events_pandas.errors import MappingError
from events_pandas.intercom import IDENTIFIERS
from events_pandas.mapping.rules import (
    Column,
    Constant,
    Date,
    Link,
    MonetaryAmount,
    Number,
    RichLink,
    Rule,
    Text,
    is_computed,
    rule_sources,
)

if TYPE_CHECKING:
    from events_pandas.mapping.event_mapping import EventMapping

RULES_BY_TYPE: dict[str, type[Rule]] = {
    "column": Column,
    "text": Text,
    "number": Number,
    "date": Date,
    "link": Link,
    "rich_link": RichLink,
    "monetary_amount": MonetaryAmount,
}
OPTIONS = ("timezone", "duplicates", "on_invalid_metadata")
FIELDS = ("event_name", "created_at", *IDENTIFIERS, "metadata", *OPTIONS)


def read_fields(path: Path) -> dict[str, Any]:
    """Read the fields of a mapping from a TOML file.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    dict
        The arguments of `EventMapping`.

    Raises
    ------
    MappingError
        If the file cannot be read or is no TOML, or with every fault of its form.
    """
    try:
        # Windows editors put a byte order mark first, which TOML does not allow.
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise MappingError([f"{path}: cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError([f"{path}: is not valid TOML: {error}"]) from error
    return _Reader().fields(table)


class _Reader:
    """Reads one table, and keeps every fault that it meets."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def fields(self, table: Mapping[str, Any]) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        for name, entry in table.items():
            if name in OPTIONS:
                arguments[name] = entry
            elif name == "metadata":
                arguments[name] = self._metadata(entry)
            elif name in FIELDS:
                arguments[name] = self._entry(name, entry)
            else:
                self._unknown("the mapping", name, FIELDS)
        self.faults += [f"{name}: is missing" for name in ("event_name", "created_at") if name not in table]
        if self.faults:
            raise MappingError(self.faults)
        return arguments

    def _metadata(self, table: object) -> dict[str, Any]:
        if not isinstance(table, dict):
            self.faults.append("metadata: must be a table, [metadata], with a line for each key")
            return {}
        return {key: self._entry(f"metadata.{key}", entry) for key, entry in table.items()}

    def _entry(self, path: str, entry: object) -> Any:
        """Read a bare label, a constant, ``{ column = … }`` or ``{ type = …, … }``."""
        if not isinstance(entry, dict):
            return self._label(path, entry)
        if "type" not in entry:
            return Column(self._label(path, entry["column"])) if set(entry) == {"column"} else self._source(path, entry)
        kind = RULES_BY_TYPE.get(entry["type"]) if isinstance(entry["type"], str) else None
        if kind is None:
            self._unknown(f"{path}.type", str(entry["type"]), RULES_BY_TYPE)
            return None
        return self._rule(path, kind, {name: part for name, part in entry.items() if name != "type"})

    def _rule(self, path: str, kind: type[Rule], entry: dict[str, Any]) -> Rule | None:
        names = [field.name for field in fields(kind)]
        if "source" in names and ("column" in entry) + ("constant" in entry) == 1:
            part = "column" if "column" in entry else "constant"
            entry = {**entry, "source": entry["column"] if part == "column" else {"constant": entry["constant"]}}
            del entry[part]
        known = len(self.faults)
        for name in entry.keys() - set(names):
            self._unknown(path, name, ["column" if field == "source" else field for field in names])
        needed = [name for name in ("source", "amount", "currency", "value", "url") if name in names]
        self.faults += [
            f"{path}: {'column' if name == 'source' else name!r} is missing" for name in needed if name not in entry
        ]
        if len(self.faults) > known:
            return None
        arguments = {
            name: self._source(f"{path}.{name}", part) if name in needed else part for name, part in entry.items()
        }
        return kind(**arguments)

    def _source(self, path: str, entry: object) -> Any:
        if not isinstance(entry, dict):
            return self._label(path, entry)
        if set(entry) == {"constant"}:
            return Constant(entry["constant"])
        self.faults.append(f'{path}: write a column\'s name, {{ column = "…" }} or {{ constant = … }}')
        return None

    def _label(self, path: str, entry: object) -> Hashable:
        # TOML has no tuples: an array names a column of several levels.
        if isinstance(entry, list):
            return tuple(entry)
        if isinstance(entry, str | int) and not isinstance(entry, bool):
            return entry
        self.faults.append(f"{path}: {entry!r} is no column's name")
        return None

    def _unknown(self, place: str, name: str, known: Iterable[str]) -> None:
        similar = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {similar[0]!r}?" if similar else f"there are {', '.join(known)}"
        self.faults.append(f"{place}: {name!r} is not known: {hint}")


def write_fields(mapping: "EventMapping") -> str:
    """Write a mapping as TOML.

    Parameters
    ----------
    mapping : EventMapping
        The mapping.

    Returns
    -------
    str
        The text.

    Raises
    ------
    MappingError
        If a callable or an expression stands in it, with the path of each.
    """
    faults = [
        f"{path}{'.' if part else ''}{part}: a callable cannot be written as TOML: compute a column and name it"
        for path, rule in mapping.rules().items()
        for part, source in rule_sources(rule).items()
        if is_computed(source)
    ]
    if faults:
        raise MappingError(faults)
    lines = [
        f"{name} = {_value_text(_entry_table(getattr(mapping, name)))}"
        for name in ("event_name", "created_at", *IDENTIFIERS)
        if getattr(mapping, name) is not None
    ]
    lines += [
        f"{field.name} = {_value_text(getattr(mapping, field.name))}"
        for field in fields(mapping)
        if field.name in OPTIONS and getattr(mapping, field.name) != field.default
    ]
    if mapping.metadata:
        lines += ["", "[metadata]"]
        lines += [f"{_key_text(key)} = {_value_text(_entry_table(rule))}" for key, rule in mapping.metadata.items()]
    return "\n".join(lines) + "\n"


def _entry_table(entry: object) -> Any:
    """Return what stands for a rule or source in TOML: a label, or a table."""
    match entry:
        case Constant():
            return {"constant": entry.value}
        case Column():
            # Only event_name tells a column from a literal, but the table means the same everywhere.
            return {"column": entry.source}
        case Text() | Number() | Date() | Link() | RichLink() | MonetaryAmount():
            return _rule_table(entry)
        case _:
            return entry


def _rule_table(rule: Rule) -> dict[str, Any]:
    kind = next(name for name, known in RULES_BY_TYPE.items() if known is type(rule))
    table: dict[str, Any] = {"type": kind}
    for field in fields(rule):
        value = getattr(rule, field.name)
        if field.name == "source":
            table |= value_table if isinstance(value_table := _entry_table(value), dict) else {"column": value}
        elif value != field.default:
            table[field.name] = _entry_table(value)
    return table


def _key_text(key: str) -> str:
    import tomli_w  # noqa: PLC0415  # Needed only here, and `import events_pandas` stays light.

    return tomli_w.dumps({key: 0}).removesuffix(" = 0\n")


def _value_text(value: Any) -> str:
    """Write one value on one line, tables inline."""
    import tomli_w  # noqa: PLC0415  # Needed only here, and `import events_pandas` stays light.

    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key_text(key)} = {_value_text(part)}" for key, part in value.items()) + " }"
    if isinstance(value, tuple):
        return "[" + ", ".join(_value_text(part) for part in value) + "]"
    return tomli_w.dumps({"value": value}).removeprefix("value = ").removesuffix("\n")
