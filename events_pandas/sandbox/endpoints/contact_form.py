"""Contacts in the form in which Intercom shows them."""

import json
from typing import Final

from events_pandas.sandbox.workspace.contacts import Contact

# Fields that the sandbox does not keep. They are null, since clients read them.
_UNKNOWN: Final = (
    "avatar",
    "owner_id",
    "language_override",
    "referrer",
    "enabled_push_messaging",
    "os",
    *(f"last_{what}_at" for what in ("replied", "contacted", "email_opened", "email_clicked")),
    *(f"browser{of}" for of in ("", "_version", "_language")),
    *(
        f"{system}_{of}"
        for system in ("android", "ios")
        for of in ("app_name", "app_version", "device", "os_version", "sdk_version", "last_seen_at")
    ),
    *(f"utm_{of}" for of in ("campaign", "content", "medium", "source", "term")),
)
_LISTS: Final = {
    "tags": "tags",
    "notes": "notes",
    "companies": "companies",
    "opted_out_subscription_types": "subscriptions",
    "opted_in_subscription_types": "subscriptions",
}
_PLACES: Final = ("country", "region", "city", "country_code", "continent_code")


def contact_object(contact: Contact, *, workspace_id: str) -> dict[str, object]:
    """Return a contact as an object of Intercom's type ``contact``."""
    fields = contact.fields
    known = {
        "type": "contact",
        "id": fields.id,
        "workspace_id": workspace_id,
        "external_id": fields.external_id,
        "role": fields.role,
        "email": fields.email,
        "phone": fields.phone,
        "name": fields.name,
        "has_hard_bounced": False,
        "marked_email_as_spam": False,
        "unsubscribed_from_emails": fields.unsubscribed_from_emails,
        "created_at": contact.created_at,
        "updated_at": contact.updated_at,
        "signed_up_at": fields.signed_up_at,
        "last_seen_at": fields.last_seen_at,
        "custom_attributes": json.loads(fields.custom_attributes),
        "location": {"type": "location", **dict.fromkeys(_PLACES)},
        "social_profiles": {"type": "list", "data": []},
    }
    domain = {"email_domain": fields.email.rpartition("@")[2]} if fields.email else {}
    lists = {name: _empty_list(f"/contacts/{fields.id}/{path}") for name, path in _LISTS.items()}
    return known | domain | lists | dict.fromkeys(_UNKNOWN)


def _empty_list(url: str) -> dict[str, object]:
    return {"type": "list", "data": [], "url": url, "total_count": 0, "has_more": False}
