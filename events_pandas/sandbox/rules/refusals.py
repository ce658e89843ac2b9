"""Intercom's errors, and the JSON in which they travel."""

import json
from dataclasses import dataclass, replace
from http import HTTPStatus
from types import MappingProxyType
from typing import Final
from urllib.parse import quote


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """An error that Intercom answers.

    `code` is Intercom's word for it, such as ``"parameter_invalid"``; `field` is the field at fault; `link` is the
    value of a Link header.
    """

    status: int
    code: str
    message: str
    field: str | None = None
    link: str | None = None


ACCESS_TOKEN_INVALID: Final = Refusal(status=401, code="unauthorized", message="Access Token Invalid")
TOKEN_REVOKED: Final = Refusal(status=401, code="token_revoked", message="Access Token Revoked")
VERSION_INVALID: Final = Refusal(
    status=400, code="intercom_version_invalid", message="The requested version could not be found"
)
HOST_NOT_ALLOWED: Final = Refusal(
    status=403, code="forbidden", message="This sandbox answers requests to localhost only"
)
USER_NOT_FOUND: Final = Refusal(status=404, code="not_found", message="User Not Found")
AMBIGUOUS_EMAIL: Final = Refusal(
    status=409,
    code="conflict",
    message="Multiple existing users match this email address - must be more specific using user_id",
)
RESOURCE_NOT_FOUND: Final = Refusal(status=404, code="resource_not_found", message="Resource Not Found")

_CONTACT_MERGED: Final = Refusal(
    status=410,
    code="contact_merged",
    message="This contact has been merged. See the 'Link' header for the canonical contact.",
)

NOT_ACCEPTABLE: Final = Refusal(
    status=406, code="media_type_not_acceptable", message="The Accept header should be application/json"
)
TOO_LARGE: Final = Refusal(status=413, code="payload_too_large", message="The request body is over 1 MB")
TOO_MANY_NAMES: Final = Refusal(status=422, code="422", message="Cannot have more than 120 active event names")

_CHOSEN: Final = MappingProxyType(
    {
        401: ACCESS_TOKEN_INVALID,
        403: Refusal(status=403, code="forbidden", message="Not authorized to access resource"),
        404: USER_NOT_FOUND,
        406: NOT_ACCEPTABLE,
        409: AMBIGUOUS_EMAIL,
        410: _CONTACT_MERGED,
        422: TOO_MANY_NAMES,
        429: Refusal(status=429, code="too_many_requests", message="The service is overloaded, try again later"),
        503: Refusal(status=503, code="service_unavailable", message="Sorry, the API service is unavailable"),
    }
)


def missing(field: str, message: str = "") -> Refusal:
    """Return 400 ``parameter_not_found`` for a required field; by default the message is '… is required'."""
    return Refusal(status=400, code="parameter_not_found", message=message or f"{field} is required", field=field)


def invalid(field: str, message: str) -> Refusal:
    """Return 400 ``parameter_invalid`` for a field, given as a path such as ``"metadata.price"``."""
    return Refusal(status=400, code="parameter_invalid", message=f"{field} {message}", field=field)


def already_exists(contact_id: str) -> Refusal:
    """Return 409 ``conflict`` in Intercom's words: clients read the other contact's id from them."""
    message = f"A contact matching those details already exists with id={contact_id}"
    return Refusal(status=409, code="conflict", message=message)


def merged_into(contact_id: str) -> Refusal:
    """Return 410 ``contact_merged`` with a link to the contact that took the place."""
    return replace(_CONTACT_MERGED, link=f'</contacts/{quote(contact_id, safe="")}>; rel="canonical"')


def over_the_limit(limit: int, *, window_seconds: float) -> Refusal:
    """Return 429 ``rate_limit_exceeded`` in Intercom's words."""
    message = f"Exceeded rate limit of {limit} in {window_seconds:g}_seconds"
    return Refusal(status=429, code="rate_limit_exceeded", message=message)


def chosen_refusal(status: int) -> Refusal:
    """Return Intercom's usual error for a status from 400 to 599 that was chosen as a fault."""
    code = "client_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    return _CHOSEN.get(status) or Refusal(status=status, code=code, message=f"A fault made the sandbox answer {status}")


def error_list(refusal: Refusal, *, request_id: str) -> bytes:
    """Return a refusal as JSON of the type ``error.list``, with the id that Intercom's support would ask for."""
    error = {"code": refusal.code, "message": refusal.message}
    if refusal.field is not None:
        error["field"] = refusal.field
    return json.dumps({"type": "error.list", "request_id": request_id, "errors": [error]}).encode()
