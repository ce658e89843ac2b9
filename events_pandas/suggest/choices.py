"""What a proposal consists of: what it chose and what it left out, each with the reason."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeAlias

from events_pandas.mapping.rules import RULE_TYPES, Constant, Rule, rule_sources


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What was chosen for one field of a mapping.

    Parameters
    ----------
    path : str
        The field, such as ``"metadata.price"``.
    entry : rule, hashable or None
        What was put there; None where the field was left open on purpose.
    reason : str
        Why, in one line.
    about_duplicates : str, optional
        What the reason adds as long as the mapping's `duplicates` is the default.
    guesses : tuple of str, optional
        What of it may as well be otherwise, by path: nothing is submitted before that is confirmed.
    """

    path: str
    entry: Any
    reason: str
    about_duplicates: str = ""
    guesses: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[Hashable, ...]:
        """Return what the field reads.

        Returns
        -------
        tuple of hashable
            Labels of columns and names of index levels; none where the name of the event is a literal.
        """
        if isinstance(self.entry, RULE_TYPES):
            return tuple(rule_sources(self.entry).values())
        is_literal = self.path == "event_name" or self.entry is None or isinstance(self.entry, Constant)
        return () if is_literal else (self.entry,)


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """A column that was not proposed.

    Parameters
    ----------
    label : hashable
        The column's label, or the index level's name; None for an index without a name.
    reason : str
        Why, in one line.
    """

    label: Hashable
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """What a check says of the rows looked at under a rule.

    Parameters
    ----------
    n_rows : int, default 0
        How many of them would be invalid.
    example : str, optional
        The code of the first, and how to fix it.
    """

    n_rows: int = 0
    example: str = ""


Judge: TypeAlias = Callable[[Rule], Refusal]
"""Reads the rows looked at by a rule, as a check would."""


def share_text(part: int, whole: int) -> str:
    """Write a share of the values that were looked at.

    Parameters
    ----------
    part : int
        At least 1.
    whole : int
        At least `part`.

    Returns
    -------
    str
        In per cent; what is not all, or not nothing, is not written so.

    Examples
    --------
    >>> share_text(1, 5), share_text(1, 1_000), share_text(999, 1_000)
    ('20 %', 'less than 1 %', 'more than 99 %')
    """
    percent = 100 * part / whole
    if percent < 1:
        return "less than 1 %"
    return "more than 99 %" if 99 < percent < 100 else f"{percent:.0f} %"  # noqa: PLR2004  # Per cent.
