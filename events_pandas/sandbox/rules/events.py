"""Intercom's rules for the body of a submission: it becomes an event or a refusal."""

import itertools
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn, TypeAlias, TypeGuard

from events_pandas import intercom
from events_pandas.sandbox.rules.refusals import Refusal, invalid, missing

Payload: TypeAlias = intercom.JsonObject
"""The fields of a submission by name, their values not judged yet."""

_FIELDS: Final = frozenset({"event_name", "created_at", "metadata", *intercom.IDENTIFIERS})

RICH_LINK: Final = frozenset({"url", "value"})
MONETARY_AMOUNT: Final = frozenset({"amount", "currency"})

_CURRENCY: Final = re.compile("[A-Za-z]{3}")
_LINK_STARTS: Final = tuple(f"{scheme}://" for scheme in intercom.LINK_SCHEMES)
_INT64_BITS: Final = 63


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxEvent:
    """An event as the sandbox holds it.

    Parameters
    ----------
    identifier : {"user_id", "id", "email"}
        The field that named the contact.
    contact : str
        The contact, as that field named it.
    event_name : str
        The name, normalized: lower case, ``.`` and ``$`` replaced by ``-``.
    created_at : int
        Seconds since 1970-01-01T00:00:00Z.
    metadata : dict
        The first ten keys, in the order sent.
    times_received : int, default 1
        Submissions of this event that were answered 202. All but the first are duplicates, which Intercom ignores.
    """

    identifier: str
    contact: str
    event_name: str
    created_at: int
    metadata: dict[str, object]
    times_received: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class SentFields:
    """The fields that can be read from a submission, right or wrong. None: missing, or not of its type."""

    identifier: str | None
    contact: str | None
    event_name: str | None
    created_at: int | None
    metadata: Payload | None


def judge(body: bytes) -> SandboxEvent | Refusal:
    """Return the event to keep from the body of a submission, or the first thing that is wrong with it.

    The sandbox accepts what Intercom leaves open: times far from today (Intercom has been seen to keep milliseconds),
    and several identifiers, of which the first of `user_id`, `id`, `email` names the contact.
    """
    payload = read_payload(body)
    if isinstance(payload, Refusal):
        return payload
    # The order matters: a misspelled identifier is an unpermitted field, not a missing one.
    return (
        _fields_refusal(payload)
        or _event_name_refusal(payload)
        or _created_at_refusal(payload)
        or _contact_refusal(payload)
        or _metadata_refusal(payload)
        or _event(payload)
    )


