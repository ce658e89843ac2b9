"""Intercom's facts, each with its source: hosts, headers, limits, names and statuses.

References
----------
The "Submit a data event" page and the OpenAPI description of Intercom's REST API, versions 2.4 to 2.17:
https://developers.intercom.com/docs/references/rest-api/api.intercom.io/data-events/createdataevent
"""

from types import MappingProxyType
from typing import Any, Final, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object as Python reads it, such as the body of a request or of an answer."""

API_VERSION: Final = "2.14"
"""The value of the header `Intercom-Version`; without it the app's pinned version answers."""

REGION_URLS: Final = MappingProxyType(
    {
        "us": "https://api.intercom.io",
        "eu": "https://api.eu.intercom.io",
        "au": "https://api.au.intercom.io",
    }
)
"""The address of each region in which Intercom keeps workspaces, by Intercom's name of the region."""

EVENTS_PATH: Final = "/events"
ME_PATH: Final = "/me"
CONTACTS_PATH: Final = "/contacts"
SEARCH_PATH: Final = "/contacts/search"
BY_EXTERNAL_ID_PATH: Final = "/contacts/find_by_external_id"

CONTACT_FIELDS: Final = MappingProxyType({"user_id": "external_id", "id": "id", "email": "email"})
"""The field of a contact that each identifier of an event names."""
EVENT_PARAMETERS: Final = MappingProxyType({"user_id": "user_id", "id": "intercom_user_id", "email": "email"})
"""The parameter of ``GET /events`` that names the contact, for each identifier of an event."""
SEARCHED_AT_ONCE: Final = 50
"""Identifiers in one search for contacts: as many as a page of its answer has by default."""

LIMIT_HEADER: Final = "X-RateLimit-Limit"
REMAINING_HEADER: Final = "X-RateLimit-Remaining"
RESET_HEADER: Final = "X-RateLimit-Reset"
WINDOW_SECONDS: Final = 10.0
"""Rate limits are counted in windows of ten seconds."""
DEFAULT_LIMIT: Final = 1_666
"""Requests in a window if the headers do not say: by default 10,000 a minute for an app."""

IDENTIFIERS: Final = ("user_id", "id", "email")
"""The fields that identify the contact; exactly one of them is sent."""

EVENT_NAME_LIMIT: Final = 120
"""Active event names in a workspace. Source: the answer "Cannot have more than 120 active event names"."""
NAME_LIMIT_MESSAGE: Final = "active event names"
"""A part of the message of the 422 that answers a name beyond the limit."""

METADATA_LIMIT: Final = 10
"""Metadata keys that Intercom keeps of an event: the first ten in the order sent."""
TEXT_LIMIT: Final = 255
"""Characters in a metadata string. Source: Intercom's help article on event metadata."""
DATE_SUFFIXES: Final = ("_date", "_at")
"""Intercom shows the value of a metadata key as a date if the key has one of these endings."""
STRIPE_KEYS: Final = frozenset({"stripe_charge", "stripe_customer", "stripe_invoice"})
"""Metadata keys whose value, an identifier of Stripe's, Intercom shows as a link."""
FORBIDDEN_KEY_CHARACTERS: Final = frozenset(".$~`!@#%^&*'{}|\\\"\0")
"""Characters that a metadata key may not have. Source: Intercom's help article on event metadata."""
RESERVED_KEYS: Final = frozenset({"type"})
"""Metadata keys that Intercom keeps for itself."""
LINK_SCHEMES: Final = ("http", "https")


def normalized_event_name(event_name: str) -> str:
    """Return the name under which Intercom counts an event.

    Intercom ignores case, and replaces ``.`` and ``$`` by ``-``: its store cannot keep them.
    """
    return event_name.lower().replace(".", "-").replace("$", "-")
