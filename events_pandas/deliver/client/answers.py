"""What came back for a request, and how to read it: never trusting it, never raising."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from events_pandas import intercom
from events_pandas.words import escaped

DATE_HEADER: Final = "Date"
RETRY_AFTER_HEADER: Final = "Retry-After"
REQUEST_ID_HEADER: Final = "X-Request-Id"
LINK_HEADER: Final = "Link"
HEADERS: Final = (
    intercom.LIMIT_HEADER,
    intercom.REMAINING_HEADER,
    intercom.RESET_HEADER,
    DATE_HEADER,
    RETRY_AFTER_HEADER,
    REQUEST_ID_HEADER,
    LINK_HEADER,
)
"""The headers that an `Answer` keeps, in this spelling."""
MAX_RETRY_AFTER_SECONDS: Final = 300.0
"""No answer can make a run wait longer than this."""

_TOLD_LIMIT: Final = re.compile(rb"rate limit of ([0-9]{1,9}) in 10_seconds")
_FARTHEST_RESET_SECONDS: Final = 3_600.0
_LONGEST_MESSAGE: Final = 500
# "contact support" asks the reader to do something, and a user agent is a program.
_CONTACT: Final = re.compile(
    r"(?<![a-z])(?:users?(?![\s_-]*agent)|contacts?(?! (?:us|support|sales|admin|your|our|the|an?)\b)|leads?|visitors?)"
    r"(?![a-z])"
)
_ADDRESS: Final = re.compile(r"(?<![a-z])(?:route|path|page|url|uri|endpoint|host)s?(?![a-z])")
_CONTACT_FIELDS: Final = frozenset({"id", "user_id", "email", "external_id", "contact_id", "lead_id", "visitor_id"})
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
# `int` alone would take "1_6" and the digits of other scripts, and refuse to read more than 4,300 of them.
_WHOLE_NUMBER: Final = re.compile(r"\s*(-?[0-9]{1,15})\s*")
_UNIX_TIME: Final = re.compile(r"\s*([0-9]{10}(?:\.[0-9]{1,9})?|[0-9]{13})\s*")
_LEAST_MILLISECONDS: Final = 1e12


class TransportError(Exception):
    """A request got no answer.

    Parameters
    ----------
    message : str
        What happened; without token and payload.
    may_have_arrived : bool
        Whether sending had begun, so that Intercom may have accepted the event all the same.

    Attributes
    ----------
    may_have_arrived : bool
        The same.
    """

    def __init__(self, message: str, *, may_have_arrived: bool) -> None:
        self.may_have_arrived = may_have_arrived
        super().__init__(message)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The answer to one request.

    Parameters
    ----------
    status : int
        The HTTP status.
    headers : mapping of str to str
        Those of `HEADERS` that came.
    body : bytes
        The beginning of the body; empty for an accepted event, whose body is never of interest.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """The rate limit as one answer states it: each header counts for itself.

    Parameters
    ----------
    limit : int or None
        Requests a window; None if the header is missing or makes no sense.
    remaining : int or None
        Requests left in the window in which the request was counted.
    reset : float or None
        The end of that window in Unix seconds, by some clock of the server's: it may be rounded.
    """

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Complaint:
    """What an answer says went wrong.

    Parameters
    ----------
    code : str or None
        Intercom's code of the first error.
    message : str or None
        Intercom's messages, joined.
    request_id : str or None
        Intercom's name for the request.
    """

    code: str | None = None
    message: str | None = None
    request_id: str | None = None


def read_complaint(answer: Answer) -> Complaint:
    """Read an ``error.list`` body as far as it can be read.

    Parameters
    ----------
    answer : Answer
        An answer that is not 202.

    Returns
    -------
    Complaint
        With None for whatever the body does not say; it may be HTML, empty or cut off.

    Examples
    --------
    >>> body = b'{"type":"error.list","request_id":null,"errors":[{"code":"not_found","message":"User Not Found"}]}'
    >>> read_complaint(Answer(status=404, body=body))
    Complaint(code='not_found', message='User Not Found', request_id=None)
    """
    content = read_json(answer)
    errors = _errors(content)
    messages = [message for error in errors if (message := _text(error.get("message")))]
    return Complaint(
        code=next((code for error in errors if (code := _text(error.get("code")))), None),
        message="; ".join(messages)[:_LONGEST_MESSAGE] or None,
        request_id=_text(content.get("request_id")),
    )


def speaks_of_contact(answer: Answer) -> bool:
    """Tell whether an answer complains of a user or contact.

    Parameters
    ----------
    answer : Answer
        Such as a 404: only then is it known to be the contact that there is not.

    Returns
    -------
    bool
        True if an error of an ``error.list`` body names a user, contact, lead or visitor in its code or message, or
        one of their identifiers as its field. An address that does not exist is no contact.

    Examples
    --------
    >>> speaks_of_contact(Answer(status=404, body=b'{"errors":[{"code":"not_found","message":"User Not Found"}]}'))
    True
    >>> speaks_of_contact(Answer(status=404, body=b'{"errors":[{"code":"not_found","message":"Resource Not Found"}]}'))
    False
    """
    return any(_is_of_contact(error) for error in _errors(read_json(answer)))


def read_json(answer: Answer) -> dict[str, Any]:
    """Read a body that should be a JSON object.

    Parameters
    ----------
    answer : Answer
        Any answer.

    Returns
    -------
    dict
        The object; an empty one if the body is anything else.
    """
    try:
        content = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def read_rate(answer: Answer) -> Rate | None:
    """Read the three rate-limit headers, each for itself.

    Parameters
    ----------
    answer : Answer
        Any answer.

    Returns
    -------
    Rate or None
        None if none of them makes sense.
    """
    limit = _whole(answer.headers.get(intercom.LIMIT_HEADER))
    remaining = _whole(answer.headers.get(intercom.REMAINING_HEADER))
    rate = Rate(
        limit=limit if limit and limit > 0 else None,
        remaining=None if remaining is None else max(remaining, 0),
        reset=_unix_seconds(answer.headers.get(intercom.RESET_HEADER)),
    )
    return None if rate == Rate() else rate


def read_date(answer: Answer) -> float | None:
    """Read the server's clock.

    Parameters
    ----------
    answer : Answer
        Any answer.

    Returns
    -------
    float or None
        The `Date` header in Unix seconds (it has whole seconds only); None if it is missing or makes no sense.
    """
    return _http_date(answer.headers.get(DATE_HEADER))


def seconds_to_reset(rate: Rate | None, date: float | None) -> float | None:
    """Return how long a window lasts by an answer's own clocks.

    Parameters
    ----------
    rate : Rate or None
        What its headers say.
    date : float or None
        Its `Date`, in Unix seconds.

    Returns
    -------
    float or None
        Seconds, more than 0; None where a header is missing, and where the reset is over or hours away.
    """
    if rate is None or rate.reset is None or date is None:
        return None
    seconds = rate.reset - date
    return seconds if 0 < seconds <= _FARTHEST_RESET_SECONDS else None


def read_retry_after(answer: Answer) -> float | None:
    """Read how long the server asks to wait.

    Parameters
    ----------
    answer : Answer
        Any answer.

    Returns
    -------
    float or None
        Seconds from 0 to `MAX_RETRY_AFTER_SECONDS`; None if the header is missing or makes no sense.

    Notes
    -----
    HTTP allows seconds or a date; a date counts from the same answer's `Date`, since the local clock may be wrong.
    """
    text = answer.headers.get(RETRY_AFTER_HEADER)
    if text is None:
        return None
    seconds: float | None = _whole(text)
    if seconds is None:
        until, date = _http_date(text), read_date(answer)
        seconds = None if until is None or date is None else until - date
    return None if seconds is None else min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def read_told_limit(answer: Answer) -> int | None:
    """Read the rate limit from the text of a 429.

    Parameters
    ----------
    answer : Answer
        A 429.

    Returns
    -------
    int or None
        Requests in ten seconds; None if the text does not say.

    Examples
    --------
    >>> read_told_limit(Answer(status=429, body=b"Exceeded rate limit of 167 in 10_seconds"))
    167
    """
    match = _TOLD_LIMIT.search(answer.body)
    return int(match[1]) or None if match else None


def phrase(status: int) -> str:
    """Return an HTTP status with its name, for a message.

    Parameters
    ----------
    status : int
        The HTTP status.

    Returns
    -------
    str
        The number, with its name if it has one.

    Examples
    --------
    >>> phrase(503), phrase(599)
    ('503 Service Unavailable', '599')
    """
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _errors(content: dict[str, Any]) -> list[dict[str, Any]]:
    listed = content.get("errors")
    return [error for error in listed if isinstance(error, dict)] if isinstance(listed, list) else []


def _is_of_contact(error: dict[str, Any]) -> bool:
    said = f"{_text(error.get('code'))} {_text(error.get('message'))}"
    words = _CAMEL.sub(" ", said).lower()
    if _ADDRESS.search(words):
        return False
    return bool(_CONTACT.search(words)) or _text(error.get("field")) in _CONTACT_FIELDS


def _text(value: object) -> str | None:
    # Codes have been seen as numbers, and as numbers in strings.
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    # JSON can spell what acts on a terminal, and half a surrogate pair, which no file of results could hold.
    return escaped(str(value)[:_LONGEST_MESSAGE].encode(errors="replace").decode()) or None


def _whole(text: str | None) -> int | None:
    match = _WHOLE_NUMBER.fullmatch(text or "")
    return int(match[1]) if match else None


# The answers of one window have one reset.
@lru_cache(maxsize=128)
def _unix_seconds(text: str | None) -> float | None:
    """Read a moment in Unix seconds, in Unix milliseconds, or in ISO 8601 with a time of day."""
    match = _UNIX_TIME.fullmatch(text or "")
    if match:
        number = float(match[1])
        return number / 1_000 if number >= _LEAST_MILLISECONDS else number
    if ":" not in (text or ""):
        return None
    try:
        moment = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return _utc_seconds(moment)


# The answers of one second have one date, and reading it takes longer than all the rest of them.
@lru_cache(maxsize=128)
def _http_date(text: str | None) -> float | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    # A date in "-0000" is read as naive, though it is in UTC like every HTTP date.
    return _utc_seconds(moment)


def _utc_seconds(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
