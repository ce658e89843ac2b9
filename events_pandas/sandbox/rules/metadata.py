"""What Intercom says to the metadata of an event."""

from collections.abc import Mapping
from typing import Final

from events_pandas import intercom
from events_pandas.sandbox.rules.refusals import Refusal, invalid

_RICH_LINK: Final = frozenset({"url", "value"})
_MONETARY_AMOUNT: Final = frozenset({"amount", "currency"})
_CURRENCY_LENGTH: Final = 3
_LINK_STARTS: Final = tuple(f"{scheme}://" for scheme in intercom.LINK_SCHEMES)


def metadata_refusal(metadata: Mapping[str, object]) -> Refusal | None:
    """Judge the keys and values of an event's metadata.

    Parameters
    ----------
    metadata : mapping of str to object
        The metadata as sent, parsed.

    Returns
    -------
    Refusal or None
        What is wrong with the first key that is wrong; None when all are right.

    Notes
    -----
    Metadata is flat: text, numbers, and the two objects that Intercom knows. Nobody says what becomes of null, of
    booleans and of text over 255 characters: the sandbox takes the first two and refuses the third, so that text
    which Intercom might cut is seen.
    """
    seen: set[str] = set()
    for key, value in metadata.items():
        fault = _key_fault(key, seen) or _value_fault(value)
        if fault:
            return invalid(f"metadata.{key}", fault)
        seen.add(key.lower())
    return None


def _key_fault(key: str, seen: set[str]) -> str | None:
    if not intercom.FORBIDDEN_KEY_CHARACTERS.isdisjoint(key):
        return "has a character that a metadata key may not have"
    if key.lower() in intercom.RESERVED_KEYS:
        return "is a reserved key"
    if key.lower() in seen:
        return "is there twice: keys that differ in case only are equal"
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
    # "An object that contains" these keys, says Intercom's page: a third one is nothing that it is known to refuse.
    if value.keys() >= _RICH_LINK:
        return _rich_link_fault(value["url"], value["value"])
    if value.keys() >= _MONETARY_AMOUNT:
        return _monetary_amount_fault(value["amount"], value["currency"])
    return "is an object, but neither a rich link (url, value) nor a monetary amount (amount, currency)"


def _rich_link_fault(url: object, value: object) -> str | None:
    if not isinstance(url, str) or not url.lower().startswith(_LINK_STARTS):
        return "has a url that is no HTTP or HTTPS address"
    if not isinstance(value, str):
        return "has a value that is no string"
    return "has a NUL character" if "\0" in url + value else None


def _monetary_amount_fault(amount: object, currency: object) -> str | None:
    if not isinstance(amount, int) or isinstance(amount, bool) or amount <= 0:
        return "has an amount that is no positive integer"
    if (
        not isinstance(currency, str)
        or len(currency) != _CURRENCY_LENGTH
        or not (currency.isascii() and currency.isalpha())
    ):
        return "has a currency that is no code of three letters"
    return None
