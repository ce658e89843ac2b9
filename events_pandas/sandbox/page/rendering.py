"""Templates and times: every value becomes text that people can read."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from events_pandas.words import counted

# Controls, marks that change the direction of text, and halves of surrogate pairs, which no encoding takes.
_INVISIBLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Not from a locale: the page is in English everywhere.
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MEAN_YEAR_SECONDS: Final = 31_556_952
# The year 5138. Events do not have such times, but milliseconds of this century sent as seconds are later.
_SUSPICIOUS_SECONDS: Final = 100_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """A time as people read it. `time` and `iso` are empty beyond the calendar; `note` says what is odd about it."""

    date: str
    time: str
    iso: str
    note: str


def render(template: str, **values: object) -> Markup:
    """Fill in a template of the folder ``templates``, and return HTML."""
    return Markup(_environment().get_template(template).render(values))  # noqa: S704  # Our own templates escape.


def visible(text: str) -> str:
    """Write out control characters, marks of direction and halves of surrogate pairs: they act on other text."""
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def read_moment(seconds: float) -> Moment:
    """Return a time of Unix seconds, of any size, in UTC and whole seconds."""
    note = "Intercom reads seconds: were these milliseconds?" if abs(seconds) >= _SUSPICIOUS_SECONDS else ""
    try:
        moment = _EPOCH + timedelta(seconds=int(seconds))
    except OverflowError:
        return Moment(date=f"the year {1970 + int(seconds) // _MEAN_YEAR_SECONDS}", time="", iso="", note=note)
    return Moment(
        date=day_text(moment),
        time=f"{moment:%H:%M:%S}",
        iso=f"{moment.year:04}-{moment:%m-%dT%H:%M:%S}Z",
        note=note,
    )


def day_text(day: date) -> str:
    """Return a day as people read it, such as ``"17 Jan 2014"``."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        finalize=_finalized,
        loader=PackageLoader("events_pandas.sandbox.page"),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"count": "{:,}".format, "bytes": lambda size: counted(size, "byte")}
    return environment


def _finalized(value: object) -> object:
    # HTML that a template has rendered already is Markup, a subclass of str: it stays as it is.
    return visible(value) if type(value) is str else value
