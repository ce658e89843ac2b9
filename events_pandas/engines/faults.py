"""Errors for the rows of an engine, in the same words for each engine."""

import re
from collections.abc import Iterable
from typing import Final

import pandas as pd

from events_pandas.errors import SourceError
from events_pandas.words import full_kind_of

_LONGEST: Final = 300
"""So many characters of a sentence are shown."""


def rows_error(rows: object, *, engine: str) -> TypeError:
    """Return the error for rows that are not those of an engine."""
    if isinstance(rows, pd.DataFrame):
        got, cure = "a pandas DataFrame", "call the function of this name in events_pandas"
    else:
        got, cure = full_kind_of(rows), "give one"
    return TypeError(f"expected rows in a {engine} DataFrame, got {got}: {cure}")


def rows_fault(sentence: str, cures: Iterable[tuple[re.Pattern[str], str]], *, engine: str) -> SourceError:
    """Return the error for rows that an engine cannot compute, with the first cure whose sign is in the sentence."""
    cure = next(cure for sign, cure in cures if sign.search(sentence))
    shown = sentence if len(sentence) <= _LONGEST else f"{sentence[:_LONGEST]} ..."
    return SourceError(f"{engine} cannot compute the rows ({shown}): {cure}, and start it again")
