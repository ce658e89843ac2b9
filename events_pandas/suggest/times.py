"""How the values of a column are written as times: by type, in ISO 8601, in another form, or as numbers since 1970."""

import datetime as dt
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from events_pandas.mapping.rules import Values
from events_pandas.suggest.names import EpochUnit, epoch_units

MOST = 0.6
"""What share of a column's values has to have a form, so that the column is said to have it.

A few malformed ones must not hide what a short column is: a check names each of them.
"""

TIME_TYPES = (dt.date, np.datetime64)
"""Of which a value is a time, datetimes among them."""

PROBED = 20
"""Texts with which a form is tried before it is tried with all."""

_UTC = r"(?: ?[+-]00:?00)? ?(?i:UTC|GMT|Z)"
_ISO = rf"\s*[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:[T ][0-9:.,]+(?:{_UTC}| ?[+-][0-9:]+)?)?\s*"
_OFFSET = rf".*[0-9][Tt ].*(?:{_UTC}|[+-][0-9:]+)\s*"
_WRITTEN = r"[0-9]{1,4}[-/. ].{3,25}|[A-Za-z]{3,9} [0-9].{3,25}"
_COMPACT = r"(?:19|20)[0-9]{6}"
_COMPACT_DAYS = (19_000_101, 20_991_231)
_DIGITS = r"[0-9]{9,19}(?:\.[0-9]+)?"

# Of several formats that read as much, the first is proposed.
_DAYS = (
    *("%d.%m.%Y", "%m.%d.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%d.%m.%y", "%m.%d.%y", "%d/%m/%y", "%m/%d/%y"),
    *("%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y"),
)
# Versions are written so too: these are never proposed, but make another format a guess.
_RIVAL_DAYS = ("%y.%m.%d", "%y/%m/%d")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_FORMATS = tuple(f"{day}{clock}" for day, clock in product((*_DAYS, *_RIVAL_DAYS), _CLOCKS))

