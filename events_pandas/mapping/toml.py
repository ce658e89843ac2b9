"""The TOML form of a mapping: fields read from a file, and fields written as text."""

import tomllib
from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from events_pandas.byte_order_marks import marked_encoding
from events_pandas.errors import MappingError
from events_pandas.filesystem import odd_kind
from events_pandas.intercom import IDENTIFIERS
from events_pandas.mapping.rule_parts import (
    is_bare_column,
    is_computed,
    metadata_key,
    part_names,
    rule_parts,
    sources_by_path,
)
from events_pandas.mapping.rules import RULE_TYPES, RULES_BY_TYPE, Column, Constant, Rule, Source, type_word
from events_pandas.mapping.source_format import SOURCE_PARTS, SourceFormat, set_parts
from events_pandas.wording import Phrase
from events_pandas.words import UNSEEN, did_you_mean, escape, quoted

OPTIONS: Final = (
    *("timezone", "duplicates", "on_invalid_metadata", "metadata_limit", "metadata_overflow", "strip_identifiers"),
    "unconfirmed",
)
FIELDS: Final = ("event_name", "created_at", *IDENTIFIERS, "metadata", *OPTIONS, "source")

_TABLES: Final = ("metadata", "source")
"""The fields that are tables of their own, after all others."""

Fields: TypeAlias = dict[str, Any]
"""The fields of a mapping, or of a table in it, by name: each may hold anything until it is judged."""

_PIPES_OF_SHELLS: Final = ("/dev/fd", "/dev/stdin", "/proc")
_NO_SOURCE: Final = 'write a column\'s name, { column = "…" } or { constant = … }'
_LABEL_FORMS: Final = ", which is text, an integer or an array of these; a constant is { constant = … }"
_UNREAD: Final = "?"
"""A label that stands for what could not be read, so that the rest of the mapping is judged too."""


def read_fields(path: Path) -> tuple[Fields, list[str]]:
    """Return the arguments of `EventMapping` that a TOML file holds, and every fault of the file's form with its path.

    A placeholder stands for what could not be read. A file that cannot be read, or is not TOML, is a `MappingError`.
    """
    reader = _Reader()
    return reader.fields(_table(path)), reader.faults


