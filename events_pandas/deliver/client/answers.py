"""The answer to a request, and functions that read it. None of them trusts it, and none of them raises."""

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
"""A run never waits longer than this because of one answer."""

_STATED_LIMIT: Final = re.compile(rb"rate limit of ([0-9]{1,9}) in 10_seconds")
_FARTHEST_RESET_SECONDS: Final = 3_600.0
_LONGEST_MESSAGE: Final = 500
# Not a contact: "contact support" is a request to the reader, and a "user agent" is a program.
_CONTACT: Final = re.compile(
    r"(?<![a-z])(?:users?(?![\s_-]*agent)|contacts?(?! (?:us|support|sales|admin|your|our|the|an?)\b)|leads?|visitors?)"
    r"(?![a-z])"
)
_ADDRESS: Final = re.compile(r"(?<![a-z])(?:route|path|page|url|uri|endpoint|host)s?(?![a-z])")
_CONTACT_FIELDS: Final = frozenset({"id", "user_id", "email", "external_id", "contact_id", "lead_id", "visitor_id"})
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
# `int` alone would read "1_6" and the digits of other scripts, and raise at more than 4,300 digits.
_WHOLE_NUMBER: Final = re.compile(r"\s*(-?[0-9]{1,15})\s*")
_UNIX_TIME: Final = re.compile(r"\s*([0-9]{10}(?:\.[0-9]{1,9})?|[0-9]{13})\s*")
_LEAST_MILLISECONDS: Final = 1e12


class TransportError(Exception):
    """A request got no answer.

    The message names neither token nor payload. `may_have_arrived` says whether sending had begun: Intercom may have
    accepted the event.
    """

    def __init__(self, message: str, *, may_have_arrived: bool) -> None:
        self.may_have_arrived = may_have_arrived
        super().__init__(message)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The answer to one request: its status, those of `HEADERS` that came, and the beginning of its body.

    The body of an accepted event is empty, since nobody reads it.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """The rate limit as one answer states it. A field is None if its header is missing or makes no sense."""

    # Requests in a window.
    limit: int | None = None
    # Requests left in the window that counted the request.
    remaining: int | None = None
    # The end of that window in Unix seconds, by one of the server's clocks; it may be rounded.
    reset: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorDetails:
    """What an answer says went wrong: Intercom's first error code, all messages joined, and the request's id."""

    code: str | None = None
    message: str | None = None
    request_id: str | None = None


def read_error_details(answer: Answer) -> ErrorDetails:
    """Read an ``error.list`` body. A field is None if the body does not say it; it may be HTML, empty or cut off."""
    content = read_json(answer)
    errors = _errors(content)
    messages = [message for error in errors if (message := _text(error.get("message")))]
    return ErrorDetails(
        code=next((code for error in errors if (code := _text(error.get("code")))), None),
        message="; ".join(messages)[:_LONGEST_MESSAGE] or None,
        request_id=_text(content.get("request_id")),
    )


def speaks_of_contact(answer: Answer) -> bool:
    """Return whether an error of an ``error.list`` body names a contact, so that a 404 means an unknown contact.

    Its code or message names a user, contact, lead or visitor, or its field is one of their identifiers. An error
    about an address (a route, a page, a host) names no contact.
    """
    return any(_is_of_contact(error) for error in _errors(read_json(answer)))


def read_json(answer: Answer) -> dict[str, Any]:
    """Return the body as a JSON object, or an empty dict if it is anything else."""
    try:
        content = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def read_rate(answer: Answer) -> Rate | None:
    """Read each of the three rate-limit headers for itself; None if none of them makes sense."""
    limit = _whole(answer.headers.get(intercom.LIMIT_HEADER))
    remaining = _whole(answer.headers.get(intercom.REMAINING_HEADER))
    rate = Rate(
        limit=limit if limit and limit > 0 else None,
        remaining=None if remaining is None else max(remaining, 0),
        reset=_unix_seconds(answer.headers.get(intercom.RESET_HEADER)),
    )
    return None if rate == Rate() else rate


def read_date(answer: Answer) -> float | None:
    """Return the `Date` header, which is the server's clock, in whole Unix seconds; None if it makes no sense."""
    return _http_date(answer.headers.get(DATE_HEADER))


def seconds_to_reset(rate: Rate | None, date: float | None) -> float | None:
    """Return the seconds from an answer's `Date` to its reset: both are the server's clocks.

    None if a header is missing, or if the reset is over or hours away.
    """
    if rate is None or rate.reset is None or date is None:
        return None
    seconds = rate.reset - date
    return seconds if 0 < seconds <= _FARTHEST_RESET_SECONDS else None


def read_retry_after(answer: Answer) -> float | None:
    """Return the seconds that the server asks to wait, from 0 to `MAX_RETRY_AFTER_SECONDS`, or None."""
    # HTTP allows seconds or a date. A date counts from the same answer's `Date`: the local clock may be wrong.
    # HTTP allows seconds or a date. A date counts from the same answer's `Date`: the local clock may be wrong.
    # HTTP allows seconds or a date. A date counts from the same answer's `Date`: the local clock may be wrong.
    text = answer.headers.get(RETRY_AFTER_HEADER)
    if text is None:
        return None
    seconds: float | None = _whole(text)
    if seconds is None:
        until, date = _http_date(text), read_date(answer)
        seconds = None if until is None or date is None else until - date
    return None if seconds is None else min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def read_stated_limit(answer: Answer) -> int | None:
    """Return the requests in ten seconds that the text of a 429 states, or None."""
    match = _STATED_LIMIT.search(answer.body)
    return int(match[1]) or None if match else None


def phrase(status: int) -> str:
    """Return an HTTP status with its name, if it has one: ``503 Service Unavailable``."""
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
    # Intercom sends codes as text, as numbers, and as numbers in strings.
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    # JSON can hold control characters, which act on a terminal, and half a surrogate pair, which no file can hold.
    return escaped(str(value)[:_LONGEST_MESSAGE].encode(errors="replace").decode()) or None


def _whole(text: str | None) -> int | None:
    match = _WHOLE_NUMBER.fullmatch(text or "")
    return int(match[1]) if match else None


# All answers of one window have the same reset.
@lru_cache(maxsize=128)
def _unix_seconds(text: str | None) -> float | None:
    """Read Unix seconds, Unix milliseconds, or ISO 8601 with a time of day."""
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


# All answers of one second have the same date, and reading it takes longer than the rest of an answer.
@lru_cache(maxsize=128)
def _http_date(text: str | None) -> float | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    # Python reads a date in "-0000" as naive; it is in UTC, as every HTTP date is.
    return _utc_seconds(moment)


def _utc_seconds(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
