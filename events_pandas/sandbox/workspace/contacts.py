"""Who exists in a workspace: the contacts that are given, and those that are made later."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from events_pandas.sandbox.rules.events import Payload, is_unix_seconds, read_payload
from events_pandas.sandbox.rules.refusals import Refusal, invalid, missing

ROLES: Final = ("user", "lead")

_IDENTIFYING: Final = ("external_id", "email", "role")
_TEXTS: Final = ("external_id", "email", "name", "phone")
_TIMES: Final = ("signed_up_at", "last_seen_at")
_BOOLEANS: Final = ("unsubscribed_from_emails", "email_verified")
_CHANGEABLE: Final = (*_TEXTS, *_TIMES, "unsubscribed_from_emails")


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactFields:
    """What is known of a contact when it is made.

    Parameters
    ----------
    role : {"user", "lead"}, default "user"
        Leads are found by their `id` only.
    id : str, optional
        Intercom's identifier; one is made where none is given.
    external_id : str, optional
        The identifier that events call `user_id`.
    email : str, optional
        The address, not necessarily unique.
    name : str, optional
        The name.
    phone : str, optional
        The telephone number.
    signed_up_at : int, optional
        When the contact signed up, in Unix seconds.
    last_seen_at : int, optional
        When the contact was last seen, in Unix seconds.
    unsubscribed_from_emails : bool, default False
        Whether the contact wants no emails.
    custom_attributes : str, default "{}"
        A JSON object.
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
    """A contact as the workspace has it.

    Parameters
    ----------
    number : int
        The contact's place in the workspace, from 1.
    created_at : int
        When it was made, in Unix seconds.
    updated_at : int
        When it was changed, in Unix seconds.
    fields : ContactFields
        All else; its `id` is never None.
    """

    number: int
    created_at: int
    updated_at: int
    fields: ContactFields

    @property
    def identifiers(self) -> tuple[str, ...]:
        """Return what events may call the contact.

        Returns
        -------
        tuple of str
            Its external identifier, `id` and address, as far as there are; each text once.
        """
        texts = (self.fields.external_id, self.fields.id, self.fields.email)
        return tuple(dict.fromkeys(text for text in texts if text))


class Contacts:
    """Tell who exists from the start.

    Parameters
    ----------
    existing : iterable of str or mapping, optional
        The contacts that exist: an identifier of whichever kind, or a mapping with `external_id`, `email`, `role`,
        `id`, `name` and the other fields of a contact. By default every contact exists.
    unknown : iterable of str, default ()
        The identifiers of contacts that do not exist, until somebody makes them.
    merged : mapping of str to str, optional
        The identifiers of contacts that were merged, each with one of the contact that took its place.

    Raises
    ------
    TypeError
        If one string is given where several are meant, or the merged contacts are not a mapping.
    ValueError
        If a mapping makes no contact, or a contact is to take another's place and was merged itself.
    """

    def __init__(
        self,
        *,
        existing: Iterable[str | Mapping[str, object]] | None = None,
        unknown: Iterable[str] = (),
        merged: Mapping[str, str] | None = None,
    ) -> None:
        given = None if existing is None else _several("contacts", existing)
        self._identifiers = None if given is None else frozenset(_folded(one) for one in given if not _is_mapping(one))
        self._unknown = frozenset(map(_folded, _several("unknown_contacts", unknown)))
        self.given = tuple(_given_fields(one) for one in given or () if isinstance(one, Mapping))
        _require_different(self.given)
        self.merged = _merges({} if merged is None else merged)

    def names(self, identifier: str) -> bool:
        """Say whether an identifier was given by name, rather than because everybody exists.

        Parameters
        ----------
        identifier : str
            The identifier.

        Returns
        -------
        bool
            True for one of the contacts that exist.
        """
        return self._identifiers is not None and identifier in self

    def __contains__(self, identifier: str) -> bool:
        folded = _folded(identifier)
        is_wanted = self._identifiers is None or folded in self._identifiers
        return is_wanted and folded not in self._unknown


