"""Contacts: which exist from the start, and which bodies describe one."""

import json
import re

import pytest

from events_pandas.sandbox.rules.refusals import Refusal
from events_pandas.sandbox.workspace.contacts import ContactFields, InitialContacts, read_changes, read_contact

BOOLEAN = "is neither true nor false"
FIELDS = (
    "custom_attributes, email, external_id, id, last_seen_at, name, phone, role, signed_up_at, unsubscribed_from_emails"
)


@pytest.mark.parametrize(
    ("contacts", "known"),
    [
        (InitialContacts(), {"a", "b", "c"}),
        (InitialContacts(unknown=["b"]), {"a", "c"}),
        (InitialContacts(existing=iter(["a", "b"])), {"a", "b"}),
        (InitialContacts(existing=["a", "b"], unknown=["b"]), {"a"}),
        (InitialContacts(existing=[]), set()),
    ],
)
def test_contacts_say_which_exist(contacts, known) -> None:
    """A contact exists if it is listed, or if there is no list, and is not listed as unknown."""
    assert {contact for contact in "abc" if contact in contacts} == known


def test_contacts_take_numbers_as_text() -> None:
    """A number in a list of identifiers stands for its digits."""
    assert "42" in InitialContacts(existing=[42])


def test_contacts_refuse_one_string() -> None:
    """One string would be taken for a list of letters."""
    message = "unknown_contacts must be a list, not one contact: pass ['ada@example.com']"

    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        InitialContacts(unknown="ada@example.com")


def test_contacts_give_fields_of_mappings() -> None:
    """A mapping is a contact with its fields; if contacts are given, no others exist."""
    contacts = InitialContacts(existing=[{"external_id": "7", "email": "ada@example.com"}, "42"])

    assert contacts.given == (ContactFields(external_id="7", email="ada@example.com"),)
    assert "42" in contacts
    assert "7" not in contacts


@pytest.mark.parametrize(
    ("contact", "message"),
    [
        (
            {"user_id": "7"},
            f"contacts have no field 'user_id': use one of {FIELDS}",
        ),
        ({"email": "ada"}, "contacts: email is not an address"),
        ({"external_id": 7}, "contacts: external_id is not a string"),
        ({"id": 7}, "contacts: id is not a string"),
        ({"role": "admin"}, "contacts: role is not one of user, lead"),
        (
            {"role": "user", "custom_attributes": {"a": float("nan")}},
            "contacts: custom_attributes are not JSON: Out of range float values are not JSON compliant",
        ),
        (
            {"role": "user", "custom_attributes": {"a": object}},
            "contacts: custom_attributes are not JSON: Object of type type is not JSON serializable",
        ),
    ],
)
def test_contacts_tell_which_mapping_makes_no_contact(contact, message) -> None:
    """The error names an unknown field, or the field of a wrong value."""
    # Later versions of Python name the value after it.
    with pytest.raises(ValueError, match=f"^{re.escape(message)}(: inf|: nan)?$"):
        InitialContacts(existing=[contact])


@pytest.mark.parametrize("field", ["id", "external_id"])
def test_contacts_are_different(field) -> None:
    """Two given contacts with the same identifier are refused."""
    with pytest.raises(ValueError, match=rf"^contacts: two contacts have the {field} '7'$"):
        InitialContacts(existing=[{field: "7", "email": f"{name}@example.com"} for name in "ab"])


def test_read_contact_takes_every_field() -> None:
    """All fields that the sandbox keeps are read; an `id` is ignored, since Intercom gives it."""
    fields = {
        "id": "mine",
        "role": "lead",
        "external_id": "7",
        "email": "ada@example.com",
        "name": "Ada",
        "phone": "+353871234567",
        "signed_up_at": 1571672154,
        "last_seen_at": 1571672155,
        "unsubscribed_from_emails": True,
        "custom_attributes": {"plan": "pro", "seats": 3},
        "owner_id": "1",
    }

    contact = read_contact(json.dumps(fields).encode())

    assert contact == ContactFields(
        role="lead",
        external_id="7",
        email="ada@example.com",
        name="Ada",
        phone="+353871234567",
        signed_up_at=1571672154,
        last_seen_at=1571672155,
        unsubscribed_from_emails=True,
        custom_attributes='{"plan": "pro", "seats": 3}',
    )


