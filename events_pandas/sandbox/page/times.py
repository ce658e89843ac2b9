"""How times read: dates of the calendar in UTC, and what is said of times that lie beyond it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

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
