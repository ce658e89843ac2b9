"""Preview: the first events as Intercom shows them, as text, as HTML and as data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from numbers import Integral
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from events_pandas.convert.odd_texts import LINK
from events_pandas.currencies import DECIMALS, HUNDREDTHS
from events_pandas.intercom import DATE_SUFFIXES, IDENTIFIERS, STRIPE_KEYS, JsonObject
from events_pandas.results.fragment import LEFT, LONG, UNBROKEN, cell, fragment, paragraph, table
from events_pandas.words import escaped

# A long value takes what the key and the kind leave, and they leave it enough.
_KEY: Final = f"{LEFT}; overflow-wrap: break-word; max-width: 16em"
_KIND: Final = f"{LEFT}; {UNBROKEN}; padding-right: 1em"
_SHOWN: Final = f"{LONG}; min-width: 12em"


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewedValue:
    """A value under a metadata key: what Intercom takes it for, its text, and the http or https address that it has."""

    key: str
    kind: str
    shown: str
    address: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewedEvent:
    """An event as Intercom shows it."""

    event_name: str
    contact: Mapping[str, str]
    created_at: str
    metadata: Sequence[PreviewedValue]

    def facts(self) -> JsonObject:
        """Return the event for a document."""
        return {
            "event_name": self.event_name,
            "contact": dict(self.contact),
            "created_at": self.created_at,
            "metadata": [{"key": value.key, "kind": value.kind, "shown": value.shown} for value in self.metadata],
        }

    def lines(self) -> Iterator[str]:
        """Yield the event as text."""
        values = self._values()
        labels, kinds = max(len(value.key) for value in values), max(len(value.kind) for value in values)
        yield escaped(self.event_name)
        for value in values:
            kind = f"{value.kind:<{kinds}}  " if value.kind else ""
            yield f"  {value.key:<{labels}}  {kind}{value.shown}"

    def parts(self) -> Iterator[str]:
        """Yield the event as parts of a fragment of HTML."""
        yield paragraph(strong=escaped(self.event_name))
        yield from table(
            cell("th", value.key, _KEY)
            + cell("td", value.kind, _KIND)
            + cell("td", value.shown, _SHOWN, address=value.address)
            for value in self._values()
        )

    def _values(self) -> list[PreviewedValue]:
        """Return contact, time and metadata, without characters that act on a terminal."""
        contact = ", ".join(f"{name} {value}" for name, value in self.contact.items())
        values = [
            PreviewedValue(key="contact", kind="", shown=contact),
            PreviewedValue(key="created_at", kind="", shown=self.created_at),
            *self.metadata,
        ]
        return [replace(value, key=escaped(value.key), shown=escaped(value.shown)) for value in values]


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Preview:
    """The first events as Intercom shows them, and remarks on the rows that are not sent."""

    shown: Sequence[PreviewedEvent]
    remarks: Sequence[str] = ()

    @property
    def events(self) -> list[JsonObject]:
        """The events as data: event_name, contact, created_at and metadata, whose values have key, kind and shown."""
        return [event.facts() for event in self.shown]

    def __str__(self) -> str:
        blocks = ["\n".join(event.lines()) for event in self.shown]
        return "\n\n".join([*blocks, *(["\n".join(self.remarks)] if self.remarks else [])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [part for event in self.shown for part in event.parts()]
        return fragment([*parts, *map(paragraph, self.remarks)])


def previewed(payload: JsonObject) -> PreviewedEvent:
    """Return an event as Intercom shows it."""
    return PreviewedEvent(
        event_name=payload["event_name"],
        contact={name: payload[name] for name in IDENTIFIERS if name in payload},
        created_at=_time(payload["created_at"]),
        metadata=[_read(key, value) for key, value in payload.get("metadata", {}).items()],
    )


def require_number(n: object) -> None:
    """Raise `ValueError` if this is not a number of events to show."""
    if isinstance(n, bool) or not isinstance(n, Integral) or n < 1:
        raise ValueError(f"n: expected a number of events, got {n!r}: use 5 or the like")


def _read(key: str, value: Any) -> PreviewedValue:
    """Return what Intercom takes a value for."""
    address = ""
    match value:
        case {"amount": amount, "currency": currency}:
            decimals = DECIMALS.get(currency, HUNDREDTHS)
            kind, shown = "monetary amount", f"{currency.upper()} {Decimal(amount).scaleb(-decimals):,.{decimals}f}"
        case {"url": url, "value": text}:
            kind, shown, address = "rich link", f"{text} <{url}>", url if _is_address(url) else ""
        case int() if key.lower().endswith(DATE_SUFFIXES):
            kind, shown = "date", _time(value)
        case int() | float():
            kind, shown = "number", f"{value}"
        case _ if _is_address(value):
            kind, shown, address = "link", value, value
        case _ if key.lower() in STRIPE_KEYS:
            kind, shown = "link to Stripe", value
        case _:
            kind, shown = "text", value
    return PreviewedValue(key=key, kind=kind, shown=shown, address=address)


def _is_address(text: str) -> bool:
    return bool(pc.match_substring_regex(pa.scalar(text), LINK).as_py())


def _time(seconds: int) -> str:
    # A number under a key such as "View_AT" may be beyond the calendar of `datetime`, which ends with the year 9999.
    return f"{str(np.datetime64(seconds, 's')).replace('T', ' ')} UTC"