def test_read_contact_takes_nothing_for_null() -> None:
    """Null and the empty text count as missing."""
    contact = read_contact(b'{"external_id": "7", "email": "", "name": null, "custom_attributes": null}')

    assert contact == ContactFields(external_id="7")


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({}, "parameter_not_found", "one of email, external_id and role is required"),
        ({"name": "Ada"}, "parameter_not_found", "one of email, external_id and role is required"),
        ({"role": "admin"}, "parameter_invalid", "role is not one of user, lead"),
        ({"email": "ada"}, "parameter_invalid", "email is not an address"),
        ({"email": 1}, "parameter_invalid", "email is not a string"),
        ({"external_id": 7}, "parameter_invalid", "external_id is not a string"),
        ({"external_id": "a\0"}, "parameter_invalid", "external_id has a NUL character"),
        (
            {"role": "user", "signed_up_at": "now"},
            "parameter_invalid",
            "signed_up_at is not an integer of Unix seconds",
        ),
        (
            {"role": "user", "unsubscribed_from_emails": "no"},
            "parameter_invalid",
            "unsubscribed_from_emails is neither true nor false",
        ),
        ({"role": "user", "unsubscribed_from_emails": 0}, "parameter_invalid", f"unsubscribed_from_emails {BOOLEAN}"),
        ({"role": "user", "unsubscribed_from_emails": ""}, "parameter_invalid", f"unsubscribed_from_emails {BOOLEAN}"),
        ({"email": "a@b.example", "email_verified": "yes"}, "parameter_invalid", f"email_verified {BOOLEAN}"),
        ({"role": "user", "name": False}, "parameter_invalid", "name is not a string"),
        ({"role": "user", "phone": 353871234567}, "parameter_invalid", "phone is not a string"),
        ({"role": "user", "avatar": {}}, "parameter_invalid", "avatar is not a string"),
        ({"role": "user", "owner_id": False}, "parameter_invalid", "owner_id is neither text nor a whole number"),
        ({"role": "user", "owner_id": ["1"]}, "parameter_invalid", "owner_id is neither text nor a whole number"),
        (
            {"role": "user", "last_seen_at": False},
            "parameter_invalid",
            "last_seen_at is not an integer of Unix seconds",
        ),
        ({"role": "user", "last_seen_at": 1.5}, "parameter_invalid", "last_seen_at is not an integer of Unix seconds"),
        ({"role": "user", "custom_attributes": [1]}, "parameter_invalid", "custom_attributes is not an object"),
        ({"role": "user", "custom_attributes": []}, "parameter_invalid", "custom_attributes is not an object"),
        ({"role": "user", "custom_attributes": False}, "parameter_invalid", "custom_attributes is not an object"),
        ({"role": "user", "custom_attributes": 0}, "parameter_invalid", "custom_attributes is not an object"),
        ({"role": "user", "custom_attributes": ""}, "parameter_invalid", "custom_attributes is not an object"),
        (
            {"role": "user", "custom_attributes": {"a": {"b": 1}}},
            "parameter_invalid",
            "custom_attributes.a is neither text nor a number nor a boolean",
        ),
        (
            {"role": "user", "email_verified": True},
            "parameter_invalid",
            "email_verified needs an email in the same request",
        ),
    ],
)
def test_read_contact_refuses_what_makes_no_contact(fields, code, message) -> None:
    """The first wrong field is refused with Intercom's code."""
    refusal = read_contact(json.dumps(fields).encode())

    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code, refusal.message) == (400, code, message)


def test_read_changes_takes_what_is_named() -> None:
    """Named fields change, also to null; a role and custom attributes that are null stay."""
    body = b'{"id": "7", "name": null, "email": "", "phone": "1", "role": null, "custom_attributes": null}'

    assert read_changes(body) == {"email": None, "name": None, "phone": "1"}
    assert read_changes(b'{"role": "lead", "custom_attributes": {"a": 1}, "unsubscribed_from_emails": null}') == {
        "unsubscribed_from_emails": False,
        "role": "lead",
        "custom_attributes": {"a": 1},
    }
    assert read_changes(b"{}") == {}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"custom_attributes": false}', "custom_attributes is not an object"),
        (b'{"role": "admin"}', "role is not one of user, lead"),
        (b'{"email": "ada"}', "email is not an address"),
        (b'{"email_verified": true}', "email_verified needs an email in the same request"),
        (b"[]", "The body is not a JSON object"),
    ],
)
def test_read_changes_refuses_what_no_contact_has(body, message) -> None:
    """The rules for a field are the same as for a new contact."""
    assert read_changes(body).message == message


@pytest.mark.parametrize(
    ("merged", "error", "message"),
    [
        (["old"], TypeError, "merged_contacts must be a mapping, such as {'old': 'new'}, not ['old']"),
        (
            {"a": "b", "b": "c"},
            ValueError,
            "merged_contacts: 'b' is merged itself: merge 'a' into the contact that stays",
        ),
        ({"a": "a"}, ValueError, "merged_contacts: 'a' is merged itself: merge 'a' into the contact that stays"),
    ],
)
def test_contacts_refuse_a_merge_that_cannot_be(merged, error, message) -> None:
    """Merges must be a mapping, and lead to contacts that stay."""
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        InitialContacts(merged=merged)


def test_read_contact_refuses_a_body_that_is_not_an_object() -> None:
    """A body that is not a JSON object is refused."""
    assert read_contact(b"[]") == Refusal(status=400, code="bad_request", message="The body is not a JSON object")
