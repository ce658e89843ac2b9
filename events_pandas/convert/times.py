"""How cells of each kind are read as a time: whole Unix seconds, UTC."""

import re
from dataclasses import dataclass, field
from functools import cache
from zoneinfo import available_timezones

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.cells import (
    TEXT_TYPE,
    CellKind,
    Cells,
    Mask,
    holds_any,
    matches,
    to_mask,
    valid_mask,
    without,
)
from events_pandas.convert.epochs import NO_TEXT, TICKS_PER_SECOND, read_epoch
from events_pandas.convert.number_readers import beyond
from events_pandas.convert.readers import written
from events_pandas.convert.reading import CodeMasks, reject_all
from events_pandas.convert.zones import UNDECIDED, ClockChoice, localized

CALENDAR_SECONDS = 3 * 10**11
"""Beyond the year 9999, which some people write for "never". datetime64 also has times millions of years away."""

NANOSECOND_SECONDS = 9 * 10**9
"""Until the year 2255; times in nanoseconds end in 2262."""

YEAR_2000 = 946_684_800

SERIAL_DAYS = (20_000, 80_000)
"""Days since 1900, as spreadsheets count them, from 1954 to 2119; as seconds, all lie within one day of 1970."""

_NUMBERS = frozenset({CellKind.INTEGER, CellKind.FLOAT, CellKind.DECIMAL})
_DIGIT_CODES = {13: "time_in_milliseconds", 16: "time_in_microseconds", 19: "time_in_nanoseconds"}
_DIGITS = r"^[0-9]+$"
_WHOLE = r"^(-?[0-9]+)\.0+$"

_ISO = r"^\s*[0-9]{4}(?:-[0-9]{2}-[0-9]{2}|[0-9]{4})(?:[T ]|\s*$)"
_LOCAL = r"^\s*[0-9]{4}(?:-[0-9]{2}-[0-9]{2}|[0-9]{4})(?:[T ][0-9:.]+)?\s*$"
_ISO_DAY = r"^\s*[0-9]{4}(?:-[0-9]{2}-[0-9]{2}|[0-9]{4})\s*$"
_OFFSET = r"[0-9][Tt ].*(?:Z|[+-][0-9:]+)\s*$"
_UTC = r"(?i)([T ][0-9:.]+)(?: ?[+-]00:?00)? ?(?:UTC|GMT|Z)\s*$"
"""UTC by its name, as BigQuery, Ruby and Go write it; Go writes it after an offset."""
_UTC_WORDS = (b"UTC", b"GMT", b"utc", b"gmt", b"Utc", b"Gmt", b"z")
_UTC_FORM = re.compile(r"%.*[^%](?:UTC|GMT|Z)\s*$")
_CODE = re.compile(r"%(.)")
_CLOCK_CODES, _ZONE_CODE, _NAME_CODE = frozenset("HIMSfpzZcX"), "z", "Z"
_ZONE_NAME = r"(?P<zone>[A-Za-z][A-Za-z0-9_+/-]*)"
_FRACTION = r"(:[0-9]{2})[.,][0-9]+"
_FRACTION_FORM = re.compile(r"%S[.,]%f")
_CLOCK_WORDS = pa.array(["now", "today"], TEXT_TYPE)
"""pandas reads these words as the time of reading."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeReader:
    """Reads cells as times (int64 Unix seconds, fractions cut off), as a `Date` rule says."""

    format: str | None  # of text
    unit: str | None  # of epoch numbers
    timezone: str | None  # of times without a zone; None: UTC, with a note
    choice: ClockChoice = UNDECIDED  # which second is meant by a local time that is not one

    def __call__(self, cells: Cells) -> tuple[pa.Array, CodeMasks]:
        """Read cells of any kind; report cells that are not times, or not times in their zone."""
        seconds, faults = self._read(cells)
        outside = beyond(seconds, CALENDAR_SECONDS)
        if outside.any():
            seconds, faults = without(seconds, outside), [*faults, ("time_unreadable", outside)]
        old = to_mask(pc.less(seconds, YEAR_2000))
        if not old.any():
            return seconds, faults
        serial = self._looks_like_serials(cells.kind, seconds)
        return without(seconds, serial), [*faults, ("excel_serial", serial), ("before_2000", old & ~serial)]

    def _looks_like_serials(self, kind: CellKind, seconds: pa.Array) -> Mask:
        """Tell which numbers without a unit look like a spreadsheet's day numbers."""
        if kind not in _NUMBERS or self.format is not None or self.unit is not None:
            return np.zeros(len(seconds), dtype=bool)
        first, last = SERIAL_DAYS
        return to_mask(pc.and_(pc.greater_equal(seconds, first), pc.less_equal(seconds, last)))

    def _read(self, cells: Cells) -> tuple[pa.Array, CodeMasks]:
        match cells.kind:
            case CellKind.INTEGER | CellKind.FLOAT | CellKind.DECIMAL:
                return self._number(cells)
            case CellKind.TEXT:
                return self._written(cells.values) if self.unit is None else read_epoch(cells, self.unit)
            case CellKind.AWARE_TIME:
                return whole_seconds(cells.values), []
            case CellKind.NAIVE_TIME:
                return self._localized(whole_seconds(cells.values))
            case CellKind.DATE:
                first_seconds = cells.values.cast(pa.timestamp("s")).cast(pa.int64())
                return self._localized(first_seconds, is_day=np.ones(len(first_seconds), dtype=bool))
            case _:
                return reject_all(cells, pa.int64(), "time_unreadable")

    def _number(self, cells: Cells) -> tuple[pa.Array, CodeMasks]:
        if self.format is None:
            return read_epoch(cells, self.unit)
        # With a format such as %Y%m%d, the number 19970101 is a date.
        return self._written(pc.replace_substring_regex(written(cells), _WHOLE, r"\1"))

    def _written(self, text: pa.Array) -> tuple[pa.Array, CodeMasks]:
        """Read text as written times; a time without an offset is a local clock's."""
        found = read_iso(text) if self.format is None else read_format(text, self.format, self.choice)
        unread = valid_mask(text) & ~valid_mask(found.seconds)
        for _, where in found.faults:
            unread &= ~where
        unread_faults = _unread_faults(text, unread) if self.format is None else [("time_unlike_format", unread)]
        local, faults = self._localized(without(found.seconds, found.is_instant), is_day=found.is_day)
        seconds = pc.if_else(pa.array(found.is_instant), found.seconds, local)
        return seconds, [*unread_faults, *found.faults, *faults]

    def _localized(self, local: pa.Array, *, is_day: Mask | None = None) -> tuple[pa.Array, CodeMasks]:
        """Turn the seconds of a local clock into Unix seconds; a day becomes its first second."""
        if self.timezone is None:
            return local, [("naive_time", valid_mask(local))]
        days = np.zeros(len(local), dtype=bool) if is_day is None else is_day
        return localized(local, self.timezone, is_day=days, choice=self.choice)


