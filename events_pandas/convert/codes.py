"""The codes of what can be wrong with a row, each with its cause and its cure.

The order is documented. A row's errors are reported in this order, and the first one is its `error_code`.
"""

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from events_pandas.convert import error_codes as errors
from events_pandas.convert import note_codes as notes

STRIP_CURES: Final = MappingProxyType(
    {
        "invisible_character": "remove it, or set strip_identifiers to true in the mapping if it stands at an end",
        "blanks_around": "remove it, or set strip_identifiers to true in the mapping",
    }
)
"""How to fix an identifier, by code, if the mapping does not strip it."""

NOT_POSITIVE_CURE: Final = "leave the amount empty to send the event without it, or drop the row"
"""How to fix an amount that is not above zero if the mapping omits zeros."""

Severity = Literal["error", "note"]

Table: TypeAlias = dict[str, tuple[str, str]]  # the cause and the cure of each code


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """What a code says."""

    cause: str  # what is wrong; goes on from a subject such as "column 'total'"
    cure: str  # how to fix it
    severity: Severity = "error"  # "error": the row is invalid; "note": it is sent
    is_reported_once: bool = False  # it concerns a column as a whole, so only the first of its rows is listed
    is_reported_by_value: bool = False  # only the first row with each value is listed
    shows_characters: bool = False  # messages about identifiers show invisible characters of the value
    subject: str = "a value"  # the subject of `cause` where neither the column nor the value is known
    extent: str = ""  # what it concerns as a whole; "": its rows are counted

    def __str__(self) -> str:
        return f"{self.cause}: {self.cure}"


def _codes(table: Table, **facts: Any) -> dict[str, Code]:
    return {name: Code(cause=cause, cure=cure, **facts) for name, (cause, cure) in table.items()}


CODES: Final = MappingProxyType(
    {
        **_codes(errors.ROW_ERRORS, subject="a line"),
        **_codes(errors.ERRORS),
        **_codes(errors.CHARACTER_ERRORS, shows_characters=True),
        **_codes(errors.OVERFLOW_ERRORS, subject="too many"),
        **{
            name: replace(code, extent="" if name in notes.CELL_NOTES else "the column")
            for name, code in _codes(notes.COLUMN_NOTES, severity="note", is_reported_once=True).items()
        },
        **_codes(notes.FILE_NOTES, severity="note", is_reported_by_value=True, extent="the file"),
        **_codes(notes.VALUE_NOTES, severity="note", is_reported_by_value=True),
        **_codes(notes.CHARACTER_NOTES, severity="note", shows_characters=True),
        **_codes(notes.ROW_NOTES, severity="note"),
        **_codes(notes.OVERFLOW_NOTES, severity="note", subject="too many"),
        **_codes(notes.PAIR_NOTES, severity="note", subject="another row"),
    }
)
"""Each code, in the documented order."""

RANKS: Final = MappingProxyType({name: rank for rank, name in enumerate(CODES)})
"""The place of each code in that order."""
