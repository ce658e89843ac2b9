"""What a mapping holds that was guessed and that nobody has confirmed: with it nothing is submitted."""

from collections.abc import Iterator
from typing import Any

from events_pandas.errors import MappingError
from events_pandas.intercom import IDENTIFIERS
from events_pandas.mapping.event_mapping import PLACEHOLDER_NAME, EventMapping, is_unnamed
from events_pandas.words import escaped

_NAME_IT = "say what happened, such as 'placed-order'"
_PARTS = {
    "format": "day, month and year cannot be told apart in the rows that were looked at",
    "unit": "whole numbers may count cents, which unit='minor' says",
    "currency": "several columns may hold the currency",
}
_CONFIRM = (
    "unconfirmed: nothing is submitted before these guesses are confirmed: correct what is wrong and take out what you "
    "have read, or say dataclasses.replace(mapping, unconfirmed=()) (in TOML delete the line) when you have read all"
)


def require_confirmed(mapping: EventMapping) -> None:
    """Refuse to submit by guesses.

    Parameters
    ----------
    mapping : EventMapping
        What is to be submitted by.

    Raises
    ------
    MappingError
        If the event has no name yet, or if guesses are not confirmed: with each of them, and how to confirm it.
    """
    faults = [*_name_faults(mapping), *guess_faults(mapping)]
    if faults:
        raise MappingError(faults)


def _name_faults(mapping: EventMapping) -> Iterator[str]:
    if is_unnamed(mapping):
        yield f"event_name: {PLACEHOLDER_NAME!r} is the placeholder of a proposal: {_NAME_IT}"


def guess_faults(mapping: EventMapping) -> list[str]:
    """Return the guesses that are not confirmed, and how to confirm them.

    Parameters
    ----------
    mapping : EventMapping
        Possibly proposed.

    Returns
    -------
    list of str
        A sentence for each, as ``"path: what is guessed"``, and one that says how to confirm them; empty without any.
    """
    if not mapping.unconfirmed:
        return []
    return [*(f"{escaped(path)}: {_guess(mapping, path)}" for path in mapping.unconfirmed), _CONFIRM]


def _guess(mapping: EventMapping, path: str) -> str:
    if path == "timezone":
        return "times without a zone are taken as UTC, which is a guess: say timezone='Europe/Berlin' or the like"
    if path == "event_name":
        return f"{_shown(mapping.event_name)} is a guess: {_NAME_IT}"
    if path == "created_at":
        return f"{_shown(mapping.created_at)} is a guess: make sure that it is the time of the event"
    if path in IDENTIFIERS:
        return f"{_shown(getattr(mapping, path))} is a guess: make sure that it names the contact"
    field, _, part = path.rpartition(".")
    rule = mapping.rules().get(field)
    if rule is None or not hasattr(rule, part):
        return "there is no such field: take it out of unconfirmed"
    return f"{_shown(getattr(rule, part))} is a guess: {_PARTS.get(part, 'make sure that it is right')}"


def _shown(entry: Any) -> str:
    return repr(getattr(entry, "source", getattr(entry, "value", entry)))
