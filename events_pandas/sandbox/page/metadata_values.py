"""How the metadata of an event reads: money, dates, links, numbers and text, as Intercom's people would see them."""

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from events_pandas import intercom
from events_pandas.currencies import DECIMALS, HUNDREDTHS
from events_pandas.sandbox.page.times import read_moment
from events_pandas.sandbox.rules.events import is_unix_seconds

SHOWN_KEYS: Final = 30
"""Keys of one event that are shown; a body may have thousands, of which Intercom tracks ten."""

_SHOWN_CHARACTERS: Final = 300
_UNDECIDED: Final = "Intercom's documentation does not say what becomes of it"
_CENTS: Final = "Intercom's documentation says “cents”, and nothing of currencies without two decimals"
_STRIPE: Final = "Intercom shows it as a link to Stripe"
_STRIPE_KEYS: Final = frozenset({"stripe_charge", "stripe_customer", "stripe_invoice"})
_RICH_LINK: Final = frozenset({"url", "value"})
_MONETARY_AMOUNT: Final = frozenset({"amount", "currency"})
# As the Unicode CLDR has them in English; the other currencies go by their three letters.
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


class Kind(enum.StrEnum):
    """What a value is shown as."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    LINK = "link"
    MONEY = "money"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A value as it is shown.

    Parameters
    ----------
    kind : Kind
        What it is shown as.
    text : str
        What is read.
    href : str, default ""
        Where a click leads; an HTTP or HTTPS address, or empty.
    note : str, default ""
        What else is to be said.
    """

    kind: Kind
    text: str
    href: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A key of an event's metadata with its value.

    Parameters
    ----------
    key : str
        As sent.
    value : Shown
        As it is shown.
    is_ignored : bool
        True when it comes after as many others as Intercom tracks.
    """

    key: str
    value: Shown
    is_ignored: bool


def read_metadata(metadata: Mapping[str, object]) -> tuple[Entry, ...]:
    """Return how an event's metadata reads.

    Parameters
    ----------
    metadata : mapping of str to object
        As sent, parsed; right or wrong.

    Returns
    -------
    tuple of Entry
        In the order sent, at most `SHOWN_KEYS`.
    """
    entries = zip(range(SHOWN_KEYS), metadata.items(), strict=False)
    return tuple(
        Entry(key=_cut(key), value=read_value(key, value), is_ignored=place >= intercom.METADATA_LIMIT)
        for place, (key, value) in entries
    )


def read_value(key: str, value: object) -> Shown:
    """Return how a value reads.

    Parameters
    ----------
    key : str
        Its key: under ``…_date`` and ``…_at`` whole numbers are dates.
    value : object
        Anything that JSON can hold.

    Returns
    -------
    Shown
        Text that Intercom would refuse is cut short.

    Examples
    --------
    >>> read_value("price", {"amount": 34999, "currency": "eur"}).text
    '€349.99'
    """
    if isinstance(value, str):
        return _shown_text(key, value)
    if isinstance(value, Mapping):
        return _shown_object(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _shown_number(key, value)
    return _shown_json(value, note="" if isinstance(value, list) else _UNDECIDED)


def safe_href(address: str) -> str:
    """Return an address if a click may lead there.

    Parameters
    ----------
    address : str
        Anything.

    Returns
    -------
    str
        The address, when it is one of HTTP or HTTPS with a host; otherwise an empty string.
    """
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return ""
    # Browsers skip line breaks and spaces where the parser does not: no address has them.
    is_one_word = address.isprintable() and " " not in address
    return address if is_one_word and host and parts.scheme in intercom.LINK_SCHEMES else ""


def _shown_text(key: str, text: str) -> Shown:
    href = safe_href(text)
    note = _STRIPE if key.lower() in _STRIPE_KEYS else ""
    return Shown(kind=Kind.LINK if href else Kind.TEXT, text=_cut(text), href=href, note=note)


def _shown_number(key: str, number: float) -> Shown:
    if is_unix_seconds(number) and key.lower().endswith(intercom.DATE_SUFFIXES):
        moment = read_moment(number)
        text = f"{moment.date}, {moment.time}" if moment.time else moment.date
        return Shown(kind=Kind.DATE, text=text, note=moment.note or f"{number}, in UTC")
    return Shown(kind=Kind.NUMBER, text=_cut(json.dumps(number)))


def _shown_object(value: Mapping[str, object]) -> Shown:
    match value:
        case {"url": str(url), "value": str(text)} if value.keys() == _RICH_LINK:
            href = safe_href(url)
            return Shown(kind=Kind.LINK if href else Kind.OTHER, text=_cut(text), href=href, note=_cut(url))
        case {"amount": bool()}:
            return _shown_json(value)
        case {"amount": int(amount), "currency": str(currency)} if value.keys() == _MONETARY_AMOUNT:
            return _shown_money(amount, currency.upper())
    return _shown_json(value)


def _shown_money(amount: int, currency: str) -> Shown:
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
    return Shown(kind=Kind.MONEY, text=_cut(f"{sign}{symbol}{number}"), note=_cut(note))


def _shown_json(value: object, *, note: str = "") -> Shown:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        text = "nested too deeply to be shown"
    return Shown(kind=Kind.OTHER, text=_cut(text), note=note)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
