"""Intercom's endpoints but one: a request becomes a reply. The server itself submits events."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from events_pandas import intercom
from events_pandas.sandbox.endpoints.contact_form import contact_object
from events_pandas.sandbox.endpoints.contact_search import list_contacts, search_contacts
from events_pandas.sandbox.endpoints.history import add_summaries, contact_events
from events_pandas.sandbox.endpoints.replies import Reply, refused
from events_pandas.sandbox.rules.events import read_payload
from events_pandas.sandbox.rules.refusals import Refusal, missing
from events_pandas.sandbox.workspace.contacts import Contact, read_changes, read_contact
from events_pandas.sandbox.workspace.workspace import Workspace

_BY_EXTERNAL_ID: Final = "/contacts/find_by_external_id/"
_CONTACT: Final = re.compile(r"/contacts/([^/]+)")
# Words that stand in Intercom's addresses, old ones too, where a contact's identifier may be.
_RESERVED_WORDS: Final = frozenset({"convert", "find_by_external_id", "merge", "scroll", "search"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A request that has passed the checks of token, limit and headers; its `path` is decoded.

    `base_url` is the address by which the client knows the sandbox, without a slash at its end. `now` is the server's
    time in Unix seconds.
    """

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    base_url: str
    now: float


Endpoint: TypeAlias = Callable[[Workspace, Request], Reply]
"""A function that answers a request."""


def find_endpoint(method: str, path: str) -> Endpoint | None:
    """Return the endpoint for a method in capitals and a decoded path. None: Intercom answers 404."""
    if method == "GET" and path.startswith(_BY_EXTERNAL_ID) and path != _BY_EXTERNAL_ID:
        return _show_contact_by_external_id
    contact = _CONTACT.fullmatch(path)
    if contact and contact[1] not in _RESERVED_WORDS:
        return _OF_CONTACT.get(method)
    return _ENDPOINTS.get((method, path))


def _list_events(workspace: Workspace, request: Request) -> Reply:
    url = f"{request.base_url}{intercom.EVENTS_PATH}"
    return _answer(contact_events(workspace, request.query, url=url, now=request.now))


def _summarize_events(workspace: Workspace, request: Request) -> Reply:
    refusal = add_summaries(workspace, request.body, now=request.now)
    return Reply(status=200) if refusal is None else refused(refusal)


def _identify_admin(workspace: Workspace, _: Request) -> Reply:
    return _answer(workspace.admin())


def _list_admins(workspace: Workspace, _: Request) -> Reply:
    admin = {field: value for field, value in workspace.admin().items() if field != "app"}
    return _answer({"type": "admin.list", "admins": [admin]})


def _show_contact(workspace: Workspace, request: Request) -> Reply:
    return _contact(workspace, workspace.contacts.find("id", _contact_id(request), now=request.now))


def _update_contact(workspace: Workspace, request: Request) -> Reply:
    changes = read_changes(request.body)
    if isinstance(changes, Refusal):
        return refused(changes)
    return _contact(workspace, workspace.contacts.update(_contact_id(request), changes, now=request.now))


def _merge_contacts(workspace: Workspace, request: Request) -> Reply:
    payload = read_payload(request.body)
    if isinstance(payload, Refusal):
        return refused(payload)
    for field in ("from", "into"):
        if not isinstance(payload.get(field), str):
            return refused(missing(field, f"{field} is required: the id of a contact"))
    return _contact(workspace, workspace.contacts.merge(payload["from"], payload["into"], now=request.now))


def _contact_id(request: Request) -> str:
    return request.path.removeprefix("/contacts/")


def _show_contact_by_external_id(workspace: Workspace, request: Request) -> Reply:
    contact = workspace.contacts.find("user_id", request.path.removeprefix(_BY_EXTERNAL_ID), now=request.now)
    return _contact(workspace, contact)


def _create_contact(workspace: Workspace, request: Request) -> Reply:
    fields = read_contact(request.body)
    if isinstance(fields, Refusal):
        return refused(fields)
    return _contact(workspace, workspace.contacts.create(fields, now=request.now))


def _list_contacts(workspace: Workspace, request: Request) -> Reply:
    return _answer(list_contacts(workspace, request.query))


def _search_contacts(workspace: Workspace, request: Request) -> Reply:
    return _answer(search_contacts(workspace, request.body))


def _contact(workspace: Workspace, contact: Contact | Refusal) -> Reply:
    if isinstance(contact, Refusal):
        return refused(contact)
    return _answer(contact_object(contact, workspace_id=workspace.store.id_code))


def _answer(content: dict[str, object] | Refusal) -> Reply:
    if isinstance(content, Refusal):
        return refused(content)
    return Reply(status=200, content=json.dumps(content, allow_nan=False).encode())


_ENDPOINTS: Final[Mapping[tuple[str, str], Endpoint]] = {
    ("GET", intercom.EVENTS_PATH): _list_events,
    ("POST", "/events/summaries"): _summarize_events,
    ("GET", intercom.ME_PATH): _identify_admin,
    ("GET", "/admins"): _list_admins,
    ("GET", "/contacts"): _list_contacts,
    ("POST", "/contacts"): _create_contact,
    ("POST", "/contacts/merge"): _merge_contacts,
    ("POST", "/contacts/search"): _search_contacts,
}
_OF_CONTACT: Final[Mapping[str, Endpoint]] = {"GET": _show_contact, "PUT": _update_contact}
