"""The answer to a request, and the attempt: what came back, read once. Reading trusts nothing, and never raises."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import lru_cache
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

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
MAX_WINDOW_WAIT_SECONDS: Final = 60.0
"""The longest wait for a reset of the rate limit, whatever the header says."""

_STATED_LIMIT: Final = re.compile(rb"rate limit of ([0-9]{1,9}) in 10_seconds")
_FARTHEST_RESET_SECONDS: Final = 3_600.0
_LONGEST_MESSAGE: Final = 500
# Not a contact: "contact support" is a request to the reader, and a "user agent" is a program.
_CONTACT: Final = re.compile(
    r"(?<![a-z])(?:users?(?![\s_-]*agent)|contacts?(?! (?:us|support|sales|admin|your|our|the|an?)\b)|leads?|visitors?)"
    r"(?![a-z])"
)
_ADDRESS: Final = re.compile(r"(?<![a-z])(?:route|path|page|url|uri|endpoint|host)s?(?![a-z])")
# The last part of the address, if it can only be an id: a message must not quote anything else.
_CANONICAL: Final = re.compile(
    r'<[^<>]*/([A-Za-z0-9_-]{1,64})>\s*(?:;[^;,]*)*?;\s*rel\s*=\s*(?:canonical(?=[\s;,]|$)|"(?:[^"]*\s)?canonical[\s"])',
    re.IGNORECASE,
)
_LONGEST_LINK: Final = 2_000
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


class AttemptKind(StrEnum):
    """What an attempt means for its event and for the run."""

    # The event is with Intercom.
    ACCEPTED = "accepted"
    # Another attempt would have the same answer.
    FINAL = "final"
    # The rate limit alone refused the request: the service works, and another attempt is made.
    PACED = "paced"
    # The service could not do its work: another attempt may succeed.
    FAILED = "failed"

    @property
    def passes(self) -> bool:
        """Whether another attempt may succeed."""
        return self is AttemptKind.PACED or self is AttemptKind.FAILED


_KINDS: Final[Mapping[int, AttemptKind]] = MappingProxyType(
    {
        HTTPStatus.ACCEPTED: AttemptKind.ACCEPTED,
        HTTPStatus.REQUEST_TIMEOUT: AttemptKind.FAILED,
        HTTPStatus.TOO_MANY_REQUESTS: AttemptKind.PACED,
    }
)
"""The kinds of some statuses. All others are final below 500, and failed from there on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One request and what came back, read once. Times are by the local clock."""

    sent_at: float
    received_at: float
    # None if no answer came.
    status: int | None
    # It follows from the status and the rate.
    kind: AttemptKind = field(init=False)
    # Why no answer came.
    why_lost: str = ""
    # "no_answer" or "server_error" if the event of a failed attempt may have arrived.
    doubt: str | None = None
    # The rate-limit headers.
    rate: Rate | None = None
    # The server's clock, in whole Unix seconds.
    date: float | None = None
    # Seconds that the server asks to wait, up to `MAX_RETRY_AFTER_SECONDS`.
    retry_after: float | None = None
    # Requests in ten seconds that the text of a 429 names.
    named_limit: int | None = None
    # Intercom's first error code, and all its messages joined.
    code: str | None = None
    message: str | None = None
    # Intercom's name for the request, for its support: in the body of an error, in a header of an accepted event.
    request_id: str | None = None
    # Whether a 404 speaks of a contact.
    speaks_of_contact: bool = False
    # The id of the contact into which the contact of a 410 was merged.
    merged_into: str | None = None
    # The body as a JSON object; empty if it is anything else, or nobody reads it.
    content: intercom.JsonObject = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", _kind(self.status, self.rate))

    @property
    def is_refused(self) -> bool:
        """Whether the answer is a 429: this request was one too many, or all clients sent too many."""
        return self.status == HTTPStatus.TOO_MANY_REQUESTS

    @property
    def is_trouble(self) -> bool:
        """Whether the server refused the request or could not do its work: both ask for a slower pace."""
        return self.is_refused or (self.status or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR

    @property
    def is_wrong_address(self) -> bool:
        """Whether the answer to an event is a 404 of a proxy, of another server or about a wrong path."""
        return self.status == HTTPStatus.NOT_FOUND and not self.speaks_of_contact

    @property
    def asked_seconds(self) -> float:
        """The seconds that the server asks to wait: its `Retry-After`, or the rest of a window that is spent."""
        window = seconds_to_reset(self.rate, self.date) if self.kind is AttemptKind.PACED else None
        return max(self.retry_after or 0.0, min(window or 0.0, MAX_WINDOW_WAIT_SECONDS))

    @property
    def said(self) -> str:
        """The attempt in one line: ``404 Not Found, not_found: User Not Found``, or why no answer came."""
        if self.status is None:
            return self.why_lost
        details = ": ".join(part for part in (self.code, self.message) if part)
        return f"{phrase(self.status)}, {details}" if details else phrase(self.status)

    @property
    def failure(self) -> str:
        """A failure that passes, in words."""
        return self.why_lost if self.status is None else f"the last answer was {self.said}"


def read_attempt(result: Answer | TransportError, *, sent_at: float, received_at: float) -> Attempt:
    """Read what came back for a request, without trust; nothing is raised, whatever it says."""
    if isinstance(result, TransportError):
        doubt = "no_answer" if result.may_have_arrived else None
        return Attempt(sent_at=sent_at, received_at=received_at, status=None, why_lost=str(result), doubt=doubt)
    status, headers = result.status, result.headers
    date = _http_date(headers.get(DATE_HEADER))
    attempt = Attempt(
        sent_at=sent_at,
        received_at=received_at,
        status=status,
        doubt="server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else None,
        rate=_rate(headers),
        date=date,
        retry_after=_retry_after(headers.get(RETRY_AFTER_HEADER), date),
        request_id=headers.get(REQUEST_ID_HEADER) if status == HTTPStatus.ACCEPTED else None,
        merged_into=_canonical_id(headers.get(LINK_HEADER)) if status == HTTPStatus.GONE else None,
    )
    # Nobody reads the body of an accepted event.
    return attempt if status == HTTPStatus.ACCEPTED else _with_body(attempt, result.body)


def _with_body(attempt: Attempt, body: bytes) -> Attempt:
    content = _json_object(body)
    errors = _errors(content)
    messages = [message for error in errors if (message := _text(error.get("message")))]
    return replace(
        attempt,
        named_limit=_named_limit(body) if attempt.is_refused else None,
        code=next((code for error in errors if (code := _text(error.get("code")))), None),
        message="; ".join(messages)[:_LONGEST_MESSAGE] or None,
        request_id=_text(content.get("request_id")),
        speaks_of_contact=attempt.status == HTTPStatus.NOT_FOUND and any(map(_is_of_contact, errors)),
        content=content,
    )


def seconds_to_reset(rate: Rate | None, date: float | None) -> float | None:
    """Return the seconds from an answer's `Date` to its reset: both are the server's clocks.

    None if a header is missing, or if the reset is over or hours away.
    """
    if rate is None or rate.reset is None or date is None:
        return None
    seconds = rate.reset - date
    return seconds if 0 < seconds <= _FARTHEST_RESET_SECONDS else None


def phrase(status: int) -> str:
    """Return an HTTP status with its name, if it has one: ``503 Service Unavailable``."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _kind(status: int | None, rate: Rate | None) -> AttemptKind:
    # A 429 that says that requests are left means an overload.
    if status is None or (status == HTTPStatus.TOO_MANY_REQUESTS and rate is not None and rate.remaining):
        return AttemptKind.FAILED
    is_server_error = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return _KINDS.get(status, AttemptKind.FAILED if is_server_error else AttemptKind.FINAL)