def read_payload(body: bytes) -> Payload | Refusal:
    """Return the fields of a JSON object, not judged yet, or a refusal.

    Stricter than Python's own reader: UTF-8 only, no NaN, no key twice in one object, no half of a surrogate pair.
    """
    try:
        text = body.decode()
        payload = _DECODER.decode(text)
        if "\\u" in text:
            # Half of a surrogate pair is text for Python until it is encoded.
            json.dumps(payload, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        return Refusal(status=400, code="bad_request", message=f"The body is not valid JSON: {error}")
    if not isinstance(payload, dict):
        return Refusal(status=400, code="bad_request", message="The body is not a JSON object")
    return payload


def read_sent(body: bytes) -> SentFields:
    """Read the fields of a submission that have the right type, whatever else is wrong with it."""
    payload = read_payload(body)
    fields = {} if isinstance(payload, Refusal) else payload
    texts = {field: value for field, value in fields.items() if isinstance(value, str)}
    identifier = next((field for field in intercom.IDENTIFIERS if field in texts), None)
    created_at, metadata = fields.get("created_at"), fields.get("metadata")
    return SentFields(
        identifier=identifier,
        contact=None if identifier is None else texts[identifier],
        event_name=texts.get("event_name"),
        created_at=created_at if is_unix_seconds(created_at) else None,
        metadata=metadata if isinstance(metadata, dict) else None,
    )


def is_unix_seconds(value: object) -> TypeGuard[int]:
    """Return whether a parsed value can be a time: an integer of 64 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= _INT64_BITS


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return fields


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large for a number")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_refuse_constant, parse_float=_finite)


def _fields_refusal(payload: Payload) -> Refusal | None:
    unpermitted = [field for field in payload if field not in _FIELDS]
    if not unpermitted:
        return None
    message = f"found unpermitted parameters: {', '.join(unpermitted)}"
    return Refusal(status=400, code="parameter_invalid", message=message, field=unpermitted[0])


def _event_name_refusal(payload: Payload) -> Refusal | None:
    event_name = payload.get("event_name")
    return missing("event_name") if event_name is None else _text_refusal("event_name", event_name)


def _created_at_refusal(payload: Payload) -> Refusal | None:
    created_at = payload.get("created_at")
    if created_at is None:
        return missing("created_at")
    return None if is_unix_seconds(created_at) else invalid("created_at", "is not an integer of Unix seconds")


def _contact_refusal(payload: Payload) -> Refusal | None:
    named = [field for field in intercom.IDENTIFIERS if payload.get(field) is not None]
    if not named:
        return missing("user_id", "one of user_id, id and email is required")
    refusals = (_text_refusal(field, payload[field]) for field in named)
    return next((refusal for refusal in refusals if refusal is not None), None)


def _metadata_refusal(payload: Payload) -> Refusal | None:
    """Return what is wrong with the metadata, or with its first wrong key.

    Metadata is flat: text, numbers, and the two objects that Intercom knows.
    """
    # Intercom does not document null, booleans and text over 255 characters. The sandbox takes null and booleans, and
    # refuses long text: text that Intercom might cut is seen here.
    metadata = payload.get("metadata")
    if metadata is None:
        return None
    if not isinstance(metadata, dict):
        return invalid("metadata", "is not an object")
    seen: set[str] = set()
    for key, value in metadata.items():
        fault = _key_fault(key, seen) or _value_fault(value)
        if fault:
            return invalid(f"metadata.{key}", fault)
        seen.add(key.lower())
    return None


def _text_refusal(field: str, value: object) -> Refusal | None:
    if not isinstance(value, str):
        return invalid(field, "is not a string")
    if not value.strip():
        return missing(field, f"{field} is blank")
    return invalid(field, "has a NUL character") if "\0" in value else None


def _event(payload: Payload) -> SandboxEvent:
    identifier = next(field for field in intercom.IDENTIFIERS if payload.get(field) is not None)
    metadata: Payload = payload.get("metadata") or {}
    return SandboxEvent(
        identifier=identifier,
        contact=payload[identifier],
        event_name=intercom.normalized_event_name(payload["event_name"]),
        created_at=payload["created_at"],
        metadata=dict(itertools.islice(metadata.items(), intercom.METADATA_LIMIT)),
    )


def _key_fault(key: str, seen: set[str]) -> str | None:
    if not intercom.FORBIDDEN_KEY_CHARACTERS.isdisjoint(key):
        return "has a character that a metadata key may not have"
    if key.lower() in intercom.RESERVED_KEYS:
        return "is a reserved key"
    if key.lower() in seen:
        return "occurs twice: keys that differ only in case are equal"
    return None


def _value_fault(value: object) -> str | None:
    if isinstance(value, str):
        return _text_fault(value)
    if isinstance(value, dict):
        return _object_fault(value)
    if isinstance(value, list):
        return "is an array, which metadata cannot hold"
    return None


def _text_fault(text: str) -> str | None:
    if len(text) > intercom.TEXT_LIMIT:
        return f"has {len(text)} characters, at most {intercom.TEXT_LIMIT} are allowed"
    return "has a NUL character" if "\0" in text else None


def _object_fault(value: Mapping[str, object]) -> str | None:
    # Intercom's page says "an object that contains" these keys: it is not known to refuse a third one.
    if value.keys() >= RICH_LINK:
        return _rich_link_fault(value["url"], value["value"])
    if value.keys() >= MONETARY_AMOUNT:
        return _monetary_amount_fault(value["amount"], value["currency"])
    return "is an object, but neither a rich link (url, value) nor a monetary amount (amount, currency)"


def _rich_link_fault(url: object, value: object) -> str | None:
    if not isinstance(url, str) or not url.lower().startswith(_LINK_STARTS):
        return "has a url that is not an HTTP or HTTPS address"
    if not isinstance(value, str):
        return "has a value that is not a string"
    return "has a NUL character" if "\0" in url + value else None


def _monetary_amount_fault(amount: object, currency: object) -> str | None:
    if not isinstance(amount, int) or isinstance(amount, bool) or amount <= 0:
        return "has an amount that is not a positive integer"
    if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
        return "has a currency that is not a code of three letters"
    return None