def _unread_faults(text: pa.Array, unreadable: Mask) -> CodeMasks:
    """Report texts that are not written times; by the number of digits, some are epoch numbers of today."""
    if not unreadable.any():
        return []
    digits = np.where(matches(text, _DIGITS), pc.fill_null(pc.binary_length(text), 0), 0)
    faults = [(code, unreadable & (digits == count)) for count, code in _DIGIT_CODES.items()]
    return [*faults, ("time_unreadable", unreadable & ~np.isin(digits, list(_DIGIT_CODES)))]


def whole_seconds(times: pa.Array) -> pa.Array:
    """Return timestamps of any unit as int64 seconds, cutting fractions off downwards."""
    ticks = TICKS_PER_SECOND[times.type.unit]
    integers = times.cast(pa.int64())
    if ticks == 1:
        return integers
    if not times.null_count:
        return pa.array(np.floor_divide(integers.to_numpy(), ticks))
    present = valid_mask(times)
    # Nulls are filled first: with nulls, numpy would make floats of all times, which loses digits.
    filled = np.floor_divide(pc.fill_null(integers, 0).to_numpy(), ticks)
    return without(pa.array(filled), ~present)


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenTimes:
    """Times read from text."""

    seconds: pa.Array  # int64 Unix seconds, a local clock's as if it showed UTC; null where nothing can be read
    is_instant: Mask  # texts with an offset or a zone
    is_day: Mask  # texts without a time of day
    faults: CodeMasks = field(default_factory=list)  # what else is wrong


def read_iso(text: pa.Array) -> WrittenTimes:
    """Read text in ISO 8601: days, or times with or without an offset; "UTC" may be written out."""
    plain = _read_plain(text)
    if plain is not None:
        return plain
    if holds_any(text, *_UTC_WORDS):
        text = pc.replace_substring_regex(text, _UTC, r"\1Z")
    is_instant = matches(text, _OFFSET)
    is_day = matches(text, _ISO_DAY)
    # pandas would read too much: -0.01 as a day in the year 0.
    local = without(text, is_instant | ~matches(text, _LOCAL))
    seconds = _parsed(local, "ISO8601")
    if is_instant.any():
        instants = without(text, ~is_instant | ~matches(text, _ISO))
        # Read separately: old pandas gives such a time the offset of an earlier time, even of an unreadable one.
        seconds = pc.coalesce(_parsed(instants, "ISO8601"), seconds)
    return WrittenTimes(seconds=seconds, is_instant=is_instant, is_day=is_day)


