"""What is wrong with a mapping in itself, before any frame is seen: every fault at once, each with its path."""

import zoneinfo
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pandas as pd

from events_pandas.intercom import DATE_SUFFIXES, FORBIDDEN_KEY_CHARACTERS, IDENTIFIERS, RESERVED_KEYS
from events_pandas.mapping.rules import (
    RULE_TYPES,
    Column,
    Constant,
    Date,
    MonetaryAmount,
    Scalar,
    bare_source,
    is_computed,
    part_path,
    rule_sources,
)

if TYPE_CHECKING:
    from events_pandas.mapping.event_mapping import EventMapping

CHOICES = {"duplicates": ("skip", "send"), "on_invalid_metadata": ("error", "omit")}
DATE_UNITS = ("s", "ms", "us", "ns")
AMOUNT_UNITS = ("major", "minor")


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
    ]


def _event_name_faults(event_name: object) -> Iterator[str]:
    if isinstance(event_name, Constant):
        event_name = event_name.value
        if not isinstance(event_name, str):
            yield f"event_name: {event_name!r} is not text"
            return
    if isinstance(event_name, str):
        if not event_name.strip():
            yield "event_name: is empty: say what happened, such as 'placed-order'"
    elif isinstance(event_name, Column):
        yield from source_faults("event_name", event_name.source)
    elif not is_computed(event_name):
        yield f"event_name: {event_name!r} is neither text nor a source: say 'placed-order' or Column('event')"


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
        path = f"metadata.{key}"
        yield from _key_faults(key, path)
        folded = str(key).casefold()
        if folded in seen:
            yield f"{path}: is the same key as {seen[folded]!r}, since Intercom ignores case: rename one"
        seen[folded] = key
        if isinstance(rule, Date):
            yield from date_key_faults(path, str(key))
        if isinstance(rule, RULE_TYPES):
            yield from _rule_faults(path, rule)
        else:
            yield from source_faults(path, rule)


def _key_faults(key: object, path: str) -> Iterator[str]:
    if not isinstance(key, str) or not key.strip():
        yield f"{path}: a metadata key is text, and not empty"
        return
    if any("\ud800" <= character <= "\udfff" for character in key):
        yield f"metadata.{key!r}: a metadata key cannot hold half of a character (a lone surrogate): write it anew"
        return
    forbidden = sorted(set(key) & FORBIDDEN_KEY_CHARACTERS)
    if forbidden:
        shown = " ".join(repr(character) for character in forbidden)
        yield f"{path}: Intercom forbids {shown} in a metadata key: use letters, digits, '_' and '-'"
    if key.casefold() in RESERVED_KEYS:
        yield f"{path}: Intercom reserves this key: say '{key}_name' or '{key}_id', whatever it holds"


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
    if not key.endswith(DATE_SUFFIXES):
        yield (
            f"{path}: Intercom shows a date only where the key ends in '_date' or '_at': "
            f"name it '{key}_date', or send it as Text"
        )


def _rule_faults(path: str, rule: object) -> Iterator[str]:
    for part, source in rule_sources(rule).items():  # type: ignore[arg-type]  # Only rules come here.
        yield from source_faults(part_path(path, part), source)
    if isinstance(rule, Date):
        yield from timezone_faults(f"{path}.timezone", rule.timezone)
        yield from _date_reading_faults(path, rule)
    if isinstance(rule, MonetaryAmount):
        yield from _choice_faults(f"{path}.unit", rule.unit, AMOUNT_UNITS)


def _date_reading_faults(path: str, rule: Date) -> Iterator[str]:
    if rule.unit is not None:
        yield from _choice_faults(f"{path}.unit", rule.unit, DATE_UNITS)
        if rule.format is not None:
            yield f"{path}: has both format and unit: format is for written dates, unit for epoch numbers"
    if rule.format is not None:
        yield from _format_faults(f"{path}.format", rule.format)


def _format_faults(path: str, written: object) -> Iterator[str]:
    if not isinstance(written, str) or "%" not in written:
        yield f"{path}: {written!r} has no code such as %Y: write '%Y-%m-%d' or the like"
        return
    try:
        pd.to_datetime(["x"], format=written, errors="coerce")
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
        yield f"{path}: {type(source).__name__} cannot stand here: name a column, or say Constant(...)"
    elif isinstance(source, Constant):
        if not _is_present_scalar(source.value):
            yield f"{path}: {source.value!r} cannot be a constant: say a text, a number, a date or a time"
    elif source is None or not (is_computed(source) or _is_hashable(source)):
        kind = "None" if source is None else f"a {type(source).__name__}"
        yield f"{path}: {kind} is no source: name a column, or say Constant(...)"


def _is_present_scalar(value: Scalar) -> bool:
    is_scalar: bool = pd.api.types.is_scalar(value)
    return is_scalar and value != "" and not pd.isna(value)


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
    if timezone is None:
        return
    try:
        zoneinfo.ZoneInfo(timezone)  # type: ignore[arg-type]  # Anything else than text raises, as it should.
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, OSError, AttributeError):
        yield f"{path}: no time zone {timezone!r}: write 'UTC', 'Europe/Berlin' or the like"


def _choice_faults(path: str, value: object, allowed: tuple[str, ...]) -> Iterator[str]:
    if value not in allowed:
        yield f"{path}: {value!r} is none of {', '.join(repr(choice) for choice in allowed)}"
