"""How the values of a column are written as times: by dtype, in ISO 8601, in another form, or as numbers since 1970."""

from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from events_pandas.mapping.labels import names_a_time
from events_pandas.mapping.rules import Values

MOST = 0.6
"""What share of a column's values has to have a form, so that the column is said to have it.

A few malformed ones must not hide what a short column is: a check names each of them.
"""

PROBED = 20
"""Texts with which a form is tried before it is tried with all."""

_ISO = r"\s*[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.,]+ ?(?:[Zz]|[+-][0-9:]+)?)?\s*"
_OFFSET = r".*[0-9][Tt ].*(?:[Zz]|[+-][0-9:]+)\s*"
_WRITTEN = r"[0-9]{1,4}[-/. ].{3,25}|[A-Za-z]{3,9} [0-9].{3,25}"
_COMPACT = r"(?:19|20)[0-9]{6}"
_COMPACT_DAYS = (19_000_101, 20_991_231)
_DIGITS = r"[0-9]{9,19}(?:\.[0-9]+)?"

_DAYS = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y"),
)
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_FORMATS = tuple(f"{day}{clock}" for day, clock in product(_DAYS, _CLOCKS))

_EPOCH_SECONDS = (3e8, 5e9)
"""From 1979 to 2128."""
_UNITS: dict[Literal["s", "ms", "us", "ns"], float] = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_UNIT_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeForm:
    """How the values of a column are written as times.

    Parameters
    ----------
    description : str
        What they look like, in words.
    format : str, optional
        As in `Date`.
    unit : {"s", "ms", "us", "ns"}, optional
        As in `Date`.
    is_naive : bool, default True
        Whether they lack a zone.
    is_day : bool, default False
        Whether they lack a time of day.
    """

    description: str
    format: str | None = None
    unit: Literal["s", "ms", "us", "ns"] | None = None
    is_naive: bool = True
    is_day: bool = False


def form_of_times(times: Values) -> TimeForm:
    """Return the form of values that are times.

    Parameters
    ----------
    times : pandas.Series of object
        Datetimes or dates, at least one.

    Returns
    -------
    TimeForm
        Days where no time is later than midnight.
    """
    is_naive = any(getattr(time, "tzinfo", None) is None for time in times)
    instants = pd.to_datetime(times, utc=True, errors="coerce").dropna()
    is_day = is_naive and bool((instants == instants.dt.normalize()).all())
    kind = "days" if is_day else "times without a zone" if is_naive else "times with a zone"
    return TimeForm(description=kind, is_naive=is_naive, is_day=is_day)


def form_of_text(texts: Values, words: tuple[str, ...]) -> TimeForm | None:
    """Return how texts are written as times.

    Parameters
    ----------
    texts : pandas.Series of object
        Distinct texts, at least one.
    words : tuple of str
        The words of their column's label.

    Returns
    -------
    TimeForm or None
        None where they are no times.
    """
    # A character that UTF-8 cannot hold makes pandas raise, and none of the forms has one that is not ASCII.
    plain = texts.where(texts.map(str.isascii), "")
    if _share(plain.str.fullmatch(_ISO)) >= MOST and _parsed_share(plain, "ISO8601") >= MOST:
        return _iso_form(plain)
    if _share(plain.str.fullmatch(_COMPACT)) >= MOST:
        return _compact_form(plain)
    if _share(plain.str.fullmatch(_WRITTEN)) >= MOST:
        return _written_form(plain)
    if names_a_time(words) and plain.str.fullmatch(_DIGITS).all():
        return _epoch_form(plain.astype(float).to_numpy())
    return None


def form_of_numbers(numbers: npt.NDArray[np.floating[Any]], words: tuple[str, ...]) -> TimeForm | None:
    """Return what numbers mean as times.

    Parameters
    ----------
    numbers : numpy.ndarray of float
        Finite ones, at least one.
    words : tuple of str
        The words of their column's label: only a number that is said to be a time counts from 1970.

    Returns
    -------
    TimeForm or None
        None where they are no times.
    """
    first, last = _COMPACT_DAYS
    if ((numbers >= first) & (numbers <= last) & (numbers % 1 == 0)).all():
        return _compact_form(pd.Series(numbers.astype(np.int64).astype(str), dtype=object))
    return _epoch_form(numbers) if names_a_time(words) else None


def _share(found: Values) -> float:
    return float(found.mean())


def _parsed_share(texts: Values, written: str) -> float:
    return _share(pd.to_datetime(texts, format=written, errors="coerce", utc=True).notna())


def _iso_form(texts: Values) -> TimeForm:
    is_day = bool((texts.str.strip().str.len() <= len("2024-01-31")).all())
    is_naive = not texts.str.fullmatch(_OFFSET).all()
    kind = "days as text" if is_day else f"times as text, {'without' if is_naive else 'with'} a zone"
    return TimeForm(description=f"{kind} (ISO 8601)", is_naive=is_naive, is_day=is_day)


def _compact_form(texts: Values) -> TimeForm | None:
    if _parsed_share(texts, "%Y%m%d") < MOST:
        return None
    return TimeForm(description="days such as 19970131", format="%Y%m%d", is_day=True)


def _written_form(texts: Values) -> TimeForm | None:
    probe = texts.head(PROBED)
    possible = [written for written in _FORMATS if _parsed_share(probe, written) >= MOST]
    shares = {written: _parsed_share(texts, written) for written in possible}
    if not shares or max(shares.values()) < MOST:
        return None
    # Of several that read all, the first stands in the proposal, and the others in its reason.
    first, *others = [written for written, share in shares.items() if share == max(shares.values())]
    kind = "times" if "%M" in first else "days"
    doubt = f"; day and month cannot be told apart: it may be {others[0]!r}, so look" if others else ""
    description = f"{kind} as text, written {first!r}{doubt}"
    return TimeForm(description=description, format=first, is_day="%M" not in first)


def _epoch_form(numbers: npt.NDArray[np.floating[Any]]) -> TimeForm | None:
    low, high = _EPOCH_SECONDS
    for unit, ticks in _UNITS.items():
        if ((numbers >= low * ticks) & (numbers < high * ticks)).mean() >= MOST:
            return TimeForm(description=f"{_UNIT_NAMES[unit]} since 1970", unit=unit, is_naive=False)
    return None
