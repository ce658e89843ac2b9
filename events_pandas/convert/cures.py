"""How to fix rows, as their messages say it: the cure of their cells, or that of their code."""

from collections.abc import Iterable
from typing import Final

from events_pandas.convert.codes import CODES, NOT_POSITIVE_CURE, STRIP_CURES
from events_pandas.convert.decimal_signs import SIGN_CURES
from events_pandas.words import escaped

_SHOW_NO_CELL: Final = frozenset({NOT_POSITIVE_CURE, *STRIP_CURES.values(), *SIGN_CURES})
"""Cures that depend on the mapping alone. Others may repeat a part of a cell."""


def shared_cure(code: str, messages: Iterable[str], *, shows_cells: bool) -> str:
    """Return the cure that all messages with a code end with, or else the code's own, which fits them all."""
    # The last one, since a cell may hold the same words.
    cures = {message.rpartition(f" {CODES[code].cause}: ")[2] for message in messages}
    cure = cures.pop() if len(cures) == 1 else ""
    return escaped(cure) if cure and (shows_cells or cure in _SHOW_NO_CELL) else CODES[code].cure
