"""The guesses in a mapping that nobody has confirmed: with any of them nothing is submitted."""

from typing import Final

from events_pandas.errors import MappingError
from events_pandas.intercom import IDENTIFIERS
from events_pandas.mapping.event_mapping import EventMapping
from events_pandas.mapping.rules import Constant
from events_pandas.words import escaped

PLACEHOLDER_NAME: Final = "replace-me"
"""The event name of a proposal for rows that do not say what happened: nothing is submitted under it."""

_NAME_IT: Final = "name what happened, such as 'placed-order'"
_FIELDS: Final = {
    "event_name": _NAME_IT,
    "created_at": "make sure that it is the time of the event",
    **dict.fromkeys(IDENTIFIERS, "make sure that it names the contact"),
}
_PARTS: Final = {
    "format": "the rows that were looked at do not show the order of day, month and year",
    "unit": "whole numbers may count cents: set unit to 'minor' if they do",
    "decimal": "the rows that were looked at do not show what their numbers are, such as whether 1.234 is 1234",
    "currency": "several columns may hold the currency",
}
_CONFIRM: Final = (
    "unconfirmed: nothing is submitted until these guesses are confirmed: correct what is wrong, and take what you "
    "have read out of unconfirmed"
)


def is_unnamed(mapping: EventMapping) -> bool:
    """Tell whether the event name of a mapping is still the placeholder of a proposal, as a string or a constant."""
    name = mapping.event_name.value if isinstance(mapping.event_name, Constant) else mapping.event_name
    return isinstance(name, str) and name == PLACEHOLDER_NAME


def require_confirmed(mapping: EventMapping) -> None:
    """Raise a `MappingError` if the event has no name yet or a guess is not confirmed."""
    unnamed = f"event_name: {PLACEHOLDER_NAME!r} is the placeholder of a proposal: {_NAME_IT}"
    faults = [*([unnamed] if is_unnamed(mapping) else []), *guess_faults(mapping)]
    if faults:
        raise MappingError(faults)


def guess_faults(mapping: EventMapping) -> list[str]:
    """Return each guess that is not confirmed, as ``"path: what is guessed"``, and then how to confirm them."""
    if not mapping.unconfirmed:
        return []
    return [*(f"{escaped(path)}: {_guess(mapping, path)}" for path in mapping.unconfirmed), _CONFIRM]


def _guess(mapping: EventMapping, path: str) -> str:
    if path == "timezone":
        return "times without a zone are taken as UTC, which is a guess: set timezone to 'Europe/Berlin' or the like"
    if path in _FIELDS:
        return f"{_shown(getattr(mapping, path))} is a guess: {_FIELDS[path]}"
    field, _, part = path.rpartition(".")
    rule = mapping.rules().get(field)
    if rule is None or not hasattr(rule, part):
        return "the mapping has no such field: remove it from unconfirmed"
    return f"{_shown(getattr(rule, part))} is a guess: {_PARTS.get(part, 'make sure that it is right')}"


def _shown(entry: object) -> str:
    return repr(getattr(entry, "source", getattr(entry, "value", entry)))