def _json_object(body: bytes) -> intercom.JsonObject:
    """Read a body; it may be HTML, empty or cut off, which gives an empty object."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _rate(headers: Mapping[str, str]) -> Rate | None:
    """Read each of the three rate-limit headers for itself; None if none of them makes sense."""
    limit = _whole(headers.get(intercom.LIMIT_HEADER))
    remaining = _whole(headers.get(intercom.REMAINING_HEADER))
    rate = Rate(
        limit=limit if limit and limit > 0 else None,
        remaining=None if remaining is None else max(remaining, 0),
        reset=_unix_seconds(headers.get(intercom.RESET_HEADER)),
    )
    return None if rate == Rate() else rate


def _retry_after(text: str | None, date: float | None) -> float | None:
    # HTTP allows seconds or a date. A date counts from the same answer's `Date`: the local clock may be wrong.
    if text is None:
        return None
    seconds: float | None = _whole(text)
    if seconds is None:
        until = _http_date(text)
        seconds = None if until is None or date is None else until - date
    return None if seconds is None else min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def _named_limit(body: bytes) -> int | None:
    match = _STATED_LIMIT.search(body)
    return int(match[1]) or None if match else None


def _canonical_id(link: str | None) -> str | None:
    match = _CANONICAL.search((link or "")[:_LONGEST_LINK])
    return match[1] if match else None


def _errors(content: intercom.JsonObject) -> list[intercom.JsonObject]:
    listed = content.get("errors")
    return [error for error in listed if isinstance(error, dict)] if isinstance(listed, list) else []


def _is_of_contact(error: intercom.JsonObject) -> bool:
    """Return whether an error names a contact: by its code or message, or by its field, which is an identifier.

    An error about an address (a route, a page, a host) names no contact.
    """
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
