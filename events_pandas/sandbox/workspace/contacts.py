"""Contacts: which exist from the start, and how the body of a request describes one."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from events_pandas.sandbox.rules.events import Payload, is_unix_seconds, read_payload
from events_pandas.sandbox.rules.refusals import Refusal, invalid, missing

_ROLES: Final = ("user", "lead")

_IDENTIFYING: Final = ("external_id", "email", "role")
_TEXTS: Final = ("external_id", "email", "name", "phone")
_TIMES: Final = ("signed_up_at", "last_seen_at")
_BOOLEANS: Final = ("unsubscribed_from_emails", "email_verified")
_CHANGEABLE: Final = (*_TEXTS, *_TIMES, "unsubscribed_from_emails")


class ContactFields(NamedTuple):
    """The fields of a contact when it is made, in the order of its columns; `custom_attributes` is JSON as text.

    `external_id` is the identifier that events call `user_id`, `email` need not be unique, and a missing `id` is made.
    Times are Unix seconds.
    """

    role: str = "user"
    id: str | None = None
    external_id: str | None = None
    email: str | None = None
    name: str | None = None
    phone: str | None = None
    signed_up_at: int | None = None
    last_seen_at: int | None = None
    unsubscribed_from_emails: bool = False
    custom_attributes: str = "{}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """A contact in the workspace, with its number from 1. Its `fields.id` is never None. Times are Unix seconds."""

    number: int
    created_at: int
    updated_at: int
    fields: ContactFields

    @property
    def identifiers(self) -> tuple[str, ...]:
        """The identifiers by which events may name the contact, each text once."""
        texts = (self.fields.external_id, self.fields.id, self.fields.email)
        return tuple(dict.fromkeys(text for text in texts if text))


class InitialContacts:
    """The contacts that exist from the start.

    TypeError: one string instead of several, or `merged` is not a mapping. ValueError: a mapping that does not make a
    contact, or a contact that takes another's place and was merged itself.
    """

    # `existing` are identifiers of any kind, or mappings with the fields of `ContactFields`; by default every contact
    # exists. `unknown` are identifiers that do not exist until somebody makes them. `merged` maps identifiers to the
    # contacts that took their place.

    def __init__(
        self,
        *,
        existing: Iterable[str | Mapping[str, object]] | None = None,
        unknown: Iterable[str] = (),
        merged: Mapping[str, str] | None = None,
    ) -> None:
        given = None if existing is None else _several("contacts", existing)
        self._identifiers = (
            None if given is None else frozenset(_folded(one) for one in given if not isinstance(one, Mapping))
        )
        self._unknown = frozenset(map(_folded, _several("unknown_contacts", unknown)))
        self.given = tuple(_given_fields(one) for one in given or () if isinstance(one, Mapping))
        _require_different(self.given)
        self.merged = _merges({} if merged is None else merged)

    def is_listed(self, identifier: str) -> bool:
        """Return whether an identifier was listed; False if it exists only because every contact does."""
        return self._identifiers is not None and identifier in self

    def __contains__(self, identifier: str) -> bool:
        folded = _folded(identifier)
        is_wanted = self._identifiers is None or folded in self._identifiers
        return is_wanted and folded not in self._unknown


def read_contact(body: bytes) -> ContactFields | Refusal:
    """Return the contact to make from the body of a request, or the first thing that is wrong.

    Ignored are fields that the sandbox does not keep, and `id`, which Intercom gives.
    """
    payload = read_payload(body)
    if isinstance(payload, Refusal):
        return payload
    return _contact_refusal(payload) or _contact_fields({**payload, "id": None})


def read_changes(body: bytes) -> Payload | Refusal:
    """Return the fields to change with their new values from the body of a request, or the first thing that is wrong.

    Fields that the body does not name stay as they are, and so do a role and custom attributes that are null. Custom
    attributes are an object with the attributes that change.
    """
    payload = read_payload(body)
    if isinstance(payload, Refusal):
        return payload
    if refusal := _value_refusal(payload):
        return refusal
    fields = _contact_fields(payload)
    changes = {field: getattr(fields, field) for field in _CHANGEABLE if field in payload}
    kept = {field: payload[field] for field in ("role", "custom_attributes") if payload.get(field) is not None}
    return changes | kept


def _several(option: str, given: Iterable[str | Mapping[str, object]]) -> list[str | Mapping[str, object]]:
    if isinstance(given, str | Mapping):
        raise TypeError(f"{option} must be a list, not one contact: pass [{given!r}]")
    return list(given)


def _merges(merged: object) -> dict[str, str]:
    if not isinstance(merged, Mapping):
        raise TypeError(f"merged_contacts must be a mapping, such as {{'old': 'new'}}, not {merged!r}")
    merges = {str(one): str(into) for one, into in merged.items()}
    for one, into in merges.items():
        if into in merges:
            raise ValueError(f"merged_contacts: {into!r} is merged itself: merge {one!r} into the contact that stays")
    return merges


def _folded(identifier: object) -> str:
    """Return an identifier as it is compared: addresses without regard to case."""
    text = str(identifier)
    return text.lower() if "@" in text else text


def _require_different(given: Iterable[ContactFields]) -> None:
    identifiers = Counter((field, getattr(fields, field)) for fields in given for field in ("id", "external_id"))
    for (field, value), count in identifiers.items():
        if value is not None and count > 1:
            raise ValueError(f"contacts: two contacts have the {field} {value!r}")


def _given_fields(given: Mapping[str, object]) -> ContactFields:
    known = sorted(ContactFields._fields)
    unknown = [field for field in given if field not in known]
    if unknown:
        raise ValueError(f"contacts have no field {unknown[0]!r}: use one of {', '.join(known)}")
    refusal = _contact_refusal({"role": "user", **given}) or _text_refusal(dict(given), "id")
    if refusal is not None:
        raise ValueError(f"contacts: {refusal.message}")
    try:
        return _contact_fields(dict(given))
    except (TypeError, ValueError) as error:
        raise ValueError(f"contacts: custom_attributes are not JSON: {error}") from error


def _contact_refusal(payload: Payload) -> Refusal | None:
    if all(payload.get(field) is None for field in _IDENTIFYING):
        return missing("email", "one of email, external_id and role is required")
    return _value_refusal(payload)


def _value_refusal(payload: Payload) -> Refusal | None:
    if payload.get("role") not in (None, *_ROLES):
        return invalid("role", f"is not one of {', '.join(_ROLES)}")
    email = payload.get("email")
    if isinstance(email, str) and email and "@" not in email:
        return invalid("email", "is not an address")
    if payload.get("email_verified") is not None and not email:
        return invalid("email_verified", "needs an email in the same request")
    return _type_refusal({field: value for field, value in payload.items() if value is not None})


def _type_refusal(payload: Payload) -> Refusal | None:
    for field in (*_TEXTS, "avatar"):
        if refusal := _text_refusal(payload, field):
            return refusal
    for field in _TIMES:
        if not is_unix_seconds(payload.get(field, 0)):
            return invalid(field, "is not an integer of Unix seconds")
    for field in _BOOLEANS:
        if not isinstance(payload.get(field, False), bool):
            return invalid(field, "is neither true nor false")
    # Intercom's descriptions disagree on whether it is text or a number.
    if type(payload.get("owner_id", "")) not in (int, str):
        return invalid("owner_id", "is neither text nor a whole number")
    return _attributes_refusal(payload.get("custom_attributes", {}))


def _text_refusal(payload: Payload, field: str) -> Refusal | None:
    value = payload.get(field)
    if value is None:
        return None
    if not isinstance(value, str):
        return invalid(field, "is not a string")
    return invalid(field, "has a NUL character") if "\0" in value else None


def _attributes_refusal(attributes: object) -> Refusal | None:
    if not isinstance(attributes, Mapping):
        return invalid("custom_attributes", "is not an object")
    nested = next((name for name, value in attributes.items() if isinstance(value, dict | list)), None)
    return invalid(f"custom_attributes.{nested}", "is neither text nor a number nor a boolean") if nested else None


def _contact_fields(payload: Payload) -> ContactFields:
    texts = {field: payload.get(field) or None for field in ("id", *_TEXTS)}
    times = {field: payload.get(field) for field in _TIMES}
    return ContactFields(
        role=payload.get("role") or "user",
        **texts,
        **times,
        unsubscribed_from_emails=bool(payload.get("unsubscribed_from_emails")),
        custom_attributes=json.dumps(payload.get("custom_attributes") or {}, ensure_ascii=False, allow_nan=False),
    )