def _read_plain(text: pa.Array) -> WrittenTimes | None:
    """Read text quickly if all of it is in Arrow's form of ISO 8601, with an offset or without one; otherwise None."""
    is_present = valid_mask(text)
    for arrow_type in (pa.timestamp("s", tz="UTC"), pa.timestamp("s")):
        try:
            seconds = text.cast(arrow_type).cast(pa.int64())
        except pa.ArrowInvalid:
            continue
        is_instant = is_present & (arrow_type.tz is not None)
        is_day = is_present & ~is_instant & to_mask(pc.equal(pc.binary_length(text), len("2024-01-31")))
        # Old pandas reads none beyond its nanoseconds.
        is_known = not beyond(seconds, NANOSECOND_SECONDS).any()
        return WrittenTimes(seconds=seconds, is_instant=is_instant, is_day=is_day) if is_known else None
    return None


def read_format(text: pa.Array, form: str, choice: ClockChoice = UNDECIDED) -> WrittenTimes:
    """Read text in a format of `datetime.datetime.strptime`; a fraction of a second may be there or not.

    A format that ends in UTC, GMT or Z says that the times are in UTC. `choice` is for times in zones that are named.
    """
    codes = set(_CODE.findall(form))
    is_day = np.full(len(text), not codes & _CLOCK_CODES)
    names = None
    if _NAME_CODE in codes:
        names, text, form = _without_names(text, form)
    seconds = _with_any_fraction(text, form)
    if names is not None:
        return _in_named_zones(seconds, names, is_day=is_day, choice=choice)
    is_instant = _ZONE_CODE in codes or (bool(codes & _CLOCK_CODES) and _UTC_FORM.search(form) is not None)
    return WrittenTimes(seconds=seconds, is_instant=np.full(len(text), is_instant), is_day=is_day)


def _with_any_fraction(text: pa.Array, form: str) -> pa.Array:
    """Parse text by its format; where that fails, with or without the fraction of a second."""
    seconds = _parsed(text, form)
    unread = valid_mask(text) & ~valid_mask(seconds)
    if "%S" not in form or not unread.any():
        return seconds
    whole = pc.replace_substring_regex(without(text, ~unread), _FRACTION, r"\1")
    return pc.coalesce(seconds, _parsed(whole, _FRACTION_FORM.sub("%S", form)))


def _without_names(text: pa.Array, form: str) -> tuple[pa.Array, pa.Array, str]:
    """Take the names of zones out of text, since pandas reads them wrongly.

    pandas ends in 2037 in some zones, and fails at times that did not happen. A text without a name in its place stays
    as it is, and is not read.
    """
    before, _, after = form.partition(f"%{_NAME_CODE}")
    pattern = f"^(?P<before>{_loosely(before)}){_ZONE_NAME}(?P<after>{_loosely(after)})$"
    parts = pc.extract_regex(text, pattern)
    rest = pc.binary_join_element_wise(pc.struct_field(parts, "before"), pc.struct_field(parts, "after"), NO_TEXT)
    names = pc.struct_field(parts, "zone")
    return names, pc.coalesce(pc.utf8_trim_whitespace(rest), text), f"{before}{after}".strip()


def _loosely(form: str) -> str:
    """Return a regular expression for the texts that a part of a format may stand for."""
    pieces = re.split(r"(%.|\s+)", form)
    return "".join(
        ".+?" if piece.startswith("%") else r"\s+" if piece.isspace() else re.escape(piece) for piece in pieces
    )


def _in_named_zones(local: pa.Array, names: pa.Array, *, is_day: Mask, choice: ClockChoice) -> WrittenTimes:
    """Read local times by the clocks of the zones named beside them."""
    seconds, faults = pa.nulls(len(local), pa.int64()), []
    for name in pc.unique(names.drop_null()).to_pylist():
        zone = _zones().get(name.lower())
        if zone is not None:
            is_there = to_mask(pc.equal(names, name))
            placed, found = localized(without(local, ~is_there), zone, is_day=is_day, choice=choice)
            seconds = pc.coalesce(seconds, placed)
            faults += [(code, where & is_there) for code, where in found]
    return WrittenTimes(seconds=seconds, is_instant=np.ones(len(local), dtype=bool), is_day=is_day, faults=faults)


@cache
def _zones() -> dict[str, str]:
    """Return the zones by their names in lower case."""
    return {"z": "UTC"} | {name.lower(): name for name in available_timezones()}


def _parsed(text: pa.Array, form: str) -> pa.Array:
    """Parse written times, those without an offset as UTC; null where a text cannot be parsed."""
    if text.null_count == len(text):
        return pa.nulls(len(text), pa.int64())
    text = without(text, to_mask(pc.is_in(text, _CLOCK_WORDS)))
    if form == "ISO8601" or "%f" in form:
        # One time in nanoseconds would make pandas use nanoseconds for the whole column, which end in the year 2262.
        text = pc.replace_substring_regex(text, r"(\.[0-9]{6})[0-9]+", r"\1")
    texts = pd.Series(text.to_numpy(zero_copy_only=False), dtype=object)
    times = pd.to_datetime(texts, format=form, errors="coerce", utc=True)
    return whole_seconds(pa.array(times, from_pandas=True))
