"""What is wrong with a mapping in itself, before any frame is seen: every fault at once, each with its path."""

import re
import reprlib
import zoneinfo
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from events_pandas.intercom import DATE_SUFFIXES, FORBIDDEN_KEY_CHARACTERS, IDENTIFIERS, RESERVED_KEYS
from events_pandas.mapping.rules import (
    RULE_TYPES,
    Column,
    Constant,
    Date,
    MonetaryAmount,
    Number,
    Scalar,
    Text,
    bare_source,
    is_computed,
    part_path,
    rule_sources,
)

if TYPE_CHECKING:
    from events_pandas.mapping.event_mapping import EventMapping

CHOICES = {
    "duplicates": ("skip", "spread", "send"),
    "on_invalid_metadata": ("error", "omit"),
    "metadata_overflow": ("error", "drop"),
}
DATE_UNITS = ("s", "ms", "us", "ns")
AMOUNT_UNITS = ("major", "minor")

SOURCE_FORMS = "name a column, or say Constant(...), in TOML { constant = … }"
"""The mending wherever something stands that is no source."""

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80


def mapping_faults(mapping: "EventMapping") -> list[str]:
    """Return what is wrong with a mapping.

    Parameters
    ----------
    mapping : EventMapping
        Possibly not valid.

    Returns
    -------
    list of str
        Every fault as ``"path: what is wrong, and how to mend it"``; empty when there is none.
    """
    return [
        *_event_name_faults(mapping.event_name),
        *_created_at_faults(mapping.created_at),
        *_identifier_faults(mapping),
        *_metadata_faults(mapping.metadata),
        *timezone_faults("timezone", mapping.timezone),
        *(
            fault
            for option, allowed in CHOICES.items()
            for fault in _choice_faults(option, getattr(mapping, option), allowed)
        ),
        *_limit_faults("metadata_limit", mapping.metadata_limit),
        *_unconfirmed_faults(mapping.unconfirmed),
    ]


def _event_name_faults(event_name: object) -> Iterator[str]:
    if isinstance(event_name, Constant):
        event_name = event_name.value
        if not isinstance(event_name, str):
            yield f"event_name: {_shown(event_name)} is not text"
            return
    if isinstance(event_name, str):
        if not event_name.strip():
            yield "event_name: is empty: say what happened, such as 'placed-order'"
    elif isinstance(event_name, Column) or is_computed(event_name):
        yield from source_faults("event_name", bare_source(event_name))
    else:
        kind = f"a {type(event_name).__name__}" if isinstance(event_name, RULE_TYPES) else _shown(event_name)
        yield (
            f"event_name: {kind} cannot be an event's name: "
            "say 'placed-order' or Column('event'), in TOML { column = \"event\" }"
        )


def _created_at_faults(created_at: object) -> Iterator[str]:
    if isinstance(created_at, Date):
        yield from _rule_faults("created_at", created_at)
    else:
        yield from source_faults("created_at", bare_source(created_at))


def _identifier_faults(mapping: "EventMapping") -> Iterator[str]:
    sources = {name: getattr(mapping, name) for name in IDENTIFIERS if getattr(mapping, name) is not None}
    if not sources:
        yield "user_id: no identifier: name the column of user_id, id or email"
    for name, source in sources.items():
        yield from source_faults(name, bare_source(source))


def _metadata_faults(metadata: object) -> Iterator[str]:
    if not isinstance(metadata, Mapping):
        yield f"metadata: must be a mapping of keys to rules, and is a {type(metadata).__name__}"
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
            yield (
                f"{path}: Intercom takes a number for a date where the key ends in '_date' or '_at': say Date with the "
                f'unit that it counts, in TOML {{ type = "date", … }}, or name it {f"{name}_value"!r}'
            )
        if isinstance(rule, RULE_TYPES):
            yield from _rule_faults(path, rule)
        else:
            yield from source_faults(path, rule)


def _key_faults(key: object, path: str) -> Iterator[str]:
    if not isinstance(key, str) or not key.strip():
        yield f"{path}: a metadata key is text, and not empty"
        return
    if _has_half_a_character(key):
        yield f"{path}: a metadata key cannot hold half of a character (a lone surrogate): write it anew"
        return
    forbidden = sorted(set(key) & FORBIDDEN_KEY_CHARACTERS)
    if forbidden:
        shown = " ".join(repr(character) for character in forbidden)
        yield f"{path}: Intercom forbids {shown} in a metadata key: use letters, digits, '_' and '-'"
    if key.casefold() in RESERVED_KEYS:
        yield f"{path}: Intercom reserves this key: say '{key}_name' or '{key}_id', whatever it holds"


