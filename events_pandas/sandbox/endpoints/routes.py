"""Intercom's endpoints but one: a request becomes a reply. The server itself submits events."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

from events_pandas import intercom
from events_pandas.sandbox.endpoints.contact_form import contact_object
from events_pandas.sandbox.endpoints.contact_search import list_contacts, search_contacts
from events_pandas.sandbox.endpoints.history import add_summaries, contact_events
from events_pandas.sandbox.endpoints.replies import RefusedError, Reply, granted
from events_pandas.sandbox.faults import SUBMIT
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
    """A request; its `path` is decoded and plain: without double slashes, and without one at its end.

    `base_url` is the address by which the client knows the sandbox, without a slash at its end. `now` is the server's
    time in Unix seconds, and `searched_until` the time until which searches show contacts that were made.
    """

    # `headers` have names in lower case. `body` is only the beginning if it is too large.

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    base_url: str
    now: float
    searched_until: float = math.inf
    headers: Mapping[bytes, bytes] = field(default_factory=dict)

    @property
    def is_submission(self) -> bool:
        """Whether the request submits an event: ``POST /events``."""
        return (self.method, self.path) == SUBMIT


Endpoint: TypeAlias = Callable[[Workspace, Request], Reply | Refusal]
"""A function that answers a request which has passed the checks of token, limit and headers."""

_Answer: TypeAlias = Callable[[Workspace, Request], dict[str, object] | None]
"""A function that returns what is answered in JSON, None for an empty body, or raises `RefusedError`."""


def find_endpoint(method: str, path: str) -> Endpoint | None:
    """Return the endpoint for a method in capitals and a decoded path. None: Intercom answers 404."""
    contact = _CONTACT.fullmatch(path)
    if method == "GET" and path.startswith(_BY_EXTERNAL_ID) and path != _BY_EXTERNAL_ID:
        answer: _Answer | None = _show_contact_by_external_id
    elif contact and contact[1] not in _RESERVED_WORDS:
        answer = _OF_CONTACT.get(method)
    else:
        answer = _ENDPOINTS.get((method, path))
    return answer and partial(_reply, answer)


def _reply(answer: _Answer, workspace: Workspace, request: Request) -> Reply | Refusal:
    try:
        content = answer(workspace, request)
    except RefusedError as error:
        return error.refusal
    return Reply(status=200, content=b"" if content is None else json.dumps(content, allow_nan=False).encode())


def _list_events(workspace: Workspace, request: Request) -> dict[str, object]:
    url = f"{request.base_url}{intercom.EVENTS_PATH}"
    return contact_events(workspace, request.query, url=url, now=request.now)


def _summarize_events(workspace: Workspace, request: Request) -> None:
    add_summaries(workspace, request.body, now=request.now)


def _list_admins(workspace: Workspace, _: Request) -> dict[str, object]:
    admin = {field: value for field, value in workspace.admin().items() if field != "app"}
    return {"type": "admin.list", "admins": [admin]}


def _show_contact(workspace: Workspace, request: Request) -> dict[str, object]:
    return _contact(workspace, workspace.contacts.find("id", _contact_id(request), now=request.now))


def _show_contact_by_external_id(workspace: Workspace, request: Request) -> dict[str, object]:
    external_id = request.path.removeprefix(_BY_EXTERNAL_ID)
    return _contact(workspace, workspace.contacts.find("user_id", external_id, now=request.now))


def _search_contacts(workspace: Workspace, request: Request) -> dict[str, object]:
    return search_contacts(workspace, request.body, now=request.now, made_until=request.searched_until)


def _create_contact(workspace: Workspace, request: Request) -> dict[str, object]:
    fields = granted(read_contact(request.body))
    return _contact(workspace, workspace.contacts.create(fields, now=request.now))


def _update_contact(workspace: Workspace, request: Request) -> dict[str, object]:
    changes = granted(read_changes(request.body))
    return _contact(workspace, workspace.contacts.update(_contact_id(request), changes, now=request.now))


def _merge_contacts(workspace: Workspace, request: Request) -> dict[str, object]:
    payload = granted(read_payload(request.body))
    for name in ("from", "into"):
        if not isinstance(payload.get(name), str):
            raise RefusedError(missing(name, f"{name} is required: the id of a contact"))
    return _contact(workspace, workspace.contacts.merge(payload["from"], payload["into"], now=request.now))


def _contact_id(request: Request) -> str:
    return request.path.removeprefix("/contacts/")


def _contact(workspace: Workspace, contact: Contact | Refusal) -> dict[str, object]:
    return contact_object(granted(contact), workspace_id=workspace.store.id_code)


_ENDPOINTS: Final[Mapping[tuple[str, str], _Answer]] = {
    ("GET", intercom.EVENTS_PATH): _list_events,
    ("POST", "/events/summaries"): _summarize_events,
    ("GET", intercom.ME_PATH): lambda workspace, _: workspace.admin(),
    ("GET", "/admins"): _list_admins,
    ("GET", "/contacts"): lambda workspace, request: list_contacts(workspace, request.query),
    ("POST", "/contacts"): _create_contact,
    ("POST", "/contacts/merge"): _merge_contacts,
    ("POST", "/contacts/search"): _search_contacts,
}
_OF_CONTACT: Final[Mapping[str, _Answer]] = {"GET": _show_contact, "PUT": _update_contact}
