"""The faults of a mapping that show before any frame is seen: all of them at once, each with its path."""

import re
import reprlib
import zoneinfo
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import pandas as pd

from events_pandas.intercom import DATE_SUFFIXES, FORBIDDEN_KEY_CHARACTERS, IDENTIFIERS, RESERVED_KEYS
from events_pandas.mapping.rule_parts import is_computed, part_path, rule_parts, rule_sources
from events_pandas.mapping.rules import (
    AMBIGUOUS,
    AMOUNT_UNITS,
    DATE_UNITS,
    NONEXISTENT,
    ROUNDINGS,
    RULE_TYPES,
    ZEROS,
    Column,
    Constant,
    Date,
    MonetaryAmount,
    Number,
    Rule,
    Scalar,
    Text,
    type_word,
)
from events_pandas.mapping.source_format import DECIMAL_SIGNS, SOURCE_PARTS, SourceFormat
from events_pandas.wording import Phrase, Words, parts_of
from events_pandas.words import kind_of

_SOURCE_FORMS: Final = parts_of("name a column or use ", Phrase("Constant(...)", "{ constant = … }"))

_SHORT: Final = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80

_Need: TypeAlias = tuple[Callable[[object], bool], str]
"""Which values an option may have, and the fault of others, with ``{}`` in the place of the value."""


def _one_of(*allowed: str | None) -> _Need:
    *words, last = [repr(choice) for choice in allowed if choice is not None]
    expected = f"{', '.join(words)} or {last}" if words else last
    # Comparing an array gives an array, which is neither true nor false.
    return lambda value: isinstance(value, str | None) and value in allowed, f"expected {expected}, got {{}}"


def _are_paths(paths: object) -> bool:
    return isinstance(paths, tuple | list) and all(isinstance(path, str) for path in paths)


def _is_limit(limit: object) -> bool:
    return isinstance(limit, int) and not isinstance(limit, bool) and limit >= 1


