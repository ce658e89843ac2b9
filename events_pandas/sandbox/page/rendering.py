"""Templates: every value becomes text, whatever is in it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

# Controls, marks that turn the direction of what follows, and halves of surrogate pairs, which no encoding takes.
_INVISIBLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    r"""Return text in which nothing acts on the text around it.

    Parameters
    ----------
    text : str
        Anything.

    Returns
    -------
    str
        The same, but for control characters, marks of direction and halves of surrogate pairs: they are written out.

    Examples
    --------
    >>> visible("a\u202eb")
    'a\\u202eb'
    """
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def render(template: str, **values: object) -> str:
    """Fill in a template.

    Parameters
    ----------
    template : str
        The name of a file in ``templates``.
    **values
        What it speaks of.

    Returns
    -------
    str
        HTML.
    """
    return _environment().get_template(template).render(values)


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
    environment.filters |= {"count": _count, "bytes": _bytes}
    return environment


def _finalized(value: object) -> object:
    # Markup is a class of its own: what templates have rendered already is left as it is.
    return visible(value) if type(value) is str else value


def _count(number: int) -> str:
    return f"{number:,}"


def _bytes(size: int) -> str:
    return f"{size:,} byte{'' if size == 1 else 's'}"


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Of no locale: the page is in English wherever it runs.
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MEAN_YEAR_SECONDS: Final = 31_556_952
# The year 5138: nobody's event, but every time of this century in milliseconds.
_SUSPICIOUS_SECONDS: Final = 100_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """A time as people read it.

    Parameters
    ----------
    date : str
        Such as ``"17 Jan 2014"``.
    time : str
        Such as ``"14:12:21"``; empty beyond the calendar.
    iso : str
        For machines; empty beyond the calendar.
    note : str
        What is odd about it; empty when nothing is.
    """

    date: str
    time: str
    iso: str
    note: str


def read_moment(seconds: float) -> Moment:
    """Return how a time reads.

    Parameters
    ----------
    seconds : float
        Seconds since 1970-01-01T00:00:00Z, of any size.

    Returns
    -------
    Moment
        In UTC, whole seconds.

    Examples
    --------
    >>> read_moment(1389967941).date, read_moment(1389967941).time
    ('17 Jan 2014', '14:12:21')
    >>> read_moment(1389967941000).date
    'the year 46016'
    """
    note = "Intercom reads seconds: were these milliseconds?" if abs(seconds) >= _SUSPICIOUS_SECONDS else ""
    try:
        moment = _EPOCH + timedelta(seconds=int(seconds))
    except OverflowError:
        return Moment(date=f"the year {1970 + int(seconds) // _MEAN_YEAR_SECONDS}", time="", iso="", note=note)
    return Moment(
        date=f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}",
        time=f"{moment:%H:%M:%S}",
        iso=f"{moment.year:04}-{moment:%m-%dT%H:%M:%S}Z",
        note=note,
    )


def month_name(month: int) -> str:
    """Return a month's short name.

    Parameters
    ----------
    month : int
        From 1 to 12.

    Returns
    -------
    str
        Three letters.
    """
    return _MONTHS[month - 1]