_EPOCH_SECONDS = (3e8, 5e9)
"""From 1979 to 2128."""
_UNITS: dict[EpochUnit, float] = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
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
    is_certain : bool, default True
        Whether no other format makes other times of them.
    """

    description: str
    format: str | None = None
    unit: EpochUnit | None = None
    is_naive: bool = True
    is_day: bool = False
    is_certain: bool = True


def form_of_times(values: Values) -> TimeForm | None:
    """Return the form of values of which some are times.

    Parameters
    ----------
    values : pandas.Series of object
        Datetimes or dates, at least one, and possibly others beside them.

    Returns
    -------
    TimeForm or None
        Days where no time is later than midnight; None where most are neither times nor ISO 8601.
    """
    is_time = values.map(lambda value: isinstance(value, TIME_TYPES)).astype(bool)
    is_plain = values.map(lambda value: isinstance(value, str) and value.isascii()).astype(bool)
    times, texts = values[is_time], _iso_texts(values[is_plain])
    if len(times) + len(texts) < MOST * len(values):
        return None
    has_zone = [*times.map(_has_zone), *_offset_mask(texts)]
    is_day = not any(has_zone) and _are_midnights(times) and _are_days(texts)
    kinds = list(dict.fromkeys([*times.map(_kind_of), *("text" for _ in texts[:1])]))
    description = _mixture("days" if is_day else "times", kinds=kinds, has_zone=has_zone)
    return TimeForm(description=description, is_naive=not all(has_zone), is_day=is_day)


def _mixture(what: str, *, kinds: list[str], has_zone: list[bool]) -> str:
    zone = "" if what == "days" else _zone_words(has_zone)
    if len(kinds) == 1 and len(set(has_zone)) == 1:
        return f"{what} {zone}".strip()
    named = f" ({', '.join(kinds)})" if len(kinds) > 1 else ""
    return f"{what} of mixed kinds{named}, {zone}".removesuffix(", ")


def _kind_of(time: object) -> str:
    return "dates" if isinstance(time, dt.date) and not isinstance(time, dt.datetime) else "datetimes"


def _has_zone(time: object) -> bool:
    return getattr(time, "tzinfo", None) is not None


def _zone_words(has_zone: list[bool]) -> str:
    if any(has_zone) and not all(has_zone):
        return "a part with and a part without a zone"
    return "with a zone" if all(has_zone) else "without a zone"


def _are_midnights(times: Values) -> bool:
    instants = pd.to_datetime(times, utc=True, errors="coerce").dropna()
    return bool((instants == instants.dt.normalize()).all())


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
    plain = _plain(texts)
    if _share(plain.str.fullmatch(_ISO)) >= MOST and _parsed_share(_with_z(plain), "ISO8601") >= MOST:
        return _iso_form(plain)
    if _share(plain.str.fullmatch(_COMPACT)) >= MOST:
        return _compact_form(plain)
    if _share(plain.str.fullmatch(_WRITTEN)) >= MOST:
        return _written_form(plain)
    if epoch_units(words) and plain.str.fullmatch(_DIGITS).all():
        return _epoch_form(plain.astype(float).to_numpy(), words)
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
    return _epoch_form(numbers, words)


def _plain(texts: Values) -> Values:
    # A character that UTF-8 cannot hold makes pandas raise, and none of the forms has one that is not ASCII.
    return texts.where(texts.map(str.isascii).astype(bool), "")


def _with_z(plain: Values) -> Values:
    # pandas knows UTC in ISO 8601 by this letter alone.
    return plain.str.replace(rf"{_UTC}\s*$", "Z", regex=True)


def _iso_texts(plain: Values) -> Values:
    return plain[plain.str.fullmatch(_ISO).astype(bool)]


def _offset_mask(texts: Values) -> "pd.Series[bool]":
    return texts.str.fullmatch(_OFFSET).astype(bool)


def _are_days(texts: Values) -> bool:
    return bool((texts.str.strip().str.len() <= len("2024-01-31")).all())


def _share(found: Values) -> float:
    return float(found.mean())


def _parsed(texts: Values, written: str) -> Values:
    return pd.to_datetime(texts, format=written, errors="coerce", utc=True)


def _parsed_share(texts: Values, written: str) -> float:
    return _share(_parsed(texts, written).notna())


def _iso_form(plain: Values) -> TimeForm:
    texts = _iso_texts(plain)
    has_zone = list(_offset_mask(texts))
    is_day = _are_days(texts)
    kind = "days as text" if is_day else f"times as text, {_zone_words(has_zone)}"
    return TimeForm(description=f"{kind} (ISO 8601)", is_naive=not all(has_zone), is_day=is_day)


def _compact_form(texts: Values) -> TimeForm | None:
    if _parsed_share(texts, "%Y%m%d") < MOST:
        return None
    return TimeForm(description="days such as 19970131", format="%Y%m%d", is_day=True)


def _written_form(texts: Values) -> TimeForm | None:
    probe = texts.head(PROBED)
    times = {written: _parsed(texts, written) for written in _FORMATS if _parsed(probe, written).notna().any()}
    shares = {written: _share(read.notna()) for written, read in times.items() if not written.startswith(_RIVAL_DAYS)}
    if not shares or max(shares.values()) < MOST:
        return None
    best = max(shares, key=lambda written: shares[written])
    others = [
        written for written in times if _order(written) != _order(best) and _is_rival(times[best], times[written])
    ]
    kind = "times" if "%M" in best else "days"
    doubt = f"; day and month cannot be told apart: it may be {_alternatives(others)}, so look" if others else ""
    description = f"{kind} as text, written {best!r}{doubt}"
    return TimeForm(description=description, format=best, is_day="%M" not in best, is_certain=not others)


def _is_rival(best: Values, other: Values) -> bool:
    """Tell whether nothing decides between two formats that read the same texts.

    A text that only one of them reads is evidence for it: without it, or with evidence for both, it is a guess.
    """
    speaks_for_best = (best.notna() & other.isna()).any()
    speaks_for_other = (other.notna() & best.isna()).any()
    return bool((best.notna() & other.notna()).any() and (speaks_for_other or not speaks_for_best))


def _order(written: str) -> str:
    # May is short for May.
    return written.replace("%B", "%b")


def _alternatives(others: list[str]) -> str:
    return " or ".join(map(repr, others))


def _epoch_form(numbers: npt.NDArray[np.floating[Any]], words: tuple[str, ...]) -> TimeForm | None:
    low, high = _EPOCH_SECONDS
    for unit in epoch_units(words):
        ticks = _UNITS[unit]
        if ((numbers >= low * ticks) & (numbers < high * ticks)).mean() >= MOST:
            return TimeForm(description=f"{_UNIT_NAMES[unit]} since 1970", unit=unit, is_naive=False)
    return None