def read_contact(body: bytes) -> ContactFields | Refusal:
    """Read the body of a request that makes a contact.

    Parameters
    ----------
    body : bytes
        The body as it arrived.

    Returns
    -------
    ContactFields or Refusal
        The contact to make, or the first thing that is wrong.

    Notes
    -----
    Fields that the sandbox does not keep are ignored, as is an `id`: Intercom gives it.
    """
    payload = read_payload(body)
    if isinstance(payload, Refusal):
        return payload
    return _contact_refusal(payload) or _contact_fields({**payload, "id": None})


def read_changes(body: bytes) -> Payload | Refusal:
    """Read the body of a request that changes a contact.

    Parameters
    ----------
    body : bytes
        The body as it arrived.

    Returns
    -------
    dict of str to object, or Refusal
        The fields to change with their new values, as `ContactFields` has them, or the first thing that is wrong.
        Custom attributes are those that change, as an object.

    Notes
    -----
    What the body does not name stays as it is, and so do a role and custom attributes that are null.
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
        raise TypeError(f"{option} must be several, not one: [{given!r}]")
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
    seen: set[tuple[str, str]] = set()
    for fields in given:
        for field in ("id", "external_id"):
            value: str | None = getattr(fields, field)
            if value is not None and (field, value) in seen:
                raise ValueError(f"contacts: two have the {field} {value!r}")
            if value is not None:
                seen.add((field, value))


def _is_mapping(given: object) -> bool:
    return isinstance(given, Mapping)


def _given_fields(given: Mapping[str, object]) -> ContactFields:
    known = {field.name for field in dataclasses.fields(ContactFields)}
    unknown = [field for field in given if field not in known]
    if unknown:
        raise ValueError(f"contacts have no field {unknown[0]!r}: there are {', '.join(sorted(known))}")
    refusal = _contact_refusal({"role": "user", **given}) or _text_refusal(dict(given), "id")
    if refusal is not None:
        raise ValueError(f"contacts: {refusal.message}")
    try:
        return _contact_fields(dict(given))
    except (TypeError, ValueError) as error:
        raise ValueError(f"contacts: custom_attributes are no JSON: {error}") from error


def _contact_refusal(payload: Payload) -> Refusal | None:
    if all(payload.get(field) is None for field in _IDENTIFYING):
        return missing("email", "one of email, external_id and role is required")
    return _value_refusal(payload)


def _value_refusal(payload: Payload) -> Refusal | None:
    if payload.get("role") not in (None, *ROLES):
        return invalid("role", f"is none of {', '.join(ROLES)}")
    email = payload.get("email")
    if isinstance(email, str) and email and "@" not in email:
        return invalid("email", "is no address")
    if payload.get("email_verified") is not None and not email:
        return invalid("email_verified", "needs an email in the same request")
    return _type_refusal({field: value for field, value in payload.items() if value is not None})


def _type_refusal(payload: Payload) -> Refusal | None:
    for field in (*_TEXTS, "avatar"):
        if refusal := _text_refusal(payload, field):
            return refusal
    for field in _TIMES:
        if not is_unix_seconds(payload.get(field, 0)):
            return invalid(field, "is no integer of Unix seconds")
    for field in _BOOLEANS:
        if not isinstance(payload.get(field, False), bool):
            return invalid(field, "is neither true nor false")
    # The descriptions disagree on whether it is text or a number.
    if type(payload.get("owner_id", "")) not in (int, str):
        return invalid("owner_id", "is neither text nor a whole number")
    return _attributes_refusal(payload.get("custom_attributes", {}))


def _text_refusal(payload: Payload, field: str) -> Refusal | None:
    value = payload.get(field)
    if value is None:
        return None
    if not isinstance(value, str):
        return invalid(field, "is no string")
    return invalid(field, "has a NUL character") if "\0" in value else None


def _attributes_refusal(attributes: object) -> Refusal | None:
    if not isinstance(attributes, Mapping):
        return invalid("custom_attributes", "is no object")
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