def _is_timezone(timezone: object) -> bool:
    # ZoneInfo takes some values that are not text, such as a tuple of two.
    if not isinstance(timezone, str):
        return timezone is None
    try:
        zoneinfo.ZoneInfo(timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _is_delimiter(delimiter: object) -> bool:
    return delimiter is None or (isinstance(delimiter, str) and len(delimiter) == 1 and delimiter not in '"\r\n\0')


def _is_encoding(encoding: object) -> bool:
    if not isinstance(encoding, str):
        return encoding is None
    try:
        # It fails for codecs that are not text, such as base64, too.
        "".encode(encoding)
    except (LookupError, ValueError):
        return False
    return True


_DECIMAL: Final[_Need] = _one_of(*DECIMAL_SIGNS, None)
_TIMEZONE: Final[_Need] = (_is_timezone, "{} is not a time zone: write 'UTC', 'Europe/Berlin' or the like")
_TRUTH: Final[_Need] = (lambda value: isinstance(value, bool), "{} is neither true nor false")
_NEEDS: Final[Mapping[str, _Need]] = {
    "timezone": _TIMEZONE,
    "duplicates": _one_of("skip", "spread", "send"),
    "on_invalid_metadata": _one_of("error", "omit"),
    "metadata_overflow": _one_of("error", "drop"),
    "metadata_limit": (_is_limit, "{} is not an integer of at least 1: write 10 or the like"),
    "strip_identifiers": _TRUTH,
    "unconfirmed": (_are_paths, '{} is not a list of paths: write ["timezone"] or the like, or leave it out'),
}
_NEEDS_OF_RULES: Final[Mapping[type[Rule], Mapping[str, _Need]]] = {
    Column: {"strip": _TRUTH},
    Date: {
        "timezone": _TIMEZONE,
        "unit": _one_of(*DATE_UNITS, None),
        "ambiguous": _one_of(*AMBIGUOUS),
        "nonexistent": _one_of(*NONEXISTENT),
    },
    MonetaryAmount: {
        "unit": _one_of(*AMOUNT_UNITS),
        "zero": _one_of(*ZEROS),
        "rounding": _one_of(*ROUNDINGS, None),
        "decimal": _DECIMAL,
    },
    Number: {"decimal": _DECIMAL},
    Text: {"truncate": _TRUTH},
}
_NEEDS_OF_SOURCE: Final[Mapping[str, _Need]] = {
    "delimiter": (_is_delimiter, "{} is not one character that can stand between cells: write ';' or the like"),
    "encoding": (_is_encoding, "{} is not an encoding that Python knows: write 'cp1252' or the like"),
    "decimal": _DECIMAL,
    "sheet": (lambda sheet: sheet is None or (isinstance(sheet, str) and sheet != ""), "{} is not the name of a sheet"),
}


def mapping_faults(fields: Mapping[str, object]) -> list[Words]:
    """Return every fault of the fields of a mapping, as ``"path: what is wrong, and how to fix it"``."""
    return [
        *_event_name_faults(fields["event_name"]),
        *_entry_faults("created_at", fields["created_at"], (Date, Column)),
        *_identifier_faults({name: fields[name] for name in IDENTIFIERS if fields[name] is not None}),
        *_metadata_faults(fields["metadata"]),
        *_option_faults(_NEEDS, fields, prefix=""),
        *source_format_faults(fields["source"]),
    ]


def _option_faults(needs: Mapping[str, _Need], values: Mapping[str, object], *, prefix: str) -> Iterator[str]:
    for name, (is_met, fault) in needs.items():
        if not is_met(values[name]):
            yield f"{prefix}{name}: {fault.format(_shown(values[name]))}"


def source_format_faults(source: object) -> Iterator[str]:
    """Yield the faults of how files are written, each with its path, such as ``"source.decimal"``."""
    if isinstance(source, SourceFormat):
        parts = {name: getattr(source, name) for name in SOURCE_PARTS}
        yield from _option_faults(_NEEDS_OF_SOURCE, parts, prefix="source.")
    else:
        yield f"source: expected a SourceFormat, got {kind_of(source)}: use SourceFormat(decimal=',') or the like"


def _event_name_faults(event_name: object) -> Iterator[Words]:
    if isinstance(event_name, Constant):
        event_name = event_name.value
        if not isinstance(event_name, str):
            yield f"event_name: {_shown(event_name)} is not text"
            return
    if isinstance(event_name, str):
        if not event_name.strip():
            yield "event_name: is empty: name what happened, such as 'placed-order'"
    elif isinstance(event_name, Column) or is_computed(event_name):
        yield from _entry_faults("event_name", event_name, (Column,))
    else:
        kind = _kind(event_name) if isinstance(event_name, RULE_TYPES) else _shown(event_name)
        column = Phrase("Column('event')", '{ column = "event" }')
        yield parts_of("event_name: ", kind, " cannot be an event's name: use 'placed-order' or ", column)


def _entry_faults(path: str, entry: object, kinds: tuple[type[Rule], ...]) -> Iterator[Words]:
    """Yield the faults of a rule of one of these kinds, or else of a bare source."""
    if isinstance(entry, kinds):
        yield from _rule_faults(path, entry)
    else:
        yield from _source_faults(path, entry)


def _identifier_faults(sources: Mapping[str, object]) -> Iterator[Words]:
    if not sources:
        yield "user_id: the mapping has no identifier: name the column of user_id, id or email"
    for name, source in sources.items():
        yield from _entry_faults(name, source, (Column,))


def _metadata_faults(metadata: object) -> Iterator[Words]:
    if not isinstance(metadata, Mapping):
        yield f"metadata: expected a mapping of keys to rules, got {kind_of(metadata)}"
        return
    seen: dict[str, str] = {}
    for key, rule in metadata.items():
        name = _shown_key(key)
        path = f"metadata.{name}"
        yield from _key_faults(key, path)
        folded = name.casefold()
        if folded in seen:
            yield f"{path}: is the same key as {_shown(seen[folded])}, since Intercom ignores case: rename one"
        seen[folded] = key
        if isinstance(rule, Date) and isinstance(key, str):
            yield from date_key_faults(path, key)
        if isinstance(rule, Number) and name.endswith(DATE_SUFFIXES):
            yield parts_of(
                f"{path}: Intercom takes a number for a date if the key ends in '_date' or '_at': use ",
                Phrase("Date", '{ type = "date", … }'),
                f" with the unit that it counts, or name it {f'{name}_value'!r}",
            )
        yield from _entry_faults(path, rule, RULE_TYPES)


def _key_faults(key: object, path: str) -> Iterator[str]:
    if not isinstance(key, str) or not key.strip():
        yield f"{path}: a metadata key must be text that is not empty"
        return
    if has_lone_surrogate(key):
        yield f"{path}: a metadata key cannot hold half of a character (a lone surrogate): write it again"
        return
    forbidden = sorted(set(key) & FORBIDDEN_KEY_CHARACTERS)
    if forbidden:
        shown = " ".join(repr(character) for character in forbidden)
        yield f"{path}: Intercom forbids {shown} in a metadata key: use letters, digits, '_' and '-'"
    if key.casefold() in RESERVED_KEYS:
        yield f"{path}: Intercom reserves this key: use '{key}_name' or '{key}_id'"


def has_lone_surrogate(text: str) -> bool:
    """Tell whether a text holds half of a character, which UTF-8 cannot write."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def date_key_faults(path: str, key: str) -> Iterator[str]:
    """Yield the fault of a key that holds a date and does not end as Intercom's date keys do, with a better key."""
    if key.endswith(DATE_SUFFIXES):
        return
    # It is not documented whether Intercom knows '_At'. 'paid_at' and 'paid_At' are one key to it: 'paid_at' is free.
    suffix = next((suffix for suffix in DATE_SUFFIXES if key.lower().endswith(suffix)), None)
    proposed = key[: -len(suffix)] + suffix if suffix else f"{key}_date"
    case = ", in lower case" if suffix else ""
    yield (
        f"{path}: Intercom shows a date only if the key ends in '_date' or '_at'{case}: "
        f"name it {proposed!r}, or send it as text"
    )


def _rule_faults(path: str, rule: Rule) -> Iterator[Words]:
    for part, source in rule_sources(rule).items():
        yield from _source_faults(part_path(path, part), source)
    values = {part.name: part.value for part in rule_parts(rule)}
    yield from _option_faults(_NEEDS_OF_RULES.get(type(rule), {}), values, prefix=f"{path}.")
    if isinstance(rule, Column) and rule.strip is not False and path not in IDENTIFIERS:
        yield f"{path}.strip: only the identifiers user_id, id and email can be stripped: leave it out here"
    if isinstance(rule, Date) and rule.format is not None:
        if rule.unit is not None:
            yield f"{path}: has both format and unit: format is for written dates, unit for epoch numbers"
        yield from _format_faults(f"{path}.format", rule.format)


def _format_faults(path: str, written: object) -> Iterator[str]:
    if not isinstance(written, str) or "%" not in written:
        yield f"{path}: {_shown(written)} has no code such as %Y: write '%Y-%m-%d' or the like"
        return
    if has_lone_surrogate(written):
        yield f"{path}: {_shown(written)} holds half of a character (a lone surrogate): write it again"
        return
    try:
        pd.to_datetime(["x"], format=written, errors="coerce")
    except re.error:
        # pandas turns the format into a pattern in which each code is a group with a name.
        yield f"{path}: {_shown(written)} has a code twice: write each code once"
    except ValueError as error:
        yield f"{path}: {error}"


def _kind(rule: Rule) -> Phrase:
    return Phrase(kind_of(rule), f'{{ type = "{type_word(rule)}", … }}')


def _source_faults(path: str, source: object) -> Iterator[Words]:
    if isinstance(source, RULE_TYPES):
        yield parts_of(f"{path}: ", _kind(source), " cannot be used here: ", _SOURCE_FORMS)
    elif isinstance(source, Constant):
        if not _is_present_scalar(source.value):
            yield f"{path}: {_shown(source.value)} cannot be a constant: use a text, a number, a date or a time"
    elif isinstance(source, type):
        # A class is callable: Text instead of Text("column") would pass for a function of the frame.
        yield parts_of(f"{path}: the class {source.__name__} is not a source: ", _SOURCE_FORMS)
    elif _is_missing(source):
        yield parts_of(f"{path}: {source} is not a source: ", _SOURCE_FORMS)
    elif not (is_computed(source) or pd.api.types.is_hashable(source)):
        yield parts_of(f"{path}: {kind_of(source)} is not a source: ", _SOURCE_FORMS)


def _is_present_scalar(value: Scalar) -> bool:
    is_scalar: bool = pd.api.types.is_scalar(value)
    return is_scalar and not _is_missing(value) and value != ""


def _is_missing(value: Any) -> bool:
    # None, NaN, NaT or pd.NA. Of a list or an array isna judges each value.
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def _shown(value: object) -> str:
    """Write a value on one short line, whatever it is."""
    return _SHORT.repr(value).replace("\n", " ")


def _shown_key(key: object) -> str:
    """Write a metadata key as it is, where it can be printed."""
    return key if isinstance(key, str) and key.isprintable() else _shown(key)