def _has_half_a_character(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def date_key_faults(path: str, key: str) -> Iterator[str]:
    """Yield the fault of a key that holds a date and does not end as Intercom's date keys do.

    Parameters
    ----------
    path : str
        The field, such as ``"metadata.ordered"``.
    key : str
        The metadata key.

    Yields
    ------
    str
        The fault, with the name to give it.
    """
    if key.endswith(DATE_SUFFIXES):
        return
    # Nobody says whether Intercom knows '_At' too. It takes 'paid_at' and 'paid_At' for one key: the safe name is free.
    suffix = next((suffix for suffix in DATE_SUFFIXES if key.lower().endswith(suffix)), None)
    proposed = key[: -len(suffix)] + suffix if suffix else f"{key}_date"
    case = ", in lower case" if suffix else ""
    yield (
        f"{path}: Intercom shows a date only where the key ends in '_date' or '_at'{case}: "
        f"name it {proposed!r}, or send it as Text"
    )


def _rule_faults(path: str, rule: object) -> Iterator[str]:
    for part, source in rule_sources(rule).items():  # type: ignore[arg-type]  # Only rules come here.
        yield from source_faults(part_path(path, part), source)
    if isinstance(rule, Date):
        yield from timezone_faults(f"{path}.timezone", rule.timezone)
        yield from _date_reading_faults(path, rule)
    if isinstance(rule, MonetaryAmount):
        yield from _choice_faults(f"{path}.unit", rule.unit, AMOUNT_UNITS)
        yield from _truth_faults(f"{path}.round", rule.round)
    if isinstance(rule, Text):
        yield from _truth_faults(f"{path}.truncate", rule.truncate)


def _date_reading_faults(path: str, rule: Date) -> Iterator[str]:
    if rule.unit is not None:
        yield from _choice_faults(f"{path}.unit", rule.unit, DATE_UNITS)
        if rule.format is not None:
            yield f"{path}: has both format and unit: format is for written dates, unit for epoch numbers"
    if rule.format is not None:
        yield from _format_faults(f"{path}.format", rule.format)


def _format_faults(path: str, written: object) -> Iterator[str]:
    if not isinstance(written, str) or "%" not in written:
        yield f"{path}: {_shown(written)} has no code such as %Y: write '%Y-%m-%d' or the like"
        return
    if _has_half_a_character(written):
        yield f"{path}: {_shown(written)} holds half of a character (a lone surrogate): write it anew"
        return
    try:
        pd.to_datetime(["x"], format=written, errors="coerce")
    except re.error:
        # pandas makes a pattern of the format, in which each code has a group of its own.
        yield f"{path}: {_shown(written)} has a code twice: write each once"
    except ValueError as error:
        yield f"{path}: {error}"


def source_faults(path: str, source: object) -> Iterator[str]:
    """Yield what is wrong with a source in itself.

    Parameters
    ----------
    path : str
        The field that reads it.
    source : object
        What stands where a source is expected.

    Yields
    ------
    str
        The fault, with its mending.
    """
    if isinstance(source, RULE_TYPES):
        yield f"{path}: {type(source).__name__} cannot stand here: {SOURCE_FORMS}"
    elif isinstance(source, Constant):
        if not _is_present_scalar(source.value):
            yield f"{path}: {_shown(source.value)} cannot be a constant: say a text, a number, a date or a time"
    elif isinstance(source, type):
        # A class is callable: Text in place of Text("column") would pass for a function of the frame.
        yield f"{path}: the class {source.__name__} is no source: {SOURCE_FORMS}"
    elif _is_missing(source):
        yield f"{path}: {source} is no source: {SOURCE_FORMS}"
    elif not (is_computed(source) or _is_hashable(source)):
        yield f"{path}: a {type(source).__name__} is no source: {SOURCE_FORMS}"


def _is_present_scalar(value: Scalar) -> bool:
    is_scalar: bool = pd.api.types.is_scalar(value)
    return is_scalar and not _is_missing(value) and value != ""


def _is_missing(value: Any) -> bool:
    # None, NaN, NaT or pd.NA; of anything that holds several values isna would judge each.
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def _is_hashable(source: object) -> bool:
    # A Series passes for hashable until it is hashed.
    try:
        hash(source)
    except TypeError:
        return False
    return True


def timezone_faults(path: str, timezone: object) -> Iterator[str]:
    """Yield the fault of a time zone that there is not.

    Parameters
    ----------
    path : str
        Where the zone stands in the mapping.
    timezone : object
        Its name, or None.

    Yields
    ------
    str
        The fault, with its mending.
    """
    if timezone is not None and not _is_timezone(timezone):
        yield f"{path}: no time zone {_shown(timezone)}: write 'UTC', 'Europe/Berlin' or the like"


def _is_timezone(timezone: object) -> bool:
    # ZoneInfo takes some things that are no text, such as a tuple of two.
    if not isinstance(timezone, str):
        return False
    try:
        zoneinfo.ZoneInfo(timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _choice_faults(path: str, value: object, allowed: tuple[str, ...]) -> Iterator[str]:
    # An array compares its elements, and so is neither equal nor unequal to a choice.
    if not isinstance(value, str) or value not in allowed:
        yield f"{path}: {_shown(value)} is none of {', '.join(repr(choice) for choice in allowed)}"


def _truth_faults(path: str, value: object) -> Iterator[str]:
    if not isinstance(value, bool):
        yield f"{path}: {_shown(value)} is neither true nor false"


def _limit_faults(path: str, limit: object) -> Iterator[str]:
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        yield f"{path}: {_shown(limit)} is no integer of at least 1: write 10 or the like"


def _unconfirmed_faults(paths: object) -> Iterator[str]:
    if not isinstance(paths, tuple | list) or not all(isinstance(path, str) for path in paths):
        yield f'unconfirmed: {_shown(paths)} is not a list of paths: write ["timezone"] or the like, or leave it out'


def _shown(value: object) -> str:
    """Write a value on one short line, whatever it is."""
    return _SHORT.repr(value).replace("\n", " ")


def _shown_key(key: object) -> str:
    """Write a metadata key as it is, where it can be printed."""
    return key if isinstance(key, str) and key.isprintable() else _shown(key)
