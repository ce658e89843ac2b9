"""The forms in which the values of a column are times: by type, in ISO 8601, in another format, or as numbers."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from events_pandas.convert.epochs import TICKS_PER_SECOND
from events_pandas.convert.time_formats import MOST, WRITTEN, find_format, parsed
from events_pandas.mapping.rules import DateUnit, Values
from events_pandas.suggest.names import epoch_units

TIME_TYPES: Final = (dt.date, np.datetime64)
"""The types of times; a datetime is a date, too."""

_UTC: Final = r"(?: ?[+-]00:?00)? ?(?i:UTC|GMT|Z)"
_ISO: Final = rf"\s*[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:[T ][0-9:.,]+(?:{_UTC}| ?[+-][0-9:]+)?)?\s*"
_CLOSING_UTC: Final = rf"{_UTC}\s*$"
_OFFSET: Final = rf".*[0-9][Tt ].*(?:{_UTC}|[+-][0-9:]+)\s*"
_COMPACT: Final = r"(?:19|20)[0-9]{6}"
_COMPACT_DAYS: Final = (19_000_101, 20_991_231)
_DIGITS: Final = r"[0-9]{9,19}(?:\.[0-9]+)?"

_EPOCH_SECONDS: Final = (3e8, 5e9)
"""From 1979 to 2128."""
_UNIT_NAMES: Final = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeForm:
    """How the values of a column are written as times; format and unit are those of `Date`."""

    description: str
    format: str | None = None
    unit: DateUnit | None = None
    is_naive: bool = True  # they lack a zone
    is_day: bool = False  # they lack a time of day
    is_certain: bool = True  # no other format reads other times from them


def form_of_times(values: Values) -> TimeForm | None:
    """Return the form of datetimes or dates, with possibly other values beside them.

    It is None if most values are neither times nor ISO 8601. They are days if no time is later than midnight.
    """
    is_time = values.map(lambda value: isinstance(value, TIME_TYPES)).astype(bool)
    is_plain = values.map(lambda value: isinstance(value, str) and value.isascii()).astype(bool)
    times, texts = values[is_time], _iso_texts(values[is_plain])
    if len(times) + len(texts) < MOST * len(values):
        return None
    return _form_of(times, texts)


def _form_of(times: Values, iso_texts: Values) -> TimeForm:
    has_zone = [*(getattr(time, "tzinfo", None) is not None for time in times), *_has_offset(iso_texts)]
    is_day = not any(has_zone) and _are_midnights(times) and _are_days(iso_texts)
    kinds = list(dict.fromkeys([*times.map(_kind_of), *("text" for _ in iso_texts[:1])]))
    what, zone = ("days", "") if is_day else ("times", _zone_words(has_zone))
    if kinds == ["text"]:
        description = f"{', '.join(filter(None, [f'{what} as text', zone]))} (ISO 8601)"
    elif len(kinds) == 1 and len(set(has_zone)) == 1:
        description = f"{what} {zone}".strip()
    else:
        named = f" ({', '.join(kinds)})" if len(kinds) > 1 else ""
        description = f"{what} of mixed kinds{named}, {zone}".removesuffix(", ")
    return TimeForm(description=description, is_naive=not all(has_zone), is_day=is_day)


def _kind_of(time: object) -> str:
    return "dates" if isinstance(time, dt.date) and not isinstance(time, dt.datetime) else "datetimes"


def _zone_words(has_zone: list[bool]) -> str:
    if any(has_zone) and not all(has_zone):
        return "a part with and a part without a zone"
    return "with a zone" if all(has_zone) else "without a zone"


def _are_midnights(times: Values) -> bool:
    instants = pd.to_datetime(times, utc=True, errors="coerce").dropna()
    return bool((instants == instants.dt.normalize()).all())


def form_of_texts(texts: Values, words: tuple[str, ...]) -> TimeForm | None:
    """Return how distinct texts are written as times, given the words of their label; None if they are not times."""
    # pandas raises at a character that UTF-8 cannot hold. All forms are ASCII.
    plain = texts.where(texts.map(str.isascii).astype(bool), "")
    # In ISO 8601 pandas knows only the letter Z for UTC.
    if _are_most(plain.str.fullmatch(_ISO)) and _are_read(plain.str.replace(_CLOSING_UTC, "Z", regex=True), "ISO8601"):
        return _form_of(plain[:0], _iso_texts(plain))
    if _are_most(plain.str.fullmatch(_COMPACT)):
        return _compact_form(plain)
    if _are_most(plain.str.fullmatch(WRITTEN)):
        return _written_form(plain)
    if epoch_units(words) and plain.str.fullmatch(_DIGITS).all():
        return _epoch_form(plain.astype(float).to_numpy(), words)
    return None


def commonest_form(texts: Values) -> tuple[str, "pd.Series[bool]"]:
    """Return the form that reads most of some distinct texts, however few these are, and which ones it reads."""
    plain = texts.where(texts.map(str.isascii).astype(bool), "")
    is_iso = plain.str.fullmatch(_ISO) & parsed(plain.str.replace(_CLOSING_UTC, "Z", regex=True), "ISO8601").notna()
    written = plain[plain.str.fullmatch(WRITTEN)]
    found = find_format(written, least=0) if len(written) else None
    is_written = plain.isin([] if found is None else written[found.times[found.format].notna()].tolist())
    if found is None or is_iso.sum() >= is_written.sum():
        return "as ISO 8601", is_iso
    return repr(found.format), is_written


def form_of_numbers(numbers: npt.NDArray[np.floating], words: tuple[str, ...]) -> TimeForm | None:
    """Return what finite numbers mean as times; None if they are not times.

    Only a number under the words of a time counts from 1970.
    """
    first, last = _COMPACT_DAYS
    if ((numbers >= first) & (numbers <= last) & (numbers % 1 == 0)).all():
        return _compact_form(pd.Series(numbers.astype(np.int64).astype(str), dtype=object))
    return _epoch_form(numbers, words)


def _iso_texts(plain: Values) -> Values:
    return plain[plain.str.fullmatch(_ISO).astype(bool)]


def _has_offset(texts: Values) -> "pd.Series[bool]":
    return texts.str.fullmatch(_OFFSET).astype(bool)


def _are_days(texts: Values) -> bool:
    return bool((texts.str.strip().str.len() <= len("2024-01-31")).all())


def _are_most(found: Values) -> bool:
    return bool(found.mean() >= MOST)


def _are_read(texts: Values, written: str) -> bool:
    return _are_most(parsed(texts, written).notna())


def _compact_form(texts: Values) -> TimeForm | None:
    form = TimeForm(description="days such as 19970131", format="%Y%m%d", is_day=True)
    return form if _are_read(texts, "%Y%m%d") else None


def _written_form(texts: Values) -> TimeForm | None:
    found = find_format(texts)
    if found is None:
        return None
    is_day = "%M" not in found.format
    description = f"{'days' if is_day else 'times'} as text, written {found.format!r}"
    if found.rivals:
        rivals = " or ".join(map(repr, found.rivals))
        description += f"; the order of day and month is a guess: it may be {rivals}, so look"
    return TimeForm(description=description, format=found.format, is_day=is_day, is_certain=not found.rivals)


def _epoch_form(numbers: npt.NDArray[np.floating], words: tuple[str, ...]) -> TimeForm | None:
    low, high = _EPOCH_SECONDS
    for unit in epoch_units(words):
        ticks = TICKS_PER_SECOND[unit]
        if ((numbers >= low * ticks) & (numbers < high * ticks)).mean() >= MOST:
            return TimeForm(description=f"{_UNIT_NAMES[unit]} since 1970", unit=unit, is_naive=False)
    return None