def _table(path: Path) -> Fields:
    kind = odd_kind(path)
    # Somebody writes into a pipe of the shell, such as <(...); reading a pipe with a name may never end.
    if kind and not (kind == "a pipe" and any(map(path.is_relative_to, _PIPES_OF_SHELLS))):
        raise MappingError([f"{path}: is {kind}: write the mapping to a file and give its name"])
    cure = "give such a file, or save this one as UTF-8 and try again"
    not_utf8 = MappingError([f"{path}: is not UTF-8, and a mapping is a TOML file in UTF-8: {cure}"])
    try:
        content = path.read_bytes()
        encoding, mark = marked_encoding(content)
        # Windows editors put a byte order mark first, which TOML does not allow.
        text = content[mark:].decode(encoding).removeprefix("\ufeff")
        return tomllib.loads(text.replace("\r\n", "\n").replace("\r", "\n"))
    except OSError as error:
        if "\n" in str(path):
            cure = "a mapping is read from a file, so write the text to one and give its path"
            raise MappingError([f"{quoted(str(path))}: is not a path: {cure}"]) from error
        raise MappingError([f"{path}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise not_utf8 from error
    except tomllib.TOMLDecodeError as error:
        if b"\0" in content and encoding == "utf-8":
            # It is UTF-16 without a mark.
            raise not_utf8 from error
        # Somebody may have given the file with the rows.
        expected = "" if path.suffix == ".toml" else ", and a mapping is a TOML file"
        raise MappingError([f"{path}: is not valid TOML{expected}: {error}"]) from error
    except (ValueError, RecursionError) as error:
        # The path is not possible, an integer has thousands of digits, or brackets are nested as deep.
        raise MappingError([f"{str(path)!r}: cannot be read: {error}"]) from error


class _Reader:
    """Reads one table, and keeps every fault that it finds."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def fields(self, table: Fields) -> Fields:
        arguments: Fields = {}
        for name, entry in table.items():
            if name in OPTIONS:
                arguments[name] = entry
            elif name == "metadata":
                arguments[name] = self._metadata(entry)
            elif name == "source":
                arguments[name] = self._format(entry)
            elif name in FIELDS:
                arguments[name] = self._entry(name, entry)
            else:
                self._unknown("the mapping", name, FIELDS)
        for name in ("event_name", "created_at"):
            if name not in table:
                self.faults.append(f"{name}: is missing")
                arguments[name] = _UNREAD
        return arguments

    def _metadata(self, table: object) -> dict[str, Rule | Source]:
        if not isinstance(table, dict):
            self.faults.append("metadata: must be a table, [metadata], with a line for each key")
            return {}
        return {key: self._entry(f"metadata.{key}", entry) for key, entry in table.items()}

    def _format(self, table: object) -> SourceFormat:
        if not isinstance(table, dict):
            self.faults.append(f"source: must be a table, [source], with {', '.join(SOURCE_PARTS)}")
            return SourceFormat()
        for name in table:
            if name not in SOURCE_PARTS:
                self._unknown("source", name, SOURCE_PARTS)
        return SourceFormat(**{name: table[name] for name in SOURCE_PARTS if name in table})

    def _entry(self, path: str, entry: object) -> Rule | Source:
        """Read a bare label, a constant, ``{ column = … }``, also with ``strip``, or ``{ type = …, … }``."""
        if isinstance(entry, dict) and any(
            key == "type" or did_you_mean(key, ["strip"], otherwise="") for key in entry
        ):
            # A misspelled option, too: the rule names the right one.
            return self._rule(path, {"type": "column", **entry})
        source = self.source(path, entry, otherwise=_no_type(path, entry))
        return Column(source) if isinstance(entry, dict) and set(entry) == {"column"} else source

    def _rule(self, path: str, entry: Fields) -> Rule | Source:
        """Read a rule; the other parts are judged even if one of them is wrong."""
        word = entry["type"]
        if not isinstance(word, str) or word not in RULES_BY_TYPE:
            self._unknown(f"{path}.type", str(word), RULES_BY_TYPE)
            return _UNREAD
        kind = RULES_BY_TYPE[word]
        sources, options = part_names(kind)
        has_one_source = sources == ["source"]
        known = [*(["column", "constant"] if has_one_source else sources), *options]
        for name in entry:
            if name not in {"type", *known}:
                self._unknown(path, name, known)
        if has_one_source:
            read: Fields = {"source": self._only_source(path, entry)}
        else:
            read = {name: self._part(path, name, entry) for name in sources}
        return kind(**read, **{name: entry[name] for name in options if name in entry})

    def _only_source(self, path: str, entry: Fields) -> Source:
        """Read the only source of a rule: its column or its constant."""
        if "constant" not in entry:
            return self._part(path, "column", entry)
        if "column" in entry:
            self.faults.append(f"{path}: has both column and constant: keep one")
        return Constant(entry["constant"])

    def _part(self, path: str, name: str, entry: Fields) -> Source:
        if name in entry:
            return self.source(f"{path}.{name}", entry[name])
        self.faults.append(f"{path}.{name}: is missing")
        return _UNREAD

    def source(self, path: str, entry: object, *, otherwise: str = _NO_SOURCE) -> Source:
        """Read a label, ``{ column = … }`` or ``{ constant = … }``; any other table is a fault."""
        if not isinstance(entry, dict):
            return self._label(path, entry)
        if set(entry) == {"constant"}:
            return Constant(entry["constant"])
        if set(entry) == {"column"}:
            return self._label(path, entry["column"])
        self.faults.append(f"{path}: {otherwise}")
        return _UNREAD

    def _label(self, path: str, entry: object) -> Hashable:
        # TOML has no tuples: an array names a column of several levels.
        levels = entry if isinstance(entry, list) and entry else [entry]
        if all(isinstance(level, str | int) and not isinstance(level, bool) for level in levels):
            return tuple(levels) if isinstance(entry, list) else levels[0]
        option = metadata_key(path)
        self.faults.append(
            f"{path}: {_value_text(entry)} is not a column's name"
            + (f": {misplaced(option)}" if option in OPTIONS else _LABEL_FORMS)
        )
        return _UNREAD

    def _unknown(self, place: str, name: str, known: Iterable[str]) -> None:
        self.faults.append(f"{place}: {name!r} is not known: {did_you_mean(name, known)}")


def _no_type(path: str, entry: object) -> str:
    """Say that a table has no type: name one that has all of its parts, and may stand here."""
    if path != "created_at" and not metadata_key(path):
        return _NO_SOURCE
    parts = set(entry) if isinstance(entry, dict) else set()
    kinds = {word: part_names(kind) for word, kind in RULES_BY_TYPE.items() if kind is not Column}
    fitting = (word for word, (sources, options) in kinds.items() if parts <= {"column", *sources, *options})
    word = next(fitting, "text") if metadata_key(path) else "date"
    return f'has no type: write {{ type = "{word}", … }} or the like, or {{ column = "…" }} or {{ constant = … }} alone'


def misplaced(option: str) -> str:
    """Say where an option belongs that stands below ``[metadata]``, where every line is metadata."""
    return f"{option} is an option of the mapping, not metadata: in a TOML file its line stands above [metadata]"


def write_fields(
    fields: Fields, rules: Mapping[str, Rule], *, defaults: Mapping[str, object], comments: Mapping[str, str]
) -> str:
    """Write the fields of a mapping as TOML, without options that have their defaults.

    The comments go by the path of their field; the comment on a field that is not written has a line of its own. A
    `MappingError` names the path of each source that TOML cannot hold.
    """
    faults = [fault for path, source in sources_by_path(rules).items() for fault in _writing_faults(path, source)]
    if faults:
        raise MappingError(faults)
    lines = []
    for name, entry in fields.items():
        if name in _TABLES:
            continue
        if is_set(name, entry, default=defaults[name]):
            lines.append(_line(name, entry, comments.get(name)))
        elif name in comments:
            lines.append(f"# {name}: {comments[name]}")
    if is_set("source", fields["source"], default=defaults["source"]):
        lines += ["", _with_comment("[source]", comments.get("source"))]
        lines += [_line(part, value, None) for part, value in set_parts(fields["source"]).items()]
    if fields["metadata"]:
        lines += ["", "[metadata]"]
        lines += [_line(key, rule, comments.get(f"metadata.{key}")) for key, rule in fields["metadata"].items()]
    return "\n".join(lines) + "\n"


def is_set(name: str, entry: object, *, default: object) -> bool:
    """Tell whether a field has another value than its default, which is None for every source."""
    # Sources are not compared: an expression of pandas is neither equal nor unequal to anything.
    return entry is not None and not (name in {*OPTIONS, "source"} and entry == default)


def _line(key: str, entry: object, comment: str | None) -> str:
    return _with_comment(f"{_key_text(key)} = {entry_text(entry)}", comment)


def _with_comment(line: str, comment: str | None) -> str:
    return line if comment is None else f"{line}  # {comment}"


def _writing_faults(path: str, source: Source) -> Iterator[str]:
    if is_computed(source):
        yield f"{path}: a callable cannot be written as TOML: compute a column and name it"
    elif not _is_writable(source):
        yield f"{path}: {source!r} cannot be written as TOML: use text, an integer, a float, a date or a time"


def _is_writable(source: Source) -> bool:
    """Tell whether a label or constant is the same when it is read back."""
    try:
        text = entry_text(source)
        # A file is UTF-8, which has no lone surrogates.
        read = tomllib.loads(f"value = {text}".encode().decode())["value"]
    except (TypeError, ValueError):
        return False
    return bool(_Reader().source("", read) == source)


def _entry_table(entry: object) -> object:
    """Return what stands for a rule or source in TOML: a label, or a table."""
    if isinstance(entry, Constant):
        return {"constant": entry.value}
    if not isinstance(entry, RULE_TYPES):
        return entry
    if is_bare_column(entry):
        # Only event_name tells a column from a literal, but the table means the same everywhere.
        return {"column": entry.source} | ({"strip": True} if entry.strip else {})
    table: dict[str, object] = {"type": type_word(entry)}
    for part in rule_parts(entry):
        value = _entry_table(part.value)
        if part.name == "source":
            table |= value if isinstance(value, dict) else {"column": value}
        elif part.is_set:
            table[part.name] = value
    return table


def source_wording(entry: Column | Constant) -> Phrase:
    """Return how a mapping names a column or a constant in Python, and in TOML."""
    value = entry.source if isinstance(entry, Column) else entry.value
    return Phrase(f"{type(entry).__name__}({value!r})", entry_text(entry))


def entry_text(entry: object) -> str:
    """Write one entry of a mapping on one line."""
    return _value_text(_entry_table(entry))


def _key_text(key: str) -> str:
    return _assignment(key, 0).removesuffix(" = 0")


def _value_text(value: object) -> str:
    """Write one value on one line, tables inline."""
    if not value and isinstance(value, dict):
        return "{}"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key_text(key)} = {_value_text(part)}" for key, part in value.items()) + " }"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_value_text(part) for part in value) + "]"
    return _assignment("value", value).removeprefix("value = ")


def _assignment(key: str, value: object) -> str:
    """Write a value that is not a table, with escapes for characters that nobody sees or that act on a terminal."""
    import tomli_w  # noqa: PLC0415  # Needed only here, and `import events_pandas` stays light.

    # Our escapes are TOML's, too.
    return UNSEEN.sub(escape, tomli_w.dumps({key: value}).removesuffix("\n"))
