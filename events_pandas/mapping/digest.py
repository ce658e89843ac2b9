"""A short name for a mapping: the same for the same rules, in every process."""

from dataclasses import fields
from hashlib import sha256
from typing import Any, Final

from events_pandas.intercom import normalized_event_name
from events_pandas.mapping.event_mapping import EventMapping
from events_pandas.mapping.rules import RULE_TYPES, Column, Constant, Source, is_computed, part_path, rule_sources

DIGITS: Final = 12
_OPTIONS: Final = ("timezone", "duplicates", "on_invalid_metadata", "metadata_limit", "metadata_overflow")
_LATER_OPTIONS: Final = frozenset({"round"})
"""Options of rules that are described only where they are set: digests from before there were any stay as they are."""


def mapping_digest(mapping: EventMapping) -> str:
    """Return a digest of a mapping.

    Parameters
    ----------
    mapping : EventMapping
        The mapping.

    Returns
    -------
    str
        Hexadecimal digits; after them the fields that are computed by callables, whose code is not in the digest.

    Examples
    --------
    >>> mapping_digest(EventMapping(event_name="signed-up", created_at="day", email="address"))
    'e7d0c23dbf28'
    """
    rules = mapping.rules()
    described = [(path, _described(rule)) for path, rule in rules.items()]
    described += [(option, repr(getattr(mapping, option))) for option in _OPTIONS]
    digest = sha256(repr(described).encode()).hexdigest()[:DIGITS]
    computed = [
        part_path(path, part)
        for path, rule in rules.items()
        for part, source in rule_sources(rule).items()
        if is_computed(source)
    ]
    return f"{digest} (callables: {', '.join(computed)})" if computed else digest


def bare_columns(mapping: EventMapping) -> dict[str, tuple[Source, str]]:
    """Return the metadata that bare columns make.

    Parameters
    ----------
    mapping : EventMapping
        The mapping.

    Returns
    -------
    dict of str to (source, str)
        By path: what is read, and words for the event and the key, the same in every process. Intercom keeps the type
        of a key for each event name, whatever the column is called.
    """
    event = mapping.event_name if isinstance(mapping.event_name, str) else _described(mapping.rules()["event_name"])
    return {
        path: (rule.source, f"{normalized_event_name(event)} {path}")
        for path, rule in mapping.rules().items()
        if isinstance(rule, Column) and not isinstance(rule.source, Constant)
    }


def _described(value: Any) -> str:
    """Describe a rule or what it reads; of a callable nothing is the same in another process."""
    if isinstance(value, RULE_TYPES):
        parts = [
            f"{part.name}={_described(getattr(value, part.name))}"
            for part in fields(value)
            if not (part.name in _LATER_OPTIONS and getattr(value, part.name) == part.default)
        ]
        return f"{type(value).__name__}({', '.join(parts)})"
    return "a callable" if is_computed(value) else repr(value)
