"""Submissions, times and the values of metadata as the page shows them."""

import io
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from events_pandas import intercom
from events_pandas.currencies import DECIMALS, HUNDREDTHS
from events_pandas.sandbox.page.questions import LARGEST_SHOWN_BODY, EventRow, SubmissionRow
from events_pandas.sandbox.rules.events import MONETARY_AMOUNT, RICH_LINK, is_unix_seconds, judge, read_payload
from events_pandas.sandbox.rules.refusals import Refusal
from events_pandas.sandbox.workspace.workspace import SubmissionOutcome

# Not from a locale: the page is in English everywhere.
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MEAN_YEAR_SECONDS: Final = 31_556_952
# The year 5138. Events do not have such times, but milliseconds of this century sent as seconds are later.
_SUSPICIOUS_SECONDS: Final = 100_000_000_000
_VALUE_CHARACTERS: Final = 300
_BODY_CHARACTERS: Final = 4_000
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, indent=2)
_UNDECIDED: Final = "Intercom's documentation does not say what happens to it"
_CENTS: Final = "Intercom's documentation says “cents”, and nothing about currencies without two decimals"
_STRIPE: Final = "Intercom shows it as a link to Stripe"
_TOO_LONG: Final = "Too long to read here"
_NO_ANSWER: Final = "no answer was sent"
# From the Unicode CLDR, in English. Other currencies are shown by their three letters.
_SYMBOLS: Final = MappingProxyType(
    {
        "AUD": "A$",
        "BRL": "R$",
        "CAD": "CA$",
        "CNY": "CN¥",
        "EUR": "€",
        "GBP": "£",
        "HKD": "HK$",
        "ILS": "₪",
        "INR": "₹",
        "JPY": "¥",
        "KRW": "₩",
        "MXN": "MX$",
        "NZD": "NZ$",
        "PHP": "₱",
        "TWD": "NT$",
        "USD": "$",
        "VND": "₫",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """A time as people read it. `time` and `iso` are empty beyond the calendar; `note` says what is odd about it."""

    date: str
    time: str
    iso: str
    note: str


ValueKind: TypeAlias = Literal["text", "number", "date", "link", "money", "other"]
"""The ways to show a value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownValue:
    """A value of the metadata, ready to show. `href` is an HTTP or HTTPS address to click, or empty."""

    kind: ValueKind
    text: str
    href: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownBody:
    """The body of a submission to read: indented JSON, or what arrived instead.

    `is_read` is False if the body is too long for that, `is_whole` if only the beginning is shown.
    """

    text: str
    is_read: bool
    is_whole: bool


def show_body(row: SubmissionRow | EventRow) -> ShownBody:
    """Return the body of a submission ready to show, whatever it is."""
    payload = read_payload(row.body)
    text = row.body.decode(errors="replace") if isinstance(payload, Refusal) else _json(payload)
    is_read = row.size <= LARGEST_SHOWN_BODY
    return ShownBody(text=text[:_BODY_CHARACTERS], is_read=is_read, is_whole=is_read and len(text) <= _BODY_CHARACTERS)


def show_reason(row: SubmissionRow) -> str:
    """Return why a submission was not kept, or what else there is to know."""
    reasons = []
    if row.outcome == SubmissionOutcome.DUPLICATE:
        reasons.append("Intercom ignores it: the same contact, name and second")
    if row.error_code or row.error_message:
        reasons.append(": ".join(text for text in (row.error_code, row.error_message) if text))
    if row.http_status is None:
        reasons.append(_NO_ANSWER)
    return "; ".join(reasons)


def show_kept(row: SubmissionRow) -> tuple[str, str]:
    """Return what Intercom keeps of a submission, as JSON or in words; the other text is empty."""
    if row.outcome != SubmissionOutcome.KEPT:
        return "", "Nothing"
    event, payload = judge(row.body), read_payload(row.body)
    if isinstance(event, Refusal) or isinstance(payload, Refusal):
        # The body was not read to its end, and cannot be judged.
        return "", _TOO_LONG
    kept = {"event_name": event.event_name, "created_at": event.created_at, event.identifier: event.contact}
    if event.metadata:
        kept["metadata"] = event.metadata
    if kept == payload:
        return "", "All of it, as it was sent"
    return _json(kept)[:_BODY_CHARACTERS], ""


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


def read_metadata(metadata: Mapping[str, object] | None) -> list[tuple[str, ShownValue]]:
    """Return the first 30 keys of an event's metadata with their values, right or wrong, in the order sent."""
    # A body may have thousands; Intercom tracks ten.
    first = itertools.islice((metadata or {}).items(), 30)
    return [(_cut(key), read_value(key, value)) for key, value in first]


def read_value(key: str, value: object) -> ShownValue:
    """Return how to show a value. Whole numbers under ``…_date`` and ``…_at`` are dates; long text is cut."""
    if isinstance(value, str):
        return _shown_text(key, value)
    if isinstance(value, Mapping):
        return _shown_object(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _shown_number(key, value)
    return _shown_json(value, note="" if isinstance(value, list) else _UNDECIDED)


def safe_href(address: str) -> str:
    """Return an address if a click may lead there: HTTP or HTTPS, with a host. Otherwise an empty string."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return ""
    # Browsers skip line breaks and spaces in an address, and the parser does not: both are refused.
    is_one_word = address.isprintable() and " " not in address
    return address if is_one_word and host and parts.scheme in intercom.LINK_SCHEMES else ""


def _json(fields: Mapping[str, object]) -> str:
    """Return indented JSON; of long JSON little more than is shown."""
    written = io.StringIO()
    # Piece by piece: nested brackets are indented ever further, so that the whole grows with the square of the body.
    for piece in _ENCODER.iterencode(fields):
        written.write(piece)
        if written.tell() > _BODY_CHARACTERS:
            break
    return written.getvalue()


def _shown_text(key: str, text: str) -> ShownValue:
    href = safe_href(text)
    note = _STRIPE if key.lower() in intercom.STRIPE_KEYS else ""
    return ShownValue(kind="link" if href else "text", text=_cut(text), href=href, note=note)


def _shown_number(key: str, number: float) -> ShownValue:
    if is_unix_seconds(number) and key.lower().endswith(intercom.DATE_SUFFIXES):
        moment = read_moment(number)
        text = f"{moment.date}, {moment.time}" if moment.time else moment.date
        return ShownValue(kind="date", text=text, note=moment.note or f"{number}, in UTC")
    return ShownValue(kind="number", text=_cut(json.dumps(number)))


def _shown_object(value: Mapping[str, object]) -> ShownValue:
    match value:
        case {"url": str(url), "value": str(text)} if value.keys() == RICH_LINK:
            href = safe_href(url)
            return ShownValue(kind="link" if href else "other", text=_cut(text), href=href, note=_cut(url))
        case {"amount": bool()}:
            return _shown_json(value)
        case {"amount": int(amount), "currency": str(currency)} if value.keys() == MONETARY_AMOUNT:
            return _shown_money(amount, currency.upper())
    return _shown_json(value)


def _shown_money(amount: int, currency: str) -> ShownValue:
    decimals = DECIMALS.get(currency.lower())
    digits = HUNDREDTHS if decimals is None else decimals
    whole, fraction = divmod(abs(amount), 10**digits)
    number = f"{whole:,}.{fraction:0{digits}}" if digits else f"{whole:,}"
    symbol = _SYMBOLS.get(currency, f"{currency}\N{NO-BREAK SPACE}")
    sign = "\N{MINUS SIGN}" if amount < 0 else ""
    sent = f"{amount} {currency} was sent"
    if decimals == HUNDREDTHS:
        note = sent
    else:
        note = f"{sent}. {_CENTS}" if decimals is not None else f"{sent}. ISO 4217 has no decimals for {currency}"
    return ShownValue(kind="money", text=_cut(f"{sign}{symbol}{number}"), note=_cut(note))


def _shown_json(value: object, *, note: str = "") -> ShownValue:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        text = "nested too deeply to show"
    return ShownValue(kind="other", text=_cut(text), note=note)


def _cut(text: str) -> str:
    return text if len(text) <= _VALUE_CHARACTERS else f"{text[:_VALUE_CHARACTERS]}…"
