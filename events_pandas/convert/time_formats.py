"""Formats in which text shows times: which of them read a column, and whether its cells decide for one of them."""

import calendar
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

import pandas as pd
import pyarrow as pa

from events_pandas.convert.cells import TEXT_TYPE
from events_pandas.mapping.rules import Values

MOST: Final = 0.6
"""A column has a form if at least this share of its values has it: a check names the few malformed ones."""

WRITTEN: Final = r"[0-9]{1,4}[-/. ].{3,25}|[A-Za-z]{3,9} [0-9].{3,25}"
"""What times in these formats look like, and some other texts."""

_PROBED: Final = 20
"""The texts with which a format is tried before it is tried with all."""

# If several formats read equally many texts, the first of them is proposed.
_DAYS: Final = (
    *("%d.%m.%Y", "%m.%d.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%d.%m.%y", "%m.%d.%y", "%d/%m/%y", "%m/%d/%y"),
    *("%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y"),
)
# Versions look the same: these formats are never proposed, but they make another format a guess.
_RIVAL_DAYS: Final = ("%y.%m.%d", "%y/%m/%d")
_TIMES_OF_DAY: Final = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p")
_CLOCKS: Final = ("", *(f" {clock}" for clock in _TIMES_OF_DAY), *(f", {clock}" for clock in _TIMES_OF_DAY))
"""Browsers write a comma before the time of day."""
_FORMATS: Final = tuple(f"{day}{clock}" for day, clock in product((*_DAYS, *_RIVAL_DAYS), _CLOCKS))

_LONGEST_MONTH: Final = 31

_DAY: Final = re.compile(
    r"\s*(?:(?P<year>[0-9]{4})(?P<mark>[-/.])(?P<first>[0-9]{1,2})(?P=mark)(?P<second>[0-9]{1,2})(?![0-9])"
    r"|(?P<one>[0-9]{1,2})(?P<sign>[-/.])(?P<two>[0-9]{1,2})(?P=sign)(?P<last>[0-9]{4})(?![0-9]))"
)
"""A day in numbers: with the year before month and day, or with the year behind day and month in any order."""

# In English, whatever the locale of this process is.
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFormat:
    """The format that reads most texts of a column, and the formats that may be meant as well."""

    format: str
    rivals: tuple[str, ...]
    times: Mapping[str, Values]  # as each of these formats reads the texts; NaT where it does not


def parsed(texts: Values, written: str) -> Values:
    """Read texts in a format as times in UTC; NaT where a text has another form."""
    return pd.to_datetime(texts, format=written, errors="coerce", utc=True)


def find_format(texts: Values, *, least: float = MOST) -> FoundFormat | None:
    """Find the format of distinct texts; None if no format reads at least some share of them."""
    probe = texts.head(_PROBED)
    commas = set(probe.str.count(","))
    # Most formats are told apart by their commas alone, which is faster than to try them.
    possible = (written for written in _FORMATS if written.count(",") in commas)
    times = {written: parsed(texts, written) for written in possible if parsed(probe, written).notna().any()}
    shares = {written: read.notna().mean() for written, read in times.items() if not written.startswith(_RIVAL_DAYS)}
    if not shares or max(shares.values()) < least:
        return None
    best = max(shares, key=lambda written: shares[written])
    rivals = (other for other in times if _order(other) != _order(best) and _is_rival(times[best], times[other]))
    return FoundFormat(format=best, rivals=tuple(rivals), times=times)


def _is_rival(best: Values, other: Values) -> bool:
    """Tell whether no text decides between two formats that read the same texts.

    A text that only one of them reads is evidence for it. Without evidence, or with evidence for both, it is a guess.
    """
    speaks_for_best = (best.notna() & other.isna()).any()
    speaks_for_other = (other.notna() & best.isna()).any()
    return bool((best.notna() & other.notna()).any() and (speaks_for_other or not speaks_for_best))


def _order(written: str) -> str:
    # The month May has the same short and long name.
    return written.replace("%B", "%b")


def format_cures(texts: pa.Array) -> pa.Array:
    """Say in which format each text of a column is a time: one that the column decides for, or each possible one.

    A text is null in the answer if no format is known for it.
    """
    column = texts.to_pylist()
    # pandas raises at a character that UTF-8 cannot hold. All formats are ASCII.
    written = (text for text in column if text and text.isascii() and re.fullmatch(WRITTEN, text))
    distinct = pd.Series(list(dict.fromkeys(written)), dtype=object)
    found = find_format(distinct) if len(distinct) else None
    cures = {} if found is None else dict(zip(distinct, _cures(found), strict=True))
    return pa.array([cures.get(text) for text in column], TEXT_TYPE)


def day_cures(texts: pa.Array) -> pa.Array:
    """Say which texts begin with a day that its month does not have; the others are null in the answer."""
    return pa.array([None if text is None else _day_cure(text) for text in texts.to_pylist()], TEXT_TYPE)


def _day_cure(text: str) -> str | None:
    found = _DAY.match(text)
    if found is None:
        return None
    if found["year"] is not None:
        year, month, day = int(found["year"]), int(found["first"]), int(found["second"])
    else:
        # A day that a month may lack is more than any month.
        month, day = sorted((int(found["one"]), int(found["two"])))
        year = int(found["last"])
    if not (year and 1 <= month <= len(_MONTHS) and day <= _LONGEST_MONTH):
        return None
    days = calendar.monthrange(year, month)[1]
    return f"correct the day, since {_MONTHS[month - 1]} {year} has {days} days" if day > days else None


def _cures(found: FoundFormat) -> Iterator[str | None]:
    formats = (found.format, *found.rivals)
    for place in range(len(found.times[found.format])):
        read = {written: found.times[written].iloc[place] for written in formats}
        known = {written: time for written, time in read.items() if isinstance(time, pd.Timestamp)}
        if not known:
            yield None
        elif found.rivals:
            readings = (f"{written!r} if it is {_day(time)}" for written, time in known.items())
            yield f"give its format in a date rule, {' or '.join(readings)}"
        else:
            yield f"give its format in a date rule, {found.format!r}"


def _day(time: pd.Timestamp) -> str:
    return f"{time.day} {_MONTHS[time.month - 1]} {time.year}"
